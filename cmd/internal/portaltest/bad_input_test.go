package portaltest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"valise/cmd/internal/portaltest"
	"valise/ui/page"
)

// What a stranger could send her as a link: script, and controls that turn text round.
const nasty = "<script>alert(1)</script>\"'>\u202Egnp.exe\u2066\u0000&amp;"

// Every filter of every list takes whatever stands in its address: it answers in words, and
// nothing of it becomes markup or reorders the page.
func TestFiltersTakeAnything(t *testing.T) {
	c := newCircle(t)
	c.open(t)
	c.join(t)
	c.share(t, "On the waters")
	boss := operator(t, c.Cluster, ministry, "watch", "WATCH", "Watch", "olga")
	for who, paths := range map[*portaltest.Browser][]string{
		c.e: {"/search?q=", "/search?sort=x&q=", "/directory?q=", "/directory/persons?after=", "/archive?q=", "/archive/records?volume=", "/archive/records?from=", "/archive/records?after=",
			"/drafts?office=", "/drafts?state=", "/notices?before=", "/notices?all=", "/drafts/new?to=", "/drafts/new?answers=", "/drafts/find?q=", "/drafts/addresses?office=",
			"/communities?after=", c.path + "/members?past=", c.path + "/members?after=", c.path + "/comments?after=", c.path + "/member?who=", c.path + "/invitations?after=", c.path + "/moderation?comment=",
			"/sign-in/again?next=", "/?lang="},
		boss: {"/operator/trail?actor=", "/operator/trail?act=", "/operator/trail?object=", "/operator/trail?from=", "/operator/trail?before=", "/operator/queues?state=", "/operator/queues?after=",
			"/operator/aside?after=", "/operator/refused?rule=", "/operator/keys?actor=", "/operator/people?after=", "/operator/offices?after="},
	} {
		for _, path := range paths {
			for _, value := range []string{nasty, strings.Repeat("9", 40), "-1", strings.Repeat("\u0644\u200F", 100), "\xff\xfe"} {
				p := who.Get(path + url.QueryEscape(value))
				if p.Status != 200 && p.Status != 404 && p.Status != 422 {
					t.Errorf("%s%q answered %d:\n%s", path, value, p.Status, p.Words())
					continue
				}
				p.Lacks("<script>alert", "\u202E", "\u2066", "\x00")
				if p.Header.Get("Content-Type") == "text/html; charset=utf-8" {
					p.Sound()
				}
			}
		}
	}
	for _, f := range []string{"since", "until", "from", "to", "kind", "precedence", "marking", "language", "state", "tag", "after"} {
		p := c.e.Get("/correspondence/ankara/action?" + f + "=" + url.QueryEscape(nasty))
		if p.Status != 200 && p.Status != 404 && p.Status != 422 {
			t.Errorf("the filter %s answered %d:\n%s", f, p.Status, p.Words())
		}
		p.Sound().Lacks("<script>alert", "\u202E", "\u2066")
	}
}

// A language that the portal does not speak is none: the page comes in one that it does.
func TestUnknownLanguages(t *testing.T) {
	c := newCircle(t)
	for accept, want := range map[string]string{"tlh": "en", "x-klingon, ar;q=0.1": "ar", "de-CH, fr-CA;q=0.7": "fr", "*": "en", "en;q=2, \u202Ear": "en", strings.Repeat("fr,", 2000): "fr", "": "en", "../../etc": "en"} {
		b := portaltest.Open(t, c.Nodes[embassy])
		b.Header.Set("Accept-Language", accept)
		if got := b.Get("/sign-in").OK().Find("html").AttrOr("lang", ""); got != want {
			t.Errorf("%.40q is answered in %q, not %q", accept, got, want)
		}
	}
	for _, asked := range []string{"tlh", "AR", "ar ", "<script>", "fr-FR\x00", "en&lang=ar"} {
		p := c.e.Get("/correspondence?lang=" + url.QueryEscape(asked)).OK().Sound()
		if got := p.Find("html").AttrOr("lang", ""); got != "en" {
			t.Errorf("?lang=%q is answered in %q", asked, got)
		}
	}
	c.e.Get("/correspondence?lang=ar")
	if got := c.e.Get("/correspondence?lang=tlh").OK().Find("html").AttrOr("dir", ""); got != "rtl" {
		t.Error("a language that is not spoken loses the one that was chosen")
	}
}

// A field of a megabyte is refused in words, and what else was typed is shown to be copied.
func TestOversizedFields(t *testing.T) {
	c := newCircle(t)
	c.open(t)
	huge := strings.Repeat("A subject without end. ", 1<<20/23)
	at := c.e.Get("/drafts/new").Submit("main form").OK()
	p := at.Submit("#headform form", "subject", huge, "summary", "Typed with care")
	p.Is(http.StatusRequestEntityTooLarge).Sound().Says("too large", "Typed with care", "Nothing was saved")
	long := strings.Repeat("A subject of a page. ", 100)
	p = at.Submit("#headform form", "subject", long, "summary", "Typed with care").Is(422).Sound()
	if p.Find("#subject").Text()+p.Find("#subject").AttrOr("value", "") != long || p.Find("#subject[aria-invalid]").Length() == 0 {
		t.Errorf("a long subject is lost, or is not what is wrong:\n%.600s", p.Words())
	}
	for _, f := range []struct{ path, form, field string }{
		{"/communities/new", `form[action="/communities/new"]`, "name"},
		{c.path + "/invite", "main form[data-lookup]", "who"},
		{"/profile", `form[action="/profile"]`, "zone"},
	} {
		c.e.Get(f.path).OK().Submit(f.form, f.field, huge).Is(http.StatusRequestEntityTooLarge).Sound()
		if p := c.e.Get(f.path).OK().Submit(f.form, f.field, long).Is(422).Sound(); p.Find("[name="+f.field+"]").AttrOr("value", "") != long {
			t.Errorf("%s loses what was typed as %s:\n%.400s", f.path, f.field, p.Words())
		}
	}
	c.e.Get("/search?q=" + strings.Repeat("a", 5000)).Is(http.StatusRequestURITooLong).Sound()
}

// The language of a page and the language that a list is narrowed to are two things.
func TestPageLanguageNarrowsNothing(t *testing.T) {
	p := newPost(t)
	d := p.Send(ministry, p.officer, p.state, p.content("ROUTINE", 1))
	p.Settle()
	at := p.e.Get("/correspondence/ankara/action").OK()
	link := at.Find(`.foot a[hreflang=ar]`).AttrOr("href", "")
	if link == "" {
		t.Fatal("the foot leads to no Arabic page")
	}
	at = p.e.Get("/correspondence/ankara/action" + link[strings.IndexByte(link, '?'):]).OK().Has(`html[lang=ar]`).Has(`.row__subj a[href="` + page.DispatchPath(d.IRI) + `"]`)
	at = at.Submit(".tool form", "language", "fr").OK().Has(`html[lang=ar]`)
	if at.Find(".row").Length() != 0 {
		t.Error("an English dispatch is among the French ones")
	}
}
