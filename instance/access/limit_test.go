package access_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"valise/instance/access"
	"valise/models"
	"valise/models/modeltest"
)

func TestWaits(t *testing.T) {
	for failures, want := range map[int64]time.Duration{1: 0, 4: 0, 5: 2 * time.Second, 6: 4 * time.Second, 8: 16 * time.Second, 13: 512 * time.Second, 14: 15 * time.Minute, 1 << 40: 15 * time.Minute} {
		if got := access.WaitAfter(failures, 5); got != want {
			t.Errorf("after %d failures: %s, want %s", failures, got, want)
		}
	}
	for address, want := range map[string]string{"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::/64": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "": "", "nonsense": ""} {
		if got := access.Network(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

// A stranger who guesses waits longer and longer, and is told how long; Alice, at a desk
// where she has signed in before, does not wait at all.
func TestStrangersWaitAndAliceDoesNot(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		h := enter(t, s)
		h.admit()
		h.signIn()
		var waits []time.Duration
		for i := range 30 {
			_, err := h.Password(t.Context(), "alice", fmt.Sprint("guess number ", i), access.Origin{Address: fmt.Sprintf("203.0.113.%d", i)})
			if wait, ok := access.Waiting(err); ok {
				r := h.refused(err, "wait")
				if r.Status != 429 || !strings.Contains(r.Detail, "try again in ") {
					t.Errorf("refusal: %+v", r)
				}
				waits = append(waits, wait)
				h.now = h.now.Add(wait)
				continue
			}
			h.refused(err, "wrong-sign-in")
		}
		for i := 1; i < len(waits); i++ {
			if waits[i] < waits[i-1] || waits[i] > 15*time.Minute {
				t.Errorf("waits: %v", waits)
			}
		}
		if len(waits) < 8 || waits[0] != 2*time.Second {
			t.Errorf("waits: %v", waits)
		}
		_, err := h.Password(t.Context(), "alice", "one more guess", access.Origin{Address: "203.0.113.99"})
		h.refused(err, "wrong-sign-in")
		_, err = h.Password(t.Context(), "alice", good, stranger)
		h.refused(err, "wait")
		// She at her desk, although the name waits for everybody else.
		h.signIn()
		// She elsewhere has to wait once, and then gets in: nobody is locked out for good.
		wait, _ := access.Waiting(err)
		h.now = h.now.Add(wait)
		if _, err := h.Password(t.Context(), "alice", good, stranger); err != nil {
			t.Error(err)
		}
		// Her success has cleared the count.
		for range 4 {
			_, err := h.Password(t.Context(), "alice", "wrong", stranger)
			h.refused(err, "wrong-sign-in")
		}
		if _, err := h.Password(t.Context(), "alice", good, stranger); err != nil {
			t.Error(err)
		}
	})
}

// One address that tries many names waits too, and others do not wait for it.
func TestAddressesWait(t *testing.T) {
	h := simple(t)
	h.admit()
	h.signIn()
	for i := range 20 {
		_, err := h.Password(t.Context(), fmt.Sprint("name", i), "guess", stranger)
		h.refused(err, "wrong-sign-in")
	}
	_, err := h.Password(t.Context(), "another", "guess", stranger)
	r := h.refused(err, "wait")
	if r.Detail != "too many tries failed: try again in 2 seconds" || r.RetryAfter != 2 {
		t.Errorf("%+v", r)
	}
	options, ceremony, err := h.BeginSignIn()
	h.must(err)
	_, err = h.Passkey(t.Context(), ceremony, options, stranger)
	h.refused(err, "wait")
	h.signIn()
	h.now = h.now.Add(25 * time.Hour)
	h.must(h.Sweep(t.Context()))
	var left int
	h.must(h.Store.R.NewRaw(`SELECT COUNT(*) FROM attempts`).Scan(t.Context(), &left))
	if left != 0 {
		t.Errorf("%d counters are kept for ever", left)
	}
}

// Tries at the same moment do not slip past the count together.
func TestTriesAtOnce(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		h := enter(t, s)
		h.admit()
		var wg sync.WaitGroup
		var mu sync.Mutex
		tried := 0
		for i := range 40 {
			wg.Go(func() {
				_, err := h.Password(t.Context(), "alice", fmt.Sprint("guess ", i), access.Origin{Address: fmt.Sprintf("203.0.113.%d", i)})
				if _, waits := access.Waiting(err); !waits {
					mu.Lock()
					tried++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if tried != 5 {
			t.Errorf("%d guesses were tried at once, want 5", tried)
		}
	})
}

// Second factors are counted on their own: whoever has the password cannot try them all.
func TestSecondFactorsWait(t *testing.T) {
	h := simple(t)
	a, _ := h.enrol()
	next := h.half()
	thief := access.Origin{Address: "203.0.113.66"}
	for range 5 {
		_, err := h.Second(t.Context(), next, "123456", thief)
		h.refused(err, "wrong-code")
	}
	_, err := h.Second(t.Context(), next, a.at(t, h.now), thief)
	h.refused(err, "wait")
	if _, err := h.Second(t.Context(), h.half(), a.at(t, h.now), desk); err != nil {
		t.Errorf("she at her desk: %v", err)
	}
}
