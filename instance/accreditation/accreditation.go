// Package accreditation keeps the standing of other instances: proposed, compared,
// accepted, suspended. Only people change it.
package accreditation

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/keyring"
	"valise/federation/outbox"
	"valise/federation/policy"
	"valise/federation/remote"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/accounts"
	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
)

// Accreditation is the service.
type Accreditation struct {
	Store  *models.Store
	Keys   *keyring.Keyring
	Out    *outbox.Outbox
	Actors *remote.Actors
	Client *remote.Client
	Guard  policy.Guard
	Own    iri.Host
	Rules  iri.Rules
	Name   string // of this instance, for people
	Log    *slog.Logger
	Now    func() time.Time
	// Changed is called after a commit that changed a peer; it must not block.
	Changed func()
}

// Terms are what a person sets for a peer.
type Terms struct {
	Affiliation string
	Ceiling     string // a marking of ours; "" for the affiliation's default
	Form        string
	// Fingerprint is what the other operator has read out. Nothing is accredited
	// without a comparison.
	Fingerprint string
	Contact     string
}

// Fingerprint of our own instance key, to be read out to the other operator.
func (s *Accreditation) Fingerprint(ctx context.Context) (string, error) {
	k, err := models.ActiveKey(ctx, s.Store.R, accounts.InstanceActor(s.Own), string(sign.Ed25519))
	if err != nil {
		return "", fmt.Errorf("read our instance key: %w", err)
	}
	return fingerprint(k.Public)
}

func fingerprint(multikey string) (string, error) {
	key, err := sign.DecodeMultikey(multikey)
	if err != nil {
		return "", err
	}
	return sign.Fingerprint(key), nil
}

// Propose asks another instance for accreditation. With the fingerprint that its
// operator has read out, its acceptance accredits it here at once; without, a person
// here compares first.
func (s *Accreditation) Propose(ctx context.Context, by, hostname string, t Terms) (*models.Peer, error) {
	host, err := s.Rules.ParseHost(hostname)
	if err != nil {
		return nil, accounts.Invalid("%v", err)
	}
	if host == s.Own {
		return nil, accounts.Invalid("%s is this instance", host)
	}
	ceiling, err := s.terms(&t)
	if err != nil {
		return nil, err
	}
	actor, key, err := s.instance(ctx, host)
	if err != nil {
		return nil, err
	}
	if err := compare(t.Fingerprint, key); err != nil {
		return nil, err
	}
	ours, err := s.Fingerprint(ctx)
	if err != nil {
		return nil, err
	}
	id, err := s.Out.NewID("a")
	if err != nil {
		return nil, err
	}
	var peer *models.Peer
	err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		now := s.Now()
		peer, err = models.PeerByHost(ctx, tx, host)
		switch {
		case models.NotFound(err):
			peer = &models.Peer{Host: host, CreatedAt: models.At(now)}
		case err != nil:
			return err
		case peer.State == models.PeerAccredited:
			return accounts.Invalid("%s is accredited already", host)
		}
		peer.State, peer.Affiliation, peer.Ceiling, peer.Form = models.PeerProposed, t.Affiliation, ceiling, t.Form
		peer.InstanceActor, peer.OfferedKey, peer.ProposedByUs, peer.OfferID, peer.UpdatedAt = actor.IRI, key, true, id, models.At(now)
		peer.Scheme = schemeOf(actor)
		if t.Fingerprint != "" {
			peer.PinnedKey = key
		}
		if err := models.SavePeer(ctx, tx, peer); err != nil {
			return err
		}
		own := accounts.InstanceActor(s.Own)
		offer := vocab.Offer{Envelope: vocab.Envelope{ID: id, Actor: own, To: []iri.IRI{actor.IRI}, Published: now}, Subject: own, Object: actor.IRI,
			Name: s.Name, Fingerprint: ours, Contact: t.Contact, Affiliation: t.Affiliation, Ceiling: s.grade(ceiling)}
		if _, err := s.Out.Publish(ctx, tx, outbox.Publication{ID: id, Actor: own, Type: "Offer", ObjectID: actor.IRI, Bytes: offer.Encode(),
			Purpose: models.PurposeControl, Precedence: 100, To: outbox.Direct(actor)}); err != nil {
			return err
		}
		return audit.Append(ctx, tx, now, by, "accreditation proposed", string(host), map[string]any{"affiliation": t.Affiliation, "ceiling": s.Guard.Name(ceiling), "compared": t.Fingerprint != ""})
	})
	s.changed(err)
	return peer, err
}

