package portaltest_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/models"
	"valise/models/iri"
)

const (
	ministry = iri.Host("ministry.localhost")
	embassy  = iri.Host("embassy.localhost")
)

// operator makes a person with an office and the operator's role, signed in.
func operator(t *testing.T, c *cluster.Cluster, h iri.Host, username, code, title, person string) *portaltest.Browser {
	t.Helper()
	n := c.Nodes[h]
	_, who := c.Office(h, username, code, title, person)
	cluster.Must(t, n.Access.GrantOperator(context.Background(), "test", who))
	return portaltest.SignIn(t, n, who)
}

// Two operators accredit each other's instance in pages, comparing keys, then suspend.
func TestOperatorsAccredit(t *testing.T) {
	c := cluster.New(t, []iri.Host{ministry, embassy})
	a := operator(t, c, ministry, "west", "WEST", "Western Department", "anna")
	b := operator(t, c, embassy, "chancery", "PARIS", "Embassy in Paris", "bruno")

	theirs := b.Get("/operator").OK().Sound().Text("#main .fp")
	form := a.Get("/operator/peers/propose").OK().Sound()
	refused := form.Submit("main form", "host", string(embassy), "fingerprint", strings.Repeat("ab", 32), "contact", "Anna, +43 1")
	refused.Is(422).Says("fingerprint").Sound()
	if got := refused.Find("#contact").AttrOr("value", ""); got != "Anna, +43 1" {
		t.Errorf("what was typed is lost: %q", got)
	}
	a.Get("/operator/peers/propose").Submit("main form", "host", string(embassy), "fingerprint", theirs, "contact", "Anna, +43 1").OK().Says("is on its way", "We asked")
	c.Settle()

	b.Get("/operator").Says("1 proposal waits for you")
	asked := b.Get("/operator/peers").Sound().Says("ministry.localhost asks to be accredited").Follow(`a[href="/operator/peers/at/ministry.localhost"]`).OK().Sound()
	ours := a.Get("/operator").Text("#main .fp")
	asked.Submit(`form[action$="/accept"]`, "fingerprint", theirs).Is(422)
	asked.Submit(`form[action$="/accept"]`, "fingerprint", ours).OK().Says("ministry.localhost is accredited")
	c.Settle()
	a.Get("/operator/peers").Sound().Says("embassy.localhost", "Accredited")

	p := a.Get("/operator/peers/at/embassy.localhost").OK()
	p.Submit(`form[action$="/suspend"]`, "reason", "The key was read out wrongly").OK().Says("is suspended", "The key was read out wrongly")
	if peer, err := models.PeerByHost(t.Context(), c.Nodes[ministry].Store.R, embassy); err != nil || peer.State != models.PeerSuspended {
		t.Errorf("suspended: %+v (%v)", peer, err)
	}
	a.Get("/operator/peers/at/embassy.localhost").Submit(`form[action$="/resume"]`, "reason", "Compared again").OK().Says("goes on")
	a.Get("/operator/trail?act=peer+suspended").OK().Sound()
	trail := a.Get("/operator/trail")
	trail.OK().Sound().Says("embassy.localhost")
	trail.Submit(`form[action$="/verify"]`).OK().Says("unbroken")
	bad := a.Get("/operator/trail?from=2026-13-40&actor=%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AEgnp&act=none").Is(422).Sound().
		Says("“2026-13-40” is no day").Has(`#from[aria-invalid][aria-describedby="why-from"]`).Lacks("<script>alert", "\u202e")
	if got := bad.Find("#from").AttrOr("value", "") + " " + bad.Find("#actor").AttrOr("value", ""); got != "2026-13-40 <script>alert(1)</script>gnp" {
		t.Errorf("what was typed into the filter: %q", got)
	}
	a.Post("/operator/trail/export", url.Values{"to": {"tomorrow"}}).Is(422).Says("“tomorrow” is no day")
	// What was recorded is named in the reader's language.
	a.Get("/operator/trail?act=peer+suspended&lang=fr").OK().Has(`#act option[value="peer suspended"][selected]`)
	if got := a.Get("/operator/trail?act=peer+suspended").Text("tbody th"); got != "Pair suspendu" {
		t.Errorf("a suspension in French: %q", got)
	}
	a.Get("/operator/trail?lang=en")
	csv := trail.Submit(`form[action$="/export"]`).OK()
	if !strings.HasPrefix(csv.Body, "number,time,actor,act,object,detail,previous,hash\n") || !strings.Contains(csv.Body, "embassy.localhost") {
		t.Errorf("the export: %.300s", csv.Body)
	}
}

