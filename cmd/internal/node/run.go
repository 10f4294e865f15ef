package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"valise/federation/inbox"
	"valise/federation/policy"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

const (
	// idle is how long the worker sleeps when nothing wakes it: another process may
	// have put something into the queue.
	idle = 2 * time.Second
	// maintainEvery is how often terms, gaps and missing files are looked at when no
	// arrival was applied.
	maintainEvery = time.Second
	// indexEvery is how often the search index looks for what was kept.
	indexEvery = time.Second
	// standMost bounds how long the search index stands back from a burst; then it works
	// for as long, so that a load without end does not leave it behind.
	standMost = 15 * time.Second
	// watchEvery is how often late dispatches are looked for and old ids forgotten.
	watchEvery = time.Minute
)

// Run applies arrivals, delivers, mails and maintains until ctx ends. It returns once
// everything under way has ended.
func (n *Node) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, part := range []func(context.Context){n.apply, n.Courier.Run, n.maintain, n.index, n.watchEpoch, n.Notify.Run} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			part(ctx)
		}()
	}
	wg.Wait()
	return nil
}

func (n *Node) apply(ctx context.Context) {
	for ctx.Err() == nil {
		moved, err := n.Worker.Step(ctx)
		if err != nil && ctx.Err() == nil {
			n.Log.Error("arrivals cannot be applied", "err", err)
		}
		n.behind.Store(err == nil && moved == inbox.ClaimMost)
		if moved > 0 && err == nil {
			continue
		}
		wait(ctx, n.arrived, idle)
	}
}

func (n *Node) maintain(ctx context.Context) {
	for ctx.Err() == nil {
		if _, err := n.Maintain(ctx); err != nil && ctx.Err() == nil {
			n.Log.Error("maintenance failed", "err", err)
		}
		wait(ctx, n.applied, maintainEvery)
	}
}

// pressed tells whether a burst is being accepted, applied or delivered.
func (n *Node) pressed() bool { return n.Box.Busy() || n.behind.Load() || n.Courier.Pressed() }

// quiet tells whether nothing presses for a tenth of indexEvery: between two rounds of a
// burst is no rest.
func (n *Node) quiet(ctx context.Context) bool {
	for range 5 {
		if n.pressed() {
			return false
		}
		wait(ctx, nil, indexEvery/50)
	}
	return !n.pressed()
}

// index puts what was kept into the search index, and leaves the processor to bursts.
func (n *Node) index(ctx context.Context) {
	for since := (time.Time{}); ctx.Err() == nil; {
		switch stood := time.Since(since); {
		case since.IsZero() && n.pressed():
			since = time.Now()
			continue
		case !since.IsZero() && (stood >= 2*standMost || n.quiet(ctx)):
			since = time.Time{}
		case !since.IsZero() && stood < standMost:
			wait(ctx, nil, indexEvery/4)
			continue
		}
		done, err := n.Search.Step(ctx)
		if err != nil && ctx.Err() == nil {
			n.Log.Error("the search index cannot be brought in line", "err", err)
		}
		if done == 0 || err != nil {
			wait(ctx, nil, indexEvery)
		}
	}
}

func wait(ctx context.Context, wake <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-t.C:
	}
}

// Maintain ends memberships whose term is over, repairs gaps and fetches missing
// attachments. It returns how much there was to do.
func (n *Node) Maintain(ctx context.Context) (int, error) {
	expired, err := n.Communities.Expire(ctx)
	if err != nil {
		return 0, err
	}
	fetched, err := n.Dispatches.FetchMissing(ctx)
	if err != nil {
		return expired, err
	}
	repaired, err := n.Communities.Repair(ctx, n.take)
	if err != nil {
		return expired + fetched, err
	}
	if err := n.Dispatches.SweepFiles(ctx); err != nil {
		return expired + fetched + repaired, err
	}
	if err := n.Dispatches.Mend(ctx); err != nil {
		return expired + fetched + repaired, err
	}
	revived, err := n.Dispatches.Revive(ctx)
	if err != nil {
		return expired + fetched + repaired, err
	}
	repaired += revived
	if expired+revived > 0 {
		n.Courier.Wake()
	}
	if _, err := n.Directory.Refresh(ctx); err != nil {
		return expired + fetched + repaired, err
	}
	late := 0
	if now := n.Now(); now.Sub(n.watched) >= watchEvery {
		n.watched = now
		if err := n.Access.Sweep(ctx); err != nil {
			return expired + fetched + repaired, err
		}
		if _, err := n.Dispatches.SweepUnnamed(ctx); err != nil {
			return expired + fetched + repaired, err
		}
		if late, err = n.Dispatches.Watch(ctx); err != nil {
			return expired + fetched + repaired, err
		}
		if err := n.Keyring.DropPrevious(ctx); err != nil {
			return expired + fetched + repaired + late, err
		}
		if err := models.ForgetArrivals(ctx, n.Store.W, models.At(now.AddDate(0, 0, -n.Config.Retention.IDDays)), forgetMost); err != nil {
			return expired + fetched + repaired + late, err
		}
	}
	return expired + fetched + repaired + late, nil
}

// forgetMost bounds how many old ids one turn forgets.
const forgetMost = 1000

// take lets an announcement that a repair has fetched go the road of all arrivals, once
// its proofs are verified.
func (n *Node) take(ctx context.Context, body []byte, group iri.IRI) error {
	a, err := vocab.ParseActivity(body, n.Rules)
	if err != nil {
		return err
	}
	if a.Type != "Announce" || a.Actor != group {
		// An outbox speaks for its Group alone; anything else needs a hop of its own.
		return &policy.Refusal{Code: "foreign-actor", Detail: fmt.Sprintf("%s of %s in the outbox of %s", a.Type, a.Actor, group)}
	}
	return n.Box.Fetched(ctx, a, iri.IRI(n.Own.Base()+"/inbox"), body)
}

// Step runs one turn of everything and returns how much moved. Tests loop on it until
// nothing does, instead of sleeping.
func (n *Node) Step(ctx context.Context) (int, error) {
	moved, err := n.Worker.Step(ctx)
	if err != nil {
		return moved, err
	}
	delivered, err := n.Courier.Step(ctx)
	if err != nil {
		return moved + delivered, err
	}
	done, err := n.Maintain(ctx)
	if err != nil {
		return moved + delivered + done, err
	}
	indexed, err := n.Search.Step(ctx)
	return moved + delivered + done + indexed, err
}

// Backlog is what still waits: arrivals and deliveries that are due now or later.
func (n *Node) Backlog(ctx context.Context) (arrivals, deliveries int64, err error) {
	if arrivals, err = models.CountArrivals(ctx, n.Store.R, models.ArrivalPending); err != nil {
		return 0, 0, err
	}
	deliveries, err = models.CountDeliveries(ctx, n.Store.R, models.DeliveryPending)
	return arrivals, deliveries, err
}