// Accept accredits a peer that waits in the waiting room. The fingerprint must be the
// one that its operator has read out.
func (s *Accreditation) Accept(ctx context.Context, by, hostname string, t Terms) (*models.Peer, error) {
	host, err := s.Rules.ParseHost(hostname)
	if err != nil {
		return nil, accounts.Invalid("%v", err)
	}
	ceiling, err := s.terms(&t)
	if err != nil {
		return nil, err
	}
	if t.Fingerprint == "" {
		return nil, accounts.Invalid("compare the fingerprint of %s with its operator, by another way than this network, and give it here", host)
	}
	waiting, err := models.PeerByHost(ctx, s.Store.R, host)
	if models.NotFound(err) {
		return nil, accounts.Invalid("%s has not proposed accreditation; propose it from here", host)
	}
	if err != nil {
		return nil, err
	}
	actor, err := s.Actors.Get(ctx, waiting.InstanceActor)
	if err != nil {
		return nil, fmt.Errorf("find the instance actor of %s: %w", host, err)
	}
	id, err := s.Out.NewID("a")
	if err != nil {
		return nil, err
	}
	var peer *models.Peer
	err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		now := s.Now()
		if peer, err = models.PeerByHost(ctx, tx, host); err != nil {
			return err
		}
		if peer.OfferedKey == "" {
			return accounts.Invalid("%s has offered no key", host)
		}
		if err := compare(t.Fingerprint, peer.OfferedKey); err != nil {
			return err
		}
		peer.State, peer.PinnedKey, peer.OfferedKey = models.PeerAccredited, peer.OfferedKey, ""
		peer.Affiliation, peer.Ceiling, peer.Form, peer.Scheme, peer.UpdatedAt = t.Affiliation, ceiling, t.Form, schemeOf(actor), models.At(now)
		if err := models.SavePeer(ctx, tx, peer); err != nil {
			return err
		}
		// What was believed of this host before anybody compared its key has to show
		// the endorsement of the pinned one at its next use.
		if err := models.HoldKeys(ctx, tx, host, peer.PinnedKey); err != nil {
			return err
		}
		if !peer.ProposedByUs {
			if err := s.answer(ctx, tx, id, peer, actor, true, "", now); err != nil {
				return err
			}
		}
		return audit.Append(ctx, tx, now, by, "accredited", string(host), map[string]any{"affiliation": t.Affiliation, "ceiling": s.Guard.Name(ceiling), "key": peer.PinnedKey})
	})
	s.changed(err)
	return peer, err
}

// answer sends Accept or Reject of the peer's proposal, bound to its id.
func (s *Accreditation) answer(ctx context.Context, tx bun.Tx, id iri.IRI, peer *models.Peer, actor *models.Actor, accept bool, reason string, now time.Time) error {
	own := accounts.InstanceActor(s.Own)
	a := vocab.Answer{Envelope: vocab.Envelope{ID: id, Actor: own, To: []iri.IRI{actor.IRI}, Published: now}, Subject: vocab.Subject{ID: peer.OfferID}, Reason: reason}
	kind, doc := "Accept", []byte(nil)
	if accept {
		doc = a.Accept()
	} else {
		kind, doc = "Reject", a.Reject()
	}
	_, err := s.Out.Publish(ctx, tx, outbox.Publication{ID: id, Actor: own, Type: kind, ObjectID: peer.OfferID, Bytes: doc, Purpose: models.PurposeControl, Precedence: 100, To: outbox.Direct(actor)})
	return err
}

// Refuse ends a proposal; Suspend stops a peer; both with a reason. Resume gives a
// suspended peer its accreditation back.
func (s *Accreditation) Refuse(ctx context.Context, by, hostname, reason string) error {
	return s.move(ctx, by, hostname, "refused", reason, models.PeerRefused, models.PeerProposed)
}

// Suspend stops a peer: nothing of it is accepted, nothing goes to it. Dispatches on the
// way there are held back, and sent on after Resume (Dispatches.Revive).
func (s *Accreditation) Suspend(ctx context.Context, by, hostname, reason string) error {
	return s.move(ctx, by, hostname, "suspended", reason, models.PeerSuspended, models.PeerAccredited, models.PeerGuest)
}

