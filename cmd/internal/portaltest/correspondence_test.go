package portaltest_test

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/cmd/internal/sample"
	"valise/cmd/internal/verify"
	"valise/instance/desk"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

// post is two offices that write to each other.
type post struct {
	*cluster.Cluster
	state, officer, ankara, counsellor iri.IRI
	m, e                               *portaltest.Browser
}

func newPost(t *testing.T, options ...cluster.Option) *post {
	t.Helper()
	p := &post{Cluster: cluster.New(t, []iri.Host{ministry, embassy}, options...)}
	p.state, p.officer = p.Office(ministry, "state", "STATE", "Department of State", "desk-officer")
	p.ankara, p.counsellor = p.Office(embassy, "ankara", "ANKARA", "Embassy Ankara", "counsellor")
	p.Accredit(ministry, embassy)
	p.m, p.e = portaltest.SignIn(t, p.Nodes[ministry], p.officer), portaltest.SignIn(t, p.Nodes[embassy], p.counsellor)
	return p
}

// content is a cable with the words of a document of the demo.
func (p *post) content(precedence string, n int) dispatches.Content {
	d, _ := sample.Document(sample.Cyprus, "d249")
	c := dispatches.Content{Kind: "cable", Subject: fmt.Sprintf("Cyprus: position for your next call, %d", n), Precedence: precedence, Marking: "LIMITED", Language: "en", Action: []iri.IRI{p.ankara}}
	for _, x := range d.Paragraphs[:min(4, len(d.Paragraphs))] {
		if text := strings.TrimSpace(x.String()); text != "" {
			c.Paragraphs = append(c.Paragraphs, dispatches.Paragraph{Text: text})
		}
	}
	return c
}

