package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// DepartActor records that a remote account is closed: nothing has an inbox there any more,
// until its document is fetched again. Its keys stay, for what it signed. It tells whether
// the actor is known here and had not departed before.
func DepartActor(ctx context.Context, tx bun.Tx, actor iri.IRI, now Time) (bool, error) {
	n, err := rawExec(ctx, tx, `UPDATE actors SET inbox = '', shared_inbox = '', gone_at = ? WHERE iri = ? AND NOT local AND (gone_at = 0 OR inbox <> '')`, int64(now), string(actor))
	return n == 1, err
}

// CancelDeliveriesTo ends what has not left yet for one actor, and returns it.
func CancelDeliveriesTo(ctx context.Context, tx bun.Tx, actor iri.IRI, reason string, now Time) ([]*Delivery, error) {
	var rows []*Delivery
	err := tx.NewRaw(`UPDATE deliveries SET state = 'cancelled', reason = ?, finished_at = ? WHERE host = ? AND recipient = ? AND state = 'pending' RETURNING *`,
		reason, now, actor.Host(), actor).Scan(ctx, &rows)
	if NotFound(err) {
		err = nil
	}
	return rows, err
}

// Memberships lists what an actor is in or has reserved, by community.
func Memberships(ctx context.Context, db bun.IDB, actor iri.IRI, limit int) ([]*Member, error) {
	var rows []*Member
	err := db.NewSelect().Model(&rows).Where("actor = ?", actor).Where("state IN ('active', 'reserved')").OrderBy("community", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}
