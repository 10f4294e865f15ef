package drafting

import (
	"context"
	"strconv"
	"strings"

	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// Shelf is what the page of drafts shows.
type Shelf struct {
	Offices []Office
	// Clearing waits for the person's own clearance, Releasing for her release.
	Clearing, Releasing []models.DraftRow
	// Open are the drafts of her offices, newest change first.
	Open []models.DraftRow
	Next string // where the next page of Open begins; "" for none
}

const shelfPage = 40

// Shelf lists the drafts of the offices for which a person drafts, clears or releases.
func (s *Drafting) Shelf(ctx context.Context, person iri.IRI, after string) (*Shelf, error) {
	offices, err := s.Offices(ctx, person)
	if err != nil {
		return nil, err
	}
	out := &Shelf{Offices: offices}
	all := models.DraftFilter{Offices: with(offices, func(Right) bool { return true }), States: []string{models.DraftOpen, models.DraftClearing}, Limit: shelfPage + 1}
	if after != "" {
		at, id, ok := strings.Cut(after, ".")
		n, err := strconv.ParseInt(at, 10, 64)
		if err != nil || !ok {
			return nil, invalid("%q is no place in the list of drafts", after)
		}
		all.BeforeAt, all.BeforeID = models.Time(n), id
	}
	if out.Open, err = s.rows(ctx, person, all); err != nil {
		return nil, err
	}
	if len(out.Open) > shelfPage {
		out.Open = out.Open[:shelfPage]
		last := out.Open[shelfPage-1]
		out.Next = strconv.FormatInt(int64(last.UpdatedAt), 10) + "." + last.ID
	}
	if after != "" {
		return out, nil
	}
	if out.Clearing, err = s.rows(ctx, person, models.DraftFilter{Offices: with(offices, func(r Right) bool { return r.Clear }), States: []string{models.DraftClearing}, Clearer: person, Limit: queuePage}); err != nil {
		return nil, err
	}
	out.Releasing, err = s.rows(ctx, person, models.DraftFilter{Offices: with(offices, func(r Right) bool { return r.Release }), States: []string{models.DraftClearing}, Limit: queuePage})
	return out, err
}

// rows fills what rows from before these columns lack.
func (s *Drafting) rows(ctx context.Context, person iri.IRI, f models.DraftFilter) ([]models.DraftRow, error) {
	rows, err := models.DraftRows(ctx, s.Store.R, person, f)
	if err != nil {
		return nil, err
	}
	var old []string
	for _, r := range rows {
		if r.Kind == "" {
			old = append(old, r.ID)
		}
	}
	contents, err := models.DraftContents(ctx, s.Store.R, old)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if body := contents[rows[i].ID]; body != nil {
			c, err := dispatches.ParseContent(body)
			if err != nil {
				return nil, err
			}
			level, _ := s.Dispatches.Guard.Level(c.Marking)
			rows[i].Kind, rows[i].Subject, rows[i].Language, rows[i].MarkingRank = c.Kind, c.Subject, c.Language, int64(level.Rank)
		}
	}
	return rows, nil
}
