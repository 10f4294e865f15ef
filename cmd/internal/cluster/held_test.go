package cluster_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/instance/communities"
	"valise/instance/queues"
	"valise/models"
)

// answering puts a server in front of the outlaw that answers posts with a status, 0 for
// what the outlaw itself says.
func (s *court) answering(status func(path string) int) {
	s.Foreign(outlawHost, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && status(r.URL.Path) != 0 {
			w.WriteHeader(status(r.URL.Path))
			return
		}
		s.o.ServeHTTP(w, r)
	}))
}

// A host that does not believe our signatures holds what we send it; the operator sees it,
// and the hold ends by itself with the next thing that the host takes or sends.
func TestHeldHosts(t *testing.T) { cluster.Each(t, testHeldHosts) }

func testHeldHosts(t *testing.T) {
	for _, end := range []string{"a good probe", "a verified arrival"} {
		t.Run(end, func(t *testing.T) {
			s := accredited(t)
			ctx := context.Background()
			m := s.Nodes[ministry]
			q := &queues.Queues{Store: m.Store, Now: s.Clock.Now}
			held := func() int {
				rows, err := q.Held(ctx, "", 10)
				cluster.Must(t, err)
				for _, h := range rows {
					if h.Host != outlawHost || h.LastReason == "" || h.FirstFailureAt == 0 {
						t.Errorf("the operator sees %+v", h)
					}
				}
				return len(rows)
			}
			status := 403
			s.answering(func(string) int { return status })
			d := s.Send(ministry, s.anna, s.desk, cable("Held at first", s.office.id))
			s.Settle()
			if held() != 1 {
				t.Fatal("the host is not shown as held")
			}
			// After five tries the row waits for hours by itself.
			for range 5 {
				s.Clock.Forward(4 * time.Hour)
				s.Settle()
			}
			if held() != 1 || s.o.received("Held at first") {
				t.Fatalf("%d held", held())
			}
			status = 0
			if end == "a good probe" {
				s.Send(ministry, s.anna, s.desk, cable("The probe", s.office.id))
			} else {
				s.o.do(s.signed(s.create())).mustBe(t, 202, "")
				eventually(t, "the hold to end", func() (bool, error) { return held() == 0, nil })
			}
			s.Settle()
			s.Settle()
			if held() != 0 || !s.o.received("Held at first") {
				explain(t, s.Cluster, d.IRI)
				t.Errorf("%d held; received %v", held(), s.o.received("Held at first"))
			}
			s.Check()
		})
	}
}

// A peer that talks on and refuses one thing for good is not asked about it at each word.
func TestAHoldIsNotAskedAboutAllTheTime(t *testing.T) {
	cluster.Each(t, testAHoldIsNotAskedAboutAllTheTime)
}

func testAHoldIsNotAskedAboutAllTheTime(t *testing.T) {
	s := accredited(t)
	tries := 0
	s.answering(func(path string) int {
		if path == s.office.id.Path()+"/inbox" {
			tries++
			return 403
		}
		return 0
	})
	s.Send(ministry, s.anna, s.desk, cable("Refused for good", s.office.id))
	s.Settle()
	was := tries
	for range 20 {
		s.Clock.Forward(11 * time.Second)
		s.o.do(s.signed(s.sealed(s.office, s.envelopeOf("Like", s.office, string(s.desk)).IRI("object", s.desk).Bytes()))).mustBe(t, 202, "")
		s.Settle()
	}
	if tries > was+2 {
		t.Errorf("%d tries in four minutes", tries-was)
	}
}

// An inbox that is gone is removed: nothing more is sent there, her organiser is told, and
// nobody but a person ends the membership. What brings her back is her own word.
func TestAGoneInboxIsRemoved(t *testing.T) { cluster.Each(t, testAGoneInboxIsRemoved) }

func testAGoneInboxIsRemoved(t *testing.T) {
	s, expert, community := guests(t, models.RoleGuest)
	ctx := context.Background()
	m := s.Nodes[ministry]
	gone, posts := true, 0
	s.answering(func(string) int {
		posts++
		if gone {
			return http.StatusGone
		}
		return 0
	})
	s.postIn(community)
	if posts == 0 {
		t.Fatal("nothing was sent")
	}
	// The shared inbox went first, then her own.
	s.postIn(community)
	was := posts
	s.postIn(community)
	if posts != was {
		t.Errorf("%d posts to a gone inbox", posts-was)
	}
	actor, err := models.ActorByIRI(ctx, m.Store.R, expert.id)
	if err != nil || actor.Inbox != "" || actor.SharedInbox != "" || actor.GoneAt == 0 {
		t.Errorf("she is %+v: %v", actor, err)
	}
	member, err := models.MemberOf(ctx, m.Store.R, community, expert.id)
	if err != nil || member.State != models.MemberActive {
		t.Errorf("her membership is %v: %v", member, err)
	}
	told := 0
	for _, n := range mustNotices(t, s.Cluster, ministry, s.anna) {
		if n.Kind == "member gone" && n.Subject == string(community) {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the organiser was told %d times", told)
	}
	t.Run("she can be removed", func(t *testing.T) {
		cluster.Must(t, m.Communities.Remove(ctx, s.anna, community, expert.id, "gone"))
		s.Settle()
		if posts != was {
			t.Errorf("%d posts to a gone inbox", posts-was)
		}
	})
	t.Run("she comes back", func(t *testing.T) {
		gone = false
		i, err := m.Communities.Invite(ctx, s.anna, community, communities.Invitation{Who: string(expert.id), HistoryDays: -1})
		cluster.Must(t, err)
		s.Settle()
		s.o.send(expert, s.inbox(community), s.follow(expert, community, i.IRI)).mustBe(t, 202, "")
		s.Settle()
		if d := s.postIn(community); !s.o.received(d.Subject) {
			t.Error("nothing reaches her")
		}
	})
	s.Check()
}
