package portaltest_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/cluster/peers"
	"valise/cmd/internal/node"
	"valise/cmd/internal/portaltest"
	"valise/instance/communities"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
	"valise/ui/page"
)

const (
	chanceryHost iri.Host = "embassy.example"
	foreignHost  iri.Host = "ministry.example"
	social       iri.Host = "social.example"
)

// salon is a community of an embassy with an expert who has an account on Mastodon, and a
// ministry whose desk is a member.
type salon struct {
	*cluster.Cluster
	server                             *peers.Server
	post, boris, desk, anna, community iri.IRI
	eve                                *peers.Account
	invitation                         iri.IRI
}

// onBoth runs a test on each database.
func onBoth(t *testing.T, test func(t *testing.T, s *salon)) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": modeltest.SQLite, "postgres": modeltest.Postgres} {
		t.Run(name, func(t *testing.T) { test(t, newSalon(t, cluster.Database(url))) })
	}
}

func newSalon(t *testing.T, options ...cluster.Option) *salon {
	t.Helper()
	s := &salon{Cluster: cluster.New(t, []iri.Host{chanceryHost, foreignHost}, options...)}
	s.server = peers.Mastodon(social, s.Transport(social), s.Clock.Now)
	s.Foreign(social, s.server)
	s.post, s.boris = s.Office(chanceryHost, "chancery", "PARIS", "Chancery", "boris")
	s.desk, s.anna = s.Office(foreignHost, "europe", "EUROPE DESK", "Europe desk", "anna")
	s.Accredit(chanceryHost, foreignHost)
	s.community = s.open(t, "water", "Water")
	i, err := s.n().Communities.Invite(t.Context(), s.boris, s.community, communities.Invitation{Who: string(s.desk), Role: models.RoleMember, HistoryDays: -1})
	cluster.Must(t, err)
	s.Settle()
	cluster.Must(t, s.Nodes[foreignHost].Communities.Accept(t.Context(), s.desk, i.IRI))
	s.eve = s.server.Account("eve")
	s.invitation = s.invite(t, s.community, "LIMITED")
	return s
}

func (s *salon) n() *node.Node { return s.Nodes[chanceryHost] }

func (s *salon) open(t *testing.T, username, name string) iri.IRI {
	t.Helper()
	c, err := s.n().Communities.Open(t.Context(), s.boris, communities.Opening{Office: s.post, Username: username, Name: name, Charter: "Sharing of *" + name + "* between banks.", Ceiling: "LIMITED", HistoryDays: 30})
	cluster.Must(t, err)
	return c.IRI
}

// invite invites eve for ten days.
func (s *salon) invite(t *testing.T, community iri.IRI, ceiling string) iri.IRI {
	t.Helper()
	i, err := s.n().Communities.Invite(t.Context(), s.boris, community, communities.Invitation{Who: s.eve.Handle(), HistoryDays: -1, Ceiling: ceiling, Ends: s.Clock.Now().Add(10 * 24 * time.Hour)})
	cluster.Must(t, err)
	s.Settle()
	return i.IRI
}

func (s *salon) follow(t *testing.T, group string) {
	t.Helper()
	_, err := s.eve.Follow("@" + group + "@" + string(chanceryHost))
	cluster.Must(t, err)
	s.Settle()
}

func (s *salon) send(t *testing.T, at iri.Host, person, office, community iri.IRI, subject, marking string) *models.Dispatch {
	t.Helper()
	d := s.Send(at, person, office, dispatches.Content{Kind: "cable", Subject: subject, Precedence: "PRIORITY", Marking: marking, Language: "en", Community: community,
		Paragraphs: []dispatches.Paragraph{{Text: "The delegation asks for a joint commission on the waters."}}})
	s.Settle()
	return d
}

var (
	sent = regexp.MustCompile(`[2-9A-Z]{4}-[2-9A-Z]{4}`)
	link = regexp.MustCompile(`/read/[A-Za-z0-9._-]+`)
)

