package iri

import (
	"net/url"
	"strings"
	"testing"
)

// A parsed IRI is a fixed point, means the same to net/url, and stays inside
// the rules under which it was parsed.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"https://a.example/u/1#rsa", "HTTPS://A.example:443", "http://a.localhost:80/x?y#z",
		"https://a@b/", "https://a.example/%2e%2e/", "https://[::1]/", "https://a.example\\@b/", "https://1.2.3.4/"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, loopback bool) {
		rules := Rules{Loopback: loopback}
		got, err := rules.Parse(s)
		if err != nil {
			if got != "" {
				t.Fatalf("Parse(%q) gave %q beside its error", s, got)
			}
			return
		}
		again, err := rules.Parse(string(got))
		if err != nil || again != got {
			t.Fatalf("Parse(%q) = %q, then %q, %v", s, got, again, err)
		}
		u, err := url.Parse(string(got))
		if err != nil {
			t.Fatalf("net/url refuses %q: %v", got, err)
		}
		if u.Host != string(got.Host()) || u.EscapedPath() != got.Path() && u.Path != got.Path() || u.User != nil {
			t.Fatalf("net/url reads %q as host %q path %q, we as %q %q", got, u.Host, u.EscapedPath(), got.Host(), got.Path())
		}
		if u.Scheme != "https" && (!loopback || !strings.HasSuffix(u.Hostname(), "localhost")) {
			t.Fatalf("%q parsed with loopback=%v", got, loopback)
		}
		if h, err := rules.ParseHost(string(got.Host())); err == nil && h != got.Host() && u.Scheme == "https" && !h.IsLoopback() {
			t.Fatalf("host of %q parses as %q", got, h)
		}
	})
}

func FuzzParseHandle(f *testing.F) {
	f.Add("@desk@a.example")
	f.Add("acct:desk@a.localhost:80")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := ParseHandle(s)
		if err != nil {
			return
		}
		if again, err := ParseHandle(h.String()); err != nil || again != h {
			t.Fatalf("ParseHandle(%q) = %v, then %v, %v", s, h, again, err)
		}
	})
}