func TestDeskOfficerReadsAndActs(t *testing.T) {
	p := newPost(t)
	c := p.content("IMMEDIATE", 1)
	c.Paragraphs[0].Marking = "UNCLASSIFIED"
	digest, size, err := p.Nodes[ministry].Files.Put(strings.NewReader("talking points"), 100, "")
	cluster.Must(t, err)
	c.Attachments = []dispatches.Attachment{{Name: "Talking points \"as used\".txt", MediaType: "text/plain", Digest: digest, Size: size}}
	d := p.Send(ministry, p.officer, p.state, c)
	routine := p.Send(ministry, p.officer, p.state, p.content("ROUTINE", 2))
	p.Settle()

	list := p.e.Get("/").OK().Sound()
	if list.Path != "/correspondence/ankara/action" {
		t.Fatalf("the front page led to %s", list.Path)
	}
	list.Says("For action", "@state@ministry.localhost", d.Reference, "2 open", "2 unread", "IMMEDIATE", "ROUTINE", "1 attachment")
	if got := list.Find(".row--new").Length(); got != 2 {
		t.Errorf("%d unread rows", got)
	}
	if first := list.Find(".row__subj a").First(); first.AttrOr("href", "") != page.DispatchPath(d.IRI) {
		t.Errorf("the most urgent is not first: %s", first.Text())
	}
	if got := list.Text(`.rail a[aria-current]`); !strings.Contains(got, "For action") || !strings.Contains(got, "2") {
		t.Errorf("the rail says %q", got)
	}

	show := p.e.Get(page.DispatchPath(d.IRI)).OK().Sound().Says("Verified just now", d.Reference, "@state@ministry.localhost", "Embassy Ankara", "Take for action", "Mark as read", "Talking points")
	if n := show.Find("ol.paras > li").Length(); n != len(c.Paragraphs) {
		t.Errorf("%d paragraphs, want %d", n, len(c.Paragraphs))
	}
	if got := strings.TrimSpace(show.Find("ol.paras > li .pm [aria-hidden]").First().Text()); got != "(U)" {
		t.Errorf("the portion mark is %q", got)
	}
	if got := show.Find("ol.paras > li .paras__t").First(); got.AttrOr("lang", "") != "en" || got.AttrOr("dir", "") != "ltr" {
		t.Errorf("a paragraph has lang %q dir %q", got.AttrOr("lang", ""), got.AttrOr("dir", ""))
	}
	// Looking changes nothing.
	if r, err := models.RegistrationOf(t.Context(), p.Nodes[embassy].Store.R, d.IRI, p.ankara); !models.NotFound(err) {
		t.Fatalf("a GET left %+v (%v)", r, err)
	}
	show.Submit(`form[data-read]`).OK().Sound().Says("Marked as read")
	bad := p.e.Get(page.DispatchPath(d.IRI)).Submit(`form[action$="/register"]`, "number", strings.Repeat("9", 101))
	bad.Is(422).Sound()
	if bad.Find(`input[name=number]`).AttrOr("aria-invalid", "") != "true" || bad.Find(`input[name=number]`).AttrOr("value", "") == "" {
		t.Error("the number that was typed is lost, or its error is not beside it")
	}
	bad.Submit(`form[action$="/register"]`, "number", "64/1017").OK().Says("Registered", "64/1017")
	p.e.Get(page.DispatchPath(d.IRI)).Submit(`form[action$="/take"]`).OK().Sound().Says("Taken for action")
	again := p.e.Post(page.DispatchPath(d.IRI)+"/take", url.Values{})
	again.OK()
	p.Settle()

	p.e.Get("/correspondence/ankara/action").Says("1 open", "Taken for action")
	p.e.Get("/correspondence/ankara/action?state=waiting").Says(routine.Reference).Lacks(d.Reference)
	p.e.Get("/correspondence/ankara/registered").Says(d.Reference, "64/1017").Lacks(routine.Reference)
	p.e.Get("/correspondence/ankara/action?precedence=1").Says(routine.Reference).Lacks(d.Reference)
	p.e.Get("/correspondence/ankara/action?peer=other.example").Says("No dispatch fits")
	p.e.Get("/correspondence/ankara/action?since=2026-13-40").Is(422)
	p.e.Get("/correspondence/ankara/action?after=nonsense!").Is(422)

	file := p.e.Get(show.Find(`#att a`).AttrOr("href", "")).OK()
	if file.Body != "talking points" || !strings.HasPrefix(file.Header.Get("Content-Disposition"), "attachment") || file.Header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.Contains(file.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("the file: %q %v", file.Body, file.Header)
	}

	sent := p.m.Get(page.DispatchPath(d.IRI)).OK().Sound()
	row := sent.Find(".board tbody tr").First()
	if row.Find("td.on").Length() != 5 || row.Find("td.end").Length() != 1 || !strings.Contains(row.Text(), "64/1017") {
		t.Errorf("the timetable: %s", row.Text())
	}
	p.m.Get("/correspondence/state/sent").Sound().Says(d.Reference, "Embassy Ankara", "All have it")
}

