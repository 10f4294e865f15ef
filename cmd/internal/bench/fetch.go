package bench

import (
	"context"
	"net/http"
	"time"

	"valise/models/iri"
)

// fetched is how many dispatches are asked for in turn.
const fetched = 200

// fetch measures signed fetches of dispatches by a peer that they are addressed to.
func (b *bench) fetch(ctx context.Context) error {
	r, err := b.receiver(ctx)
	if err != nil {
		return err
	}
	defer r.stop()
	p := r.writer.peers[0]
	if err := r.instance.call("draft", draftArgs{N: fetched, Seed: 1, Action: []iri.IRI{p.office}}, nil); err != nil {
		return err
	}
	var objects []iri.IRI
	if err := r.instance.call("release", struct{}{}, &objects); err != nil {
		return err
	}
	if err := r.instance.call("drained", struct{}{}, nil); err != nil {
		return err
	}
	if err := r.limit.call("fill", fillArgs{objects, 5000}, nil); err != nil {
		return err
	}
	n := b.N
	var limits, rates, cpu, peak []float64
	var latencies []time.Duration
	for turn := range turns + 1 {
		requests, err := gets(n, objects, p.pen)
		if err != nil {
			return err
		}
		bare, err := load(ctx, r.limitAt, connections, requests, http.StatusOK)
		if err != nil {
			return err
		}
		var before, after usage
		if err := r.instance.call("usage", usageArgs{Reset: true}, &before); err != nil {
			return err
		}
		var real *answered
		if err := r.instance.profiling("fetch", func() (err error) {
			real, err = load(ctx, r.addr(), connections, requests, http.StatusOK)
			return err
		}); err != nil {
			return err
		}
		if err := r.instance.call("usage", usageArgs{}, &after); err != nil {
			return err
		}
		if turn == 0 {
			continue // caches and connections are filled
		}
		limits, rates = append(limits, float64(n)/bare.took.Seconds()), append(rates, float64(n)/real.took.Seconds())
		cpu, peak = append(cpu, (after.CPU-before.CPU)*1000/float64(n)), append(peak, after.Peak)
		latencies = append(latencies, real.latencies...)
	}
	m := &measure{Name: "fetch", Rate: median(rates), LimitRate: median(limits), CPUPer1000: median(cpu), RSS: median(peak), N: n}
	m.percentiles(latencies)
	return b.report.print(m)
}
