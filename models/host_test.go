package models_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

func nudge(t *testing.T, s *models.Store, at models.Time, hosts ...iri.Host) {
	t.Helper()
	in(t, s, func(ctx context.Context, tx bun.Tx) error { return models.NudgeHosts(ctx, tx, hosts, at) })
}

func hostRow(t *testing.T, s *models.Store, host iri.Host) *models.Host {
	t.Helper()
	h, err := models.HostByName(t.Context(), s.R, host)
	must(t, err)
	return h
}

func dueAt(t *testing.T, s *models.Store, what string, want models.Time) {
	t.Helper()
	if h := hostRow(t, s, "embassy.example"); h.DueAt != want {
		t.Errorf("%s: due at noon%+d ms, want noon%+d ms", what, h.DueAt-noon, want-noon)
	}
}

// lease takes the one host that is due, healthy or not.
func lease(t *testing.T, s *models.Store, at models.Time) *models.Host {
	t.Helper()
	for _, healthy := range []bool{true, false} {
		hosts, err := models.LeaseHosts(t.Context(), s.W, "worker", at, at+60_000, healthy, 5)
		must(t, err)
		if len(hosts) == 1 {
			return hosts[0]
		}
	}
	t.Fatalf("no host could be leased at noon%+d ms", at-noon)
	return nil
}

func release(t *testing.T, s *models.Store, h *models.Host) {
	t.Helper()
	in(t, s, func(ctx context.Context, tx bun.Tx) error { return models.ReleaseHost(ctx, tx, h, 0) })
}

func TestNudgeHosts(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		if _, err := models.HostByName(t.Context(), s.R, "embassy.example"); !models.NotFound(err) {
			t.Fatalf("a host for which nothing was ever due: %v", err)
		}
		nudge(t, s, noon)
		nudge(t, s, noon+100, "embassy.example", "a.example", "embassy.example")
		dueAt(t, s, "a new host", noon+100)
		nudge(t, s, noon+50, "embassy.example")
		dueAt(t, s, "sooner", noon+50)
		nudge(t, s, noon+900, "embassy.example")
		dueAt(t, s, "later", noon+50)

		h := lease(t, s, noon+60)
		h.Failures, h.BackOffUntil = 1, noon+5000
		release(t, s, h)
		dueAt(t, s, "nothing pending", models.Never)
		nudge(t, s, noon+70, "embassy.example")
		dueAt(t, s, "under back-off", noon+5000)
		nudge(t, s, noon+80, "embassy.example")
		dueAt(t, s, "again", noon+5000)
		nudge(t, s, noon+9000, "embassy.example")
		dueAt(t, s, "after the back-off", noon+5000)
	})
}

func TestLeaseHosts(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		take := func(by string, at models.Time, healthy bool, limit int) []string {
			t.Helper()
			rows, err := models.LeaseHosts(t.Context(), s.W, by, at, at+1000, healthy, limit)
			must(t, err)
			out := []string{}
			for _, h := range rows {
				if h.LeaseBy != by || h.LeaseUntil != at+1000 {
					t.Errorf("the lease of %s: %+v", h.Host, h)
				}
				out = append(out, string(h.Host))
			}
			slices.Sort(out)
			return out
		}
		nudge(t, s, noon+2, "dead1.example", "dead2.example")
		for range 2 {
			h, err := models.LeaseHosts(t.Context(), s.W, "x", noon+2, noon+3, true, 1)
			must(t, err)
			h[0].Failures = 3
			queue(t, s, toHost(h[0].Host))
			release(t, s, h[0])
		}
		nudge(t, s, noon, "b.example")
		nudge(t, s, noon+1, "a.example")
		nudge(t, s, noon+500, "later.example")
		expect(t, "the longest due", take("w1", noon+10, true, 1), []string{"b.example"})
		expect(t, "failing ones apart", take("w2", noon+10, false, 8), []string{"dead1.example", "dead2.example"})
		expect(t, "healthy ones that nobody holds", take("w2", noon+10, true, 8), []string{"a.example"})
		expect(t, "all are held", take("w3", noon+10, true, 8), []string{})
		expect(t, "leases have ended", take("w3", noon+1011, true, 8), []string{"a.example", "b.example", "later.example"})

		// A lease that has gone to another is not given back.
		release(t, s, &models.Host{Host: "b.example", LeaseBy: "w1", Failures: 9})
		if h := hostRow(t, s, "b.example"); h.LeaseBy != "w3" || h.Failures != 0 {
			t.Errorf("the lease of another was given back: %+v", h)
		}
		must(t, models.ExpireLeases(t.Context(), s.W))
		expect(t, "all leases were freed", take("w4", noon+1012, true, 8), []string{"a.example", "b.example", "later.example"})
	})
}

// toHost is a pending row to any host.
func toHost(host iri.Host) *models.Delivery {
	d := delivery("1", "x", 0)
	d.Host, d.Inbox = host, iri.IRI("https://"+string(host)+"/inbox")
	return d
}

