package dispatches

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// reviveMost bounds the deliveries that one turn looks at, with their texts.
const reviveMost = 50

// Revive sends on what the suspension of a peer has held back, once the peer has its
// standing again: whatever still stands, is valid, and (as the delivery asks again) still
// has its reader in the audience. The office is told both of what goes and of what does
// not. It returns how many deliveries it settled.
func (s *Dispatches) Revive(ctx context.Context) (int, error) {
	rows, err := models.HeldBack(ctx, s.Store.R, reviveMost)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	var ids []iri.IRI
	for _, d := range rows {
		if d.Purpose == models.PurposeDispatch {
			ids = append(ids, d.ObjectID)
		}
	}
	latest, err := models.LatestDispatches(ctx, s.Store.R, ids)
	if err != nil {
		return 0, fmt.Errorf("read what a suspension held back: %w", err)
	}
	now := s.now()
	var again []*models.Delivery
	dropped := map[*models.Delivery]string{}
	for _, d := range rows {
		if why := s.stale(d, latest[d.ObjectID], now.Time()); why != "" {
			dropped[d] = why
		} else {
			again = append(again, d)
		}
	}
	err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := models.ReviveDeliveries(ctx, tx, again, now); err != nil {
			return err
		}
		for _, d := range again {
			if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: d.Actor, Kind: "delivery resumed", Subject: string(d.ObjectID), CreatedAt: now,
				Detail: fmt.Sprintf("the suspension of %s has ended: what was held back for it goes out now", d.Host)}); err != nil {
				return err
			}
		}
		for d, why := range dropped {
			if err := models.LeaveCancelled(ctx, tx, d.ID, "held back by a suspension, and not sent afterwards: "+why); err != nil {
				return err
			}
			if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: d.Actor, Kind: "delivery not resumed", Subject: string(d.ObjectID), CreatedAt: now,
				Detail: fmt.Sprintf("the suspension of %s has ended, and what was held back for it is not sent: %s", d.Host, why)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("send on what a suspension held back: %w", err)
	}
	return len(rows), nil
}

// stale says why a delivery of a dispatch makes no sense any more, or "". A comment that
// was deleted has no bytes, so that its delivery ends by itself.
func (s *Dispatches) stale(row *models.Delivery, d *models.Dispatch, now time.Time) string {
	switch {
	case row.Purpose != models.PurposeDispatch:
		return ""
	case d == nil || d.State == models.DispatchWithdrawn || d.Document == nil:
		return "it was withdrawn"
	case d.State != models.DispatchInForce:
		return "it was " + d.State
	case row.ObjectVersion != d.Version:
		return fmt.Sprintf("it was replaced by version %d", d.Version)
	}
	n, err := vocab.ParseJSON(d.Document)
	if err != nil {
		return "its text cannot be read: " + err.Error()
	}
	w, err := vocab.ParseDispatch(n, s.Rules)
	if err != nil {
		return "its text cannot be read: " + err.Error()
	}
	if !w.ValidUntil.IsZero() && w.ValidUntil.Before(now) {
		return "its validity ended on " + w.ValidUntil.Format(time.DateOnly)
	}
	return ""
}
