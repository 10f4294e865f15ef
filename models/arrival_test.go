package models_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

// arrival is one pending row; the same id and body give the same digest.
func arrival(id, lane string, precedence int64, body string) *models.Arrival {
	return &models.Arrival{
		Activity: iri.IRI("https://embassy.example/a/" + id), Inbox: ministry + "/inbox", Type: "Create", ObjectType: "Article",
		ObjectID: iri.IRI("https://embassy.example/d/" + id), Actor: embassy, Host: "embassy.example", Body: []byte(body), Digest: "sha256:" + body,
		Request: "POST /inbox", KeyID: embassy + "#rsa", KeyDocument: "sha256:doc", Proven: true, Lane: lane, Precedence: precedence,
		State: models.ArrivalPending, NextAt: noon, ReceivedAt: noon,
	}
}

// accept inserts rows in one transaction and returns what became of each.
func accept(t *testing.T, s *models.Store, rows ...*models.Arrival) []models.Accepted {
	t.Helper()
	var out []models.Accepted
	in(t, s, func(ctx context.Context, tx bun.Tx) (err error) {
		out, err = models.InsertArrivals(ctx, tx, rows)
		return err
	})
	return out
}

// claim returns the ids, without their common beginning, that one claim leased.
func claim(t *testing.T, s *models.Store, at models.Time, limit int) []string {
	t.Helper()
	rows, err := models.ClaimArrivals(t.Context(), s.W, at, at+1000, limit)
	must(t, err)
	return names(rows)
}

func names(rows []*models.Arrival) []string {
	out := []string{}
	for _, r := range rows {
		out = append(out, string(r.Activity[len("https://embassy.example/a/"):]))
	}
	return out
}

func idOf(t *testing.T, s *models.Store, id string) int64 {
	t.Helper()
	var n int64
	must(t, s.R.NewRaw(`SELECT id FROM arrivals WHERE activity = ?`, "https://embassy.example/a/"+id).Scan(t.Context(), &n))
	return n
}

func expect(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestArrivalIsKeptWhole(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		row := arrival("1", "lane", 2, "digest")
		row.Body = []byte("{\"x\": \"\u00e9\"}\x00\xff")
		row.Proven = false
		accept(t, s, row)
		got, err := models.ArrivalByID(t.Context(), s.R, idOf(t, s, "1"))
		must(t, err)
		want := *row
		want.ID = got.ID
		if !bytes.Equal(got.Body, want.Body) {
			t.Errorf("body %q", got.Body)
		}
		got.Body, want.Body = nil, nil
		if fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", want) {
			t.Errorf("got  %+v\nwant %+v", *got, want)
		}
	})
}

func TestInsertArrivalsSaysWhatBecameOfEach(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		if got := accept(t, s); len(got) != 0 {
			t.Errorf("nothing: %v", got)
		}
		if got := accept(t, s, arrival("1", "l", 0, "a")); got[0] != models.AcceptedNew {
			t.Errorf("new: %v", got)
		}
		otherInbox := arrival("1", "l", 0, "b")
		otherInbox.Inbox = embassy + "/inbox"
		got := accept(t, s,
			arrival("1", "l", 0, "a"), // again
			arrival("1", "l", 0, "b"), // the same id, other bytes
			otherInbox,                // another receipt
			arrival("2", "l", 0, "a"), // new
			arrival("2", "l", 0, "a"), // again, in one batch
			arrival("2", "l", 0, "b"), // other bytes, in one batch
			arrival("3", "l", 0, "a"),
		)
		want := []models.Accepted{models.AcceptedDuplicate, models.AcceptedOther, models.AcceptedNew, models.AcceptedNew,
			models.AcceptedDuplicate, models.AcceptedOther, models.AcceptedNew}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if n, err := models.CountArrivals(t.Context(), s.R, models.ArrivalPending); err != nil || n != 4 {
			t.Errorf("%d rows (%v), want 4", n, err)
		}
		first, err := models.ArrivalByID(t.Context(), s.R, idOf(t, s, "2"))
		must(t, err)
		if string(first.Body) != "a" {
			t.Errorf("other bytes under a known id replaced it: %q", first.Body)
		}
	})
}

