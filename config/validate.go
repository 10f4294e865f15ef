package config

import (
	"errors"
	"fmt"
	"mime"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxSocketPath is the room in sockaddr_un on Linux, without the closing zero.
const maxSocketPath = 107

// problems collects what is wrong; each line names the key and what to do.
type problems []error

func (p *problems) add(bad bool, format string, args ...any) {
	if bad {
		*p = append(*p, fmt.Errorf(format, args...))
	}
}

// Validate reports every problem at once. It looks at values alone: it opens no file and no address.
func (c Config) Validate() error {
	var p problems
	c.checkNetwork(&p)
	c.checkFiles(&p)
	c.Federation.check(&p, c.Host)
	c.Markings.check(&p)
	c.checkPrecedences(&p)
	c.checkEquivalences(&p)
	c.Attachments.check(&p)
	c.Access.check(&p)
	c.Mail.check(&p)
	p.add(!slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level),
		"log.level %q: use debug, info, warn or error", c.Log.Level)
	p.add(c.Log.Format != "text" && c.Log.Format != "json", "log.format %q: use text or json", c.Log.Format)
	p.add(c.Retention.IDDays < 15, "retention.id_days %d: peers retry for 14 days, use 15 or more", c.Retention.IDDays)
	p.add(c.Shutdown.Grace <= 0 || c.Shutdown.Grace > 10*time.Minute,
		"shutdown.grace %s: use more than 0s and at most 10m", c.Shutdown.Grace)
	return errors.Join(p...)
}

// checkNetwork holds name, listening address, TLS and proxy to each other. A public name has https
// ids, so somebody must end TLS. A .localhost name has http ids that only this machine can reach:
// TLS of our own, a proxy elsewhere or an open address contradict it. A plain balancer on this
// machine does not.
func (c Config) checkNetwork(p *problems) {
	loopback := c.Loopback()
	if err := checkHost(c.Host); c.Host != "" && err != nil {
		p.add(true, "host %q: %w", c.Host, err)
	}
	p.add(strings.HasSuffix(c.Host, ":443"), "host %q: leave the default port out", c.Host)
	p.add(loopback && strings.HasSuffix(c.Host, ":80"), "host %q: leave the default port out", c.Host)

	listenHost, port, err := net.SplitHostPort(c.Listen)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	p.add(err != nil, "listen %q: write host:port, such as 127.0.0.1:8080", c.Listen)
	open := err == nil && !isLoopbackAddress(listenHost)

	p.add(c.TLS.CertFile != "" && c.TLS.KeyFile == "", "tls.key_file: set it, or unset tls.cert_file")
	p.add(c.TLS.CertFile == "" && c.TLS.KeyFile != "", "tls.cert_file: set it, or unset tls.key_file")
	p.add(loopback && (c.TLS.CertFile != "" || c.TLS.KeyFile != ""),
		"tls: ids of %s are http, unset tls.cert_file and tls.key_file or give host its public name", c.Host)
	p.add(loopback && open,
		"listen %q: %s exists on this machine alone, use a loopback address or give host its public name", c.Listen, c.Host)
	p.add(c.Host != "" && !loopback && open && !c.TLS.Enabled() && len(c.BehindProxy.TrustedProxies) == 0,
		"listen %q: would serve %s as plain HTTP to the network, set tls.cert_file and tls.key_file, or behind_proxy.trusted_proxies, or use a loopback address", c.Listen, c.Host)

	for _, s := range c.BehindProxy.TrustedProxies {
		r, err := parseRange(s)
		if err != nil {
			p.add(true, "behind_proxy.trusted_proxies %q: write an address or a range such as 10.0.0.0/24", s)
			continue
		}
		p.add(r.Bits() == 0, "behind_proxy.trusted_proxies %q: believes everyone, name the proxies", s)
		p.add(loopback && !r.Addr().IsLoopback(),
			"behind_proxy.trusted_proxies %q: %s exists on this machine alone, name loopback addresses or give host its public name", s, c.Host)
	}
}

func (c Config) checkFiles(p *problems) {
	p.add(c.DataDir == "", "data_dir: name a folder")
	switch scheme, rest, _ := strings.Cut(c.Database, ":"); {
	case c.Database == "":
	case scheme == "sqlite":
		p.add(rest == "", "database: write sqlite:PATH, or leave it empty for the data folder")
	case scheme == "postgres" || scheme == "postgresql":
		// The error of url.Parse repeats the URL, which may hold a password.
		u, err := url.Parse(c.Database)
		p.add(err != nil || u.Path == "" || u.Path == "/",
			"database: not a PostgreSQL URL, write postgres://user@host/name and escape special characters")
	default:
		p.add(true, "database: write sqlite:PATH or postgres://user@host/name")
	}
	p.add(len(c.SocketPath()) > maxSocketPath,
		"socket %q: longer than the %d bytes that a unix socket may have, set a shorter path", c.SocketPath(), maxSocketPath)
}

