package inbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"valise/models"
)

const (
	// commitMost is how many arrivals share one transaction.
	commitMost = 128
	// commitTimeout bounds one commit. It belongs to the committer: a client that
	// goes away takes nothing with it.
	commitTimeout = 10 * time.Second
)

// errCommit is what every waiter of a failed commit gets: 503, come again.
var errCommit = errors.New("the arrivals could not be committed")

type verdict struct {
	accepted models.Accepted
	err      error
}

type waiter struct {
	row    *models.Arrival
	answer chan verdict
}

// committer puts concurrent arrivals into one transaction. Its context is its own,
// each waiter gets a verdict of its own, and a failed commit is every waiter's failure.
type committer struct {
	store *models.Store
	queue chan waiter
	done  chan struct{}
	stop  sync.Once
}

func newCommitter(store *models.Store) *committer {
	c := &committer{store: store, queue: make(chan waiter, 4*commitMost), done: make(chan struct{})}
	go c.run()
	return c
}

// put returns once the row is on disk, or with the reason why it is not.
func (c *committer) put(row *models.Arrival) (models.Accepted, error) {
	w := waiter{row, make(chan verdict, 1)}
	select {
	case c.queue <- w:
	case <-c.done:
		return 0, errCommit
	}
	select {
	case v := <-w.answer:
		return v.accepted, v.err
	case <-c.done:
		select {
		case v := <-w.answer:
			return v.accepted, v.err
		default:
			return 0, errCommit
		}
	}
}

func (c *committer) run() {
	batch := make([]waiter, 0, commitMost)
	for {
		batch = batch[:0]
		select {
		case <-c.done:
			return
		case w := <-c.queue:
			batch = append(batch, w)
		}
	fill:
		for len(batch) < commitMost {
			select {
			case w := <-c.queue:
				batch = append(batch, w)
			default:
				break fill
			}
		}
		c.commit(batch)
	}
}

func (c *committer) commit(batch []waiter) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	rows := make([]*models.Arrival, len(batch))
	for i, w := range batch {
		rows[i] = w.row
	}
	var accepted []models.Accepted
	err := c.store.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		if accepted, err = models.InsertArrivals(ctx, tx, rows); err != nil {
			return err
		}
		for i, row := range rows {
			if accepted[i] != models.AcceptedNew || row.State != models.ArrivalSetAside {
				continue
			}
			if err := models.InsertNotice(ctx, tx, asideNotice(row, row.Reason, row.ReceivedAt)); err != nil {
				return err
			}
		}
		return nil
	})
	for i, w := range batch {
		if err != nil {
			w.answer <- verdict{err: errors.Join(errCommit, err)}
			continue
		}
		w.answer <- verdict{accepted: accepted[i]}
	}
}

func (c *committer) close() { c.stop.Do(func() { close(c.done) }) }
