// Package keys rotates the keys of our actors and tells the peers.
package keys

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/keyring"
	"valise/federation/outbox"
	"valise/federation/serve"
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

// peers are the instance actors of accredited and guest peers of our own software.
func (k *Keys) peers(ctx context.Context, tx bun.Tx) ([]outbox.Recipient, error) {
	var out []outbox.Recipient
	for after := iri.Host(""); ; {
		rows, err := models.Peers(ctx, tx, after, 500)
		if err != nil {
			return nil, err
		}
		for _, p := range rows {
			after = p.Host
			if p.State != models.PeerAccredited && p.State != models.PeerGuest {
				continue
			}
			if own, err := models.OwnSoftware(ctx, tx, p.Host); err != nil || !own {
				if err != nil {
					return nil, err
				}
				continue
			}
			instance := accounts.InstanceActor(p.Host)
			if p.InstanceActor != "" {
				instance = p.InstanceActor
			}
			out = append(out, outbox.Recipient{Inbox: instance + "/inbox", Actor: instance})
		}
		if len(rows) < 500 {
			return out, nil
		}
	}
}
