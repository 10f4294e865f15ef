package portaltest_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/instance/communities"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

// A dispatch to be shared begins with its community as audience, at what it may hold.
func TestShareBeginsWithTheCommunity(t *testing.T) {
	c := newCircle(t)
	c.open(t)
	form := c.e.Get(c.path).Follow(`a[href^="/drafts/new?"]`).OK().Sound().Says("It will be shared in Water <b>now</b>")
	for _, lang := range []string{"fr", "ar"} {
		c.e.Get("/drafts/new?community=" + url.QueryEscape(string(c.community)) + "&lang=" + lang).OK().Sound().Says("Water <b>now</b>")
	}
	c.e.Get("/profile?lang=en").OK()
	draft := form.Submit("main form").OK().Sound()
	if got := draft.Find("#marking option[selected]").Text(); got != "UNCLASSIFIED" {
		t.Errorf("it begins as %s", got)
	}
	id := strings.TrimPrefix(draft.Path, "/drafts/")
	_, content, _, err := c.Nodes[embassy].Dispatches.Draft(t.Context(), c.counsellor, id)
	cluster.Must(t, err)
	if content.Community != c.community || len(content.Action)+len(content.Info) != 0 {
		t.Errorf("the audience: %q %v %v", content.Community, content.Action, content.Info)
	}
	// Whoever is no member is told of none.
	c.m.Get("/drafts/new?community=" + url.QueryEscape(string(c.community))).Is(404)
	c.m.Post("/drafts/new", url.Values{"office": {string(c.state)}, "form": {"cable"}, "language": {"en"}, "community": {string(c.community)}}).Is(404)
}

// Notices lead to what they are about.
func TestNoticesLead(t *testing.T) {
	c := newCircle(t)
	c.open(t)
	i, err := c.Nodes[embassy].Communities.Invite(t.Context(), c.counsellor, c.community, communities.Invitation{Who: string(c.expert), Role: models.RoleGuest, HistoryDays: -1})
	cluster.Must(t, err)
	c.Settle()
	c.i.Get("/notices").OK().Sound().Follow(`a[href="` + page.ObjectPath("invitations", i.IRI) + `"]`).OK().Says("Water sharing.")
	cluster.Must(t, c.Nodes[institute].Communities.Decline(t.Context(), c.expert, i.IRI))
	c.Settle()
	c.e.Get("/notices").OK().Sound().Says("An invitation was declined").Follow(`a[href="` + c.path + `/members"]`).OK().Says("Last delivery")
	for _, lang := range []string{"fr", "ar"} {
		c.e.Get("/notices?lang=" + lang).OK().Sound().Lacks("invitation declined")
	}
}

// Opening a dispatch reads the notices about it, and no others, for whoever opens it.
func TestOpeningReadsItsNotices(t *testing.T) {
	p := newPost(t)
	one := p.Send(ministry, p.officer, p.state, p.content("PRIORITY", 1))
	two := p.Send(ministry, p.officer, p.state, p.content("PRIORITY", 2))
	p.Settle()
	n := p.Nodes[embassy]
	second, err := n.Accounts.AddPerson(t.Context(), "test", "attache", "Attaché")
	cluster.Must(t, err)
	cluster.Must(t, n.Accounts.Grant(t.Context(), "test", p.ankara, second.IRI, []string{models.ActRead}, p.Clock.Now().AddDate(1, 0, 0)))
	unread := func(who iri.IRI) (about []string) {
		list, err := n.Access.Notices(t.Context(), who, true, 0, 50)
		cluster.Must(t, err)
		for _, x := range list {
			if x.Kind != "password set" {
				about = append(about, x.Subject)
			}
		}
		return about
	}
	if got := unread(p.counsellor); len(got) != 2 {
		t.Fatalf("unread at first: %v", got)
	}
	zero := p.Send(ministry, p.officer, p.state, p.content("PRIORITY", 3))
	p.Settle()
	p.e.Get(page.DispatchPath(zero.IRI)).OK() // what is remembered between pages is read now
	p.e.Within(8, page.DispatchPath(one.IRI)).OK().Sound()
	if got := unread(p.counsellor); len(got) != 1 || got[0] != string(two.IRI) {
		t.Errorf("unread after she opened %s: %v", one.IRI, got)
	}
	if got := unread(second.IRI); len(got) != 3 {
		t.Errorf("unread for her colleague: %v", got)
	}
	p.e.Within(7, page.DispatchPath(one.IRI)).OK()
	stranger, err := n.Accounts.AddPerson(t.Context(), "test", "stranger", "Stranger")
	cluster.Must(t, err)
	portaltest.SignIn(t, n, stranger.IRI).Get(page.DispatchPath(two.IRI)).Is(404)
}

