package browser_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"valise/cmd/internal/browser"
	"valise/cmd/internal/cluster"
	"valise/instance/dispatches"
	"valise/models/iri"
)

// Tags and references are completed by the keyboard alone, in a question and in the list
// of a draft's tags.
func TestCompletion(t *testing.T) {
	w := newWorld(t, browser.Open(t), scene{name: "complete", lang: "en", width: 1280, height: 900})
	n := w.Nodes[w.embassy]
	w.Send(w.embassy, w.ambassador, w.ankara, dispatches.Content{Kind: "cable", Subject: "The upper river", Precedence: "ROUTINE", Marking: "LIMITED", Language: "en", Tags: []string{"RIVERS", "TRADE"},
		Action: []iri.IRI{w.ankara}, Paragraphs: []dispatches.Paragraph{{Text: "The delegation asks for a joint commission.", Language: "en"}}})
	w.Settle()
	cluster.Must(t, n.Search.Settle(t.Context(), 10*time.Second))

	p := w.signIn(t, w.embassy, "ambassador")
	p.Go("/search")
	p.Fill("#q", "river tag:riv")
	p.Until(`document.querySelector("#q-offers:not([hidden]) [role=option]")`)
	p.Keys(kb.ArrowDown)
	p.Until(`document.querySelector("#q").getAttribute("aria-activedescendant") === document.querySelector("#q-offers [aria-selected=true]").id`)
	w.looks(t, p, "search")
	enter(t, p)
	if got := p.Evaluate(`document.querySelector("#q").value`); got != "river tag:RIVERS " {
		t.Errorf("the tag: %q", got)
	}
	p.Keys("ref:ankara")
	p.Until(`document.querySelector("#q-offers:not([hidden]) [role=option]")`)
	p.Keys(kb.Escape)
	p.Until(`document.querySelector("#q-offers").hidden && document.querySelector("#q").getAttribute("aria-expanded") === "false"`)
	p.Keys(" -ref:\"ankara 20")
	p.Until(`document.querySelector("#q-offers:not([hidden]) [role=option]")`)
	p.Keys(kb.ArrowUp)
	enter(t, p)
	if got := p.Evaluate(`document.querySelector("#q").value`); got != `river tag:RIVERS ref:ankara -ref:"ANKARA 2026/000001" ` {
		t.Errorf("the reference: %q", got)
	}
	p.Keys(kb.Enter) // asks
	p.Sees("Nothing that you may read fits")

	p.Go("/drafts/new")
	p.Follow("main form .btn--main")
	p.Fill("#tags", "CYPRUS, tr")
	p.Until(`document.querySelector("#tags-offers:not([hidden]) [role=option]")`)
	w.looks(t, p, "tags")
	p.Click("#tags-offers [role=option]")
	if got := p.Evaluate(`document.querySelector("#tags").value`); got != "CYPRUS, TRADE, " {
		t.Errorf("the tags: %q", got)
	}
}

// enter presses Enter in the question, where it takes an offer and does not ask yet. A key
// of the protocol sends its character even when its press was taken.
func enter(t *testing.T, p *browser.Person) {
	t.Helper()
	if p.Evaluate(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }))`) != "false" {
		t.Error("Enter sends the form in the place of taking the offer")
	}
}
