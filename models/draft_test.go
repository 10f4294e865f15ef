package models_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

func newDraft(t *testing.T, s *models.Store, id string) *models.Draft {
	t.Helper()
	d := &models.Draft{ID: id, Office: ministry, Drafter: alice, Revision: 1, State: models.DraftOpen, Content: []byte("one"), CreatedAt: noon, UpdatedAt: noon}
	in(t, s, func(ctx context.Context, tx bun.Tx) error { return models.InsertDraft(ctx, tx, d) })
	return d
}

func TestDraftIsSavedOnItsRevisionAlone(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		newDraft(t, s, "d")
		var saved [8]bool
		for _, err := range gather(t, s, len(saved), func(ctx context.Context, tx bun.Tx, i int) (err error) {
			d := &models.Draft{ID: "d", Revision: 2, State: models.DraftClearing, Content: fmt.Append(nil, "by ", i), UpdatedAt: noon + 1}
			saved[i], err = models.SaveDraft(ctx, tx, d, bob)
			return err
		}) {
			must(t, err)
		}
		winner := slices.Index(saved[:], true)
		if winner < 0 || slices.Contains(saved[winner+1:], true) {
			t.Fatalf("who saved revision 2: %v", saved)
		}
		d, err := models.DraftByID(ctx, s.R, "d")
		must(t, err)
		if d.Revision != 2 || string(d.Content) != fmt.Sprint("by ", winner) || d.State != models.DraftClearing || d.Drafter != alice {
			t.Errorf("got %+v", d)
		}
		authors, err := models.RevisionAuthors(ctx, s.R, "d")
		slices.Sort(authors)
		if err != nil || !slices.Equal(authors, []iri.IRI{alice, bob}) {
			t.Errorf("authors: %v (%v)", authors, err)
		}
	})
}

func TestDraftStates(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		newDraft(t, s, "d")
		newDraft(t, s, "e")
		set := func(revision int64, state string, dispatch iri.IRI) bool {
			t.Helper()
			ok, err := models.SetDraftState(ctx, s.W, "d", revision, state, dispatch, noon+2)
			must(t, err)
			return ok
		}
		if set(2, models.DraftReleased, cable) {
			t.Error("released on another revision")
		}
		if !set(1, models.DraftReleased, cable) {
			t.Error("not released")
		}
		if set(1, models.DraftReleased, cable+"2") || set(1, models.DraftDiscarded, "") {
			t.Error("a released draft moved on")
		}
		in(t, s, func(ctx context.Context, tx bun.Tx) error {
			ok, err := models.SaveDraft(ctx, tx, &models.Draft{ID: "d", Revision: 2, State: models.DraftOpen, Content: []byte("late")}, alice)
			if ok {
				t.Error("a released draft was edited")
			}
			return err
		})
		d, err := models.DraftByID(ctx, s.R, "d")
		must(t, err)
		if d.State != models.DraftReleased || d.Dispatch != cable || string(d.Content) != "one" {
			t.Errorf("got %+v", d)
		}
		open, err := models.Drafts(ctx, s.R, []iri.IRI{ministry}, 0, "", 10)
		must(t, err)
		if len(open) != 1 || open[0].ID != "e" {
			t.Errorf("open drafts: %+v", open)
		}
	})
}

func TestClearancesBelongToARevision(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		ask := func(revision int64, who iri.IRI, decision string, at models.Time) {
			t.Helper()
			must(t, models.SaveClearance(ctx, s.W, &models.Clearance{Draft: "d", Revision: revision, Clearer: who, Decision: decision, RequestedAt: noon, DecidedAt: at}))
		}
		ask(1, bob, models.ClearanceAsked, 0)
		ask(1, alice, models.ClearanceAsked, 0)
		ask(1, bob, models.ClearanceAgreed, noon+5)
		ask(2, bob, models.ClearanceAsked, 0)
		round, err := models.Clearances(ctx, s.R, "d", 1)
		must(t, err)
		if len(round) != 2 || round[0].Clearer != alice || round[0].Decision != models.ClearanceAsked || round[1].Decision != models.ClearanceAgreed || round[1].DecidedAt != noon+5 {
			t.Errorf("round 1: %+v", round)
		}
		if round, err = models.Clearances(ctx, s.R, "d", 2); err != nil || len(round) != 1 || round[0].Decision != models.ClearanceAsked {
			t.Errorf("round 2: %+v (%v)", round, err)
		}
	})
}
