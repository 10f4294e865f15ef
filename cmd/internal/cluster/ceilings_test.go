package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"valise/cmd/internal/cluster"
	"valise/config"
	"valise/federation/vocab"
	"valise/instance/communities"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// hall is a community of the ministry up to LIMITED, with the embassy's office as member
// up to it, and the outlaw's expert as guest up to UNCLASSIFIED.
type hall struct {
	*court
	expert    *figure
	community iri.IRI
	high, low *models.Dispatch // LIMITED and UNCLASSIFIED, each with an attachment
	comment   *models.Comment  // on the high one
}

const secretText = "The high text."

func newHall(t *testing.T, own bool) *hall {
	t.Helper()
	ctx := context.Background()
	s := &hall{court: newCourt(t)}
	m := s.Nodes[ministry]
	com, err := m.Communities.Open(ctx, s.anna, communities.Opening{Office: s.desk, Username: "hall", Name: "Hall", Charter: "Hall.", Ceiling: "LIMITED", HistoryDays: 30})
	cluster.Must(t, err)
	s.community = com.IRI
	i, err := m.Communities.Invite(ctx, s.anna, com.IRI, communities.Invitation{Who: string(s.post), Role: models.RoleMember, HistoryDays: -1})
	cluster.Must(t, err)
	s.Settle()
	cluster.Must(t, s.Nodes[embassy].Communities.Accept(ctx, s.boris, i.IRI))
	s.Settle()
	s.high = s.said("LIMITED", "A high subject", secretText)
	s.expert = s.o.figure(models.TypePerson, "/u/expert")
	s.expert.own, s.o.instance.own = own, own
	i, err = m.Communities.Invite(ctx, s.anna, com.IRI, communities.Invitation{Who: string(s.expert.id), Role: models.RoleGuest, Ceiling: "UNCLASSIFIED", HistoryDays: -1})
	cluster.Must(t, err)
	s.Settle()
	s.o.send(s.expert, s.inbox(com.IRI), s.follow(s.expert, com.IRI, i.IRI)).mustBe(t, 202, "")
	s.Settle()
	s.low = s.said("UNCLASSIFIED", "A low subject", "The low text.")
	// After her admission too.
	s.high = s.said("LIMITED", "A high subject", secretText)
	s.comment, err = m.Communities.Comment(ctx, s.anna, s.community, s.high.IRI, secretText+" A comment.")
	cluster.Must(t, err)
	s.Settle()
	return s
}

func (s *hall) said(marking, subject, text string) *models.Dispatch {
	s.T.Helper()
	file, err := s.Nodes[ministry].Dispatches.Upload(context.Background(), "annex.txt", "text/plain", strings.NewReader(fmt.Sprintf("Annex: %s %s", marking, text)))
	cluster.Must(s.T, err)
	c := cable(subject)
	c.Marking, c.Community, c.Summary, c.Paragraphs = marking, s.community, text, []dispatches.Paragraph{{Text: text}}
	c.Attachments = []dispatches.Attachment{file}
	d := s.Send(ministry, s.anna, s.desk, c)
	s.Settle()
	return d
}

// addresses are all those at which something of a dispatch could be had.
func (s *hall) addresses(t *testing.T, d *models.Dispatch) []iri.IRI {
	t.Helper()
	ctx := context.Background()
	db := s.Nodes[ministry].Store.R
	files, err := models.AttachmentsOf(ctx, db, d.IRI)
	cluster.Must(t, err)
	entries, err := models.LogEntriesOf(ctx, db, d.IRI)
	cluster.Must(t, err)
	if len(files) != 1 || len(entries) != 1 {
		t.Fatalf("%d files, %d entries", len(files), len(entries))
	}
	return []iri.IRI{d.IRI, d.IRI + "/v/1", d.Activity, entries[0].Activity, files[0].URL, s.community + "/files/" + iri.IRI(files[0].Digest)}
}

// A member with a lower ceiling gets what is within it, and nothing of what is above, by
// whichever way it could come.
func TestNothingAboveAMembersCeiling(t *testing.T) { cluster.Each(t, testNothingAboveAMembersCeiling) }

