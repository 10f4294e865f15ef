// Package queues is what an operator sees and does at the queues: deliveries that wait
// or gave up, arrivals that were set aside, notices, and the audit trail.
package queues

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/instance/accounts"
	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
)

// Queues is the service.
type Queues struct {
	Store *models.Store
	Now   func() time.Time
	// Wake is called after a commit that made work due; it must not block. It may be nil.
	Wake func()
}

// Most is the longest page of any list here.
const Most = 200

// States in which a delivery or an arrival can be asked for.
var (
	DeliveryStates = []string{models.DeliveryPending, models.DeliveryDone, models.DeliveryFailed, models.DeliveryCancelled}
	ArrivalStates  = []string{models.ArrivalPending, models.ArrivalApplied, models.ArrivalSetAside}
)

func page(limit int) int { return min(max(limit, 1), Most) }

func known(state string, states []string) error {
	if state != "" && !slices.Contains(states, state) {
		return accounts.Invalid("state is one of %s, not %q", strings.Join(states, ", "), state)
	}
	return nil
}

// Deliveries lists deliveries in one state ("" for all), oldest first, after a row id.
func (q *Queues) Deliveries(ctx context.Context, state string, after int64, limit int) ([]*models.Delivery, error) {
	if err := known(state, DeliveryStates); err != nil {
		return nil, err
	}
	return models.Deliveries(ctx, q.Store.R, state, after, page(limit))
}

// Held lists the hosts that hold our deliveries, by name after one: they do not believe our
// signatures.
func (q *Queues) Held(ctx context.Context, after iri.Host, limit int) ([]*models.Host, error) {
	return models.HeldHosts(ctx, q.Store.R, after, page(limit))
}

// Retry gives a failed or waiting delivery a try now, and ends its host's back-off.
func (q *Queues) Retry(ctx context.Context, by string, id int64) error {
	err := q.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		ok, err := models.RetryDelivery(ctx, tx, id, models.At(q.Now()))
		if models.NotFound(err) || err == nil && !ok {
			return accounts.Invalid("delivery %d is not waiting and did not fail", id)
		}
		if err != nil {
			return fmt.Errorf("retry delivery %d: %w", id, err)
		}
		return audit.Append(ctx, tx, q.Now(), by, "delivery retried", fmt.Sprint(id), nil)
	})
	q.wake(err)
	return err
}

// Arrivals lists arrivals in one state ("" for those set aside), oldest first, without
// their bodies, after a row id.
func (q *Queues) Arrivals(ctx context.Context, state string, after int64, limit int) ([]*models.Arrival, error) {
	if err := known(state, ArrivalStates); err != nil {
		return nil, err
	}
	if state == "" {
		state = models.ArrivalSetAside
	}
	return models.Arrivals(ctx, q.Store.R, state, after, page(limit))
}

// Arrival returns one arrival whole, with the signer's document as it was fetched.
func (q *Queues) Arrival(ctx context.Context, id int64) (*models.Arrival, []byte, error) {
	a, err := models.ArrivalByID(ctx, q.Store.R, id)
	if models.NotFound(err) {
		return nil, nil, accounts.Invalid("there is no arrival %d", id)
	}
	if err != nil || a.KeyDocument == "" {
		return a, nil, err
	}
	doc, err := models.KeyDocument(ctx, q.Store.R, a.KeyDocument)
	if models.NotFound(err) {
		return a, nil, nil
	}
	return a, doc, err
}

// RetryArrival gives an arrival that was set aside another try.
func (q *Queues) RetryArrival(ctx context.Context, by string, id int64) error {
	err := q.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		ok, err := models.RetryArrival(ctx, tx, id, models.At(q.Now()))
		if err != nil {
			return fmt.Errorf("retry arrival %d: %w", id, err)
		}
		if !ok {
			return accounts.Invalid("arrival %d was not set aside, or its text was erased because it is above a ceiling; ask its sender to send it again", id)
		}
		return audit.Append(ctx, tx, q.Now(), by, "arrival retried", fmt.Sprint(id), nil)
	})
	q.wake(err)
	return err
}

func (q *Queues) wake(err error) {
	if err == nil && q.Wake != nil {
		q.Wake()
	}
}

// Status is the state of the queues in numbers.
type Status struct {
	DeliveriesPending, DeliveriesFailed int64
	ArrivalsPending, ArrivalsSetAside   int64
}

// Status counts what waits and what needs a person.
func (q *Queues) Status(ctx context.Context) (s Status, err error) {
	db := q.Store.R
	if s.DeliveriesPending, err = models.CountDeliveries(ctx, db, models.DeliveryPending); err != nil {
		return s, err
	}
	if s.DeliveriesFailed, err = models.CountDeliveries(ctx, db, models.DeliveryFailed); err != nil {
		return s, err
	}
	if s.ArrivalsPending, err = models.CountArrivals(ctx, db, models.ArrivalPending); err != nil {
		return s, err
	}
	s.ArrivalsSetAside, err = models.CountArrivals(ctx, db, models.ArrivalSetAside)
	return s, err
}

// Audit lists entries of the trail in order, after a row id, filtered by object and act
// where given.
func (q *Queues) Audit(ctx context.Context, object, act string, after int64, limit int) ([]*models.AuditEntry, error) {
	return models.AuditAfter(ctx, q.Store.R, after, object, act, page(limit))
}

// Trail lists entries newest first, before a row id (0: from the newest).
func (q *Queues) Trail(ctx context.Context, f models.AuditFilter, before int64, limit int) ([]*models.AuditEntry, error) {
	return models.AuditBefore(ctx, q.Store.R, f, before, page(limit))
}

// Acts lists the kinds of acts that the trail holds.
func (q *Queues) Acts(ctx context.Context) ([]string, error) { return models.AuditActs(ctx, q.Store.R) }

// Exported records that somebody took a copy of the trail away.
func (q *Queues) Exported(ctx context.Context, by string, f models.AuditFilter) error {
	return q.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return audit.Append(ctx, tx, q.Now(), by, "audit trail exported", f.Object, map[string]any{"actor": f.Actor, "act": f.Act})
	})
}

// VerifyAudit walks the whole trail. The error says where it breaks.
func (q *Queues) VerifyAudit(ctx context.Context) (int, error) {
	return audit.Verify(ctx, q.Store.R)
}

// Notices lists the notices of a person, an office or models.Operator, newest first,
// before a row id (0: from the newest).
func (q *Queues) Notices(ctx context.Context, recipient iri.IRI, before int64, limit int) ([]*models.Notice, error) {
	return models.Notices(ctx, q.Store.R, recipient, before, page(limit))
}

// ActAs records that the operator acts in a person's name, before the act: without
// this record there is no act, and the person's own entry cannot hide who typed it.
func (q *Queues) ActAs(ctx context.Context, by string, person iri.IRI, request string) error {
	return q.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return audit.Append(ctx, tx, q.Now(), by, "acts as", string(person), map[string]any{"request": request})
	})
}
