package desk

import (
	"context"
	"fmt"

	"valise/models"
	"valise/models/iri"
)

// counts keeps what waits at each person's desks. Every page shows it, and to count it
// costs as much as the rest of a page.
type counts = models.UntilWritten[iri.IRI, []models.DeskCount]

// Counts returns what waits at each of the person's desks, and what is unread in her
// communities, in one statement at most. The answer is shared: it must not be changed.
func (s *Desk) Counts(ctx context.Context, person iri.IRI) ([]models.DeskCount, error) {
	return s.counts.Get(s.Store, person, func() ([]models.DeskCount, error) {
		c, err := models.DeskCounts(ctx, s.Store.R, person, s.Guard.Holds(), s.now())
		if err != nil {
			return nil, fmt.Errorf("count the correspondence of %s: %w", person, err)
		}
		return c, nil
	})
}
