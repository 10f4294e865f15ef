package cluster_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/cluster/peers"
	"valise/instance/communities"
	"valise/models"
	"valise/models/iri"
)

// towards is what happens to every POST to a host.
func towards(host iri.Host, f cluster.Fault) func(*http.Request) cluster.Fault {
	return func(r *http.Request) cluster.Fault {
		if iri.Host(r.URL.Host) == host && r.Method == http.MethodPost {
			return f
		}
		return cluster.None
	}
}

func TestOneServerIsOneAudience(t *testing.T) { cluster.Each(t, testOneServerIsOneAudience) }

func testOneServerIsOneAudience(t *testing.T) {
	eachSoftware(t, communities.Opening{Rendering: models.RenderInline}, func(t *testing.T, s *readers) {
		first := s.joined(t, "expert", communities.Invitation{HistoryDays: -1})
		alone := s.send(t, "Before the second", "PUBLIC")
		if p := only(t, about(first.Home(), alone.Reference), "the dispatch"); !strings.Contains(p.Content, "Ambassador") {
			t.Errorf("alone she gets %+v", p)
		}
		second := s.joined(t, "other", communities.Invitation{HistoryDays: 0})
		d := s.send(t, "With the second", "PUBLIC")
		for _, a := range []*peers.Account{first, second} {
			p := only(t, about(a.Home(), d.Reference), "the dispatch for "+a.Name)
			if strings.Contains(p.Content, "Ambassador") {
				t.Errorf("members with different windows get the text: %+v", p)
			}
		}
		// One of them goes while something waits for both.
		s.Faults(towards(social, cluster.RequestLost))
		waiting := s.send(t, "While one goes", "PUBLIC")
		cluster.Must(t, s.Nodes[embassy].Communities.Remove(context.Background(), s.boris, s.community, iri.IRI(first.ID), "she asked"))
		s.Faults(nil)
		s.later(time.Hour)
		if len(about(first.Home(), waiting.Reference)) != 0 {
			t.Error("the removed member received what was on its way")
		}
		only(t, about(second.Home(), waiting.Reference), "the dispatch for who stays")
		s.withdraw(t, d)
		s.Settle()
		if len(about(s.server.Posts(), d.Reference)) != 0 {
			t.Error("the withdrawn dispatch is still there")
		}
		s.Check()
	})
}

func TestNothingBeforeTheAcceptArrived(t *testing.T) {
	cluster.Each(t, testNothingBeforeTheAcceptArrived)
}

func testNothingBeforeTheAcceptArrived(t *testing.T) {
	eachSoftware(t, communities.Opening{}, func(t *testing.T, s *readers) {
		expert := s.server.Account("expert")
		s.invite(t, expert, communities.Invitation{HistoryDays: -1})
		s.server.Fail(func(a *peers.Activity) int {
			if a.Type == "Accept" {
				return http.StatusInternalServerError
			}
			return 0
		})
		if _, err := expert.Follow(handle); err != nil {
			t.Fatal(err)
		}
		s.Settle()
		d := s.send(t, "Too early", "PUBLIC")
		for _, a := range s.server.Received() {
			if bytes.Contains(a.Raw, []byte(d.Reference)) {
				t.Errorf("before its Accept the inbox got %s", a.Raw)
			}
		}
		s.server.Fail(nil)
		s.later(time.Hour)
		if !expert.Follows(string(s.community)) {
			t.Fatal("the Accept was not tried again")
		}
		only(t, about(expert.Home(), d.Reference), "the dispatch of between Follow and Accept")
		next := s.send(t, "In time", "PUBLIC")
		only(t, about(expert.Home(), next.Reference), "the next dispatch")
		s.Check()
	})
}

// A second member joins while something waits for the first one on the same server.
func TestJoiningWhileSomethingWaits(t *testing.T) { cluster.Each(t, testJoiningWhileSomethingWaits) }