// code is the newest code that eve was sent.
func (s *salon) code(t *testing.T) string {
	t.Helper()
	s.Settle()
	notes := s.eve.Direct()
	for _, n := range slices.Backward(notes) {
		if c := sent.FindString(n.Content); c != "" {
			if n.Author != string(s.community) || n.Visibility != "direct" || !slices.Contains(n.Mentions, s.eve.ID) {
				t.Errorf("the note with the code: %+v", n)
			}
			return c
		}
	}
	t.Fatalf("no code among %d notes", len(notes))
	return ""
}

// bulletin is the link that the newest bulletin holds.
func (s *salon) bulletin(t *testing.T) string {
	t.Helper()
	home := s.eve.Home()
	if len(home) == 0 {
		t.Fatal("no bulletin came")
	}
	return link.FindString(home[len(home)-1].Content)
}

func (s *salon) signIn(t *testing.T) *portaltest.Browser {
	t.Helper()
	b := portaltest.Open(t, s.n())
	b.Get("/read").OK().Submit(`form[action="/guest/ask"]`, "handle", s.eve.Handle()).OK().Submit(`form[action="/guest/code"]`, "code", s.code(t)).OK()
	return b
}

// The link of a bulletin leads a guest in by a code, back to the dispatch; she reads its
// file, and comments, and her words reach the members as what they are.
func TestGuestReadsByCode(t *testing.T) { onBoth(t, guestReadsByCode) }

