package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"valise/federation/keyring"
	"valise/models/iri"
)

// membersMost is on how many hosts a community has a member.
const membersMost = 200

// fanout measures the distribution of dispatches in a community with a member on each
// of many hosts: from the release to the arrival at each.
func (b *bench) fanout(ctx context.Context) error {
	hosts := min(membersMost, max(b.N/2, 1))
	healthy := make([]iri.Host, hosts)
	for i := range healthy {
		healthy[i] = b.sink.host(fmt.Sprintf("h%03d", i+1))
	}
	ed, err := b.spread(ctx, "fanout-ed25519", healthy, keyring.SchemeRFC9421Ed25519)
	if err != nil {
		return err
	}
	cold := &measure{}
	cold.percentiles(b.cold.latencies)
	if _, err := b.spread(ctx, "fanout-rsa", healthy, keyring.SchemeCavage); err != nil {
		return err
	}
	return b.faulty(ctx, healthy, ed.LimitRate, cold)
}

// spreader is an instance with a community, and the bare limit beside it.
type spreader struct {
	instance, limit *child
	group           iri.IRI
	hosts           []iri.Host
}

func (b *bench) spreader(ctx context.Context, hosts []iri.Host, scheme string) (s *spreader, err error) {
	s = &spreader{hosts: hosts}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	var seeds []peerSeed
	for _, h := range hosts {
		p, err := newPeer(h)
		if err != nil {
			return s, err
		}
		seed, err := p.seed(scheme)
		if err != nil {
			return s, err
		}
		seeds = append(seeds, seed)
	}
	a := openArgs{Peers: hosts}
	if a.Dir, a.DB, err = b.storage(ctx); err != nil {
		return s, err
	}
	if s.instance, _, err = b.instanceChild(ctx, a); err != nil {
		return s, err
	}
	if err := s.instance.call("seed", seedArgs{seeds}, nil); err != nil {
		return s, err
	}
	if err := s.instance.call("community", communityArgs{seeds}, &s.group); err != nil {
		return s, err
	}
	if s.limit, err = startChild(ctx, "limit"); err != nil {
		return s, err
	}
	return s, s.limit.call("poster", posterArgs{Hosts: hosts, RSA: scheme == keyring.SchemeCavage, Size: 8000}, nil)
}

func (s *spreader) stop() error {
	var err error
	for _, c := range []*child{s.instance, s.limit} {
		if c != nil {
			err = errors.Join(err, c.stop())
		}
	}
	return err
}

// distribution is what one distribution has shown.
type distribution struct {
	took      time.Duration // from the first release to the last arrival
	released  time.Duration // until the last was released
	latencies []time.Duration
	cpu, peak float64
}

// distribute releases dispatches into the community and waits for deliveries of them.
func (b *bench) distribute(ctx context.Context, s *spreader, name string, turn, dispatches, deliveries int) (*distribution, error) {
	if err := s.instance.call("draft", draftArgs{N: dispatches, Seed: uint64(turn + 1), Community: s.group}, nil); err != nil {
		return nil, err
	}
	b.sink.reset()
	d := &distribution{}
	return d, s.instance.profiling(name, func() error {
		var before, after usage
		if err := s.instance.call("usage", usageArgs{Reset: true}, &before); err != nil {
			return err
		}
		began := time.Now()
		if err := s.instance.call("release", struct{}{}, nil); err != nil {
			return err
		}
		d.released = time.Since(began)
		times, err := b.sink.wait(ctx, deliveries)
		if err != nil {
			return err
		}
		if err := s.instance.call("usage", usageArgs{}, &after); err != nil {
			return err
		}
		for _, t := range times {
			d.latencies = append(d.latencies, t.Sub(began))
			d.took = max(d.took, t.Sub(began))
		}
		d.cpu, d.peak = after.CPU-before.CPU, after.Peak
		return nil
	})
}

func (b *bench) spread(ctx context.Context, name string, hosts []iri.Host, scheme string) (*measure, error) {
	s, err := b.spreader(ctx, hosts, scheme)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	dispatches := max(b.N/len(hosts), 1)
	n := dispatches * len(hosts)
	var limits, rates, cpu, peak, released []float64
	var latencies []time.Duration
	for turn := range turns + 1 {
		var took float64
		b.sink.reset()
		if err := s.limit.call("post", sendArgs{n}, &took); err != nil {
			return nil, fmt.Errorf("bare limit: %w", err)
		}
		d, err := b.distribute(ctx, s, name, turn, dispatches, n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := s.instance.call("drained", struct{}{}, nil); err != nil {
			return nil, err
		}
		if turn == 0 {
			b.cold = d // connections and caches are filled, RSA keys are made
			continue
		}
		limits, rates = append(limits, float64(n)/took), append(rates, float64(n)/d.took.Seconds())
		cpu, peak = append(cpu, d.cpu*1000/float64(n)), append(peak, d.peak)
		released = append(released, d.released.Seconds())
		latencies = append(latencies, d.latencies...)
	}
	m := &measure{Name: name, Rate: median(rates), LimitRate: median(limits), CPUPer1000: median(cpu), RSS: median(peak), N: n}
	m.percentiles(latencies)
	m.add("hosts", float64(len(hosts)))
	m.add("dispatches", float64(dispatches))
	m.add("release_s", median(released))
	return m, b.report.print(m)
}

// faulty measures what the healthy hosts notice when of ten hosts one is dead and one
// answers after five seconds. It is the first distribution of a new instance, so that no
// back-off helps, and is compared with the first one when all were healthy.
func (b *bench) faulty(ctx context.Context, healthy []iri.Host, limit float64, cold *measure) error {
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := deaf.Addr().(*net.TCPAddr).Port
	deaf.Close() // nobody listens there from here on
	tenth := max(len(healthy)/10, 1)
	var hosts []iri.Host
	for i, h := range healthy {
		switch {
		case i%10 == 3 || len(healthy) < 4 && i == 0:
			h = iri.Host(fmt.Sprintf("dead%03d.localhost:%d", i, port))
		case i%10 == 7:
			h = b.sink.host(fmt.Sprintf("%s%03d", slowHosts, i))
		}
		hosts = append(hosts, h)
	}
	well := 0
	for i := range hosts {
		if hosts[i] == healthy[i] {
			well++
		}
	}
	s, err := b.spreader(ctx, hosts, keyring.SchemeRFC9421Ed25519)
	if err != nil {
		return err
	}
	defer s.stop()
	dispatches := max(b.N/len(hosts), 1)
	n := dispatches * well
	d, err := b.distribute(ctx, s, "fanout-faulty", 0, dispatches, n)
	if err != nil {
		return err
	}
	m := &measure{Name: "fanout-faulty", Rate: float64(n) / d.took.Seconds(), LimitRate: limit, CPUPer1000: d.cpu * 1000 / float64(n), RSS: d.peak, N: n}
	m.percentiles(d.latencies)
	m.add("dead_hosts", float64(tenth))
	m.add("slow_hosts", float64(tenth))
	m.add("p50_all_healthy_ms", cold.P50)
	m.add("p99_all_healthy_ms", cold.P99)
	return b.report.print(m)
}
