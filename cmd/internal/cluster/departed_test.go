package cluster_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/cluster/peers"
	"valise/instance/communities"
	"valise/models"
	"valise/models/iri"
)

// departed holds the embassy to what follows from a closed account.
func (s *readers) departed(t *testing.T, a *peers.Account) {
	t.Helper()
	ctx, e := context.Background(), s.Nodes[embassy]
	member, err := models.MemberOf(ctx, e.Store.R, s.community, iri.IRI(a.ID))
	if err != nil || member.State != models.MemberLeft || member.LeftAt == 0 {
		t.Errorf("her membership is %+v: %v", member, err)
	}
	told := 0
	for _, n := range mustNotices(t, s.Cluster, embassy, s.boris) {
		if n.Kind == "member gone" && n.Subject == string(s.community) {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the organiser was told %d times", told)
	}
	pending, err := models.Deliveries(ctx, e.Store.R, models.DeliveryPending, 0, 100)
	cluster.Must(t, err)
	for _, d := range pending {
		if d.Recipient == iri.IRI(a.ID) {
			t.Errorf("%s of %s still waits for her", d.Type, d.ObjectID)
		}
	}
	before := len(s.server.Received())
	s.send(t, "After she has gone", "UNCLASSIFIED")
	if got := s.server.Received()[before:]; len(got) != 0 {
		t.Errorf("sent after she has gone: %s", kinds(got))
	}
}

func (s *readers) stays(t *testing.T, a *peers.Account) {
	t.Helper()
	s.Settle()
	member, err := models.MemberOf(context.Background(), s.Nodes[embassy].Store.R, s.community, iri.IRI(a.ID))
	if err != nil || member.State != models.MemberActive {
		t.Errorf("her membership is %+v: %v", member, err)
	}
}

// An account that closes itself leaves its communities, and nothing is sent to it any more.
// What it wrote stays, with the evidence of what it got.
func TestAClosedAccountLeaves(t *testing.T) { cluster.Each(t, testAClosedAccountLeaves) }

func testAClosedAccountLeaves(t *testing.T) {
	eachSoftware(t, communities.Opening{Rendering: models.RenderInline}, func(t *testing.T, s *readers) {
		ctx := context.Background()
		expert := s.joined(t, "expert", communities.Invitation{HistoryDays: -1})
		d := s.send(t, "Before she goes", "PUBLIC")
		post := only(t, about(expert.Home(), "Before she goes"), "the dispatch")
		_, err := expert.Reply(handle, post.ID, "My last word.", peers.MentionedOnly)
		cluster.Must(t, err)
		s.Settle()
		evidence := func() int {
			n := 0
			for _, r := range s.Deliveries(embassy, d.IRI) {
				if r.State == models.DeliveryDone {
					n++
				}
			}
			return n
		}
		was := evidence()

		// What waits for her when she goes does not wait for ever.
		s.server.Fail(func(*peers.Activity) int { return 503 })
		s.send(t, "Waiting for her", "PUBLIC")
		s.server.Fail(nil)
		expert.Close()
		if got := expert.TellClosed(expert); !slices.Equal(got, []int{202}) {
			t.Fatalf("her Delete was answered %v", got)
		}
		s.Settle()
		s.later(2 * time.Hour)
		s.departed(t, expert)
		if evidence() != was {
			t.Error("evidence of what she got is gone")
		}
		comments, err := s.Nodes[ministry].Communities.Comments(ctx, s.anna, s.community, 10)
		cluster.Must(t, err)
		if len(comments) != 1 {
			t.Errorf("%d comments of hers are left", len(comments))
		}
		trail, err := models.AuditAfter(ctx, s.Nodes[embassy].Store.R, 0, string(s.community), "left", 10)
		cluster.Must(t, err)
		if len(trail) != 1 || trail[0].Actor != expert.ID {
			t.Errorf("the trail has %+v", trail)
		}
		s.Check()
	})
}

// Her key may have gone with the account: then its own server is asked.
func TestAClosedAccountWhoseKeyIsGone(t *testing.T) {
	cluster.Each(t, testAClosedAccountWhoseKeyIsGone)
}

func testAClosedAccountWhoseKeyIsGone(t *testing.T) {
	eachSoftware(t, communities.Opening{Rendering: models.RenderInline}, func(t *testing.T, s *readers) {
		expert := s.joined(t, "expert", communities.Invitation{HistoryDays: -1})
		expert.LoseKey()
		expert.Close()
		if got := expert.TellClosed(expert); !slices.Equal(got, []int{202}) {
			t.Fatalf("her Delete was answered %v", got)
		}
		s.Settle()
		s.departed(t, expert)
		s.Check()
	})
}

// Nobody closes another's account.
func TestNobodyClosesAnAccountThatIsThere(t *testing.T) {
	cluster.Each(t, testNobodyClosesAnAccountThatIsThere)
}

func testNobodyClosesAnAccountThatIsThere(t *testing.T) {
	eachSoftware(t, communities.Opening{Rendering: models.RenderInline}, func(t *testing.T, s *readers) {
		expert, eve := s.joined(t, "expert", communities.Invitation{HistoryDays: -1}), s.server.Account("eve")
		if got := expert.TellClosed(eve); !slices.Equal(got, []int{403}) {
			t.Errorf("a Delete by another account, while she is there, was answered %v", got)
		}
		s.stays(t, expert)
		s.Check()
	})
}

// Where no Delete comes, her server's 410 for her says the same.
func TestAnAccountThatIsGoneWhenFetched(t *testing.T) {
	cluster.Each(t, testAnAccountThatIsGoneWhenFetched)
}

func testAnAccountThatIsGoneWhenFetched(t *testing.T) {
	eachSoftware(t, communities.Opening{Rendering: models.RenderInline}, func(t *testing.T, s *readers) {
		expert := s.joined(t, "expert", communities.Invitation{HistoryDays: -1})
		expert.Close()
		s.Clock.Forward(25 * time.Hour) // by then what is known of her is stale
		if _, err := s.Nodes[embassy].Actors.Get(context.Background(), iri.IRI(expert.ID)); err == nil {
			t.Fatal("she was found")
		}
		s.departed(t, expert)
		s.Check()
	})
}
