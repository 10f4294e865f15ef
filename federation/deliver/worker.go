// Package deliver sends what the outbox has queued: it leases one host, asks the
// audience function again, signs at send time and posts by lanes. Back-off belongs to
// the host.
package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/uptrace/bun"

	"valise/federation/keyring"
	"valise/federation/remote"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

const (
	leaseFor = 3 * time.Minute
	// lanesAtOnce is how many rows of one host are posted at once, each of another lane.
	lanesAtOnce = 8
	// roundsMost bounds how long one lease serves one host.
	roundsMost = 16
	// slowAfter is when a host that has not answered gives its place to another.
	slowAfter = 50 * time.Millisecond
	// slowMost bounds the hosts that are waited for beyond slowAfter.
	slowMost = 512
	// queueFactor is how many hosts for each place are leased at once.
	queueFactor = 4
	// recordingMost bounds the hosts that have given up their place and wait for their
	// outcomes to be on disk.
	recordingMost = 64
	// stagger is how long a lane waits for the one before it to be answered: a host that
	// answers quickly is served over one connection.
	stagger = 3 * time.Millisecond
	// failingMost bounds the hosts in back-off that are probed at once.
	failingMost = 32
	// schemeKept is how long a signature scheme found by a double-knock is remembered.
	schemeKept = 7 * 24 * time.Hour
)

// Courier delivers for one process.
type Courier struct {
	Store  *models.Store
	Keys   *keyring.Keyring
	Client *remote.Client
	Own    iri.Host
	Name   string // of this process, for leases
	Places int    // hosts served at once while they answer quickly
	Log    *slog.Logger
	Now    func() time.Time
	// After is called in the transaction that records a delivery as handed over, for
	// what depends on it (a membership's Accept, a Block).
	After func(ctx context.Context, tx bun.Tx, d *models.Delivery) error
	// Fault lets crash tests stop the process at a named moment; nil otherwise.
	Fault func(point string)

	bodies  *otter.Cache[iri.IRI, []byte]
	schemes *otter.Cache[iri.Host, string]
	results chan *result
	wake    chan struct{}
	once    sync.Once
}

func (c *Courier) init() {
	c.once.Do(func() {
		c.bodies = otter.Must(&otter.Options[iri.IRI, []byte]{MaximumWeight: 16 << 20, Weigher: func(k iri.IRI, v []byte) uint32 { return uint32(len(k) + len(v)) },
			ExpiryCalculator: otter.ExpiryWriting[iri.IRI, []byte](10 * time.Second)})
		c.schemes = otter.Must(&otter.Options[iri.Host, string]{MaximumSize: 20000, ExpiryCalculator: otter.ExpiryWriting[iri.Host, string](time.Minute)})
		c.results = make(chan *result, 256)
		c.wake = make(chan struct{}, 1)
	})
}

