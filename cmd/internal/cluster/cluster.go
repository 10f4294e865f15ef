// Package cluster runs several instances in one process for tests: requests pass from
// one's client to the other's handler, and Settle turns every queue until nothing
// moves. No test sleeps.
package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"valise/cmd/internal/node"
	"valise/config"
	"valise/instance/accreditation"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// Clock is a time that only tests move.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// Now is the clock's time; each look moves it by a millisecond, so that no two acts
// share a moment.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(time.Millisecond)
	return c.at
}

// Forward moves the clock.
func (c *Clock) Forward(d time.Duration) {
	c.mu.Lock()
	c.at = c.at.Add(d)
	c.mu.Unlock()
}

// Cluster is a federation in one process.
type Cluster struct {
	T     testing.TB
	Clock *Clock
	Nodes map[iri.Host]*node.Node

	mu       sync.Mutex
	foreign  map[iri.Host]http.Handler
	down     map[iri.Host]bool
	faults   func(r *http.Request) Fault
	dirs     map[iri.Host]string
	database func(t testing.TB) string
	logs     io.Writer
	change   func(*config.Config)
}

// Fault is what happens to one request.
type Fault int

const (
	// None lets the request through.
	None Fault = iota
	// RequestLost: it never arrives.
	RequestLost
	// AnswerLost: it arrives, and its answer does not.
	AnswerLost
)

// Option changes a cluster before it starts.
type Option func(*Cluster)

// Database gives each instance the database that f makes, instead of one of the kind
// that Each plays the test on.
func Database(f func(testing.TB) string) Option { return func(c *Cluster) { c.database = f } }

// Logs writes what every instance logs, from Info on, to w.
func Logs(w io.Writer) Option { return func(c *Cluster) { c.logs = w } }

// Change edits each configuration before its instance starts.
func Change(f func(*config.Config)) Option { return func(c *Cluster) { c.change = f } }

// New starts one instance for each host.
func New(t testing.TB, hosts []iri.Host, options ...Option) *Cluster {
	t.Helper()
	c := &Cluster{T: t, Clock: &Clock{at: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)}, Nodes: map[iri.Host]*node.Node{}, foreign: map[iri.Host]http.Handler{}, down: map[iri.Host]bool{}, dirs: map[iri.Host]string{}, database: DatabaseOf}
	for _, o := range options {
		o(c)
	}
	for _, h := range hosts {
		c.dirs[h] = t.TempDir()
		c.Start(h)
	}
	t.Cleanup(func() {
		for _, n := range c.Nodes {
			n.Close()
		}
	})
	return c
}

// Start opens the instance of a host, again after Stop.
func (c *Cluster) Start(h iri.Host) *node.Node {
	c.T.Helper()
	cfg := config.Defaults()
	cfg.Host, cfg.DataDir, cfg.Socket = string(h), c.dirs[h], filepath.Join(c.dirs[h], "s")
	cfg.Federation.RatePerOrigin, cfg.Federation.RatePerKey = config.Rate{PerSecond: 1e6, Burst: 1e6}, config.Rate{PerSecond: 1e6, Burst: 1e6}
	// The database outlives Stop, as the data folder does.
	kept := filepath.Join(c.dirs[h], "url")
	if url, err := os.ReadFile(kept); err == nil {
		cfg.Database = string(url)
	} else {
		cfg.Database = c.database(c.T)
		Must(c.T, os.WriteFile(kept, []byte(cfg.Database), 0o600))
	}
	if c.change != nil {
		c.change(&cfg)
	}
	level, out := slog.LevelError, io.Writer(testWriter{c.T})
	if testing.Verbose() && os.Getenv("VALISE_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	if c.logs != nil {
		level, out = slog.LevelInfo, c.logs
	}
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level})).With("host", h)
	n, err := node.Open(context.Background(), cfg, node.Outside{Now: c.Clock.Now, Transport: transport{c, h}, Log: log})
	if err != nil {
		c.T.Fatalf("open %s: %v", h, err)
	}
	c.mu.Lock()
	c.Nodes[h] = n
	c.down[h] = false
	c.mu.Unlock()
	return n
}

// Stop closes an instance; requests to it fail until Start.
func (c *Cluster) Stop(h iri.Host) {
	c.mu.Lock()
	n := c.Nodes[h]
	c.down[h] = true
	c.mu.Unlock()
	n.Close()
}

// Foreign adds software that is not ours under a host.
func (c *Cluster) Foreign(h iri.Host, handler http.Handler) {
	c.mu.Lock()
	c.foreign[h] = handler
	c.mu.Unlock()
}

// Faults decides what happens to each request; nil lets all through.
func (c *Cluster) Faults(f func(r *http.Request) Fault) {
	c.mu.Lock()
	c.faults = f
	c.mu.Unlock()
}

// Transport carries requests as from a host outside, to whatever runs in the cluster.
func (c *Cluster) Transport(from iri.Host) http.RoundTripper { return transport{c, from} }

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(string(bytes.TrimSpace(p)))
	return len(p), nil
}

// transport passes requests to the handlers of the other instances.
type transport struct {
	c    *Cluster
	from iri.Host
}

