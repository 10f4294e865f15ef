package models_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

// delivery is one pending row to the embassy.
func delivery(id, lane string, precedence int64) *models.Delivery {
	return &models.Delivery{
		Host: "embassy.example", Inbox: embassy + "/inbox", Activity: iri.IRI("https://ministry.example/a/" + id), Actor: ministry, Type: "Create",
		ObjectID: iri.IRI("https://ministry.example/d/" + id), ObjectVersion: 1, Recipient: embassy, Purpose: models.PurposeDispatch, Lane: lane,
		Precedence: precedence, NextAt: noon, CreatedAt: noon,
	}
}

func queue(t *testing.T, s *models.Store, rows ...*models.Delivery) {
	t.Helper()
	in(t, s, func(ctx context.Context, tx bun.Tx) error { return models.InsertDeliveries(ctx, tx, rows) })
}

// due returns the rows that may be tried now, as activity ids without the common part.
func due(t *testing.T, s *models.Store, at models.Time, limit int) (rows []*models.Delivery, ids []string) {
	t.Helper()
	rows, err := models.DueDeliveries(t.Context(), s.R, "embassy.example", at, limit)
	must(t, err)
	ids = []string{}
	for _, r := range rows {
		ids = append(ids, strings.TrimPrefix(string(r.Activity), "https://ministry.example/a/"))
	}
	return rows, ids
}

func finish(t *testing.T, s *models.Store, rows ...*models.Delivery) {
	t.Helper()
	in(t, s, func(ctx context.Context, tx bun.Tx) error { return models.FinishDeliveries(ctx, tx, rows) })
}

func deliveryOf(t *testing.T, s *models.Store, id string) *models.Delivery {
	t.Helper()
	rows := deliveriesOf(t, s, iri.IRI("https://ministry.example/d/"+id))
	if len(rows) != 1 {
		t.Fatalf("%d deliveries of %s", len(rows), id)
	}
	return rows[0]
}

func deliveriesOf(t *testing.T, s *models.Store, object iri.IRI) (rows []*models.Delivery) {
	t.Helper()
	must(t, s.R.NewSelect().Model(&rows).Where("object_id = ?", object).OrderBy("id", bun.OrderAsc).Scan(t.Context()))
	return rows
}

func deliveryID(t *testing.T, s *models.Store, activity iri.IRI) (id int64) {
	t.Helper()
	must(t, s.R.NewSelect().Table("deliveries").Column("id").Where("activity = ?", activity).Scan(t.Context(), &id))
	return id
}

func TestInsertDeliveries(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		queue(t, s)
		if at, err := models.SoonestDue(t.Context(), s.R); err != nil || at != models.Never {
			t.Errorf("soonest of nothing: %v (%v)", at, err)
		}
		late, soon, again, otherRecipient := delivery("1", "x", 2), delivery("2", "y", 0), delivery("1", "other", 0), delivery("1", "x", 0)
		late.NextAt, late.Reason, late.Community = noon+9000, "waits", group
		soon.Host = "institute.example"
		otherRecipient.Recipient, otherRecipient.NextAt = alice, noon+9000
		queue(t, s, soon, late, again, otherRecipient)
		rows, err := models.Deliveries(t.Context(), s.R, models.DeliveryPending, 0, 10)
		must(t, err)
		if len(rows) != 3 {
			t.Fatalf("%d rows, want one for each activity, inbox and recipient: 3", len(rows))
		}
		want := *late
		want.ID = rows[1].ID
		if fmt.Sprintf("%+v", *rows[1]) != fmt.Sprintf("%+v", want) {
			t.Errorf("got  %+v\nwant %+v", *rows[1], want)
		}
		// No host waits for longer than its own row.
		for _, host := range []iri.Host{"institute.example", "embassy.example"} {
			h, err := models.HostByName(t.Context(), s.R, host)
			must(t, err)
			if h.DueAt > noon {
				t.Errorf("%s is due %d ms late", host, h.DueAt-noon)
			}
		}
		if n, err := models.CountDeliveries(t.Context(), s.R, models.DeliveryPending); err != nil || n != 3 {
			t.Errorf("counted %d (%v)", n, err)
		}
	})
}

