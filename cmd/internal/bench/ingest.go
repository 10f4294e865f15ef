package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"valise/federation/keyring"
	"valise/models/iri"
)

// senders is from how many instances a burst comes.
const senders = 4

// receiver is an instance and its bare limit, with the same peers in front of both.
type receiver struct {
	b        *bench
	instance *child
	limit    *child
	at       *opened
	open     openArgs
	limitAt  string
	writer   *writer
	last     int64 // highest row of the queue before the next burst
}

func (b *bench) receiver(ctx context.Context) (r *receiver, err error) {
	r = &receiver{b: b}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.stop())
		}
	}()
	var peers []*peer
	var seeds []peerSeed
	keys := map[string]string{}
	for i := range senders {
		p, err := newPeer(b.sink.host(fmt.Sprintf("sender%d", i+1)))
		if err != nil {
			return r, err
		}
		s, err := p.seed(keyring.SchemeRFC9421Ed25519)
		if err != nil {
			return r, err
		}
		peers, seeds = append(peers, p), append(seeds, s)
		keys[p.pen.KeyID()] = p.pen.public()
		r.open.Peers = append(r.open.Peers, p.host)
	}
	if r.open.Dir, r.open.DB, err = b.storage(ctx); err != nil {
		return r, err
	}
	if r.instance, r.at, err = b.instanceChild(ctx, r.open); err != nil {
		return r, err
	}
	r.open.Port = r.at.Port
	if err := r.instance.call("seed", seedArgs{seeds}, nil); err != nil {
		return r, err
	}
	if r.limit, err = startChild(ctx, "limit"); err != nil {
		return r, err
	}
	_, db, err := b.storage(ctx)
	if err != nil {
		return r, err
	}
	r.writer = newWriter(peers, iri.IRI(r.at.Host.Base()+"/o/desk"))
	return r, r.limit.call("open", limitArgs{db, r.at.Host, keys}, &r.limitAt)
}

func (r *receiver) stop() error {
	var err error
	for _, c := range []*child{r.instance, r.limit} {
		if c != nil {
			err = errors.Join(err, c.stop())
		}
	}
	r.instance, r.limit = nil, nil
	return err
}

func (r *receiver) addr() string { return fmt.Sprintf("127.0.0.1:%d", r.at.Port) }

// burst is what one burst of arrivals has shown.
type burst struct {
	// accepted, applied and indexed are counted from the first request.
	accepted, applied, indexed time.Duration
	latencies, waited          []time.Duration
	cpuAccepted, cpu           float64 // seconds, until all were accepted and until all were applied
	peak                       float64 // MiB
}

func (r *receiver) burst(ctx context.Context, n int, name string) (*burst, error) {
	requests, err := r.writer.posts(n)
	if err != nil {
		return nil, err
	}
	u := &burst{}
	var began time.Time
	err = r.instance.profiling(name, func() error {
		var before, between, after usage
		if err := r.instance.call("usage", usageArgs{Reset: true}, &before); err != nil {
			return err
		}
		began = time.Now()
		a, err := load(ctx, r.addr(), connections, requests, http.StatusAccepted)
		if err != nil {
			return err
		}
		if err := r.instance.call("usage", usageArgs{}, &between); err != nil {
			return err
		}
		var s settled
		if err := r.instance.call("applied", settleArgs{r.last}, &s); err != nil {
			return err
		}
		if err := r.instance.call("usage", usageArgs{}, &after); err != nil {
			return err
		}
		if s.Aside > 0 || len(s.Waited) != n {
			return fmt.Errorf("%d of %d arrivals were applied, %d were set aside", len(s.Waited), n, s.Aside)
		}
		r.last = s.Last
		u.accepted, u.applied, u.latencies = a.took, s.At.Sub(began), a.latencies
		for _, ms := range s.Waited {
			u.waited = append(u.waited, time.Duration(ms)*time.Millisecond)
		}
		u.cpuAccepted, u.cpu, u.peak = between.CPU-before.CPU, after.CPU-before.CPU, after.Peak
		return nil
	})
	if err != nil {
		return nil, err
	}
	// The receipts and the words that a burst leaves do not bear on the next turn.
	if err := r.instance.call("drained", struct{}{}, nil); err != nil {
		return nil, err
	}
	err = r.instance.call("indexed", struct{}{}, nil)
	u.indexed = time.Since(began)
	return u, err
}

func (r *receiver) bare(ctx context.Context, n int) (float64, error) {
	requests, err := r.writer.posts(n)
	if err != nil {
		return 0, err
	}
	a, err := load(ctx, r.limitAt, connections, requests, http.StatusAccepted)
	if err != nil {
		return 0, err
	}
	return float64(n) / a.took.Seconds(), nil
}