// What no database text may hold, in what a stranger wrote, fails nobody's commit.
func TestStrangeTextFailsNoBatch(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		bad := arrival("1", "lane\x00", 0, "a")
		bad.Type, bad.ObjectType, bad.ObjectID, bad.Request = "Cre\x00ate", "\xff", "https://embassy.example/d\x00/2", "Date: \xff"
		if got := accept(t, s, bad, arrival("2", "l", 0, "b")); !slices.Equal(got, []models.Accepted{models.AcceptedNew, models.AcceptedNew}) {
			t.Errorf("got %v", got)
		}
		a, err := models.ArrivalByID(t.Context(), s.R, idOf(t, s, "1"))
		must(t, err)
		if a.ObjectID != "https://embassy.example/d\uFFFD/2" || a.Request != "Date: \uFFFD" || a.Lane != "lane\uFFFD" {
			t.Errorf("got %+v", a)
		}
	})
}

func TestClaimGoesByPrecedenceThenAge(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		accept(t, s, arrival("1", "l1", 0, ""), arrival("2", "l2", 3, ""), arrival("3", "l3", 1, ""), arrival("4", "l4", 3, ""), arrival("5", "l5", 0, ""))
		expect(t, "first claim", claim(t, s, noon, 3), []string{"2", "4", "3"})
		expect(t, "second claim", claim(t, s, noon, 10), []string{"1", "5"})
		expect(t, "nothing left", claim(t, s, noon, 10), []string{})
	})
}

func TestLanesKeepTheirOrder(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		accept(t, s, arrival("1", "x", 0, ""), arrival("2", "x", 0, ""), arrival("3", "y", 0, ""))
		expect(t, "the head", claim(t, s, noon, 1), []string{"1"})
		expect(t, "while the head is held", claim(t, s, noon, 10), []string{"3"})
		must(t, models.PostponeArrival(ctx, s.W, idOf(t, s, "1"), "its author is not known yet", noon+5000))
		expect(t, "while the head waits", claim(t, s, noon, 10), []string{})
		expect(t, "when it is due", claim(t, s, noon+5000, 10), []string{"1", "2", "3"})
		must(t, models.FinishArrivals(ctx, s.W, []int64{idOf(t, s, "1"), idOf(t, s, "3")}, noon+5001))
		expect(t, "once the head is applied", claim(t, s, noon+9000, 10), []string{"2"})

		// A higher precedence does not overtake within its lane.
		accept(t, s, arrival("4", "z", 0, ""), arrival("5", "z", 3, ""), arrival("6", "w", 1, ""))
		expect(t, "below a lower precedence", claim(t, s, noon+9000, 2), []string{"6", "4"})
		must(t, models.FinishArrivals(ctx, s.W, []int64{idOf(t, s, "4")}, noon+9001))
		expect(t, "after it", claim(t, s, noon+9001, 2), []string{"5"})

		// A head that is set aside stops its lane no longer.
		accept(t, s, arrival("7", "v", 0, ""), arrival("8", "v", 0, ""))
		expect(t, "head", claim(t, s, noon+9001, 1), []string{"7"})
		must(t, models.SetAsideArrival(ctx, s.W, idOf(t, s, "7"), "broken"))
		expect(t, "after the head is set aside", claim(t, s, noon+9001, 1), []string{"8"})
	})
}

func TestClaimedArrivalComesBackWhenItsLeaseEnds(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		accept(t, s, arrival("1", "x", 0, ""))
		expect(t, "claim", claim(t, s, noon, 1), []string{"1"})
		expect(t, "under lease", claim(t, s, noon+1000, 1), []string{})
		expect(t, "after it", claim(t, s, noon+1001, 1), []string{"1"})
		must(t, models.ExpireLeases(t.Context(), s.W))
		expect(t, "after all leases were freed", claim(t, s, noon+1001, 1), []string{"1"})
	})
}

// Every row is claimed once, and none before an earlier one of its lane was finished
// or leased by the same claim.
func TestClaimsAtOnce(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		const rows, lanes, workers = 120, 7, 6
		var batch []*models.Arrival
		for i := range rows {
			batch = append(batch, arrival(fmt.Sprintf("%03d", i), fmt.Sprint("lane ", i%lanes), int64(i%3), ""))
		}
		accept(t, s, batch...)
		var mu sync.Mutex
		holder := map[string]int{} // lane -> worker that holds rows of it
		done := map[int64]bool{}
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for {
					got, err := models.ClaimArrivals(t.Context(), s.W, noon, noon+60_000, 5)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					finished := len(done) == rows
					for _, a := range got {
						if done[a.ID] {
							t.Errorf("row %d was claimed twice", a.ID)
						}
						if by, held := holder[a.Lane]; held && by != w {
							t.Errorf("row %d was claimed while another worker holds its lane", a.ID)
						}
						holder[a.Lane] = w
						done[a.ID] = true
					}
					mu.Unlock()
					if finished {
						return
					}
					if len(got) == 0 {
						continue
					}
					var ids []int64
					mu.Lock()
					for _, a := range got {
						delete(holder, a.Lane)
						ids = append(ids, a.ID)
					}
					err = models.FinishArrivals(t.Context(), s.W, ids, noon)
					mu.Unlock()
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		if n, err := models.CountArrivals(t.Context(), s.R, models.ArrivalApplied); err != nil || n != rows {
			t.Errorf("%d rows applied (%v), want %d", n, err, rows)
		}
	})
}

