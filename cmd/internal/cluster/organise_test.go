package cluster_test

import (
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
	"valise/models/modeltest"
)

// eachDatabase runs a test on SQLite and, where it is there, on PostgreSQL.
func eachDatabase(t *testing.T, f func(t *testing.T, options ...cluster.Option)) {
	t.Run("sqlite", func(t *testing.T) { f(t) })
	t.Run("postgres", func(t *testing.T) {
		f(t, cluster.Database(modeltest.PostgresReady))
	})
}

// shown are the comments of a community that a person of an instance sees.
func (s *three) shown(t *testing.T, h iri.Host, person iri.IRI) string {
	t.Helper()
	rows, err := s.Nodes[h].Communities.Comments(context.Background(), person, s.community, 100)
	cluster.Must(t, err)
	var out []string
	for _, c := range rows {
		out = append(out, c.Content)
	}
	return strings.Join(out, " ")
}

// The organiser takes a guest's comment out: it is gone on every instance, the guest is
// told why, and an official's comment is not hers to take.
func TestOrganiserRemovesAGuestsComment(t *testing.T) {
	eachDatabase(t, func(t *testing.T, options ...cluster.Option) {
		ctx := context.Background()
		s := newThree(t, options...)
		s.join(t, institute, s.expert, s.expert, models.RoleGuest)
		s.join(t, ministry, s.anna, s.anna, models.RoleMember)
		d := s.post1(t, "On the agenda")
		s.Settle()
		bad, err := s.Nodes[institute].Communities.Comment(ctx, s.expert, s.community, d.IRI, "Rude words")
		cluster.Must(t, err)
		official, err := s.Nodes[ministry].Communities.Comment(ctx, s.anna, s.community, d.IRI, "Calm words")
		cluster.Must(t, err)
		s.Settle()
		for h, who := range map[iri.Host]iri.IRI{embassy: s.boris, ministry: s.anna, institute: s.expert} {
			if got := s.shown(t, h, who); !strings.Contains(got, "Rude") || !strings.Contains(got, "Calm") {
				t.Fatalf("%s shows %q", h, got)
			}
		}
		com := s.Nodes[embassy].Communities
		denied(t, s.Cluster, embassy, "not-guest", func() error { return com.RemoveComment(ctx, s.boris, official.IRI, "off topic") })
		denied(t, s.Cluster, embassy, "invalid", func() error { return com.RemoveComment(ctx, s.boris, bad.IRI, "") })
		stranger, err := s.Nodes[embassy].Accounts.AddPerson(ctx, "test", "eve", "Eve")
		cluster.Must(t, err)
		denied(t, s.Cluster, embassy, "not-found", func() error { return com.RemoveComment(ctx, stranger.IRI, bad.IRI, "off topic") })
		denied(t, s.Cluster, ministry, "not-organiser", func() error {
			return s.Nodes[ministry].Communities.RemoveComment(ctx, s.anna, bad.IRI, "off topic")
		})
		before, err := models.CommunityByIRI(ctx, s.Nodes[embassy].Store.R, s.community)
		cluster.Must(t, err)
		cluster.Must(t, com.RemoveComment(ctx, s.boris, bad.IRI, "off topic"))
		cluster.Must(t, com.RemoveComment(ctx, s.boris, bad.IRI, "off topic"))
		after, err := models.CommunityByIRI(ctx, s.Nodes[embassy].Store.R, s.community)
		cluster.Must(t, err)
		if after.Sequence != before.Sequence+1 {
			t.Errorf("removed twice: %d announcements", after.Sequence-before.Sequence)
		}
		s.Settle()
		for h, who := range map[iri.Host]iri.IRI{embassy: s.boris, ministry: s.anna, institute: s.expert} {
			if got := s.shown(t, h, who); strings.Contains(got, "Rude") || !strings.Contains(got, "Calm") {
				t.Errorf("%s shows %q", h, got)
			}
			row, err := models.CommentByIRI(ctx, s.Nodes[h].Store.R, bad.IRI)
			cluster.Must(t, err)
			if row.State != "erased" || row.Document != nil {
				t.Errorf("%s holds the comment %s with %d bytes", h, row.State, len(row.Document))
			}
			var kept int
			cluster.Must(t, s.Nodes[h].Store.R.NewRaw(`SELECT (SELECT COUNT(*) FROM activities WHERE object_id = ? AND type IN ('Create', 'Announce') AND bytes IS NOT NULL AND actor <> ?)
				+ (SELECT COUNT(*) FROM arrivals WHERE object_id = ? AND type = 'Create' AND body IS NOT NULL)`, bad.IRI, s.community, bad.IRI).Scan(ctx, &kept))
			if kept > 0 {
				t.Errorf("%s keeps %d copies of its bytes", h, kept)
			}
		}
		told, err := s.Nodes[institute].Access.Notices(ctx, s.expert, false, 0, 50)
		cluster.Must(t, err)
		found := false
		for _, n := range told {
			found = found || n.Kind == "comment removed" && n.Detail == "off topic"
		}
		if !found {
			t.Errorf("the guest is not told why: %+v", told)
		}
		s.Check()
	})
}

