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
	restFactor = 1
	// restUntil bounds how long an arrival waits for a burst to end.
	restUntil = 10 * time.Second
	// triesMost is how often an arrival is tried before it is set aside.
	triesMost = 10
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
	// Fault lets crash tests stop the process at a named moment; nil otherwise.
	Fault func(point string)
}

type job struct {
	*Arrival
	fetches int
	err     error
}

// Step claims one batch and applies it. It returns how many arrivals it moved.
func (w *Worker) Step(ctx context.Context) (int, error) {
	now := models.At(w.Now())
	rows, err := models.ClaimArrivals(ctx, w.Store.W, now, now.Add(claimFor), ClaimMost)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	jobs := make([]*job, 0, len(rows))
	for _, row := range rows {
		jobs = append(jobs, w.prepare(ctx, row))
	}
	for start := 0; start < len(jobs); {
		began := time.Now()
		n, err := w.apply(ctx, jobs[start:])
		if err != nil {
			return start, fmt.Errorf("apply arrivals: %w", err)
		}
		start += n
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
func (w *Worker) prepare(ctx context.Context, row *models.Arrival) *job {
	j := &job{Arrival: &Arrival{Row: row, Local: row.Request == "local", Now: w.Now()}}
	j.Activity, j.err = vocab.ParseActivity(row.Body, w.Rules)
	if j.err == nil && !j.Local && !row.Proven {
		j.err = w.verify(ctx, row, j.Activity)
		row.Proven = j.err == nil && j.Activity.HasProof
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

// apply runs as many jobs as fit into one transaction, each in a savepoint of its own
// so that a failing one takes no other with it. It returns how many it has settled.
func (w *Worker) apply(ctx context.Context, jobs []*job) (int, error) {
	settled := 0
	var again []*job
	err := w.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		settled, again = 0, nil
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
			if j.err == nil {
				j.err = tx.RunInTx(ctx, nil, func(ctx context.Context, sp bun.Tx) error { return w.run(ctx, sp, j.Arrival) })
			}
			var need *NeedActor
			switch {
			case j.err == nil:
				done = append(done, j.Row.ID)
			case errors.As(j.err, &need) && j.fetches < fetchesMost:
				again = append(again, j)
			default:
				if err := w.fail(ctx, tx, j); err != nil {
					return err
				}
			}
		}
		w.fault("applied")
		return models.FinishArrivals(ctx, tx, done, models.At(w.Now()))
	})
	if err != nil {
		return 0, err
	}
	w.fault("committed")
	for _, j := range again {
		if err := w.fetch(ctx, j); err != nil {
			return 0, err
		}
	}
	return settled, nil
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
func (w *Worker) fetch(ctx context.Context, j *job) error {
	var need *NeedActor
	errors.As(j.err, &need)
	j.fetches++
	if need.Document != nil {
		return w.learn(ctx, j, need.Document)
	}
	if _, err := w.Verify.Actors.Get(ctx, need.ID); err != nil {
		j.err = fmt.Errorf("fetch %s: %w", need.ID, err)
		if r := problem.Of(err); r.Status != http.StatusServiceUnavailable {
			j.err = &policy.Refusal{Code: "unknown-actor", Detail: j.err.Error()}
		}
	} else {
		j.err = nil
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
	return &models.Notice{Recipient: models.Operator, Kind: "arrival set aside", Subject: string(row.Activity), Detail: fmt.Sprintf("%s from %s: %s", row.Type, row.Host, why), CreatedAt: now}
}

func (w *Worker) fault(point string) {
	if w.Fault != nil {
		w.Fault(point)
	}
}
