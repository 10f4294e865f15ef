package deliver

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
)

// result is what one round at one host has brought.
type result struct {
	host    *models.Host
	rows    []*models.Delivery
	release bool
	rest    models.Time // until when the host is left alone once its lease is given back
	woken   bool        // a hold is over: what it kept back is due now
	answer  chan error
}

// settle writes the judgements into the rows and the host.
func (r *result) settle(js []judgement, now models.Time) {
	h := r.host
	answered, away, held, believed := false, false, false, false
	var wish time.Duration
	for i, j := range js {
		d := r.rows[i]
		if j.cancelled != "" {
			d.State, d.Reason, d.FinishedAt = models.DeliveryCancelled, j.cancelled, now
			continue
		}
		d.Attempts++
		d.Status, d.Reason = j.status, j.reason
		answered = answered || j.status > 0 && j.verdict != HostAway
		held = held || j.verdict == Hold
		believed = believed || j.verdict == Done || j.verdict == Final && j.status > 0
		switch j.verdict {
		case Done:
			d.State, d.FinishedAt, d.Reason = models.DeliveryDone, now, ""
		case Final:
			d.State, d.FinishedAt = models.DeliveryFailed, now
		case HostAway:
			away = true
			wish = max(wish, j.after)
			h.LastReason = j.reason
		default:
			d.NextAt = now.Add(Wait(d.Attempts, j.after))
			if j.verdict == Hold {
				h.LastReason = j.reason
			}
		}
		if d.State == models.DeliveryPending && now.Time().Sub(d.CreatedAt.Time()) > giveUp {
			d.State, d.FinishedAt, d.Reason = models.DeliveryFailed, now, "given up after 16 days: "+j.reason
		}
	}
	since := h.FirstFailureAt
	if answered {
		h.Failures, h.BackOffUntil, h.FirstFailureAt, h.LastAnswerAt = 0, 0, 0, now
	}
	switch {
	case believed:
		r.woken, h.Held = h.Held && now >= since.Add(HoldFor), false
	case held && h.Held:
		h.FirstFailureAt = since
	case held: // every row gets it: the host holds them all
		h.Held, h.FirstFailureAt = true, now
	}
	if away && !answered {
		h.Failures++
		if h.FirstFailureAt == 0 {
			h.FirstFailureAt = now
		}
		h.BackOffUntil = now.Add(Wait(h.Failures, wish))
	}
	for i, j := range js {
		if d := r.rows[i]; j.verdict == HostAway && d.State == models.DeliveryPending && j.cancelled == "" {
			d.NextAt = max(h.BackOffUntil, now.Add(time.Minute))
		}
	}
}

// record hands the result to the writer and waits for its commit.
func (c *Courier) record(r *result) error {
	r.answer = make(chan error, 1)
	c.results <- r
	return <-r.answer
}

