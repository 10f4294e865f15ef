package inbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/federation/problem"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

const (
	// ClaimMost is how many arrivals one Step applies at most.
	ClaimMost = 64
	claimFor  = 2 * time.Minute
	// applyFor bounds how long one transaction gathers further arrivals. No write
	// transaction lasts over 50 ms.
	applyFor = 25 * time.Millisecond
	// applyBusy is applyFor while a burst comes in: acceptance waits for the same writer.
	applyBusy = 5 * time.Millisecond
	// restFactor is how much longer than it worked the worker then rests.
	restFactor = 4
	// restUntil bounds how long an arrival waits for a burst to end.
	restUntil = 10 * time.Second
	// triesMost is how often an arrival is tried before it is set aside.
	triesMost = 10
	// aheadLeast is how many arrivals of a claim are prepared before the first
	// transaction, so that it does not end for want of them.
	aheadLeast = 16
	// fetchesMost bounds the actors that one arrival may have fetched.
	fetchesMost = 4
)

// Worker applies arrivals. One runs in each process.
type Worker struct {
	Store  *models.Store
	Table  Table
	Verify *Verifier
	Rules  iri.Rules
	Own    iri.Host
	Log    *slog.Logger
	Now    func() time.Time
	// Applied is called after a commit, to wake the deliveries; it must not block.
	Applied func()
	// Busy tells whether a burst of arrivals comes in; nil: never.
	Busy func() bool
	// Ahead does for an arrival that may be applied what needs no database; it runs
	// beside the transaction that applies those before. nil: nothing.
	Ahead func(*Arrival) any
	// Fault lets crash tests stop the process at a named moment; nil otherwise.
	Fault func(point string)
}

type job struct {
	*Arrival
	fetches int
	unfit   error // why its handler is not asked
	err     error // what became of it in the last transaction
}

// Step claims one batch and applies it. It returns how many arrivals it moved.
func (w *Worker) Step(ctx context.Context) (int, error) {
	now := models.At(w.Now())
	rows, err := models.ClaimArrivals(ctx, w.Store.W, now, now.Add(claimFor), ClaimMost)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	ready := make(chan *job, len(rows))
	working, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		for range ready { // nothing is prepared beyond the end of a step
		}
	}()
	go func() {
		defer close(ready)
		for _, row := range rows {
			if working.Err() == nil {
				ready <- w.prepare(working, row)
			}
		}
	}()
	var jobs []*job
	for moved := 0; moved < len(rows); {
		for len(jobs) < min(aheadLeast, len(rows)-moved) || len(ready) > 0 {
			j, ok := <-ready
			if !ok {
				return moved, fmt.Errorf("prepare arrivals: %w", context.Cause(ctx))
			}
			jobs = append(jobs, j)
		}
		began := time.Now()
		n, err := w.apply(ctx, jobs)
		if err != nil {
			return moved, fmt.Errorf("apply arrivals: %w", err)
		}
		jobs, moved = jobs[n:], moved+n
		w.rest(ctx, time.Since(began), rows)
	}
	if w.Applied != nil {
		w.Applied()
	}
	return len(rows), nil
}

// rest leaves the processor and the writer to a burst that comes in, unless one of the
// rows has waited for too long.
func (w *Worker) rest(ctx context.Context, worked time.Duration, rows []*models.Arrival) {
	latest := models.At(w.Now().Add(-restUntil))
	for _, r := range rows {
		if r.ReceivedAt < latest {
			return
		}
	}
	for end := time.Now().Add(restFactor * worked); w.busy() && ctx.Err() == nil && time.Now().Before(end); {
		time.Sleep(min(time.Until(end), 2*time.Millisecond))
	}
}

func (w *Worker) busy() bool { return w.Busy != nil && w.Busy() }

// prepare does outside the transaction what needs no database: reading the bytes, and
// verifying what could not be verified at the door.
func (w *Worker) prepare(ctx context.Context, row *models.Arrival) (j *job) {
	j = &job{Arrival: &Arrival{Row: row, Local: row.Request == "local", Now: w.Now()}}
	defer func() {
		if p := recover(); p != nil {
			j.unfit = fmt.Errorf("reading %s %s panicked: %v", row.Type, row.ObjectType, p)
		}
	}()
	j.Activity, j.unfit = vocab.ParseActivity(row.Body, w.Rules)
	if j.unfit == nil && !j.Local && !row.Proven {
		j.unfit = w.verify(ctx, row, j.Activity)
		row.Proven = j.unfit == nil && j.Activity.HasProof
	}
	if j.unfit == nil && w.Ahead != nil {
		j.Ahead = w.Ahead(j.Arrival)
	}
	return j
}

// verify does what the door could not: it asks for the author of an announced activity
// who was out of reach, and asks again about a key that was not endorsed.
func (w *Worker) verify(ctx context.Context, row *models.Arrival, a *vocab.Activity) error {
	if err := w.Verify.endorsed(ctx, row.KeyID); err != nil {
		return err
	}
	if a.HasProof {
		if err := w.Verify.proofs(ctx, a, false, row.ReceivedAt.Time()); err != nil {
			return err
		}
	}
	if a.Type == "Announce" {
		return w.Verify.inner(ctx, a, row.ReceivedAt.Time())
	}
	return nil
}

// errApart ends a transaction in which a handler failed: what it did cannot be told from
// what the others did.
var errApart = errors.New("a handler failed")

