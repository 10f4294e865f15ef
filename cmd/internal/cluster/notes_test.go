package cluster_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/cluster/peers"
	"valise/instance/communities"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// to is a dispatch of the embassy's to one person.
func (s *readers) to(subject, marking string, who *peers.Account) dispatches.Content {
	c := cable(subject, iri.IRI(who.ID))
	c.Marking, c.Paragraphs[1].Marking = marking, ""
	return c
}

// A person on other software who is named as an addressee gets a note to herself: her server
// shows it as a private mention, edits it with a correction, and deletes it.
func TestADispatchToAPersonOnOtherSoftware(t *testing.T) {
	cluster.Each(t, testADispatchToAPersonOnOtherSoftware)
}

func testADispatchToAPersonOnOtherSoftware(t *testing.T) {
	eachSoftware(t, communities.Opening{Rendering: models.RenderInline}, func(t *testing.T, s *readers) {
		ctx, e := context.Background(), s.Nodes[embassy]
		expert, eve := s.joined(t, "expert", communities.Invitation{HistoryDays: -1}), s.server.Account("eve")
		d := s.Send(embassy, s.boris, s.post, s.to("For you alone", "PUBLIC", expert))
		s.Settle()
		note := only(t, about(expert.Direct(), d.Reference), "the dispatch")
		for _, want := range []string{"PUBLIC · " + d.Reference + " · For you alone", expert.Handle(), "From: Chancery", "<strong>14 October</strong>"} {
			if !strings.Contains(note.Summary+note.Content, want) {
				t.Errorf("the note does not say %q: %s %s", want, note.Summary, note.Content)
			}
		}
		if note.Visibility != "direct" || note.Author != string(s.post) || note.Attachments != 0 {
			t.Errorf("the note is %+v", note)
		}
		if len(about(eve.Direct(), d.Reference))+len(about(expert.Home(), d.Reference)) != 0 {
			t.Error("others are shown it, or it stands in a timeline")
		}

		fixed := s.to("For you alone, corrected", "PUBLIC", expert)
		fixed.ChangeNote = "The subject was wrong."
		draft, err := e.Dispatches.NewDraft(ctx, s.boris, s.post, &fixed, d.IRI)
		cluster.Must(t, err)
		_, err = e.Dispatches.Release(ctx, s.boris, draft.ID, 1)
		cluster.Must(t, err)
		s.Settle()
		note = only(t, about(expert.Direct(), d.Reference), "the correction")
		if note.Edits != 1 || !strings.Contains(note.Summary, "corrected") {
			t.Errorf("after the correction it is %+v", note)
		}

		s.later(40 * time.Hour) // no receipts come, and none are missed
		_, err = e.Dispatches.Watch(ctx)
		cluster.Must(t, err)
		board := stations(t, s.Cluster, embassy, d.IRI)[iri.IRI(expert.ID)]
		if !has(board, models.HandedOver) || has(board, models.Delivered) || has(board, "late") || has(board, "unacknowledged") {
			t.Errorf("the board shows %v", board)
		}

		_, err = e.Dispatches.Withdraw(ctx, s.boris, d.Reference, "")
		cluster.Must(t, err)
		s.later(10 * time.Minute)
		if left := about(expert.Direct(), d.Reference); len(left) != 0 {
			t.Errorf("after the withdrawal her server shows %+v", left)
		}
		s.Check()
	})
}

// What is marked above the lowest goes without its text; above the ceiling, or to somebody
// whom nobody has invited, nothing goes.
func TestWhatANoteHoldsIsForTheMarking(t *testing.T) {
	cluster.Each(t, testWhatANoteHoldsIsForTheMarking)
}

func testWhatANoteHoldsIsForTheMarking(t *testing.T) {
	eachSoftware(t, communities.Opening{Rendering: models.RenderInline}, func(t *testing.T, s *readers) {
		expert, eve := s.joined(t, "expert", communities.Invitation{HistoryDays: -1, Ceiling: "UNCLASSIFIED"}), s.server.Account("eve")
		cluster.Must(t, s.Nodes[embassy].Accreditation.SetCeiling(context.Background(), "test", string(social), "UNCLASSIFIED", ""))
		d := s.Send(embassy, s.boris, s.post, s.to("Not for a server", "UNCLASSIFIED", expert))
		s.Settle()
		note := only(t, about(expert.Direct(), d.Reference), "the dispatch")
		if !strings.HasPrefix(note.Summary, "UNCLASSIFIED · ") || strings.Contains(note.Summary+note.Content, "Not for a server") || strings.Contains(note.Content, "14 October") {
			t.Errorf("the note holds %s %s", note.Summary, note.Content)
		}
		before := len(s.server.Received())
		for name, c := range map[string]struct {
			content dispatches.Content
			code    string
		}{
			"above the ceiling": {s.to("Above", "LIMITED", expert), "above-ceiling"},
			"classified":        {s.to("Above", "SECRET", expert), "classified"},
			"to a stranger":     {s.to("Above", "PUBLIC", eve), "not-accredited"},
		} {
			if _, err := s.TrySend(embassy, s.boris, s.post, c.content); err == nil || !strings.Contains(err.Error(), c.code) {
				t.Errorf("%s: %v", name, err)
			}
		}
		s.Settle()
		if got := s.server.Received()[before:]; len(got) != 0 {
			t.Errorf("sent: %s", kinds(got))
		}
		s.Check()
	})
}

// While her server is away, a correction takes the place of what waits, and a withdrawal the
// place of both: no old text comes to life again.
func TestNotesThatWaitAreOvertaken(t *testing.T) { cluster.Each(t, testNotesThatWaitAreOvertaken) }

func testNotesThatWaitAreOvertaken(t *testing.T) {
	eachSoftware(t, communities.Opening{Rendering: models.RenderInline}, func(t *testing.T, s *readers) {
		ctx, e := context.Background(), s.Nodes[embassy]
		expert := s.joined(t, "expert", communities.Invitation{HistoryDays: -1})
		s.server.Fail(func(*peers.Activity) int { return 503 })
		one, two := s.Send(embassy, s.boris, s.post, s.to("Corrected while you were away", "PUBLIC", expert)), s.Send(embassy, s.boris, s.post, s.to("Withdrawn while you were away", "PUBLIC", expert))
		s.Settle()
		fixed := s.to("The later text", "PUBLIC", expert)
		fixed.ChangeNote = "Wrong."
		draft, err := e.Dispatches.NewDraft(ctx, s.boris, s.post, &fixed, one.IRI)
		cluster.Must(t, err)
		_, err = e.Dispatches.Release(ctx, s.boris, draft.ID, 1)
		cluster.Must(t, err)
		_, err = e.Dispatches.Withdraw(ctx, s.boris, two.Reference, "")
		cluster.Must(t, err)
		s.server.Fail(nil)
		for range 4 {
			s.later(12 * time.Hour)
		}
		if note := only(t, about(expert.Direct(), one.Reference), "the corrected one"); !strings.Contains(note.Summary, "The later text") {
			t.Errorf("she has %s", note.Summary)
		}
		if left := about(expert.Direct(), two.Reference); len(left) != 0 {
			t.Errorf("she has the withdrawn one: %+v", left)
		}
		s.Check()
	})
}
