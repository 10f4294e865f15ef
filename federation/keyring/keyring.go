// Package keyring holds the private keys of our actors behind a signer: it signs and
// proves, and never hands out key bytes.
package keyring

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/sign"
	"valise/models"
	"valise/models/iri"
)

// rsaBits is the size of the RSA keys that sign draft-cavage hops.
const rsaBits = 2048

// Keyring signs for local actors. It is safe for concurrent use.
type Keyring struct {
	store *models.Store
	seal  *Seal
	rand  io.Reader

	mu    sync.Mutex
	cache map[cacheKey]*signer
	// making keeps two requests from making the same RSA key.
	making sync.Mutex
}

type cacheKey struct {
	actor iri.IRI
	kind  sign.KeyType
}

// New returns a keyring over the store's sealed keys.
func New(store *models.Store, seal *Seal, random io.Reader) *Keyring {
	return &Keyring{store: store, seal: seal, rand: random, cache: map[cacheKey]*signer{}}
}

// signer is one private key in memory.
type signer struct {
	row     int64
	keyID   string
	kind    sign.KeyType
	created time.Time
	private crypto.Signer
}

func (s *signer) KeyID() string      { return s.keyID }
func (s *signer) Type() sign.KeyType { return s.kind }
func (s *signer) Sign(m []byte) ([]byte, error) {
	if s.kind == sign.RSA {
		sum := sha256.Sum256(m)
		return s.private.Sign(nil, sum[:], crypto.SHA256)
	}
	return s.private.Sign(nil, m, crypto.Hash(0))
}

// Make creates the actor's next Ed25519 key in the caller's transaction. Its fragment
// is never reused: it holds the moment and the first bytes of the key itself.
func (k *Keyring) Make(ctx context.Context, tx bun.IDB, actor iri.IRI, now time.Time) (*models.Key, error) {
	public, private, err := ed25519.GenerateKey(k.rand)
	if err != nil {
		return nil, fmt.Errorf("make an Ed25519 key for %s: %w", actor, err)
	}
	id := iri.IRI(fmt.Sprintf("%s#ed-%s-%x", actor, now.UTC().Format("20060102"), public[:4]))
	sealed, err := k.seal.seal(private.Seed(), string(actor)+" "+string(id))
	if err != nil {
		return nil, fmt.Errorf("seal the key of %s: %w", actor, err)
	}
	row := &models.Key{Actor: actor, KeyID: id, Type: string(sign.Ed25519), Public: sign.EncodeEd25519(public), Sealed: sealed,
		State: models.KeyActive, CreatedAt: models.At(now.Truncate(time.Second))}
	if err := models.InsertKey(ctx, tx, row); err != nil {
		return nil, fmt.Errorf("keep the key of %s: %w", actor, err)
	}
	return row, nil
}

