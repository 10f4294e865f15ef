package models_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

func invitation(id string, at models.Time) *models.Invitation {
	return &models.Invitation{IRI: group + "/i/" + iri.IRI(id), Community: group, Invitee: expert, Sponsor: alice, Role: models.RoleGuest, Ceiling: 1,
		CharterDigest: "c", ExpiresAt: noon + 1000, State: models.InvitationOpen, CreatedAt: at}
}

func TestInvitationIsUsedOnce(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		must(t, models.InsertInvitation(ctx, s.W, invitation("1", noon)))
		if err := models.InsertInvitation(ctx, s.W, invitation("1", noon)); !models.IsConflict(err) {
			t.Errorf("a known id: %v", err)
		}
		move := func(ctx context.Context, tx bun.Tx, to string, followID iri.IRI, from ...string) (bool, error) {
			return models.MoveInvitation(ctx, tx, group+"/i/1", from, to, followID, noon+5)
		}
		accept := func(want int) {
			t.Helper()
			var used [10]bool
			for _, err := range gather(t, s, len(used), func(ctx context.Context, tx bun.Tx, i int) (err error) {
				used[i], err = move(ctx, tx, models.InvitationAccepted, iri.IRI(fmt.Sprint(expert, "/follow/", i)), models.InvitationOpen)
				return err
			}) {
				must(t, err)
			}
			n := 0
			for i, ok := range used {
				if !ok {
					continue
				}
				n++
				row, err := models.InvitationByIRI(ctx, s.R, group+"/i/1")
				must(t, err)
				if row.FollowID != iri.IRI(fmt.Sprint(expert, "/follow/", i)) || row.State != models.InvitationAccepted || row.AnsweredAt != noon+5 {
					t.Errorf("accepted: %+v", row)
				}
			}
			if n != want {
				t.Errorf("used %d times, want %d", n, want)
			}
		}
		accept(1)
		accept(0)
		in(t, s, func(ctx context.Context, tx bun.Tx) error {
			if ok, err := move(ctx, tx, models.InvitationConsumed, "", models.InvitationOpen, models.InvitationAccepted); !ok || err != nil {
				t.Errorf("consume: %v (%v)", ok, err)
			}
			ok, err := move(ctx, tx, models.InvitationRevoked, "", models.InvitationOpen, models.InvitationAccepted)
			if ok {
				t.Error("a consumed invitation was revoked")
			}
			return err
		})
		row, err := models.InvitationByIRI(ctx, s.R, group+"/i/1")
		must(t, err)
		if row.State != models.InvitationConsumed || row.FollowID == "" {
			t.Errorf("consumed: %+v", row)
		}
	})
}

func TestLiveInvitation(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		if _, err := models.LiveInvitation(ctx, s.R, group, expert); !models.NotFound(err) {
			t.Fatalf("none: %v", err)
		}
		older, declined := invitation("1", noon), invitation("2", noon+2)
		declined.State = models.InvitationDeclined
		newer, incoming := invitation("3", noon+1), invitation("4", noon+3)
		newer.State = models.InvitationAccepted
		incoming.Invitee, incoming.Incoming = alice, true
		for _, i := range []*models.Invitation{older, declined, newer, incoming} {
			must(t, models.InsertInvitation(ctx, s.W, i))
		}
		if i, err := models.LiveInvitation(ctx, s.R, group, expert); err != nil || i.IRI != newer.IRI {
			t.Errorf("live: %+v (%v)", i, err)
		}
		for _, c := range []struct {
			community, invitee iri.IRI
			want               int
		}{{group, "", 4}, {"", expert, 3}, {"", alice, 1}, {"", "", 4}, {group + "2", "", 0}} {
			rows, err := models.Invitations(ctx, s.R, c.community, c.invitee, 10)
			must(t, err)
			if len(rows) != c.want {
				t.Errorf("invitations of %q to %q: %d, want %d", c.community, c.invitee, len(rows), c.want)
			}
			for i := 1; i < len(rows); i++ {
				if rows[i].CreatedAt > rows[i-1].CreatedAt {
					t.Error("not newest first")
				}
			}
		}
	})
}