func testJoiningWhileSomethingWaits(t *testing.T) {
	eachSoftware(t, communities.Opening{}, func(t *testing.T, s *readers) {
		first, second := s.joined(t, "expert", communities.Invitation{HistoryDays: -1}), s.server.Account("other")
		s.invite(t, second, communities.Invitation{HistoryDays: -1})
		s.server.Fail(func(*peers.Activity) int { return http.StatusInternalServerError })
		if _, err := second.Follow(handle); err != nil {
			t.Fatal(err)
		}
		s.Settle()
		d := s.send(t, "For both", "PUBLIC")
		s.server.Fail(nil)
		s.later(time.Hour)
		s.later(time.Hour)
		for _, a := range []*peers.Account{first, second} {
			if p := only(t, about(a.Home(), d.Reference), "the dispatch for "+a.Name); p.Edits != 0 {
				t.Errorf("%s sees an edit of what nobody has corrected: %+v", a.Name, p)
			}
		}
		s.Check()
	})
}

func TestCreateIsTheSameOverRetries(t *testing.T) { cluster.Each(t, testCreateIsTheSameOverRetries) }

func testCreateIsTheSameOverRetries(t *testing.T) {
	eachSoftware(t, communities.Opening{}, func(t *testing.T, s *readers) {
		first, second := s.joined(t, "expert", communities.Invitation{HistoryDays: -1}), s.joined(t, "other", communities.Invitation{HistoryDays: -1})
		lost := 0
		s.Faults(func(r *http.Request) cluster.Fault {
			if iri.Host(r.URL.Host) == social && r.Method == http.MethodPost && lost < 2 {
				lost++
				return cluster.AnswerLost
			}
			return cluster.None
		})
		before := len(s.server.Received())
		d := s.send(t, "Once", "PUBLIC")
		s.later(time.Hour)
		s.later(time.Hour)
		ids := map[string]map[string]int{}
		for _, a := range s.server.Received()[before:] {
			if a.Type != "Create" {
				t.Errorf("a %s came: %s", a.Type, a.Raw)
			}
			if ids[a.Inbox] == nil {
				ids[a.Inbox] = map[string]int{}
			}
			ids[a.Inbox][a.ID]++
		}
		repeated := 0
		for inbox, of := range ids {
			if len(of) != 1 {
				t.Errorf("%s got Creates %v", inbox, of)
			}
			for _, n := range of {
				repeated += n - 1
			}
		}
		inboxes := map[string]int{"Mastodon": 1, "GoToSocial": 2}[s.name]
		if len(ids) != inboxes || repeated == 0 {
			t.Errorf("%d inboxes, %d repetitions: %v", len(ids), repeated, ids)
		}
		for _, a := range []*peers.Account{first, second} {
			only(t, about(a.Home(), d.Reference), "the dispatch for "+a.Name)
		}
		s.Check()
	})
}

// A correction cancels what has not left yet and reaches who got the first version,
// who got none, and who may have got it.
func TestCorrectionOvertakesWhatWaits(t *testing.T) {
	cluster.Each(t, testCorrectionOvertakesWhatWaits)
}

func testCorrectionOvertakesWhatWaits(t *testing.T) {
	for name, fault := range map[string]cluster.Fault{"request lost": cluster.RequestLost, "answer lost": cluster.AnswerLost} {
		t.Run(name, func(t *testing.T) {
			eachSoftware(t, communities.Opening{Rendering: models.RenderInline}, func(t *testing.T, s *readers) {
				expert := s.joined(t, "expert", communities.Invitation{HistoryDays: -1})
				s.Faults(towards(social, fault))
				d := s.send(t, "A date", "PUBLIC")
				before := len(s.server.Received())
				s.Clock.Forward(30 * time.Second)
				s.correct(t, d, "A better date", "PUBLIC")
				s.Settle()
				s.Faults(nil)
				s.later(time.Hour)
				s.later(time.Hour)
				p := only(t, about(expert.Home(), d.Reference), "the dispatch")
				if !strings.Contains(p.Summary, "A better date") {
					t.Errorf("she reads %+v", p)
				}
				for _, a := range s.server.Received()[before:] {
					if strings.Contains(string(a.Raw), "· A date") {
						t.Errorf("the older version was sent after the correction was queued: %s", a.Raw)
					}
				}
				second := s.joined(t, "other", communities.Invitation{HistoryDays: -1})
				s.Clock.Forward(time.Minute)
				s.correct(t, d, "The best date", "PUBLIC")
				s.Settle()
				for _, a := range []*peers.Account{expert, second} {
					p := only(t, about(a.Home(), d.Reference), "the dispatch for "+a.Name)
					if !strings.Contains(p.Summary, "The best date") || strings.Contains(p.Content, "Ambassador") {
						t.Errorf("%s reads %+v", a.Name, p)
					}
				}
				s.Check()
			})
		})
	}
}

