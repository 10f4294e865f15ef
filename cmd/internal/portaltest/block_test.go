package portaltest_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/instance/access"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
	"valise/ui/page"
)

// An operator blocks a person: her sessions end at once, nothing lets her in, her mandate is
// kept and does nothing, and all of it comes back when the block is lifted.
func TestBlockedPerson(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": modeltest.SQLite, "postgres": modeltest.Postgres} {
		t.Run(name, func(t *testing.T) { blockedPerson(t, cluster.New(t, []iri.Host{embassy}, cluster.Database(url))) })
	}
}

func blockedPerson(t *testing.T, c *cluster.Cluster) {
	n := c.Nodes[embassy]
	boss := operator(t, c, embassy, "ankara", "ANKARA", "Embassy Ankara", "director")
	office, her := c.Office(embassy, "trade", "TRADE", "Trade section", "clara")
	clara := portaltest.SignIn(t, n, her)
	clara.Get("/drafts").OK().Says("no open draft")
	held, err := n.Directory.Mandates(t.Context(), "", her)
	cluster.Must(t, err)

	ask := boss.Get("/operator/people").OK().Sound().Follow(`a[href="/operator/people/clara/block"]`).OK().Sound().Says("Block clara", "1 session ends", "stays in force")
	for _, lang := range []string{"fr", "ar", "en"} {
		boss.Get(ask.Path + "?lang=" + lang).OK().Sound()
	}
	ask.Submit(`form[action$="/block"]`, "reason", "").Is(422).Sound()
	boss.Post("/operator/people/director/block", url.Values{"reason": {"x"}}).Is(422).Says("cannot block yourself")
	boss.Post("/operator/people/nobody/block", url.Values{"reason": {"x"}}).Is(404)
	clara.Post("/operator/people/director/block", url.Values{"reason": {"x"}}).Is(404)
	ask.Submit(`form[action$="/block"]`, "reason", "left <the> service").OK().Sound().Says("The person is blocked", "left <the> service")
	for _, lang := range []string{"fr", "ar", "en"} {
		boss.Get("/operator/people?lang=" + lang).OK().Sound().Says("left <the> service")
	}

	if p := clara.Ask("GET", "/drafts", "", ""); p.Status != 303 || !strings.HasPrefix(p.Header.Get("Location"), "/sign-in") {
		t.Errorf("her session goes on: %d %s", p.Status, p.Header.Get("Location"))
	}
	door := portaltest.Open(t, n)
	door.Post("/sign-in", url.Values{"name": {"clara"}, "password": {"not hers at all"}}).Lacks("blocked")
	door.Post("/sign-in", url.Values{"name": {"clara"}, "password": {portaltest.Password}}).Is(422).Sound().Says("has blocked your account")
	for lang, words := range map[string]string{"fr": "a bloqué votre compte", "ar": "حظر مشغّل"} {
		door.Post("/sign-in?lang="+lang, url.Values{"name": {"clara"}, "password": {portaltest.Password}}).Is(422).Says(words)
	}
	link, err := n.Access.MakeLink(t.Context(), "test", her, false)
	cluster.Must(t, err)
	if _, err := n.Access.UseLink(t.Context(), link[strings.Index(link, access.PathWelcome)+len(access.PathWelcome):], "another long password of hers"); err == nil || !strings.Contains(err.Error(), "blocked") {
		t.Errorf("a one-time link lets her in: %v", err)
	}
	if err := n.Accounts.Require(t.Context(), n.Store.R, her, office, models.ActDraft); err == nil {
		t.Error("her mandate is exercised")
	}
	if kept, err := n.Directory.Mandates(t.Context(), "", her); err != nil || len(kept) != len(held) || len(held) == 0 {
		t.Errorf("of %d rights %d are kept (%v)", len(held), len(kept), err)
	}
	if err := n.Access.MayAct(t.Context(), her); err == nil {
		t.Error("a machine may act in her name")
	}

	boss.Get("/operator/people").Submit(`form[action="/operator/people/clara/unblock"]`).OK().Says("The block is lifted").Lacks("left <the> service")
	boss.Post("/operator/people/clara/unblock", url.Values{}).Is(422).Says("not blocked")
	door.Post("/sign-in", url.Values{"name": {"clara"}, "password": {portaltest.Password}}).OK().Lacks("blocked")
	cluster.Must(t, n.Accounts.Require(t.Context(), n.Store.R, her, office, models.ActDraft))
	boss.Get("/operator/trail").OK().Says("Person blocked", "Person unblocked")
	c.Check()
}