// The page of a dispatch shows the whole conversation, as far as its reader may see it.
func TestConversationOnThePage(t *testing.T) {
	p := newPost(t)
	answer := func(host iri.Host, person, office, to iri.IRI, d *models.Dispatch, subject string) *models.Dispatch {
		out := p.Send(host, person, office, dispatches.Content{Kind: "cable", Subject: subject, Precedence: "ROUTINE", Marking: "UNCLASSIFIED", Language: "en", Action: []iri.IRI{to},
			References: []dispatches.Reference{{Target: d.IRI, Label: d.Reference, Digest: d.Digest, Answers: true}}, Paragraphs: []dispatches.Paragraph{{Text: "In answer."}}})
		p.Settle()
		return out
	}
	first := p.Send(ministry, p.officer, p.state, p.content("PRIORITY", 1))
	p.Settle()
	second := answer(embassy, p.counsellor, p.ankara, p.state, first, "Second")
	third := answer(ministry, p.officer, p.state, p.ankara, second, "Third")
	hidden := answer(embassy, p.counsellor, p.ankara, p.ankara, third, "Kept at home")
	p.m.Get(page.DispatchPath(first.IRI)).OK() // what is remembered between pages is read now
	for _, d := range []*models.Dispatch{first, second, third} {
		list := p.m.Within(8, page.DispatchPath(d.IRI)).OK().Sound().Find("#conversation")
		if got := list.Find("li").Length(); got != 3 || !strings.Contains(list.Text(), second.Reference) || strings.Contains(list.Text(), hidden.Reference) {
			t.Errorf("the conversation of %s: %d %s", d.Reference, got, list.Text())
		}
	}
	at := p.e.Get(page.DispatchPath(first.IRI)).OK()
	if got := at.Find("#conversation li").Length(); got != 4 {
		t.Errorf("at the embassy: %d", got)
	}
	for _, lang := range []string{"fr", "ar"} {
		p.e.Get(page.DispatchPath(first.IRI) + "?lang=" + lang).OK().Sound()
	}
}

// The line of somebody who has erased the text says so in a sentence.
func TestErasedHasASentence(t *testing.T) {
	p := newPost(t)
	d := p.Send(ministry, p.officer, p.state, p.content("PRIORITY", 1))
	p.Settle()
	_, err := p.Nodes[ministry].Dispatches.Withdraw(t.Context(), p.officer, string(d.IRI), "")
	cluster.Must(t, err)
	p.Settle()
	for lang, words := range map[string]string{"en": "The text was erased there on", "fr": "Le texte y a été effacé", "ar": "مُحي النص هناك"} {
		p.m.Get(page.DispatchPath(d.IRI) + "?lang=" + lang).OK().Sound().Says(words)
	}
}

// A draft from a template is neither sent for clearance, nor cleared, nor released while a
// gap is left, by nobody and by no machine.
func TestGapsAreNotReleased(t *testing.T) {
	c, alice, _, carl, _ := chancery(t)
	n := c.Nodes[embassy]
	p := alice.Get("/drafts/new").Submit("main form", "form", "noteVerbale").OK()
	at, id := p.Path, strings.TrimPrefix(p.Path, "/drafts/")
	p = p.Submit("#headform form", "subject", "Experts").OK()
	p = p.Submit("#addressees > form", "query", "@state@ministry.localhost", "role", "action").OK()
	if n := p.Find(".btn--main").Length(); n != 1 {
		t.Errorf("the editor has %d main acts", n)
	}
	p.Submit(`form[action$="/ask"]`).Is(422).Says("gaps of its template", "paragraphs 1 and 2", "[inform it of the following matter]")
	check := alice.Get(at+"/check").OK().Sound().Says("Paragraph 1", "Paragraph 2", "Write what belongs there")
	if got := strings.Count(check.Words(), "Write what belongs there"); got != 2 {
		t.Errorf("%d paragraphs are named", got)
	}
	for _, lang := range []string{"fr", "ar"} {
		alice.Get(at + "/check?lang=" + lang).OK().Sound().Lacks("Write what belongs there")
	}
	d, _, _, err := n.Dispatches.Draft(t.Context(), alicesIRI, id)
	cluster.Must(t, err)
	refused := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "is left in") {
			t.Errorf("%s: %v", what, err)
		}
	}
	who := iri.IRI("http://embassy.localhost/u/carl")
	refused("asked", n.Dispatches.AskClearance(t.Context(), alicesIRI, id, d.Revision, []iri.IRI{who}))
	refused("cleared", n.Dispatches.Clear(t.Context(), who, id, d.Revision, true, ""))
	cluster.Must(t, n.Dispatches.Clear(t.Context(), who, id, d.Revision, false, "Fill it."))
	_, err = n.Dispatches.Release(t.Context(), who, id, d.Revision)
	refused("released", err)
	p = alice.Get(at + "?lang=en").OK()
	p = p.Submit("#at-p1 form.ed__f", "text", "The Embassy has the honour to name [three] experts.", "do", "save").OK()
	p = p.Submit("#at-p2 form.ed__f", "text", "They are [Ms A], Mr B and Mr C.", "do", "save").OK()
	p.Submit(`form[action$="/ask"]`).OK().Says("Sent for clearance")
	carl.Get(at+"/clear").Submit("main form", "decision", "agree").OK()
}

