package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Key states. A retired key verifies what it signed in its lifetime; a compromised
// one only what was recorded before RevokedAt.
const (
	KeyActive      = "active"
	KeyRetired     = "retired"
	KeyCompromised = "compromised"
	// KeyHeld is a new key of an accredited peer's actor without endorsement.
	KeyHeld = "held"
)

// Key is a public key that we have seen, ours with its sealed private half.
type Key struct {
	bun.BaseModel `bun:"table:keys"`

	ID    int64 `bun:",pk,autoincrement"`
	Actor iri.IRI
	KeyID iri.IRI
	Type  string // "rsa" or "ed25519"
	// Public is a PEM SubjectPublicKeyInfo (RSA) or a Multikey (Ed25519).
	Public           string
	Sealed           []byte
	State            string
	CreatedAt        Time
	RevokedAt        Time
	RevocationReason string
	// Entry is the signed key-history entry of a retired or compromised key.
	Entry []byte
}

// KeyByID returns the rows of one key id, active first. An RSA key id is fixed, so
// that several values may have stood behind it.
func KeyByID(ctx context.Context, db bun.IDB, id iri.IRI) ([]*Key, error) {
	var rows []*Key
	err := db.NewSelect().Model(&rows).Where("key_id = ?", id).OrderExpr("CASE state WHEN 'active' THEN 0 ELSE 1 END, id DESC").Limit(20).Scan(ctx)
	return rows, err
}

// KeysOf returns all keys of an actor, newest first.
func KeysOf(ctx context.Context, db bun.IDB, actor iri.IRI) ([]*Key, error) {
	var rows []*Key
	err := db.NewSelect().Model(&rows).Where("actor = ?", actor).OrderBy("id", bun.OrderDesc).Limit(200).Scan(ctx)
	return rows, err
}

// ActiveKey returns the key of that type which the actor signs with now.
func ActiveKey(ctx context.Context, db bun.IDB, actor iri.IRI, kind string) (*Key, error) {
	k := new(Key)
	err := db.NewSelect().Model(k).Where("actor = ?", actor).Where("type = ?", kind).Where("state = ?", KeyActive).
		OrderBy("id", bun.OrderDesc).Limit(1).Scan(ctx)
	return k, err
}

// HoldKey is ActiveKey for a transaction that signs: a rotation by another process waits
// until it has ended. With exclusive set it is the rotation, and waits for those.
func HoldKey(ctx context.Context, db bun.IDB, actor iri.IRI, kind string, exclusive bool) (*Key, error) {
	k := new(Key)
	q := db.NewSelect().Model(k).Where("actor = ?", actor).Where("type = ?", kind).Where("state = ?", KeyActive).OrderBy("id", bun.OrderDesc).Limit(1)
	switch {
	case !isPG(db): // SQLite has one writer
	case exclusive:
		q = q.For("UPDATE")
	default:
		q = q.For("SHARE")
	}
	return k, q.Scan(ctx)
}

// HeldActors lists the actors of a host that have keys without endorsement.
func HeldActors(ctx context.Context, db bun.IDB, host iri.Host) ([]iri.IRI, error) {
	var out []iri.IRI
	err := db.NewRaw(`SELECT DISTINCT k.actor FROM keys AS k JOIN actors AS a ON a.iri = k.actor WHERE a.host = ? AND k.state = 'held' ORDER BY k.actor LIMIT 10000`, host).Scan(ctx, &out)
	return out, err
}

// InsertKey adds a key; the same value under the same id is IsConflict.
func InsertKey(ctx context.Context, db bun.IDB, k *Key) error {
	_, err := db.NewInsert().Model(k).Exec(ctx)
	return err
}

// SetKeyState records retirement or compromise.
func SetKeyState(ctx context.Context, db bun.IDB, k *Key) error {
	_, err := db.NewUpdate().Model(k).Column("state", "revoked_at", "revocation_reason", "entry", "created_at").WherePK().Exec(ctx)
	return err
}

// KeepKeyDocument keeps an actor document as fetched, by its digest, so that the
// evidence of an arrival verifies offline.
func KeepKeyDocument(ctx context.Context, db bun.IDB, digest string, document []byte, now Time) error {
	_, err := rawExec(ctx, db, `INSERT INTO key_documents (digest, document, seen_at) VALUES (?,?,?) ON CONFLICT (digest) DO NOTHING`, digest, document, int64(now))
	return err
}

// KeyDocument returns a kept document.
func KeyDocument(ctx context.Context, db bun.IDB, digest string) ([]byte, error) {
	var doc []byte
	err := db.NewRaw(`SELECT document FROM key_documents WHERE digest = ?`, digest).Scan(ctx, &doc)
	return doc, err
}

// HoldKeys puts every active key of a host's actors on hold, but the pinned one: each
// becomes active again once its endorsement was seen.
func HoldKeys(ctx context.Context, db bun.IDB, host iri.Host, pinned string) error {
	_, err := db.NewRaw(`UPDATE keys SET state = 'held' WHERE state = 'active' AND public <> ? AND actor IN (SELECT iri FROM actors WHERE host = ? AND NOT local)`, pinned, host).Exec(ctx)
	return err
}
