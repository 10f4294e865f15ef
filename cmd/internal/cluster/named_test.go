package cluster_test

import (
	"context"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/federation/vocab"
	"valise/instance/communities"
	"valise/models"
	"valise/models/iri"
)

// A member on a guest instance names a member on the community's own instance: her copy
// arrives, and nothing of it stays held.
func TestAGuestNamesAMemberOfOurs(t *testing.T) { cluster.Each(t, testAGuestNamesAMemberOfOurs) }

func testAGuestNamesAMemberOfOurs(t *testing.T) {
	ctx := context.Background()
	s := newThree(t)
	lab, ida := s.Office(institute, "lab", "LAB", "Laboratory", "ida")
	s.join(t, institute, ida, lab, models.RoleMember)
	// The institute writes only to whom it has invited itself.
	com, err := s.Nodes[institute].Communities.Open(ctx, ida, communities.Opening{Office: lab, Username: "probe", Name: "Probe", Charter: "Probe.", Ceiling: "UNCLASSIFIED"})
	cluster.Must(t, err)
	_, err = s.Nodes[institute].Communities.Invite(ctx, ida, com.IRI, communities.Invitation{Who: string(s.post), HistoryDays: -1})
	cluster.Must(t, err)
	s.Settle()
	content := cable("For the chancery by name", s.post)
	content.Marking, content.Community, content.Paragraphs = "UNCLASSIFIED", s.community, content.Paragraphs[1:]
	d := s.Send(institute, ida, lab, content)
	s.Settle()
	if _, err := s.Nodes[embassy].Dispatches.Show(ctx, s.boris, string(d.IRI)); err != nil {
		t.Errorf("it is not here: %v", err)
	}
	if got := stations(t, s.Cluster, institute, d.IRI)[s.post]; !has(got, models.Delivered) {
		t.Errorf("the author's board shows %v", got)
	}
	if _, err := s.Nodes[ministry].Dispatches.Show(ctx, s.anna, string(d.IRI)); err != nil {
		t.Errorf("the community did not get it: %v", err)
	}
	if n, err := models.CountDeliveries(ctx, s.Nodes[institute].Store.R, models.DeliveryPending); err != nil || n != 0 {
		explain(t, s.Cluster, d.IRI)
		t.Errorf("%d deliveries wait: %v", n, err)
	}
	s.Check()
}

// Beyond that the answer is final, so that nothing waits at the sender for what time does
// not heal.
func TestWhatAGuestMayNotWriteByNameIsFinal(t *testing.T) {
	cluster.Each(t, testWhatAGuestMayNotWriteByNameIsFinal)
}

func testWhatAGuestMayNotWriteByNameIsFinal(t *testing.T) {
	s, expert, community := guests(t, models.RoleMember)
	ctx := context.Background()
	m := s.Nodes[ministry]
	named := func(by *figure, to iri.IRI, edit func(d *vocab.Dispatch)) func() answer {
		return func() answer {
			return s.o.send(by, s.inbox(to), s.o.create(by, s.o.article(by, to, func(d *vocab.Dispatch) {
				d.Audience, d.To = community, append(d.To, community, community+"/followers")
				d.Marking = vocab.Grade{Scheme: d.Marking.Scheme, Level: "UNCLASSIFIED", Rank: 2}
				if edit != nil {
					edit(d)
				}
			})))
		}
	}
	named(expert, s.desk, nil)().mustBe(t, 202, "")
	s.Settle()
	if got := rowsIn(t, s.Cluster, ministry, "dispatches"); got != 1 {
		t.Fatalf("a member's copy was not taken: %d dispatches", got)
	}
	for _, c := range []struct {
		name, code string
		act        func() answer
	}{
		{"to somebody outside the community", "not-member", named(expert, s.other, nil)},
		{"by somebody outside the community", "not-member", named(s.office, s.desk, nil)},
		{"above the ceiling", "above-ceiling", named(expert, s.desk, func(d *vocab.Dispatch) { d.Marking.Level, d.Marking.Rank = "LIMITED", 3 })},
		{"classified", "above-ceiling", named(expert, s.desk, func(d *vocab.Dispatch) { d.Marking.Level, d.Marking.Rank = "SECRET", 6 })},
		{"of before her window", "not-member", named(expert, s.desk, func(d *vocab.Dispatch) { d.Published = d.Published.AddDate(-60, 0, 0) })},
		{"in a community that there is not", "guest", named(expert, s.desk, func(d *vocab.Dispatch) { d.Audience = "https://ministry.example/g/none" })},
	} {
		t.Run(c.name, func(t *testing.T) { s.o.refused(t, s.j, ministry, 422, c.code, c.act) })
	}
	t.Run("by one who may not post", func(t *testing.T) {
		com, err := m.Communities.Open(ctx, s.anna, communities.Opening{Office: s.desk, Username: "stage", Name: "Stage", Charter: "Stage.", Ceiling: "UNCLASSIFIED", Posting: models.ByOrganisers})
		cluster.Must(t, err)
		i, err := m.Communities.Invite(ctx, s.anna, com.IRI, communities.Invitation{Who: string(expert.id), Role: models.RoleMember, HistoryDays: -1})
		cluster.Must(t, err)
		s.Settle()
		s.o.send(expert, s.inbox(com.IRI), s.follow(expert, com.IRI, i.IRI)).mustBe(t, 202, "")
		s.Settle()
		s.o.refused(t, s.j, ministry, 422, "may-not-post", named(expert, s.desk, func(d *vocab.Dispatch) { d.Audience = com.IRI }))
	})
	t.Run("after her term", func(t *testing.T) {
		member, err := models.MemberOf(ctx, m.Store.R, community, expert.id)
		cluster.Must(t, err)
		member.EndsAt = models.At(s.Clock.Now().Add(time.Minute))
		cluster.Must(t, models.SaveMember(ctx, m.Store.W, member))
		named(expert, s.desk, nil)().mustBe(t, 202, "")
		s.Settle()
		s.Clock.Forward(2 * time.Minute)
		s.Settle()
		s.o.refused(t, s.j, ministry, 422, "not-member", named(expert, s.desk, nil))
	})
	s.Check()
}
