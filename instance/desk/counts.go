package desk

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"valise/models"
	"valise/models/iri"
)

const (
	// countsFor is how old counts may be that another process has changed.
	countsFor = 2 * time.Second
	// countsMost is for how many persons they are kept.
	countsMost = 2000
)

// counts keeps what waits at each person's desks until somebody writes. Every page shows
// it, and to count it costs as much as the rest of a page.
type counts struct {
	once sync.Once
	kept *otter.Cache[iri.IRI, countedAt]
}

// countedAt is what was counted when the store had been written so often.
type countedAt struct {
	written int64
	counts  []models.DeskCount
}

// Counts returns what waits at each of the person's desks, and what is unread in her
// communities, in one statement at most. The answer is shared: it must not be changed.
func (s *Desk) Counts(ctx context.Context, person iri.IRI) ([]models.DeskCount, error) {
	s.counts.once.Do(func() {
		s.counts.kept = otter.Must(&otter.Options[iri.IRI, countedAt]{MaximumSize: countsMost, ExpiryCalculator: otter.ExpiryWriting[iri.IRI, countedAt](countsFor)})
	})
	written := s.Store.Written()
	if c, ok := s.counts.kept.GetIfPresent(person); ok && c.written == written {
		return c.counts, nil
	}
	c, err := models.DeskCounts(ctx, s.Store.R, person, s.Guard.Holds(), s.now())
	if err != nil {
		return nil, fmt.Errorf("count the correspondence of %s: %w", person, err)
	}
	s.counts.kept.Set(person, countedAt{written, c})
	return c, nil
}
