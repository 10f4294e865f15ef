package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/node"
	"valise/config"
	"valise/federation/sign"
	"valise/models"
	"valise/models/iri"
)

// alone opens one instance with its real client: what it asks goes over sockets.
func alone(t *testing.T, host string, peers ...string) (*node.Node, *journal) {
	t.Helper()
	cfg := config.Defaults()
	cfg.Host, cfg.DataDir, cfg.Socket = host, t.TempDir(), t.TempDir()+"/s"
	cfg.Federation.Loopback.Peers = peers
	cfg.Federation.TotalTimeout, cfg.Federation.ConnectTimeout = time.Second, time.Second
	j := &journal{}
	n, err := node.Open(context.Background(), cfg, node.Outside{Log: slog.New(slog.NewTextHandler(j, nil))})
	cluster.Must(t, err)
	t.Cleanup(func() { n.Close() })
	return n, j
}

// knock posts a proposal signed with a key that is to be found at keyID.
func knock(t *testing.T, n *node.Node, keyID string, clock time.Time) answer {
	t.Helper()
	o := &outlaw{t: t, host: outlawHost}
	f := &figure{o: o, id: "https://outlaw.example/actor"}
	f.rekey("1")
	f.keyID = keyID
	body := []byte(`{"@context":"https://www.w3.org/ns/activitystreams","id":"https://outlaw.example/a/1","type":"Offer","actor":"https://outlaw.example/actor","object":{"type":"Relationship"}}`)
	r := request(t, iri.IRI(n.Own.Base()+"/actor/inbox"), body)
	cluster.Must(t, sign.SignRFC9421(r, body, f, clock))
	in := httptest.NewRequest(http.MethodPost, r.URL.Path, bytes.NewReader(body))
	in.Header, in.Host = r.Header, r.URL.Host
	w := httptest.NewRecorder()
	n.Handler.ServeHTTP(w, in)
	a := answer{status: w.Code, body: w.Body.Bytes(), header: w.Header()}
	if _, rest, ok := strings.Cut(w.Body.String(), "/problems/"); ok {
		a.code, _, _ = strings.Cut(rest, `"`)
	}
	return a
}

// Key documents of every hostile kind, over real connections: the arrival is refused,
// for good where the host is at fault, for now where it is only away, and in bounded time.
func TestHostileKeyHosts(t *testing.T) { cluster.Each(t, testHostileKeyHosts) }

