package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"valise/cmd/internal/node"
	"valise/cmd/internal/sample"
	"valise/config"
	"valise/federation/keyring"
	"valise/federation/vocab"
	"valise/instance/communities"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// instance is the child that is measured: one real instance with its server and its
// workers, as `valise serve` runs it.
type instance struct {
	node           *node.Node
	server         *http.Server
	cancel         context.CancelFunc
	done           chan struct{}
	office, person iri.IRI
	drafts         []string
}

func newInstance() calls {
	node.CollectLess()
	i := &instance{}
	return calls{
		"open": on(i.open), "seed": on(i.seed), "community": on(i.community), "draft": on(i.draft), "release": on(i.release),
		"applied": on(i.applied), "drained": on(i.drained), "indexed": on(i.indexed), "multiply": on(i.multiply), "import": on(i.importing), "corpus": on(i.corpus), "statements": on(i.statements), "close": on(i.close),
	}
}

type openArgs struct {
	Dir, DB string
	Port    int // 0: any
	Peers   []iri.Host
}

type opened struct {
	Host   iri.Host
	Port   int
	Office iri.IRI
}

func (i *instance) open(ctx context.Context, a openArgs) (any, error) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", a.Port))
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	cfg := config.Defaults()
	cfg.Host, cfg.DataDir, cfg.Database, cfg.Listen = fmt.Sprintf("bench.localhost:%d", port), a.Dir, a.DB, l.Addr().String()
	// One generator stands for many peers; its rate is what is measured.
	cfg.Federation.RatePerOrigin, cfg.Federation.RatePerKey = config.Rate{PerSecond: 1e6, Burst: 1e6}, config.Rate{PerSecond: 1e6, Burst: 1e6}
	for _, p := range a.Peers {
		cfg.Federation.Loopback.Peers = append(cfg.Federation.Loopback.Peers, string(p))
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	if i.node, err = node.Open(ctx, cfg, node.Outside{Log: log}); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	i.server = &http.Server{Handler: i.node.Handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 5 * time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10}
	go i.server.Serve(l)
	var work context.Context
	work, i.cancel = context.WithCancel(context.Background())
	i.done = make(chan struct{})
	go func() {
		defer close(i.done)
		i.node.Run(work)
	}()
	office, err := models.LocalActor(ctx, i.node.Store.R, models.TypeOrganization, "desk")
	if models.NotFound(err) {
		return opened{i.node.Own, port, i.office}, i.staff(ctx)
	}
	if err != nil {
		return nil, err
	}
	i.office = office.IRI
	return opened{i.node.Own, port, i.office}, nil
}

// staff opens the office that gets and releases dispatches.
func (i *instance) staff(ctx context.Context) error {
	n := i.node
	o, err := n.Accounts.AddOffice(ctx, "bench", "desk", "BENCH", "Bench desk", "")
	if err != nil {
		return err
	}
	p, err := n.Accounts.AddPerson(ctx, "bench", "officer", "Officer")
	if err != nil {
		return err
	}
	i.office, i.person = o.IRI, p.IRI
	return n.Accounts.Grant(ctx, "bench", o.IRI, p.IRI, []string{models.ActRead, models.ActDraft, models.ActClear, models.ActRelease}, time.Time{})
}

type seedArgs struct{ Peers []peerSeed }

// seed accredits peers: their rows are those of an accreditation that both operators
// have accepted, and their actors are learned as if they had been fetched.
func (i *instance) seed(ctx context.Context, a seedArgs) (any, error) {
	n := i.node
	now := models.At(n.Now())
	for _, p := range a.Peers {
		row := &models.Peer{Host: p.Host, State: models.PeerAccredited, Affiliation: models.OtherGovernment, Ceiling: n.Guard.Federates(), Form: models.FormAnnounce,
			InstanceActor: p.Instance, PinnedKey: p.Pinned, Scheme: p.Scheme, CreatedAt: now, UpdatedAt: now}
		if p.Scheme == keyring.SchemeCavage {
			row.SchemeUntil = now.Add(24 * time.Hour)
		}
		if err := models.SavePeer(ctx, n.Store.W, row); err != nil {
			return nil, fmt.Errorf("accredit %s: %w", p.Host, err)
		}
		for _, raw := range p.Documents {
			doc, err := vocab.ParseActor([]byte(raw), n.Rules)
			if err == nil {
				err = n.Actors.Learn(ctx, doc)
			}
			if err != nil {
				return nil, fmt.Errorf("learn an actor of %s: %w", p.Host, err)
			}
		}
	}
	n.Actors.Forget()
	return nil, nil
}

