package models_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

// Two transactions that take two rows in opposite order both end well, one of them after
// it was ended for the other's sake.
func TestATransactionEndedForAnotherRunsAgain(t *testing.T) {
	s, err := models.Open(t.Context(), modeltest.PostgresReady(t))
	must(t, err)
	t.Cleanup(func() { s.Close() })
	must(t, s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw(`INSERT INTO hosts (host, due_at) VALUES ('a.example', 0), ('b.example', 0)`).Exec(ctx)
		return err
	}))
	runs := cross(t, s, func(ctx context.Context, tx bun.Tx, host iri.Host) error {
		_, err := tx.NewRaw(`UPDATE hosts SET failures = failures + 1 WHERE host = ?`, host).Exec(ctx)
		return err
	})
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

// What sends to two hosts in opposite order never waits for each other in a ring.
func TestDeliveriesInOppositeOrderCannotDeadlock(t *testing.T) {
	s, err := models.Open(t.Context(), modeltest.PostgresReady(t))
	must(t, err)
	t.Cleanup(func() { s.Close() })
	var n int64
	var lock sync.Mutex
	send := func(ctx context.Context, tx bun.Tx, host iri.Host) error {
		lock.Lock()
		n++
		id := iri.IRI(host.Base() + "/a/" + string(rune('a'+n)))
		lock.Unlock()
		return models.InsertDeliveries(ctx, tx, []*models.Delivery{{Host: host, Inbox: iri.IRI(host.Base() + "/inbox"), Activity: id, Lane: string(id), NextAt: 1000, CreatedAt: 1000}})
	}
	for _, known := range []string{"at their first delivery", "when they are known"} {
		if runs := cross(t, s, send); runs != 2 {
			t.Errorf("%s: %d runs", known, runs)
		}
	}
	for _, h := range []iri.Host{"a.example", "b.example"} {
		if row, err := models.HostByName(t.Context(), s.R, h); err != nil || row.DueAt != 1000 {
			t.Errorf("%s is due at %v (%v)", h, row.DueAt, err)
		}
	}
	// A courier that gives both back takes them in the same order.
	back := func(order ...iri.Host) func(ctx context.Context, tx bun.Tx) error {
		return func(ctx context.Context, tx bun.Tx) error {
			if err := send(ctx, tx, "b.example"); err != nil {
				return err
			}
			if err := models.LockHosts(ctx, tx, order); err != nil {
				return err
			}
			for _, h := range order {
				if err := models.ReleaseHost(ctx, tx, &models.Host{Host: h}, 0); err != nil {
					return err
				}
			}
			return nil
		}
	}
	var runs atomic.Int64
	once := func(fn func(ctx context.Context, tx bun.Tx) error) func(ctx context.Context, tx bun.Tx) error {
		return func(ctx context.Context, tx bun.Tx) error {
			runs.Add(1)
			return fn(ctx, tx)
		}
	}
	done := make(chan error, 40)
	for range 20 {
		go func() { done <- s.InTx(t.Context(), once(back("b.example", "a.example"))) }()
		go func() { done <- s.InTx(t.Context(), once(back("a.example"))) }()
	}
	for range cap(done) {
		must(t, <-done)
	}
	if runs.Load() != int64(cap(done)) {
		t.Errorf("%d transactions took %d runs", cap(done), runs.Load())
	}
}

// cross runs step for a.example and then b.example in one transaction and in the opposite
// order in another, which meet in between, and returns how often they began.
func cross(t *testing.T, s *models.Store, step func(ctx context.Context, tx bun.Tx, host iri.Host) error) int {
	t.Helper()
	var both sync.WaitGroup
	both.Add(2)
	runs, lock := 0, sync.Mutex{}
	move := func(first, second iri.Host) error {
		arrived := sync.OnceFunc(both.Done)
		return s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			lock.Lock()
			runs++
			lock.Unlock()
			if err := step(ctx, tx, first); err != nil {
				return err
			}
			arrived()
			both.Wait()
			return step(ctx, tx, second)
		})
	}
	done := make(chan error, 2)
	go func() { done <- move("a.example", "b.example") }()
	go func() { done <- move("b.example", "a.example") }()
	must(t, <-done)
	must(t, <-done)
	return runs
}

// What stays in the way is said in words, and after a bounded number of tries.
func TestATransactionThatIsEndedEachTime(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		for _, code := range []string{"40P01", "40001"} {
			runs := 0
			err := s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				runs++
				if _, err := tx.NewRaw(`INSERT INTO hosts (host, due_at) VALUES ('a.example', 0)`).Exec(ctx); err != nil {
					return err
				}
				return &pgconn.PgError{Code: code}
			})
			if !errors.Is(err, models.ErrBusy) || !models.IsBusy(err) || runs != 5 {
				t.Errorf("%s: %v after %d runs", code, err, runs)
			}
		}
		if _, err := models.HostByName(t.Context(), s.R, "a.example"); !models.NotFound(err) {
			t.Errorf("something was kept: %v", err)
		}
		runs := 0
		if err := s.InTx(t.Context(), func(context.Context, bun.Tx) error { runs++; return sql.ErrNoRows }); err != sql.ErrNoRows || runs != 1 {
			t.Errorf("another error: %v after %d runs", err, runs)
		}
	})
}

// Another program that holds the SQLite file for longer than SQLite waits delays a
// transaction and does not end it.
func TestAnotherProgramHoldsTheFile(t *testing.T) {
	t.Parallel()
	url := modeltest.SQLite(t)
	s, err := models.Open(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	other, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(url, "sqlite:")+"?_txlock=immediate")
	must(t, err)
	t.Cleanup(func() { other.Close() })
	held, err := other.Begin()
	must(t, err)
	began := time.Now()
	time.AfterFunc(5500*time.Millisecond, func() { held.Rollback() })
	must(t, s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw(`INSERT INTO hosts (host, due_at) VALUES ('a.example', 0)`).Exec(ctx)
		return err
	}))
	if took := time.Since(began); took < 5*time.Second {
		t.Errorf("the file was free after %s", took)
	}
}
