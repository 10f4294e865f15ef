package iri

import (
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	prod, loop := Rules{}, Rules{Loopback: true}
	cases := []struct {
		name  string
		rules Rules
		in    string
		want  IRI // "" where it must be refused
	}{
		{"plain", prod, "https://a.example/u/1", "https://a.example/u/1"},
		{"upper host", prod, "HTTPS://A.Example/U/1", "https://a.example/U/1"},
		{"default port", prod, "https://a.example:443/x", "https://a.example/x"},
		{"other port", prod, "https://a.example:8443/x", "https://a.example:8443/x"},
		{"no path", prod, "https://a.example", "https://a.example/"},
		{"query without path", prod, "https://a.example?x=1", "https://a.example/?x=1"},
		{"key id", prod, "https://a.example/u/1#ed-2026a", "https://a.example/u/1#ed-2026a"},
		{"mastodon activity", prod, "https://m.example/users/a#follows/7/undo", "https://m.example/users/a#follows/7/undo"},
		{"query", prod, "https://w.example/?author=1", "https://w.example/?author=1"},
		{"at sign in path", prod, "https://a.example/@name", "https://a.example/@name"},
		{"escape", prod, "https://a.example/%C3%A9", "https://a.example/%C3%A9"},
		{"a-label", prod, "https://xn--bcher-kva.example/x", "https://xn--bcher-kva.example/x"},
		{"three dots", prod, "https://a.example/.../x", "https://a.example/.../x"},
		{"dots in query", prod, "https://a.example/x?/../y", "https://a.example/x?/../y"},
		{"longest", prod, "https://a.example/" + strings.Repeat("x", MaxLength-18), IRI("https://a.example/" + strings.Repeat("x", MaxLength-18))},
		{"loopback http", loop, "http://a.localhost:8080/x", "http://a.localhost:8080/x"},
		{"loopback default port", loop, "http://a.localhost:80/x", "http://a.localhost/x"},
		{"loopback still reads https", loop, "https://a.example/x", "https://a.example/x"},

		{"empty", prod, "", ""},
		{"too long", prod, "https://a.example/" + strings.Repeat("x", MaxLength), ""},
		{"http", prod, "http://a.example/x", ""},
		{"http of others in loopback", loop, "http://a.example/x", ""},
		{"http that only looks local", loop, "http://a.localhost.example/x", ""},
		{"http with glued name", loop, "http://alocalhost/x", ""},
		{"localhost in production", prod, "http://a.localhost/x", ""},
		{"https localhost in production", prod, "https://a.localhost/x", ""},
		{"relative", prod, "/u/1", ""},
		{"scheme-relative", prod, "//a.example/x", ""},
		{"other scheme", prod, "file:///etc/passwd", ""},
		{"javascript", prod, "javascript://a.example/%0aalert(1)", ""},
		{"user information", prod, "https://a.example@b.example/x", ""},
		{"no host", prod, "https:///x", ""},
		{"ipv4", prod, "https://127.0.0.1/x", ""},
		{"ipv4 decimal", prod, "https://2130706433/x", ""},
		{"ipv4 hex", prod, "https://0x7f.0x1/x", ""},
		{"ipv6", prod, "https://[::1]/x", ""},
		{"port zero", prod, "https://a.example:0/x", ""},
		{"port with leading zero", prod, "https://a.example:0443/x", ""},
		{"port too high", prod, "https://a.example:65536/x", ""},
		{"empty port", prod, "https://a.example:/x", ""},
		{"signed port", prod, "https://a.example:+443/x", ""},
		{"trailing dot", prod, "https://a.example./x", ""},
		{"empty label", prod, "https://a..example/x", ""},
		{"leading hyphen", prod, "https://-a.example/x", ""},
		{"long label", prod, "https://" + strings.Repeat("a", 64) + ".example/x", ""},
		{"underscore", prod, "https://a_b.example/x", ""},
		{"unicode host", prod, "https://bücher.example/x", ""},
		{"kelvin sign", prod, "https://\u212Aa.example/x", ""},
		{"nul", prod, "https://a.example/\x00", ""},
		{"escaped nul", prod, "https://a.example/%00", ""},
		{"escaped newline", prod, "https://a.example/%0d%0ax", ""},
		{"newline", prod, "https://a.example/\nx", ""},
		{"space", prod, "https://a.example/a b", ""},
		{"leading space", prod, " https://a.example/", ""},
		{"backslash", prod, "https://a.example\\@b.example/x", ""},
		{"backslash in path", prod, "https://a.example/\\x", ""},
		{"markup", prod, "https://a.example/<script>", ""},
		{"unicode path", prod, "https://a.example/é", ""},
		{"broken escape", prod, "https://a.example/%4", ""},
		{"dot segments", prod, "https://a.example/a/../b", ""},
		{"last dot segment", prod, "https://a.example/a/..", ""},
		{"escaped dot segments", prod, "https://a.example/a/%2e%2E/b", ""},
		{"two fragments", prod, "https://a.example/x#a#b", ""},
		{"empty fragment", prod, "https://a.example/x#", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.rules.Parse(c.in)
			if got != c.want || (err == nil) != (c.want != "") {
				t.Fatalf("Parse(%q) = %q, %v; want %q", c.in, got, err, c.want)
			}
			var e *Error
			if err != nil && (!errors.As(err, &e) || e.Reason == "" || len(e.Input) > 120) {
				t.Fatalf("Parse(%q): error %#v", c.in, err)
			}
		})
	}
}