func guestReadsByCode(t *testing.T, s *salon) {
	s.follow(t, "water")
	digest, size, err := s.n().Files.Put(strings.NewReader("hydrology"), 100, "")
	cluster.Must(t, err)
	content := dispatches.Content{Kind: "cable", Subject: "Sharing <b>of</b> the upper river", Precedence: "IMMEDIATE", Marking: "LIMITED", Language: "en", Community: s.community,
		Paragraphs:  []dispatches.Paragraph{{Text: "The delegation asks for a joint commission.", Marking: "UNCLASSIFIED"}, {Text: "It proposes October."}},
		Attachments: []dispatches.Attachment{{Name: "Flow \"2026\".txt", MediaType: "text/plain", Digest: digest, Size: size}}}
	d := s.Send(chanceryHost, s.boris, s.post, content)
	s.Settle()
	at := s.bulletin(t)
	if at == "" {
		t.Fatal("the bulletin has no link")
	}

	b := portaltest.Open(t, s.n())
	door := b.Get(at).OK().Sound().Says("invited readers").Lacks(d.Reference, "upper river", "Water")
	nowhere := portaltest.Open(t, s.n()).Get("/read/nothing-here").OK()
	if door.Words() != nowhere.Words() {
		t.Error("the page tells whether something is there")
	}
	code := door.Submit(`form[action="/guest/ask"]`, "handle", "EVE@social.example").OK().Sound().Says("If @EVE@social.example is a guest", "read on your own instance")
	show := code.Submit(`form[action="/guest/code"]`, "code", strings.ToLower(s.code(t))).OK().Sound()
	if show.Path != at {
		t.Fatalf("the code led to %s, not back to %s", show.Path, at)
	}
	show.Says(d.Reference, "Sharing <b>of</b> the upper river", "Chancery", "joint commission", "Verified just now", "@eve@social.example", "Your term ends", "IMMEDIATE")
	if got := show.Text(".disp__top .mk"); got != "LIMITED" {
		t.Errorf("the marking at the head: %q", got)
	}
	if n := show.Find("ol.paras > li").Length(); n != 2 {
		t.Errorf("%d paragraphs", n)
	}
	file := b.Get(show.Find("#att a").AttrOr("href", "")).OK()
	if file.Body != "hydrology" || !strings.HasPrefix(file.Header.Get("Content-Disposition"), "attachment") || !strings.Contains(file.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("the file: %q %v", file.Body, file.Header)
	}

	show.Submit("#comments form", "comment", "  ").Is(422).Sound()
	said := show.Submit("#comments form", "comment", `October <script>alert(1)</script> suits us.`).OK().Sound().Says("Your comment is with the members", "@eve@social.example", "on the word of the community")
	if said.Find("script:not([src])").Length() > 0 {
		t.Error("the comment brought a script along")
	}
	again := show.Submit("#comments form", "comment", `October <script>alert(1)</script> suits us.`).OK()
	if n := again.Find("#comments article").Length(); n != 1 {
		t.Errorf("a form sent twice made %d comments", n)
	}
	s.Settle()
	rows, err := models.CommentsOn(t.Context(), s.Nodes[foreignHost].Store.R, d.IRI, 10)
	cluster.Must(t, err)
	if len(rows) != 1 || rows[0].AttestedFor != iri.IRI(s.eve.ID) || rows[0].Author != s.community || strings.Contains(rows[0].Content, "<script") {
		t.Fatalf("the member's instance holds %+v", rows)
	}
	if doc := string(rows[0].Document); strings.Contains(doc, "receivedDigest") || !strings.Contains(doc, "receivedAt") {
		t.Errorf("the Group says more than it knows: %s", doc)
	}
	anna := portaltest.SignIn(t, s.Nodes[foreignHost], s.anna)
	anna.Get(page.DispatchPath(d.IRI)).OK().Says("October", "@eve@social.example", "on the word of the community")

	// What she wrote here she takes back here; nobody else's words.
	portaltest.SignIn(t, s.n(), s.boris).Get(page.DispatchPath(d.IRI)).Submit("#comments form", "comment", "Official words").OK()
	s.Settle()
	both := b.Get(at).OK().Sound().Says("Official words")
	if n := both.Find("#comments article .btn--stop").Length(); n != 1 {
		t.Errorf("%d comments can be taken back", n)
	}
	ask := both.Follow("#comments article .btn--stop").OK().Sound().Says("erased here and on every member’s instance", "October")
	for _, lang := range []string{"fr", "ar", "en"} {
		b.Get(ask.Path + "&lang=" + lang).OK().Sound()
	}
	take, _, _ := strings.Cut(ask.Path, "?")
	officials, err := models.CommentsOn(t.Context(), s.n().Store.R, d.IRI, 10)
	cluster.Must(t, err)
	for _, c := range officials {
		if c.AttestedFor == "" {
			b.Get(take + "?comment=" + url.QueryEscape(string(c.IRI))).Is(404)
			b.Post(take, url.Values{"comment": {string(c.IRI)}}).Is(404)
		}
	}
	ask.Submit("main form").OK().Says("Your comment is taken back", "Official words").Lacks("suits us")
	b.Post(take, url.Values{"comment": {ask.Find("input[name=comment]").AttrOr("value", "")}}).OK()
	s.Settle()
	anna.Get(page.DispatchPath(d.IRI)).OK().Says("Official words").Lacks("suits us")

	list := b.Get("/read").OK().Sound().Says("Water", d.Reference, "You read as @eve@social.example")
	list.Follow(".row__subj a").OK().Says("joint commission")
	for _, lang := range []string{"fr", "ar"} {
		b.Get("/read?lang=" + lang).OK().Sound()
		b.Get(at + "?lang=" + lang).OK().Sound()
	}
	b.Within(8, at).OK()
	b.Within(8, "/read").OK()
	// Staff who follow the same link read at their own desk.
	if p := portaltest.SignIn(t, s.n(), s.boris).Get(at).OK(); p.Path != page.DispatchPath(d.IRI) {
		t.Errorf("staff were led to %s", p.Path)
	}
	out := b.Post("/sign-out", url.Values{}).OK()
	if out.Path != "/read" || !strings.Contains(out.Words(), "invited readers") {
		t.Errorf("signing out led to %s", out.Path)
	}
	b.Get(at).OK().Lacks("joint commission")
}

// A code is good once, for 15 minutes, in one browser, and against five tries.
func TestGuestCodes(t *testing.T) { onBoth(t, guestCodes) }