// Resume ends a suspension.
func (s *Accreditation) Resume(ctx context.Context, by, hostname, reason string) error {
	return s.move(ctx, by, hostname, "resumed", reason, models.PeerAccredited, models.PeerSuspended)
}

func (s *Accreditation) move(ctx context.Context, by, hostname, act, reason, to string, from ...string) error {
	host, err := s.Rules.ParseHost(hostname)
	if err != nil {
		return accounts.Invalid("%v", err)
	}
	err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		peer, err := models.PeerByHost(ctx, tx, host)
		if models.NotFound(err) {
			return accounts.Invalid("%s is no peer", host)
		}
		if err != nil {
			return err
		}
		ok := false
		for _, f := range from {
			ok = ok || peer.State == f
		}
		if !ok {
			return accounts.Invalid("%s is %s; that cannot become %s", host, peer.State, to)
		}
		if to == models.PeerAccredited && peer.PinnedKey == "" {
			to = models.PeerGuest
		}
		peer.State, peer.Reason, peer.UpdatedAt = to, reason, models.At(s.Now())
		if err := models.SavePeer(ctx, tx, peer); err != nil {
			return err
		}
		if to == models.PeerSuspended {
			// What is on the way is looked at now, and its office told, whatever the host's
			// back-off says.
			if err := models.WakeHost(ctx, tx, host, models.At(s.Now())); err != nil {
				return err
			}
		}
		if to == models.PeerRefused && !peer.ProposedByUs {
			actor, err := models.ActorByIRI(ctx, tx, peer.InstanceActor)
			if err == nil {
				id, err := s.Out.NewID("a")
				if err != nil {
					return err
				}
				if err := s.answer(ctx, tx, id, peer, actor, false, reason, s.Now()); err != nil {
					return err
				}
			}
		}
		return audit.Append(ctx, tx, s.Now(), by, "peer "+act, string(host), map[string]any{"reason": reason})
	})
	s.changed(err)
	return err
}

// SetCeiling changes the highest marking that a peer may receive. What has not left
// yet is held to it at once.
func (s *Accreditation) SetCeiling(ctx context.Context, by, hostname, marking, form string) error {
	host, err := s.Rules.ParseHost(hostname)
	if err != nil {
		return accounts.Invalid("%v", err)
	}
	err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		peer, err := models.PeerByHost(ctx, tx, host)
		if models.NotFound(err) {
			return accounts.Invalid("%s is no peer", host)
		}
		if err != nil {
			return err
		}
		t := Terms{Affiliation: peer.Affiliation, Ceiling: marking, Form: form}
		if form == "" {
			t.Form = peer.Form
		}
		if peer.Ceiling, err = s.terms(&t); err != nil {
			return err
		}
		peer.Form, peer.UpdatedAt = t.Form, models.At(s.Now())
		if err := models.SavePeer(ctx, tx, peer); err != nil {
			return err
		}
		return audit.Append(ctx, tx, s.Now(), by, "peer changed", string(host), map[string]any{"ceiling": marking, "form": t.Form})
	})
	s.changed(err)
	return err
}

// Pin believes a new instance key of a peer whose operator has read out its
// fingerprint. This is the only answer to a compromise.
func (s *Accreditation) Pin(ctx context.Context, by, hostname, print string) error {
	host, err := s.Rules.ParseHost(hostname)
	if err != nil {
		return accounts.Invalid("%v", err)
	}
	peer, err := models.PeerByHost(ctx, s.Store.R, host)
	if models.NotFound(err) {
		return accounts.Invalid("%s is no peer", host)
	}
	if err != nil {
		return err
	}
	if _, err := s.Actors.Refresh(ctx, peer.InstanceActor); err != nil {
		return fmt.Errorf("fetch the instance actor of %s: %w", host, err)
	}
	keys, err := models.KeysOf(ctx, s.Store.R, peer.InstanceActor)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.Type != string(sign.Ed25519) || k.State != models.KeyHeld && k.State != models.KeyActive || compare(print, k.Public) != nil {
			continue
		}
		err := s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			peer.PinnedKey, peer.OfferedKey, peer.UpdatedAt = k.Public, "", models.At(s.Now())
			if err := models.SavePeer(ctx, tx, peer); err != nil {
				return err
			}
			k.State = models.KeyActive
			if err := models.SetKeyState(ctx, tx, k); err != nil {
				return err
			}
			return audit.Append(ctx, tx, s.Now(), by, "peer key pinned", string(host), map[string]any{"key": k.Public})
		})
		s.changed(err)
		if err != nil {
			return err
		}
		return s.endorsedNow(ctx, host)
	}
	return accounts.Invalid("no key that %s shows has the fingerprint %s", host, print)
}