const alicesIRI = iri.IRI("http://embassy.localhost/u/alice")

// Whoever wrote in a draft hears of a comment by somebody else, once each, without its words.
func TestCommentsOnADraftAreTold(t *testing.T) {
	c, alice, bob, carl, _ := chancery(t)
	n := c.Nodes[embassy]
	at := alice.Get("/drafts/new").Submit("main form").OK().Path
	bob.Get(at).Submit("#at-p2 form.ed__f", "text", "Bob's report.", "do", "save").OK()
	carl.Get(at).Submit(`#at-p1 details form`, "comment", "Is this so?").OK()
	for i, b := range []*portaltest.Browser{alice, bob, carl} {
		p := b.Get("/notices").OK().Sound()
		if got := p.Find(fmt.Sprintf(`a[href=%q]`, at)).Length(); got != []int{1, 1, 0}[i] {
			t.Errorf("person %d has %d notices", i, got)
		}
		p.Lacks("Is this so?")
	}
	alice.Get("/notices").Says("Somebody commented on a draft").Follow(fmt.Sprintf(`a[href=%q]`, at)).OK().Says("Is this so?")
	cluster.Must(t, n.Accounts.Revoke(t.Context(), "test", "http://embassy.localhost/o/nicosia", "http://embassy.localhost/u/bob", []string{models.ActDraft}))
	alice.Get(at).Submit(`#at-p1 details form`, "comment", "It is.").OK()
	if list, err := n.Access.Notices(t.Context(), "http://embassy.localhost/u/bob", true, 0, 10); err != nil || len(list) != 2 || list[1].Kind != "password set" {
		t.Errorf("somebody without a mandate hears of it: %+v %v", list, err)
	}
}

// The issuing office sees by which collective address a dispatch went, and for how many it
// stood; the addressees see each other alone.
func TestCollectiveOnTheBoard(t *testing.T) {
	p := newPost(t)
	n := p.Nodes[ministry]
	east, _ := p.Office(ministry, "east", "EAST", "Eastern Department", "bruno")
	id, err := n.Drafting.DefineCollective(t.Context(), p.officer, p.state, "", "Contact <group>", []iri.IRI{east, p.ankara})
	cluster.Must(t, err)
	content := p.content("ROUTINE", 1)
	content.Action, content.Collectives = nil, []dispatches.Collective{{ID: id, Name: "Contact <group>", Role: models.RoleAction}}
	d := p.Send(ministry, p.officer, p.state, content)
	p.Settle()
	at := page.DispatchPath(d.IRI)
	for lang, words := range map[string]string{"fr": "Adressée sous le nom Contact <group> (2 services)", "ar": "(مكتبان)", "en": "Addressed as Contact <group> (2 offices)"} {
		p.m.Get(at + "?lang=" + lang).OK().Sound().Says(words)
	}
	p.m.Within(8, at).OK()
	p.e.Get(at).OK().Lacks("Contact <group>")
}

// Notices, and why an arrival was set aside, are said in the reader's language; what others
// wrote within them stays as it is and stands apart.
func TestNoticesInWords(t *testing.T) {
	p := newPost(t)
	n := p.Nodes[ministry]
	for kind, detail := range map[string]string{
		"delivery failed":       "Create did not reach https://b.localhost/o: given up after 16 days: answered 503: <i>Too busy</i>",
		"change asked":          "it was withdrawn",
		"accreditation refused": "b.localhost refused our proposal",
	} {
		cluster.Must(t, models.InsertNotice(t.Context(), n.Store.W, &models.Notice{Recipient: p.officer, Kind: kind, Subject: "s", Detail: detail, CreatedAt: models.At(p.Clock.Now())}))
	}
	at := p.m.Get("/notices?lang=fr").OK().Sound().Says("Create n’est pas arrivé à https://b.localhost/o : abandonné après 16 jours : le serveur a répondu 503 : « <i>Too busy</i> »",
		"b.localhost a refusé notre proposition", "Un pair a refusé l’accréditation", "it was withdrawn")
	if got := at.Find("main bdi").FilterFunction(func(_ int, s *goquery.Selection) bool { return s.Text() == "<i>Too busy</i>" }).Length(); got != 1 {
		t.Errorf("what the other server said stands apart %d times", got)
	}
	p.m.Get("/notices?lang=ar").OK().Sound().Says("لم يصل Create إلى https://b.localhost/o: تُرك بعد 16 يومًا: أجاب الخادم 503: «<i>Too busy</i>»", "it was withdrawn")
}
