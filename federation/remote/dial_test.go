package remote

import (
	"bytes"
	"errors"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"valise/models/iri"
)

var home = netip.MustParsePrefix("127.0.0.1/32")

func TestNetworkRefusesContradictions(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	local := iri.Rules{Loopback: true}
	for name, c := range map[string]struct {
		n     Network
		rules iri.Rules
	}{
		"loopback peers in production": {Network{Loopback: []iri.Host{"b.localhost:8102"}}, iri.Rules{}},
		"public loopback peer":         {Network{Loopback: []iri.Host{"b.example:8102"}}, local},
		"ranges in loopback mode":      {Network{Ranges: []netip.Prefix{home}}, local},
		"ports in loopback mode":       {Network{Ports: []uint16{8443}}, local},
		"port 0":                       {Network{Ports: []uint16{0}}, iri.Rules{}},
		"invalid range":                {Network{Ranges: []netip.Prefix{{}}}, iri.Rules{}},
		"mapped range":                 {Network{Ranges: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}}, iri.Rules{}},
		"missing authorities":          {Network{CAFile: empty + ".none"}, iri.Rules{}},
		"empty authorities":            {Network{CAFile: empty}, iri.Rules{}},
		"negative timeout":             {Network{TotalTimeout: -1}, iri.Rules{}},
	} {
		if _, err := NewClient(c.n, c.rules, ""); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Addresses that no public name may lead to, after resolution.
func TestPrivateAddressesRefused(t *testing.T) {
	for _, address := range []string{"127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
		"100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1"} {
		var asked atomic.Int32
		c, err := NewClient(Network{Resolver: names(&asked, func(int32) []string { return []string{address} })}, iri.Rules{}, "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Get(t.Context(), "https://metadata.example.com/key", "", nil)
		if e := wantKind(t, err, KindRefusedAddress); e.Temporary() {
			t.Errorf("%s: %v is temporary", address, err)
		}
		if asked.Load() == 0 {
			t.Errorf("%s was refused without a look-up", address)
		}
		_, err = c.Post(t.Context(), "https://metadata.example.com/inbox", []byte("{}"), nil)
		wantKind(t, err, KindRefusedAddress)
	}
}

// Not dialed in earnest: not every system that runs the tests has IPv6.
func TestGuardOfIPv6(t *testing.T) {
	closed, err := newGuard(Network{}, []uint16{443})
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"::1", "::", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "fe80::1", "fc00::1",
		"fd12:3456::1", "2002:7f00:1::", "2001:db8::1", "ff02::1"} {
		if closed.SafeAddr(netip.MustParseAddr(address)) == nil {
			t.Errorf("%s may be dialed", address)
		}
	}
	if err := closed.SafeAddr(netip.MustParseAddr("2606:4700::1111")); err != nil {
		t.Errorf("a public address: %v", err)
	}
	opened, err := newGuard(Network{Ranges: []netip.Prefix{netip.MustParsePrefix("fd12:3456::/32")}}, []uint16{443})
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.SafeAddr(netip.MustParseAddr("fd12:3456::1")); err != nil {
		t.Errorf("an opened range: %v", err)
	}
	if opened.SafeAddr(netip.MustParseAddr("fd12:3457::1")) == nil {
		t.Error("a range beside the opened one may be dialed")
	}
}

func TestAddressesRefusedBeforeLookup(t *testing.T) {
	var asked atomic.Int32
	n := Network{Resolver: names(&asked, func(int32) []string { return []string{"127.0.0.1"} }), Ranges: []netip.Prefix{home}}
	c, err := NewClient(n, iri.Rules{}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []iri.IRI{
		"https://a.example.com:8443/u/1", // port
		"https://127.0.0.1/u/1",          // literal, even inside an opened range
		"https://8.8.8.8/u/1",
		"https://[2606:4700::1111]/u/1",
		"https://0x7f.1/u/1",
		"http://a.example.com/u/1", // http on production
		"http://peer.localhost:8102/u/1",
		"https://peer.localhost/u/1",
		"https://user@a.example.com/u/1",
		"file:///etc/passwd",
		"",
	} {
		if _, err := c.Get(t.Context(), id, "", nil); KindOf(err) != KindRefusedAddress {
			t.Errorf("get %s: %v", id, err)
		}
		if _, err := c.Post(t.Context(), id, nil, nil); KindOf(err) != KindRefusedAddress {
			t.Errorf("post %s: %v", id, err)
		}
		if _, err := c.GetFile(t.Context(), id, nil, 10, &bytes.Buffer{}); KindOf(err) != KindRefusedAddress {
			t.Errorf("get file %s: %v", id, err)
		}
	}
	if asked.Load() != 0 {
		t.Errorf("%d look-ups for addresses that are refused by their form", asked.Load())
	}
	// The dialer itself, should an address ever reach it by another way.
	dial, err := dialer(n, iri.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"127.0.0.1:443", "[::1]:443", "[fe80::1%eth0]:443", "a.example.com:80", "a.example.com"} {
		conn, err := dial(t.Context(), "tcp", address)
		if f, ok := errors.AsType[*fault](err); !ok || f.kind != KindRefusedAddress {
			t.Errorf("dial %s: %v, %v", address, conn, err)
		}
	}
}

// A private network: an opened range and port, its own authority, HTTP/2.
func TestPrivateNetwork(t *testing.T) {
	var proto atomic.Int32
	port, ca := tlsPeer(t, func(w http.ResponseWriter, r *http.Request) {
		proto.Store(int32(r.ProtoMajor))
		activity(w, `{"id":"https://`+r.Host+r.URL.Path+`"}`)
	})
	base := "https://peer.example.com:" + itoa(port)
	var asked atomic.Int32
	// The first answer leads to the peer, every later one elsewhere.
	rebinding := func(n int32) []string {
		if n == 1 {
			return []string{"10.0.0.1", "127.0.0.1"}
		}
		return []string{"10.0.0.1"}
	}
	open := Network{Ranges: []netip.Prefix{home}, Ports: []uint16{port}, CAFile: ca, TotalTimeout: never}
	ask := func(n Network) error {
		asked.Store(0)
		n.Resolver = names(&asked, rebinding)
		c, err := NewClient(n, iri.Rules{}, "")
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseIdle()
		_, err = c.Get(t.Context(), iri.IRI(base+"/u/1"), "", nil)
		return err
	}
	if err := ask(open); err != nil {
		t.Fatal(err)
	}
	if proto.Load() != 2 {
		t.Errorf("spoke HTTP/%d", proto.Load())
	}
	if asked.Load() != 1 {
		t.Errorf("one connection took %d look-ups", asked.Load())
	}

	n := open
	n.Ranges = nil
	wantKind(t, ask(n), KindRefusedAddress)
	n = open
	n.Ports = nil
	wantKind(t, ask(n), KindRefusedAddress)
	n = open
	n.CAFile = ""
	if e := wantKind(t, ask(n), KindUnreachable); !strings.Contains(e.Detail, "certificate") {
		t.Errorf("the reason is not named: %v", e)
	}
}

func itoa(port uint16) string {
	return strings.TrimPrefix(netip.AddrPortFrom(home.Addr(), port).String(), "127.0.0.1:")
}

func TestLoopbackDialsConfiguredPeersOnly(t *testing.T) {
	base, c := loopbackPeer(t, never, func(w http.ResponseWriter, r *http.Request) {
		activity(w, `{"id":"http://`+r.Host+r.URL.Path+`"}`)
	})
	if _, err := c.Get(t.Context(), iri.IRI(base+"/u/1"), "", nil); err != nil {
		t.Fatal(err)
	}
	port := strings.TrimPrefix(base, "http://peer.localhost")
	for _, id := range []string{
		"http://other.localhost" + port + "/u/1",        // same address, unknown name
		"http://x.peer.localhost" + port + "/u/1",       // below a known name
		"http://localhost" + port + "/u/1",              //
		"http://peer.localhost/u/1",                     // known name, other port
		"https://a.example/u/1",                         // a public peer
		"https://peer.localhost.a.example" + port + "/", // looks like one
	} {
		_, err := c.Get(t.Context(), iri.IRI(id), "", nil)
		wantKind(t, err, KindRefusedAddress)
	}
}