func TestInsertManyDeliveries(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		const n = 1203
		rows := make([]*models.Delivery, n)
		for i := range rows {
			rows[i] = delivery("1", "x", 0)
			rows[i].Host = iri.Host(fmt.Sprintf("h%04d.example", n-i))
			rows[i].Inbox = iri.IRI("https://" + string(rows[i].Host) + "/inbox")
		}
		queue(t, s, rows...)
		if got, err := models.CountDeliveries(t.Context(), s.R, models.DeliveryPending); err != nil || got != n {
			t.Errorf("%d rows (%v), want %d", got, err, n)
		}
		leased, err := models.LeaseHosts(t.Context(), s.W, "w", noon, noon+1000, true, 2*n)
		must(t, err)
		if len(leased) != n {
			t.Errorf("%d hosts are due, want %d", len(leased), n)
		}
	})
}

func TestDueDeliveriesGoByLane(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		queue(t, s, delivery("1", "x", 0), delivery("2", "x", 3), delivery("3", "y", 1), delivery("4", "z", 1), delivery("5", "z", 1))
		elsewhere := delivery("6", "w", 3)
		elsewhere.Host = "institute.example"
		queue(t, s, elsewhere)
		_, ids := due(t, s, noon-1, 8)
		expect(t, "before they are due", ids, []string{})
		_, ids = due(t, s, noon, 2)
		expect(t, "two", ids, []string{"3", "4"})
		rows, ids := due(t, s, noon, 8)
		expect(t, "the first of each lane", ids, []string{"3", "4", "1"})

		rows[0].State, rows[0].FinishedAt, rows[0].Attempts, rows[0].Status = models.DeliveryDone, noon+1, 1, 202
		rows[1].NextAt, rows[1].Attempts, rows[1].Status, rows[1].Reason = noon+5000, 1, 500, "a fault of \xfftheirs"
		rows[2].State, rows[2].FinishedAt, rows[2].Reason = models.DeliveryFailed, noon+1, "gone"
		finish(t, s, rows...)
		_, ids = due(t, s, noon+1, 8)
		expect(t, "a waiting row holds its lane", ids, []string{"2"})
		_, ids = due(t, s, noon+5000, 8)
		expect(t, "until it is due", ids, []string{"2", "4"})
		if d := deliveryOf(t, s, "4"); d.Attempts != 1 || d.Status != 500 || d.Reason != "a fault of \uFFFDtheirs" || d.State != models.DeliveryPending {
			t.Errorf("postponed: %+v", d)
		}
		if d := deliveryOf(t, s, "3"); d.State != models.DeliveryDone || d.FinishedAt != noon+1 || d.Status != 202 {
			t.Errorf("handed over: %+v", d)
		}
	})
}

func TestCancelDeliveries(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		gone, update, deletion, other := delivery("1", "x", 0), delivery("1", "x", 0), delivery("1", "x", 0), delivery("2", "y", 0)
		update.Activity, update.Type = update.Activity+"/update", "Update"
		deletion.Activity, deletion.Type = deletion.Activity+"/delete", "Delete"
		left := delivery("3", "z", 0)
		left.ObjectID = gone.ObjectID
		queue(t, s, gone, update, deletion, other, left)
		rows, ids := due(t, s, noon, 8)
		expect(t, "due", ids, []string{"1", "2", "3"})
		rows[2].State = models.DeliveryDone
		finish(t, s, rows[2])

		must(t, models.CancelDeliveries(ctx, s.W, nil, []string{"Create"}, "withdrawn", noon))
		must(t, models.CancelDeliveries(ctx, s.W, []iri.IRI{gone.ObjectID}, []string{"Create", "Update"}, "withdrawn", noon+1))
		cancelled, err := models.Deliveries(ctx, s.R, models.DeliveryCancelled, 0, 10)
		must(t, err)
		if len(cancelled) != 2 || cancelled[0].Reason != "withdrawn" || cancelled[0].FinishedAt != noon+1 {
			t.Errorf("cancelled: %+v", cancelled)
		}
		_, ids = due(t, s, noon, 8)
		expect(t, "after it", ids, []string{"1/delete", "2"})
	})
}