func TestParts(t *testing.T) {
	cases := []struct {
		in             IRI
		host           Host
		origin         Origin
		path, fragment string
		bare           IRI
	}{
		{"https://a.example/u/1#k", "a.example", "https://a.example", "/u/1", "k", "https://a.example/u/1"},
		{"https://a.example:8443/u?x=1#k/y", "a.example:8443", "https://a.example:8443", "/u", "k/y", "https://a.example:8443/u?x=1"},
		{"http://a.localhost:81/", "a.localhost:81", "http://a.localhost:81", "/", "", "http://a.localhost:81/"},
		{"", "", "", "", "", ""},
	}
	for _, c := range cases {
		if c.in.Host() != c.host || c.in.Origin() != c.origin || c.in.Path() != c.path ||
			c.in.Fragment() != c.fragment || c.in.WithoutFragment() != c.bare {
			t.Errorf("%q: host %q origin %q path %q fragment %q bare %q", c.in, c.in.Host(), c.in.Origin(),
				c.in.Path(), c.in.Fragment(), c.in.WithoutFragment())
		}
	}
}

func TestSameOrigin(t *testing.T) {
	cases := []struct {
		a, b IRI
		want bool
	}{
		{"https://a.example/x", "https://a.example/y#k", true},
		{"https://a.example/x", "https://a.example:8443/x", false},
		{"https://a.example/x", "https://b.example/x", false},
		{"http://a.localhost/x", "https://a.localhost/x", false},
		{"https://a.example/", "https://a.example.evil/", false},
		{"", "", false},
	}
	for _, c := range cases {
		if got := c.a.SameOrigin(c.b); got != c.want {
			t.Errorf("%q SameOrigin %q = %v", c.a, c.b, got)
		}
	}
}

func TestHosts(t *testing.T) {
	cases := []struct {
		rules Rules
		in    string
		want  Host
		base  string
	}{
		{Rules{}, "A.Example", "a.example", "https://a.example"},
		{Rules{}, "a.example:443", "a.example", "https://a.example"},
		{Rules{}, "a.example:8443", "a.example:8443", "https://a.example:8443"},
		{Rules{Loopback: true}, "Embassy.LOCALHOST:7001", "embassy.localhost:7001", "http://embassy.localhost:7001"},
		{Rules{Loopback: true}, "a.localhost:80", "a.localhost", "http://a.localhost"},
		{Rules{}, "embassy.localhost", "", ""},
		{Rules{}, "a.example/x", "", ""},
		{Rules{}, "a@b.example", "", ""},
		{Rules{}, "10.0.0.1", "", ""},
		{Rules{}, "", "", ""},
	}
	for _, c := range cases {
		got, err := c.rules.ParseHost(c.in)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("ParseHost(%q) = %q, %v; want %q", c.in, got, err, c.want)
		}
		if err == nil && got.Base() != c.base {
			t.Errorf("Base of %q = %q, want %q", got, got.Base(), c.base)
		}
	}
	if !RulesFor("valise.localhost:8080").Loopback || RulesFor("valise.example").Loopback || RulesFor("localhost.example").Loopback {
		t.Error("RulesFor: loopback is for names under .localhost only")
	}
}

func TestHandles(t *testing.T) {
	ok := map[string]Handle{
		"@desk@a.example":            {"desk", "a.example"},
		"desk@a.example":             {"desk", "a.example"},
		"acct:Desk-1.x_y@A.Example":  {"Desk-1.x_y", "a.example"},
		"@e@expert.localhost:7003":   {"e", "expert.localhost:7003"},
		"acct:_relay_@b.example:444": {"_relay_", "b.example:444"},
	}
	for in, want := range ok {
		got, err := ParseHandle(in)
		if err != nil || got != want {
			t.Errorf("ParseHandle(%q) = %v, %v; want %v", in, got, err, want)
			continue
		}
		for _, again := range []string{got.String(), got.Acct()} {
			if h, err := ParseHandle(again); err != nil || h != got {
				t.Errorf("ParseHandle(%q) = %v, %v", again, h, err)
			}
		}
	}
	for _, in := range []string{"", "@", "desk", "@@a.example", "acct:@desk@a.example", "@a b@a.example",
		"@a@b@c.example", "@-a@b.example", "@a/b@c.example", "@é@a.example", "@a@127.0.0.1",
		"@" + strings.Repeat("a", 129) + "@a.example"} {
		if h, err := ParseHandle(in); err == nil {
			t.Errorf("ParseHandle(%q) = %v", in, h)
		}
	}
	if _, err := (Rules{}).ParseHandle("@a@b.localhost"); err == nil {
		t.Error("production rules took a handle under .localhost")
	}
	if a, b := (Handle{"Desk", "a.example"}), (Handle{"desk", "a.example"}); a.Key() != b.Key() {
		t.Error("keys of one actor differ by case")
	}
}

func TestCanonicalParseDoesNotAllocate(t *testing.T) {
	n := testing.AllocsPerRun(100, func() {
		if _, err := (Rules{}).Parse("https://a.example/u/desk-europe#rsa"); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Rules{}).Parse("https://ministry.example/d/01JXYZABCDEFGHJKMNPQRSTVWX"); err != nil {
			b.Fatal(err)
		}
	}
}
