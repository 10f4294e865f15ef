package search

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/instance/accounts"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

// Limits of saved searches.
const (
	SavedMost = 50 // of one person
	nameMost  = 100
	armedMost = 1000 // read at once
)

// NoticeKind is the kind of the notice that a saved search raises. Its subject names the
// saved search by id, its detail by name; it never holds words of what was found.
const NoticeKind = "saved search"

// NoticeSubject is the subject of the notices of one saved search.
func NoticeSubject(id int64) string { return fmt.Sprint("saved-search/", id) }

// Save keeps a question under a name. From now on the next dispatch that comes, fits, and
// that she may have, raises one notice; opening the saved search lets it raise another.
func (s *Search) Save(ctx context.Context, person iri.IRI, name, text string) (*models.SavedSearch, error) {
	name = strings.TrimSpace(name)
	q, err := Parse(text)
	if err != nil {
		return nil, err
	}
	if name == "" || utf8.RuneCountInString(name) > nameMost || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		return nil, accounts.Invalid("name the saved search in 1 to %d characters", nameMost)
	}
	now := s.now()
	row := &models.SavedSearch{Person: person, Name: name, Query: q.Text, Armed: true, CreatedAt: now, SeenAt: now}
	err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		ok, err := models.InsertSavedSearch(ctx, tx, row, SavedMost)
		if err == nil && !ok {
			err = accounts.Invalid("you have %d saved searches; delete one of them first", SavedMost)
		}
		return err
	})
	if models.IsConflict(err) {
		return nil, accounts.Invalid("you have a saved search %q already; choose another name", name)
	}
	if err != nil {
		return nil, fmt.Errorf("save the search: %w", err)
	}
	return row, nil
}

// Saved lists a person's saved searches by name.
func (s *Search) Saved(ctx context.Context, person iri.IRI) ([]*models.SavedSearch, error) {
	return models.SavedSearches(ctx, s.Store.R, person, SavedMost)
}

// Open returns a saved search of hers and arms it again.
func (s *Search) Open(ctx context.Context, person iri.IRI, id int64) (*models.SavedSearch, error) {
	row, err := models.SavedSearchOf(ctx, s.Store.R, person, id)
	if models.NotFound(err) {
		return nil, notFound()
	}
	if err != nil {
		return nil, fmt.Errorf("open a saved search: %w", err)
	}
	return row, models.ArmSavedSearch(ctx, s.Store.W, person, id, s.now())
}

// Forget deletes a saved search of hers.
func (s *Search) Forget(ctx context.Context, person iri.IRI, id int64) error {
	ok, err := models.DeleteSavedSearch(ctx, s.Store.W, person, id)
	if err == nil && !ok {
		err = notFound()
	}
	return err
}

func notFound() error {
	return &policy.Refusal{Code: "not-found", Status: 404, Detail: "there is no such saved search of yours"}
}

// match finds the saved searches that fresh entries fit and whose owners may have them.
func (s *Search) match(ctx context.Context, entries []*entry) error {
	docs := map[*entry]*models.SearchDoc{}
	for _, e := range entries {
		if e.job.Fresh && e.row != nil && e.row.Source == models.SearchDispatch {
			docs[e] = nil
		}
	}
	if len(docs) == 0 {
		return nil
	}
	now := s.now()
	for after := int64(0); ; {
		armed, err := models.ArmedSearches(ctx, s.Store.R, after, armedMost)
		if err != nil {
			return fmt.Errorf("read saved searches: %w", err)
		}
		for _, saved := range armed {
			after = saved.ID
			q, err := Parse(saved.Query)
			if err != nil {
				continue // an older program read it otherwise; opening it tells her
			}
			var ids []iri.IRI
			fit := map[iri.IRI]*entry{}
			for e := range docs {
				if docs[e] == nil {
					docs[e] = e.text.Doc()
				}
				if q.matches(docs[e]) && q.dated(e.at) {
					ids, fit[e.row.Object] = append(ids, e.row.Object), e
				}
			}
			if len(ids) == 0 {
				continue
			}
			reader, err := s.reader(ctx, s.Store.R, saved.Person)
			if err != nil {
				return err
			}
			may, err := audience.Allowed(ctx, s.Store.R, reader, audience.Dispatches, ids, now)
			if err != nil {
				return err
			}
			for id := range may {
				fit[id].matches = append(fit[id].matches, saved)
			}
		}
		if len(armed) < armedMost {
			return nil
		}
	}
}

// dated tells whether a moment lies between the dates of the question.
func (q Query) dated(at models.Time) bool {
	from, to := q.span()
	id := models.SearchFrom(at)
	return id >= from && id < to
}

// raise tells the owners of the saved searches that an entry fits, once each. The
// audience is asked again in the transaction that tells them.
func (s *Search) raise(ctx context.Context, tx bun.Tx, e *entry) error {
	now := s.now()
	for _, saved := range e.matches {
		reader, err := s.reader(ctx, tx, saved.Person)
		if err != nil {
			return err
		}
		may, err := audience.Allowed(ctx, tx, reader, audience.Dispatches, []iri.IRI{e.row.Object}, now)
		if err != nil {
			return err
		}
		if !may[e.row.Object] {
			continue
		}
		if ok, err := models.FireSavedSearch(ctx, tx, saved.ID, now); err != nil || !ok {
			if err != nil {
				return err
			}
			continue
		}
		if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: saved.Person, Kind: NoticeKind, Subject: NoticeSubject(saved.ID), Detail: saved.Name, CreatedAt: now}); err != nil {
			return err
		}
	}
	return nil
}