// Once the Delete is queued no Create or Update of the object leaves, and where one may
// have arrived, a second Delete follows.
func TestWithdrawalWinsOverWhatWaits(t *testing.T) { cluster.Each(t, testWithdrawalWinsOverWhatWaits) }

func testWithdrawalWinsOverWhatWaits(t *testing.T) {
	for name, fault := range map[string]cluster.Fault{"delivered": cluster.None, "request lost": cluster.RequestLost, "answer lost": cluster.AnswerLost} {
		t.Run(name, func(t *testing.T) {
			eachSoftware(t, communities.Opening{}, func(t *testing.T, s *readers) {
				expert := s.joined(t, "expert", communities.Invitation{HistoryDays: -1})
				s.Faults(towards(social, fault))
				d := s.send(t, "A mistake", "PUBLIC")
				before := len(s.server.Received())
				s.withdraw(t, d)
				s.Settle()
				s.Faults(nil)
				for range 4 {
					s.later(time.Hour)
				}
				deletes := map[string]bool{}
				for _, a := range s.server.Received()[before:] {
					if a.Type == "Create" || a.Type == "Update" {
						t.Errorf("after the Delete was queued came %s", a.Raw)
					}
					if a.Type == "Delete" {
						deletes[a.ID] = true
					}
				}
				want := 2
				if fault == cluster.None {
					want = 1
				}
				if len(deletes) != want {
					t.Errorf("%d Deletes, want %d: %v", len(deletes), want, deletes)
				}
				if got := about(expert.Home(), d.Reference); len(got) != 0 {
					t.Errorf("she still reads %+v", got)
				}
				s.Check()
			})
		})
	}
}

// What a server sends while we are away comes by its own retries, and a fault of ours
// is no reason for it to give up.
func TestGuestSendsWhileWeAreAway(t *testing.T) { cluster.Each(t, testGuestSendsWhileWeAreAway) }

func testGuestSendsWhileWeAreAway(t *testing.T) {
	eachSoftware(t, communities.Opening{}, func(t *testing.T, s *readers) {
		expert := s.joined(t, "expert", communities.Invitation{HistoryDays: -1})
		group := s.community
		s.Stop(embassy)
		_, err := expert.Reply(handle, "", "Are you there?", peers.MentionedOnly)
		if err == nil {
			t.Fatal("she found the Group while its host was away")
		}
		s.Start(embassy)
		lost := true
		s.Faults(func(r *http.Request) cluster.Fault {
			if iri.Host(r.URL.Host) == embassy && r.Method == http.MethodPost && lost {
				lost = false
				return cluster.AnswerLost
			}
			return cluster.None
		})
		_, err = expert.Reply(handle, "", "Are you there?", peers.MentionedOnly)
		cluster.Must(t, err)
		s.Clock.Forward(30 * time.Second)
		if left := s.server.Retry(); left != 0 || s.server.Dropped() != 0 {
			t.Errorf("%d wait, %d were dropped", left, s.server.Dropped())
		}
		s.Settle()
		comments, err := s.Nodes[embassy].Communities.Comments(context.Background(), s.boris, group, 10)
		cluster.Must(t, err)
		if len(comments) != 1 {
			t.Errorf("the note arrived %d times", len(comments))
		}
		s.Check()
	})
}

// A dispatch is superseded, so that its text stays, while its Create is on its way and
// the answer is lost: the attempt must not put the Create back into the queue.
func TestWithdrawalMeetsACreateOnItsWay(t *testing.T) {
	cluster.Each(t, testWithdrawalMeetsACreateOnItsWay)
}

