package portaltest_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/pquerna/otp/totp"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/instance/access"
	"valise/models/iri"
)

// Wrong, repeated and replayed proofs of who somebody is get a page that says what to do.
func TestSignInRefusals(t *testing.T) {
	c := cluster.New(t, []iri.Host{embassy})
	_, alice := c.Office(embassy, "nicosia", "NICOSIA", "Embassy in Nicosia", "alice")
	n := c.Nodes[embassy]
	link, err := n.Access.MakeLink(t.Context(), "test", alice, false)
	cluster.Must(t, err)
	_, secret, _ := strings.Cut(link, access.PathWelcome)
	home := portaltest.Open(t, n)
	form := home.Get(access.PathWelcome + secret).OK()
	form.Submit("main form", "password", "short", "repeat", "short").Is(422).Says("a few words are easy to keep")
	form.Submit("main form", "password", portaltest.Password, "repeat", portaltest.Password).OK()
	portaltest.Open(t, n).Get(access.PathWelcome + secret).Is(404).Says("Ask for another")
	portaltest.Open(t, n).Post(access.PathWelcome+secret, url.Values{"password": {portaltest.Password}, "repeat": {portaltest.Password}}).Is(404)

	// An app, and recovery codes that are shown once.
	offer := home.Get("/profile/totp").OK()
	seed := strings.ReplaceAll(offer.Text("main .fp"), " ", "")
	offer.Submit(`form[action="/profile/totp"]`, "code", "000000").Is(422).Says("the clock of your device")
	now := func() string {
		code, err := totp.GenerateCode(strings.ReplaceAll(seed, " ", ""), c.Clock.Now())
		cluster.Must(t, err)
		return code
	}
	enrolled := home.Get("/profile/totp").Submit(`form[action="/profile/totp"]`, "code", now()).OK()
	codes := enrolled.Find(".codes li").Map(func(_ int, li *goquery.Selection) string { return strings.TrimSpace(li.Text()) })
	if len(codes) < 5 {
		t.Fatalf("recovery codes: %v\n%s", codes, enrolled.Words())
	}
	second := func(lang string) *portaltest.Page {
		b := portaltest.Open(t, n)
		b.Header.Set("Accept-Language", lang)
		return b.Get("/sign-in?next=/drafts").OK().Submit("main form", "name", "alice", "password", portaltest.Password).OK()
	}
	c.Clock.Forward(time.Minute)
	first := second("en")
	used := now()
	if p := first.Submit("main form", "code", used).OK(); p.Path != "/drafts" {
		t.Errorf("signed in, and led to %s", p.Path)
	}
	second("fr").Submit("main form", "code", used).Is(422).Says("Ce code")
	second("en").Submit("main form", "code", codes[0]).OK()
	second("ar").Submit("main form", "code", codes[0]).Is(422).Says("هذا الرمز")
	// A sign-in that waits too long has to begin again.
	late := second("en")
	c.Clock.Forward(time.Hour)
	if p := late.Submit("main form", "code", now()); p.Status != 422 && p.Status != 401 || !strings.Contains(p.Words(), "Begin again") {
		t.Errorf("a sign-in that waited: %d %s", p.Status, p.Words())
	}

	// A session that was ended elsewhere, and one that somebody made up.
	stolen := portaltest.Open(t, n)
	stolen.SetCookie(home.Cookie())
	stolen.Get("/drafts").OK()
	home.Post("/sign-out", nil).OK()
	for _, cookie := range []string{stolen.Cookie(), strings.Repeat("A", 43), "'; --", ""} {
		stolen.SetCookie(cookie)
		if p := stolen.Ask("GET", "/drafts?state=open", "", ""); p.Status != 303 || p.Header.Get("Location") != "/sign-in?next=%2Fdrafts%3Fstate%3Dopen" {
			t.Errorf("a session that is over: %d %s", p.Status, p.Header.Get("Location"))
		}
		p := stolen.Post("/drafts/new", url.Values{"office": {"http://embassy.localhost/o/nicosia"}, "subject": {"Typed."}, "password": {"Never shown again"}}).Is(401)
		p.Says("Sign in and send it again", "Typed.").Lacks("Never shown again")
	}

	// Wrong passwords say nothing of the name, keep it, and have to wait.
	door := portaltest.Open(t, n)
	wrong := func(name string) *portaltest.Page {
		p := door.Get("/sign-in").OK().Submit("main form", "name", name, "password", "a wrong password")
		if p.Find("#name").AttrOr("value", "") != name || strings.Contains(p.Body, "a wrong password") {
			t.Errorf("the form after a wrong password:\n%s", p.Words())
		}
		return p
	}
	known, unknown := wrong("alice").Is(422).Text(".why"), wrong("nobody").Is(422).Text(".why")
	if known == "" || known != unknown {
		t.Errorf("a wrong password tells who has an account: %q, %q", known, unknown)
	}
	wrong("<script>alert(1)</script>")
	for i := 0; !strings.Contains(wrong("alice").Words(), "Too many tries"); i++ {
		if i > 20 {
			t.Fatal("passwords can be tried for ever")
		}
	}
}
