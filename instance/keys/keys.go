// Package keys rotates the keys of our actors and tells the peers.
package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/keyring"
	"valise/federation/outbox"
	"valise/federation/serve"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/accounts"
	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
)

// Keys is the service.
type Keys struct {
	Store *models.Store
	Ring  *keyring.Keyring
	Out   *outbox.Outbox
	Serve *serve.Server
	Own   iri.Host
	Now   func() time.Time
}

// List returns an actor's keys without their private halves, newest first.
func (k *Keys) List(ctx context.Context, actor iri.IRI) ([]*models.Key, error) {
	return k.Ring.Public(ctx, k.Store.R, actor)
}

// Rotate replaces an actor's Ed25519 key. Every peer gets the new actor document:
// endorsed by the instance key, and for the instance key itself by its predecessor. A
// compromised key vouches for nothing recorded after since.
func (k *Keys) Rotate(ctx context.Context, by string, actor iri.IRI, reason string, compromised bool, since time.Time) error {
	now := k.Now().UTC().Truncate(time.Second)
	if compromised && (since.IsZero() || since.After(now)) {
		return accounts.Invalid("say since when the key is compromised, in the past")
	}
	own := accounts.InstanceActor(k.Own)
	id, err := k.Out.NewID("a")
	if err != nil {
		return err
	}
	err = k.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		row, err := models.ActorByIRI(ctx, tx, actor)
		if models.NotFound(err) || err == nil && !row.Local {
			return accounts.Invalid("%s is no actor of this instance", actor)
		}
		if err != nil {
			return err
		}
		// What another transaction signs with the old key is dated before its end.
		if _, err := models.HoldKey(ctx, tx, actor, string(sign.Ed25519), true); err != nil {
			return err
		}
		now = k.Now().UTC().Truncate(time.Second)
		rotation, err := k.Ring.Rotate(ctx, tx, actor, own, reason, compromised, since, now)
		if err != nil {
			return err
		}
		// Signers in memory are of the old key: this document is signed with what
		// the transaction holds.
		doc, err := k.Serve.UnprovenActorDocument(ctx, tx, row, false)
		if err != nil {
			return err
		}
		switch {
		case actor != own:
			doc, err = k.Ring.Prove(ctx, tx, own, doc, now)
		case compromised:
			doc, err = rotation.Seal(doc) // peers hold it until their operators pin it
		default:
			doc, err = rotation.Endorse(doc)
		}
		if err != nil {
			return err
		}
		recipients, err := k.peers(ctx, tx)
		if err != nil {
			return err
		}
		ids := make([]iri.IRI, len(recipients))
		for i, r := range recipients {
			ids[i] = r.Actor
		}
		update := vocab.Update{Envelope: vocab.Envelope{ID: id, Actor: actor, To: ids, Published: now}, Object: doc}.Encode()
		if _, err := k.Out.Publish(ctx, tx, outbox.Publication{ID: id, Actor: actor, Type: "Update", ObjectID: actor, Bytes: update, Signed: true, Purpose: models.PurposeControl, Precedence: 100, To: recipients}); err != nil {
			return err
		}
		return audit.Append(ctx, tx, now, by, "key rotated", string(actor), map[string]any{"old": rotation.Old.KeyID, "new": rotation.New.KeyID, "compromised": compromised, "reason": reason})
	})
	if err != nil {
		return fmt.Errorf("rotate the key of %s: %w", actor, err)
	}
	k.Ring.Forget()
	k.Serve.Forget()
	return nil
}

