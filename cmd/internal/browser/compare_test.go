package browser_test

import (
	"testing"

	"valise/cmd/internal/browser"
	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/instance/dispatches"
	"valise/models/iri"
	"valise/ui/page"
)

// A correction beside what it replaces is read in a wide and a narrow window, from right
// to left and on paper.
func TestCompared(t *testing.T) {
	b := browser.Open(t)
	for _, s := range []struct {
		name, lang    string
		width, height int64
	}{{"en-wide", "en", 1280, 900}, {"ar-narrow", "ar", 390, 844}} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, b, s.lang, s.width, s.height)
			office, alice := d.Office(d.node.Own, "legation", "STRELSAU", "Legation of Ruritania", "alice")
			portaltest.SignIn(t, d.node, alice)
			c := dispatches.Content{Kind: "noteVerbale", Subject: "Talks in April", Precedence: "ROUTINE", Marking: "LIMITED", Language: "en", Action: []iri.IRI{office}, Paragraphs: []dispatches.Paragraph{
				{Text: "The delegations meet on 3 April in Strelsau.", Language: "en"}, {Text: "يطلب الوفد تشكيل لجنة مشتركة بشأن المياه.", Language: "ar"}, {Text: "Nothing else has changed.", Language: "en"}}}
			sent := d.Send(d.node.Own, alice, office, c)
			c.Subject, c.ChangeNote = "Talks in May", "The date has changed."
			c.Paragraphs = []dispatches.Paragraph{{Text: "The delegations meet on 12 May in Strelsau.", Language: "en"}, {Text: "يطلب الوفد تشكيل لجنة دائمة بشأن المياه.", Language: "ar"}, {Text: "Nothing else has changed.", Language: "en"}, {Text: "A room is asked for.", Language: "en"}}
			draft, err := d.node.Dispatches.NewDraft(t.Context(), alice, office, &c, sent.IRI)
			cluster.Must(t, err)
			_, err = d.node.Dispatches.Release(t.Context(), alice, draft.ID, draft.Revision)
			cluster.Must(t, err)
			d.Settle()
			p := d.signIn("alice")
			p.Go(page.DispatchPath(sent.IRI))
			d.looks(p, "compare-"+s.name+"-1-dispatch")
			p.Follow("#versions a")
			p.Sees("12 May")
			d.looks(p, "compare-"+s.name+"-2-screen")
			p.Printed("compare-" + s.name + "-3-paper")
		})
	}
}