func guestCodes(t *testing.T, s *salon) {
	s.follow(t, "water")
	d := s.send(t, chanceryHost, s.boris, s.post, s.community, "Upper river", "LIMITED")
	ask := func(b *portaltest.Browser, handle string) *portaltest.Page {
		return b.Get("/read").OK().Submit(`form[action="/guest/ask"]`, "handle", handle)
	}
	const form = `form[action="/guest/code"]`

	mine := portaltest.Open(t, s.n())
	asked := ask(mine, s.eve.Handle()).OK()
	code := s.code(t)
	thief := portaltest.Open(t, s.n())
	thief.Post("/guest/code", url.Values{"code": {code}}).Is(422).Sound().Says("No code waits in this browser")
	ask(thief, s.eve.Handle()).OK().Submit(form, "code", code).Is(422).Says("This is not the code")
	asked.Submit(form, "code", "ABCD-EFGH").Is(422).Sound().Says("This is not the code")
	if v := mine.Get("/guest/code").OK().Find("#code").AttrOr("value", ""); v != "" {
		t.Errorf("the page keeps the code %q", v)
	}
	mine.Get("/guest/code").Submit(form, "code", code).OK().Says(d.Reference)
	mine.Post("/sign-out", url.Values{})
	mine.Post("/guest/code", url.Values{"code": {code}}).Is(422).Says("No code waits in this browser")

	late := portaltest.Open(t, s.n())
	p := ask(late, s.eve.Handle()).OK()
	code = s.code(t)
	s.Clock.Forward(15*time.Minute + time.Second)
	p.Submit(form, "code", code).Is(422).Says("No code waits")

	guesser := portaltest.Open(t, s.n())
	p = ask(guesser, s.eve.Handle()).OK()
	code = s.code(t)
	for range 5 {
		p.Submit(form, "code", "22222222").Is(422)
	}
	p.Submit(form, "code", code).Is(422).Says("No code waits")

	// Somebody who is no guest meets the same pages, and nothing is sent.
	before := len(s.server.Received())
	b := portaltest.Open(t, s.n())
	other := ask(b, "@mallory@social.example").OK()
	if got, want := strings.ReplaceAll(other.Words(), "mallory", "eve"), asked.Words(); got != want {
		t.Errorf("a stranger's page differs:\n%s\n%s", got, want)
	}
	other.Submit(form, "code", "22222222").Is(422).Says("This is not the code")
	s.Settle()
	if n := len(s.server.Received()); n != before {
		t.Errorf("%d activities were sent", n-before)
	}
	bad := ask(b, `"><script>alert(1)</script>@x`).Is(422).Sound().Says("@name@host")
	if got := bad.Find("#handle").AttrOr("value", ""); got != `"><script>alert(1)</script>@x` {
		t.Errorf("what was typed became %q", got)
	}
	ask(b, "@boris@"+string(chanceryHost)).OK().Says("This handle is of this instance")

	// Codes are not sent without end, to one handle or from one address.
	waits := false
	for range 12 {
		p := ask(portaltest.Open(t, s.n()), "@MALLORY@social.example")
		waits = waits || p.Status == http.StatusTooManyRequests && strings.Contains(p.Words(), "Too many codes")
	}
	if !waits {
		t.Error("codes for one handle are without limit")
	}
	s.Clock.Forward(time.Hour)
	waits = false
	for i := range 30 {
		waits = waits || ask(b, "@m"+strings.Repeat("x", i)+"@social.example").Status == http.StatusTooManyRequests
	}
	if !waits {
		t.Error("codes from one address are without limit")
	}
}

// A guest's session opens what her memberships let her read, while they last, and no
// other page.
func TestGuestSessionOpensNothingElse(t *testing.T) { onBoth(t, guestSessionOpensNothingElse) }