func testHostileKeyHosts(t *testing.T) {
	stop, bomb := make(chan struct{}), bombed(32<<20)
	var hits atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/forever/", func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
	})
	mux.HandleFunc("/itself", func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		http.Redirect(w, r, "/itself", http.StatusMovedPermanently)
	})
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://other.localhost:1/x", http.StatusFound)
	})
	mux.HandleFunc("/inward", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:22/", http.StatusFound)
	})
	mux.HandleFunc("/stall", func(w http.ResponseWriter, r *http.Request) { <-stop })
	mux.HandleFunc("/half", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/activity+json")
		fmt.Fprint(w, `{"id":`)
		w.(http.Flusher).Flush()
		<-stop
	})
	mux.HandleFunc("/trickle", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/activity+json")
		for {
			select {
			case <-stop:
				return
			case <-r.Context().Done():
				return
			case <-time.After(5 * time.Millisecond):
				fmt.Fprint(w, " ")
				w.(http.Flusher).Flush()
			}
		}
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/activity+json")
		block := bytes.Repeat([]byte(" "), 64<<10)
		for {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/activity+json")
		w.Header().Set("Content-Length", "10000000000")
	})
	mux.HandleFunc("/bomb", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/activity+json")
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb)
	})
	mux.HandleFunc("/headers", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 1<<20))
	})
	mux.HandleFunc("/reset", func(w http.ResponseWriter, r *http.Request) {
		c, _, _ := w.(http.Hijacker).Hijack()
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	})
	mux.HandleFunc("/ill", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) })
	mux.HandleFunc("/gone", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(410) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(stop) })
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	host := "outlaw.localhost:" + port
	n, j := alone(t, "ministry.localhost", host)
	for _, c := range []struct {
		name, path string
		status     int
	}{
		{"a redirect to ever new places", "/forever/", 401},
		{"a redirect to itself", "/itself", 401},
		{"a redirect to another host", "/elsewhere", 401},
		{"a redirect to an address", "/inward", 401},
		{"no answer", "/stall", 503},
		{"half an answer", "/half", 503},
		{"an answer that trickles", "/trickle", 503},
		{"an endless answer", "/endless", 401},
		{"a huge answer", "/large", 401},
		{"a gzip bomb", "/bomb", 401},
		{"endless headers", "/headers", 503},
		{"a reset", "/reset", 503},
		{"an error of theirs", "/ill", 503},
		{"nothing any more", "/gone", 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, mark, began := state(t, n), j.mark(), time.Now()
			a := knock(t, n, "http://"+host+c.path+"#key", time.Now())
			a.mustBe(t, c.status, "key-unavailable")
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("the refusal took %s", took)
			}
			if !strings.Contains(j.since(mark), "rule=key-unavailable") {
				t.Errorf("the log says %s", j.since(mark))
			}
			if c.status == 503 && a.header.Get("Retry-After") == "" {
				t.Error("503 without Retry-After")
			}
			same(t, before, state(t, n))
		})
	}
	if h := hits.Load(); h > 8 {
		t.Errorf("%d requests were spent on two loops; 4 each are allowed", h)
	}
	nothing, err := models.KeyByID(context.Background(), n.Store.R, iri.IRI("http://"+host+"/bomb#key"))
	if err != nil || len(nothing) > 0 {
		t.Errorf("a key was kept: %v %v", nothing, err)
	}
}

// A production instance is not talked into asking its own machine or network.
func TestKeysAtPrivateAddresses(t *testing.T) { cluster.Each(t, testKeysAtPrivateAddresses) }

func testKeysAtPrivateAddresses(t *testing.T) {
	var hits atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	t.Cleanup(server.Close)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	n, j := alone(t, "ministry.example")
	type attempt struct{ name, key, code string }
	cases := []attempt{
		{"a literal address", "https://127.0.0.1:" + port + "/actor#k", "signature-malformed"},
		{"a literal IPv6 address", "https://[::1]:" + port + "/actor#k", "signature-malformed"},
		{"a number", "https://2130706433/actor#k", "signature-malformed"},
		{"a hexadecimal number", "https://0x7f000001/actor#k", "signature-malformed"},
		{"an octal address", "https://0177.0.0.1/actor#k", "signature-malformed"},
		{"metadata of a cloud", "https://169.254.169.254/actor#k", "signature-malformed"},
		{"plain HTTP", "http://outlaw.example/actor#k", "signature-malformed"},
		{"a name of loopback mode", "http://outlaw.localhost:" + port + "/actor#k", "signature-malformed"},
		{"another port", "https://outlaw.example:" + port + "/actor#k", "key-unavailable"},
		{"ourselves", "https://ministry.example/actor#k", "key-unavailable"},
	}
	// Names that the machine's own table leads inward, where it has them.
	own, _ := os.Hostname()
	for _, name := range []string{"ip6-localhost", own} {
		addresses, err := net.LookupHost(name)
		if _, perr := (iri.Rules{}).ParseHost(name); err != nil || perr != nil || len(addresses) == 0 {
			t.Logf("%q leads nowhere on this machine: not tried", name)
			continue
		}
		cases = append(cases, attempt{"a name that leads inward", "https://" + name + "/actor#k", "key-unavailable"})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before, mark := state(t, n), j.mark()
			knock(t, n, c.key, time.Now()).mustBe(t, 401, c.code)
			if !strings.Contains(j.since(mark), "rule="+c.code) {
				t.Errorf("the log says %s", j.since(mark))
			}
			same(t, before, state(t, n))
		})
	}
	if hits.Load() > 0 {
		t.Errorf("%d requests went inward", hits.Load())
	}
}
