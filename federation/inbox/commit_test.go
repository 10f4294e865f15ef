package inbox

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"valise/federation/problem"
	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

func row(n int) *models.Arrival {
	return &models.Arrival{Activity: iri.IRI(fmt.Sprintf("https://peer.example/a/%d", n)), Inbox: "https://own.example/inbox", Type: "Create", Actor: "https://peer.example/o/x",
		Host: "peer.example", Body: []byte("{}"), Digest: "zQm", Lane: "l", State: models.ArrivalPending, NextAt: 1, ReceivedAt: 1}
}

// TestEachWaiterHasItsOwnVerdict: many at once, with a twin and an impostor among them.
func TestEachWaiterHasItsOwnVerdict(t *testing.T) {
	store := modeltest.DB(t)
	c := newCommitter(store)
	defer c.close()
	var wg sync.WaitGroup
	for n := range 200 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if v, err := c.put(row(n)); err != nil || v != models.AcceptedNew {
				t.Errorf("row %d: %v %v", n, v, err)
			}
		}()
	}
	wg.Wait()
	if v, err := c.put(row(7)); err != nil || v != models.AcceptedDuplicate {
		t.Errorf("a twin: %v %v", v, err)
	}
	other := row(7)
	other.Digest = "zQmOther"
	if v, err := c.put(other); err != nil || v != models.AcceptedOther {
		t.Errorf("an impostor: %v %v", v, err)
	}
	if n, err := models.CountArrivals(t.Context(), store.R, models.ArrivalPending); err != nil || n != 200 {
		t.Errorf("%d rows are on disk: %v", n, err)
	}
}

// TestFailedCommitIsEverybodysFailure: 503 with Retry-After for all, and nothing kept.
func TestFailedCommitIsEverybodysFailure(t *testing.T) {
	store := modeltest.DB(t)
	c := newCommitter(store)
	defer c.close()
	if err := store.W.Close(); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			_, err := c.put(row(n))
			if !errors.Is(err, errCommit) {
				t.Errorf("row %d: %v", n, err)
				return
			}
			if r := problem.Of(err); r.Status != http.StatusServiceUnavailable || r.RetryAfter == 0 {
				t.Errorf("the sender gets %d, Retry-After %d", r.Status, r.RetryAfter)
			}
		}()
	}
	wg.Wait()
}

// TestNobodyWaitsForAClosedCommitter: a stop answers, it does not hang.
func TestNobodyWaitsForAClosedCommitter(t *testing.T) {
	c := newCommitter(modeltest.DB(t))
	c.close()
	if _, err := c.put(row(1)); !errors.Is(err, errCommit) {
		t.Errorf("put after close: %v", err)
	}
}
