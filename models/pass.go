package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Pass is a secret that is good once, for one purpose, until its end: a one-time link,
// a half-finished sign-in, the challenge of a passkey. The secret itself is not kept.
type Pass struct {
	bun.BaseModel `bun:"table:passes"`

	Hash      string `bun:",pk"` // SHA-256 of the secret, hexadecimal
	Kind      string
	Person    iri.IRI // "" for nobody yet
	Data      string
	MadeBy    string
	CreatedAt Time
	ExpiresAt Time
}

// InsertPass keeps one.
func InsertPass(ctx context.Context, db bun.IDB, p *Pass) error {
	_, err := rawExec(ctx, db, `INSERT INTO passes (hash, kind, person, data, made_by, created_at, expires_at) VALUES (?,?,?,?,?,?,?)`,
		p.Hash, p.Kind, string(p.Person), p.Data, p.MadeBy, int64(p.CreatedAt), int64(p.ExpiresAt))
	return err
}

// PassByHash returns one that is still good, or NotFound.
func PassByHash(ctx context.Context, db bun.IDB, kind, hash string, now Time) (*Pass, error) {
	p := new(Pass)
	err := rawRow(ctx, db, `SELECT hash, kind, person, data, made_by, created_at, expires_at FROM passes WHERE hash = ? AND kind = ? AND expires_at > ?`,
		[]any{hash, kind, int64(now)}, &p.Hash, &p.Kind, &p.Person, &p.Data, &p.MadeBy, &p.CreatedAt, &p.ExpiresAt)
	return p, err
}

// SpendPass takes one away; of two who try, one succeeds.
func SpendPass(ctx context.Context, db bun.IDB, hash string) (bool, error) {
	n, err := rawExec(ctx, db, `DELETE FROM passes WHERE hash = ?`, hash)
	return n == 1, err
}

// DropPasses takes away all of one kind of a person.
func DropPasses(ctx context.Context, db bun.IDB, kind string, person iri.IRI) error {
	_, err := rawExec(ctx, db, `DELETE FROM passes WHERE kind = ? AND person = ?`, kind, string(person))
	return err
}

// DropPassesFor takes away those of one kind with the same data.
func DropPassesFor(ctx context.Context, db bun.IDB, kind string, person iri.IRI, data string) error {
	_, err := rawExec(ctx, db, `DELETE FROM passes WHERE kind = ? AND person = ? AND data = ?`, kind, string(person), data)
	return err
}

// PassFor returns the newest of one kind with the given data that is still good, or
// NotFound.
func PassFor(ctx context.Context, db bun.IDB, kind string, person iri.IRI, data string, now Time) (*Pass, error) {
	p := new(Pass)
	err := rawRow(ctx, db, `SELECT hash, kind, person, data, made_by, created_at, expires_at FROM passes WHERE kind = ? AND person = ? AND data = ? AND expires_at > ? ORDER BY created_at DESC LIMIT 1`,
		[]any{kind, string(person), data, int64(now)}, &p.Hash, &p.Kind, &p.Person, &p.Data, &p.MadeBy, &p.CreatedAt, &p.ExpiresAt)
	return p, err
}

// ForgetPasses takes away those whose end has passed.
func ForgetPasses(ctx context.Context, db bun.IDB, now Time) error {
	_, err := rawExec(ctx, db, `DELETE FROM passes WHERE expires_at <= ?`, int64(now))
	return err
}

// CountAttempt counts a try of each name as if it had failed, in order, unless one of
// them has to wait; then it returns that moment and nothing may be tried (the caller
// rolls back). wait says how long the next try must wait after so many failures. A name
// without failures since forget begins anew. Counting comes before trying, so that many
// tries at once cannot all pass.
func CountAttempt(ctx context.Context, tx bun.Tx, names []string, now, forget Time, wait func(name string, failures int64) Time) (until Time, err error) {
	for _, name := range names {
		var failures int64
		err := rawRow(ctx, tx, `INSERT INTO attempts (name, failures, last_at) VALUES (?, 1, ?)
			ON CONFLICT (name) DO UPDATE SET failures = CASE WHEN attempts.last_at < ? THEN 1 ELSE attempts.failures + 1 END, last_at = EXCLUDED.last_at
			WHERE attempts.wait_until <= ? RETURNING failures`, []any{name, int64(now), int64(forget), int64(now)}, &failures)
		if NotFound(err) {
			err = rawRow(ctx, tx, `SELECT wait_until FROM attempts WHERE name = ?`, []any{name}, &until)
			return until, err
		}
		if err != nil {
			return 0, err
		}
		if _, err := rawExec(ctx, tx, `UPDATE attempts SET wait_until = ? WHERE name = ?`, int64(wait(name, failures)), name); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// ForgiveAttempt takes back the last counted failure of a name.
func ForgiveAttempt(ctx context.Context, db bun.IDB, name string, now Time) error {
	_, err := rawExec(ctx, db, `UPDATE attempts SET failures = failures - 1, wait_until = ? WHERE name = ? AND failures > 0`, int64(now), name)
	return err
}

// ClearAttempts forgets the failures of a name.
func ClearAttempts(ctx context.Context, db bun.IDB, name string) error {
	_, err := rawExec(ctx, db, `DELETE FROM attempts WHERE name = ?`, name)
	return err
}

// ForgetAttempts drops counters that were last touched before a moment.
func ForgetAttempts(ctx context.Context, db bun.IDB, before Time) error {
	_, err := rawExec(ctx, db, `DELETE FROM attempts WHERE last_at < ?`, int64(before))
	return err
}