func testNothingAboveAMembersCeiling(t *testing.T) {
	for _, own := range []bool{true, false} {
		t.Run(fmt.Sprintf("own software %v", own), func(t *testing.T) {
			s := newHall(t, own)
			for _, secret := range []string{secretText, "A high subject", s.high.Reference, string(s.high.IRI), string(s.comment.IRI)} {
				if s.o.received(secret) {
					t.Errorf("%q was sent to her", secret)
				}
			}
			if own != s.o.received("The low text.") {
				t.Errorf("the low text was sent: %v", !own)
			}
			if !own && s.o.received("A low subject") {
				t.Error("a notice above the lowest marking names the subject")
			}
			nothing := s.get(s.expert, "https://ministry.example/d/nothing")
			for _, id := range append(s.addresses(t, s.high), s.comment.IRI) {
				for name, by := range map[string]*figure{"her own key": s.expert, "her host's": s.o.instance, "a neighbour's": s.office} {
					a := s.get(by, id)
					if a.status != 404 || !bytes.Equal(a.body, nothing.body) {
						t.Errorf("%s with %s: answered %d: %s", id, name, a.status, a.body)
					}
				}
			}
			if own {
				for _, id := range s.addresses(t, s.low) {
					if code := s.fetch(s.expert, id); code != 200 {
						t.Errorf("%s is not shown to her: %d", id, code)
					}
				}
				page := s.get(s.expert, s.community+"/outbox/after/0")
				if page.status != 200 || bytes.Contains(page.body, []byte(secretText)) || bytes.Contains(page.body, []byte("A high subject")) || !bytes.Contains(page.body, []byte(`"withheld":true`)) {
					t.Errorf("the outbox: %d %s", page.status, page.body)
				}
			}
			t.Run("a comment on it", func(t *testing.T) {
				note := vocab.Note{ID: s.o.next("n"), AttributedTo: s.expert.id, To: []iri.IRI{s.community}, Audience: s.community, Content: "<p>What of it?</p>", Published: s.Clock.Now(), InReplyTo: s.high.IRI}
				e := s.o.envelope(s.expert, string(s.community))
				before := rowsIn(t, s.Cluster, ministry, "comments")
				s.o.send(s.expert, s.inbox(s.community), s.sealed(s.expert, vocab.Create{Envelope: e, Object: prove(t, s.expert, note.Encode(), s.Clock.Now())}.Encode())).mustBe(t, 202, "")
				s.Settle()
				if rowsIn(t, s.Cluster, ministry, "comments") != before {
					t.Error("it was taken")
				}
				if own && !s.o.received("above-ceiling") {
					t.Error("she was not told why")
				}
			})
			s.Check()
		})
	}
}

// Every address asks the same question, and answers with the same nothing.
func TestEveryAddressIsClosedToOthers(t *testing.T) {
	cluster.Each(t, testEveryAddressIsClosedToOthers)
}