func TestReleaseHostRecomputesDue(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		queue(t, s, delivery("1", "x", 0), delivery("2", "x", 0), delivery("3", "y", 0))
		h := lease(t, s, noon)
		rows, _ := due(t, s, noon, 8)
		rows[0].NextAt, rows[1].NextAt = noon+7000, noon+3000
		finish(t, s, rows...)
		h.LastAnswerAt, h.LastReason = noon, "answers 500"
		release(t, s, h)
		// Row 2 has a time that has come, and yet waits behind row 1.
		dueAt(t, s, "lanes wait", noon+3000)
		if h := hostRow(t, s, "embassy.example"); h.LeaseBy != "" || h.LeaseUntil != 0 || h.LastAnswerAt != noon || h.LastReason != "answers 500" {
			t.Errorf("released: %+v", h)
		}

		h = lease(t, s, noon+3000)
		h.Failures, h.BackOffUntil, h.FirstFailureAt, h.Held = 2, noon+60_000, noon+3000, true
		release(t, s, h)
		dueAt(t, s, "under back-off", noon+60_000)
		if h := hostRow(t, s, "embassy.example"); h.Failures != 2 || !h.Held || h.FirstFailureAt != noon+3000 {
			t.Errorf("released in back-off: %+v", h)
		}

		must(t, models.WakeHost(t.Context(), s.W, "embassy.example", noon+10_000))
		dueAt(t, s, "woken", noon+10_000)
		_, ids := due(t, s, noon+10_000, 8)
		expect(t, "due when woken", ids, []string{"1", "3"})
		h = lease(t, s, noon+10_000)
		if h.Failures != 0 || h.BackOffUntil != 0 || h.Held {
			t.Errorf("woken: %+v", h)
		}

		for range 2 {
			rows, _ = due(t, s, noon+10_000, 8)
			for _, r := range rows {
				r.State = models.DeliveryDone
			}
			finish(t, s, rows...)
		}
		release(t, s, h)
		dueAt(t, s, "nothing left", models.Never)
		must(t, models.WakeHost(t.Context(), s.W, "embassy.example", noon+11_000))
		dueAt(t, s, "woken for nothing", models.Never)
	})
}

// A release that meets an uncommitted publication does not wait for it: the publication
// makes the host due when it ends.
func TestReleaseMeetsAPublication(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		nudge(t, s, noon, "embassy.example")
		h := lease(t, s, noon)
		released := make(chan error, 1)
		in(t, s, func(ctx context.Context, tx bun.Tx) error {
			err := models.InsertDeliveries(ctx, tx, []*models.Delivery{delivery("1", "x", 0)})
			go func() {
				released <- s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return models.ReleaseHost(ctx, tx, h, 0) })
			}()
			if s.Postgres() {
				select {
				case err := <-released:
					released <- err
				case <-time.After(10 * time.Second):
					t.Error("the release waits for the publication")
				}
			}
			return err
		})
		must(t, <-released)
		dueAt(t, s, "the row that was published meanwhile", noon)
	})
}

// A release that meets the end of a publication waits for it, and sees its row.
func TestReleaseSeesWhatItWaitedFor(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		nudge(t, s, noon, "embassy.example")
		h := lease(t, s, noon)
		released := make(chan error, 1)
		must(t, s.W.RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error { // as InTx, whose nudges come last
			err := models.InsertDeliveries(ctx, tx, []*models.Delivery{delivery("1", "x", 0)})
			go func() {
				released <- s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return models.ReleaseHost(ctx, tx, h, 0) })
			}()
			for waiting := 0; s.Postgres() && err == nil && waiting == 0; {
				err = s.R.NewRaw(`SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
					WHERE NOT l.granted AND a.datname = current_database()`).Scan(ctx, &waiting)
			}
			return err
		}))
		must(t, <-released)
		dueAt(t, s, "the row that was published meanwhile", noon)
	})
}

// However publishing and the release of a lease meet, a pending row has a host that
// will be leased for it.
func TestPublishAndReleaseLoseNothing(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		const publishers, each = 4, 25
		ctx, stop := context.WithCancel(t.Context())
		var couriers, authors sync.WaitGroup
		for w := range 2 {
			couriers.Go(func() {
				by := fmt.Sprint("courier ", w)
				for ctx.Err() == nil {
					hosts, err := models.LeaseHosts(t.Context(), s.W, by, noon, noon+60_000, true, 1)
					if err != nil {
						t.Error(err)
						return
					}
					for _, h := range hosts {
						rows, err := models.DueDeliveries(t.Context(), s.R, h.Host, noon, 8)
						if err != nil {
							t.Error(err)
						}
						for _, r := range rows {
							r.State = models.DeliveryDone
						}
						err = s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
							if err := models.FinishDeliveries(ctx, tx, rows); err != nil {
								return err
							}
							return models.ReleaseHost(ctx, tx, h, 0)
						})
						if err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		for p := range publishers {
			authors.Go(func() {
				for i := range each {
					id := fmt.Sprintf("%d-%d", p, i)
					err := s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
						return models.InsertDeliveries(ctx, tx, []*models.Delivery{delivery(id, id, 0)})
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		authors.Wait()
		stop()
		couriers.Wait()
		// Whatever is still pending is due.
		for round := 0; ; round++ {
			n, err := models.CountDeliveries(t.Context(), s.R, models.DeliveryPending)
			must(t, err)
			if n == 0 {
				break
			}
			if round > publishers*each {
				t.Fatalf("%d rows are pending and stay so", n)
			}
			h := lease(t, s, noon)
			rows, _ := due(t, s, noon, 8)
			for _, r := range rows {
				r.State = models.DeliveryDone
			}
			finish(t, s, rows...)
			release(t, s, h)
		}
		dueAt(t, s, "all is sent", models.Never)
	})
}
