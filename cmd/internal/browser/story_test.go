package browser_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/browser"
	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/instance/dispatches"
	"valise/models/iri"
	"valise/ui/page"
)

// The whole way of a dispatch and of a community, as people see it: an official drafts,
// another clears and releases, an embassy takes it for action, opens a community, and two
// guests come in, one of them by code.
func TestStory(t *testing.T) {
	b := browser.Open(t)
	for _, s := range []scene{
		{name: "en-wide", lang: "en", width: 1280, height: 900, passkey: true, word: "aquifers",
			subject: "Water: position for your next call", text: "The delegation asks for a joint commission on the aquifers of the plain."},
		{name: "ar-narrow", lang: "ar", width: 390, height: 844, word: "الجوفية",
			subject: "المياه: الموقف في لقائكم المقبل", text: "يطلب الوفد تشكيل لجنة مشتركة بشأن المياه الجوفية في السهل."},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, b, s)
			at := w.drafted(t)
			id := w.released(t, at)
			w.handled(t, id)
			community := w.gathered(t)
			shared := w.joined(t, community)
			w.readByCode(t, community, shared)
			w.Check()
			if s.lang == "en" {
				w.inFrench(t, at, id, community)
			}
		})
	}
}

// drafted: the official writes in the editor, whose script saves, completes an address and
// says who will read. It returns the draft's path.
func (w *world) drafted(t *testing.T) string {
	door := w.open(t, w.ministry)
	door.Go("/")
	w.looks(t, door, "01-door")
	p := w.signIn(t, w.ministry, "desk-officer")
	w.looks(t, p, "02-desk")
	p.Go("/drafts/new")
	p.Choose("#language", w.scene.lang)
	w.looks(t, p, "03-new-draft")
	p.Follow("main form .btn--main")
	at := p.At()

	for p.Evaluate(`document.querySelectorAll(".ed").length`) != "1" { // the gaps of the form of a cable
		p.Follow(".ed:last-child button[value=remove]")
	}
	p.Fill(".ed textarea", w.scene.text)
	p.Until(`document.querySelector(".ed--unsaved")`)
	p.Until(`!document.querySelector(".ed--unsaved")`) // the script saves after two seconds
	p.Go(at)
	if got := p.Evaluate(`document.querySelector(".ed textarea").value`); got != w.scene.text {
		t.Fatalf("what was saved while she wrote: %q", got)
	}
	p.Fill("#subject", w.scene.subject)
	p.Choose("#precedence", "IMMEDIATE")
	p.Choose("#marking", "LIMITED")
	p.Follow("#headform .btn")
	p.Fill("#query", "ankara")
	p.Until(`document.querySelector("#query-hits option")`)
	p.Fill("#query", p.Evaluate(`document.querySelector("#query-hits option").value`))
	p.Follow(`#addressees > form button[value=action]`)
	p.Until(`document.querySelector("[data-outlook] .big")`)
	w.looks(t, p, "04-editor")
	p.Until(`document.activeElement === document.body`)
	p.Keys("p")
	p.Until(fmt.Sprintf(`location.pathname === %q && document.readyState === "complete"`, at+"/preview"))
	p.Sees(w.scene.text)
	w.looks(t, p, "05-preview")
	p.Go(at)
	p.Follow("#clearance form .btn--main")
	w.looks(t, p, "06-in-clearance")
	return at
}

// released: another person clears the draft and releases it after he has proved himself
// again. It returns the dispatch.
func (w *world) released(t *testing.T, at string) iri.IRI {
	p := w.signIn(t, w.ministry, "director")
	if w.scene.passkey {
		p.Authenticator()
		p.Go("/profile")
		p.Fill("#pkname", "Desk key")
		p.Follow("form[data-passkey=add] .btn")
		p.Sees("Desk key")
		w.looks(t, p, "07-passkey")
	}
	p.Go(at + "/clear")
	w.looks(t, p, "08-clear")
	p.Follow("button[value=agree]")
	w.Clock.Forward(6 * time.Minute) // a proof is fresh for five
	p.Go("/release")
	w.looks(t, p, "09-release-queue")
	p.Follow(".row__subj a")
	release := p.At()
	w.looks(t, p, "10-release")
	p.Follow("aside .btn--main")
	if !strings.HasPrefix(p.At(), "/sign-in/again") {
		t.Fatalf("a stale sign-in was led to %s", p.At())
	}
	w.looks(t, p, "11-again")
	if w.scene.passkey {
		p.Follow("button[data-passkey=sign-in]")
	} else {
		p.Fill("#password", portaltest.Password)
		p.Follow("form .btn--main")
	}
	if p.At() != release {
		t.Fatalf("the proof led to %s, not back to %s", p.At(), release)
	}
	p.Follow("aside .btn--main")
	if !strings.HasPrefix(p.At(), "/dispatches/") {
		t.Fatalf("the release led to %s", p.At())
	}
	w.looks(t, p, "12-released")
	w.Settle()
	rest := strings.TrimPrefix(p.At(), "/dispatches/")
	host, path, _ := strings.Cut(rest, "/")
	if h, err := url.PathUnescape(host); err == nil {
		host = h
	}
	return iri.IRI(iri.Host(host).Base() + "/" + path)
}

