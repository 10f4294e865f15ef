package cluster_test

import (
	"context"
	"strings"
	"testing"

	"valise/cmd/internal/cluster"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/communities"
	"valise/models"
	"valise/models/iri"
)

const charter = "# Purpose\n\nWater sharing between **riparian** states.\n\n<script>alert(1)</script>\n\nWhat is read here is not \"quoted\" outside."

// She reads the charter on her own instance before she answers, and keeps it.
func TestCharterIsReadBeforeTheAnswer(t *testing.T) {
	cluster.Each(t, testCharterIsReadBeforeTheAnswer)
}

func testCharterIsReadBeforeTheAnswer(t *testing.T) {
	ctx := context.Background()
	c := cluster.New(t, []iri.Host{embassy, institute})
	post, boris := c.Office(embassy, "chancery", "PARIS", "Chancery", "boris")
	p, err := c.Nodes[institute].Accounts.AddPerson(ctx, "test", "clara", "Clara")
	cluster.Must(t, err)
	eve, err := c.Nodes[institute].Accounts.AddPerson(ctx, "test", "eve", "Eve")
	cluster.Must(t, err)
	// As long as one may be: it goes to a host that knows nothing of ours.
	long := charter + "\n\n" + strings.Repeat("é", (10<<10-len(charter)-20)/2)
	com, err := c.Nodes[embassy].Communities.Open(ctx, boris, communities.Opening{Office: post, Username: "water", Name: "Water", Charter: long, HistoryDays: 30})
	cluster.Must(t, err)
	i, err := c.Nodes[embassy].Communities.Invite(ctx, boris, com.IRI, communities.Invitation{Who: string(p.IRI), HistoryDays: -1, Words: "Please join us."})
	cluster.Must(t, err)
	c.Settle()
	hers := c.Nodes[institute].Communities
	v, err := hers.Invitation(ctx, p.IRI, i.IRI)
	cluster.Must(t, err)
	if v.Charter != long || v.Invitation.CharterDigest != sign.BytesDigest([]byte(long)) || v.Words != "Please join us." || v.Community != "Water" {
		t.Errorf("before her answer she reads %d bytes, words %q, community %q", len(v.Charter), v.Words, v.Community)
	}
	html, err := communities.RenderCharter(v.Charter)
	cluster.Must(t, err)
	if !strings.Contains(html, "<strong>riparian</strong>") || strings.Contains(html, "<script") {
		t.Errorf("the charter is shown as %.300s", html)
	}
	if _, err := hers.Invitation(ctx, eve.IRI, i.IRI); err == nil {
		t.Error("another person reads her invitation")
	}
	cluster.Must(t, hers.Accept(ctx, p.IRI, i.IRI))
	c.Settle()
	shown, err := hers.Show(ctx, p.IRI, com.IRI)
	cluster.Must(t, err)
	if shown.Community.Charter != long || shown.Community.CharterDigest != com.CharterDigest {
		t.Errorf("as a member she reads %d bytes", len(shown.Community.Charter))
	}
	if v, err := c.Nodes[embassy].Communities.Invitation(ctx, boris, i.IRI); err != nil || v.Charter != long {
		t.Errorf("the organiser does not see what he invited to: %v", err)
	}
	for name, bad := range map[string]string{"too long": long + strings.Repeat("x", 100), "escapes": strings.Repeat("\n", 5<<10) + "x", "empty": " \n", "direction": "a\u202eb"} {
		if _, err := c.Nodes[embassy].Communities.Open(ctx, boris, communities.Opening{Office: post, Username: "other", Name: "Other", Charter: bad}); err == nil {
			t.Errorf("a charter was taken that is %s", name)
		}
	}
	c.Check()
}

// A charter of a stranger that does not fit its digest, or is no charter, is nothing
// that anybody here is asked to agree to.
func TestFalseChartersAreSetAside(t *testing.T) { cluster.Each(t, testFalseChartersAreSetAside) }

func testFalseChartersAreSetAside(t *testing.T) {
	s := newCourt(t)
	group := s.o.figure(models.TypeGroup, "/g/trap")
	for name, c := range map[string]struct{ charter, digest, code string }{
		"another text":   {charter, sign.BytesDigest([]byte("Another.")), "charter-differs"},
		"no digest":      {charter, "", "charter-differs"},
		"direction":      {"a\u202eb", sign.BytesDigest([]byte("a\u202eb")), "charter-unfit"},
		"longer than it": {strings.Repeat("x", 11<<10), sign.BytesDigest([]byte(strings.Repeat("x", 11<<10))), "charter-unfit"},
	} {
		t.Run(name, func(t *testing.T) {
			in := vocab.Invite{Envelope: s.o.envelope(group, string(s.anna)), Invitee: s.anna, Group: group.id, GroupName: "Trap", Sponsor: s.office.id, Role: models.RoleMember,
				HistoryFrom: s.Clock.Now(), Ceiling: vocab.Grade{Scheme: "https://w3id.org/valise/marking/v1", Level: "UNCLASSIFIED", Rank: 2}, Charter: c.charter, CharterDigest: c.digest}
			s.o.send(group, s.inbox(s.anna), s.sealed(group, in.Encode())).mustBe(t, 202, "")
			s.Settle()
			s.aside(t, ministry, in.ID, c.code)
			if _, err := s.Nodes[ministry].Communities.Invitation(context.Background(), s.anna, in.ID); err == nil {
				t.Error("the invitation is there")
			}
		})
	}
}

// Who reads on other software gets the charter in the note that invites her.
func TestCharterInTheNoteToOtherSoftware(t *testing.T) {
	cluster.Each(t, testCharterInTheNoteToOtherSoftware)
}

func testCharterInTheNoteToOtherSoftware(t *testing.T) {
	eachSoftware(t, communities.Opening{}, func(t *testing.T, s *readers) {
		expert := s.server.Account("expert")
		s.invite(t, expert, communities.Invitation{HistoryDays: -1})
		if note := only(t, expert.Direct(), "the invitation"); !strings.Contains(note.Content, "<p>Water sharing.</p>") {
			t.Errorf("the invitation does not hold the charter: %s", note.Content)
		}
	})
}

// What nobody has chosen: the text at the lowest marking, a notice above it.
func TestRenderingThatNobodyChose(t *testing.T) { cluster.Each(t, testRenderingThatNobodyChose) }

func testRenderingThatNobodyChose(t *testing.T) {
	eachSoftware(t, communities.Opening{}, func(t *testing.T, s *readers) {
		expert := s.joined(t, "expert", communities.Invitation{HistoryDays: -1})
		open, closed := s.send(t, "Open talks", "PUBLIC"), s.send(t, "Quiet talks", "UNCLASSIFIED")
		s.Settle()
		const words = "The Ambassador called this morning."
		if p := only(t, about(expert.Home(), open.Reference), "the dispatch of the lowest marking"); !strings.Contains(p.Content, words) {
			t.Errorf("at the lowest marking: %s", p.Content)
		}
		if p := only(t, about(expert.Home(), closed.Reference), "the dispatch above it"); strings.Contains(p.Content, words) || strings.Contains(p.Summary, "Quiet") {
			t.Errorf("above it: %s, %s", p.Summary, p.Content)
		}
	})
}
