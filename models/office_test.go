package models_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

func TestReferenceNumbersHaveNoGaps(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		var numbers [40]int64
		errs := gather(t, s, len(numbers), func(ctx context.Context, tx bun.Tx, i int) (err error) {
			if numbers[i], err = models.NextReference(ctx, tx, ministry, 2026); err == nil && i%4 == 0 {
				return errRollBack
			}
			return err
		})
		var got []int64
		for i, err := range errs {
			switch {
			case err == nil:
				got = append(got, numbers[i])
			case !errors.Is(err, errRollBack):
				t.Error(err)
			}
		}
		slices.Sort(got)
		if len(got) != 30 {
			t.Fatalf("%d numbers, want 30", len(got))
		}
		for i, n := range got {
			if n != int64(i+1) {
				t.Fatalf("number %d is not %d: %v", n, i+1, got)
			}
		}
		in(t, s, func(ctx context.Context, tx bun.Tx) error {
			for _, c := range []struct {
				office iri.IRI
				year   int
				want   int64
			}{{ministry, 2027, 1}, {embassy, 2026, 1}, {ministry, 2026, 31}} {
				n, err := models.NextReference(ctx, tx, c.office, c.year)
				if err != nil || n != c.want {
					t.Errorf("%s %d: %d (%v), want %d", c.office, c.year, n, err, c.want)
				}
			}
			return nil
		})
	})
}

func TestOffices(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		must(t, models.InsertOffice(ctx, s.W, &models.Office{IRI: ministry, Code: "EUR", Title: "Europe", CreatedAt: noon}))
		must(t, models.InsertOffice(ctx, s.W, &models.Office{IRI: embassy, Code: "PARIS", Title: "Embassy", Post: "Paris", CreatedAt: noon,
			Rules: models.Rules{Clearers: []iri.IRI{alice}, MinClearances: 1, NobodyAlone: true}}))
		if err := models.InsertOffice(ctx, s.W, &models.Office{IRI: ministry + "2", Code: "EUR", CreatedAt: noon}); !models.IsConflict(err) {
			t.Errorf("a taken code: %v", err)
		}
		all, err := models.Offices(ctx, s.R, "", 10)
		must(t, err)
		if len(all) != 2 || all[0].Code != "EUR" || all[1].Code != "PARIS" {
			t.Fatalf("offices: %+v", all)
		}
		if r := all[0].Rules; len(r.Clearers) != 0 || r.MinClearances != 0 || r.NobodyAlone {
			t.Errorf("no rules: %+v", r)
		}
		want := models.Rules{Clearers: []iri.IRI{alice}, MinClearances: 1, NobodyAlone: true}
		if fmt.Sprint(all[1].Rules) != fmt.Sprint(want) {
			t.Errorf("rules: %+v", all[1].Rules)
		}
		want.Clearers = append(want.Clearers, bob)
		must(t, models.SetOfficeRules(ctx, s.W, ministry, want))
		o, err := models.OfficeByIRI(ctx, s.R, ministry)
		must(t, err)
		if fmt.Sprint(o.Rules) != fmt.Sprint(want) {
			t.Errorf("rules as set: %+v", o.Rules)
		}
	})
}

func TestMandates(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		grant := func(person iri.IRI, act string, ends models.Time) {
			t.Helper()
			must(t, models.GrantMandate(ctx, s.W, &models.Mandate{Office: ministry, Person: person, Act: act, GrantedAt: noon, GrantedBy: "operator", EndsAt: ends}))
		}
		has := func(person iri.IRI, act string, at models.Time) bool {
			t.Helper()
			ok, err := models.HasMandate(ctx, s.R, person, ministry, act, at)
			must(t, err)
			return ok
		}
		grant(alice, models.ActDraft, 0)
		grant(bob, models.ActRelease, noon+1000)
		for _, c := range []struct {
			person iri.IRI
			act    string
			at     models.Time
			want   bool
		}{
			{alice, models.ActDraft, noon, true},
			{alice, models.ActRelease, noon, false},
			{alice, models.ActRead, noon, true},
			{bob, models.ActRelease, noon + 999, true},
			{bob, models.ActRelease, noon + 1000, false},
			{bob, models.ActRead, noon + 1000, false},
			{expert, models.ActRead, noon, false},
		} {
			if got := has(c.person, c.act, c.at); got != c.want {
				t.Errorf("%s may %s at noon%+d ms: %v", c.person, c.act, c.at-noon, got)
			}
		}
		if n, err := models.Mandates(ctx, s.R, ministry, "", noon, 10); err != nil || len(n) != 2 {
			t.Errorf("mandates of the office: %v (%v)", n, err)
		}
		if n, err := models.Mandates(ctx, s.R, "", bob, noon+1000, 10); err != nil || len(n) != 0 {
			t.Errorf("mandates of bob after their term: %v (%v)", n, err)
		}

		for _, want := range []bool{true, false} {
			if ok, err := models.RevokeMandate(ctx, s.W, ministry, alice, models.ActDraft, noon+1); ok != want || err != nil {
				t.Errorf("revoke: %v (%v), want %v", ok, err, want)
			}
		}
		if has(alice, models.ActRead, noon+2) {
			t.Error("a revoked mandate is in force")
		}
		grant(alice, models.ActDraft, 0)
		if !has(alice, models.ActDraft, noon+3) {
			t.Error("a renewed mandate is not in force")
		}
	})
}
