package models_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

// Rows with many outcomes are finished together, and each gets its own.
func TestFinishManyDeliveries(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		var rows []*models.Delivery
		for i := range 150 {
			rows = append(rows, delivery(fmt.Sprintf("%03d", i), fmt.Sprint("lane ", i), 0))
		}
		queue(t, s, rows...)
		taken, _ := due(t, s, noon, 1000)
		if len(taken) != 150 {
			t.Fatalf("%d rows are due", len(taken))
		}
		want := map[int64]models.Delivery{}
		for i, d := range taken {
			d.Attempts, d.Status, d.State, d.FinishedAt = 1, 202, models.DeliveryDone, noon+1
			switch {
			case i%10 == 1:
				d.State, d.Status, d.Reason = models.DeliveryFailed, 422, fmt.Sprint("answered 422: ", i)
			case i%10 == 2:
				d.State, d.Status, d.Reason, d.FinishedAt, d.NextAt = models.DeliveryPending, 500, "answered 500", 0, noon+1000
			case i%10 == 3:
				d.Attempts = 0
				d.State, d.Status, d.Reason = models.DeliveryCancelled, 0, "no longer in the audience"
			}
			want[d.ID] = *d
		}
		finish(t, s, taken...)
		got, err := models.Deliveries(t.Context(), s.R, "", 0, 1000)
		must(t, err)
		for _, g := range got {
			w := want[g.ID]
			if g.State != w.State || g.Status != w.Status || g.Attempts != w.Attempts || g.Reason != w.Reason || g.FinishedAt != w.FinishedAt || g.NextAt != w.NextAt {
				t.Errorf("row %d is %+v, want %+v", g.ID, g, w)
			}
		}
	})
}

// queries keeps what is asked.
type queries struct{ asked []string }

func (q *queries) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }
func (q *queries) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	q.asked = append(q.asked, e.Query)
}

// No list of deliveries walks through all that were handed over.
func TestDeliveryListsUseAnIndex(t *testing.T) {
	s, err := models.Open(t.Context(), modeltest.SQLite(t))
	must(t, err)
	defer s.Close()
	for state, index := range map[string]string{models.DeliveryPending: "deliveries_lane", models.DeliveryFailed: "deliveries_state", models.DeliveryCancelled: "deliveries_state"} {
		q := &queries{}
		db := s.R.WithQueryHook(q)
		_, err := models.Deliveries(t.Context(), db, state, 7, 50)
		must(t, err)
		_, err = models.CountDeliveries(t.Context(), db, state)
		must(t, err)
		if len(q.asked) != 2 {
			t.Fatalf("%d queries were seen", len(q.asked))
		}
		for _, query := range q.asked {
			rows, err := s.R.DB.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query)
			must(t, err)
			var plan []string
			for rows.Next() {
				var id, parent, unused int
				var detail string
				must(t, rows.Scan(&id, &parent, &unused, &detail))
				plan = append(plan, detail)
			}
			must(t, rows.Close())
			if !slices.ContainsFunc(strings.Split(index, "|"), func(name string) bool { return strings.Contains(plan[0], "INDEX "+name) }) {
				t.Errorf("%s: %q", query, plan)
			}
		}
	}
}

func TestPendingDeliveriesPageByPage(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		var rows []*models.Delivery
		for i := range 7 {
			rows = append(rows, delivery(fmt.Sprint(i), fmt.Sprint("lane ", i), int64(i)))
		}
		queue(t, s, rows...)
		taken, _ := due(t, s, noon, 1)
		taken[0].State, taken[0].FinishedAt = models.DeliveryDone, noon
		finish(t, s, taken...)
		var ids []int64
		for after := int64(0); ; {
			page, err := models.Deliveries(t.Context(), s.R, models.DeliveryPending, after, 4)
			must(t, err)
			if len(page) == 0 {
				break
			}
			for _, d := range page {
				ids = append(ids, d.ID)
			}
			after = ids[len(ids)-1]
		}
		if len(ids) != 6 || !slices.IsSorted(ids) || slices.Contains(ids, taken[0].ID) {
			t.Errorf("pending are %v", ids)
		}
	})
}

func TestShortActivities(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		id := func(n string) iri.IRI { return iri.IRI("https://ministry.example/a/" + n) }
		in(t, s, func(ctx context.Context, tx bun.Tx) error {
			for n, body := range map[string][]byte{"1": []byte("one"), "2": []byte("two"), "3": []byte("a longer one"), "4": nil} {
				if err := models.InsertActivity(ctx, tx, &models.Activity{IRI: id(n), Actor: ministry, Type: "Create", ObjectID: id(n), Bytes: body, Digest: n, CreatedAt: noon}); err != nil {
					return err
				}
			}
			return nil
		})
		got, err := models.ShortActivities(t.Context(), s.R, []iri.IRI{id("1"), id("2"), id("3"), id("4"), id("5")}, 5)
		must(t, err)
		if len(got) != 2 || string(got[id("1")]) != "one" || string(got[id("2")]) != "two" {
			t.Errorf("got %q", got)
		}
		if none, err := models.ShortActivities(t.Context(), s.R, nil, 5); err != nil || len(none) != 0 {
			t.Errorf("of none: %q %v", none, err)
		}
	})
}
