package portaltest_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/instance/communities"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

const institute = iri.Host("institute.localhost")

// circle is an embassy whose counsellor opens a community in pages, a ministry, and an
// expert of an institute that nobody has accredited.
type circle struct {
	*post
	expert    iri.IRI
	i         *portaltest.Browser
	community iri.IRI
	path      string
}

func newCircle(t *testing.T) *circle {
	t.Helper()
	p := &post{Cluster: cluster.New(t, []iri.Host{ministry, embassy, institute})}
	p.state, p.officer = p.Office(ministry, "state", "STATE", "Department of State", "desk-officer")
	p.ankara, p.counsellor = p.Office(embassy, "ankara", "ANKARA", "Embassy Ankara", "counsellor")
	p.Accredit(ministry, embassy)
	p.m, p.e = portaltest.SignIn(t, p.Nodes[ministry], p.officer), portaltest.SignIn(t, p.Nodes[embassy], p.counsellor)
	c := &circle{post: p}
	who, err := p.Nodes[institute].Accounts.AddPerson(context.Background(), "test", "fellow", "Senior \u202efellow")
	cluster.Must(t, err)
	c.expert, c.i = who.IRI, portaltest.SignIn(t, p.Nodes[institute], who.IRI)
	return c
}

// open opens the community through its form.
func (c *circle) open(t *testing.T) *portaltest.Page {
	t.Helper()
	form := c.e.Get("/communities").OK().Sound().Says("You are in no community").Follow(`a[href="/communities/new"]`).OK().Sound()
	bad := form.Submit(`form[action="/communities/new"]`, "name", "Water <b>now</b>", "username", "Water!", "charter", "## Purpose\n\nWater sharing.", "ceiling", "UNCLASSIFIED", "history", "30")
	bad.Is(422).Sound().Says("User name")
	if got := bad.Find("#name").AttrOr("value", "") + bad.Find("#charter").Text(); got != "Water <b>now</b>## Purpose\n\nWater sharing." {
		t.Errorf("what was typed is lost: %q", got)
	}
	bad.Submit(`form[action="/communities/new"]`, "username", "water", "history", "many").Is(422).Says("Write a number of days")
	opened := bad.Submit(`form[action="/communities/new"]`, "username", "water").OK().Sound().Says("The community is open", "Water <b>now</b>", "Water sharing.", "2 readers · on 1 instance", "Nothing that you may read has been shared yet")
	c.community, c.path = "http://embassy.localhost/g/water", page.ObjectPath("communities", "http://embassy.localhost/g/water")
	if opened.Path != c.path {
		t.Fatalf("opened at %s", opened.Path)
	}
	return opened
}

// join invites the expert through the form and has her accept on her own instance.
func (c *circle) join(t *testing.T) {
	t.Helper()
	form := c.e.Get(c.path + "/invite").OK().Sound()
	form.Submit(`main form[data-lookup]`, "who", "fellow").Is(422).Sound().Says("neither a handle")
	shown := form.Submit(`main form[data-lookup]`, "who", "@fellow@institute.localhost", "ceiling", "UNCLASSIFIED", "words", "Do join us.").OK().Sound()
	shown.Says("A person", "institute.localhost", "a Valise", "None. An invitation makes it a guest", "Whole dispatches").Lacks("\u202e")
	if n, err := models.Invitations(t.Context(), c.Nodes[embassy].Store.R, c.community, "", 10); err != nil || len(n) > 0 {
		t.Fatalf("it was invited before it was shown: %d %v", len(n), err)
	}
	if got := shown.Find("#words").Text(); got != "Do join us." {
		t.Errorf("her words are lost: %q", got)
	}
	shown.Submit(`main form[data-lookup]`, "act", "send", "ends", "1999-01-01").Is(422).Says("ended already")
	sent := shown.Submit(`main form[data-lookup]`, "act", "send", "ends", "2030-12-31").OK().Sound().Says("The invitation is on its way", "Waits for an answer", "Guest: from outside government", "31 Dec 2030")
	again := c.e.Get(c.path+"/invite").Submit(`main form[data-lookup]`, "who", "@fellow@institute.localhost").Says("Has an invitation without an answer")
	again.Submit(`main form[data-lookup]`, "act", "send").Is(422).Says("open invitation")
	c.Settle()

	list := c.i.Get("/communities").OK().Sound().Says("1 invitation waits for an answer", "Water <b>now</b>", "Guest")
	ask := list.Follow(`a[href^="/invitations/"]`).OK().Sound().Says("Do join us.", "Water sharing.", "31 Dec 2030", "Whoever accepts consents")
	c.i.Get(sent.Path + "/revoke").Is(404)
	c.m.Get(sent.Path).Is(404)
	ask.Submit(`form[action$="/accept"]`).OK().Says("You have accepted")
	c.Settle()
	ask.Submit(`form[action$="/accept"]`).Is(422).Sound()
	c.i.Get("/communities").OK().Sound().Says("Your communities", "Joined")
	c.e.Get(sent.Path).OK().Sound().Says("Joined")
}