// The saved copy is what valise verify accepts, and the page of the seal says the same.
func TestSealAndSavedCopy(t *testing.T) {
	p := newPost(t)
	c := p.content("ROUTINE", 1)
	d := p.Send(ministry, p.officer, p.state, c)
	p.Settle()
	c.Subject, c.ChangeNote = "Cyprus: position for your next call", "Paragraph 1 is new"
	c.Paragraphs[0].Text = "The Ambassador should make the following points to the Foreign Minister. " + c.Paragraphs[0].Text
	draft, err := p.Nodes[ministry].Dispatches.NewDraft(t.Context(), p.officer, p.state, &c, d.IRI)
	cluster.Must(t, err)
	_, err = p.Nodes[ministry].Dispatches.Release(t.Context(), p.officer, draft.ID, draft.Revision)
	cluster.Must(t, err)
	p.Settle()

	seal := p.e.Get(page.DispatchPath(d.IRI)+"/seal").OK().Sound().Says("Version 2", "Version 1", "The signature is by that key", "It names the digest of the version that it replaced", "In use")
	if n := seal.Find(".st.red").Length(); n != 0 {
		t.Errorf("%d checks fail: %s", n, seal.Find(".st.red").Text())
	}
	saved := seal.Submit(`form[action$="/download"]`).OK()
	if !strings.Contains(saved.Header.Get("Content-Disposition"), ".valise.json") {
		t.Errorf("%v", saved.Header)
	}
	b, err := verify.Read([]byte(saved.Body))
	cluster.Must(t, err)
	report := verify.Bundle(b)
	if !report.Verified || report.Reference != d.Reference || len(b.Versions) != 2 {
		t.Errorf("valise verify: %+v", report)
	}
	entries, err := models.AuditAfter(t.Context(), p.Nodes[embassy].Store.R, 0, string(d.IRI), "saved", 10)
	if err != nil || len(entries) != 1 {
		t.Errorf("the export is not on record: %d (%v)", len(entries), err)
	}

	diff := p.e.Get(page.DispatchPath(d.IRI)).Says("2 versions", "Paragraph 1 is new").Follow(`#versions a`).OK().Sound()
	if got := diff.Find("ol.paras ins").Text(); !strings.Contains(got, "The Ambassador should make the following points") {
		t.Errorf("what was added is %q", got)
	}
	if diff.Find("ol.paras > li.compare--changed").Length() != 1 || diff.Find("h2 del").Length() != 1 || !strings.Contains(diff.Find("ins .vh").Text(), "Added") {
		t.Error("the difference is not told")
	}
	p.e.Get(page.DispatchPath(d.IRI) + "/compare?a=1&b=9").Is(404)

	// Bytes that were changed in the store are found out.
	_, err = p.Nodes[embassy].Store.W.NewRaw(`UPDATE dispatches SET document = ? WHERE iri = ? AND version = 2`,
		bytes.Replace([]byte(b.Versions[1].Document), []byte("Foreign Minister"), []byte("Prime Minister"), 2), d.IRI).Exec(t.Context())
	cluster.Must(t, err)
	p.e.Get(page.DispatchPath(d.IRI)).OK().Says("This seal does not verify", "not those that were recorded").Lacks("Verified just now")
	p.e.Get(page.DispatchPath(d.IRI)+"/seal").OK().Says("This seal does not verify", "The signature does not fit")
}

// Late and refused deliveries stand aside with words; somebody who may has them tried.
func TestLateIsSetAsideAndTriedAgain(t *testing.T) {
	p := newPost(t)
	p.Send(ministry, p.officer, p.state, p.content("ROUTINE", 0))
	p.Settle()
	p.Stop(embassy)
	d := p.Send(ministry, p.officer, p.state, p.content("ROUTINE", 1))
	p.Settle()
	p.Clock.Forward(25 * 3600 * 1e9)
	_, err := p.Nodes[ministry].Dispatches.Watch(t.Context())
	cluster.Must(t, err)
	p.m = portaltest.SignIn(t, p.Nodes[ministry], p.officer) // the session has run out meanwhile
	p.m.Get("/correspondence/state/aside").OK().Sound().Says(d.Reference, "1 late or refused", "has not reached somebody")
	show := p.m.Get(page.DispatchPath(d.IRI)).OK().Sound().Says("Late, no receipt since", "Try now")
	if show.Find("#evidence td.wait").Length() != 1 {
		t.Error("the board does not mark who is late")
	}
	p.Start(embassy)
	show.Submit(`form[action$="/retry"]`).OK().Says("It is tried now")
	p.Settle()
	p.m.Get("/correspondence/state/aside").OK().Lacks(d.Reference)
	p.m.Get(page.DispatchPath(d.IRI)).Lacks("Try now")
}