func TestArrivalStates(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		accept(t, s, arrival("1", "x", 0, "one"), arrival("2", "y", 0, "two"))
		one, two := idOf(t, s, "1"), idOf(t, s, "2")
		claim(t, s, noon, 2)

		must(t, models.PostponeArrival(ctx, s.W, one, "quotes \xff and \x00 of a stranger", noon+500))
		a, err := models.ArrivalByID(ctx, s.R, one)
		must(t, err)
		if a.State != models.ArrivalPending || a.Attempts != 1 || a.NextAt != noon+500 || a.LeaseUntil != 0 || a.Reason != "quotes \uFFFD and \uFFFD of a stranger" {
			t.Errorf("postponed: %+v", a)
		}

		must(t, models.SetAsideArrival(ctx, s.W, one, "cannot be applied"))
		a, err = models.ArrivalByID(ctx, s.R, one)
		must(t, err)
		if a.State != models.ArrivalSetAside || a.Attempts != 2 || a.Reason != "cannot be applied" || string(a.Body) != "one" {
			t.Errorf("set aside: %+v", a)
		}
		aside, err := models.Arrivals(ctx, s.R, models.ArrivalSetAside, 0, 10)
		must(t, err)
		if len(aside) != 1 || aside[0].ID != one || aside[0].Body != nil {
			t.Errorf("the list of rows set aside: %+v", aside)
		}

		if ok, err := models.RetryArrival(ctx, s.W, two, noon); ok || err != nil {
			t.Errorf("retry of a row that is not set aside: %v, %v", ok, err)
		}
		if ok, err := models.RetryArrival(ctx, s.W, one, noon+700); !ok || err != nil {
			t.Errorf("retry: %v, %v", ok, err)
		}
		expect(t, "before the retry is due", claim(t, s, noon+699, 5), []string{})
		expect(t, "the retry", claim(t, s, noon+700, 5), []string{"1"})

		must(t, models.FinishArrivals(ctx, s.W, nil, noon))
		must(t, models.FinishArrivals(ctx, s.W, []int64{one, two}, noon+900))
		a, err = models.ArrivalByID(ctx, s.R, one)
		must(t, err)
		if a.State != models.ArrivalApplied || a.AppliedAt != noon+900 || a.Reason != "" || a.LeaseUntil != 0 {
			t.Errorf("applied: %+v", a)
		}
		if ok, err := models.RetryArrival(ctx, s.W, one, noon); ok || err != nil {
			t.Errorf("retry of an applied row: %v, %v", ok, err)
		}
	})
}

func TestEraseArrivalBodies(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		create, pending, other := arrival("1", "x", 0, "text"), arrival("2", "x", 0, "text"), arrival("3", "x", 0, "text")
		deletion := arrival("4", "x", 0, "deletion")
		pending.ObjectID, deletion.ObjectID, deletion.Type = create.ObjectID, create.ObjectID, "Delete"
		accept(t, s, create, pending, other, deletion)
		must(t, models.FinishArrivals(ctx, s.W, []int64{idOf(t, s, "1"), idOf(t, s, "3"), idOf(t, s, "4")}, noon))
		must(t, models.EraseArrivalBodies(ctx, s.W, nil))
		must(t, models.EraseArrivalBodies(ctx, s.W, []iri.IRI{create.ObjectID}))
		for id, want := range map[string]string{"1": "", "2": "text", "3": "text", "4": "deletion"} {
			a, err := models.ArrivalByID(ctx, s.R, idOf(t, s, id))
			must(t, err)
			if string(a.Body) != want || a.Digest == "" || a.Request == "" {
				t.Errorf("arrival %s: body %q, digest %q, request %q", id, a.Body, a.Digest, a.Request)
			}
		}
	})
}