// apply runs as many jobs as fit into one transaction, so that a failing one takes no
// other with it: if one fails, they are run again, each in a savepoint of its own. It
// returns how many it has settled.
func (w *Worker) apply(ctx context.Context, jobs []*job) (int, error) {
	settled, err := w.commit(ctx, jobs, false)
	if errors.Is(err, errApart) {
		settled, err = w.commit(ctx, jobs, true)
	}
	if err != nil {
		return 0, err
	}
	w.fault("committed")
	for _, j := range jobs[:settled] {
		var need *NeedActor
		if errors.As(j.err, &need) && j.fetches < fetchesMost {
			if err := w.fetch(ctx, j, need); err != nil {
				return 0, err
			}
		}
	}
	return settled, nil
}

// commit runs jobs in one transaction, with apart each in a savepoint, and without at the
// risk of errApart.
func (w *Worker) commit(ctx context.Context, jobs []*job, apart bool) (settled int, err error) {
	err = w.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		settled = 0
		began := time.Now()
		most := applyFor
		if w.busy() {
			most = applyBusy
		}
		var done []int64
		for _, j := range jobs {
			if settled > 0 && time.Since(began) > most {
				break
			}
			settled++
			switch j.err = j.unfit; {
			case j.err != nil:
			case apart:
				j.err = tx.RunInTx(ctx, nil, func(ctx context.Context, sp bun.Tx) error { return w.run(ctx, sp, j.Arrival) })
				if models.IsBusy(j.err) {
					return j.err // no fault of the arrival: all of it runs again
				}
			default:
				if j.err = w.run(ctx, tx, j.Arrival); models.IsBusy(j.err) {
					return j.err
				} else if j.err != nil {
					return errApart
				}
			}
			var need *NeedActor
			switch {
			case j.err == nil:
				done = append(done, j.Row.ID)
			case errors.As(j.err, &need) && j.fetches < fetchesMost:
			default:
				if err := w.fail(ctx, tx, j); err != nil {
					return err
				}
			}
		}
		w.fault("applied")
		return models.FinishArrivals(ctx, tx, done, models.At(w.Now()))
	})
	return settled, err
}

func (w *Worker) run(ctx context.Context, tx bun.Tx, a *Arrival) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler of %s %s panicked: %v", a.Row.Type, a.Row.ObjectType, p)
		}
	}()
	h := w.Table.find(a.Row.Type, a.Row.ObjectType)
	if h == nil {
		return &policy.Refusal{Code: "unknown-kind", Detail: fmt.Sprintf("nothing here handles %s of %q", a.Row.Type, a.Row.ObjectType)}
	}
	return h(ctx, tx, a)
}

// fetch gets what a handler needs, outside any transaction, and runs the job again.
func (w *Worker) fetch(ctx context.Context, j *job, need *NeedActor) error {
	j.fetches++
	if need.Document != nil {
		return w.learn(ctx, j, need.Document)
	}
	if _, err := w.Verify.Actors.Get(ctx, need.ID); err != nil {
		j.unfit = fmt.Errorf("fetch %s: %w", need.ID, err)
		if r := problem.Of(err); r.Status != http.StatusServiceUnavailable {
			j.unfit = &policy.Refusal{Code: "unknown-actor", Detail: j.unfit.Error()}
		}
	}
	_, err := w.apply(ctx, []*job{j})
	return err
}

// learn keeps the actor document of an Update, outside any transaction of ours.
func (w *Worker) learn(ctx context.Context, j *job, doc *vocab.Node) error {
	actor, err := vocab.ReadActor(doc, w.Rules)
	if err == nil {
		err = w.Verify.Actors.Learn(ctx, actor)
	}
	return w.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if j.err = err; err != nil {
			return w.fail(ctx, tx, j)
		}
		return models.FinishArrivals(ctx, tx, []int64{j.Row.ID}, models.At(w.Now()))
	})
}

// fail postpones an arrival, or sets it aside with its reason in front of a person.
func (w *Worker) fail(ctx context.Context, tx bun.Tx, j *job) error {
	row := j.Row
	var refusal *policy.Refusal
	final := errors.As(j.err, &refusal) || problem.Of(j.err).Status != http.StatusServiceUnavailable
	if errors.Is(j.err, Early) {
		final = false
	}
	if !final && row.Attempts+1 < triesMost {
		wait := min(time.Duration(1<<row.Attempts)*5*time.Second, time.Hour)
		return models.PostponeArrival(ctx, tx, row.ID, j.err.Error(), models.At(w.Now()).Add(wait))
	}
	w.Log.Warn("set aside", "arrival", row.ID, "activity", row.Activity, "type", row.Type, "from", row.Host, "why", j.err)
	if err := models.SetAsideArrival(ctx, tx, row.ID, j.err.Error()); err != nil {
		return err
	}
	why := j.err.Error()
	if refusal != nil && refusal.AboveCeiling() {
		if err := models.EraseArrivalBody(ctx, tx, row.ID); err != nil {
			return err
		}
		why += "; its text was erased"
	}
	return models.InsertNotice(ctx, tx, asideNotice(row, why, models.At(w.Now())))
}

func asideNotice(row *models.Arrival, why string, now models.Time) *models.Notice {
	return &models.Notice{Recipient: models.Operator, Kind: "arrival set aside", Subject: string(row.Activity), Detail: fmt.Sprintf("%s from %s was set aside: %s", row.Type, row.Host, why), CreatedAt: now}
}

func (w *Worker) fault(point string) {
	if w.Fault != nil {
		w.Fault(point)
	}
}
