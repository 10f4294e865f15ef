package communities

import (
	"context"
	"fmt"
	"time"

	"valise/models"
	"valise/models/iri"
)

const (
	// figureMonths is how many months the figures show, the present one among them.
	figureMonths = 12
	// figureHosts bounds the instances that they show.
	figureHosts = 100
)

// Figures are what an organiser is told of her community in numbers.
type Figures struct {
	Community *models.Community
	Hosts     []models.HostFigures // those with most members first
	Months    []models.MonthFigures
}

// Figures counts members by instance and role, what was distributed in each of the last
// twelve months (UTC), and what became of the latest deliveries.
func (s *Communities) Figures(ctx context.Context, person, community iri.IRI) (*Figures, error) {
	c, err := s.own(ctx, person, community)
	if err != nil {
		return nil, err
	}
	f := &Figures{Community: c}
	if f.Hosts, err = models.CommunityHosts(ctx, s.Store.R, community, s.now(), figureHosts); err != nil {
		return nil, fmt.Errorf("count the members of %s: %w", community, err)
	}
	now := s.Now().UTC()
	var moments []models.Time
	for i := 1 - figureMonths; i <= 1; i++ {
		moments = append(moments, models.At(time.Date(now.Year(), now.Month()+time.Month(i), 1, 0, 0, 0, 0, time.UTC)))
	}
	if f.Months, err = models.CommunityMonths(ctx, s.Store.R, community, moments); err != nil {
		return nil, fmt.Errorf("count what was distributed in %s: %w", community, err)
	}
	return f, nil
}
