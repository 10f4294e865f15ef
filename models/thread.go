package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Answer says that one dispatch answers another.
type Answer struct {
	Dispatch iri.IRI
	Target   iri.IRI
}

// AnswersOf lists what the given dispatches answer.
func AnswersOf(ctx context.Context, db bun.IDB, dispatches []iri.IRI, limit int) ([]Answer, error) {
	return answers(ctx, db, "dispatch", dispatches, limit)
}

// AnswersTo lists what answers the given dispatches.
func AnswersTo(ctx context.Context, db bun.IDB, targets []iri.IRI, limit int) ([]Answer, error) {
	return answers(ctx, db, "target", targets, limit)
}

func answers(ctx context.Context, db bun.IDB, column string, ids []iri.IRI, limit int) ([]Answer, error) {
	var rows []Answer
	if len(ids) == 0 {
		return nil, nil
	}
	err := db.NewSelect().Model((*DispatchReference)(nil)).Column("dispatch", "target").Where("answers").Where("? IN (?)", bun.Ident(column), bun.List(ids)).
		OrderBy("dispatch", bun.OrderAsc).OrderBy("target", bun.OrderAsc).Limit(int64(limit)).Scan(ctx, &rows)
	return rows, err
}

// ContextDispatches lists the latest versions of the dispatches in a conversation that a
// condition of the audience admits, oldest first, without their text.
func ContextDispatches(ctx context.Context, db bun.IDB, conversation iri.IRI, cond string, args []any, limit int) ([]*Dispatch, error) {
	var rows []*Dispatch
	err := db.NewSelect().Model(&rows).ExcludeColumn("document", "tombstone").Where("d.latest").Where("d.context = ?", conversation).Where("d.context <> ''").
		Where(cond, args...).OrderBy("id", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}