func testEveryAddressIsClosedToOthers(t *testing.T) {
	s := newHall(t, true)
	ctx := context.Background()
	all := append(s.addresses(t, s.high), s.addresses(t, s.low)...)
	all = append(all, s.comment.IRI, s.community+"/outbox", s.community+"/outbox/after/0", s.community+"/followers", s.community+"/followers?is_follower="+s.expert.id, s.community+"/moderators")
	rows, err := models.Deliveries(ctx, s.Nodes[ministry].Store.R, "", 0, 200)
	cluster.Must(t, err)
	for _, d := range rows {
		all = append(all, d.Activity)
	}
	stranger := newOutlaw(t, s.Cluster, "stranger.example")
	stuart := stranger.figure(models.TypePerson, "/u/stuart")
	nobody := s.get(nil, "https://ministry.example/d/nothing")
	for _, id := range all {
		for name, by := range map[string]*figure{"no signature": nil, "a stranger's": stuart, "a stranger's instance": stranger.instance} {
			var a answer
			if by == nil {
				a = s.get(nil, id)
			} else {
				a = s.get(by, id)
			}
			if a.status != 404 || !bytes.Equal(a.body, nobody.body) {
				t.Errorf("%s with %s: answered %d: %s", id, name, a.status, a.body)
			}
		}
	}
	t.Run("after her removal", func(t *testing.T) {
		cluster.Must(t, s.Nodes[ministry].Communities.Remove(ctx, s.anna, s.community, s.expert.id, "done"))
		s.Settle()
		for _, id := range append(s.addresses(t, s.low), s.community+"/outbox", s.community+"/outbox/after/0") {
			if code := s.fetch(s.expert, id); code != 404 {
				t.Errorf("%s: answered %d", id, code)
			}
		}
	})
	t.Run("after its suspension", func(t *testing.T) {
		s2 := newHall(t, true)
		cluster.Must(t, s2.Nodes[ministry].Accreditation.Suspend(ctx, "test", string(outlawHost), "breach"))
		for _, id := range append(s2.addresses(t, s2.low), s2.community+"/outbox") {
			if code := s2.fetch(s2.expert, id); code != 404 {
				t.Errorf("%s: answered %d", id, code)
			}
		}
		s2.said("UNCLASSIFIED", "After the breach", "After the breach.")
		if s2.o.received("After the breach") {
			t.Error("a dispatch went to a suspended peer")
		}
	})
}

func TestNothingAboveAPeersCeiling(t *testing.T) { cluster.Each(t, testNothingAboveAPeersCeiling) }

func testNothingAboveAPeersCeiling(t *testing.T) {
	s := accredited(t)
	ctx := context.Background()
	m := s.Nodes[ministry]
	within := cable("Within", s.office.id)
	within.Marking, within.Paragraphs = "UNCLASSIFIED", within.Paragraphs[1:]
	file, err := m.Dispatches.Upload(ctx, "annex.txt", "text/plain", strings.NewReader("The annex."))
	cluster.Must(t, err)
	within.Attachments = []dispatches.Attachment{file}
	d := s.Send(ministry, s.anna, s.desk, within)
	s.Settle()
	if !s.o.received("Within") {
		t.Fatal("the lawful one did not leave")
	}
	ceiling := func(marking string) {
		t.Helper()
		cluster.Must(t, m.Accreditation.SetCeiling(ctx, "test", string(outlawHost), marking, ""))
	}
	refused := func(t *testing.T, content dispatches.Content, corrects iri.IRI, code string) {
		t.Helper()
		before := state(t, s.Nodes[ministry])
		draft, err := m.Dispatches.NewDraft(ctx, s.anna, s.desk, &content, corrects)
		if err == nil {
			_, err = m.Dispatches.Release(ctx, s.anna, draft.ID, draft.Revision)
		}
		if err == nil || !strings.Contains(err.Error(), code) {
			t.Errorf("released: %v", err)
		}
		s.Settle()
		after := state(t, s.Nodes[ministry])
		for _, table := range []string{"dispatches", "deliveries", "activities", "arrivals", "reference_counters", "evidence", "audit"} {
			if before[table] != after[table] {
				t.Errorf("%s changed", table)
			}
		}
		if s.o.received("Above") {
			t.Error("it was sent")
		}
	}
	ceiling("UNCLASSIFIED")
	t.Run("a dispatch", func(t *testing.T) { refused(t, cable("Above", s.office.id), "", "above-ceiling") })
	t.Run("for information", func(t *testing.T) {
		c := cable("Above", s.post)
		c.Info = []iri.IRI{s.office.id}
		refused(t, c, "", "above-ceiling")
	})
	t.Run("a reply", func(t *testing.T) {
		theirs := s.o.article(s.office, s.desk, nil)
		s.o.send(s.office, s.inbox(s.desk), s.o.create(s.office, theirs)).mustBe(t, 202, "")
		s.Settle()
		c := cable("Above", s.office.id)
		c.References = []dispatches.Reference{{Target: theirs.ID, Label: "Yours"}}
		refused(t, c, "", "above-ceiling")
	})
	t.Run("a correction that raises the marking", func(t *testing.T) {
		c := cable("Above", s.office.id)
		c.ChangeNote = "More is said."
		refused(t, c, d.IRI, "above-ceiling")
	})
	t.Run("a paragraph above the whole", func(t *testing.T) {
		c := within
		c.Paragraphs = []dispatches.Paragraph{{Text: "Above", Marking: "LIMITED"}}
		refused(t, c, "", "portion-above-whole")
	})
	t.Run("classified", func(t *testing.T) {
		c := cable("Above", s.office.id)
		c.Marking = "SECRET"
		refused(t, c, "", "classified")
	})
	t.Run("an unknown marking", func(t *testing.T) {
		c := cable("Above", s.office.id)
		c.Marking = "COSMIC"
		refused(t, c, "", "unknown-marking")
	})
	addresses := []iri.IRI{d.IRI, d.IRI + "/v/1", d.Activity, iri.IRI("https://ministry.example/f/" + file.Digest)}
	for _, id := range addresses {
		if code := s.fetch(s.o.instance, id); code != 200 {
			t.Errorf("%s is not shown to its addressee: %d", id, code)
		}
	}
	ceiling("PUBLIC")
	t.Run("what was sent before is not fetched again", func(t *testing.T) {
		for _, id := range addresses {
			if code := s.fetch(s.office, id); code != 404 {
				t.Errorf("%s: answered %d", id, code)
			}
		}
	})
	ceiling("LIMITED")
	t.Run("what waits when the ceiling is lowered", func(t *testing.T) {
		x := s.Send(ministry, s.anna, s.desk, cable("Above, waiting", s.office.id))
		ceiling("UNCLASSIFIED")
		s.Settle()
		if s.o.received("Above, waiting") {
			t.Error("it was sent")
		}
		if got := stations(t, s.Cluster, ministry, x.IRI)[s.office.id]; !has(got, models.Cancelled) {
			t.Errorf("the board shows %v", got)
		}
	})
	s.Check()
}