func guestSessionOpensNothingElse(t *testing.T, s *salon) {
	s.follow(t, "water")
	hers := s.send(t, chanceryHost, s.boris, s.post, s.community, "Upper river", "LIMITED")
	foreign := s.send(t, foreignHost, s.anna, s.desk, s.community, "From the desk", "LIMITED")
	closed := s.open(t, "closed", "Closed circle")
	hidden := s.send(t, chanceryHost, s.boris, s.post, closed, "Not for her", "LIMITED")
	direct := s.Send(chanceryHost, s.boris, s.post, dispatches.Content{Kind: "cable", Subject: "Between governments", Precedence: "ROUTINE", Marking: "LIMITED", Language: "en", Action: []iri.IRI{s.desk}, Paragraphs: []dispatches.Paragraph{{Text: "Quietly."}}})
	s.Settle()
	b := s.signIn(t)
	in := func(id iri.IRI) string { return page.ObjectPath("read/at", id) }
	b.Get("/read").OK().Says(hers.Reference, foreign.Reference).Lacks("Not for her", hidden.Reference, "Between governments")
	b.Get("/read/" + string(hers.IRI[strings.LastIndexByte(string(hers.IRI), '/')+1:])).OK().Says("Upper river")
	b.Get(in(foreign.IRI)).OK().Says("From the desk", "Europe desk")
	unknown := b.Get("/read/nothing-here").Is(404).Words()
	for _, path := range []string{in(hidden.IRI), in(direct.IRI), "/read/" + string(hidden.IRI[strings.LastIndexByte(string(hidden.IRI), '/')+1:]), "/read/closed.1-abc", "/read?in=closed", in(hidden.IRI) + "/files/zQmX"} {
		if got := b.Get(path).Is(404).Words(); got != unknown {
			t.Errorf("%s answers %q", path, got)
		}
	}
	b.Post(in(hidden.IRI)+"/comment", url.Values{"comment": {"hello"}}).Is(404)

	fill := strings.NewReplacer(":host", string(chanceryHost), "*path", "d/x", ":office", "chancery", ":folder", "action", ":id", "1", ":name", "x", ":token", "x", ":revision", "1")
	open := []string{"/", "/read", "/read/:id", "/read/at/:host/*path", "/guest/code", "/guest/invitation/:token", "/static/:name", "/sign-in", "/sign-in/second", "/setup/:token", "/welcome/:token", "/confirm-address/:token", "/healthz", "/readyz"}
	for _, r := range s.n().Handler.(*gin.Engine).Routes() {
		if r.Method != http.MethodGet || slices.Contains(open, r.Path) {
			continue
		}
		p := b.Ask(http.MethodGet, fill.Replace(r.Path), "", "")
		if p.Status == http.StatusOK && strings.Contains(p.Header.Get("Content-Type"), "html") {
			t.Errorf("%s opens for a guest: %s", r.Path, p.Words())
		}
		if to := p.Header.Get("Location"); p.Status == http.StatusSeeOther && !strings.HasPrefix(to, "/sign-in") && !strings.HasPrefix(to, "/read") {
			t.Errorf("%s leads a guest to %s", r.Path, to)
		}
	}
	for _, path := range []string{page.DispatchPath(hers.IRI), "/correspondence", "/drafts", "/search?q=river", "/profile", "/notices", "/operator", "/directory", "/archive", page.ObjectPath("guest-invitations", s.invitation)} {
		p := b.Ask(http.MethodGet, path, "", "")
		if p.Status != http.StatusSeeOther && p.Status != http.StatusNotFound {
			t.Errorf("%s answered a guest %d", path, p.Status)
		}
	}
	if p := b.Get("/"); p.Path != "/read" {
		t.Errorf("the front page led her to %s", p.Path)
	}
	b.Post(page.DispatchPath(hers.IRI)+"/comment", url.Values{"comment": {"x"}}).Is(401)

	// Removed, she reads nothing more, and is told so.
	cluster.Must(t, s.n().Communities.Remove(t.Context(), s.boris, s.community, iri.IRI(s.eve.ID), "the study has ended"))
	b.Get(in(hers.IRI)).Is(403).Sound().Says("Your membership is over").Lacks("joint commission")
	b.Get("/read").OK().Says("invited readers")
	before := len(s.eve.Direct())
	ended := portaltest.Open(t, s.n())
	ended.Get("/read").Submit(`form[action="/guest/ask"]`, "handle", s.eve.Handle()).OK()
	s.Settle()
	for _, n := range s.eve.Direct()[before:] {
		if sent.MatchString(n.Content) {
			t.Error("somebody who was removed was sent a code")
		}
	}
}

// Her session ends with her term.
func TestGuestTermEnds(t *testing.T) {
	s := newSalon(t)
	s.follow(t, "water")
	d := s.send(t, chanceryHost, s.boris, s.post, s.community, "Upper river", "LIMITED")
	s.Clock.Forward(10*24*time.Hour - time.Hour)
	b := s.signIn(t)
	b.Get("/read").OK().Says(d.Reference)
	s.Clock.Forward(2 * time.Hour)
	b.Get("/read").OK().Says("invited readers").Lacks(d.Reference)
}
