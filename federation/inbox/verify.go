package inbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"valise/federation/policy"
	"valise/federation/remote"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// Verifier checks who sent a request. Inbox and fetch use the same one.
type Verifier struct {
	Actors *remote.Actors
	Rules  iri.Rules
	Own    iri.Host
	Scheme string // "http" in loopback mode, else "https"
	// WindowOwn is for peers that run our software, WindowForeign for all others.
	WindowOwn, WindowForeign time.Duration
	Now                      func() time.Time
}

// Sender is the verified signer of a request.
type Sender struct {
	Actor       iri.IRI
	KeyID       iri.IRI
	KeyDocument string
	OwnSoftware bool
	Scheme      sign.Scheme
	Ed25519     bool
	// Held says that the signing key is new and its endorsement is missing: what it
	// signed is kept aside until the operator decides.
	Held bool
	// Absent says that nothing was verified but that the account is there no more.
	Absent bool
}

// Request verifies the signature of a request over the body that was read. Checks
// that need no key come first, then the key, from the cache, with one refetch on
// failure. With quiet set, the network is not asked at all.
func (v *Verifier) Request(ctx context.Context, r *http.Request, body []byte, quiet bool) (*Sender, error) {
	q, err := sign.ParseRequest(r, v.Scheme, string(v.Own))
	if err != nil {
		return nil, err
	}
	keyID, err := v.Rules.Parse(q.KeyID)
	if err != nil {
		return nil, &sign.Error{Kind: sign.Malformed, Detail: "its key id: " + err.Error()}
	}
	now := v.Now()
	if err := q.Check(sign.Limits{Now: now, PastWindow: v.WindowForeign, FutureWindow: v.WindowForeign}, body); err != nil {
		return nil, err
	}
	known, err := v.Actors.Seen(ctx, keyID)
	if err != nil {
		return nil, err
	}
	if known == nil && quiet {
		return nil, &sign.Error{Kind: sign.BadSignature, Detail: "the key is not known here"}
	}
	if known == nil {
		if known, err = v.Actors.Key(ctx, keyID); err != nil {
			return nil, err
		}
	}
	s, err := v.try(q, known, keyID)
	if (err != nil || s.Held) && !quiet && !errors.As(err, new(*policy.Refusal)) {
		source, _, _ := net.SplitHostPort(r.RemoteAddr)
		again, rerr := v.Actors.Refetch(ctx, keyID, source)
		if rerr != nil && err != nil {
			return nil, rerr
		}
		if again && rerr == nil {
			if known, rerr = v.Actors.Key(ctx, keyID); rerr != nil {
				return nil, rerr
			}
			s, err = v.try(q, known, keyID)
		}
	}
	if err != nil {
		return nil, err
	}
	if s.OwnSoftware {
		if err := q.CheckTime(now, v.WindowOwn, v.WindowOwn); err != nil {
			return nil, err
		}
	}
	s.Scheme = q.Scheme
	return s, nil
}

func (v *Verifier) try(q *sign.Request, known *remote.Known, keyID iri.IRI) (*Sender, error) {
	var err error = &sign.Error{Kind: sign.BadSignature, Detail: "no active key stands behind " + string(keyID)}
	for _, c := range known.Candidates {
		if c.State != models.KeyActive && c.State != models.KeyHeld {
			continue
		}
		if err = q.Verify(c.PublicKey); err == nil {
			return &Sender{Actor: known.Actor, KeyID: keyID, KeyDocument: known.Document, OwnSoftware: known.OwnSoftware,
				Ed25519: c.Type == sign.Ed25519, Held: c.State == models.KeyHeld}, nil
		}
	}
	return nil, err
}

// Act is what the authority rules need to know of an activity.
func Act(a *vocab.Activity, rules iri.Rules) policy.Act {
	act := policy.Act{ID: a.ID, Actor: a.Actor, Type: a.Type, ObjectID: a.ObjectID, ObjectType: a.ObjectType, ObjectEmbedded: a.Object != nil, Target: a.Target}
	// The first of the two that is there decides, readable or not.
	for _, key := range []string{"attributedTo", "actor"} {
		n := a.Object.Get(key)
		if n == nil {
			continue
		}
		if n.Kind() == vocab.Array && n.Len() == 1 {
			n = n.Items()[0]
		}
		if n.Kind() == vocab.Object {
			n = n.Get("id")
		}
		if s, ok := n.Str(); ok {
			act.ObjectOwner, _ = rules.Parse(s)
		}
		break
	}
	return act
}