// ingest measures arrivals: accepted, applied, applied with many rows present; and the
// instance at rest.
func (b *bench) ingest(ctx context.Context) error {
	if err := b.memory(ctx); err != nil {
		return err
	}
	r, err := b.receiver(ctx)
	if err != nil {
		return err
	}
	defer r.stop()
	if err := r.warm(ctx); err != nil {
		return err
	}
	in, apply, err := r.turns(ctx, "apply")
	if err != nil {
		return err
	}
	if err := b.report.print(in); err != nil {
		return err
	}
	if err := b.report.print(apply); err != nil {
		return err
	}
	// With turns bursts of N rows there, so that with the default N they become 50,000.
	var rows int64
	if err := r.instance.call("multiply", multiplyArgs{3}, &rows); err != nil {
		return err
	}
	var s settled
	if err := r.instance.call("applied", settleArgs{}, &s); err != nil {
		return err
	}
	r.last = s.Last
	_, full, err := r.turns(ctx, "apply-50k")
	if err != nil {
		return err
	}
	full.add("rows_before", float64(rows))
	full.add("rate_to_apply", full.Rate/apply.Rate)
	return b.report.print(full)
}

// warm lets both fill their caches and connections.
func (r *receiver) warm(ctx context.Context) error {
	n := min(500, r.b.N)
	if _, err := r.bare(ctx, n); err != nil {
		return err
	}
	_, err := r.burst(ctx, n, "warm")
	return err
}

func (r *receiver) turns(ctx context.Context, name string) (in, apply *measure, err error) {
	n := r.b.N
	var limits, rates, applied, accepts, settles, indexed, cpuIn, cpu, peak []float64
	var latencies, waited []time.Duration
	for range turns {
		bare, err := r.bare(ctx, n)
		if err != nil {
			return nil, nil, fmt.Errorf("bare limit: %w", err)
		}
		u, err := r.burst(ctx, n, name)
		if err != nil {
			return nil, nil, fmt.Errorf("burst: %w", err)
		}
		limits, rates, applied = append(limits, bare), append(rates, float64(n)/u.accepted.Seconds()), append(applied, float64(n)/u.applied.Seconds())
		accepts, settles = append(accepts, u.accepted.Seconds()), append(settles, u.applied.Seconds())
		indexed = append(indexed, u.indexed.Seconds())
		cpuIn, cpu, peak = append(cpuIn, u.cpuAccepted*1000/float64(n)), append(cpu, u.cpu*1000/float64(n)), append(peak, u.peak)
		latencies, waited = append(latencies, u.latencies...), append(waited, u.waited...)
	}
	in = &measure{Name: "ingest", Rate: median(rates), LimitRate: median(limits), CPUPer1000: median(cpuIn), RSS: median(peak), N: n}
	in.percentiles(latencies)
	apply = &measure{Name: name, Rate: median(applied), LimitRate: median(limits), CPUPer1000: median(cpu), RSS: median(peak), N: n}
	apply.percentiles(waited)
	apply.add("burst_accept_s", median(accepts))
	apply.add("burst_applied_s", median(settles))
	apply.add("burst_indexed_s", median(indexed))
	return in, apply, nil
}

// idleDispatches is how many dispatches an instance at rest holds.
const idleDispatches = 4000

// memory measures an instance at rest, and its start.
func (b *bench) memory(ctx context.Context) error {
	r, err := b.receiver(ctx)
	if err != nil {
		return err
	}
	defer r.stop()
	n := min(idleDispatches, b.N)
	if _, err := r.burst(ctx, n, "fill"); err != nil {
		return err
	}
	if err := r.instance.stop(); err != nil {
		return err
	}
	var starts []float64
	m := &measure{Name: "memory", N: n}
	for range turns {
		began := time.Now()
		if r.instance, r.at, err = b.instanceChild(ctx, r.open); err != nil {
			return err
		}
		if err := ready(ctx, r.addr()); err != nil {
			return err
		}
		starts = append(starts, float64(time.Since(began).Microseconds())/1000)
		time.Sleep(2 * time.Second)
		var u usage
		if err := r.instance.call("usage", usageArgs{}, &u); err != nil {
			return err
		}
		m.RSS = max(m.RSS, u.RSS)
		if err := r.instance.stop(); err != nil {
			return err
		}
		r.instance = nil
	}
	m.add("start_ms", median(starts))
	return b.report.print(m)
}

// ready waits for the first good answer.
func ready(ctx context.Context, addr string) error {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			continue
		}
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return nil
		}
	}
	return errors.New("the instance does not become ready")
}