type communityArgs struct{ Members []peerSeed }

// community opens a community with one member on each host. The rows are those of
// members whose Accept has arrived.
func (i *instance) community(ctx context.Context, a communityArgs) (any, error) {
	n := i.node
	c, err := n.Communities.Open(ctx, i.person, communities.Opening{Office: i.office, Username: "round-table", Name: "Round table", Charter: "What is measured here.", Ceiling: "LIMITED"})
	if err != nil {
		return nil, err
	}
	now := models.At(n.Now())
	for _, m := range a.Members {
		if err := models.SaveMember(ctx, n.Store.W, &models.Member{Community: c.IRI, Actor: m.Office, Host: m.Host, Role: models.RoleMember, Ceiling: c.Ceiling, State: models.MemberActive,
			Form: models.FormAnnounce, Since: now, FollowID: iri.IRI(m.Host.Base() + "/a/follow"), AcceptedAt: now}); err != nil {
			return nil, err
		}
	}
	return c.IRI, nil
}

type draftArgs struct {
	N         int
	Seed      uint64
	Community iri.IRI
	Action    []iri.IRI
}

// draft writes drafts of real texts, ready for release.
func (i *instance) draft(ctx context.Context, a draftArgs) (any, error) {
	i.drafts = nil
	for d := range sample.Generate(a.N, a.Seed) {
		c := &dispatches.Content{Kind: "cable", Subject: d.Subject, Precedence: d.Precedence, Marking: d.Marking, Language: "en", Community: a.Community, Action: a.Action}
		for _, text := range d.Paragraphs {
			c.Paragraphs = append(c.Paragraphs, dispatches.Paragraph{Text: text})
		}
		draft, err := i.node.Dispatches.NewDraft(ctx, i.person, i.office, c, "")
		if err != nil {
			return nil, err
		}
		i.drafts = append(i.drafts, draft.ID)
	}
	return nil, nil
}

// release issues the drafts and returns the ids of the dispatches.
func (i *instance) release(ctx context.Context, _ struct{}) (any, error) {
	var out []iri.IRI
	for _, id := range i.drafts {
		d, err := i.node.Dispatches.Release(ctx, i.person, id, 1)
		if err != nil {
			return nil, err
		}
		i.node.Wake()
		out = append(out, d.IRI)
	}
	return out, nil
}

// settled is what has been applied since a row of the queue of arrivals.
type settled struct {
	At     time.Time
	Waited []int64 // milliseconds between acceptance and application, sorted
	Last   int64   // highest row
	Aside  int64   // rows that were set aside: there must be none
}

type settleArgs struct{ After int64 }

// applied waits until no arrival is pending.
func (i *instance) applied(ctx context.Context, a settleArgs) (any, error) {
	s := settled{}
	if err := i.until(ctx, `SELECT EXISTS (SELECT 1 FROM arrivals WHERE state = 'pending')`); err != nil {
		return nil, fmt.Errorf("arrivals were not applied: %w", err)
	}
	s.At = time.Now()
	r := i.node.Store.R
	if err := r.NewRaw(`SELECT applied_at - received_at FROM arrivals WHERE id > ? AND state = 'applied' ORDER BY 1`, a.After).Scan(ctx, &s.Waited); err != nil {
		return nil, err
	}
	if err := r.NewRaw(`SELECT COALESCE(MAX(id), 0), COALESCE(SUM(CASE WHEN state = 'set-aside' THEN 1 ELSE 0 END), 0) FROM arrivals`).Scan(ctx, &s.Last, &s.Aside); err != nil {
		return nil, err
	}
	return s, nil
}

