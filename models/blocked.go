package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// BlockedPerson is a person of ours who may not come in. Her mandates stay as records, and
// nobody exercises them.
type BlockedPerson struct {
	bun.BaseModel `bun:"table:blocked_persons,alias:b"`

	Person iri.IRI `bun:",pk"`
	MadeBy string
	Reason string
	At     Time
}

// notBlocked is the condition that a row with a column person is of somebody who may come in.
const notBlocked = `NOT EXISTS (SELECT 1 FROM blocked_persons AS b WHERE b.person = `

// BlockPerson blocks a person; false where she was blocked before.
func BlockPerson(ctx context.Context, tx bun.Tx, b *BlockedPerson) (bool, error) {
	n, err := rawExec(ctx, tx, `INSERT INTO blocked_persons (person, made_by, reason, at) VALUES (?,?,?,?) ON CONFLICT (person) DO NOTHING`, string(b.Person), b.MadeBy, clip(b.Reason, 1000), int64(b.At))
	return n == 1, err
}

// UnblockPerson lifts that; false where she was not blocked.
func UnblockPerson(ctx context.Context, tx bun.Tx, person iri.IRI) (bool, error) {
	n, err := rawExec(ctx, tx, `DELETE FROM blocked_persons WHERE person = ?`, string(person))
	return n == 1, err
}

// IsBlocked tells whether a person of ours may not come in.
func IsBlocked(ctx context.Context, db bun.IDB, person iri.IRI) (bool, error) {
	return db.NewSelect().Model((*BlockedPerson)(nil)).Where("person = ?", person).Exists(ctx)
}

// BlockedAmong returns those of the persons who are blocked.
func BlockedAmong(ctx context.Context, db bun.IDB, persons []iri.IRI) (map[iri.IRI]*BlockedPerson, error) {
	out := map[iri.IRI]*BlockedPerson{}
	if len(persons) == 0 {
		return out, nil
	}
	var rows []*BlockedPerson
	err := db.NewSelect().Model(&rows).Where("person IN (?)", bun.List(persons)).Scan(ctx)
	for _, b := range rows {
		out[b.Person] = b
	}
	return out, err
}
