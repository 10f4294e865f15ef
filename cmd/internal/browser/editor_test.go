package browser_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"valise/cmd/internal/browser"
	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/models"
)

// written is the text of the first paragraph as it stands in a window.
const written = `document.querySelector(".ed textarea").value`

// Two people write in one paragraph at once, with script and without: words that do not
// meet are joined, words that do stand beside each other until somebody chooses, and none
// is lost.
func TestEditorOfTwo(t *testing.T) {
	b := browser.Open(t)
	for _, s := range []struct {
		name, lang    string
		width, height int64
		script        bool
	}{{"en-wide", "en", 1280, 900, true}, {"ar-narrow", "ar", 390, 844, false}} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, b, s.lang, s.width, s.height)
			office, alice := d.Office(d.node.Own, "legation", "STRELSAU", "Legation of Ruritania", "alice")
			bob, err := d.node.Accounts.AddPerson(t.Context(), "test", "bob", "Bob Hentzau")
			cluster.Must(t, err)
			cluster.Must(t, d.node.Accounts.Grant(t.Context(), "test", office, bob.IRI, []string{models.ActDraft}, time.Time{}))
			portaltest.SignIn(t, d.node, alice)
			portaltest.SignIn(t, d.node, bob.IRI)
			p, q := d.signIn("alice"), d.signIn("bob")
			if !s.script {
				p.Scriptless()
				q.Scriptless()
			}
			looks := func(p *browser.Person, name string) {
				t.Helper()
				if s.script {
					d.looks(p, "editor-"+s.name+"-"+name)
				} else { // axe-core is a script
					p.Shot("editor-" + s.name + "-" + name)
					p.Quiet()
				}
			}
			save := func(people ...*browser.Person) {
				t.Helper()
				for _, p := range people {
					if s.script { // saves two seconds after the last key
						p.Until(`!document.querySelector(".ed--unsaved")`)
					} else {
						p.Follow(".ed button[value=save]")
					}
				}
			}
			const met = "The two delegations met on Monday and agreed on nothing."
			p.Go("/drafts/new")
			p.Follow("main form .btn--main")
			at := p.At()
			for p.Evaluate(`document.querySelectorAll(".ed").length`) != "1" {
				p.Follow(".ed:last-child button[value=remove]")
			}
			p.Fill(".ed textarea", met)
			save(p)
			q.Go(at)

			p.Fill(".ed textarea", strings.Replace(met, "Monday", "Tuesday", 1))
			q.Fill(".ed textarea", strings.Replace(met, "nothing", "a text", 1))
			save(p, q)
			const joined = "The two delegations met on Tuesday and agreed on a text."
			q.Until(fmt.Sprintf(`%s === %q`, written, joined))
			looks(q, "1-joined")
			if s.script {
				p.Evaluate(`document.activeElement.blur()`)
				p.Until(fmt.Sprintf(`%s === %q`, written, joined))
			} else {
				p.Go(at)
				q.Go(at)
			}

			p.Fill(".ed textarea", strings.Replace(joined, "Tuesday", "Wednesday", 1))
			save(p)
			q.Fill(".ed textarea", strings.Replace(joined, "Tuesday", "Thursday morning", 1))
			save(q)
			if !s.script {
				p.Go(at)
			}
			for _, each := range []*browser.Person{q, p} {
				each.Until(`document.querySelector(".clash")`)
				each.Until(`document.querySelector(".clash").innerText.includes("Wednesday") && document.querySelector(".clash").innerText.includes("Thursday morning")`)
			}
			looks(p, "2-hers")
			looks(q, "3-his")
			p.Follow(".ed button[value=both]")
			looks(p, "4-both")
			q.Go(at)
			for _, word := range []string{"Wednesday", "Thursday morning"} {
				q.Until(fmt.Sprintf(`%s.includes(%q)`, written, word))
			}
			if q.Evaluate(`document.querySelectorAll(".clash").length`) != "0" {
				t.Error("the clash is still open")
			}
			if s.script {
				walk(t, p, q, at)
			}
			d.Check()
		})
	}
}

// places are what the Tab key must reach.
const places = `[...document.querySelectorAll("a[href],button,input,select,textarea,summary")].filter((e) => e.tabIndex >= 0 && !e.disabled && e.type !== "hidden" && e.checkVisibility({ visibilityProperty: true }))`

// shown says that the place where the Tab key is can be seen. The parts of a date are the
// browser's own.
const shown = `((e, s) => e.type === "datetime-local" || (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2))(document.activeElement, getComputedStyle(document.activeElement))`

// walk goes through the whole editor with the Tab key while another person writes in it:
// every place is reached in its order, each shows that it is, and nothing is lost or keeps
// the key.
func walk(t *testing.T, p, other *browser.Person, at string) {
	t.Helper()
	p.Go(at)
	p.Evaluate(`void (window.walked = [])`)
	other.Fill("#at-p1 textarea", "Another sentence.")
	for i, last := 0, "0"; last != "-1"; i++ {
		if i > 200 {
			t.Fatalf("the Tab key never leaves the page; it is at %s", p.Evaluate(`document.activeElement.outerHTML`))
		}
		if i == 5 {
			p.Until(fmt.Sprintf(`%s === "Another sentence."`, written))
		}
		p.Keys(kb.Tab)
		last = p.Evaluate(`((e) => { const at = ` + places + `.indexOf(e); if (at >= 0 && walked.at(-1) !== e) walked.push(e); return at; })(document.activeElement)`)
		if last != "-1" && p.Evaluate(shown) != "true" {
			t.Errorf("the focus is not seen on %s", p.Evaluate(`document.activeElement.outerHTML.slice(0, 200)`))
		}
	}
	if got := p.Evaluate(`((all) => all.filter((e) => !walked.includes(e)).map((e) => e.outerHTML.slice(0, 120)).join("; ") + (walked.some((e, i) => i && all.indexOf(e) < all.indexOf(walked[i - 1])) ? "; out of order" : ""))(` + places + `)`); got != "" {
		t.Errorf("the Tab key does not reach %s", got)
	}
}
