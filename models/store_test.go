package models_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

const (
	ministry = iri.IRI("https://ministry.example/o/europe")
	embassy  = iri.IRI("https://embassy.example/o/chancery")
	alice    = iri.IRI("https://ministry.example/u/alice")
	bob      = iri.IRI("https://ministry.example/u/bob")
	expert   = iri.IRI("https://institute.example/u/expert")
	group    = iri.IRI("https://embassy.example/g/r7")
	cable    = iri.IRI("https://ministry.example/d/1")
)

// noon is the moment at which tests begin.
var noon = models.At(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))

// must ends the test when err is not nil.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// in runs fn in one write transaction, which must commit.
func in(t *testing.T, s *models.Store, fn func(ctx context.Context, tx bun.Tx) error) {
	t.Helper()
	must(t, s.InTx(t.Context(), fn))
}

// gather runs fn n times at once, in a write transaction each, and returns the errors.
func gather(t *testing.T, s *models.Store, n int, fn func(ctx context.Context, tx bun.Tx, i int) error) []error {
	t.Helper()
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return fn(ctx, tx, i) })
		})
	}
	close(start)
	wg.Wait()
	return errs
}

var errRollBack = errors.New("roll back")

func TestInTxRollsBack(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		write := func(ctx context.Context, tx bun.Tx) error {
			return models.InsertOffice(ctx, tx, &models.Office{IRI: ministry, Code: "EUR", CreatedAt: noon})
		}
		err := s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return errors.Join(write(ctx, tx), errRollBack) })
		if !errors.Is(err, errRollBack) {
			t.Fatalf("a failing transaction: %v", err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a panic inside a transaction does not pass through")
				}
			}()
			_ = s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				must(t, write(ctx, tx))
				panic("inside")
			})
		}()
		if _, err := models.OfficeByIRI(t.Context(), s.R, ministry); !models.NotFound(err) {
			t.Errorf("a row of a rolled back transaction: %v", err)
		}
		// The writer is free again.
		in(t, s, write)
		if _, err := models.OfficeByIRI(t.Context(), s.R, ministry); err != nil {
			t.Error(err)
		}
	})
}

func TestReadPoolCannotWriteSQLite(t *testing.T) {
	s := modeltest.DB(t)
	if _, err := s.R.NewRaw(`DELETE FROM audit`).Exec(t.Context()); err == nil {
		t.Error("the read pool wrote")
	}
}

func TestInstanceIsFixedOnce(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		if _, err := models.ReadInstance(ctx, s.R); !models.NotFound(err) {
			t.Fatalf("a fresh database: %v", err)
		}
		must(t, models.InsertInstance(ctx, s.W, &models.Instance{Host: "ministry.example", SealFingerprint: "f", CreatedAt: noon}))
		if err := models.InsertInstance(ctx, s.W, &models.Instance{Host: "other.example", SealFingerprint: "g", CreatedAt: noon}); !models.IsConflict(err) {
			t.Errorf("a second host name: %v", err)
		}
		must(t, models.BumpEpoch(ctx, s.W))
		row, err := models.ReadInstance(ctx, s.R)
		must(t, err)
		if row.Host != "ministry.example" || row.SealFingerprint != "f" || row.ConfigEpoch != 2 || row.CreatedAt != noon {
			t.Errorf("got %+v", row)
		}
	})
}

func TestOpenRefusesOtherURLs(t *testing.T) {
	for _, url := range []string{"", "valise.db", "mysql://localhost/valise"} {
		if s, err := models.Open(t.Context(), url); err == nil {
			s.Close()
			t.Errorf("%q opened", url)
		}
	}
}
