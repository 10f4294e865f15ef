package models_test

import (
	"context"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

// Two transactions that take two rows in opposite order both end well, one of them after
// it was ended for the other's sake.
func TestATransactionEndedForAnotherRunsAgain(t *testing.T) {
	s, err := models.Open(t.Context(), modeltest.Postgres(t))
	must(t, err)
	t.Cleanup(func() { s.Close() })
	must(t, s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw(`INSERT INTO hosts (host, due_at) VALUES ('a.example', 0), ('b.example', 0)`).Exec(ctx)
		return err
	}))
	var both sync.WaitGroup
	both.Add(2)
	met := sync.OnceFunc(func() { both.Wait() })
	runs, lock := 0, sync.Mutex{}
	move := func(first, second iri.Host) error {
		arrived := sync.OnceFunc(both.Done)
		return s.InTxAgain(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			lock.Lock()
			runs++
			lock.Unlock()
			if _, err := tx.NewRaw(`UPDATE hosts SET failures = failures + 1 WHERE host = ?`, first).Exec(ctx); err != nil {
				return err
			}
			arrived()
			met()
			_, err := tx.NewRaw(`UPDATE hosts SET failures = failures + 1 WHERE host = ?`, second).Exec(ctx)
			return err
		})
	}
	done := make(chan error, 2)
	go func() { done <- move("a.example", "b.example") }()
	go func() { done <- move("b.example", "a.example") }()
	must(t, <-done)
	must(t, <-done)
	for _, h := range []iri.Host{"a.example", "b.example"} {
		row, err := models.HostByName(t.Context(), s.R, h)
		must(t, err)
		if row.Failures != 2 {
			t.Errorf("%s was counted %d times", h, row.Failures)
		}
	}
	if runs < 3 {
		t.Errorf("%d runs: neither was ended for the other's sake", runs)
	}
}
