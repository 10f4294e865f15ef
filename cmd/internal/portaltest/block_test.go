package portaltest_test

import (
	"net/url"
	"strings"
	"testing"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/instance/access"
	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
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
	boss.Get("/operator/trail").OK().Says("person blocked", "person unblocked")
	c.Check()
}