func (c *circle) share(t *testing.T, subject string) *models.Dispatch {
	t.Helper()
	d := c.Send(embassy, c.counsellor, c.ankara, dispatches.Content{Kind: "cable", Subject: subject, Precedence: "ROUTINE", Marking: "UNCLASSIFIED", Language: "en", Community: c.community,
		Paragraphs: []dispatches.Paragraph{{Text: "The water of the river."}}})
	c.Settle()
	return d
}

// The whole way of a community in pages: opened, an expert invited and shown, what is
// shared, comments, a guest's comment taken out, terms narrowed, removed.
func TestCommunityInPages(t *testing.T) {
	c := newCircle(t)
	c.open(t)
	early := c.share(t, "Before she came")
	c.join(t)
	d := c.share(t, "Water levels")
	hers := c.i.Get(c.path).OK().Sound().Says("Run by embassy.localhost", "Water levels", "Water sharing.", "Unread", "Guest, up to").Lacks("/statistics", "/remove", "Invitations</h2>")
	hers.Submit(`form[action$="/comment"]`, "comment", "  ").Is(422).Sound().Says("Write what you want to say")
	hers.Submit(`form[action$="/comment"]`, "comment", "Rude <script>words</script>").OK().Says("on its way")
	hers.Submit(`form[action$="/comment"]`, "comment", "Rude <script>words</script>").OK()
	c.Settle()
	mine := c.e.Get(c.path).OK().Sound().Says("Rude", "All 3 members", "Embassy Ankara", "@fellow@institute.localhost").Lacks("<script>words")
	if n := mine.Find("#comments article").Length(); n != 1 {
		t.Errorf("%d comments, sent twice", n)
	}

	members := mine.Follow(`a[href$="/members"]`).OK().Sound().Says("Last delivery", "Reads on this instance")
	one := members.Follow(`a[href*="fellow"]`).OK().Sound().Says("Can read 2 of 2 dispatches", early.Reference, d.Reference, "Can read it", "to 31 Dec 2030")
	one.Submit(`form[action$="/narrow"]`, "ends", "2031-01-01").Is(422).Sound().Says("later than was agreed")
	one.Submit(`form[action$="/narrow"]`, "ceiling", "PUBLIC").OK().Sound().Says("The narrower terms count", "Can read 0 of 2", "Above the member’s ceiling")

	guests := c.e.Get(c.path + "/moderation").OK().Sound().Says("Rude")
	take := guests.Follow(`a[href*="comment="]`).OK().Sound().Says("erased here and on every member’s instance", "cannot be undone")
	take.Submit(`form[action$="/moderation"]`).Is(422).Sound().Says("Give a reason")
	take.Submit(`form[action$="/moderation"]`, "reason", "Off topic").OK().Sound().Says("The comment is erased", "no comments by guests")
	c.Settle()
	c.i.Get(c.path + "/comments").OK().Sound().Says("Nobody has commented").Lacks("Rude")
	c.e.Get(c.path+"/moderation").Submit(`form[action$="/commenting"]`, "who", "members").OK().Says("counts from now on")

	c.e.Get(c.path+"/statistics").OK().Sound().Says("3 readers · 1 guest", "2 dispatches", "institute.localhost").Lacks("style=")
	plots := c.e.Get(c.path + "/statistics").Find("figure.plot > svg[role=img]")
	if plots.Length() != 3 || plots.Find("rect.fill--c title").First().Text() == "" {
		t.Errorf("%d plots", plots.Length())
	}
	ceiling := c.e.Get(c.path+"/ceiling").OK().Sound().Submit(`form[method="get"]`, "to", "PUBLIC").OK().Sound().Says("2 dispatches above it stay", "The ceilings of 2 members go down")
	ceiling.Submit(`form[method="post"][action$="/ceiling"]`).OK().Says("The ceiling is PUBLIC")
	c.e.Get(c.path + "/ceiling?to=SECRET").Is(422).Sound().Says("classified")

	ask := c.e.Get(one.Path).Follow(`a[href*="/remove"]`).OK().Sound().Says("institute.localhost holds copies of", "ends the membership", "new invitation")
	ask.Submit(`form[action$="/remove"]`).Is(422).Sound().Says("Write a reason")
	ask.Submit(`form[action$="/remove"]`, "reason", "The study has ended").OK().Says("The membership has ended")
	ask.Submit(`form[action$="/remove"]`, "reason", "The study has ended").Is(422)
	c.Settle()
	c.e.Get(c.path + "/members?past=1").OK().Sound().Says("Removed")
	c.i.Get(c.path).OK().Sound().Says("The organiser has ended the membership", "stays yours to read", "Water levels").Lacks("form[action$=\"/comment\"]")
	bound := "?who=" + url.QueryEscape(string(c.counsellor))
	c.e.Get(c.path + "/member" + bound).OK().Sound().Says("stay in their own community")
	c.e.Get(c.path + "/remove" + bound).Is(404)
	c.e.Get(c.path + "/leave").Is(404)
}

