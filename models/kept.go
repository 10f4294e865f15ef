package models

import (
	"fmt"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"
)

const (
	// keptFor is how old an answer may be that another process has changed.
	keptFor = 2 * time.Second
	// keptMost is how many answers one UntilWritten keeps.
	keptMost = 2000
)

// UntilWritten keeps answers that cost much and are asked for often, until somebody
// writes to the store. Its zero value is empty.
type UntilWritten[K comparable, V any] struct {
	once    sync.Once
	kept    *otter.Cache[K, keptAnswer[V]]
	flights singleflight.Group
}

// keptAnswer is what was read when the store had been written so often.
type keptAnswer[V any] struct {
	written int64
	value   V
}

// Get returns the answer for key, which read gives where none is kept: once for all who
// ask meanwhile. The answer is shared: it must not be changed.
func (u *UntilWritten[K, V]) Get(s *Store, key K, read func() (V, error)) (V, error) {
	u.once.Do(func() {
		u.kept = otter.Must(&otter.Options[K, keptAnswer[V]]{MaximumSize: keptMost, ExpiryCalculator: otter.ExpiryWriting[K, keptAnswer[V]](keptFor)})
	})
	written := s.Written()
	here := func() (keptAnswer[V], bool) {
		a, ok := u.kept.GetIfPresent(key)
		return a, ok && a.written == written
	}
	if a, ok := here(); ok {
		return a.value, nil
	}
	mine := false
	// Those who ask after a write do not take an answer of before it.
	got, err, _ := u.flights.Do(fmt.Sprintf("%d %#v", written, key), func() (any, error) {
		if a, ok := here(); ok {
			return a.value, nil
		}
		mine = true
		v, err := read()
		if err == nil {
			u.kept.Set(key, keptAnswer[V]{written, v})
		}
		return v, err
	})
	if err != nil && !mine {
		return read() // the fault may be of the other's request alone
	}
	v, _ := got.(V)
	return v, err
}
