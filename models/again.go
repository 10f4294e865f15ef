package models

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"
	"modernc.org/sqlite"
)

// againMost bounds how often a transaction is begun that the database ended for another's
// sake, againWithin for how long; a try waits at most againPause times its number.
const (
	againMost   = 5
	againWithin = 20 * time.Second
	againPause  = 20 * time.Millisecond
)

// ErrBusy is a transaction that the database ended for the sake of others as often as it
// was begun. Nothing of it was kept.
var ErrBusy = errors.New("the database is busy with other work; nothing was changed; try again in a moment")

// InTx runs fn in one write transaction and commits if it returns nil. A panic rolls
// back. fn must use tx alone, and must not touch the network.
//
// Where the database ends the transaction so that another can go on (PostgreSQL 40P01 and
// 40001), or does not let it begin (SQLITE_BUSY), fn runs again from its beginning, in the
// end with ErrBusy. So fn leaves nothing behind but what it writes through tx, and sets
// afresh each time what it hands to its caller.
//
// Hosts that fn nudges are nudged in one sorted statement after it: transactions that
// nudge take hosts in one order, and hold them no longer than the commit.
func (s *Store) InTx(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	return s.inTx(ctx, fn)
}

// InAsyncTx is InTx with an asynchronous commit: everybody sees it at once, and it is on
// disk with the next commit of InTx. If the process ends, nothing is lost; if the machine stops, it
// may be, and never without what was committed after it. So it is for what is then done again.
func (s *Store) InAsyncTx(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	if !s.Postgres() {
		return s.inTx(context.WithValue(ctx, asyncKey{}, true), fn)
	}
	return s.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, "SET LOCAL synchronous_commit = off"); err != nil {
			return err
		}
		return fn(ctx, tx)
	})
}

func (s *Store) inTx(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	defer s.written.Add(1)
	for began, try := time.Now(), 1; ; try++ {
		err := s.W.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			due := nudges{}
			if err := fn(context.WithValue(ctx, nudgesKey{}, due), tx); err != nil {
				return err
			}
			return due.write(ctx, tx)
		})
		if err == nil || ctx.Err() != nil || !IsBusy(err) {
			return err
		}
		if try == againMost || time.Since(began) > againWithin {
			return fmt.Errorf("%w (after %d tries: %w)", ErrBusy, try, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(rand.N(time.Duration(try) * againPause)):
		}
	}
}

// IsBusy tells whether err says that the database ended a statement or a transaction for
// another's sake: the same may succeed a moment later.
func IsBusy(err error) bool {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code == "40P01" || pe.Code == "40001"
	}
	var se *sqlite.Error
	if errors.As(err, &se) {
		return se.Code()&0xff == 5 || se.Code()&0xff == 6 // SQLITE_BUSY, SQLITE_LOCKED
	}
	return errors.Is(err, ErrBusy)
}
