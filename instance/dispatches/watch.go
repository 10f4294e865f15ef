package dispatches

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"valise/models"
)

// watchBack bounds how far back late dispatches are looked for.
const watchBack = 30 * 24 * time.Hour

// watchMost bounds how many notices one turn makes.
const watchMost = 100

// Watch tells an office which of its dispatches were not delivered, and which ACTION
// addressee has not taken one, within the time of the precedence. Each is told once. It
// returns how many.
func (s *Dispatches) Watch(ctx context.Context) (int, error) {
	told := 0
	if err := models.ForgetStuck(ctx, s.Store.W); err != nil {
		return told, fmt.Errorf("forget what is no longer late: %w", err)
	}
	for _, level := range s.Profile.Levels {
		for _, duty := range []struct {
			within  time.Duration
			station string
			mark    string
			role    string
			say     string
		}{
			{level.DeliverWithin, models.Delivered, "late", "", "%s was not delivered to %s within %s (%s)"},
			{level.AcknowledgeWithin, models.Taken, "unacknowledged", models.RoleAction, "%s was not taken for action by %s within %s (%s)"},
		} {
			if duty.within <= 0 {
				continue
			}
			rows, err := models.LateAddressees(ctx, s.Store.R, models.LateQuery{Precedence: level.Name, Before: s.now().Add(-duty.within), After: s.now().Add(-watchBack),
				Station: duty.station, Mark: duty.mark, Role: duty.role, Limit: watchMost})
			if err != nil {
				return told, fmt.Errorf("look for late dispatches: %w", err)
			}
			if len(rows) == 0 {
				continue
			}
			err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
				for _, r := range rows {
					if err := models.InsertEvidence(ctx, tx, &models.Evidence{Dispatch: r.Dispatch, Version: r.Version, Addressee: r.Actor, Station: duty.mark, ByActor: r.Author, At: s.now(), Detail: "not within " + duty.within.String()}); err != nil {
						return err
					}
					if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: r.Author, Kind: "dispatch " + duty.mark, Subject: string(r.Dispatch), CreatedAt: s.now(),
						Detail: fmt.Sprintf(duty.say, r.Reference, r.Actor, inWords(duty.within), level.Name)}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return told, fmt.Errorf("tell of late dispatches: %w", err)
			}
			told += len(rows)
		}
	}
	return told, nil
}

// inWords writes the time of a precedence for people.
func inWords(d time.Duration) string {
	n, unit := int64(d/time.Minute), "minute"
	if d%time.Hour == 0 {
		n, unit = int64(d/time.Hour), "hour"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}