// Whoever is blocked is on no list of persons to choose, and a forged form that names her is
// refused in words.
func TestBlockedIsNotChosen(t *testing.T) {
	c, alice, _, _, office := chancery(t)
	n := c.Nodes[embassy]
	boss := operator(t, c, embassy, "ankara", "ANKARA", "Embassy Ankara", "director")
	p, err := n.Accounts.AddPerson(t.Context(), "test", "dora", "Dora")
	cluster.Must(t, err)
	dora := p.IRI
	cluster.Must(t, n.Accounts.Grant(t.Context(), "test", office, dora, []string{models.ActRead, models.ActDraft, models.ActClear, models.ActRelease}, time.Time{}))
	received := c.Send(ministry, iri.IRI(ministry.Base()+"/u/minister"), iri.IRI(ministry.Base()+"/o/state"), dispatches.Content{Kind: "cable", Subject: "Water", Precedence: "ROUTINE", Marking: "LIMITED", Language: "en",
		Action: []iri.IRI{office}, Paragraphs: []dispatches.Paragraph{{Text: "Ask.", Language: "en"}}}).IRI
	c.Settle()
	draft := alice.Get("/drafts/new").Submit("main form", "form", "aideMemoire").OK()
	at := draft.Path
	for range 9 {
		draft = alice.Get(at)
		if draft.Find(".ed").Length() == 1 {
			break
		}
		draft.Submit(".ed:last-child form.ed__f", "do", "remove").OK()
	}
	draft.Submit("#at-p1 form.ed__f", "text", "We ask for a meeting.", "do", "save").OK().Submit("#headform form", "subject", "A meeting").OK().Submit("#addressees > form", "query", "@state@ministry.localhost", "role", "action").OK()
	id := page.DispatchPath(received)
	alice.Get(at).OK().Has(`input[name=clearer][value$="/dora"]`)
	alice.Get(id).OK().Has(`option[value$="/dora"]`)
	alice.Get("/directory?lang=en").OK()

	revision := alice.Get(at).Find("#clearance input[name=revision]").AttrOr("value", "")
	boss.Get("/operator/people/dora/block").Submit(`form[action$="/block"]`, "reason", "left").OK()
	alice.Get(at).OK().Sound().Lacks(string(dora))
	if alice.Get(id).OK().Sound().Find(`option[value$="/dora"]`).Length() != 0 {
		t.Error("she is a colleague to pass a dispatch on to")
	}
	of := boss.Get("/operator/offices/nicosia").OK().Sound().Says("Blocked: exercises nothing")
	if of.Find("#person option[value=dora]").Length() != 0 || of.Find(`input[name=clearers][value$="/dora"]`).Length() != 0 {
		t.Error("an operator may choose her")
	}
	for lang, words := range map[string]string{"fr": "est bloqué : choisissez", "ar": "محظور: اختر غيره", "en": "is blocked: choose somebody else"} {
		boss.Get("/?lang=" + lang)
		alice.Get("/?lang=" + lang)
		boss.Post("/operator/offices/nicosia/grant", url.Values{"person": {"dora"}, "acts": {models.ActRead}}).Is(422).Says(words)
		boss.Post("/operator/offices/nicosia/rules", url.Values{"min": {"0"}, "clearers": {string(dora)}}).Is(422).Says(words)
		alice.Post(id+"/forward", url.Values{"office": {string(office)}, "colleague": {string(dora)}}).Is(422).Says(words)
		alice.Post(at+"/ask", url.Values{"revision": {revision}, "clearer": {string(dora)}}).Is(422).Says(words)
	}
	alice.Get("/directory/persons").OK().Lacks("Dora").Says("Bob")
}