func TestForwardAndWithdraw(t *testing.T) {
	p := newPost(t)
	d := p.Send(ministry, p.officer, p.state, p.content("PRIORITY", 1))
	p.Settle()
	n := p.Nodes[embassy]
	second, err := n.Accounts.AddPerson(t.Context(), "test", "attache", "Attaché")
	cluster.Must(t, err)
	cluster.Must(t, n.Accounts.Grant(t.Context(), "test", p.ankara, second.IRI, []string{models.ActRead}, p.Clock.Now().AddDate(1, 0, 0)))
	stranger, err := n.Accounts.AddPerson(t.Context(), "test", "stranger", "Stranger")
	cluster.Must(t, err)

	form := p.e.Get(page.DispatchPath(d.IRI))
	form.Submit("#forward form", "remark", "For you, <b>please</b>").OK().Sound().Says("Passed on", "Attaché", "<b>please</b>")
	form.Submit("#forward form", "remark", "For you, <b>please</b>").OK()
	notices, err := models.Notices(t.Context(), n.Store.R, second.IRI, 0, 10)
	if err != nil || len(notices) != 1 || notices[0].Kind != "dispatch forwarded" || notices[0].Subject != string(d.IRI) {
		t.Errorf("notices %+v (%v)", notices, err)
	}
	p.e.Post(page.DispatchPath(d.IRI)+"/forward", url.Values{"office": {string(p.ankara)}, "colleague": {string(stranger.IRI)}, "remark": {"x"}}).Is(422)

	other := portaltest.SignIn(t, n, stranger.IRI)
	for _, path := range []string{page.DispatchPath(d.IRI), page.DispatchPath(d.IRI) + "/seal", page.DispatchPath(d.IRI) + "/compare?a=1&b=2", page.DispatchPath(d.IRI) + "/withdraw", "/correspondence/ankara/action", page.DispatchPath("http://embassy.localhost/d/none"), "/correspondence/stranger/none"} {
		other.Get(path).Is(404).Says("nothing under this address").Lacks(d.Reference)
	}
	other.Post(page.DispatchPath(d.IRI)+"/download", url.Values{}).Is(404)
	other.Post(page.DispatchPath(d.IRI)+"/read", url.Values{}).Is(404)

	p.e.Get(page.DispatchPath(d.IRI) + "/withdraw").Is(409)
	ask := p.m.Get(page.DispatchPath(d.IRI)).Follow(`a.btn--stop`).OK().Sound().Says("Withdraw "+d.Reference, "1 addressee or member holds a copy", "on 1 instance", "cannot be undone")
	ask.Submit("main form", "supersededBy", "STATE 1999/000001").Is(422).Says("Withdraw")
	ask.Submit("main form", "supersededBy", "").OK().Sound().Says("Withdrawn", "The text is erased")
	ask.Submit("main form", "supersededBy", "").Is(409).Says("withdrawn already")
	p.Settle()
	p.e.Get(page.DispatchPath(d.IRI)).OK().Sound().Says("Withdrawn", "The text is erased").Lacks("Cyprus")
	p.e.Get("/correspondence/ankara/action").OK().Says("Withdrawn").Lacks("Cyprus")
	p.m.Get(page.DispatchPath(d.IRI) + "/withdraw").Is(409)
}

func TestFoldersPage(t *testing.T) {
	p := newPost(t)
	want := map[string]bool{}
	for i := range 60 {
		d := p.Send(ministry, p.officer, p.state, p.content([]string{"ROUTINE", "PRIORITY", "IMMEDIATE", "FLASH"}[i%4], i))
		want[page.DispatchPath(d.IRI)] = true
	}
	p.Settle()
	seen := 0
	for at := p.e.Get("/correspondence/ankara/action?kind=cable").OK().Sound(); ; {
		at.Find(".row__subj a").Each(func(_ int, a *goquery.Selection) {
			if href := a.AttrOr("href", ""); want[href] {
				delete(want, href)
				seen++
			} else {
				t.Errorf("%s is listed twice or is no dispatch", href)
			}
		})
		if len(at.Body) > 100<<10 {
			t.Errorf("a page of %d bytes", len(at.Body))
		}
		next := at.Find(`.pager a[rel=next]`)
		if next.Length() == 0 {
			break
		}
		at = at.Follow(`.pager a[rel=next]`).OK()
	}
	if seen != 60 {
		t.Errorf("%d of 60 were met", seen)
	}
}

