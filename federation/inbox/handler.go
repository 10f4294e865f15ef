package inbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"valise/federation/policy"
	"valise/federation/problem"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// Box takes what arrives at the inboxes of one instance.
type Box struct {
	Store   *models.Store
	Verify  *Verifier
	Rules   iri.Rules
	Own     iri.Host
	MaxBody int64
	Limits  *Limits
	Log     *slog.Logger
	Now     func() time.Time
	// Guest refuses a dispatch of a guest instance to people here by name whose audience
	// is a community of ours.
	Guest func(ctx context.Context, a *vocab.Activity, people []iri.IRI) error
	// Arrived is called after a commit, to wake the worker; it must not block.
	Arrived func()
	// Answered is called when a host has sent a valid request: a back-off towards it
	// may end, and its scheme is known. It must not block.
	Answered func(host iri.Host, s *Sender)

	commits *committer
	inside  atomic.Int64
}

// pressed is how many requests are under way at once when a burst comes in.
const pressed = 8

// Busy tells whether a burst comes in: then what was accepted is applied more slowly,
// so that the senders do not wait.
func (b *Box) Busy() bool { return b.inside.Load() >= pressed }

// Start begins to take arrivals.
func (b *Box) Start() { b.commits = newCommitter(b.Store) }

// Close refuses further arrivals. A box that was never started has none.
func (b *Box) Close() {
	if b.commits != nil {
		b.commits.close()
	}
}