// The Group holds its own ceiling, whatever the author's instance believes, and tells the
// author alone.
func TestNothingAboveACommunitysCeiling(t *testing.T) {
	cluster.Each(t, testNothingAboveACommunitysCeiling)
}

func testNothingAboveACommunitysCeiling(t *testing.T) {
	s := newThree(t)
	ctx := context.Background()
	s.join(t, institute, s.expert, s.expert, models.RoleGuest)
	m := s.Nodes[ministry]
	// The ministry's copy of the ceiling is wrong: what slips through meets the Group's.
	copied, err := models.CommunityByIRI(ctx, m.Store.R, s.community)
	cluster.Must(t, err)
	copied.Ceiling = 3
	cluster.Must(t, models.SaveCommunity(ctx, m.Store.W, copied))
	content := cable("Above the ceiling")
	content.Community = s.community
	before := state(t, s.Nodes[institute])
	d := s.Send(ministry, s.anna, s.desk, content)
	s.Settle()
	same(t, before, state(t, s.Nodes[institute]))
	rows, err := s.Nodes[embassy].Dispatches.List(ctx, s.boris, s.community, "", 0, 50)
	cluster.Must(t, err)
	if len(rows) != 0 {
		t.Errorf("the Group keeps %d of them", len(rows))
	}
	arrived, err := models.ArrivalOf(ctx, s.Nodes[embassy].Store.R, d.Activity)
	cluster.Must(t, err)
	if arrived, err = models.ArrivalByID(ctx, s.Nodes[embassy].Store.R, arrived.ID); err != nil || arrived.Body != nil {
		t.Errorf("the Group's host keeps %d bytes of it: %v", len(arrived.Body), err)
	}
	if got := stations(t, s.Cluster, ministry, d.IRI)[s.community]; !has(got, models.Failed) || has(got, models.Delivered) {
		t.Errorf("the author's board shows %v", got)
	}
	told, err := models.Notices(ctx, m.Store.R, s.desk, 0, 10)
	cluster.Must(t, err)
	if len(told) == 0 || !strings.Contains(told[0].Detail, "above-ceiling") {
		t.Errorf("the author was not told: %v", told)
	}
	for _, n := range mustNotices(t, s.Cluster, embassy, s.boris) {
		if strings.Contains(n.Detail, "Above the ceiling") || strings.Contains(n.Detail, "14 October") {
			t.Errorf("a notice repeats the text: %s", n.Detail)
		}
	}
	t.Run("a correction that raises the marking", func(t *testing.T) {
		low := s.post1(t, "Low at first")
		s.Settle()
		c := cable("Above the ceiling")
		c.Community, c.ChangeNote = s.community, "More is said."
		draft, err := m.Dispatches.NewDraft(ctx, s.anna, s.desk, &c, low.IRI)
		cluster.Must(t, err)
		_, err = m.Dispatches.Release(ctx, s.anna, draft.ID, 1)
		cluster.Must(t, err)
		s.Settle()
		v, err := s.Nodes[institute].Dispatches.Show(ctx, s.expert, string(low.IRI))
		cluster.Must(t, err)
		if v.Dispatch.Version != 1 || v.Dispatch.Subject != "Low at first" {
			t.Errorf("the guest has version %d, %q", v.Dispatch.Version, v.Dispatch.Subject)
		}
	})
	t.Run("what waits when the ceiling is lowered", func(t *testing.T) {
		s.Stop(institute)
		waiting := s.post1(t, "Waiting for her")
		s.Settle()
		cluster.Must(t, s.Nodes[embassy].Communities.SetCeiling(ctx, s.boris, s.community, "PUBLIC"))
		s.Start(institute)
		s.Clock.Forward(24 * 60 * 60 * 1e9)
		s.Settle()
		if _, err := s.Nodes[institute].Dispatches.Show(ctx, s.expert, string(waiting.IRI)); err == nil {
			t.Error("it was sent after the ceiling was lowered")
		}
	})
	s.Check()
}