// RotateRSA replaces the RSA key with which an actor signs requests to other software.
// Hosts that have seen the old one get the new actor document, signed with the old key;
// until then that goes on signing towards them (PROTOCOL §1.1).
func (k *Keys) RotateRSA(ctx context.Context, by string, actor iri.IRI, reason string) error {
	now := k.Now().UTC().Truncate(time.Second)
	row, err := models.ActorByIRI(ctx, k.Store.R, actor)
	if models.NotFound(err) || err == nil && !row.Local {
		return accounts.Invalid("%s is no actor of this instance", actor)
	}
	if err != nil {
		return fmt.Errorf("rotate the RSA key of %s: %w", actor, err)
	}
	next, err := k.Ring.NextRSA(ctx, actor, now)
	if errors.Is(err, keyring.ErrNoRSA) {
		return accounts.Invalid("%s has no RSA key; one is made when it first writes to other software", actor)
	}
	if err != nil {
		return fmt.Errorf("rotate the RSA key of %s: %w", actor, err)
	}
	to, err := k.knowing(ctx, actor)
	if err != nil {
		return fmt.Errorf("rotate the RSA key of %s: find who knows it: %w", actor, err)
	}
	id, err := k.Out.NewID("a")
	if err != nil {
		return err
	}
	err = k.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if old, err := models.PreviousRSA(ctx, tx, actor); err == nil {
			return accounts.Invalid("the rotation of %s is still under way: a host has not answered it. valise queue show --state pending names it; it ends by itself after 16 days", old.RevokedAt)
		} else if !models.NotFound(err) {
			return err
		}
		if err := k.Ring.RotateRSA(ctx, tx, next, reason, now); err != nil {
			return err
		}
		doc, err := k.Serve.ActorDocument(ctx, tx, row, true)
		if err != nil {
			return err
		}
		update := vocab.Update{Envelope: vocab.Envelope{Plain: true, ID: id, Actor: actor, To: []iri.IRI{row.Followers}, Published: now}, Object: doc}.Encode()
		if _, err := k.Out.Publish(ctx, tx, outbox.Publication{ID: id, Actor: actor, Type: "Update", ObjectID: actor, Bytes: update, Plain: true, Purpose: models.PurposeRotation, Precedence: 100, To: to}); err != nil {
			return err
		}
		return audit.Append(ctx, tx, now, by, "key rotated", string(actor), map[string]any{"key": next.KeyID, "type": next.Type, "hosts": len(to), "reason": reason})
	})
	if err != nil {
		return fmt.Errorf("rotate the RSA key of %s: %w", actor, err)
	}
	k.Ring.Forget()
	k.Serve.Forget()
	return nil
}

// knowing lists an inbox on each host of other software with standing that has seen the
// actor's RSA key: what the actor has delivered there was signed with it, and with that of
// the instance actor so is what is fetched.
func (k *Keys) knowing(ctx context.Context, actor iri.IRI) ([]outbox.Recipient, error) {
	reached, err := models.LastInboxes(ctx, k.Store.R, actor)
	if err != nil {
		return nil, err
	}
	inboxes := map[iri.Host]iri.IRI{}
	for _, r := range reached {
		inboxes[r.Host] = r.Inbox
	}
	var out []outbox.Recipient
	err = k.eachPeer(ctx, k.Store.R, func(p *models.Peer, own bool) error {
		inbox := inboxes[p.Host]
		if own {
			return nil // it verifies by the Ed25519 key, and fetches the other anew
		}
		if inbox == "" && actor == accounts.InstanceActor(k.Own) {
			if inbox, err = models.AnyInbox(ctx, k.Store.R, p.Host); err != nil && !models.NotFound(err) {
				return err
			}
		}
		if inbox != "" {
			out = append(out, outbox.Recipient{Inbox: inbox})
		}
		return nil
	})
	return out, err
}

// peers are the instance actors of accredited and guest peers of our own software.
func (k *Keys) peers(ctx context.Context, tx bun.Tx) ([]outbox.Recipient, error) {
	var out []outbox.Recipient
	err := k.eachPeer(ctx, tx, func(p *models.Peer, own bool) error {
		if own {
			instance := accounts.InstanceActor(p.Host)
			if p.InstanceActor != "" {
				instance = p.InstanceActor
			}
			out = append(out, outbox.Recipient{Inbox: instance + "/inbox", Actor: instance})
		}
		return nil
	})
	return out, err
}

// eachPeer calls f for each accredited and guest peer; own tells whether it runs our
// software.
func (k *Keys) eachPeer(ctx context.Context, db bun.IDB, f func(p *models.Peer, own bool) error) error {
	for after := iri.Host(""); ; {
		rows, err := models.Peers(ctx, db, after, 500)
		if err != nil {
			return err
		}
		for _, p := range rows {
			after = p.Host
			if p.State != models.PeerAccredited && p.State != models.PeerGuest {
				continue
			}
			own, err := models.OwnSoftware(ctx, db, p.Host)
			if err != nil {
				return err
			}
			if err := f(p, own); err != nil {
				return err
			}
		}
		if len(rows) < 500 {
			return nil
		}
	}
}
