package browser_test

import (
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"valise/cmd/internal/browser"
	"valise/cmd/internal/cluster"
	"valise/cmd/internal/cluster/peers"
	"valise/cmd/internal/node"
	"valise/cmd/internal/portaltest"
	"valise/models"
	"valise/models/iri"
)

// world is three instances that answer on loopback ports, and eve's account on a server of
// other software.
type world struct {
	*cluster.Cluster
	browser                      *browser.Browser
	ministry, embassy, institute iri.Host
	eve                          *peers.Account
	ankara, ambassador           iri.IRI
	scene                        scene
}

// scene is how everybody of one telling sees the pages.
type scene struct {
	name          string
	lang          string
	width, height int64
	subject, text string // of the dispatch, in that language
	word          string // of the text, to search for
	passkey       bool   // the director proves himself by a passkey, not by his password
}

const social iri.Host = "social.example"

func newWorld(t *testing.T, b *browser.Browser, s scene) *world {
	t.Helper()
	w := &world{browser: b, scene: s}
	var doors []net.Listener
	var hosts []iri.Host
	for _, name := range []string{"ministry", "embassy", "institute"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		cluster.Must(t, err)
		doors = append(doors, l)
		hosts = append(hosts, iri.Host(name+".localhost:"+strconv.Itoa(l.Addr().(*net.TCPAddr).Port)))
	}
	w.ministry, w.embassy, w.institute = hosts[0], hosts[1], hosts[2]
	w.Cluster = cluster.New(t, hosts)
	for i, l := range doors {
		server := &http.Server{Handler: w.Nodes[hosts[i]].Handler, ReadHeaderTimeout: 10 * time.Second}
		go server.Serve(l)
		t.Cleanup(func() { server.Close() })
	}
	mastodon := peers.Mastodon(social, w.Transport(social), w.Clock.Now)
	w.Foreign(social, mastodon)
	w.eve = mastodon.Account("eve")

	ctx := t.Context()
	person := func(n *node.Node, office iri.IRI, name string, acts ...string) iri.IRI {
		p, err := n.Accounts.AddPerson(ctx, "test", name, name)
		cluster.Must(t, err)
		if office != "" {
			cluster.Must(t, n.Accounts.Grant(ctx, "test", office, p.IRI, acts, time.Time{}))
		}
		portaltest.SignIn(t, n, p.IRI) // sets the password
		return p.IRI
	}
	m, e, i := w.Nodes[w.ministry], w.Nodes[w.embassy], w.Nodes[w.institute]
	state, officer := w.Office(w.ministry, "state", "STATE", "Department of State", "desk-officer")
	portaltest.SignIn(t, m, officer)
	director := person(m, state, "director", models.ActClear, models.ActRelease)
	cluster.Must(t, m.Accounts.SetRules(ctx, "test", state, models.Rules{Clearers: []iri.IRI{director}, NobodyAlone: true}))
	w.ankara, w.ambassador = w.Office(w.embassy, "ankara", "ANKARA", "Embassy Ankara", "ambassador")
	portaltest.SignIn(t, e, w.ambassador)
	person(e, w.ankara, "counsellor", models.ActRead, models.ActDraft)
	person(i, "", "fellow")
	w.Accredit(w.ministry, w.embassy)
	w.Clock.Forward(2 * time.Minute) // the side that accepted asks for offices again
	w.Settle()
	return w
}

// open gives somebody a window on an instance, in the language and width of the scene.
func (w *world) open(t *testing.T, h iri.Host) *browser.Person {
	t.Helper()
	p := w.browser.Person(t, h.Base(), w.scene.width, w.scene.height)
	p.Speaks(w.scene.lang)
	return p
}

// signIn opens a window and comes in by the front door.
func (w *world) signIn(t *testing.T, h iri.Host, name string) *browser.Person {
	t.Helper()
	p := w.open(t, h)
	p.Go("/")
	p.Fill("#name", name)
	p.Fill("#password", portaltest.Password)
	p.Follow("form .btn--main")
	if p.At() == "/sign-in" {
		t.Fatalf("%s was not let in", name)
	}
	return p
}

// looks checks a page and keeps its picture under a name of the scene. The page is in the
// language of the scene.
func (w *world) looks(t *testing.T, p *browser.Person, name string) {
	t.Helper()
	if got := p.Evaluate("document.documentElement.lang"); got != w.scene.lang {
		t.Errorf("%s is in %q", p.At(), got)
	}
	p.Looks("story-" + w.scene.name + "-" + name)
}

var (
	code = regexp.MustCompile(`[2-9A-Z]{4}-[2-9A-Z]{4}`)
	link = regexp.MustCompile(`/read/[A-Za-z0-9._-]+`)
)

// code is the newest code that eve was sent.
func (w *world) code(t *testing.T) string {
	t.Helper()
	w.Settle()
	for _, n := range slices.Backward(w.eve.Direct()) {
		if c := code.FindString(n.Content); c != "" {
			return c
		}
	}
	t.Fatal("no code reached eve")
	return ""
}

// bulletin is the link in the newest bulletin that eve has.
func (w *world) bulletin(t *testing.T) string {
	t.Helper()
	for _, n := range slices.Backward(w.eve.Home()) {
		if l := link.FindString(n.Content); l != "" {
			return l
		}
	}
	t.Fatal("no bulletin with a link reached eve")
	return ""
}