// handled: an officer of the embassy finds the dispatch, reads it, looks at its seal,
// registers it and takes it for action with a key. A search finds it.
func (w *world) handled(t *testing.T, id iri.IRI) {
	p := w.signIn(t, w.embassy, "counsellor")
	if p.At() != "/correspondence/ankara/action" {
		t.Fatalf("the front page led to %s", p.At())
	}
	p.Sees(w.scene.subject)
	w.looks(t, p, "13-action")
	p.Keys("j")
	p.Keys("o")
	show := page.DispatchPath(id)
	p.Until(fmt.Sprintf(`location.pathname === %q && document.readyState === "complete"`, show))
	p.Sees(w.scene.text)
	w.looks(t, p, "14-dispatch")
	p.Until(`!document.querySelector("form[data-read]")`) // in view for two seconds
	p.Follow(`#integrity a[href$="/seal"]`)
	if p.Evaluate(`document.querySelectorAll(".seal .st.green").length`) == "0" {
		t.Errorf("the seal does not hold")
	}
	w.looks(t, p, "15-seal")
	p.Go(show)
	p.Fill("#number-ankara", "64/1017")
	p.Follow(`form[action$="/register"] .btn`)
	p.Sees("64/1017")
	p.Go("/correspondence/ankara/action")
	if p.Evaluate(`document.querySelectorAll("[data-take]").length`) != "1" {
		t.Fatal("nothing waits to be taken for action")
	}
	p.Keys("j")
	p.Keys("t")
	p.Until(`!document.querySelector("[data-take]") && document.querySelector(".row__st.green")`)
	w.looks(t, p, "16-taken")
	cluster.Must(t, w.Nodes[w.embassy].Search.Settle(t.Context(), 30*time.Second))
	p.Go("/search")
	p.Fill("#q", w.scene.word)
	p.Follow(".ask .btn")
	p.Sees(w.scene.subject)
	if from := p.Text(".row__from b"); from != "Department of State" {
		t.Errorf("what was found is from %q", from)
	}
	w.looks(t, p, "17-found")

	w.Settle()
	author := w.signIn(t, w.ministry, "desk-officer")
	author.Go(show)
	author.Sees("64/1017")
	w.looks(t, author, "18-timetable")
}

// gathered: the ambassador opens a community and invites two people, whose accounts the
// page shows while she types. It returns the community's path.
func (w *world) gathered(t *testing.T) string {
	p := w.signIn(t, w.embassy, "ambassador")
	p.Go("/communities")
	w.looks(t, p, "19-communities")
	p.Follow(`a[href="/communities/new"]`)
	p.Fill("#name", w.scene.subject)
	p.Fill("#username", "water")
	p.Fill("#charter", w.scene.text)
	p.Choose("#ceiling", "UNCLASSIFIED")
	w.looks(t, p, "20-new-community")
	p.Follow("main form .btn--main")
	at := p.At()
	w.looks(t, p, "21-community")
	for i, handle := range []string{"@fellow@" + string(w.institute), w.eve.Handle()} {
		p.Go(at)
		p.Until(`document.activeElement === document.body`)
		p.Keys("i")
		p.Until(`location.pathname.endsWith("/invite") && document.readyState === "complete"`)
		p.Fill("#who", handle)
		p.Until(`document.querySelector("[data-card] .found") && document.querySelector("form[data-lookup]").elements.actor.value`)
		if p.Evaluate(`document.querySelector("[data-send]").textContent === document.querySelector("[data-send]").dataset.send`) != "true" {
			t.Error("the button does not say that it sends the invitation")
		}
		p.Choose("#ceiling", "UNCLASSIFIED")
		p.Fill("#words", w.scene.subject)
		w.looks(t, p, fmt.Sprintf("%d-invite", 22+i))
		p.Follow("button[value=send]")
		if !strings.HasPrefix(p.At(), "/invitations/") {
			t.Fatalf("inviting %s led to %s", handle, p.At())
		}
		w.Settle()
	}
	w.looks(t, p, "24-invited")
	return at
}

