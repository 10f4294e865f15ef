package portaltest_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/models"
	"valise/models/iri"
)

// chancery is an embassy where alice and bob draft and carl clears and releases, with an
// accredited ministry to write to.
func chancery(t *testing.T) (c *cluster.Cluster, alice, bob, carl *portaltest.Browser, office iri.IRI) {
	c = cluster.New(t, []iri.Host{embassy, ministry})
	c.Accredit(embassy, ministry)
	n := c.Nodes[embassy]
	office, a := c.Office(embassy, "nicosia", "NICOSIA", "Embassy in Nicosia", "alice")
	c.Office(ministry, "state", "STATE", "Ministry of Foreign Affairs", "minister")
	person := func(name string, acts ...string) iri.IRI {
		p, err := n.Accounts.AddPerson(t.Context(), "test", name, strings.ToUpper(name[:1])+name[1:])
		cluster.Must(t, err)
		cluster.Must(t, n.Accounts.Grant(t.Context(), "test", office, p.IRI, acts, time.Time{}))
		return p.IRI
	}
	b := person("bob", models.ActDraft)
	k := person("carl", models.ActClear, models.ActRelease)
	cluster.Must(t, n.Accounts.SetRules(t.Context(), "test", office, models.Rules{Clearers: []iri.IRI{k}}))
	return c, portaltest.SignIn(t, n, a), portaltest.SignIn(t, n, b), portaltest.SignIn(t, n, k), office
}

// The life of a note verbale without script: begun, written by two, cleared, released.
func TestDraftToRelease(t *testing.T) {
	c, alice, bob, carl, _ := chancery(t)
	alice.Get("/drafts").OK().Sound().Says("Your offices have no open draft")
	p := alice.Get("/drafts/new").OK().Sound().Submit("main form", "form", "noteVerbale").OK().Sound()
	p.Says("Send for clearance")
	if got := p.Find("#at-p1 textarea").Text(); !strings.Contains(got, "The Embassy in Nicosia presents its compliments to [the addressee]") {
		t.Errorf("the formula: %q", got)
	}
	at := p.Path
	p = p.Submit("#headform form", "subject", "Meeting <b>of</b> experts").OK().Says("Saved.")
	if got := p.Text("h1"); got != "Meeting <b>of</b> experts" {
		t.Errorf("the subject: %q", got)
	}
	p.Submit("#addressees > form", "query", "zzzz", "role", "action").Is(422).Sound().Says("Nobody is known by that")
	p = p.Submit("#addressees > form", "query", "@state@ministry.localhost", "role", "action").OK()
	if got := p.Find("#at-p1 textarea").Text(); !strings.Contains(got, "compliments to the Ministry of Foreign Affairs") {
		t.Errorf("the gap: %q", got)
	}

	p = p.Submit("#at-p1 form.ed__f", "text", strings.Replace(p.Find("#at-p1 textarea").Text(), "[inform it of the following matter]", "propose a meeting of experts", 1), "do", "save").OK()

	// Alice and Bob have the same page open and change the same words.
	theirs := bob.Get(at).OK()
	p.Submit("#at-p2 form.ed__f", "text", "A meeting on Monday.", "do", "save").OK().Says("Saved.")
	clash := theirs.Submit("#at-p2 form.ed__f", "text", "A meeting on Friday.", "do", "save").OK().Sound()
	clash.Says("Somebody else changed the same words", "Keep both", "A meeting on Monday.", "A meeting on Friday.")
	clash.Submit(`form[action$="/ask"]`).Is(409).Says("stand against each other")
	p = clash.Submit(`#at-p2 form[action$="/settle"]`, "how", "both").OK().Says("Settled.")
	if got := p.Find("#at-p2 textarea").Text(); !strings.Contains(got, "Monday") || !strings.Contains(got, "Friday") {
		t.Errorf("somebody's words are lost: %q", got)
	}
	refused := p.Submit("#at-p2 form.ed__f", "text", "Read \u202e this.", "do", "save").Is(422).Sound()
	if got := refused.Find("#at-p2 textarea").Text(); !strings.Contains(got, "Read") || refused.Find("#at-p2 .why").Length() != 1 {
		t.Errorf("what was typed is lost: %q", got)
	}
	p = alice.Get(at).Submit(`#at-p2 details form`, "comment", "Is Friday free?").OK()
	p.Says("Is Friday free?").Sound()

	alice.Get(at+"/check").OK().Sound().Says("1 addressee.", "On 1 instance.", "Ministry of Foreign Affairs", "ministry.localhost", "Nothing: all of it leaves.")
	alice.Get(at + "/preview").OK().Sound().Says("presents its compliments")
	carl.Get("/release").OK().Sound().Says("Nothing waits for your release")
	carl.Get(at).OK().Sound()
	p.Submit(`form[action$="/ask"]`).OK().Says("Sent for clearance")
	carl.Get("/drafts").OK().Sound().Says("Wait for your clearance")
	stale := carl.Get(at + "/clear").OK().Sound()

	// An edit reopens clearance; the clearer's old page cannot agree to the new text.
	bob.Get(at).Submit("#at-p2 form.ed__f", "text", "A meeting on Friday at noon.", "do", "save").OK()
	stale.Submit("main form", "decision", "agree").Is(422).Says("no longer the latest")
	alice.Get(at).Submit(`form[action$="/ask"]`).OK()
	carl.Get(at+"/clear").OK().Says("Changed since you saw it").Sound().Submit("main form", "decision", "change", "note", "").Is(422).Says("note")
	carl.Get(at+"/clear").Submit("main form", "decision", "agree", "note", "Good.").OK().Says("Your agreement is recorded")
	alice.Get(at + "/history").OK().Sound().Submit("main form").OK().Sound()
	queue := carl.Get("/release").OK().Sound().Says("can be released")
	before := queue.Follow(`.row__subj a`).OK().Sound().Says("1 addressee.", "presents its compliments")

	// Release asks for a fresh sign-in, and happens once.
	bob.Post(strings.Replace(at, "/drafts/", "/release/", 1), url.Values{"revision": {"1"}}).Is(403)
	bob.Get(strings.Replace(at, "/drafts/", "/release/", 1)).Is(404)
	revision := before.Find(`input[name=revision]`).AttrOr("value", "")
	c.Clock.Forward(6 * time.Minute)
	old := carl.Ask(http.MethodPost, before.Path, "application/x-www-form-urlencoded", "revision="+revision)
	if to := old.Header.Get("Location"); old.Status != 303 || !strings.HasPrefix(to, "/sign-in/again?next=") {
		t.Fatalf("a stale sign-in: %d %s", old.Status, to)
	}
	carl.Get(old.Header.Get("Location")).OK().Submit(`form[action="/sign-in/again"]`, "password", portaltest.Password).OK()
	one := carl.Post(before.Path, url.Values{"revision": {revision}}).OK().Says("Released as NICOSIA 2026/000001")
	two := carl.Post(before.Path, url.Values{"revision": {revision}}).OK()
	if one.Path != two.Path {
		t.Errorf("released twice: %s and %s", one.Path, two.Path)
	}
	late := alice.Post(at+"/paragraph", url.Values{"part": {"p2"}, "base": {"1"}, "text": {"Words that came too late for it."}, "do": {"save"}})
	late.Is(409)
	if !strings.Contains(late.Body, "Words that came too late for it.") && late.Status == 409 {
		t.Errorf("words that came too late are lost:\n%s", late.Words())
	}
	c.Settle()
	c.Check()
}