// Wake makes Run look for due deliveries now.
func (c *Courier) Wake() {
	c.init()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Forget drops what is cached about hosts.
func (c *Courier) Forget() {
	c.init()
	c.schemes.InvalidateAll()
}

// Step leases what is due, serves it and returns how many deliveries were attempted.
// Tests loop on it instead of waiting.
func (c *Courier) Step(ctx context.Context) (int, error) {
	c.init()
	moved := 0
	for _, healthy := range []bool{true, false} {
		now := models.At(c.Now())
		hosts, err := models.LeaseHosts(ctx, c.Store.W, c.Name, now, now.Add(leaseFor), healthy, 256)
		if err != nil {
			return moved, fmt.Errorf("lease hosts: %w", err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		var failed error
		places := make(chan struct{}, 16)
		for _, h := range hosts {
			wg.Add(1)
			places <- struct{}{}
			go func() {
				defer wg.Done()
				defer func() { <-places }()
				n, err := c.serve(ctx, h, func(r *result) error { return c.write(ctx, []*result{r}) }, func() {})
				mu.Lock()
				moved += n
				failed = errors.Join(failed, err)
				mu.Unlock()
			}()
		}
		wg.Wait()
		if failed != nil {
			return moved, failed
		}
	}
	return moved, nil
}

// Run delivers until ctx ends, then waits for the attempts under way.
func (c *Courier) Run(ctx context.Context) {
	c.init()
	var wg sync.WaitGroup
	stopWriter := make(chan struct{})
	go c.writer(stopWriter)
	fast := make(chan struct{}, c.Places)
	slow := make(chan struct{}, slowMost)
	failing := make(chan struct{}, failingMost)
	freed := make(chan struct{}, 1)
	healthy := &line{healthy: true, places: fast, slow: slow, freed: freed, most: queueFactor * c.Places, recording: make(chan struct{}, recordingMost)}
	dead := &line{places: failing, freed: freed, most: failingMost, recording: make(chan struct{}, failingMost)}
	for ctx.Err() == nil {
		if c.advance(ctx, &wg, healthy)+c.advance(ctx, &wg, dead) > 0 {
			continue
		}
		timer := time.NewTimer(c.pause(ctx))
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-freed:
		case <-timer.C:
		}
		timer.Stop()
	}
	for _, h := range append(healthy.waiting, dead.waiting...) {
		if err := c.record(&result{host: h, release: true}); err != nil {
			c.Log.Warn("deliveries: a lease is not given back and has to run out", "host", h.Host, "err", err)
		}
	}
	wg.Wait()
	close(stopWriter)
}

// pause is how long nothing will be due, at most a few seconds: another process may
// queue something.
func (c *Courier) pause(ctx context.Context) time.Duration {
	const most = 5 * time.Second
	at, err := models.SoonestDue(ctx, c.Store.R)
	if err != nil {
		return time.Second
	}
	d := at.Time().Sub(c.Now())
	return min(max(d, 20*time.Millisecond), most)
}

// serve posts what is due for one leased host, round by round, and gives the lease
// back. It calls last before it records for the last time: nothing more is posted then.
func (c *Courier) serve(ctx context.Context, h *models.Host, record func(*result) error, last func()) (int, error) {
	end := func(err error) error {
		last()
		return errors.Join(err, record(&result{host: h, release: true}))
	}
	moved := 0
	for round := 0; ; round++ {
		limit := lanesAtOnce
		if h.Failures > 0 {
			limit = 1 // a probe
		}
		rows, err := models.DueDeliveries(ctx, c.Store.R, h.Host, models.At(c.Now()), limit)
		if err != nil {
			return moved, end(err)
		}
		r := &result{host: h, rows: rows, release: len(rows) < limit || round+1 == roundsMost}
		if len(rows) > 0 {
			if err := c.attempt(ctx, r); err != nil {
				return moved, end(err)
			}
			moved += len(rows)
			r.release = r.release || h.Failures > 0
		}
		if r.release {
			last()
		}
		if err := record(r); err != nil || r.release {
			return moved, err
		}
	}
}

// attempt asks the audience function again, posts the rows that may go, and writes the
// outcomes into them and into the host.
func (c *Courier) attempt(ctx context.Context, r *result) error {
	allowed, err := c.allowed(ctx, r.host.Host, r.rows)
	if err != nil {
		return err
	}
	answered := make(chan struct{}, len(r.rows))
	waiting := 0
	verdicts := make([]judgement, len(r.rows))
	for i, d := range r.rows {
		if why := allowed[d.ID]; why != "" {
			verdicts[i] = judgement{cancelled: why}
			if why == laterSuspended {
				verdicts[i] = judgement{verdict: LaneLater, reason: why, after: time.Hour}
			}
			continue
		}
		go func() {
			verdicts[i] = c.post(ctx, d)
			answered <- struct{}{}
		}()
		select {
		case <-answered:
		case <-time.After(stagger):
			waiting++
		}
	}
	for range waiting {
		<-answered
	}
	r.settle(verdicts, models.At(c.Now()))
	return nil
}

const laterSuspended = "the peer is suspended here"

// allowed returns for each row why it may not go; rows that may go are absent.
func (c *Courier) allowed(ctx context.Context, host iri.Host, rows []*models.Delivery) (map[int64]string, error) {
	out := map[int64]string{}
	now := models.At(c.Now())
	peer, err := models.PeerByHost(ctx, c.Store.R, host)
	if err != nil && !models.NotFound(err) {
		return nil, err
	}
	type group struct {
		reader iri.IRI
		table  audience.Table
	}
	groups := map[group][]*models.Delivery{}
	for _, d := range rows {
		switch d.Purpose {
		case models.PurposeDispatch:
			groups[group{d.Recipient, audience.Dispatches}] = append(groups[group{d.Recipient, audience.Dispatches}], d)
		case models.PurposeComment:
			groups[group{d.Recipient, audience.Comments}] = append(groups[group{d.Recipient, audience.Comments}], d)
		default:
			if err == nil && peer.State == models.PeerSuspended {
				out[d.ID] = laterSuspended
			}
		}
	}
	for g, ds := range groups {
		reader := audience.Reader{Actor: g.reader, Host: host}
		if err == nil {
			reader.Standing, reader.Ceiling = peer.State, peer.Ceiling
		}
		ids := make([]iri.IRI, len(ds))
		for i, d := range ds {
			ids[i] = d.ObjectID
		}
		may, err := audience.Allowed(ctx, c.Store.R, reader, g.table, ids, now)
		if err != nil {
			return nil, err
		}
		for _, d := range ds {
			if !may[d.ObjectID] {
				out[d.ID] = "no longer in the audience: the membership, ceiling or standing has changed since release"
			}
		}
	}
	return out, nil
}

type judgement struct {
	verdict   Verdict
	status    int64
	reason    string
	after     time.Duration
	cancelled string
}

// post signs the stored bytes and posts them. An answer 400 or 401 is followed by one
// attempt with the other signature scheme, which is then remembered.
func (c *Courier) post(ctx context.Context, d *models.Delivery) judgement {
	body, err := c.body(ctx, d.Activity)
	if err != nil {
		return judgement{verdict: LaneLater, reason: err.Error()}
	}
	if body == nil {
		return judgement{cancelled: "its text was erased"}
	}
	scheme := c.scheme(ctx, d.Host)
	answer, err := c.Client.Post(ctx, d.Inbox, body, c.sign(ctx, d.Actor, scheme))
	if err == nil && (answer.Status == 400 || answer.Status == 401) {
		other := keyring.SchemeRFC9421Ed25519
		if scheme != keyring.SchemeCavage {
			other = keyring.SchemeCavage
		}
		if second, err2 := c.Client.Post(ctx, d.Inbox, body, c.sign(ctx, d.Actor, other)); err2 == nil && second.OK() {
			answer = second
			c.schemes.Set(d.Host, other)
			if err := models.SetScheme(ctx, c.Store.W, d.Host, other, models.At(c.Now()).Add(schemeKept)); err != nil {
				c.Log.Warn("deliveries: a scheme cannot be remembered", "host", d.Host, "err", err)
			}
		}
	}
	var j judgement
	j.verdict, j.status, j.reason, j.after = Judge(answer, err)
	return j
}

func (c *Courier) sign(ctx context.Context, actor iri.IRI, scheme string) remote.SignFunc {
	return func(r *http.Request, body []byte) error {
		return c.Keys.SignRequest(ctx, actor, scheme, r, body, c.Now())
	}
}

func (c *Courier) body(ctx context.Context, activity iri.IRI) ([]byte, error) {
	if b, ok := c.bodies.GetIfPresent(activity); ok {
		return b, nil
	}
	a, err := models.ActivityByIRI(ctx, c.Store.R, activity)
	if err != nil {
		return nil, fmt.Errorf("read the activity: %w", err)
	}
	if a.Bytes != nil {
		c.bodies.Set(activity, a.Bytes)
	}
	return a.Bytes, nil
}

// ForgetBody drops cached bytes of an activity that was erased.
func (c *Courier) ForgetBodies() {
	c.init()
	c.bodies.InvalidateAll()
}

// scheme is the signature scheme for a host: what was remembered, else Ed25519 for our
// own software, else the draft that everybody understands.
func (c *Courier) scheme(ctx context.Context, host iri.Host) string {
	if s, ok := c.schemes.GetIfPresent(host); ok {
		return s
	}
	s := keyring.SchemeCavage
	peer, err := models.PeerByHost(ctx, c.Store.R, host)
	if err == nil && (peer.SchemeUntil > models.At(c.Now()) || peer.SchemeUntil == 0 && peer.Scheme != keyring.SchemeCavage) {
		s = peer.Scheme
	} else if own, err := models.OwnSoftware(ctx, c.Store.R, host); err == nil && own {
		s = keyring.SchemeRFC9421Ed25519
	}
	c.schemes.Set(host, s)
	return s
}

// SignGet signs fetches towards a host for an actor of ours, by the host's scheme.
func (c *Courier) SignGet(ctx context.Context, actor iri.IRI, host iri.Host) remote.SignFunc {
	c.init()
	return c.sign(ctx, actor, c.scheme(ctx, host))
}

func (c *Courier) fault(point string) {
	if c.Fault != nil {
		c.Fault(point)
	}
}