func TestCancelMemberDeliveries(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		row := func(id string, recipient iri.IRI, purpose string) *models.Delivery {
			d := delivery(id, id, 0)
			d.Community, d.Recipient, d.Purpose = group, recipient, purpose
			return d
		}
		elsewhere := row("4", expert, models.PurposeDispatch)
		elsewhere.Community = group + "2"
		queue(t, s, row("1", expert, models.PurposeDispatch), row("2", expert, models.PurposeControl), row("3", alice, models.PurposeDispatch), elsewhere)
		must(t, models.CancelMemberDeliveries(t.Context(), s.W, group, expert, "removed", noon))
		_, ids := due(t, s, noon, 8)
		expect(t, "what is left", ids, []string{"2", "3", "4"})
	})
}

func TestRetryDelivery(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		queue(t, s, delivery("1", "x", 0), delivery("2", "y", 0))
		h := lease(t, s, noon)
		rows, _ := due(t, s, noon, 8)
		rows[0].State, rows[0].FinishedAt = models.DeliveryFailed, noon
		rows[1].State, rows[1].FinishedAt = models.DeliveryDone, noon
		finish(t, s, rows...)
		release(t, s, h)
		if at, err := models.SoonestDue(t.Context(), s.R); err != nil || at != models.Never {
			t.Fatalf("nothing is left to send, and yet due at %v (%v)", at, err)
		}
		retry := func(id int64) (ok bool) {
			in(t, s, func(ctx context.Context, tx bun.Tx) (err error) {
				ok, err = models.RetryDelivery(ctx, tx, id, noon+5000)
				return err
			})
			return ok
		}
		if retry(rows[1].ID) {
			t.Error("a row that was handed over is sent again")
		}
		if !retry(rows[0].ID) {
			t.Error("a failed row is not tried again")
		}
		_, ids := due(t, s, noon+5000, 8)
		expect(t, "due", ids, []string{"1"})
		lease(t, s, noon+5000) // its host is due again
		err := s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := models.RetryDelivery(ctx, tx, 999, noon)
			return err
		})
		if !models.NotFound(err) {
			t.Errorf("retry of a row that is not there: %v", err)
		}
	})
}

// What is cancelled during its attempt stays so, unless the attempt has settled it.
func TestCancelledDuringItsAttempt(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		for name, state := range map[string]string{"waits": models.DeliveryPending, "taken": models.DeliveryDone} {
			queue(t, s, delivery(name, name, 1))
			d := deliveryOf(t, s, name)
			must(t, models.CancelDeliveries(t.Context(), s.W, []iri.IRI{d.ObjectID}, []string{d.Type}, "withdrawn", noon))
			d.State, d.Attempts, d.Reason = state, 1, "answered 500"
			finish(t, s, d)
			want := state
			if state == models.DeliveryPending {
				want = models.DeliveryCancelled
			}
			got := deliveryOf(t, s, name)
			if got.State != want || got.Attempts != 1 || want == models.DeliveryCancelled && (got.Reason != "withdrawn" || got.FinishedAt != noon) {
				t.Errorf("%s: %+v", name, got)
			}
		}
	})
}

// A community's own posts about an object are told from what others send about it.
func TestBulletinDeliveries(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		own, author, announced, gone := delivery("own", "1", 1), delivery("author", "1", 1), delivery("announced", "1", 1), delivery("gone", "1", 1)
		for _, d := range []*models.Delivery{own, author, announced, gone} {
			d.ObjectID, d.Actor = cable, group
		}
		author.Actor, announced.Type, gone.Type = ministry, "Announce", "Delete"
		queue(t, s, own, author, announced, gone)
		must(t, models.CancelBulletins(t.Context(), s.W, cable, group, "replaced", noon))
		got, err := models.BulletinDeliveries(t.Context(), s.R, cable, group)
		must(t, err)
		if len(got) != 2 || got[0].Activity != own.Activity || got[0].State != models.DeliveryCancelled || got[1].Activity != gone.Activity || got[1].State != models.DeliveryPending {
			t.Errorf("the community's posts: %+v", got)
		}
		all := deliveriesOf(t, s, cable)
		if len(all) != 4 || all[1].State != models.DeliveryPending || all[2].State != models.DeliveryPending {
			t.Errorf("others were cancelled too: %+v", all)
		}
	})
}