func TestFilesInAForm(t *testing.T) {
	_, alice, _, _, _ := chancery(t)
	at := alice.Get("/drafts/new").Submit("main form").OK().Path
	send := func(name, body string) *portaltest.Page {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		f, err := w.CreateFormFile("file", name)
		cluster.Must(t, err)
		f.Write([]byte(body))
		w.Close()
		return alice.Send(at+"/files", w.FormDataContentType(), b.String())
	}
	send("letter.pdf", "%PDF-1.7\n1 0 obj\n").OK().Sound().Says("letter.pdf")
	send("letter2.pdf", "<html><script>alert(1)</script>").Is(422).Sound().Says("says by its name that it is application/pdf")
	link := alice.Get(at).Find(`#files a`).AttrOr("href", "")
	file := alice.Ask(http.MethodGet, link, "", "")
	if file.Status != 200 || !strings.HasPrefix(file.Header.Get("Content-Disposition"), "attachment") || !strings.Contains(file.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%d %v", file.Status, file.Header)
	}
	alice.Get(at).Submit("#files li form", "do", "remove").OK().Lacks("letter.pdf")
}

func TestDraftsOfOthersAreNotThere(t *testing.T) {
	c, alice, _, _, _ := chancery(t)
	at := alice.Get("/drafts/new").Submit("main form").OK().Path
	eve, err := c.Nodes[embassy].Accounts.AddPerson(t.Context(), "test", "eve", "Eve")
	cluster.Must(t, err)
	b := portaltest.SignIn(t, c.Nodes[embassy], eve.IRI)
	for _, path := range []string{at, at + "/preview", at + "/history", at + "/check", at + "/clear", at + "/discard", at + "/pulse", at + "/events", at + "/compare?from=1", strings.Replace(at, "/drafts/", "/release/", 1), "/drafts/unknown"} {
		b.Get(path).Is(404)
	}
	for _, verb := range []string{"paragraph", "head", "comment", "address", "refer", "discard", "ask", "presence"} {
		if p := b.Post(at+"/"+verb, url.Values{"part": {"p1"}, "text": {"x"}, "comment": {"x"}, "query": {"x"}, "role": {"action"}, "base": {"1"}, "revision": {"1"}, "target": {"x"}}); p.Status != 404 {
			t.Errorf("%s: %d", verb, p.Status)
		}
	}
}

// Every page of the area in every language, and none with a fault.
func TestDraftingInThreeLanguages(t *testing.T) {
	_, alice, _, carl, _ := chancery(t)
	p := alice.Get("/drafts/new").Submit("main form", "form", "circularNote", "language", "ar").OK()
	at := p.Path
	alice.Post("/drafts/addresses", url.Values{"office": {string(iri.IRI("http://embassy.localhost/o/nicosia"))}, "name": {"Group"}, "members": {"@state@ministry.localhost"}}).OK()
	for _, lang := range []string{"en", "fr", "ar"} {
		for _, path := range []string{"/drafts", "/drafts/new", "/drafts/addresses", at, at + "/preview", at + "/history", at + "/check", at + "/discard", at + "/compare?from=1"} {
			page := alice.Get(path + map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "lang=" + lang).OK().Sound()
			if page.Find("html").AttrOr("lang", "") != lang {
				t.Errorf("%s is not in %s", path, lang)
			}
			if n := len(page.Body); n > 100_000 {
				t.Errorf("%s has %d bytes", path, n)
			}
		}
		for _, path := range []string{"/release", at + "/clear", strings.Replace(at, "/drafts/", "/release/", 1)} {
			carl.Get(path + "?lang=" + lang).OK().Sound()
		}
	}
	alice.Get(at + "/discard?lang=en").OK().Submit("main form").OK().Says("The draft is discarded")
	alice.Get(at).OK().Says("This draft was discarded").Sound()
}