func mustNotices(t *testing.T, c *cluster.Cluster, h iri.Host, who iri.IRI) []*models.Notice {
	t.Helper()
	rows, err := models.Notices(context.Background(), c.Nodes[h].Store.R, who, 0, 200)
	cluster.Must(t, err)
	return rows
}

// An instance that may hold classified text lets none of it out.
func TestClassifiedTextNeverLeaves(t *testing.T) { cluster.Each(t, testClassifiedTextNeverLeaves) }

func testClassifiedTextNeverLeaves(t *testing.T) {
	s := accredited(t, cluster.Change(func(c *config.Config) { c.HoldClassified = c.Host == string(ministry) }))
	ctx := context.Background()
	m := s.Nodes[ministry]
	inside := cable("Classified", s.other)
	inside.Marking, inside.Paragraphs = "SECRET", []dispatches.Paragraph{{Text: "Classified."}}
	d := s.Send(ministry, s.anna, s.desk, inside)
	s.Settle()
	if _, err := m.Dispatches.Show(ctx, s.otto, string(d.IRI)); err != nil {
		t.Errorf("an office of the same instance does not get it: %v", err)
	}
	for _, to := range []iri.IRI{s.post, s.office.id} {
		c := inside
		c.Action = []iri.IRI{to}
		if _, err := s.TrySend(ministry, s.anna, s.desk, c); err == nil || !strings.Contains(err.Error(), "classified") {
			t.Errorf("released to %s: %v", to, err)
		}
	}
	for _, ceiling := range []string{"RESTRICTED", "SECRET", "COSMIC"} {
		if err := m.Accreditation.SetCeiling(ctx, "test", string(outlawHost), ceiling, ""); err == nil {
			t.Errorf("a peer's ceiling was set to %s", ceiling)
		}
		if _, err := m.Communities.Open(ctx, s.anna, communities.Opening{Office: s.desk, Username: "x", Name: "X", Charter: "X.", Ceiling: ceiling}); err == nil {
			t.Errorf("a community was opened up to %s", ceiling)
		}
	}
	for _, id := range []iri.IRI{d.IRI, d.Activity} {
		if code := s.fetch(s.o.instance, id); code != 404 {
			t.Errorf("%s: answered %d", id, code)
		}
	}
	s.Check()
}
