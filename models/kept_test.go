package models_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/modeltest"
)

// Whoever asks while an answer is being read waits for it; a write makes it worthless, and
// one request's end is no other's fault.
func TestUntilWritten(t *testing.T) {
	s := modeltest.DB(t)
	var kept models.UntilWritten[string, int]
	var reads atomic.Int64
	begin := make(chan struct{})
	read := func() (int, error) {
		<-begin
		return int(reads.Add(1)), nil
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if v, err := kept.Get(s, "desk", read); v != 1 || err != nil {
				t.Errorf("got %d (%v)", v, err)
			}
		})
	}
	close(begin)
	all.Wait()
	if v, err := kept.Get(s, "another desk", read); v != 2 || err != nil {
		t.Errorf("another key: %d (%v)", v, err)
	}
	in(t, s, func(context.Context, bun.Tx) error { return nil })
	if v, err := kept.Get(s, "desk", read); v != 3 || err != nil {
		t.Errorf("after a write: %d (%v)", v, err)
	}

	in(t, s, func(context.Context, bun.Tx) error { return nil })
	started, leave := make(chan struct{}), make(chan struct{})
	var left atomic.Int64
	all.Go(func() {
		if _, err := kept.Get(s, "desk", func() (int, error) {
			if left.Add(1) > 1 {
				return 0, errors.New("read twice for one who asked once")
			}
			close(started)
			<-leave
			return 0, context.Canceled
		}); !errors.Is(err, context.Canceled) {
			t.Errorf("who has left: %v", err)
		}
	})
	<-started
	all.Go(func() {
		if v, err := kept.Get(s, "desk", read); v != 4 || err != nil {
			t.Errorf("beside one who has left: %d (%v)", v, err)
		}
	})
	close(leave)
	all.Wait()
}