func testWithdrawalMeetsACreateOnItsWay(t *testing.T) {
	eachSoftware(t, communities.Opening{}, func(t *testing.T, s *readers) {
		ctx := context.Background()
		s.joined(t, "expert", communities.Invitation{HistoryDays: -1})
		next := s.send(t, "In its place", "PUBLIC")
		var d *models.Dispatch
		withdrawn := false
		s.Faults(func(r *http.Request) cluster.Fault {
			if iri.Host(r.URL.Host) != social || r.Method != http.MethodPost || withdrawn {
				return cluster.None
			}
			withdrawn = true
			_, err := s.Nodes[ministry].Dispatches.Withdraw(ctx, s.anna, string(d.IRI), string(next.IRI))
			cluster.Must(t, err)
			_, err = s.Nodes[ministry].Courier.Step(ctx)
			cluster.Must(t, err)
			_, err = s.Nodes[embassy].Worker.Step(ctx)
			cluster.Must(t, err)
			return cluster.AnswerLost
		})
		before := len(s.server.Received())
		d = s.Send(ministry, s.anna, s.desk, s.draft("A mistake", "PUBLIC"))
		for range 4 {
			s.later(time.Hour)
		}
		if got := kinds(s.server.Received()[before:]); got != "Create Delete Delete" {
			t.Errorf("her server got %s", got)
		}
		if got := about(s.server.Posts(), d.Reference); len(got) != 0 {
			t.Errorf("it still has %+v", got)
		}
		s.Check()
	})
}

// GoToSocial hides an answer that comes before what it answers, so that a comment waits
// for its dispatch.
func TestCommentFollowsItsDispatch(t *testing.T) { cluster.Each(t, testCommentFollowsItsDispatch) }

func testCommentFollowsItsDispatch(t *testing.T) {
	eachSoftware(t, communities.Opening{Rendering: models.RenderInline}, func(t *testing.T, s *readers) {
		ctx := context.Background()
		expert := s.joined(t, "expert", communities.Invitation{HistoryDays: -1})
		s.server.Fail(func(a *peers.Activity) int {
			if !bytes.Contains(a.Raw, []byte("Agreed")) {
				return http.StatusInternalServerError
			}
			return 0
		})
		d := s.send(t, "A question", "PUBLIC")
		_, err := s.Nodes[ministry].Communities.Comment(ctx, s.desk, s.community, d.IRI, "Agreed.")
		cluster.Must(t, err)
		s.Settle()
		s.server.Fail(nil)
		s.later(time.Hour)
		s.later(time.Hour)
		p := only(t, about(expert.Home(), d.Reference), "the dispatch")
		if c := only(t, about(expert.Home(), "Agreed"), "the comment"); c.InReplyTo != p.ID {
			t.Errorf("the comment answers %q, want %s", c.InReplyTo, p.ID)
		}
		s.Check()
	})
}

func TestMembershipsEndByTermAndByLeaving(t *testing.T) {
	cluster.Each(t, testMembershipsEndByTermAndByLeaving)
}

func testMembershipsEndByTermAndByLeaving(t *testing.T) {
	eachSoftware(t, communities.Opening{}, func(t *testing.T, s *readers) {
		term := s.joined(t, "expert", communities.Invitation{HistoryDays: -1, Ends: s.Clock.Now().Add(48 * time.Hour)})
		leaves := s.joined(t, "other", communities.Invitation{HistoryDays: -1})
		d := s.send(t, "For both", "PUBLIC")
		only(t, about(term.Home(), d.Reference), "the dispatch")
		cluster.Must(t, leaves.Unfollow(string(s.community)))
		s.Settle()
		s.later(49 * time.Hour)
		if term.Follows(string(s.community)) || len(about(term.Direct(), "has ended")) != 1 {
			t.Error("the end of her term did not end her follow, or nothing told her")
		}
		if len(about(leaves.Direct(), "has ended")) != 0 {
			t.Error("who left by herself is told that she was removed")
		}
		before := len(s.server.Received())
		s.send(t, "For nobody", "PUBLIC")
		if got := s.server.Received()[before:]; len(got) != 0 {
			t.Errorf("after both went came %s", kinds(got))
		}
		again := s.joined(t, "expert", communities.Invitation{HistoryDays: -1})
		next := s.send(t, "For who came back", "PUBLIC")
		only(t, about(again.Home(), next.Reference), "the dispatch after her return")
		s.Check()
	})
}
