// Package deliver sends what the outbox has queued: it leases one host, asks the
// audience function again, signs at send time and posts by lanes. Back-off belongs to
// the host.
package deliver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
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
	// roundRows is how many rows of one host are taken together, each of another lane.
	roundRows = 64
	// askedFor is how old the answer of the audience function may be when a post begins; what
	// it knows of a dispatch may be half a second older.
	askedFor = 500 * time.Millisecond
	// roundsMost bounds how often one lease serves one host.
	roundsMost = 12
	// beginFor is how long after the lease a round may begin: with the time limit of a
	// post, which may be made twice, it ends before the lease does.
	beginFor = leaseFor / 3
	// slowAfter is when a host that has not answered gives its place to another.
	slowAfter = 50 * time.Millisecond
	// slowMost bounds the hosts that are waited for beyond slowAfter.
	slowMost = 512
	// queueFactor is how many hosts for each place are leased at once.
	queueFactor = 4
	// recordingMost bounds the hosts that have given up their place and wait for their
	// outcomes to be on disk.
	recordingMost = 64
	// stagger is how long a lane waits for the one before it to be answered, so that a host
	// which answers quickly is served over one connection; staggerFew is how long it waits
	// where few rows are left for one more connection, or other hosts wait for a place: making it
	// costs more than a post.
	stagger    = 3 * time.Millisecond
	staggerFew = 20 * time.Millisecond
	// rowsForLane is for how many rows a further lane is worth a connection at once.
	rowsForLane = 8
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
	// Gone is called in the transaction that records the answer 410.
	Gone func(ctx context.Context, tx bun.Tx, d *models.Delivery) error
	// Fault lets crash tests stop the process at a named moment; nil otherwise.
	Fault func(point string)

	known   audience.Known
	bodies  *otter.Cache[iri.IRI, body]
	schemes *otter.Cache[iri.Host, string]
	rsa     *otter.Cache[rsaKnown, bool]
	results chan *result
	wake    chan struct{}
	hands   hands
	fast    chan struct{} // a place for each host that answers quickly
	once    sync.Once
}

