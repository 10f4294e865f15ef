// Package search finds dispatches, comments and archive records by their words. It
// keeps the index in line with what is kept, and shows, counts and completes nothing but
// what the audience function grants the reader.
package search

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/instance/audit"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
	"valise/models/lexicon"
)

// Search is the service.
type Search struct {
	Store *models.Store
	Guard policy.Guard
	Rules iri.Rules
	Log   *slog.Logger
	Now   func() time.Time
	// Pressed tells whether work that goes first waits: Step then ends after one batch.
	// nil: never.
	Pressed func() bool

	stale sync.Once   // entries of another normaliser are asked for once in a process
	parts atomic.Bool // the index has parts that can be joined
}

func (s *Search) now() models.Time { return models.At(s.Now()) }

// Sizes of a turn: what is read at once, and how long one transaction may take words
// in. DESIGN: no write transaction lasts over 50 ms.
const (
	batch     = 40
	turnMost  = 20 * time.Millisecond
	stepMost  = 10 // batches of one Step
	queueMost = 500
)

// Step indexes what waits, a few batches of it, and returns how many objects it took off
// the queue. It is safe in several processes at once.
func (s *Search) Step(ctx context.Context) (int, error) {
	var err error
	s.stale.Do(func() {
		s.parts.Store(true) // an earlier process may have left some
		err = s.requeue(ctx, models.RequeueStale)
	})
	if err != nil {
		s.stale = sync.Once{}
		return 0, fmt.Errorf("find what another version has indexed: %w", err)
	}
	done := 0
	for n := range stepMost {
		if n > 0 && s.Pressed != nil && s.Pressed() {
			break
		}
		jobs, err := models.SearchJobs(ctx, s.Store.R, batch)
		if err != nil {
			return done, fmt.Errorf("read the queue of the index: %w", err)
		}
		if len(jobs) == 0 {
			break
		}
		taken, err := s.index(ctx, jobs)
		done += taken
		s.parts.Store(true)
		if err != nil {
			return done, err
		}
	}
	if done == 0 {
		return 0, s.join(ctx)
	}
	return done, nil
}

// Settle indexes until nothing waits or the time is over.
func (s *Search) Settle(ctx context.Context, most time.Duration) error {
	for began := time.Now(); time.Since(began) < most; {
		if n, err := s.Step(ctx); err != nil || n == 0 {
			return err
		}
	}
	return nil
}

// join makes the index quicker to read while nothing waits to be indexed.
func (s *Search) join(ctx context.Context) error {
	for n := 0; n < stepMost && s.parts.Load(); n++ {
		err := s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			more, err := models.MergeSearch(ctx, tx)
			s.parts.Store(more)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Rebuild asks in batches that everything be indexed anew; Step does it. What is in the
// index stays there until it is replaced.
func (s *Search) Rebuild(ctx context.Context, by string) error {
	err := s.requeue(ctx, func(ctx context.Context, tx bun.Tx, source string, _ int64, after iri.IRI, limit int) (iri.IRI, error) {
		return models.RequeueAll(ctx, tx, source, after, limit)
	})
	if err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return audit.Append(ctx, tx, s.Now(), by, "index rebuilt", "search", nil)
	})
}

func (s *Search) requeue(ctx context.Context, some func(context.Context, bun.Tx, string, int64, iri.IRI, int) (iri.IRI, error)) error {
	for _, source := range []string{models.SearchDispatch, models.SearchComment} {
		for after := iri.IRI(""); ; {
			var last iri.IRI
			err := s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
				last, err = some(ctx, tx, source, lexicon.Revision, after, queueMost)
				return err
			})
			if err != nil {
				return fmt.Errorf("ask that each %s be indexed anew: %w", source, err)
			}
			if last == "" {
				break
			}
			after = last
		}
	}
	return nil
}

// entry is one object as it will be indexed.
type entry struct {
	job  models.SearchJob
	row  *models.SearchEntry // nil where the object is gone
	text models.SearchText
	at   models.Time
	// matches are saved searches that it fits and whose owners may have it.
	matches []*models.SavedSearch
}

// index takes some jobs off the queue. Reading and folding are done before the
// transactions; a job that changed meanwhile stays.
func (s *Search) index(ctx context.Context, jobs []models.SearchJob) (int, error) {
	sources, err := models.ReadSearchSources(ctx, s.Store.R, jobs)
	if err != nil {
		return 0, fmt.Errorf("read what is to be indexed: %w", err)
	}
	entries := make([]*entry, len(jobs))
	for i, j := range jobs {
		entries[i] = s.entry(j, sources)
	}
	if err := s.match(ctx, entries); err != nil {
		return 0, err
	}
	done := 0
	for len(entries) > 0 {
		taken := 0
		err := s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			taken = 0
			for began := time.Now(); taken < len(entries) && (taken == 0 || time.Since(began) < turnMost); taken++ {
				if err := s.save(ctx, tx, entries[taken]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return done, fmt.Errorf("index: %w", err)
		}
		done += taken
		entries = entries[taken:]
	}
	return done, nil
}

// save puts one entry into the index, and tells whose saved search it fits.
func (s *Search) save(ctx context.Context, tx bun.Tx, e *entry) error {
	ok, err := models.TakeSearchJob(ctx, tx, e.job)
	if err != nil || !ok {
		return err
	}
	if e.row == nil {
		return models.DropSearch(ctx, tx, e.job.Object)
	}
	if err := models.SaveSearchEntry(ctx, tx, e.row, e.text, e.at); err != nil {
		return err
	}
	return s.raise(ctx, tx, e)
}

// reader is the person with her offices.
func (s *Search) reader(ctx context.Context, db bun.IDB, person iri.IRI) (audience.Reader, error) {
	return audience.LocalReader(ctx, db, person, s.Guard.Holds(), s.now())
}