func TestOperatorPages(t *testing.T) {
	c := cluster.New(t, []iri.Host{ministry})
	a := operator(t, c, ministry, "west", "WEST", "Western Department", "anna")
	for _, lang := range []string{"en", "fr", "ar"} {
		for _, path := range []string{"/operator", "/operator/peers", "/operator/peers/propose", "/operator/queues", "/operator/queues?state=pending", "/operator/aside", "/operator/refused",
			"/operator/profiles", "/operator/offices", "/operator/offices/west", "/operator/people", "/operator/keys", "/operator/keys?actor=west", "/operator/trail"} {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			p := a.Get(path + sep + "lang=" + lang).OK().Sound()
			if got := p.Find("html").AttrOr("lang", ""); got != lang {
				t.Errorf("%s is in %q", path, got)
			}
		}
	}
	a.Get("/operator?lang=en")
	a.Get("/operator").Submit(`form[action="/operator/check"]`).OK().Says("Everything holds")

	offices := a.Get("/operator/offices")
	bad := offices.Submit(`form[action="/operator/offices"]`, "title", "Legal <b>Service</b>", "username", "Legal Service", "code", "LEGAL")
	bad.Is(422).Sound().Says("User name")
	if got := bad.Find("#title").AttrOr("value", ""); got != "Legal <b>Service</b>" {
		t.Errorf("the title is lost: %q", got)
	}
	legal := bad.Submit(`form[action="/operator/offices"]`, "username", "legal").OK().Sound().Says("Legal <b>Service</b> is open")
	people := a.Get("/operator/people").Submit(`form[action="/operator/people"]`, "name", "Zoë \u202eevil", "username", "zoe").OK()
	people.Lacks("\u202e").Says("has an account")
	link := people.Submit(`form[action="/operator/people/zoe/link"]`).OK().Says("shown only now")
	if !strings.Contains(link.Text(".fp"), "http://ministry.localhost/") {
		t.Errorf("the link: %q", link.Text(".fp"))
	}
	a.Get("/operator/people").Lacks(link.Text(".fp"))
	legal = a.Get(legal.Path)
	granted := legal.Submit(`form[action$="/grant"]`, "person", "zoe", "acts", "draft", "acts", "release", "ends", "2026-12-31").OK().Says("The mandate counts", "Draft", "Release")
	granted.Submit(`form[action$="/rules"]`, "min", "1", "alone", "1").OK().Says("The rules count")
	granted.Submit(`form[action$="/revoke"]`).OK().Says("have ended")
	a.Get("/operator/keys").Submit(`form[action="/operator/keys/rotate"]`, "reason", "yearly").OK().Says("The key was changed", "Retired")
}

// Pages of the operator do not exist for others.
func TestOperatorPagesAreClosed(t *testing.T) {
	c := cluster.New(t, []iri.Host{ministry})
	_, who := c.Office(ministry, "west", "WEST", "Western Department", "anna")
	plain, nobody := portaltest.SignIn(t, c.Nodes[ministry], who), portaltest.Open(t, c.Nodes[ministry])
	for _, path := range []string{"/operator", "/operator/peers", "/operator/trail", "/operator/keys", "/operator/people"} {
		plain.Get(path).Is(404).Says("nothing under this address")
		if p := nobody.Ask("GET", path, "", ""); p.Status != 303 || !strings.HasPrefix(p.Header.Get("Location"), "/sign-in?next=") {
			t.Errorf("nobody at %s: %d %s", path, p.Status, p.Header.Get("Location"))
		}
	}
	plain.Post("/operator/people", map[string][]string{"username": {"eve"}, "name": {"Eve"}}).Is(404)
	nobody.Ask("POST", "/operator/people", "application/x-www-form-urlencoded", "username=eve&name=Eve").Is(401)
	if _, err := models.LocalActorByName(t.Context(), c.Nodes[ministry].Store.R, "eve"); !models.NotFound(err) {
		t.Errorf("a person was added: %v", err)
	}
}

// Whom mails do not reach is on the page of people, with what the server said.
func TestMailTroubles(t *testing.T) {
	c := cluster.New(t, []iri.Host{ministry})
	a := operator(t, c, ministry, "west", "WEST", "Western Department", "anna")
	n := c.Nodes[ministry]
	a.Get("/operator/people").OK().Lacks("Mail that does not arrive")
	_, err := n.Store.W.NewInsert().Model(&models.MailTrouble{Person: iri.IRI(ministry.Base() + "/u/anna"), Kind: models.MailNotice, Attempts: 4, Reason: "550 <no> such \u202ebox"}).Exec(t.Context())
	cluster.Must(t, err)
	for lang, title := range map[string]string{"fr": "Courriels qui n’arrivent pas", "ar": "بريد لا يصل", "en": "Mail that does not arrive"} {
		p := a.Get("/operator/people?lang="+lang).OK().Sound().Says(title, "anna", "550 <no> such box").Lacks("\u202e")
		if got := p.Text("#mail q"); got != "550 <no> such box" {
			t.Errorf("the server said %q", got)
		}
	}
	a.Get("/operator/people?mail=" + url.QueryEscape("https://z")).OK().Lacks("550")
}