// proofs checks every proof that an activity carries, and demands those that our own
// software always makes. recorded is now, or a Group's time of announcement for what
// it announced.
func (v *Verifier) proofs(ctx context.Context, a *vocab.Activity, own bool, recorded time.Time) error {
	if a.HasProof {
		if err := a.Node.CheckSigned(); err != nil {
			return err
		}
		if err := v.Actors.VerifyProof(ctx, a.Raw, a.Actor, recorded); err != nil {
			return err
		}
	} else if own && !(a.Type == "Update" && isActorType(a.ObjectType)) || a.ObjectType == "Article" && (a.Type == "Create" || a.Type == "Update") {
		return &policy.Refusal{Code: "unproven", Status: 422, Detail: fmt.Sprintf("%s without a proof; a dispatch, and every activity of our software, carries one", a.Type)}
	}
	if a.Object == nil {
		return nil
	}
	switch {
	case a.Type == "Announce":
		return nil // see inner
	case a.ObjectType == "Article" || a.ObjectType == "Note":
		if a.Object.Get("proof") == nil {
			if a.ObjectType == "Article" && (own || a.Type == "Create" || a.Type == "Update") {
				return &policy.Refusal{Code: "unproven", Status: 422, Detail: "a dispatch without a proof by its office"}
			}
			return nil
		}
		owner := Act(a, v.Rules).ObjectOwner
		return v.Actors.VerifyProof(ctx, a.Object.Raw(), owner, recorded)
	}
	return nil
}

// inner verifies the activity that a Group announces: authority and proofs of its
// author. What is unproven counts for nothing (PROTOCOL §4.3). received is when the
// announcement came here.
func (v *Verifier) inner(ctx context.Context, a *vocab.Activity, received time.Time) error {
	in, err := a.Inner(v.Rules)
	if err != nil {
		return err
	}
	if err := policy.Origin(in.Actor, Act(in, v.Rules)); err != nil {
		return err
	}
	if !in.HasProof {
		return &policy.Refusal{Code: "unproven", Status: 422, Detail: "the announced activity carries no proof of its author"}
	}
	sequence, _, err := a.Sequence()
	if err != nil {
		return err
	}
	recorded := received
	if sequence > 0 && !a.Published.IsZero() {
		if recorded, err = v.Actors.Recorded(ctx, a.Actor, sequence, a.Published, received); err != nil {
			return err
		}
	}
	return v.proofs(ctx, in, true, recorded)
}

// keyHeld tells a proof by a key whose endorsement is missing from one that is false.
func keyHeld(err error) bool {
	var p *remote.ProofFault
	return errors.As(err, &p) && p.Code == remote.NotEndorsed
}

// endorsed refuses a key id behind which no key stands that counts.
func (v *Verifier) endorsed(ctx context.Context, keyID iri.IRI) error {
	known, err := v.Actors.Seen(ctx, keyID)
	if err != nil || known == nil {
		return err
	}
	for _, c := range known.Candidates {
		if c.State != models.KeyHeld {
			return nil
		}
	}
	return &remote.ProofFault{Code: remote.NotEndorsed, Detail: "the key " + string(keyID) + " is not endorsed by the pinned instance key"}
}

func isActorType(kind string) bool { return vocab.IsActorType(kind) }

// evidence is the request line and the signed headers, for the bundle that verifies
// offline (PROTOCOL §3.3).
func evidence(r *http.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\nHost: %s\n", r.Method, r.URL.RequestURI(), r.Host)
	for _, h := range []string{"Date", "Digest", "Content-Digest", "Content-Type", "Signature-Input", "Signature"} {
		for _, value := range r.Header.Values(h) {
			fmt.Fprintf(&b, "%s: %s\n", h, value)
		}
	}
	return b.String()
}