// newRSA makes an RSA key of the actor under its fixed id, outside any transaction: it
// takes a good part of a second. Nothing is kept yet.
func (k *Keyring) newRSA(actor iri.IRI, now time.Time) (*models.Key, error) {
	private, err := rsa.GenerateKey(k.rand, rsaBits)
	if err != nil {
		return nil, fmt.Errorf("make an RSA key for %s: %w", actor, err)
	}
	id := actor + "#rsa"
	sealed, err := k.seal.seal(x509.MarshalPKCS1PrivateKey(private), string(actor)+" "+string(id))
	if err != nil {
		return nil, err
	}
	public, err := sign.EncodeRSA(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	return &models.Key{Actor: actor, KeyID: id, Type: string(sign.RSA), Public: public, Sealed: sealed, State: models.KeyActive, CreatedAt: models.At(now)}, nil
}

// Signer returns the actor's signer of that type. An RSA key is made when the actor
// first needs one; inside a transaction (db not nil) it must be there already.
func (k *Keyring) Signer(ctx context.Context, db bun.IDB, actor iri.IRI, kind sign.KeyType, now time.Time) (sign.Signer, error) {
	k.mu.Lock()
	s := k.cache[cacheKey{actor, kind}]
	k.mu.Unlock()
	if s != nil && (db == nil || !k.store.Postgres()) {
		return s, nil
	}
	var row *models.Key
	var err error
	if db == nil {
		row, err = models.ActiveKey(ctx, k.store.R, actor, string(kind))
	} else if row, err = models.HoldKey(ctx, db, actor, string(kind), false); err == nil && s != nil && s.row == row.ID {
		return s, nil // no other process has rotated it meanwhile
	}
	if models.NotFound(err) && kind == sign.RSA && db == nil {
		k.making.Lock()
		defer k.making.Unlock()
		row, err = models.ActiveKey(ctx, k.store.W, actor, string(kind))
		if models.NotFound(err) {
			if _, err := models.ActiveKey(ctx, k.store.W, actor, string(sign.Ed25519)); err != nil {
				return nil, fmt.Errorf("sign for %s: it is no actor of ours: %w", actor, err)
			}
			if row, err = k.newRSA(actor, now); err == nil {
				err = models.InsertKey(ctx, k.store.W, row)
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("find the %s key of %s: %w", kind, actor, err)
	}
	if s, err = k.unseal(row); err != nil {
		return nil, err
	}
	if db == nil {
		// A key made in a transaction that is still open might never come to be.
		k.mu.Lock()
		k.cache[cacheKey{actor, kind}] = s
		k.mu.Unlock()
	}
	return s, nil
}

func (k *Keyring) unseal(row *models.Key) (*signer, error) {
	plain, err := k.seal.open(row.Sealed, string(row.Actor)+" "+string(row.KeyID))
	if err != nil {
		return nil, fmt.Errorf("open the key %s: %w", row.KeyID, err)
	}
	s := &signer{row: row.ID, keyID: string(row.KeyID), kind: sign.KeyType(row.Type), created: row.CreatedAt.Time()}
	if s.kind == sign.Ed25519 {
		s.private = ed25519.NewKeyFromSeed(plain)
		return s, nil
	}
	private, err := x509.ParsePKCS1PrivateKey(plain)
	if err != nil {
		return nil, fmt.Errorf("read the key %s: %w", row.KeyID, err)
	}
	s.private = private
	return s, nil
}

// Forget drops cached signers, after a rotation here or in another process.
func (k *Keyring) Forget() {
	k.mu.Lock()
	clear(k.cache)
	k.mu.Unlock()
}

// Prove adds the actor's FEP-8b32 proof to a document.
func (k *Keyring) Prove(ctx context.Context, db bun.IDB, actor iri.IRI, doc []byte, now time.Time) ([]byte, error) {
	s, err := k.Signer(ctx, db, actor, sign.Ed25519, now)
	if err != nil {
		return nil, err
	}
	// A rotation that this has waited for made the key later than the moment asked for.
	if own, ok := s.(*signer); ok && now.Before(own.created) {
		now = own.created
	}
	return sign.Prove(doc, s, now)
}

// SignRequest signs a request for the actor: Ed25519 with RFC 9421, RSA with the draft.
func (k *Keyring) SignRequest(ctx context.Context, actor iri.IRI, scheme string, req *http.Request, body []byte, now time.Time) error {
	return k.SignSummed(ctx, actor, scheme, req, body, sha256.Sum256(body), now)
}

// SignSummed is SignRequest for a body whose SHA-256 is known.
func (k *Keyring) SignSummed(ctx context.Context, actor iri.IRI, scheme string, req *http.Request, body []byte, sum [sha256.Size]byte, now time.Time) error {
	switch scheme {
	case SchemeRFC9421Ed25519, SchemeRFC9421RSA:
		kind := sign.Ed25519
		if scheme == SchemeRFC9421RSA {
			kind = sign.RSA
		}
		s, err := k.Signer(ctx, nil, actor, kind, now)
		if err != nil {
			return err
		}
		return sign.SignRFC9421Sum(req, sum, s, now)
	}
	s, err := k.Signer(ctx, nil, actor, sign.RSA, now)
	if err != nil {
		return err
	}
	return sign.SignCavage(req, body, s, now)
}

// Signature schemes towards a peer (PROTOCOL §2).
const (
	SchemeCavage         = "cavage"
	SchemeRFC9421RSA     = "rfc9421-rsa"
	SchemeRFC9421Ed25519 = "rfc9421-ed25519"
)

// Public returns the actor's keys as rows without their private halves, newest first.
func (k *Keyring) Public(ctx context.Context, db bun.IDB, actor iri.IRI) ([]*models.Key, error) {
	rows, err := models.KeysOf(ctx, db, actor)
	for _, r := range rows {
		r.Sealed = nil
	}
	return rows, err
}
