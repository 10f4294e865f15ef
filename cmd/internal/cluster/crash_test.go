package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/node"
	"valise/config"
	"valise/instance/accreditation"
	"valise/models"
	"valise/models/iri"
)

// The crash tests run one instance as a process of its own and kill it, by its own hand
// at a named moment or from outside at any, with SIGKILL. The other instance runs in the
// test. They speak HTTP over loopback.

const childEnv = "VALISE_CRASH_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		if err := child(); err != nil {
			fmt.Println("child failed:", err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child is one instance: it serves, and releases as many dispatches as it is told to.
func child() error {
	f := strings.Split(os.Getenv(childEnv), "|") // dir, host, peer, point, count, sends, database
	killAt, _ := strconv.Atoi(f[4])
	sends, _ := strconv.Atoi(f[5])
	seen := 0
	fault := func(point string) {
		if point != f[3] {
			return
		}
		if seen++; seen == killAt {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	n, err := openReal(f[0], f[6], iri.Host(f[1]), iri.Host(f[2]), fault)
	if err != nil {
		return err
	}
	ctx := context.Background()
	go n.Run(ctx)
	l, err := net.Listen("tcp", "127.0.0.1:"+port(iri.Host(f[1])))
	if err != nil {
		return err
	}
	go http.Serve(l, n.Handler)
	fmt.Println("ready")
	office, person := iri.IRI(n.Own.Base()+"/o/chancery"), iri.IRI(n.Own.Base()+"/u/boris")
	for i := range sends {
		c := cable(fmt.Sprintf("Crash %d", i), iri.IRI(iri.Host(f[2]).Base()+"/o/europe"))
		draft, err := n.Dispatches.NewDraft(ctx, person, office, &c, "")
		if err != nil {
			return err
		}
		d, err := n.Dispatches.Release(ctx, person, draft.ID, 1)
		if err != nil {
			return err
		}
		n.Wake()
		fmt.Println("released", d.IRI)
	}
	for {
		arrivals, deliveries, err := n.Backlog(ctx)
		if err != nil {
			return err
		}
		if arrivals+deliveries == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Println("settled")
	io.Copy(io.Discard, os.Stdin) // until the test ends it
	return nil
}

func port(h iri.Host) string {
	_, p, _ := strings.Cut(string(h), ":")
	return p
}

func openReal(dir, database string, host, peer iri.Host, fault func(string)) (*node.Node, error) {
	cfg := config.Defaults()
	cfg.Host, cfg.DataDir, cfg.Socket, cfg.Database = string(host), dir, filepath.Join(dir, "s"), database
	cfg.Listen = "127.0.0.1:" + port(host)
	cfg.Federation.Loopback.Peers = []string{string(peer)}
	return node.Open(context.Background(), cfg, node.Outside{Fault: fault, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))})
}

// pair is a steady instance in the test and one that dies.
type pair struct {
	t           *testing.T
	steady      *node.Node
	here, there iri.Host
	dir         string
	database    string
	desk, anna  iri.IRI
	post, boris iri.IRI
	cmd         *exec.Cmd
	in          io.WriteCloser
	released    []iri.IRI
	lines       chan string
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	cluster.Must(t, err)
	defer l.Close()
	_, p, _ := net.SplitHostPort(l.Addr().String())
	return p
}

// newPair accredits the two while both are well.
func newPair(t *testing.T) *pair {
	if testing.Short() {
		t.Skip("kills real processes; left out with -short")
	}
	p := &pair{t: t, here: iri.Host("ministry.localhost:" + freePort(t)), there: iri.Host("embassy.localhost:" + freePort(t)), dir: t.TempDir(), database: cluster.DatabaseOf(t)}
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	p.steady, err = openReal(t.TempDir(), cluster.DatabaseOf(t), p.here, p.there, nil)
	cluster.Must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:"+port(p.here))
	cluster.Must(t, err)
	server := &http.Server{Handler: p.steady.Handler}
	go server.Serve(l)
	done := make(chan struct{})
	go func() { defer close(done); p.steady.Run(ctx) }()
	t.Cleanup(func() { p.end(); server.Close(); cancel(); <-done; p.steady.Close() })

	other, err := openReal(p.dir, p.database, p.there, p.here, nil)
	cluster.Must(t, err)
	p.desk, p.anna = office(t, p.steady, "europe", "EUROPE DESK", "anna")
	p.post, p.boris = office(t, other, "chancery", "PARIS", "boris")
	for _, x := range []struct {
		n  *node.Node
		of *node.Node
	}{{p.steady, other}, {other, p.steady}} {
		print, err := x.of.Accreditation.Fingerprint(ctx)
		cluster.Must(t, err)
		key, err := models.ActiveKey(ctx, x.of.Store.R, iri.IRI(x.of.Own.Base()+"/actor"), "ed25519")
		cluster.Must(t, err)
		cluster.Must(t, models.SavePeer(ctx, x.n.Store.W, &models.Peer{Host: x.of.Own, State: models.PeerProposed, InstanceActor: iri.IRI(x.of.Own.Base() + "/actor"), OfferedKey: key.Public,
			Affiliation: models.OtherGovernment, Form: models.FormAnnounce, Scheme: "rfc9421-ed25519", CreatedAt: 1, UpdatedAt: 1}))
		_ = print
	}
	otherServer := &http.Server{Handler: other.Handler}
	ol, err := net.Listen("tcp", "127.0.0.1:"+port(p.there))
	cluster.Must(t, err)
	go otherServer.Serve(ol)
	for _, x := range []struct {
		n  *node.Node
		of *node.Node
	}{{p.steady, other}, {other, p.steady}} {
		print, err := x.of.Accreditation.Fingerprint(ctx)
		cluster.Must(t, err)
		_, err = x.n.Accreditation.Accept(ctx, "test", string(x.of.Own), accreditation.Terms{Fingerprint: print})
		cluster.Must(t, err)
	}
	_, err = p.steady.Actors.Get(ctx, p.post)
	cluster.Must(t, err)
	_, err = other.Actors.Get(ctx, p.desk)
	cluster.Must(t, err)
	otherServer.Close()
	cluster.Must(t, other.Close())
	return p
}

func office(t *testing.T, n *node.Node, username, code, person string) (iri.IRI, iri.IRI) {
	ctx := context.Background()
	o, err := n.Accounts.AddOffice(ctx, "test", username, code, username, "")
	cluster.Must(t, err)
	a, err := n.Accounts.AddPerson(ctx, "test", person, person)
	cluster.Must(t, err)
	cluster.Must(t, n.Accounts.Grant(ctx, "test", o.IRI, a.IRI, []string{models.ActDraft, models.ActRelease}, time.Time{}))
	return o.IRI, a.IRI
}

// start runs the mortal instance; it kills itself at the count-th time of point.
func (p *pair) start(point string, count, sends int) {
	p.t.Helper()
	p.cmd = exec.Command(os.Args[0], "-test.run=^$")
	p.cmd.Env = append(os.Environ(), childEnv+"="+strings.Join([]string{p.dir, string(p.there), string(p.here), point, strconv.Itoa(count), strconv.Itoa(sends), p.database}, "|"))
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	cluster.Must(p.t, err)
	p.in, err = p.cmd.StdinPipe()
	cluster.Must(p.t, err)
	cluster.Must(p.t, p.cmd.Start())
	p.lines = make(chan string, 1000)
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
}

// read takes what the child says until it says the given line, or until it has died.
func (p *pair) read(until string) (said bool) {
	p.t.Helper()
	limit, again := time.NewTimer(30*time.Second), time.NewTicker(time.Second)
	defer limit.Stop()
	defer again.Stop()
	for {
		select {
		case <-again.C:
			// A try that the machine was too busy for has put the host into back-off.
			cluster.Must(p.t, models.WakeHost(context.Background(), p.steady.Store.W, p.there, models.At(time.Now())))
			p.steady.Wake()
		case <-limit.C:
			p.t.Fatalf("the process neither said %q nor died within 30 s", until)
		case line, open := <-p.lines:
			if !open {
				return false
			}
			if id, ok := strings.CutPrefix(line, "released "); ok {
				p.released = append(p.released, iri.IRI(id))
			}
			if strings.HasPrefix(line, "child failed") {
				p.t.Fatal(line)
			}
			if line == until {
				return true
			}
		}
	}
}

func (p *pair) kill() {
	p.cmd.Process.Kill()
	p.read("its last word")
	p.cmd.Wait()
	p.cmd = nil
}

func (p *pair) end() {
	if p.cmd != nil {
		p.kill()
	}
}

// eventually polls; a crash has no queue to turn by hand.
func eventually(t *testing.T, what string, f func() (bool, error)) {
	t.Helper()
	deadline := time.Now().Add(40 * time.Second)
	var err error
	for time.Now().Before(deadline) {
		var ok bool
		if ok, err = f(); ok && err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s: not within 40 s (%v)", what, err)
}

// inspect opens the mortal instance's data when it is dead, and holds it to the
// invariants.
func (p *pair) inspect(f func(n *node.Node)) {
	p.t.Helper()
	p.end()
	n, err := openReal(p.dir, p.database, p.there, p.here, nil)
	cluster.Must(p.t, err)
	defer n.Close()
	for _, x := range []*node.Node{n, p.steady} {
		found, err := x.Checks.Run(context.Background())
		cluster.Must(p.t, err)
		for _, f := range found {
			p.t.Errorf("%s: %s: %s: %s", x.Own, f.Invariant, f.Subject, f.Problem)
		}
	}
	f(n)
}

func dispatchesOf(t *testing.T, n *node.Node, origin string) int {
	rows, err := models.DispatchesAfter(context.Background(), n.Store.R, 0, 10000)
	cluster.Must(t, err)
	c := 0
	for _, r := range rows {
		if r.Origin == origin {
			c++
		}
	}
	return c
}

// TestKilledAtAnyMomentOfReleaseAndDelivery kills the sender at each named moment; what
// it had released arrives once, and its numbers have no gap.
func TestKilledAtAnyMomentOfReleaseAndDelivery(t *testing.T) {
	cluster.Each(t, testKilledAtAnyMomentOfReleaseAndDelivery)
}

func testKilledAtAnyMomentOfReleaseAndDelivery(t *testing.T) {
	for _, moment := range []struct {
		point string
		count int
	}{{"release-prepared", 3}, {"release-issued", 2}, {"release-issued", 5}, {"release-committed", 1}, {"release-committed", 4}, {"posted", 1}, {"posted", 2}, {"recorded", 1}} {
		t.Run(fmt.Sprintf("%s-%d", moment.point, moment.count), func(t *testing.T) {
			p := newPair(t)
			p.start(moment.point, moment.count, 6)
			if !p.read("ready") {
				t.Fatal("it died before it was ready")
			}
			if p.read("never said") {
				t.Fatal("unreachable")
			}
			p.cmd.Wait()
			p.cmd = nil
			p.start("", 0, 1)
			p.read("ready")
			if !p.read("settled") {
				t.Fatal("it died again")
			}
			var issued int
			// The receipts go back to a host that was away, and may be in back-off.
			eventually(t, "everything is applied here, and the receipts are back", func() (bool, error) {
				arrivals, deliveries, err := p.steady.Backlog(context.Background())
				if deliveries > 0 {
					err = errors.Join(err, models.WakeHost(context.Background(), p.steady.Store.W, p.there, models.At(time.Now())))
					p.steady.Wake()
				}
				return arrivals+deliveries == 0, err
			})
			p.inspect(func(n *node.Node) { issued = dispatchesOf(t, n, models.OriginIssued) })
			if here := dispatchesOf(t, p.steady, models.OriginReceived); here != issued {
				t.Errorf("%d were released, %d arrived", issued, here)
			}
			for _, id := range p.released {
				if _, err := models.DispatchByIRI(context.Background(), p.steady.Store.R, id); err != nil {
					t.Errorf("%s was released before the kill and did not arrive: %v", id, err)
				}
			}
		})
	}
}

// TestKilledAtAnyMomentOfArrivalAndApplication kills the receiver, by itself at named
// moments and from outside in the middle of a burst; whatever was answered 202 is
// applied, once.
func TestKilledAtAnyMomentOfArrivalAndApplication(t *testing.T) {
	cluster.Each(t, testKilledAtAnyMomentOfArrivalAndApplication)
}

func testKilledAtAnyMomentOfArrivalAndApplication(t *testing.T) {
	const burst = 60
	for _, moment := range []struct {
		point string
		count int
	}{{"applied", 1}, {"applied", 2}, {"committed", 1}, {"", 0}} {
		t.Run(fmt.Sprintf("%s-%d", moment.point, moment.count), func(t *testing.T) {
			p := newPair(t)
			ctx := context.Background()
			p.start(moment.point, moment.count, 0)
			p.read("ready")
			for i := range burst {
				c := cable(fmt.Sprintf("Burst %d", i), p.post)
				draft, err := p.steady.Dispatches.NewDraft(ctx, p.anna, p.desk, &c, "")
				cluster.Must(t, err)
				_, err = p.steady.Dispatches.Release(ctx, p.anna, draft.ID, 1)
				cluster.Must(t, err)
				p.steady.Wake()
				if moment.point == "" && i == burst/2 {
					p.kill()
				}
			}
			if moment.point != "" {
				p.read("never said")
				p.cmd.Wait()
				p.cmd = nil
			}
			p.start("", 0, 0)
			p.read("ready")
			cluster.Must(t, models.WakeHost(ctx, p.steady.Store.W, p.there, models.At(time.Now())))
			p.steady.Wake()
			eventually(t, "every dispatch is delivered and receipted", func() (bool, error) {
				waiting, err := models.CountDeliveries(ctx, p.steady.Store.R, models.DeliveryPending)
				if err != nil || waiting > 0 {
					// A try that met the dead process has put the host into back-off.
					return false, errors.Join(err, models.WakeHost(ctx, p.steady.Store.W, p.there, models.At(time.Now())))
				}
				delivered, err := p.steady.Store.R.NewSelect().Model((*models.Evidence)(nil)).Where("station = ?", models.Delivered).Count(ctx)
				return delivered == burst, err
			})
			p.inspect(func(n *node.Node) {
				if got := dispatchesOf(t, n, models.OriginReceived); got != burst {
					t.Errorf("%d dispatches were sent, %d are there", burst, got)
				}
			})
		})
	}
}
