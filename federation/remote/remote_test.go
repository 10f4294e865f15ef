package remote

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"valise/models/iri"
)

// Timeouts: brief where the test waits for one to pass, else so long that a
// busy machine never meets it.
const (
	soon  = 150 * time.Millisecond
	never = time.Minute
)

// loopbackPeer serves h as "peer.localhost:port" and returns a client that
// knows this peer only.
func loopbackPeer(t *testing.T, total time.Duration, h http.HandlerFunc) (base string, c *Client) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return clientOf(t, server, total)
}

func clientOf(t *testing.T, server *httptest.Server, total time.Duration) (base string, c *Client) {
	t.Helper()
	host := iri.Host("peer.localhost:" + portOf(t, server.URL))
	c, err := NewClient(Network{Loopback: []iri.Host{host}, TotalTimeout: total}, iri.Rules{Loopback: true}, "valise-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdle)
	return host.Base(), c
}

func portOf(t *testing.T, server string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

func activity(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/activity+json; charset=utf-8")
	_, _ = io.WriteString(w, body)
}

// wantKind fails unless err is an *Error of that kind.
func wantKind(t *testing.T, err error, kind Kind) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != kind {
		t.Fatalf("error is %v, want one of kind %s", err, kind)
	}
	if e.Op == "" || e.URL == "" {
		t.Errorf("%v does not say what was attempted on what", err)
	}
	return e
}

// tlsPeer serves h over TLS on loopback, with HTTP/2. Its certificate is for
// example.com and *.example.com; the file returned holds its authority.
func tlsPeer(t *testing.T, h http.HandlerFunc) (port uint16, caFile string) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(caFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(portOf(t, server.URL), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(n), caFile
}

// names is a name server in memory: answers gives the A records of the n-th
// question for any name, counted from 1.
func names(questions *atomic.Int32, answers func(n int32) []string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go serveNames(ours, questions, answers)
		return theirs, nil
	}}
}

// serveNames speaks DNS over a stream (RFC 1035 §4.2.2) until conn is closed.
func serveNames(conn net.Conn, questions *atomic.Int32, answers func(n int32) []string) {
	defer conn.Close()
	for {
		size := make([]byte, 2)
		if _, err := io.ReadFull(conn, size); err != nil {
			return
		}
		raw := make([]byte, int(size[0])<<8|int(size[1]))
		if _, err := io.ReadFull(conn, raw); err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(raw) != nil || len(m.Questions) != 1 {
			return
		}
		m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
		if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
			for _, a := range answers(questions.Add(1)) {
				m.Answers = append(m.Answers, dnsmessage.Resource{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 1},
					Body:   &dnsmessage.AResource{A: netip.MustParseAddr(a).As4()},
				})
			}
		}
		out, err := m.Pack()
		if err != nil {
			return
		}
		if _, err := conn.Write(append([]byte{byte(len(out) >> 8), byte(len(out))}, out...)); err != nil {
			return
		}
	}
}

// fleet answers for several hosts within one process.
type fleet map[string]http.HandlerFunc

func (f fleet) RoundTrip(r *http.Request) (*http.Response, error) {
	h, ok := f[r.URL.Host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: r.URL.Host, IsNotFound: true}
	}
	w := httptest.NewRecorder()
	h(w, r)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

func (f fleet) client(t *testing.T) *Client {
	t.Helper()
	c, err := NewClient(Network{}, iri.Rules{}, "valise-test")
	if err != nil {
		t.Fatal(err)
	}
	return c.WithTransport(f)
}

// eventually waits until done, yielding in between.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 60_000 {
		if done() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("never happened: %s", what)
}

func TestTemporary(t *testing.T) {
	for _, k := range []Kind{KindTimeout, KindUnreachable, KindBusy, KindCanceled} {
		if !(&Error{Kind: k}).Temporary() {
			t.Errorf("%s is not temporary", k)
		}
	}
	for _, k := range []Kind{KindRefusedAddress, KindRedirect, KindTooLarge, KindContentType, KindMalformed,
		KindNotFound, KindGone, KindWrongID} {
		if (&Error{Kind: k}).Temporary() {
			t.Errorf("%s is temporary", k)
		}
	}
	temporary := []int{408, 425, 429, 500, 502, 503, 504}
	for status := 100; status < 600; status++ {
		want := status >= 500 || slices.Contains(temporary, status)
		if got := (&Error{Kind: KindStatus, Status: status}).Temporary(); got != want {
			t.Errorf("status %d: temporary is %v", status, got)
		}
	}
}