// Every page in every language, with a subject that tries to break it.
func TestCorrespondenceSpeaks(t *testing.T) {
	p := newPost(t)
	c := p.content("FLASH", 1)
	c.Subject, c.Paragraphs[0] = `<script>alert(1)</script> "& subject`, dispatches.Paragraph{Language: "ar", Text: "تتشرف السفارة بأن تحيط الوزارة علما **بما يلي**. <script>alert(2)</script>"}
	d := p.Send(ministry, p.officer, p.state, c)
	p.Settle()
	for _, lang := range []string{"en", "fr", "ar"} {
		for _, folder := range desk.Folders {
			p.e.Get("/correspondence/ankara/" + folder + "?lang=" + lang).OK().Sound().Lacks("<script>alert")
		}
		for _, below := range []string{"", "/seal"} {
			at := p.e.Get(page.DispatchPath(d.IRI) + below + "?lang=" + lang).OK().Sound()
			if got := at.Find("html").AttrOr("lang", ""); got != lang || strings.Contains(at.Body, "<script>alert") {
				t.Errorf("%s is in %q", at.Path, got)
			}
		}
		p.m.Get(page.DispatchPath(d.IRI) + "?lang=" + lang).OK().Sound()
		p.m.Get(page.DispatchPath(d.IRI) + "/withdraw?lang=" + lang).OK().Sound()
	}
	first := p.e.Get(page.DispatchPath(d.IRI)).Find("ol.paras .paras__t").First()
	if first.AttrOr("dir", "") != "rtl" || first.AttrOr("lang", "") != "ar" || first.Find("strong").Length() != 1 {
		t.Errorf("an Arabic paragraph in a page: dir %q lang %q", first.AttrOr("dir", ""), first.AttrOr("lang", ""))
	}
}

// A wrong day or choice shows the list's form again, with what was typed and why it was
// not taken beside its field, and no row.
func TestWrongFilter(t *testing.T) {
	c := cluster.New(t, []iri.Host{ministry})
	a := operator(t, c, ministry, "west", "WEST", "Western Department", "anna")
	told := func(path, field, typed, words string) {
		t.Helper()
		p := a.Get(path).Is(422).Sound().Says(words)
		if f := p.Find("main form [name=" + field + "][aria-invalid=true]"); f.Length() != 1 || f.Is("input") && f.AttrOr("value", "") != typed || p.Find("#"+f.AttrOr("aria-describedby", "none")).Length() != 1 {
			t.Errorf("%s: the field %s is not marked, or lost %q", path, field, typed)
		}
	}
	for _, lang := range []string{"fr", "ar", "en"} {
		a.Get("/?lang=" + lang)
		words := map[string][2]string{"en": {"is no day", "is none of the choices"}, "fr": {"n’est pas une date", "ne figure pas"}, "ar": {"ليس تاريخًا", "ليس من الخيارات"}}[lang]
		told("/correspondence/west/action?since=31-02-2026&until=2026-03-01&tag=RIVERS", "since", "31-02-2026", words[0])
		told("/correspondence/west/action?until=yesterday", "until", "yesterday", words[0])
		told("/correspondence/west/action?state=lost", "state", "lost", words[1])
		told("/correspondence/west/sent?precedence=99", "precedence", "99", words[1])
		told("/operator/trail?from=2026-13-01", "from", "2026-13-01", words[0])
		told("/operator/trail?act=danced", "act", "danced", words[1])
		told("/operator/queues?state=lost", "state", "lost", words[1])
		told("/operator/refused?rule=whim", "rule", "whim", words[1])
	}
	told("/archive/records?from=1964&until=196x", "until", "196x", "is no day")
	if got := a.Get("/correspondence/west/action?since=x&tag=RIVERS").Find("#tag").AttrOr("value", ""); got != "RIVERS" {
		t.Errorf("the tag is lost: %q", got)
	}
	a.Post("/operator/trail/export", map[string][]string{"to": {"soon"}}).Is(422).Says("is no day")
	a.Get("/correspondence/west/action?since=2026-02-28").OK()
}