// drained waits until no delivery is pending.
func (i *instance) drained(ctx context.Context, _ struct{}) (any, error) {
	return nil, i.until(ctx, `SELECT EXISTS (SELECT 1 FROM deliveries WHERE state = 'pending')`)
}

// indexed waits until the search index has everything.
func (i *instance) indexed(ctx context.Context, _ struct{}) (any, error) {
	return nil, i.until(ctx, `SELECT EXISTS (SELECT 1 FROM search_queue)`)
}

// quietFor is how long an instance with nothing to do must not have written: a few rounds
// of its maintenance and of joining the parts of its search index.
const quietFor = 3 * time.Second

// quiet waits until no queue holds work and the instance has stopped writing by itself.
func (i *instance) quiet(ctx context.Context) error {
	const pending = `SELECT EXISTS (SELECT 1 FROM arrivals WHERE state = 'pending') OR EXISTS (SELECT 1 FROM deliveries WHERE state = 'pending') OR EXISTS (SELECT 1 FROM search_queue)`
	written, since := int64(-1), time.Now()
	for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		waits := false
		if err := i.node.Store.R.NewRaw(pending).Scan(ctx, &waits); err != nil {
			return err
		}
		if now := i.node.Store.Written(); waits || now != written {
			written, since = now, time.Now()
		}
		if time.Since(since) >= quietFor {
			return nil
		}
	}
	return errors.New("the instance goes on writing")
}

func (i *instance) until(ctx context.Context, pending string) error {
	for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		waits := false
		if err := i.node.Store.R.NewRaw(pending).Scan(ctx, &waits); err != nil || !waits {
			return err
		}
	}
	return errors.New("nothing moves any more")
}

type multiplyArgs struct{ Times int }

// multiply copies what one burst has left behind, under other ids, so that the store is
// as large as after many.
func (i *instance) multiply(ctx context.Context, a multiplyArgs) (any, error) {
	copies := []struct{ table, ids string }{
		{"arrivals", "activity object_id lane"}, {"dispatches", "iri activity reference"}, {"addressees", "dispatch"},
		{"evidence", "dispatch"}, {"notices", "subject"}, {"activities", "iri object_id"}, {"deliveries", "activity object_id lane"},
	}
	w := i.node.Store.W
	for _, c := range copies {
		rows, err := w.DB.QueryContext(ctx, "SELECT * FROM "+c.table+" WHERE 1 = 0")
		if err != nil {
			return nil, err
		}
		columns, err := rows.Columns()
		if err := errors.Join(err, rows.Close()); err != nil {
			return nil, err
		}
		var into, from []string
		for _, name := range columns {
			if name == "id" {
				continue
			}
			into = append(into, name)
			if strings.Contains(" "+c.ids+" ", " "+name+" ") {
				name += " || '-copy-' || copies.n"
			}
			from = append(from, name)
		}
		query := fmt.Sprintf(`WITH RECURSIVE copies (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < %d) INSERT INTO %s (%s) SELECT %s FROM %s, copies`,
			a.Times, c.table, strings.Join(into, ", "), strings.Join(from, ", "), c.table)
		if _, err := w.DB.ExecContext(ctx, query); err != nil {
			return nil, fmt.Errorf("copy %s: %w", c.table, err)
		}
	}
	var n int64
	err := w.NewRaw(`SELECT COUNT(*) FROM dispatches`).Scan(ctx, &n)
	return n, err
}

func (i *instance) close(ctx context.Context, _ struct{}) (any, error) {
	if i.node == nil {
		return nil, nil
	}
	i.server.Close()
	i.cancel()
	select {
	case <-i.done:
	case <-time.After(10 * time.Second):
	}
	err := i.node.Close()
	i.node = nil
	return nil, err
}

// instanceChild starts an instance in a child of its own.
func (b *bench) instanceChild(ctx context.Context, a openArgs) (*child, *opened, error) {
	c, err := startChild(ctx, "instance")
	if err != nil {
		return nil, nil, err
	}
	a.Dir = filepath.Clean(a.Dir)
	o := &opened{}
	if err := c.call("open", a, o); err != nil {
		return nil, nil, errors.Join(err, c.stop())
	}
	return c, o, nil
}
