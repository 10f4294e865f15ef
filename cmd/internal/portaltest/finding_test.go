package portaltest_test

import (
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/instance/dispatches"
	"valise/models/iri"
)

// A reader finds what was addressed to her office, keeps a question, and learns nothing of
// what was not.
func TestSearchPage(t *testing.T) {
	c := cluster.New(t, []iri.Host{ministry})
	west, anna := c.Office(ministry, "west", "WEST", "Western Department", "anna")
	east, bruno := c.Office(ministry, "east", "EAST", "Eastern Department", "bruno")
	c.Send(ministry, anna, west, dispatches.Content{Kind: "cable", Subject: "Water <sharing> on the upper river", Precedence: "ROUTINE", Marking: "LIMITED", Language: "en",
		Action: []iri.IRI{east}, Paragraphs: []dispatches.Paragraph{{Text: "The delegation asks for a joint commission on the waters.", Language: "en"}}})
	c.Settle()
	n := c.Nodes[ministry]
	cluster.Must(t, n.Search.Settle(t.Context(), 10*time.Second))

	reader := portaltest.SignIn(t, n, bruno)
	page := reader.Get("/search").OK().Sound().Submit(`form[role=search]`, "q", "commission water").OK().Sound()
	page.Says("1 that you may read", "WEST 2026/000001").Lacks("<sharing>")
	if got := page.Text(".snip mark") + page.Text(".row__subj a mark"); !strings.Contains(got, "commission") || !strings.Contains(got, "Water") {
		t.Errorf("marked: %q", got)
	}
	if mark, top := page.Text(".row__mk .mk"), page.Text(".ears .mk"); mark != "LIMITED" || top != "LIMITED" {
		t.Errorf("the hit is marked %q, the page %q", mark, top)
	}
	page.Follow(".row__subj a").OK().Says("joint commission")
	bad := reader.Get("/search?q=%22open+phrase").Is(422).Sound()
	if got := bad.Find("#q").AttrOr("value", ""); got != "\"open phrase" {
		t.Errorf("the question is lost: %q", got)
	}
	kept := page.Submit(`form[action="/search/saved"]`, "name", "Rivers").OK().Says("The search is kept", "Rivers")
	kept.Follow(`a[href^="/search/saved/"]`).OK().Says("1 that you may read")
	kept.Submit(`form[action$="/forget"]`).OK().Says("The search was deleted").Lacks("Rivers")

	_, carla := c.Office(ministry, "south", "SOUTH", "Southern Department", "carla")
	portaltest.SignIn(t, n, carla).Get("/search?q=commission").OK().Says("Nothing that you may read fits").Lacks("WEST 2026", "upper river")
	for _, lang := range []string{"fr", "ar"} {
		reader.Get("/search?q=commission&lang=" + lang).OK().Sound()
	}
}

// Tags and references are completed for the script beside a field, and only from what its
// reader may have.
func TestCompletion(t *testing.T) {
	c := cluster.New(t, []iri.Host{ministry})
	west, anna := c.Office(ministry, "west", "WEST", "Western Department", "anna")
	east, bruno := c.Office(ministry, "east", "EAST", "Eastern Department", "bruno")
	_, carla := c.Office(ministry, "south", "SOUTH", "Southern Department", "carla")
	c.Send(ministry, anna, west, dispatches.Content{Kind: "cable", Subject: "The upper river", Precedence: "ROUTINE", Marking: "LIMITED", Language: "en", Tags: []string{"RIVERS", "TRADE"},
		Action: []iri.IRI{east}, Paragraphs: []dispatches.Paragraph{{Text: "The delegation asks for a joint commission.", Language: "en"}}})
	c.Settle()
	n := c.Nodes[ministry]
	cluster.Must(t, n.Search.Settle(t.Context(), 10*time.Second))

	ask := func(person iri.IRI, lang, query string) *portaltest.Page {
		b := portaltest.SignIn(t, n, person)
		b.Header.Set("Accept", "application/json")
		b.Header.Set("Accept-Language", lang)
		return b.Within(7, "/search/complete?"+query)
	}
	for query, want := range map[string]string{
		"of=tag&q=riv":       `{"hits":[{"value":"RIVERS","text":"in 1 recent dispatch"}]}`,
		"of=tag&q=ivers":     `{"hits":[]}`,
		"of=ref&q=west+2026": `{"hits":[{"value":"WEST 2026/000001","text":"The upper river"}]}`,
		"of=ref&q=0000":      `{"hits":[{"value":"WEST 2026/000001","text":"The upper river"}]}`,
		"of=ref&q=":          `{"hits":[]}`,
	} {
		if got := ask(bruno, "en", query).Is(200).Body; got != want {
			t.Errorf("%s: %s", query, got)
		}
	}
	if got := ask(bruno, "fr", "of=tag&q=trade").Is(200).Body; !strings.Contains(got, "dans 1 dépêche récente") {
		t.Errorf("in French: %s", got)
	}
	for _, query := range []string{"of=tag&q=riv", "of=ref&q=west", "of=ref&q=0000"} {
		if got := ask(carla, "en", query).Is(200).Body; got != `{"hits":[]}` {
			t.Errorf("%s betrays to a stranger: %s", query, got)
		}
	}
	ask(bruno, "en", "of=ref&q="+strings.Repeat("a", 600)).Is(422)
	ask(bruno, "en", "of=from&q=west").Is(404)
	portaltest.SignIn(t, n, bruno).Get("/search/complete?of=tag&q=riv").Is(404)
	portaltest.SignIn(t, n, bruno).Get("/search").OK().Sound().Has("#q[data-complete=question][data-offers]")
	portaltest.SignIn(t, n, anna).Get("/drafts/new").Submit("main form").OK().Sound().Has("#tags[data-complete=tags][data-offers]")
}
