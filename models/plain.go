package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// NotesSent lists what was queued for one actor about an object under ids that begin with
// prefix: the notes of a dispatch on software that knows no dispatches.
func NotesSent(ctx context.Context, db bun.IDB, object, actor iri.IRI, prefix string) ([]*Delivery, error) {
	var rows []*Delivery
	err := db.NewSelect().Model(&rows).Where("object_id = ?", object).Where("recipient = ?", actor).Where("substr(activity, 1, ?) = ?", len(prefix), prefix).
		OrderBy("id", bun.OrderAsc).Limit(1000).Scan(ctx)
	return rows, err
}

// NotesTo lists what was sent to a host of the note that a dispatch has for an addressee
// there, oldest first: activities whose ids begin with the prefix. What was cancelled never
// went.
func NotesTo(ctx context.Context, db bun.IDB, object iri.IRI, host iri.Host, prefix string) ([]*Delivery, error) {
	var rows []*Delivery
	err := db.NewSelect().Model(&rows).Where("object_id = ?", object).Where("host = ?", host).Where("substr(activity, 1, ?) = ?", len(prefix), prefix).
		Where("state <> ?", DeliveryCancelled).OrderBy("id", bun.OrderAsc).Limit(1000).Scan(ctx)
	return rows, err
}