// joined: the fellow accepts on her own instance, reads what the embassy shares and
// comments. It returns what was shared.
func (w *world) joined(t *testing.T, community string) iri.IRI {
	p := w.signIn(t, w.institute, "fellow")
	p.Go("/communities")
	w.looks(t, p, "25-invitations")
	p.Follow(`a[href^="/invitations/"]`)
	w.looks(t, p, "26-invitation")
	p.Follow(`form[action$="/accept"] .btn`)
	_, err := w.eve.Follow("@water@" + string(w.embassy))
	cluster.Must(t, err)
	w.Settle()
	d := w.Send(w.embassy, w.ambassador, w.ankara, dispatches.Content{Kind: "cable", Subject: w.scene.subject, Precedence: "ROUTINE", Marking: "UNCLASSIFIED", Language: w.scene.lang,
		Community: iri.IRI(w.embassy.Base() + "/g/water"), Paragraphs: []dispatches.Paragraph{{Text: w.scene.text}}})
	w.Settle()
	p.Go(page.DispatchPath(d.IRI))
	p.Sees(w.scene.text)
	p.Fill("#comment", "The table of our paper has the levels.")
	p.Follow(`form[action$="/comment"] .btn`)
	w.Settle()
	p.Go(community)
	p.Sees("The table of our paper has the levels.")
	w.looks(t, p, "27-member")
	return d.IRI
}

// readByCode: eve opens the link of the bulletin, proves herself by the code that reached
// her account, reads and comments; the organiser takes her comment out.
func (w *world) readByCode(t *testing.T, community string, shared iri.IRI) {
	p := w.open(t, w.embassy)
	bulletin := w.bulletin(t)
	p.Go(bulletin)
	p.Lacks(w.scene.text)
	w.looks(t, p, "28-guest-door")
	p.Fill("#handle", w.eve.Handle())
	p.Follow(`form[action="/guest/ask"] .btn--main`)
	w.looks(t, p, "29-guest-code")
	p.Fill("#code", w.code(t))
	p.Follow(`form[action="/guest/code"] .btn--main`)
	if p.At() != bulletin {
		t.Fatalf("the code led to %s, not to %s", p.At(), bulletin)
	}
	p.Sees(w.scene.text)
	w.looks(t, p, "30-guest-reads")
	const words = "We disagree with the second figure."
	p.Fill("#comment", words)
	p.Follow("#comments form .btn--main")
	p.Sees(words)
	w.looks(t, p, "31-guest-commented")
	w.Settle()

	o := w.signIn(t, w.embassy, "ambassador")
	o.Go(page.DispatchPath(shared))
	o.Sees(words)
	o.Go(community + "/moderation")
	w.looks(t, o, "32-moderation")
	o.Sees(words)
	o.Evaluate(fmt.Sprintf(`[...document.querySelectorAll("article")].find((a) => a.innerText.includes(%q)).nextElementSibling.querySelector("a").id = "hers"`, words))
	o.Follow("#hers")
	o.Sees(words)
	w.looks(t, o, "33-take-out")
	o.Fill("#reason", "Off topic")
	o.Follow(".btn--stop")
	w.Settle()
	w.looks(t, o, "34-taken-out")
	o.Go(page.DispatchPath(shared))
	o.Lacks(words)
	p.Go(bulletin)
	p.Lacks(words)
	p.Quiet()
}

// inFrench looks at the main pages in the third language.
func (w *world) inFrench(t *testing.T, draft string, id iri.IRI, community string) {
	w.scene.lang, w.scene.name = "fr", "fr-wide"
	look := func(h iri.Host, name string, pages ...string) {
		p := w.signIn(t, h, name)
		for i, at := range pages {
			p.Go(at)
			w.looks(t, p, fmt.Sprintf("%s-%d", name, i+1))
		}
	}
	look(w.embassy, "counsellor", "/correspondence/ankara/action", page.DispatchPath(id))
	look(w.embassy, "ambassador", community, community+"/invite", community+"/statistics")
	look(w.ministry, "desk-officer", draft, draft+"/history", "/directory", "/archive", "/profile")
}