func (c *Courier) init() {
	c.once.Do(func() {
		c.bodies = otter.Must(&otter.Options[iri.IRI, body]{MaximumWeight: 16 << 20, Weigher: func(k iri.IRI, v body) uint32 { return uint32(len(k) + len(v.bytes) + len(v.sum)) },
			ExpiryCalculator: otter.ExpiryWriting[iri.IRI, body](10 * time.Second)})
		c.schemes = otter.Must(&otter.Options[iri.Host, string]{MaximumSize: 20000, ExpiryCalculator: otter.ExpiryWriting[iri.Host, string](time.Minute)})
		c.rsa = otter.Must(&otter.Options[rsaKnown, bool]{MaximumSize: 20000, ExpiryCalculator: otter.ExpiryWriting[rsaKnown, bool](schemeKept)})
		c.results = make(chan *result, 256)
		c.wake = make(chan struct{}, 1)
		c.hands = make(hands)
		c.fast = make(chan struct{}, c.Places)
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

// Pressed tells whether every place is taken: more hosts wait to be served.
func (c *Courier) Pressed() bool {
	c.init()
	return len(c.fast) == cap(c.fast)
}

// Forget drops what is cached about hosts.
func (c *Courier) Forget() {
	c.init()
	c.schemes.InvalidateAll()
	c.rsa.InvalidateAll()
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
	fast := c.fast
	slow := make(chan struct{}, slowMost)
	failing := make(chan struct{}, failingMost)
	freed := make(chan struct{}, 1)
	healthy := &line{healthy: true, ask: true, places: fast, slow: slow, freed: freed, most: queueFactor * c.Places, ahead: c.Places, recording: make(chan struct{}, recordingMost)}
	dead := &line{ask: true, places: failing, freed: freed, most: failingMost, recording: make(chan struct{}, failingMost)}
	var next time.Time
	asked := false // since next was set
	for ctx.Err() == nil {
		asked = asked || healthy.asks() || dead.asks()
		if c.advance(ctx, &wg, healthy)+c.advance(ctx, &wg, dead) > 0 {
			continue
		}
		switch {
		case healthy.asks() || dead.asks():
			next = time.Now().Add(pauseMost) // until a place is free
		case asked:
			next, asked = time.Now().Add(c.pause(ctx)), false
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
		case <-freed:
		case <-c.wake:
			healthy.ask, dead.ask = true, true
		case <-timer.C:
			healthy.ask, dead.ask = true, true
		}
		timer.Stop()
	}
	for _, l := range []*line{healthy, dead} {
		if l.leasing != nil {
			l.take(<-l.leasing)
		}
	}
	for _, h := range append(healthy.waiting, dead.waiting...) {
		if err := c.record(&result{host: h, release: true}); err != nil {
			c.Log.Warn("deliveries: a lease is not given back and has to run out", "host", h.Host, "err", err)
		}
	}
	wg.Wait()
	close(stopWriter)
}

// pauseMost bounds how long the store is not asked: another process may queue something.
const pauseMost = 5 * time.Second

// pause is how long nothing will be due.
func (c *Courier) pause(ctx context.Context) time.Duration {
	at, err := models.SoonestDue(ctx, c.Store.R)
	if err != nil {
		return time.Second
	}
	d := at.Time().Sub(c.Now())
	return min(max(d, 20*time.Millisecond), pauseMost)
}

// serve posts what is due for one leased host, round by round, and gives the lease
// back. It calls last before it records for the last time: nothing more is posted then.
func (c *Courier) serve(ctx context.Context, h *models.Host, record func(*result) error, last func()) (int, error) {
	end := func(err error) error {
		last()
		return errors.Join(err, record(&result{host: h, release: true}))
	}
	moved := 0
	began := time.Now()
	for round := 0; ; round++ {
		limit := roundRows
		if h.Failures > 0 {
			limit = 1 // a probe
		}
		rows, err := models.DueDeliveries(ctx, c.Store.R, h.Host, models.At(c.Now()), limit)
		if err != nil {
			return moved, end(err)
		}
		r := &result{host: h}
		away := false
		if len(rows) > 0 {
			if away, err = c.attempt(ctx, r, rows); err != nil {
				return moved, end(err)
			}
			moved += len(r.rows)
		}
		r.release = away || h.Failures > 0 || len(r.rows) < limit && len(r.rows) == len(rows) || round+1 == roundsMost || time.Since(began) > beginFor
		if r.release {
			last()
		}
		if err := record(r); err != nil || r.release {
			return moved, err
		}
	}
}

// attempt asks the audience function again, posts the rows that may go, and writes the
// outcomes into them and into the host. It tells whether the host is away. Rows that it
// does not come to stay as they are: once the host is away, and once the audience has to
// be asked anew.
func (c *Courier) attempt(ctx context.Context, r *result, rows []*models.Delivery) (bool, error) {
	if err := c.fetchBodies(ctx, rows); err != nil {
		return false, err
	}
	asked := time.Now()
	allowed, err := c.allowed(ctx, r.host.Host, rows)
	if err != nil {
		return false, err
	}
	verdicts := make([]judgement, 0, len(rows))
	answered := make(chan struct{}, len(rows))
	waiting := 0
	var away atomic.Bool
	for _, d := range rows {
		why := allowed[d.ID]
		if why == "" {
			for waiting >= lanesAtOnce {
				<-answered
				waiting--
			}
			if away.Load() || time.Since(asked) > askedFor {
				continue
			}
		}
		r.rows = append(r.rows, d)
		switch why {
		case "":
		case laterSuspended:
			verdicts = append(verdicts, judgement{verdict: LaneLater, reason: why, after: time.Hour})
			continue
		default:
			verdicts = append(verdicts, judgement{cancelled: why})
			continue
		}
		verdicts = append(verdicts, judgement{})
		j := &verdicts[len(verdicts)-1]
		waiting++
		c.hands.do(func() {
			*j = c.post(ctx, d)
			if j.cancelled == "" && j.verdict == HostAway {
				away.Store(true)
			}
			answered <- struct{}{}
		})
		pause := stagger
		if waiting > len(rows)/rowsForLane || c.Pressed() {
			pause = staggerFew
		}
		select {
		case <-answered:
			waiting--
		case <-time.After(pause):
		}
	}
	for range waiting {
		<-answered
	}
	r.settle(verdicts, models.At(c.Now()))
	return away.Load(), nil
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
	suspended := err == nil && peer.State == models.PeerSuspended
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
			if suspended {
				out[d.ID] = laterSuspended
			}
		}
	}
	for g, ds := range groups {
		reader := audience.Reader{Actor: g.reader, Host: host, Standing: peer.State, Ceiling: peer.Ceiling}
		ids := make([]iri.IRI, len(ds))
		for i, d := range ds {
			ids[i] = d.ObjectID
		}
		may, err := c.known.Allowed(ctx, c.Store.R, reader, g.table, ids, now)
		if err != nil {
			return nil, err
		}
		for _, d := range ds {
			if !may[d.ObjectID] {
				out[d.ID] = "no longer in the audience: the membership, ceiling or standing has changed since release"
				if suspended {
					out[d.ID] = models.ReasonSuspended // asked again once the suspension ends
				}
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
	b, err := c.body(ctx, d.Activity)
	if err != nil {
		return judgement{verdict: LaneLater, reason: err.Error()}
	}
	if b.bytes == nil {
		return judgement{cancelled: "its text was erased"}
	}
	scheme := c.scheme(ctx, d.Host)
	answer, err := c.knock(ctx, d, b, scheme)
	if err == nil && (answer.Status == 400 || answer.Status == 401) {
		other := keyring.SchemeRFC9421Ed25519
		if scheme != keyring.SchemeCavage {
			other = keyring.SchemeCavage
		}
		if second, err2 := c.Client.Post(ctx, d.Inbox, b.bytes, c.signSummed(ctx, d.Actor, other, b.sum)); err2 == nil && second.OK() {
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

// signSummed signs posts of a body whose SHA-256 is known.
func (c *Courier) signSummed(ctx context.Context, actor iri.IRI, scheme string, sum [sha256.Size]byte) remote.SignFunc {
	return func(r *http.Request, body []byte) error {
		return c.Keys.SignSummed(ctx, actor, scheme, r, body, sum, c.Now())
	}
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
	scheme := c.scheme(ctx, host)
	if c.previous(ctx, actor, host, scheme) {
		return c.signPrevious(ctx, actor, scheme)
	}
	return c.sign(ctx, actor, scheme)
}

func (c *Courier) fault(point string) {
	if c.Fault != nil {
		c.Fault(point)
	}
}