// A guest on other software: her own post stays with her, the community's post about it is
// deleted, and a note tells her why.
func TestOrganiserRemovesACommentOfOtherSoftware(t *testing.T) {
	eachSoftware(t, communities.Opening{Rendering: models.RenderInline}, func(t *testing.T, s *readers) {
		ctx := context.Background()
		expert := s.joined(t, "expert", communities.Invitation{HistoryDays: -1})
		other := s.joined(t, "other", communities.Invitation{HistoryDays: -1})
		d := s.send(t, "Open talks", "PUBLIC")
		post := only(t, about(expert.Home(), d.Reference), "the dispatch")
		_, err := expert.Reply(handle, post.ID, "Rude words", peers.MentionedOnly)
		cluster.Must(t, err)
		s.Settle()
		com := s.Nodes[embassy].Communities
		_, rows, _, err := com.Talk(ctx, s.boris, s.community, true, 0, "", 10)
		cluster.Must(t, err)
		if len(rows) != 1 || !rows[0].Guest || rows[0].Reference != d.Reference || rows[0].AttestedFor != iri.IRI(expert.ID) {
			t.Fatalf("guests' comments: %+v", rows)
		}
		cluster.Must(t, com.RemoveComment(ctx, s.boris, rows[0].IRI, "it names a person"))
		s.Settle()
		if left := about(other.Home(), "Rude"); len(left) > 0 {
			t.Errorf("another guest still reads it: %+v", left)
		}
		if note := about(expert.Direct(), "it names a person"); len(note) != 1 {
			t.Errorf("she is told %d times", len(note))
		}
		var kept int
		cluster.Must(t, s.Nodes[embassy].Store.R.NewRaw(`SELECT COUNT(*) FROM arrivals WHERE type = 'Create' AND actor = ? AND body IS NOT NULL`, expert.ID).Scan(ctx, &kept))
		if kept > 0 {
			t.Errorf("%d arrivals keep her words", kept)
		}
		s.Check()
	})
}

// A look-up says what kind of account a handle is before anything is sent, and only to
// who organises the community.
func TestLookUp(t *testing.T) {
	s := newThree(t)
	ctx := context.Background()
	com := s.Nodes[embassy].Communities
	f, err := com.LookUp(ctx, s.boris, s.community, "@clara@institute.example")
	cluster.Must(t, err)
	if f.Actor != s.expert || f.Type != models.TypePerson || !f.OwnSoftware || f.Standing != "" || f.Form != models.FormAnnounce || f.Why != "" {
		t.Errorf("the expert: %+v", f)
	}
	if _, err := models.PeerByHost(ctx, s.Nodes[embassy].Store.R, institute); !models.NotFound(err) {
		t.Errorf("a look-up gave her instance a standing: %v", err)
	}
	f, err = com.LookUp(ctx, s.boris, s.community, string(s.desk))
	cluster.Must(t, err)
	if f.State != models.MemberActive || f.Standing != models.PeerAccredited {
		t.Errorf("the ministry's desk: %+v", f)
	}
	social := iri.Host("social.example")
	server := peers.Mastodon(social, s.Transport(social), s.Clock.Now)
	var handler http.Handler = server
	s.Foreign(social, handler)
	a := server.Account("dora")
	f, err = com.LookUp(ctx, s.boris, s.community, a.Handle())
	cluster.Must(t, err)
	if f.OwnSoftware || f.Form != models.FormBulletin {
		t.Errorf("the Mastodon account: %+v", f)
	}
	group, err := com.Open(ctx, s.boris, communities.Opening{Office: s.post, Username: "other", Name: "Other", Charter: "Another."})
	cluster.Must(t, err)
	f, err = com.LookUp(ctx, s.boris, s.community, string(group.IRI))
	cluster.Must(t, err)
	if f.Why == "" {
		t.Error("a community may be invited")
	}
	_, err = com.Invite(ctx, s.boris, s.community, communities.Invitation{Who: string(group.IRI), HistoryDays: -1})
	if err == nil {
		t.Error("a community was invited")
	}
	_, err = com.Invite(ctx, s.boris, s.community, communities.Invitation{Who: a.Handle(), Actor: s.expert, HistoryDays: -1})
	if err == nil || !strings.Contains(err.Error(), "another account") {
		t.Errorf("another account than the one shown: %v", err)
	}
	denied(t, s.Cluster, embassy, "invalid", func() error { _, err := com.LookUp(ctx, s.boris, s.community, "clara"); return err })
	denied(t, s.Cluster, embassy, "not-found", func() error {
		_, err := com.LookUp(ctx, s.boris, "https://embassy.example/g/nothing", "@clara@institute.example")
		return err
	})
	denied(t, s.Cluster, ministry, "not-found", func() error {
		_, err := s.Nodes[ministry].Communities.LookUp(ctx, "https://ministry.example/u/nobody", s.community, "@clara@institute.example")
		return err
	})
	denied(t, s.Cluster, embassy, "too-many", func() error {
		for range 30 {
			if _, err := com.LookUp(ctx, s.boris, s.community, string(s.boris)); err != nil {
				return err
			}
		}
		return nil
	})
}

