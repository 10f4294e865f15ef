package models

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// ReasonSuspended is why a delivery was cancelled that nothing but the suspension of its
// peer stopped. An index knows this text.
const ReasonSuspended = "held back: the peer is suspended here"

// HeldBack lists deliveries that a suspension stopped, and whose peer has its standing
// back, oldest first.
func HeldBack(ctx context.Context, db bun.IDB, limit int) ([]*Delivery, error) {
	var rows []*Delivery
	err := db.NewSelect().Model(&rows).Join("JOIN peers AS p ON p.host = delivery.host").Where("delivery.state = 'cancelled' AND delivery.reason = '"+ReasonSuspended+"'").
		Where("p.state IN ('accredited', 'guest')").OrderBy("delivery.id", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// ReviveDeliveries makes rows of HeldBack due now. The audience is asked again before
// each is sent.
func ReviveDeliveries(ctx context.Context, tx bun.Tx, rows []*Delivery, now Time) error {
	ids, hosts := idsOf(rows)
	if len(ids) == 0 {
		return nil
	}
	if _, err := tx.NewRaw(`UPDATE deliveries SET state = 'pending', reason = '', status = 0, next_at = ?, finished_at = 0 WHERE id IN (?) AND state = 'cancelled'`, now, bun.List(ids)).Exec(ctx); err != nil {
		return err
	}
	return NudgeHosts(ctx, tx, hosts, now)
}

// LeaveCancelled says why a row of HeldBack does not go out after all.
func LeaveCancelled(ctx context.Context, tx bun.Tx, id int64, reason string) error {
	_, err := rawExec(ctx, tx, `UPDATE deliveries SET reason = ? WHERE id = ? AND state = 'cancelled'`, clip(reason, 1000), id)
	return err
}

func idsOf(rows []*Delivery) (ids []int64, hosts []iri.Host) {
	for _, d := range rows {
		ids = append(ids, d.ID)
		if !slices.Contains(hosts, d.Host) {
			hosts = append(hosts, d.Host)
		}
	}
	return ids, hosts
}

// LatestDispatches returns the latest version of each of the dispatches that are here,
// with their text.
func LatestDispatches(ctx context.Context, db bun.IDB, ids []iri.IRI) (map[iri.IRI]*Dispatch, error) {
	out := map[iri.IRI]*Dispatch{}
	if len(ids) == 0 {
		return out, nil
	}
	var rows []*Dispatch
	err := db.NewSelect().Model(&rows).Where("d.latest").Where("d.iri IN (?)", bun.List(ids)).Scan(ctx)
	for _, d := range rows {
		out[d.IRI] = d
	}
	return out, err
}