// Post answers one POST to an inbox. owner is the local actor whose inbox it is, or ""
// for the shared inbox.
func (b *Box) Post(w http.ResponseWriter, r *http.Request, inbox, owner iri.IRI) {
	b.inside.Add(1)
	defer b.inside.Add(-1)
	if err := b.post(r, inbox, owner); err != nil {
		problem.Write(w, r, b.Log, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (b *Box) post(r *http.Request, inbox, owner iri.IRI) error {
	body, err := b.read(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	if err := b.Limits.Address(r.RemoteAddr); err != nil {
		return err
	}
	sender, err := b.Verify.Request(ctx, r, body, false)
	if err != nil {
		if sender, err = b.departed(ctx, r, body, err); err != nil {
			return err
		}
	}
	if err := b.Limits.Key(sender.Actor.Host(), sender.KeyID); err != nil {
		return err
	}
	a, err := vocab.ParseActivity(body, b.Rules)
	if err != nil {
		return err
	}
	if err := policy.Origin(sender.Actor, Act(a, b.Rules)); err != nil {
		return err
	}
	standing, err := b.standing(ctx, a, sender, len(body), owner)
	if err != nil {
		return err
	}
	if closes(a) {
		if err := b.itself(ctx, r, a, sender); err != nil {
			return err
		}
	}
	row := b.row(r, a, sender, inbox, body)
	if sender.Absent {
		return b.keep(row)
	}
	if err := b.proofs(ctx, a, sender, row); keyHeld(err) {
		sender.Held = true
	} else if err != nil {
		return err
	}
	if a.Public && (a.ObjectType == "Article" || a.Type == "Announce") {
		return &policy.Refusal{Code: "public", Status: 422, Detail: "correspondence is never addressed to the public collection"}
	}
	addressed, err := b.addressed(ctx, a, owner)
	if err != nil {
		return err
	}
	switch {
	case sender.Held:
		// What its proofs say is asked again once a person lets it be tried.
		row.State, row.Reason, row.Proven = models.ArrivalSetAside, "key-not-endorsed: signed with a new key that the pinned instance key does not endorse", false
	case !addressed:
		row.State, row.Reason = models.ArrivalSetAside, "not-addressed: nobody whose inbox this is stands among its recipients"
	}
	if standing == models.PeerAccredited || standing == models.PeerGuest {
		defer b.Answered(sender.Actor.Host(), sender)
	}
	return b.keep(row)
}

// Local takes an activity of one of our own actors to one of our own inboxes: the
// same road without the hop. It runs inside the caller's transaction.
func Local(a *vocab.Activity, inbox iri.IRI, own iri.Host, now time.Time) *models.Arrival {
	row := arrival(a, inbox, a.Raw, iri.RulesFor(own), now)
	row.Host, row.Proven, row.Request = own, true, "local"
	return row
}

// Fetched keeps an announcement that a repair has read from a Group's outbox. It carries
// no hop, so it is believed by its proofs alone, and before it is kept: a false copy
// must not take the place of the id. One that cannot be verified now is read again.
func (b *Box) Fetched(ctx context.Context, a *vocab.Activity, inbox iri.IRI, body []byte) error {
	if err := policy.Origin(a.Actor, Act(a, b.Rules)); err != nil {
		return err
	}
	if a.Public {
		return &policy.Refusal{Code: "public", Status: 422, Detail: "correspondence is never addressed to the public collection"}
	}
	now := b.Now()
	if err := b.Verify.proofs(ctx, a, true, now); err != nil {
		return err
	}
	if err := b.Verify.inner(ctx, a, now); err != nil {
		return err
	}
	row := arrival(a, inbox, body, b.Rules, now)
	row.Host, row.Request, row.Proven = a.Actor.Host(), "fetched", true
	return b.keep(row)
}

func (b *Box) keep(row *models.Arrival) error {
	accepted, err := b.commits.put(row)
	if err != nil {
		return fmt.Errorf("keep %s at %s: %w", row.Activity, row.Inbox, err)
	}
	if accepted == models.AcceptedOther {
		b.Log.Warn("alarm: the same id came again with other bytes", "activity", row.Activity, "from", row.Host)
		return &policy.Refusal{Code: "id-reused", Status: http.StatusConflict, Detail: fmt.Sprintf("%s came here before with other content; nothing was changed", row.Activity)}
	}
	if accepted == models.AcceptedNew && row.State == models.ArrivalSetAside {
		b.Log.Warn("set aside", "activity", row.Activity, "type", row.Type, "from", row.Host, "inbox", row.Inbox, "why", row.Reason)
	}
	b.Arrived()
	return nil
}

// read takes the body once, within the limit. Compressed bodies are refused: nobody
// sends them, and they could be bombs.
func (b *Box) read(r *http.Request) ([]byte, error) {
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, &policy.Refusal{Code: "content-encoding", Status: http.StatusUnsupportedMediaType, Detail: "send the body uncompressed"}
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/activity+json" && kind != "application/ld+json" {
		return nil, &policy.Refusal{Code: "content-type", Status: http.StatusUnsupportedMediaType, Detail: "an inbox takes application/activity+json or application/ld+json"}
	}
	large := &policy.Refusal{Code: "too-large", Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("a body may have %d bytes at most", b.MaxBody)}
	if r.ContentLength > b.MaxBody {
		return nil, large
	}
	var body []byte
	if r.ContentLength > 0 {
		body = make([]byte, 0, r.ContentLength+1)
	}
	buf := &sliceWriter{body}
	n, err := io.Copy(buf, io.LimitReader(r.Body, b.MaxBody+1))
	if err != nil {
		return nil, &policy.Refusal{Code: "body", Status: http.StatusBadRequest, Detail: "the body ended early"}
	}
	if n > b.MaxBody {
		return nil, large
	}
	return buf.b, nil
}

type sliceWriter struct{ b []byte }

func (w *sliceWriter) Write(p []byte) (int, error) { w.b = append(w.b, p...); return len(p), nil }

// standing applies the peer's standing, and the limit on first contacts.
func (b *Box) standing(ctx context.Context, a *vocab.Activity, s *Sender, size int, owner iri.IRI) (string, error) {
	host := s.Actor.Host()
	state := ""
	peer, err := b.Verify.Actors.Peer(ctx, host)
	if err == nil {
		state = peer.State
	} else if !models.NotFound(err) {
		return "", err
	}
	if err := policy.Standing(state, a.Type, a.ObjectType, size); err != nil {
		return state, err
	}
	if state != models.PeerAccredited && state != models.PeerGuest {
		return state, b.Limits.FirstContact(host)
	}
	if state == models.PeerGuest {
		group, err := b.guestFor(ctx, a, host, owner)
		if err != nil {
			return state, err
		}
		return state, policy.GuestMay(a.Type, a.ObjectType, group)
	}
	return state, nil
}

// guestFor tells whether a dispatch of a guest instance belongs to a community: posted
// to one of ours, or, to people here by name, with a community as its audience in which
// its author and they are: one of ours, or the one of the guest's that invited them.
func (b *Box) guestFor(ctx context.Context, a *vocab.Activity, host iri.Host, owner iri.IRI) (bool, error) {
	people := []iri.IRI{owner}
	if owner == "" { // the shared inbox: everybody here that it names
		people = slices.Concat(a.To, a.Cc)
	}
	people = slices.DeleteFunc(people, func(id iri.IRI) bool { return id.Host() != b.Own || isGroup(id) })
	if a.ObjectType != "Article" || len(people) == 0 {
		return true, nil
	}
	if len(a.Audience) == 1 && a.Audience[0].Host() == b.Own {
		return true, b.Guest(ctx, a, people)
	}
	if len(a.Audience) != 1 || a.Audience[0].Host() != host {
		return false, nil
	}
	_, err := models.CommunityByIRI(ctx, b.Store.R, a.Audience[0])
	if models.NotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// proofs verifies what the activity carries. An announcement counts as proven once its
// inner activity is: where that is not done here, because the author is out of reach or
// the Group runs other software, the arrival is kept unproven and the worker does it.
func (b *Box) proofs(ctx context.Context, a *vocab.Activity, s *Sender, row *models.Arrival) error {
	if err := b.Verify.proofs(ctx, a, s.OwnSoftware, b.Now()); err != nil {
		return err
	}
	if a.Type != "Announce" {
		row.Proven = a.HasProof
		return nil
	}
	if !s.OwnSoftware {
		return nil
	}
	err := b.Verify.inner(ctx, a, b.Now())
	if err != nil && problem.Of(err).Status == http.StatusServiceUnavailable {
		return nil
	}
	row.Proven = a.HasProof
	return err
}

func (b *Box) row(r *http.Request, a *vocab.Activity, s *Sender, inbox iri.IRI, body []byte) *models.Arrival {
	row := arrival(a, inbox, body, b.Rules, b.Now())
	row.Host, row.KeyID, row.KeyDocument, row.Request = s.Actor.Host(), s.KeyID, s.KeyDocument, evidence(r)
	return row
}

// membershipFirst is above every precedence: what decides who may receive is applied
// before what there is to receive.
const membershipFirst = 1000

func arrival(a *vocab.Activity, inbox iri.IRI, body []byte, rules iri.Rules, now time.Time) *models.Arrival {
	row := &models.Arrival{Activity: a.ID, Inbox: inbox, Type: a.Type, ObjectType: a.ObjectType, ObjectID: a.ObjectID, Actor: a.Actor, Body: body,
		Lane: string(a.ObjectID), State: models.ArrivalPending, NextAt: models.At(now), ReceivedAt: models.At(now)}
	if a.HasProof {
		// The proof covers the JCS form: the same document spaced otherwise is the same.
		row.Digest, _ = sign.ObjectDigest(a.Raw)
	}
	if row.Digest == "" {
		row.Digest = sign.BytesDigest(body)
	}
	o := a.Object
	if a.Type == "Announce" && o != nil {
		if in := o.Get("object"); in.Kind() == vocab.Object {
			o = in
			if s, ok := o.Get("id").Str(); ok {
				if id, err := rules.Parse(s); err == nil {
					row.ObjectID, row.Lane = id, s
				}
			}
		}
	}
	if c, ok := o.Get("context").Str(); ok && len(c) <= 2048 {
		row.Lane = c
	}
	if rank, ok := o.Get("precedence").Get("rank").Int(); ok && rank >= 0 && rank < 100 {
		row.Precedence = rank
	}
	switch a.Type {
	case "Offer", "Invite", "Follow", "Undo":
		row.Precedence = membershipFirst
	case "Accept", "Reject":
		if _, receipt := a.Node.Get("receiptType").Str(); !receipt {
			row.Precedence = membershipFirst
		}
	}
	if row.Lane == "" {
		row.Lane = string(a.ID)
	}
	if len(row.Lane) > 512 {
		sum := sha256.Sum256([]byte(row.Lane))
		row.Lane = hex.EncodeToString(sum[:])
	}
	return row
}

func isGroup(id iri.IRI) bool { return strings.HasPrefix(id.Path(), "/g/") }

// addressed tells whether the inbox's owner is among the recipients; for the shared
// inbox, whether an actor of ours is, or the followers of a community joined here.
func (b *Box) addressed(ctx context.Context, a *vocab.Activity, owner iri.IRI) (bool, error) {
	if closes(a) {
		return true, nil // it tells whoever may know the account, and names the public or nobody
	}
	named := slices.Concat(a.To, a.Cc, a.Audience, []iri.IRI{a.ObjectID, a.Target})
	// Some software sends Follow, Accept, Reject and Undo without recipients: then
	// whom they are about counts.
	for o := a.Object; o.Kind() == vocab.Object; o = o.Get("object") {
		for _, key := range []string{"object", "actor", "id"} {
			if s, ok := o.Get(key).Str(); ok {
				if id, err := b.Rules.Parse(s); err == nil {
					named = append(named, id)
				}
			}
		}
	}
	for _, id := range named {
		if id == "" {
			continue
		}
		if owner != "" {
			if id == owner || a.Actor+"/followers" == id {
				return true, nil
			}
			continue
		}
		if id.Host() == b.Own {
			return true, nil
		}
		if group, ok := strings.CutSuffix(string(id), "/followers"); ok {
			_, err := models.CommunityByIRI(ctx, b.Store.R, iri.IRI(group))
			if err == nil {
				return true, nil
			}
			if !models.NotFound(err) {
				return false, err
			}
		}
	}
	return false, nil
}