func TestMembers(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		save := func(actor iri.IRI, state string, ends models.Time) {
			t.Helper()
			must(t, models.SaveMember(ctx, s.W, &models.Member{Community: group, Actor: actor, Host: actor.Host(), Role: models.RoleMember,
				Ceiling: 2, State: state, Form: models.FormAnnounce, Since: noon, HistoryFrom: noon - 500, EndsAt: ends}))
		}
		save(alice, models.MemberActive, 0)
		save(bob, models.MemberActive, noon+1000)
		save(expert, models.MemberReserved, 0)
		must(t, models.SaveMember(ctx, s.W, &models.Member{Community: group + "2", Actor: alice, Host: alice.Host(), State: models.MemberActive}))
		list := func(rows []*models.Member, err error) []string {
			t.Helper()
			must(t, err)
			out := []string{}
			for _, m := range rows {
				out = append(out, m.Actor.Path())
			}
			return out
		}
		expect(t, "before the term", list(models.LocalMembers(ctx, s.R, group, "ministry.example", noon+999)), []string{"/u/alice", "/u/bob"})
		expect(t, "after the term", list(models.LocalMembers(ctx, s.R, group, "ministry.example", noon+1000)), []string{"/u/alice"})
		expect(t, "expired", list(models.ExpiredMembers(ctx, s.R, noon+1000, 10)), []string{"/u/bob"})
		expect(t, "not yet expired", list(models.ExpiredMembers(ctx, s.R, noon+999, 10)), []string{})
		expect(t, "all", list(models.AllMembers(ctx, s.R, group, "", 10)), []string{"/u/expert", "/u/alice", "/u/bob"})

		save(expert, models.MemberActive, 0)
		expect(t, "local", list(models.LocalMembers(ctx, s.R, group, "ministry.example", noon)), []string{"/u/alice", "/u/bob"})
		expect(t, "elsewhere", list(models.LocalMembers(ctx, s.R, group, "institute.example", noon)), []string{"/u/expert"})
		save(bob, models.MemberRemoved, 0)
		if n, err := models.CountMembers(ctx, s.R, group); err != nil || n != 2 {
			t.Errorf("%d members (%v), want 2", n, err)
		}
		m := &models.Member{Community: group, Actor: expert, Host: expert.Host(), Role: models.RoleGuest, Ceiling: 1, State: models.MemberLeft, Form: models.FormBulletin,
			Since: noon + 1, HistoryFrom: noon + 2, EndsAt: noon + 3, LeftAt: noon + 4, FollowID: expert + "/f", AcceptedAt: noon + 5}
		must(t, models.SaveMember(ctx, s.W, m))
		if got, err := models.MemberOf(ctx, s.R, group, expert); err != nil || fmt.Sprint(*got) != fmt.Sprint(*m) {
			t.Errorf("got  %+v (%v)\nwant %+v", got, err, m)
		}
		if _, err := models.MemberOf(ctx, s.R, group, embassy); !models.NotFound(err) {
			t.Errorf("no member: %v", err)
		}
	})
}

// Sequence numbers drawn under the community's lock have no gaps and no twins.
func TestSequenceUnderTheLock(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		must(t, models.SaveCommunity(ctx, s.W, &models.Community{IRI: group, Local: true, Name: "R7", Kind: "transverse", Ceiling: 2, CreatedAt: noon}))
		entry := func(n int64) *models.LogEntry {
			return &models.LogEntry{Community: group, Sequence: n, Activity: iri.IRI(fmt.Sprint(group, "/a/", n)), ObjectID: cable, At: noon}
		}
		for _, err := range gather(t, s, 20, func(ctx context.Context, tx bun.Tx, i int) error {
			c, err := models.LockCommunity(ctx, tx, group)
			if err != nil {
				return err
			}
			c.Sequence++
			if err := models.InsertLogEntry(ctx, tx, entry(c.Sequence)); err != nil {
				return err
			}
			return models.SaveCommunity(ctx, tx, c)
		}) {
			must(t, err)
		}
		c, err := models.CommunityByIRI(ctx, s.R, group)
		must(t, err)
		if c.Sequence != 20 || !c.Local {
			t.Errorf("got %+v", c)
		}
		all, err := models.LogEntries(ctx, s.R, group, 0, 50)
		must(t, err)
		if len(all) != 20 || all[0].Sequence != 1 || all[19].Sequence != 20 {
			t.Errorf("%d entries, want 1 to 20", len(all))
		}
		if err := models.InsertLogEntry(ctx, s.W, entry(20)); !models.IsConflict(err) {
			t.Errorf("a known number: %v", err)
		}
		must(t, models.InsertLogEntry(ctx, s.W, entry(23)))
		rows, err := models.LogEntries(ctx, s.R, group, 18, 10)
		must(t, err)
		if len(rows) != 3 || rows[0].Sequence != 19 || rows[2].Sequence != 23 {
			t.Errorf("entries after 18: %+v", rows)
		}
		if e, err := models.LogEntryAt(ctx, s.R, group, 7); err != nil || e.Activity != group+"/a/7" {
			t.Errorf("the seventh: %+v (%v)", e, err)
		}
	})
}

func TestComments(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		c := &models.Comment{IRI: group + "/n/1", Community: group, Dispatch: cable, Author: expert, Content: "text", Document: []byte("doc"), State: "shown",
			PublishedAt: noon, DistributedAt: noon}
		for _, want := range []bool{true, false} {
			if isNew, err := models.InsertComment(ctx, s.W, c); isNew != want || err != nil {
				t.Errorf("new: %v (%v), want %v", isNew, err, want)
			}
		}
		must(t, models.EraseComment(ctx, s.W, c.IRI))
		got, err := models.CommentByIRI(ctx, s.R, c.IRI)
		must(t, err)
		if got.State != "erased" || got.Content != "" || got.Document != nil || got.Author != expert {
			t.Errorf("erased: %+v", got)
		}
	})
}

func TestBulletins(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		rows := []*models.Bulletin{{IRI: group + "/b/1", Community: group, ObjectID: cable, Host: "m.example", Inbox: "https://m.example/inbox", PublishedAt: noon, State: "sent"},
			{IRI: group + "/b/2", Community: group, ObjectID: cable + "2", Host: "m.example", PublishedAt: noon, State: "sent"}}
		must(t, models.InsertBulletins(ctx, s.W, nil))
		must(t, models.InsertBulletins(ctx, s.W, rows))
		must(t, models.InsertBulletins(ctx, s.W, rows))
		must(t, models.MarkBulletinsDeleted(ctx, s.W, cable))
		if got, err := models.BulletinsOf(ctx, s.R, cable); err != nil || len(got) != 1 || got[0].State != "deleted" || got[0].Inbox != rows[0].Inbox {
			t.Errorf("deleted: %+v (%v)", got, err)
		}
		if got, err := models.BulletinByIRI(ctx, s.R, group+"/b/2"); err != nil || got.State != "sent" {
			t.Errorf("another object's: %+v (%v)", got, err)
		}
	})
}
