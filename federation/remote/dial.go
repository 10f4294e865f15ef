package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"code.dny.dev/ssrf"

	"valise/models/iri"
)

// Network says which addresses may be dialed. The zero value is closed: public
// addresses, port 443.
type Network struct {
	// Loopback holds the peers of loopback mode: each name under .localhost is
	// dialed at 127.0.0.1 and the port it names (80 if none), and nothing else
	// is dialed at all. Only for an instance that is itself under .localhost.
	Loopback []iri.Host

	// Ranges opens addresses that are refused otherwise, for a private network.
	// Danger: whatever listens there can be asked by any peer that names it.
	Ranges []netip.Prefix
	// Ports opens ports beside 443, on every admitted address.
	Ports []uint16
	// CAFile names a PEM file with authorities trusted beside the system's own.
	CAFile string

	ConnectTimeout time.Duration // name look-up and connection, and again TLS; 5 s if zero
	TotalTimeout   time.Duration // a request with its redirects and its body; 30 s if zero

	Resolver *net.Resolver // nil: the system's
}

const (
	defaultConnectTimeout = 5 * time.Second
	defaultTotalTimeout   = 30 * time.Second

	maxHeaderBytes = 64 << 10

	// A fan-out speaks to many hosts with up to eight lanes each (PROTOCOL §8).
	idlePerHost = 8
	idleTotal   = 1024
	idleTimeout = 60 * time.Second
	// Head and body of most dispatches leave in one write, and over TLS in one record.
	writeBuffer = 16 << 10

	// A link that died silently is noticed after these two, not after the
	// kernel's quarter of an hour. HTTP/2 only; HTTP/1 connections are dropped
	// after a timed-out request anyway.
	pingAfter   = 15 * time.Second
	pingTimeout = 10 * time.Second
)

func newTransport(n Network, rules iri.Rules) (*http.Transport, error) {
	dial, err := dialer(n, rules)
	if err != nil {
		return nil, err
	}
	roots, err := loadRoots(n.CAFile)
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy:                  nil, // a proxy from the environment would resolve names for us, unchecked
		DialContext:            dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    n.ConnectTimeout,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		DisableCompression:     true, // readBody counts both sides of gzip itself
		MaxResponseHeaderBytes: maxHeaderBytes,
		WriteBufferSize:        writeBuffer,
		MaxIdleConns:           idleTotal,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
	}, nil
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func dialer(n Network, rules iri.Rules) (dialFunc, error) {
	if rules.Loopback {
		if len(n.Ranges) > 0 || len(n.Ports) > 0 {
			return nil, errors.New("network: ranges and ports have no meaning in loopback mode, where only loopback peers are dialed")
		}
		return loopbackDialer(n)
	}
	if len(n.Loopback) > 0 {
		return nil, errors.New("network: loopback peers are only for an instance whose own name ends in .localhost")
	}
	return checkedDialer(n)
}

// loopbackDialer dials the listed names and nothing else. It does not resolve
// names: *.localhost is not resolved on every system.
func loopbackDialer(n Network) (dialFunc, error) {
	known := make(map[string]string, len(n.Loopback)) // address as net/http writes it -> address to dial
	for _, h := range n.Loopback {
		if !h.IsLoopback() {
			return nil, fmt.Errorf("network: loopback peer %q is not under .localhost", h)
		}
		_, port, found := strings.Cut(string(h), ":")
		if !found {
			port = "80"
		}
		known[net.JoinHostPort(h.Name(), port)] = net.JoinHostPort("127.0.0.1", port)
	}
	d := &net.Dialer{Timeout: n.ConnectTimeout}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		to, ok := known[address]
		if !ok {
			return nil, faultf(KindRefusedAddress, "%s is not a configured loopback peer", address)
		}
		return d.DialContext(ctx, network, to)
	}, nil
}

// newGuard returns the check of each address: global unicast addresses, and
// those of n.Ranges, at the given ports.
func newGuard(n Network, ports []uint16) (*ssrf.Guardian, error) {
	if slices.Contains(ports, 0) {
		return nil, errors.New("network: port 0 cannot be opened")
	}
	var v4, v6 []netip.Prefix
	for _, p := range n.Ranges {
		switch {
		case !p.IsValid() || p.Addr().Is4In6():
			return nil, fmt.Errorf("network: %s is not an IPv4 or IPv6 range", p)
		case p.Addr().Is4():
			v4 = append(v4, p)
		default:
			v6 = append(v6, p)
		}
	}
	return ssrf.New(ssrf.WithPorts(ports...), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...)), nil
}

// checkedDialer resolves a name once per connection and checks each address
// right before connecting to it, so that a name which changes its answer gains
// nothing.
func checkedDialer(n Network) (dialFunc, error) {
	ports := append([]uint16{443}, n.Ports...)
	guard, err := newGuard(n, ports)
	if err != nil {
		return nil, err
	}
	d := &net.Dialer{Timeout: n.ConnectTimeout, Resolver: n.Resolver, Control: guard.Safe}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, faultf(KindRefusedAddress, "%s is no host and port", address)
		}
		if _, err := netip.ParseAddr(host); err == nil {
			return nil, faultf(KindRefusedAddress, "%s is a literal address, not a name", host)
		}
		// Before the look-up: a refused port is not worth a question to a
		// stranger's name server.
		if p, err := strconv.ParseUint(port, 10, 16); err != nil || !slices.Contains(ports, uint16(p)) {
			return nil, faultf(KindRefusedAddress, "port %s of %s is not open in our configuration", port, host)
		}
		return d.DialContext(ctx, network, address)
	}, nil
}

// loadRoots returns nil, which means the system's authorities, if file is "".
func loadRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("network: read authorities: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("network: load the system's authorities: %w", err)
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("network: no certificate in %s", file)
	}
	return roots, nil
}
