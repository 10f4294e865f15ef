package cluster_test

import (
	"context"
	"net/http"
	"net/http/httptest"
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

// The id of a note answers her server with what it was last sent, and is gone after a
// withdrawal; to everybody else there is nothing. Its link opens a page that tells nobody
// whether anything is there.
func TestANoteIsFetchedByItsAddressee(t *testing.T) {
	cluster.Each(t, testANoteIsFetchedByItsAddressee)
}

func testANoteIsFetchedByItsAddressee(t *testing.T) {
	eachSoftware(t, communities.Opening{Rendering: models.RenderInline}, func(t *testing.T, s *readers) {
		ctx, e := context.Background(), s.Nodes[embassy]
		expert, eve := s.joined(t, "expert", communities.Invitation{HistoryDays: -1}), s.server.Account("eve")
		d := s.Send(embassy, s.boris, s.post, s.to("For you alone", "PUBLIC", expert))
		s.Settle()
		note := only(t, about(expert.Direct(), d.Reference), "the dispatch")
		gives := func(when string, a *peers.Account, at string, status int, words ...string) {
			t.Helper()
			got, body := a.Fetch(at)
			for _, w := range words {
				if !strings.Contains(string(body), w) {
					t.Errorf("%s: %s does not say %q: %s", when, at, w, body)
				}
			}
			if got != status || strings.Contains(string(body), "w3id.org/valise/v1") || status == http.StatusNotFound && strings.Contains(string(body), d.Reference) {
				t.Errorf("%s: %s answers %d %s", when, at, got, body)
			}
		}
		gives("sent", expert, note.ID, http.StatusOK, `"@context"`, `"id":"`+note.ID+`"`, `"type":"Note"`, "For you alone", expert.ID)
		gives("sent", expert, note.ID+"/create/1", http.StatusOK, `"type":"Create"`)
		nothing := func(when string) {
			t.Helper()
			for _, at := range []string{note.ID, note.ID + "/create/1"} {
				if status, body := expert.FetchAs(at, false); status != http.StatusNotFound || strings.Contains(string(body), d.Reference) {
					t.Errorf("%s, unsigned: %s answers %d %s", when, at, status, body)
				}
				if status, body := eve.FetchAs(at, true); status != http.StatusNotFound {
					t.Errorf("%s, another account: %s answers %d %s", when, at, status, body)
				}
			}
		}
		nothing("sent")
		for _, at := range []string{string(d.IRI) + "/n/0123456789abcdef", note.ID + "/create/2", note.ID + "/delete/1", string(d.IRI)} {
			gives("sent", expert, at, http.StatusNotFound)
		}

		fixed := s.to("Corrected", "PUBLIC", expert)
		fixed.ChangeNote = "The subject was wrong."
		draft, err := e.Dispatches.NewDraft(ctx, s.boris, s.post, &fixed, d.IRI)
		cluster.Must(t, err)
		_, err = e.Dispatches.Release(ctx, s.boris, draft.ID, 1)
		cluster.Must(t, err)
		s.Settle()
		gives("corrected", expert, note.ID, http.StatusOK, "Corrected", `"updated"`)

		page := func() string {
			w := httptest.NewRecorder()
			r := httptest.NewRequest("GET", string(embassy.Base())+"/read/"+string(d.IRI[strings.LastIndexByte(string(d.IRI), '/')+1:]), nil)
			r.Host = string(embassy)
			e.Handler.ServeHTTP(w, r)
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "A note to you alone") || strings.Contains(w.Body.String(), d.Reference) {
				t.Errorf("the link answers %d %s", w.Code, w.Body)
			}
			return w.Body.String()
		}
		page()
		_, err = e.Dispatches.Withdraw(ctx, s.boris, d.Reference, "")
		cluster.Must(t, err)
		s.later(10 * time.Minute)
		gives("withdrawn", expert, note.ID, http.StatusGone, `"type":"Tombstone"`, `"id":"`+note.ID+`"`, `"formerType":"Note"`)
		gives("withdrawn", expert, note.ID+"/create/1", http.StatusNotFound)
		gives("withdrawn", expert, note.ID+"/delete/1", http.StatusOK, `"type":"Delete"`)
		nothing("withdrawn")
		page()
		s.Check()
	})
}
