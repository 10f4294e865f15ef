package portaltest_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/ui/page"
)

// An organiser prints the link of an invitation. It consents to nothing, signs in once,
// opens that one community, and ends when it is renewed or withdrawn.
func TestPrintedInvitation(t *testing.T) { onBoth(t, printedInvitation) }

func printedInvitation(t *testing.T, s *salon) {
	n := s.n()
	at := page.ObjectPath("guest-invitations", s.invitation)
	organiser := portaltest.SignIn(t, n, s.boris)
	_, clara := s.Office(chanceryHost, "trade", "TRADE", "Trade section", "clara")
	portaltest.SignIn(t, n, clara).Get(at).Is(404)
	portaltest.SignIn(t, n, clara).Post(at, url.Values{"do": {"make"}}).Is(404)
	organiser.Get(page.ObjectPath("guest-invitations", s.community)).Is(404)
	print := func() string {
		p := organiser.Get(at).OK().Sound().Submit(`form:has(button[value=make])`).OK().Sound()
		p.Says("Water", "Sharing of Water between banks", "@eve@social.example", "@water@embassy.example", "How to use it")
		if p.Find(".qr path").Length() != 1 {
			t.Error("the link has no picture")
		}
		u, err := url.Parse(p.Text(".sheet__url"))
		cluster.Must(t, err)
		if u.Host != string(chanceryHost) {
			t.Fatalf("the link is %s", u)
		}
		return u.Path
	}
	first := print()
	organiser.Get(at).OK().Says("A link was made").Lacks(first)
	var kept int
	cluster.Must(t, n.Store.R.NewRaw(`SELECT COUNT(*) FROM passes WHERE hash = ? OR data LIKE ?`, first[strings.LastIndexByte(first, '/')+1:], "%"+first[strings.LastIndexByte(first, '/')+1:]+"%").Scan(t.Context(), &kept))
	if kept != 0 {
		t.Error("the secret is in the database")
	}

	b := portaltest.Open(t, n)
	b.Get(first).OK().Sound().Says("Water", "not accepted yet", "@water@embassy.example").Lacks("joint commission")
	b.Post(first, url.Values{}).Is(422).Sound().Says("not accepted yet")
	s.follow(t, "water")
	d := s.send(t, chanceryHost, s.boris, s.post, s.community, "Upper river", "LIMITED")
	b.Get(first).OK().Sound().Says("Sign in and read", "Good until 0800Z 11 Sep 2026")
	staff := organiser.Get(first).OK().Says("You are signed in as")
	staff.Submit("main form").Is(422).Says("Sign out first")

	second := print()
	b.Get(first).Is(404).Sound().Says("This link opens nothing", "replaced")
	b.Get(second).OK()
	b.Get(second).OK().Submit("main form").OK().Says("Water", d.Reference)
	stolen := portaltest.Open(t, n)
	stolen.Get(second).Is(404).Sound().Says("This link was used")
	stolen.Post(second, url.Values{}).Is(404).Says("This link was used")

	// By paper she reads the one community; by a code all of hers.
	oil := s.open(t, "oil", "Oil")
	s.invite(t, oil, "")
	s.follow(t, "oil")
	o := s.send(t, chanceryHost, s.boris, s.post, oil, "Pipelines", "LIMITED")
	b.Get(page.ObjectPath("read/at", o.IRI)).Is(404)
	coded := portaltest.Open(t, n)
	coded.Get("/read/water.1-x").Submit(`form[action="/guest/ask"]`, "handle", s.eve.Handle()).Submit(`form[action="/guest/code"]`, "code", s.code(t)).Is(404)
	coded.Get(page.ObjectPath("read/at", o.IRI)).OK().Says("Pipelines")
	coded.Get("/read?in=oil").OK().Sound().Says("Pipelines")

	third := print()
	organiser.Get(at).Submit(`form:has(button[value=withdraw])`, "do", "withdraw").OK().Says("opens nothing any more")
	stolen.Get(third).Is(404)
	fourth := print()
	s.Clock.Forward(9*24*time.Hour + 23*time.Hour)
	stolen.Get(fourth).OK()
	s.Clock.Forward(2 * time.Hour)
	stolen.Get(fourth).Is(404)

	// An invitation that was revoked has no link, and the one that it had is dead.
	s.eve = s.server.Account("frida")
	revoked := s.invite(t, s.community, "")
	rp := page.ObjectPath("guest-invitations", revoked)
	p := portaltest.SignIn(t, n, s.boris).Get(rp).OK().Submit(`form:has(button[value=make])`).OK()
	u, err := url.Parse(p.Text(".sheet__url"))
	cluster.Must(t, err)
	cluster.Must(t, n.Communities.Revoke(t.Context(), s.boris, revoked))
	stolen.Get(u.Path).Is(404).Says("withdrawn")
	portaltest.SignIn(t, n, s.boris).Get(rp).OK().Sound().Says("lets nobody in any more")
}