func (f Federation) check(p *problems, host string) {
	p.add(f.MaxBody < 64<<10 || f.MaxBody > 16<<20, "federation.max_body %s: use 64 KiB to 16 MiB", f.MaxBody)
	p.add(f.WindowOwn < time.Second || f.WindowOwn > 24*time.Hour, "federation.window_own %s: use 1s to 24h", f.WindowOwn)
	p.add(f.WindowForeign < f.WindowOwn || f.WindowForeign > 24*time.Hour,
		"federation.window_foreign %s: use federation.window_own (%s) to 24h", f.WindowForeign, f.WindowOwn)
	for key, r := range map[string]Rate{"rate_per_origin": f.RatePerOrigin, "rate_per_key": f.RatePerKey} {
		p.add(!(r.PerSecond > 0), "federation.%s.per_second %v: use more than 0", key, r.PerSecond)
		p.add(r.Burst < 1, "federation.%s.burst %d: use 1 or more", key, r.Burst)
	}
	p.add(f.FirstContactPerHour < 1, "federation.first_contact_per_hour %d: use 1 or more", f.FirstContactPerHour)
	p.add(f.DeliveryWorkers < 1 || f.DeliveryWorkers > 256, "federation.delivery_workers %d: use 1 to 256", f.DeliveryWorkers)
	p.add(f.ConnectTimeout <= 0, "federation.connect_timeout %s: use more than 0s", f.ConnectTimeout)
	p.add(f.TotalTimeout < f.ConnectTimeout,
		"federation.total_timeout %s: use federation.connect_timeout (%s) or more", f.TotalTimeout, f.ConnectTimeout)
	f.Private.check(p)
	f.Loopback.check(p, host)
}

// never are the ranges that no setting opens: this machine, its neighbours on the wire (cloud
// metadata among them), and what is no host at all.
var never = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("::/127"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"),
}

func (v Private) check(p *problems) {
	for _, r := range v.Ranges {
		p.add(r.Addr().Is4In6(), "federation.private.ranges %s: write it as an IPv4 range", r)
		p.add(r != r.Masked(), "federation.private.ranges %s: the range is written %s", r, r.Masked())
		for _, n := range never {
			p.add(r.Overlaps(n), "federation.private.ranges %s: reaches into %s, which stays closed", r, n)
		}
	}
	for _, port := range v.Ports {
		p.add(port < 1 || port > 65535, "federation.private.ports %d: use 1 to 65535", port)
	}
	p.add(len(v.Ports) > 0 && len(v.Ranges) == 0,
		"federation.private.ports: open inside federation.private.ranges alone, set these or unset the ports")
}

func (l Loopback) check(p *problems, host string) {
	if len(l.Peers) > 0 && !isLoopbackName(host) {
		p.add(true, "federation.loopback.peers: allowed only when host ends in .localhost (it is %q), unset them or change host", host)
		return
	}
	for i, peer := range l.Peers {
		_, port, err := net.SplitHostPort(peer)
		bad := err != nil || port == "" || !isLoopbackName(peer) || checkHost(peer) != nil
		p.add(bad, "federation.loopback.peers %q: write name.localhost:port", peer)
		p.add(peer == host, "federation.loopback.peers %q: is this instance itself, take it out", peer)
		p.add(slices.Contains(l.Peers[:i], peer), "federation.loopback.peers %q: is there twice", peer)
	}
}

func (a Attachments) check(p *problems) {
	p.add(a.MaxFile < 1, "attachments.max_file %s: use 1 B or more", a.MaxFile)
	p.add(a.MaxDispatch < a.MaxFile, "attachments.max_dispatch %s: use attachments.max_file (%s) or more", a.MaxDispatch, a.MaxFile)
	p.add(a.MaxFiles < 1, "attachments.max_files %d: use 1 or more", a.MaxFiles)
	p.add(len(a.Types) == 0, "attachments.types: name at least one media type")
	for _, t := range a.Types {
		kind, params, err := mime.ParseMediaType(t)
		p.add(err != nil || len(params) > 0 || kind != t || !strings.Contains(t, "/") || strings.Contains(t, "*"),
			"attachments.types %q: write a plain media type in lower case, such as application/pdf", t)
	}
}

// parseRange reads an address or a CIDR range.
func parseRange(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Prefix(a.BitLen())
	}
	return netip.ParsePrefix(s)
}

// checkHost: lower-case DNS labels, at least two of them, no address, an optional port.
func checkHost(s string) error {
	name, port, hasPort := strings.Cut(s, ":")
	if n, err := strconv.ParseUint(port, 10, 16); hasPort && (err != nil || n == 0 || port[0] == '0') {
		return errors.New("write name or name:port, without scheme or path")
	}
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return errors.New("write a DNS name in lower case, such as ministry.example (other scripts as xn--)")
		}
	}
	if _, err := netip.ParseAddr(name); err == nil || len(labels) < 2 || len(name) > 253 {
		return errors.New("write a full DNS name, such as ministry.example, not an address")
	}
	return nil
}
