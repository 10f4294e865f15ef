package models_test

import (
	"context"
	"errors"
	"testing"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/modeltest"
)

// Only the transaction that asks for it commits asynchronously: whatever comes after it on
// the same connection, and after it failed, waits for the disk.
func TestAsyncTx(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ask, synchronous, asynchronous := "PRAGMA synchronous", "2", "1" // FULL, NORMAL
		if s.Postgres() {
			ask, asynchronous = "SHOW synchronous_commit", "off"
			must(t, s.W.QueryRowContext(t.Context(), ask).Scan(&synchronous)) // the test's server may have it off
		}
		setting := func(what, want string, db bun.IDB) {
			t.Helper()
			var got string
			if err := db.QueryRowContext(t.Context(), ask).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %s (%v), want %s", what, got, err, want)
			}
		}
		failed := errors.New("failed")
		for _, verdict := range []error{nil, failed} {
			err := s.InAsyncTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				setting("in it", asynchronous, tx)
				must(t, models.NudgeHosts(ctx, tx, nil, noon))
				return verdict
			})
			if !errors.Is(err, verdict) {
				t.Errorf("%v, want %v", err, verdict)
			}
			setting("after it", synchronous, s.W)
			in(t, s, func(_ context.Context, tx bun.Tx) error { setting("in the next", synchronous, tx); return nil })
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if err := s.InAsyncTx(ended, func(context.Context, bun.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("begun too late: %v", err)
		}
		setting("after one that did not begin", synchronous, s.W)
	})
}