// A member who leaves is asked first, and reads what she had; an invitation is declined,
// another taken back.
func TestLeaveDeclineRevoke(t *testing.T) {
	c := newCircle(t)
	c.open(t)
	c.join(t)
	c.share(t, "Water levels")
	leave := c.i.Get(c.path).Follow(`a[href$="/leave"]`).OK().Sound().Says("stays yours to read")
	leave.Submit(`form[action$="/leave"]`).OK().Says("You are leaving")
	c.Settle()
	leave.Submit(`form[action$="/leave"]`).Is(422)
	c.i.Get(c.path).OK().Says("ended by leaving", "Water levels")
	c.e.Get(c.path + "/members?past=1").OK().Says("Left")

	ctx := t.Context()
	com := c.Nodes[embassy].Communities
	invite := func() string {
		i, err := com.Invite(ctx, c.counsellor, c.community, communities.Invitation{Who: string(c.expert), HistoryDays: -1})
		cluster.Must(t, err)
		c.Settle()
		return page.ObjectPath("invitations", i.IRI)
	}
	first := invite()
	c.i.Get(first).Submit(`form[action$="/decline"]`).OK().Says("You have declined")
	c.Settle()
	c.e.Get(first).OK().Sound().Says("Declined")
	second := invite()
	revoke := c.e.Get(c.path+"/invitations").OK().Sound().Says("Declined", "Waits for an answer").Follow(`a[href="` + second + `"]`).Follow(`a[href$="/revoke"]`).OK().Sound().Says("can no longer be used")
	revoke.Submit(`form[action$="/revoke"]`).OK().Sound().Says("was taken back", "Taken back")
	revoke.Submit(`form[action$="/revoke"]`).Is(422)
	c.e.Get(second + "/revoke").Is(404)
}

// What one may not see does not exist, and a guest or member administers nothing.
func TestCommunityPagesAreClosed(t *testing.T) {
	c := newCircle(t)
	c.open(t)
	c.join(t)
	eve, err := c.Nodes[embassy].Accounts.AddPerson(t.Context(), "test", "eve", "Eve")
	cluster.Must(t, err)
	stranger, nobody := portaltest.SignIn(t, c.Nodes[embassy], eve.IRI), portaltest.Open(t, c.Nodes[embassy])
	unknown := page.ObjectPath("communities", "http://embassy.localhost/g/nothing")
	for _, what := range []string{"", "/members", "/member?who=" + url.QueryEscape(string(c.expert)), "/invite", "/invitations", "/ceiling", "/ceiling?to=PUBLIC", "/moderation", "/comments", "/statistics", "/leave", "/remove"} {
		seen, none := stranger.Get(c.path+what), stranger.Get(unknown+what)
		if seen.Is(404).Words() != none.Is(404).Words() {
			t.Errorf("%s tells a stranger that the community is there: %s", what, seen.Words())
		}
		if p := nobody.Ask("GET", c.path+what, "", ""); p.Status != 303 || !strings.HasPrefix(p.Header.Get("Location"), "/sign-in?next=") {
			t.Errorf("nobody at %s: %d", what, p.Status)
		}
	}
	for _, what := range []string{"comment", "leave", "remove", "narrow", "invite", "lookup", "ceiling", "moderation", "commenting", "nothing"} {
		form := url.Values{"who": {"@fellow@institute.localhost"}, "to": {"PUBLIC"}, "reason": {"x"}, "comment": {"x"}, "ceiling": {"PUBLIC"}}
		if p := stranger.Post(c.path+"/"+what, form); p.Status != 404 && p.Status != 422 {
			t.Errorf("a stranger's %s: %d %s", what, p.Status, p.Words())
		}
		for _, b := range []*portaltest.Browser{stranger, c.i} {
			if what == "comment" || what == "leave" {
				continue
			}
			if p := b.Post(c.path+"/"+what, form); p.Status < 400 || strings.Contains(p.Words(), "PUBLIC.") {
				t.Errorf("%s is open: %d", what, p.Status)
			}
		}
	}
	for _, what := range []string{"/invite", "/invitations", "/ceiling", "/moderation", "/statistics", "/members?past=1"} {
		c.i.Get(c.path + what).Is(403)
	}
	stranger.Get("/communities/new").Is(404)
	stranger.Get("/communities").OK().Sound().Says("You are in no community").Lacks("Water")
	row, err := models.CommunityByIRI(t.Context(), c.Nodes[embassy].Store.R, c.community)
	cluster.Must(t, err)
	if row.Ceiling != 2 || row.Commenting != models.ByEveryone {
		t.Errorf("changed by others: %+v", row)
	}
}