// The organiser sees what became of each member's deliveries and what each may read, and
// what another ceiling would do; terms are only narrowed.
func TestOrganiserSeesReach(t *testing.T) {
	eachDatabase(t, func(t *testing.T, options ...cluster.Option) {
		ctx := context.Background()
		s := newThree(t, options...)
		com := s.Nodes[embassy].Communities
		before := s.post1(t, "Before she came")
		s.Settle()
		s.Clock.Forward(time.Hour)
		i, err := com.Invite(ctx, s.boris, s.community, communities.Invitation{Who: string(s.expert), Role: models.RoleGuest, HistoryDays: 0, Ceiling: "UNCLASSIFIED"})
		cluster.Must(t, err)
		s.Settle()
		cluster.Must(t, s.Nodes[institute].Communities.Accept(ctx, s.expert, i.IRI))
		s.Settle()
		after := s.post1(t, "After she came")
		s.Settle()
		v, err := com.Member(ctx, s.boris, s.community, s.expert, 0, 10)
		cluster.Must(t, err)
		if v.Readable.Shared != 2 || v.Readable.May != 1 || v.Member.Copies != 1 || v.Member.LastAt == 0 || v.Member.Late+v.Member.Waiting+v.Member.Failed != 0 {
			t.Errorf("what she may read: %+v of %+v", v.Readable, v.Member)
		}
		if len(v.Shared) != 2 || v.Shared[0].IRI != after.IRI || !v.Shared[0].May || v.Shared[1].IRI != before.IRI || v.Shared[1].May {
			t.Errorf("the rows: %+v", v.Shared)
		}
		s.Stop(institute)
		s.post1(t, "While she is away")
		s.Settle()
		_, rows, runs, err := com.Members(ctx, s.boris, s.community, false, "", 10)
		cluster.Must(t, err)
		late := map[iri.IRI]int64{}
		for _, m := range rows {
			late[m.Actor] = m.Late
		}
		if len(rows) != 4 || !runs || late[s.expert] != 1 || late[s.desk] != 0 {
			t.Errorf("%d members, runs %v, late %v", len(rows), runs, late)
		}
		f, err := com.Figures(ctx, s.boris, s.community)
		cluster.Must(t, err)
		by := map[iri.Host]models.HostFigures{}
		for _, h := range f.Hosts {
			by[h.Host] = h
		}
		if by[embassy].Organisers != 2 || by[ministry].Members != 1 || by[institute].Guests != 1 || by[institute].Late != 1 || by[institute].HandedOver != 1 || by[ministry].HandedOver != 3 {
			t.Errorf("by instance: %+v", f.Hosts)
		}
		if n := len(f.Months); n != 12 || f.Months[11].Dispatches != 3 || f.Months[10].Dispatches != 0 {
			t.Errorf("by month: %+v", f.Months)
		}
		_, rank, e, err := com.CeilingEffect(ctx, s.boris, s.community, "PUBLIC")
		cluster.Must(t, err)
		if rank != 1 || e.Above != 3 || e.Members != 4 || e.Waiting != 1 {
			t.Errorf("the effect of a lower ceiling: %+v", e)
		}
		cluster.Must(t, com.Narrow(ctx, s.boris, s.community, s.expert, "PUBLIC", s.Clock.Now().AddDate(0, 1, 0)))
		v, err = com.Member(ctx, s.boris, s.community, s.expert, 0, 0)
		cluster.Must(t, err)
		if v.Readable.May != 0 || v.Member.EndsAt == 0 {
			t.Errorf("narrowed: %+v", v)
		}
		denied(t, s.Cluster, embassy, "invalid", func() error { return com.Narrow(ctx, s.boris, s.community, s.expert, "UNCLASSIFIED", time.Time{}) })
		denied(t, s.Cluster, embassy, "invalid", func() error {
			return com.Narrow(ctx, s.boris, s.community, s.expert, "", s.Clock.Now().AddDate(1, 0, 0))
		})
		denied(t, s.Cluster, ministry, "not-organiser", func() error {
			return s.Nodes[ministry].Communities.Narrow(ctx, s.anna, s.community, s.expert, "PUBLIC", time.Time{})
		})
		cluster.Must(t, com.Remove(ctx, s.boris, s.community, s.expert, "over"))
		_, rows, _, err = com.Members(ctx, s.boris, s.community, true, "", 10)
		cluster.Must(t, err)
		if len(rows) != 1 || rows[0].Actor != s.expert || rows[0].Copies != 1 {
			t.Errorf("past members: %+v", rows)
		}
	})
}