// writer commits results, many in one transaction.
func (c *Courier) writer(stop chan struct{}) {
	for {
		var batch []*result
		select {
		case <-stop:
			return
		case r := <-c.results:
			batch = append(batch, r)
		}
	fill:
		for len(batch) < 64 {
			select {
			case r := <-c.results:
				batch = append(batch, r)
			default:
				break fill
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		err := c.write(ctx, batch)
		cancel()
		for _, r := range batch {
			r.answer <- err
		}
	}
}

// write records outcomes, evidence and notices, and gives leases back, in one
// transaction. What is lost with it is sent again: the receiver knows the id.
func (c *Courier) write(ctx context.Context, batch []*result) error {
	c.fault("posted")
	// Beside a burst, what was handed over need not wait for the disk: others write there
	// all the time, and what is lost with the machine is sent again.
	commit := c.Store.InTx
	burst := slices.ContainsFunc(batch, func(r *result) bool { return r.rest > 0 })
	if burst && !slices.ContainsFunc(batch, func(r *result) bool { return r.woken || slices.ContainsFunc(r.rows, lasting) }) {
		commit = c.Store.InAsyncTx
	}
	err := commit(ctx, func(ctx context.Context, tx bun.Tx) error {
		var rows []*models.Delivery
		var evidence []*models.Evidence
		for _, r := range batch {
			for _, d := range r.rows {
				rows = append(rows, d)
				if e := c.evidence(d); e != nil {
					evidence = append(evidence, e)
				}
				if err := c.consequences(ctx, tx, d); err != nil {
					return err
				}
			}
		}
		if len(rows) > 0 {
			if err := models.FinishDeliveries(ctx, tx, rows); err != nil {
				return fmt.Errorf("record deliveries: %w", err)
			}
		}
		if err := models.InsertEvidence(ctx, tx, evidence...); err != nil {
			return fmt.Errorf("record evidence: %w", err)
		}
		var hosts []iri.Host
		for _, r := range batch {
			if r.woken || r.release {
				hosts = append(hosts, r.host.Host)
			}
		}
		if err := models.LockHosts(ctx, tx, hosts); err != nil {
			return fmt.Errorf("lock the hosts: %w", err)
		}
		for _, r := range batch {
			if r.woken {
				if err := models.WakeHost(ctx, tx, r.host.Host, models.At(c.Now())); err != nil {
					return fmt.Errorf("end the hold of %s: %w", r.host.Host, err)
				}
			}
			if !r.release {
				continue
			}
			if err := models.ReleaseHost(ctx, tx, r.host, r.rest); err != nil {
				return fmt.Errorf("give back the lease of %s: %w", r.host.Host, err)
			}
		}
		return nil
	})
	c.fault("recorded")
	if err == nil && slices.ContainsFunc(batch, func(r *result) bool { return r.release && r.host.DueAt <= models.At(c.Now()) }) {
		c.Wake() // something came while the host was leased
	}
	return err
}

// lasting tells whether more than a dispatch's arrival depends on an outcome.
func lasting(d *models.Delivery) bool {
	return d.State != models.DeliveryDone || d.Purpose != models.PurposeDispatch
}

// evidence is that a dispatch will not arrive, for its addressee or, where a shared inbox
// stands for all members, for the receiving instance. That it was handed over the row says
// itself.
func (c *Courier) evidence(d *models.Delivery) *models.Evidence {
	station := map[string]string{models.DeliveryFailed: models.Failed, models.DeliveryCancelled: models.Cancelled}[d.State]
	if d.Purpose != models.PurposeDispatch || station == "" {
		return nil
	}
	return &models.Evidence{Dispatch: d.ObjectID, Version: d.ObjectVersion, Addressee: models.Receiver(d.Recipient, d.Host), Station: station,
		ByActor: d.Actor, At: d.FinishedAt, Detail: d.Reason}
}

// consequences tells the office what will not arrive, and lets others follow up.
func (c *Courier) consequences(ctx context.Context, tx bun.Tx, d *models.Delivery) error {
	switch {
	case d.State == models.DeliveryDone:
		if c.After != nil {
			return c.After(ctx, tx, d)
		}
		return nil
	case d.State == models.DeliveryFailed:
		if d.Status == http.StatusGone && c.Gone != nil {
			if err := c.Gone(ctx, tx, d); err != nil {
				return err
			}
		}
		return models.InsertNotice(ctx, tx, &models.Notice{Recipient: d.Actor, Kind: "delivery failed", Subject: string(d.ObjectID), CreatedAt: d.FinishedAt,
			Detail: fmt.Sprintf("%s did not reach %s: %s", d.Type, or(d.Recipient, d.Inbox), d.Reason)})
	case d.State == models.DeliveryCancelled && d.Reason == models.ReasonSuspended:
		return models.InsertNotice(ctx, tx, &models.Notice{Recipient: d.Actor, Kind: "delivery held back", Subject: string(d.ObjectID), CreatedAt: d.FinishedAt,
			Detail: fmt.Sprintf("%s is suspended here: %s for %s waits until that ends", d.Host, d.Type, or(d.Recipient, d.Inbox))})
	case d.State == models.DeliveryPending && (d.Status == 401 || d.Status == 403) && d.Attempts == 1:
		return models.InsertNotice(ctx, tx, &models.Notice{Recipient: d.Actor, Kind: "delivery held", Subject: string(d.ObjectID), CreatedAt: models.At(c.Now()),
			Detail: fmt.Sprintf("%s does not accept our signature (%s); it is tried again until it does. Ask its operator whether we are accredited there", d.Host, d.Reason)})
	}
	return nil
}

func or(a, b iri.IRI) iri.IRI {
	if a != "" {
		return a
	}
	return b
}
