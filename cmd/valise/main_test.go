package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Only what trusted proxies add is believed.
func TestBehindProxy(t *testing.T) {
	trusted, err := proxies([]string{"10.0.0.0/8", "192.0.2.7", "2001:db8::/32"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := proxies([]string{"proxy.example"}); err == nil {
		t.Error("a name was taken for an address")
	}
	for _, c := range []struct {
		name, from string
		forwarded  []string
		want       string
	}{
		{"no proxy", "198.51.100.1:4000", []string{"203.0.113.9"}, "198.51.100.1:4000"},
		{"one proxy", "10.1.2.3:4000", []string{"203.0.113.9"}, "203.0.113.9:0"},
		{"forged by the client", "10.1.2.3:4000", []string{"127.0.0.1, 203.0.113.9"}, "203.0.113.9:0"},
		{"two proxies", "10.1.2.3:4000", []string{"127.0.0.1, 203.0.113.9, 192.0.2.7"}, "203.0.113.9:0"},
		{"two headers", "10.1.2.3:4000", []string{"127.0.0.1", "203.0.113.9"}, "203.0.113.9:0"},
		{"no header", "10.1.2.3:4000", nil, "10.1.2.3:4000"},
		{"no address", "10.1.2.3:4000", []string{"203.0.113.9, unknown"}, "10.1.2.3:4000"},
		{"IPv6", "[2001:db8::1]:4000", []string{"2001:470::2"}, "[2001:470::2]:0"},
		{"mapped", "[::ffff:10.1.2.3]:4000", []string{"::ffff:203.0.113.9"}, "203.0.113.9:0"},
	} {
		var got string
		h := behind(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }), trusted)
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.from
		for _, v := range c.forwarded {
			r.Header.Add("X-Forwarded-For", v)
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// What strangers wrote cannot steer a terminal.
func TestPrinterIsSafe(t *testing.T) {
	p := &printer{}
	p.linef("%s", "a\x1b[2Jb\u202ec\nd")
	p.table([]string{"X"}, [][]string{{"e\tf\u009bg"}, {""}})
	p.fields("Name", "h\ri", "Empty", "")
	p.block("  ", "one\n\x07two\n")
	want := "a\uFFFD[2Jb\uFFFDc d\nX\ne f\uFFFDg\n-\nName  h i\n  one\n  \uFFFDtwo\n"
	if p.text.String() != want {
		t.Errorf("got %q, want %q", p.text.String(), want)
	}
}

func TestComplainIsOneLine(t *testing.T) {
	var b bytes.Buffer
	complain(&b, errors.Join(errors.New("configuration is not valid:\nlisten: wrong\nhost: wrong"), errors.New("\x1bclose")))
	if got, want := b.String(), "valise: configuration is not valid: listen: wrong; host: wrong; \uFFFDclose\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestQuery(t *testing.T) {
	if got, want := (query{"as", "anna", "office", "", "name", "PARIS 2026/000001"}).String(), "?as=anna&name=PARIS+2026%2F000001"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := (query{"as", ""}).String(); got != "" {
		t.Errorf("got %s", got)
	}
}

// Every command explains itself.
func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"dispatch", "--help"}, {"dispatch", "new", "--help"}, {"serve", "--help"}, {"peer", "accept", "--help"}} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, nil, strings.NewReader(""), &out, &errs); code != exitOK || !strings.Contains(out.String(), "Usage: valise") || errs.Len() > 0 {
			t.Errorf("%v: %d\n%s%s", args, code, out.String(), errs.String())
		}
	}
}
