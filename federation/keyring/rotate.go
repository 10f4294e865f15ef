package keyring

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// Rotation is what a rotation has changed.
type Rotation struct {
	Old, New *models.Key
	// Endorse signs a document with the old Ed25519 key, once more, in the same
	// transaction: an instance's new key is believed through the old one.
	Endorse func(doc []byte) ([]byte, error)
	// Seal signs a document with the new key, which no other transaction sees yet.
	Seal func(doc []byte) ([]byte, error)
}

// Rotate retires the actor's Ed25519 key in the caller's transaction and makes the
// next one. The retired key's history entry is signed by its successor and that by
// the instance actor (PROTOCOL §1.1). compromised marks a key that only vouches for
// what was recorded before since. The caller calls Forget after the commit.
func (k *Keyring) Rotate(ctx context.Context, tx bun.Tx, actor, instance iri.IRI, reason string, compromised bool, since, now time.Time) (*Rotation, error) {
	old, err := models.HoldKey(ctx, tx, actor, string(sign.Ed25519), true)
	if err != nil {
		return nil, fmt.Errorf("rotate the key of %s: %w", actor, err)
	}
	before, err := k.unseal(old)
	if err != nil {
		return nil, err
	}
	now = now.Truncate(time.Second)
	old.State, old.RevokedAt, old.RevocationReason = models.KeyRetired, models.At(now), reason
	if compromised {
		old.State, old.RevokedAt = models.KeyCompromised, max(models.At(since.Truncate(time.Second)), old.CreatedAt)
	}
	next, err := k.Make(ctx, tx, actor, now)
	if err != nil {
		return nil, err
	}
	after, err := k.unseal(next)
	if err != nil {
		return nil, err
	}
	// The instance key's own entry is vouched for by that key: with it the old key
	// endorses its successor, and who pinned the old one can follow.
	// A compromised key vouches for nothing: only a person pins its successor.
	var vouch sign.Signer = before
	if compromised {
		vouch = after
	}
	if instance != actor {
		if vouch, err = k.Signer(ctx, tx, instance, sign.Ed25519, now); err != nil {
			return nil, err
		}
	}
	public := vocab.Multikey{ID: old.KeyID, Controller: actor, PublicKeyMultibase: old.Public}
	why := vocab.RevokedRotation
	if compromised {
		why = vocab.RevokedCompromise
	}
	entry := vocab.RetiredKey{Multikey: public, Created: old.CreatedAt.Time(), Revoked: old.RevokedAt.Time(), Reason: why}.Encode()
	if entry, err = sign.Prove(entry, after, now); err != nil {
		return nil, err
	}
	if old.Entry, err = sign.Prove(vocab.Vouched(instance, entry), vouch, now); err != nil {
		return nil, err
	}
	if err := models.SetKeyState(ctx, tx, old); err != nil {
		return nil, err
	}
	if err := models.BumpEpoch(ctx, tx); err != nil {
		return nil, err
	}
	return &Rotation{Old: old, New: next,
		Endorse: func(doc []byte) ([]byte, error) { return sign.Prove(doc, before, now) },
		Seal:    func(doc []byte) ([]byte, error) { return sign.Prove(doc, after, now) }}, nil
}
