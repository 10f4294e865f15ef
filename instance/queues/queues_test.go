package queues

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/modeltest"
)

func TestQueues(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, store *models.Store) {
		now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
		woken := 0
		q := &Queues{Store: store, Now: func() time.Time { return now }, Wake: func() { woken++ }}
		err := store.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if err := models.InsertDeliveries(ctx, tx, []*models.Delivery{
				{Host: "a.example", Inbox: "https://a.example/inbox", Activity: "https://m.example/a/1", Lane: "1", State: models.DeliveryFailed},
				{Host: "a.example", Inbox: "https://a.example/inbox", Activity: "https://m.example/a/2", Lane: "2", State: models.DeliveryDone}}); err != nil {
				return err
			}
			_, err := models.InsertArrivals(ctx, tx, []*models.Arrival{
				{Activity: "https://a.example/a/1", Inbox: "https://m.example/inbox", Lane: "1", State: models.ArrivalSetAside, Body: []byte("{}")},
				{Activity: "https://a.example/a/2", Inbox: "https://m.example/inbox", Lane: "2", State: models.ArrivalApplied}})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		failed, err := q.Deliveries(t.Context(), models.DeliveryFailed, 0, 50)
		if err != nil || len(failed) != 1 {
			t.Fatalf("%d failed deliveries, %v", len(failed), err)
		}
		aside, err := q.Arrivals(t.Context(), "", 0, 50)
		if err != nil || len(aside) != 1 || aside[0].Body != nil {
			t.Fatalf("set aside: %+v, %v", aside, err)
		}
		if a, _, err := q.Arrival(t.Context(), aside[0].ID); err != nil || string(a.Body) != "{}" {
			t.Errorf("the arrival is %+v, %v", a, err)
		}
		s, err := q.Status(t.Context())
		if err != nil || s != (Status{DeliveriesFailed: 1, ArrivalsSetAside: 1}) {
			t.Errorf("status %+v, %v", s, err)
		}
		if err := q.Retry(t.Context(), "operator", failed[0].ID); err != nil {
			t.Error(err)
		}
		if err := q.RetryArrival(t.Context(), "operator", aside[0].ID); err != nil {
			t.Error(err)
		}
		if s, err = q.Status(t.Context()); err != nil || s != (Status{DeliveriesPending: 1, ArrivalsPending: 1}) {
			t.Errorf("after the retries: %+v, %v", s, err)
		}
		if woken != 2 {
			t.Errorf("woken %d times", woken)
		}
		for name, err := range map[string]error{
			"delivery handed over": q.Retry(t.Context(), "operator", failed[0].ID+1), "no delivery": q.Retry(t.Context(), "operator", 99),
			"arrival not set aside": q.RetryArrival(t.Context(), "operator", aside[0].ID), "no arrival": q.RetryArrival(t.Context(), "operator", 99),
		} {
			if err == nil || !strings.HasPrefix(err.Error(), "invalid: ") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := q.ActAs(t.Context(), "operator", "https://m.example/u/anna", "POST /x"); err != nil {
			t.Error(err)
		}
		trail, err := q.Audit(t.Context(), "", "", 0, 50)
		if err != nil || len(trail) != 3 || trail[0].Act != "delivery retried" || trail[2].Act != "acts as" {
			t.Errorf("the trail is %+v, %v", trail, err)
		}
		if n, err := q.VerifyAudit(t.Context()); n != 3 || err != nil {
			t.Errorf("%d entries hold, %v", n, err)
		}
		if _, err := store.W.Exec(`UPDATE audit SET act = 'nothing' WHERE act = 'arrival retried'`); err != nil {
			t.Fatal(err)
		}
		if n, err := q.VerifyAudit(t.Context()); n != 1 || err == nil {
			t.Errorf("a changed trail: %d entries hold, %v", n, err)
		}
	})
}
