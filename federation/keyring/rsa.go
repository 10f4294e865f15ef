package keyring

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/sign"
	"valise/models"
	"valise/models/iri"
)

// An RSA key keeps one id for ever, and its value is replaced in place: with a new id
// GoToSocial goes on accepting the retired key (PROTOCOL §1.1). Until a host has taken
// the Update that shows the new value, the previous one signs towards it.

// previousRSA is the place of the previous RSA key among the cached signers.
const previousRSA sign.KeyType = "previous rsa"

// ErrNoRSA says that an actor has no RSA key: one is made when it first needs it.
var ErrNoRSA = errors.New("it has no RSA key")

// NextRSA makes the key that is to follow the actor's RSA key, outside any transaction.
// Nothing is kept before RotateRSA.
func (k *Keyring) NextRSA(ctx context.Context, actor iri.IRI, now time.Time) (*models.Key, error) {
	if _, err := models.ActiveKey(ctx, k.store.R, actor, string(sign.RSA)); models.NotFound(err) {
		return nil, ErrNoRSA
	} else if err != nil {
		return nil, err
	}
	return k.newRSA(actor, now)
}

// RotateRSA puts next in the place of its actor's RSA key in the caller's transaction.
// The old key keeps its private half for DropPrevious to erase. The caller calls Forget
// after the commit.
func (k *Keyring) RotateRSA(ctx context.Context, tx bun.Tx, next *models.Key, reason string, now time.Time) error {
	old, err := models.HoldKey(ctx, tx, next.Actor, string(sign.RSA), true)
	if err != nil {
		return fmt.Errorf("rotate the RSA key of %s: %w", next.Actor, err)
	}
	old.State, old.RevokedAt, old.RevocationReason = models.KeyRetired, models.At(now), reason
	if err := models.SetKeyState(ctx, tx, old); err != nil {
		return err
	}
	if err := models.InsertKey(ctx, tx, next); err != nil {
		return err
	}
	return models.BumpEpoch(ctx, tx)
}

// Previous is the signer of the RSA key before the one in use, or nil once no host needs
// it any more.
func (k *Keyring) Previous(ctx context.Context, actor iri.IRI) (sign.Signer, error) {
	key := cacheKey{actor, previousRSA}
	k.mu.Lock()
	s, known := k.cache[key]
	k.mu.Unlock()
	if !known {
		row, err := models.PreviousRSA(ctx, k.store.R, actor)
		if err != nil && !models.NotFound(err) {
			return nil, fmt.Errorf("find the previous RSA key of %s: %w", actor, err)
		}
		if err == nil {
			if s, err = k.unseal(row); err != nil {
				return nil, err
			}
		}
		k.mu.Lock()
		k.cache[key] = s
		k.mu.Unlock()
	}
	if s == nil {
		return nil, nil
	}
	return s, nil
}

// SignPrevious signs a request with the previous RSA key, which there must be.
func (k *Keyring) SignPrevious(ctx context.Context, actor iri.IRI, scheme string, req *http.Request, body []byte, sum [sha256.Size]byte, now time.Time) error {
	s, err := k.Previous(ctx, actor)
	if err != nil {
		return err
	}
	if s == nil {
		return fmt.Errorf("sign for %s: its previous RSA key was erased", actor)
	}
	if scheme == SchemeRFC9421RSA {
		return sign.SignRFC9421Sum(req, sum, s, now)
	}
	return sign.SignCavage(req, body, s, now)
}

// DropPrevious erases previous RSA keys that no host needs any more: the Update that
// shows the new one was taken, refused for good or given up everywhere.
func (k *Keyring) DropPrevious(ctx context.Context) error {
	waits, err := models.PreviousRSAKept(ctx, k.store.R)
	if err != nil || !waits {
		return err
	}
	dropped := int64(0)
	err = k.store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if dropped, err = models.DropPreviousRSA(ctx, tx); err != nil || dropped == 0 {
			return err
		}
		return models.BumpEpoch(ctx, tx)
	})
	if err == nil && dropped > 0 {
		k.Forget()
	}
	return err
}