// The script's own look-up gets the same card, and refusals in words.
func TestLookUpByScript(t *testing.T) {
	c := newCircle(t)
	c.open(t)
	c.e.Header.Set("Accept", "application/json")
	found := c.e.Ask("POST", c.path+"/lookup", "application/x-www-form-urlencoded", "who=%40fellow%40institute.localhost")
	if found.Status != 200 || !strings.Contains(found.Body, `"actor":"http://institute.localhost/u/fellow"`) || !strings.Contains(found.Body, "A person") || !strings.Contains(found.Body, `"may":true`) {
		t.Errorf("found: %d %s", found.Status, found.Body)
	}
	// What the script preselects is what the page without script preselects.
	const official = "who=%40state%40ministry.localhost&role=guest&ceiling=PUBLIC"
	byScript := c.e.Ask("POST", c.path+"/lookup", "application/x-www-form-urlencoded", official)
	if !strings.Contains(byScript.Body, `"role":"member"`) || !strings.Contains(byScript.Body, `"ceiling":"UNCLASSIFIED"`) {
		t.Errorf("an official is offered: %s", byScript.Body)
	}
	if found := c.e.Ask("POST", c.path+"/lookup", "application/x-www-form-urlencoded", strings.Replace(official, "state%40ministry", "fellow%40institute", 1)); !strings.Contains(found.Body, `"role":"guest"`) || !strings.Contains(found.Body, `"ceiling":"PUBLIC"`) {
		t.Errorf("a guest is offered: %s", found.Body)
	}
	c.e.Header.Del("Accept")
	page := c.e.Get(c.path+"/invite").Submit(`main form[data-lookup]`, "who", "@state@ministry.localhost", "act", "look").OK()
	if role, ceiling := page.Find("#role option[selected]").AttrOr("value", ""), page.Find("#ceiling option[selected]").Text(); role != "member" || ceiling != "UNCLASSIFIED" {
		t.Errorf("without script: %s up to %s", role, ceiling)
	}
	c.e.Header.Set("Accept", "application/json")
	none := c.e.Ask("POST", c.path+"/lookup", "application/x-www-form-urlencoded", "who=%40nobody%40institute.localhost")
	if none.Status != 422 || !strings.Contains(none.Body, "no such account") || strings.Contains(none.Body, "card") {
		t.Errorf("not found: %d %s", none.Status, none.Body)
	}
}

// Every page of a community speaks each language, and asks at most eight questions.
func TestCommunityPagesInEveryLanguage(t *testing.T) {
	c := newCircle(t)
	c.open(t)
	c.join(t)
	c.share(t, "Water levels")
	who := "?who=" + url.QueryEscape(string(c.expert))
	for _, lang := range []string{"fr", "ar", "en"} {
		for _, path := range []string{"/communities", "/communities/new", c.path, c.path + "/members", c.path + "/member" + who, c.path + "/remove" + who, c.path + "/invite", c.path + "/invitations", c.path + "/ceiling?to=PUBLIC",
			c.path + "/moderation", c.path + "/comments", c.path + "/statistics"} {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			p := c.e.Get(path + sep + "lang=" + lang).OK().Sound()
			if got := p.Find("html").AttrOr("lang", ""); got != lang || len(p.Body) > 100_000 {
				t.Errorf("%s is in %q with %d bytes", path, got, len(p.Body))
			}
		}
	}
}
