package remote

import (
	"context"
	"sync"

	"valise/models/iri"
)

const (
	runningPerOrigin = 8  // requests under way
	waitingPerOrigin = 56 // requests that wait for one of those
)

// bulkhead bounds the requests that one origin can hold: a server that stalls
// keeps runningPerOrigin connections and waitingPerOrigin waiters, and every
// further request for it fails at once.
type bulkhead struct {
	mu      sync.Mutex
	origins map[iri.Origin]*berth // guarded by mu; only origins in use
}

type berth struct {
	slots chan struct{}
	users int // running and waiting; guarded by bulkhead.mu
}

func newBulkhead() *bulkhead { return &bulkhead{origins: map[iri.Origin]*berth{}} }

// enter waits for a slot. The caller calls leave exactly once, after the
// answer's body is closed.
func (b *bulkhead) enter(ctx context.Context, o iri.Origin) (leave func(), err error) {
	b.mu.Lock()
	at := b.origins[o]
	if at == nil {
		at = &berth{slots: make(chan struct{}, runningPerOrigin)}
		b.origins[o] = at
	}
	if at.users == runningPerOrigin+waitingPerOrigin {
		b.mu.Unlock()
		return nil, faultf(KindBusy, "%d requests to %s are under way or waiting", at.users, o)
	}
	at.users++
	b.mu.Unlock()

	select {
	case at.slots <- struct{}{}:
		return func() {
			<-at.slots
			b.forget(o, at)
		}, nil
	case <-ctx.Done():
		b.forget(o, at)
		return nil, ctx.Err()
	}
}

func (b *bulkhead) forget(o iri.Origin, at *berth) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at.users--
	if at.users == 0 {
		delete(b.origins, o)
	}
}