var errDown = errors.New("connection refused")

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	host := iri.Host(r.URL.Host)
	t.c.mu.Lock()
	n, foreign, down, faults := t.c.Nodes[host], t.c.foreign[host], t.c.down[host], t.c.faults
	t.c.mu.Unlock()
	var handler http.Handler
	switch {
	case down:
		return nil, errDown
	case foreign != nil:
		handler = foreign
	case n != nil:
		handler = n.Handler
	default:
		return nil, fmt.Errorf("no such host: %s", host)
	}
	fault := None
	if faults != nil {
		fault = faults(r)
	}
	if fault == RequestLost {
		return nil, errors.New("the request was lost")
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
	}
	in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.RequestURI(), bytes.NewReader(body))
	in.Header, in.Host, in.RemoteAddr = r.Header.Clone(), r.URL.Host, "127.0.0.1:1000"
	if r.Host != "" {
		in.Host = r.Host
	}
	in.ContentLength = int64(len(body))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, in)
	if fault == AnswerLost {
		return nil, errors.New("the answer was lost")
	}
	res := w.Result()
	res.Request = r
	return res, nil
}

// Settle turns every queue until nothing moves. What waits for its time stays.
func (c *Cluster) Settle() {
	c.T.Helper()
	for turn := 0; ; turn++ {
		moved := 0
		for h, n := range c.Nodes {
			if c.down[h] {
				continue
			}
			m, err := n.Step(context.Background())
			if err != nil {
				c.T.Fatalf("step %s: %v", h, err)
			}
			moved += m
		}
		if moved == 0 {
			return
		}
		if turn > 500 {
			c.T.Fatal("the federation does not settle")
		}
	}
}

// Check holds every running instance to its invariants.
func (c *Cluster) Check() {
	c.T.Helper()
	for h, n := range c.Nodes {
		if c.down[h] {
			continue
		}
		found, err := n.Checks.Run(context.Background())
		if err != nil {
			c.T.Fatalf("check %s: %v", h, err)
		}
		for _, f := range found {
			c.T.Errorf("%s: %s: %s: %s", h, f.Invariant, f.Subject, f.Problem)
		}
	}
}

// Accredit has a propose to b, with both fingerprints compared, and b accept.
func (c *Cluster) Accredit(a, b iri.Host) {
	c.T.Helper()
	ctx := context.Background()
	na, nb := c.Nodes[a], c.Nodes[b]
	fa, err := na.Accreditation.Fingerprint(ctx)
	Must(c.T, err)
	fb, err := nb.Accreditation.Fingerprint(ctx)
	Must(c.T, err)
	_, err = na.Accreditation.Propose(ctx, "test", string(b), accreditation.Terms{Fingerprint: fb})
	Must(c.T, err)
	c.Settle()
	_, err = nb.Accreditation.Accept(ctx, "test", string(a), accreditation.Terms{Fingerprint: fa})
	Must(c.T, err)
	c.Settle()
	for _, p := range []struct {
		n *node.Node
		h iri.Host
	}{{na, b}, {nb, a}} {
		peer, err := models.PeerByHost(ctx, p.n.Store.R, p.h)
		Must(c.T, err)
		if peer.State != models.PeerAccredited {
			c.T.Fatalf("%s holds %s as %s", p.n.Own, p.h, peer.State)
		}
	}
}

// Office opens an office with a person who may do everything for it.
func (c *Cluster) Office(h iri.Host, username, code, title, person string) (office, officer iri.IRI) {
	c.T.Helper()
	ctx := context.Background()
	n := c.Nodes[h]
	o, err := n.Accounts.AddOffice(ctx, "test", username, code, title, "")
	Must(c.T, err)
	p, err := n.Accounts.AddPerson(ctx, "test", person, person)
	Must(c.T, err)
	Must(c.T, n.Accounts.Grant(ctx, "test", o.IRI, p.IRI, []string{models.ActDraft, models.ActClear, models.ActRelease, models.ActRead}, time.Time{}))
	return o.IRI, p.IRI
}

// Send drafts and releases a dispatch in one go.
func (c *Cluster) Send(h iri.Host, person, office iri.IRI, content dispatches.Content) *models.Dispatch {
	c.T.Helper()
	d, err := c.TrySend(h, person, office, content)
	Must(c.T, err)
	return d
}

// TrySend is Send for what may be refused.
func (c *Cluster) TrySend(h iri.Host, person, office iri.IRI, content dispatches.Content) (*models.Dispatch, error) {
	ctx := context.Background()
	n := c.Nodes[h]
	draft, err := n.Dispatches.NewDraft(ctx, person, office, &content, "")
	if err != nil {
		return nil, err
	}
	return n.Dispatches.Release(ctx, person, draft.ID, draft.Revision)
}

// Deliveries are the rows of a host about one object, in the order in which they were queued.
func (c *Cluster) Deliveries(h iri.Host, object iri.IRI) (rows []*models.Delivery) {
	c.T.Helper()
	Must(c.T, c.Nodes[h].Store.R.NewSelect().Model(&rows).Where("object_id = ?", object).OrderExpr("id").Scan(context.Background()))
	return rows
}

// Must stops the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