// endorsedNow reads the actors again whose new keys waited for the pin. One that cannot
// be reached is read again by itself, when its document has grown old.
func (s *Accreditation) endorsedNow(ctx context.Context, host iri.Host) error {
	waiting, err := models.HeldActors(ctx, s.Store.R, host)
	if err != nil {
		return err
	}
	for _, id := range waiting {
		if _, err := s.Actors.Refresh(ctx, id); err != nil {
			s.Log.Warn("an actor whose key waited for the pin cannot be read", "actor", id, "err", err)
		}
	}
	return nil
}

func compare(print, key string) error {
	if print == "" {
		return nil
	}
	have, err := fingerprint(key)
	if err != nil {
		return err
	}
	if plain(print) != plain(have) {
		return accounts.Invalid("the fingerprint does not fit: the key shown here has %s. Do not go on before you know why", have)
	}
	return nil
}

func plain(s string) string {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
			out = append(out, c)
		case c >= 'A' && c <= 'F':
			out = append(out, c+32)
		}
	}
	return string(out)
}

// terms fills what was left open and checks the rest.
func (s *Accreditation) terms(t *Terms) (int64, error) {
	switch t.Affiliation {
	case "":
		t.Affiliation = models.OtherGovernment
	case models.OwnGovernment, models.OtherGovernment, models.Outside:
	default:
		return 0, accounts.Invalid("affiliation is %q, %q or %q, not %q", models.OwnGovernment, models.OtherGovernment, models.Outside, t.Affiliation)
	}
	switch t.Form {
	case "":
		t.Form = models.FormAnnounce
	case models.FormAnnounce, models.FormBulletin:
	default:
		return 0, accounts.Invalid("form is %q or %q, not %q", models.FormAnnounce, models.FormBulletin, t.Form)
	}
	if t.Ceiling == "" {
		if t.Affiliation == models.Outside {
			return min(s.Guard.Lowest()+1, s.Guard.Federates()), nil
		}
		return s.Guard.Federates(), nil
	}
	l, ok := s.Guard.Level(t.Ceiling)
	if !ok {
		return 0, accounts.Invalid("%q is no marking of this instance", t.Ceiling)
	}
	if int64(l.Rank) > s.Guard.Federates() {
		return 0, accounts.Invalid("%s is classified and never federates; the highest ceiling is %s", l.Name, s.Guard.Name(s.Guard.Federates()))
	}
	return int64(l.Rank), nil
}

func (s *Accreditation) grade(rank int64) vocab.Grade {
	return vocab.Grade{Scheme: s.Guard.Scheme(), Level: s.Guard.Name(rank), Rank: int(rank)}
}

// instance finds the other's instance actor and its key.
func (s *Accreditation) instance(ctx context.Context, host iri.Host) (*models.Actor, string, error) {
	id := accounts.InstanceActor(host)
	if info, err := s.Client.NodeInfo(ctx, host); err == nil && info.Application != "" {
		id = info.Application
	}
	actor, err := s.Actors.Refresh(ctx, id)
	if err != nil {
		return nil, "", fmt.Errorf("find the instance actor of %s: %w", host, err)
	}
	keys, err := models.KeysOf(ctx, s.Store.R, id)
	if err != nil {
		return nil, "", err
	}
	for _, k := range keys {
		if k.Type == string(sign.Ed25519) && (k.State == models.KeyActive || k.State == models.KeyHeld) {
			return actor, k.Public, nil
		}
	}
	return nil, "", accounts.Invalid("the instance actor of %s shows no Ed25519 key; only software that signs documents can be accredited", host)
}

func schemeOf(a *models.Actor) string {
	if a.OwnSoftware {
		return keyring.SchemeRFC9421Ed25519
	}
	return keyring.SchemeCavage
}

func (s *Accreditation) changed(err error) {
	if err == nil && s.Changed != nil {
		s.Changed()
	}
}
