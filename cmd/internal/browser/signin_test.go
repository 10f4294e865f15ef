package browser_test

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"valise/cmd/internal/browser"
	"valise/cmd/internal/cluster"
	"valise/cmd/internal/node"
	"valise/cmd/internal/portaltest"
	"valise/models/iri"
)

// door is one instance that nobody has set up, and how its people see it.
type door struct {
	*cluster.Cluster
	t             *testing.T
	node          *node.Node
	browser       *browser.Browser
	lang          string
	width, height int64
}

func newDoor(t *testing.T, b *browser.Browser, lang string, width, height int64) *door {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	cluster.Must(t, err)
	own := iri.Host("legation.localhost:" + strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	c := cluster.New(t, []iri.Host{own})
	n := c.Nodes[own]
	portaltest.Open(t, n) // makes hashes cheap
	server := &http.Server{Handler: n.Handler, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return &door{c, t, n, b, lang, width, height}
}

func (d *door) open() *browser.Person {
	d.t.Helper()
	p := d.browser.Person(d.t, d.node.Own.Base(), d.width, d.height)
	p.Speaks(d.lang)
	return p
}

// signIn opens a window and comes in by the front door.
func (d *door) signIn(name string) *browser.Person {
	d.t.Helper()
	p := d.open()
	p.Go("/")
	p.Fill("#name", name)
	p.Fill("#password", portaltest.Password)
	p.Follow("form .btn--main")
	if p.At() == "/sign-in" {
		d.t.Fatalf("%s was not let in", name)
	}
	return p
}

// looks is Looks in the language of the door.
func (d *door) looks(p *browser.Person, name string) {
	d.t.Helper()
	if got := p.Evaluate("document.documentElement.lang"); got != d.lang {
		d.t.Errorf("%s is in %q", p.At(), got)
	}
	p.Looks(name)
}

func (d *door) picture(name string) string { return "door-" + d.lang + "-" + name }

// Nobody can enter an instance until its link is used, once; whoever it is then lets in
// adds an app's codes and a passkey, and each lets her in as long as it should.
func TestDoor(t *testing.T) {
	b := browser.Open(t)
	for _, s := range []struct {
		lang          string
		width, height int64
	}{{"en", 1280, 900}, {"ar", 390, 844}} {
		t.Run(s.lang, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, b, s.lang, s.width, s.height)
			d.enter(d.welcome(d.setUp()))
			d.Check()
		})
	}
}

// setUp is the first run, with what can be wrong in it. It returns the operator.
func (d *door) setUp() *browser.Person {
	d.t.Helper()
	link, err := d.node.Access.SetupLink(d.t.Context())
	cluster.Must(d.t, err)
	link = strings.TrimPrefix(link, d.node.Own.Base())
	p := d.open()
	p.Go("/")
	p.Sees("valise serve")
	p.Looks(d.picture("01-nobody"))
	p.Go(link[:len(link)-4] + "AAAA")
	p.Refused(404)
	p.Looks(d.picture("02-wrong-token"))
	p.Go(link)
	for _, f := range [][2]string{{"title", "Legation of Ruritania"}, {"office", "legation"}, {"code", "STRELSAU"}, {"name", "Rudolf Rassendyll"}, {"username", "rudolf"}} {
		p.Fill("#"+f[0], f[1])
	}
	password := func(word, again string) {
		p.Fill("#password", word)
		p.Fill("#repeat", again)
		p.Follow("form .btn--main")
	}
	password("rudolf.rassendyll", "rudolf.rassendyll")
	p.Refused(422)
	p.Looks(d.picture("04-weak-password"))
	if at := p.Evaluate(`document.activeElement.id`); at != "password" {
		d.t.Errorf("after a weak password the cursor is in %q", at)
	}
	password(portaltest.Password, portaltest.Password+"!")
	p.Refused(422)
	password(portaltest.Password, portaltest.Password)
	if p.At() != "/operator" {
		d.t.Fatalf("the set-up led to %s", p.At())
	}
	p.Looks(d.picture("06-operator"))
	late := d.open()
	late.Go(link)
	late.Refused(404)
	late.Looks(d.picture("07-used-token"))
	p.Go("/drafts")
	p.Looks(d.picture("08-empty"))
	return p
}

