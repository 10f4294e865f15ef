package remote

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"valise/models/iri"
)

func TestBulkhead(t *testing.T) {
	const o = iri.Origin("https://stalls.example")
	b := newBulkhead()
	var leaves []func()
	for range runningPerOrigin {
		leave, err := b.enter(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, waitingPerOrigin)
	for range waitingPerOrigin {
		go func() {
			_, err := b.enter(ctx, o)
			failed <- err
		}()
	}
	users := func() int {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.origins[o] == nil {
			return 0
		}
		return b.origins[o].users
	}
	eventually(t, "all wait", func() bool { return users() == runningPerOrigin+waitingPerOrigin })
	_, err := b.enter(t.Context(), o)
	wantKind(t, explain(t.Context(), "get", "https://stalls.example/", err), KindBusy)
	leave, err := b.enter(t.Context(), "https://healthy.example")
	if err != nil {
		t.Fatalf("another origin: %v", err)
	}
	leave()
	cancel()
	for range waitingPerOrigin {
		if err := <-failed; err != context.Canceled {
			t.Errorf("a waiter got %v", err)
		}
	}
	for _, leave := range leaves {
		leave()
	}
	if len(b.origins) != 0 {
		t.Errorf("%d origins are remembered after the last request", len(b.origins))
	}
}

// Through the client: no more than runningPerOrigin at once, and all in the end.
func TestClientKeepsToItsSlots(t *testing.T) {
	var now, most, total atomic.Int32
	full := make(chan struct{})
	base, c := loopbackPeer(t, never, func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		if total.Add(1) == runningPerOrigin {
			close(full)
		}
		<-full
		activity(w, `{"id":"x"}`)
	})
	var all sync.WaitGroup
	for range 3 * runningPerOrigin {
		all.Go(func() {
			if _, err := c.Get(t.Context(), iri.IRI(base+"/u/1"), "", nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if most.Load() != runningPerOrigin || total.Load() != 3*runningPerOrigin {
		t.Errorf("%d at once, %d in all", most.Load(), total.Load())
	}
	if len(c.documents.origins) != 0 {
		t.Error("slots were kept")
	}
}