// welcome adds a person, who comes in by her link before she has any right, and then one.
func (d *door) welcome(operator *browser.Person) *browser.Person {
	d.t.Helper()
	operator.Go("/operator/people")
	operator.Fill("#name", "Flavia Elphberg")
	operator.Fill("#username", "flavia")
	operator.Follow(`form[action="/operator/people"] .btn--main`)
	operator.Follow(`form[action="/operator/people/flavia/link"] .btn`)
	operator.Looks(d.picture("09-link"))
	link := strings.TrimPrefix(operator.Text(".notice .fp"), d.node.Own.Base())
	p := d.open()
	p.Go(link)
	p.Fill("#password", "passwordpassword")
	p.Fill("#repeat", "passwordpassword")
	p.Follow("form .btn--main")
	p.Refused(422)
	p.Fill("#password", portaltest.Password)
	p.Fill("#repeat", portaltest.Password)
	p.Follow("form .btn--main")
	p.Looks(d.picture("11-no-office"))
	operator.Go("/operator/offices/legation")
	operator.Fill("#person", "flavia")
	operator.Click(`form[action$="/grant"] input[value=read]`)
	operator.Follow(`form[action$="/grant"] .btn--main`)
	p.Go("/")
	return p
}

// enter adds an app and a passkey and comes in by each.
func (d *door) enter(p *browser.Person) {
	d.t.Helper()
	out := func() {
		p.Follow(`form[action="/sign-out"] button`)
	}
	first := func() {
		p.Fill("#name", "flavia")
		p.Fill("#password", portaltest.Password)
		p.Follow("form .btn--main")
	}
	second := func(code string) {
		p.Fill("#code", code)
		p.Follow("form .btn--main")
	}
	inside := func(how string) {
		d.t.Helper()
		if !strings.HasPrefix(p.At(), "/correspondence") {
			d.t.Fatalf("%s led to %s", how, p.At())
		}
	}
	p.Go("/profile/totp")
	p.Looks(d.picture("13-app"))
	seed := strings.ReplaceAll(p.Text("main .fp"), " ", "")
	now := func() string {
		code, err := totp.GenerateCode(seed, d.Clock.Now())
		cluster.Must(d.t, err)
		return code
	}
	second("000000")
	p.Refused(422)
	p.Looks(d.picture("14-wrong-code"))
	second(now())
	p.Looks(d.picture("15-recovery-codes"))
	recovery := strings.TrimSpace(p.Text(".codes li"))
	out()
	d.Clock.Forward(time.Minute)
	first()
	p.Looks(d.picture("16-second"))
	used := now()
	second(used)
	inside("the code of an app")
	out()
	first()
	second(used)
	p.Refused(422)
	p.Looks(d.picture("17-replayed"))
	second(recovery)
	inside("a recovery code")
	out()
	first()
	second(recovery)
	p.Refused(422)
	d.Clock.Forward(time.Minute)
	second(now())
	inside("the next code")

	key := p.Authenticator()
	p.Go("/profile")
	p.Fill("#pkname", "Desk key")
	key.Knows(false)
	p.Click("form[data-passkey=add] .btn")
	p.Until(`document.querySelector("form[data-passkey=add] [data-passkey-why]:not([hidden]) span").textContent`)
	if said := p.Text("form[data-passkey=add] [data-passkey-why] span"); said != p.Evaluate(`document.querySelector("[data-passkey-why]").dataset.failed`) {
		d.t.Errorf("a device that does not know her: %q", said)
	}
	p.Looks(d.picture("19-no-passkey"))
	key.Knows(true)
	p.Follow("form[data-passkey=add] .btn")
	p.Sees("Desk key")
	out()
	p.Follow("button[data-passkey=sign-in]")
	inside("a passkey")
	p.Go("/profile")
	p.Follow(`form[action="/profile/passkey/drop"] .btn`)
	p.Lacks("Desk key")
	out()
	p.Quiet()
	p.Click("button[data-passkey=sign-in]")
	p.Until(`document.querySelector("[data-passkey-why]:not([hidden]) span").textContent`)
	p.Refused(422)
	p.Looks(d.picture("22-removed-passkey"))
	first()
	d.Clock.Forward(time.Minute)
	second(now())
	inside("the password and a code")
}
