package cluster_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/communities"
	"valise/models"
	"valise/models/iri"
)

// trap is a court where a person of the ministry has joined a community of the outlaw's.
type trap struct {
	*court
	group  *figure
	author *figure
	n      int64
	chain  string
}

func newTrap(t *testing.T) *trap {
	t.Helper()
	ctx := context.Background()
	s := &trap{court: newCourt(t)}
	s.group = s.o.figure(models.TypeGroup, "/g/trap")
	s.author = newOutlaw(t, s.Cluster, "author.example").figure(models.TypeOrganization, "/o/author")
	invite := vocab.Invite{Envelope: s.o.envelope(s.group, string(s.anna)), Invitee: s.anna, Group: s.group.id, GroupName: "Trap", Sponsor: s.office.id, Role: models.RoleMember,
		HistoryFrom: s.Clock.Now().Add(-time.Hour), Ceiling: vocab.Grade{Scheme: "https://w3id.org/valise/marking/v1", Level: "UNCLASSIFIED", Rank: 2}}
	s.o.send(s.group, s.inbox(s.anna), s.sealed(s.group, invite.Encode())).mustBe(t, 202, "")
	s.Settle()
	m := s.Nodes[ministry]
	cluster.Must(t, m.Communities.Accept(ctx, s.anna, invite.ID))
	s.Settle()
	member, err := models.MemberOf(ctx, m.Store.R, s.group.id, s.anna)
	cluster.Must(t, err)
	accept := vocab.Answer{Envelope: s.o.envelope(s.group, string(s.anna)), Subject: vocab.Subject{Raw: vocab.New().IRI("id", member.FollowID).Str("type", "Follow").IRI("actor", s.anna).IRI("object", s.group.id).Bytes()}}
	s.o.send(s.group, s.inbox(s.anna), s.sealed(s.group, accept.Accept())).mustBe(t, 202, "")
	s.Settle()
	if member, err = models.MemberOf(ctx, m.Store.R, s.group.id, s.anna); err != nil || member.State != models.MemberActive {
		t.Fatalf("she is %v: %v", member, err)
	}
	return s
}

const sharedInbox iri.IRI = "https://ministry.example/inbox"

// next numbers an inner activity as the chain wants it.
func (s *trap) next(inner []byte) []byte {
	s.n++
	doc := s.announce(s.group, inner, s.n, s.chain)
	s.chain, _ = sign.ObjectDigest(doc)
	return doc
}

// posted is a dispatch in the trap's community by an author with keys of her own.
func (s *trap) posted(by *figure, edit func(d *vocab.Dispatch)) (*vocab.Dispatch, []byte) {
	d := by.o.article(by, s.group.id, func(d *vocab.Dispatch) {
		d.Audience, d.To = s.group.id, append(d.To, s.group.id+"/followers")
		d.Marking = vocab.Grade{Scheme: d.Marking.Scheme, Level: "UNCLASSIFIED", Rank: 2}
		d.Name = "Posted in the trap"
		if edit != nil {
			edit(d)
		}
	})
	return d, by.o.create(by, d)
}

// forged takes an announcement to a refusal or to the operator, with nothing kept.
func (s *trap) forged(t *testing.T, body []byte, code string) {
	t.Helper()
	mark := s.j.mark()
	dispatches, comments, log := rowsIn(t, s.Cluster, ministry, "dispatches"), rowsIn(t, s.Cluster, ministry, "comments"), rowsIn(t, s.Cluster, ministry, "community_log")
	a := s.o.send(s.group, sharedInbox, body)
	s.Settle()
	if rowsIn(t, s.Cluster, ministry, "dispatches") != dispatches || rowsIn(t, s.Cluster, ministry, "comments") != comments || rowsIn(t, s.Cluster, ministry, "community_log") != log {
		t.Error("something of it was applied")
	}
	if !strings.Contains(s.j.since(mark), code) {
		t.Errorf("the log does not name %s: %s", code, s.j.since(mark))
	}
	if a.status == 202 {
		act, err := vocab.ParseActivity(body, iri.Rules{})
		cluster.Must(t, err)
		s.aside(t, ministry, act.ID, code)
		return
	}
	if a.code != code {
		t.Errorf("answered %d %q, wanted %q", a.status, a.code, code)
	}
}

func TestForgedAnnouncementsAreRefused(t *testing.T) {
	cluster.Each(t, testForgedAnnouncementsAreRefused)
}

func testForgedAnnouncementsAreRefused(t *testing.T) {
	s := newTrap(t)
	ctx := context.Background()
	d, body := s.posted(s.author, nil)
	s.o.send(s.group, sharedInbox, s.next(body)).mustBe(t, 202, "")
	s.Settle()
	if _, err := s.Nodes[ministry].Dispatches.Show(ctx, s.anna, string(d.ID)); err != nil {
		t.Fatalf("a lawful announcement was not applied: %v", err)
	}
	theirs := s.Send(embassy, s.boris, s.post, cable("For the other desk", s.other))
	s.Settle()
	stolen, err := models.ActivityByIRI(ctx, s.Nodes[embassy].Store.R, theirs.Activity)
	cluster.Must(t, err)
	n, chain := s.n+1, s.chain
	now := s.Clock.Now
	announced := func(inner []byte) []byte { return s.announce(s.group, inner, n, chain) }
	// In the embassy's name, with the outlaw's pen.
	inName := func(edit func(c *vocab.Create)) []byte {
		x := s.o.article(s.office, s.group.id, func(x *vocab.Dispatch) {
			x.ID, x.AttributedTo, x.Audience, x.Name = "https://embassy.example/d/forged", s.post, s.group.id, "Forged in the embassy's name"
		})
		c := vocab.Create{Envelope: vocab.Envelope{ID: "https://embassy.example/a/forged", Actor: s.post, To: x.To, Audience: s.group.id, Published: now()}, Object: x.Encode()}
		edit(&c)
		return c.Encode()
	}
	plain := inName(func(*vocab.Create) {})
	thief := *s.office
	key, err := models.ActiveKey(ctx, s.Nodes[embassy].Store.R, s.post, string(sign.Ed25519))
	cluster.Must(t, err)
	thief.keyID = string(key.KeyID)
	attempts := []struct {
		name, code string
		inner      []byte
	}{
		{"unproven, in another's name", "unproven", plain},
		{"signed with the outlaw's key", "foreign-key", prove(t, s.office, inName(func(c *vocab.Create) { c.Object = prove(t, s.office, c.Object, now()) }), now())},
		{"signed by the Group", "foreign-key", prove(t, s.group, inName(func(c *vocab.Create) { c.Object = prove(t, s.group, c.Object, now()) }), now())},
		{"signed under the victim's key id", "bad-proof", prove(t, &thief, inName(func(c *vocab.Create) { c.Object = prove(t, &thief, c.Object, now()) }), now())},
		{"an activity proven, its object not", "unproven", func() []byte {
			x, _ := s.posted(s.author, nil)
			e := vocab.Create{Envelope: vocab.Envelope{ID: s.author.o.next("a"), Actor: s.author.id, To: x.To, Audience: s.group.id, Published: now()}, Object: x.Encode()}
			return prove(t, s.author, e.Encode(), now())
		}()},
		{"an object of another origin", "foreign-object", func() []byte {
			_, b := s.posted(s.author, func(x *vocab.Dispatch) { x.ID = "https://embassy.example/d/forged" })
			return b
		}()},
		{"an object of another owner", "foreign-owner", func() []byte {
			_, b := s.posted(s.author, func(x *vocab.Dispatch) { x.AttributedTo = s.author.o.at("/o/other") })
			return b
		}()},
		{"changed on the way", "bad-proof", func() []byte {
			_, b := s.posted(s.author, nil)
			return bytes.Replace(b, []byte("Secret"), []byte("Change"), 1)
		}()},
		{"a dispatch that was meant for others", "not-addressed", stolen.Bytes},
		{"a deletion by another", "foreign-owner", prove(t, s.office, vocab.Delete{Envelope: vocab.Envelope{ID: s.o.next("a"), Actor: s.office.id, Published: now()}, Tombstone: vocab.Tombstone{ID: s.o.at("/d/x")}}.Encode(), now())},
		{"a deletion of another's dispatch", "foreign-object", prove(t, s.office, vocab.Delete{Envelope: vocab.Envelope{ID: s.o.next("a"), Actor: s.office.id, Published: now()}, Tombstone: vocab.Tombstone{ID: theirs.IRI}}.Encode(), now())},
		{"a follow", "unknown-kind", prove(t, s.office, vocab.Follow{Envelope: vocab.Envelope{ID: s.o.next("a"), Actor: s.office.id, Published: now()}, Object: s.desk}.Encode(), now())},
		{"an announcement in an announcement", "unknown-kind", s.announce(s.group, body, 7, "")},
		{"public", "public", func() []byte {
			_, b := s.posted(s.author, func(x *vocab.Dispatch) { x.Cc = append(x.Cc, vocab.Public) })
			return b
		}()},
		{"no activity at all", "missing-member", []byte(`{"type":"Article","content":"x"}`)},
	}
	for _, software := range []string{"ours", "another"} {
		s.group.own = software == "ours"
		m := s.Nodes[ministry]
		_, err := m.Actors.Refresh(ctx, s.group.id)
		cluster.Must(t, err)
		m.Actors.Forget()
		for _, c := range attempts {
			if c.name == "a deletion by another" {
				continue // its own test: a Delete before its Create
			}
			t.Run(c.name+", announced by "+software+" software", func(t *testing.T) { s.forged(t, announced(c.inner), c.code) })
		}
		t.Run("an announcement without the Group's proof, by "+software+" software", func(t *testing.T) {
			_, inner := s.posted(s.author, nil)
			s.forged(t, vocab.Announce{Envelope: s.o.envelope(s.group, string(s.group.id)+"/followers"), Sequence: n, PreviousDigest: chain, Object: inner}.Encode(), "unproven")
		})
	}
	s.group.own = true
	for id, person := range map[iri.IRI]iri.IRI{"https://embassy.example/d/forged": s.anna, theirs.IRI: s.anna} {
		if _, err := s.Nodes[ministry].Dispatches.Show(ctx, person, string(id)); err == nil {
			t.Errorf("%s shows %s", person, id)
		}
	}
	s.Check()
}

// Of classified text that a Group announces number and digest stay, so that no gap is read
// again, and none of its words.
func TestClassifiedAnnouncementsAreWithheld(t *testing.T) {
	cluster.Each(t, testClassifiedAnnouncementsAreWithheld)
}

func testClassifiedAnnouncementsAreWithheld(t *testing.T) {
	s := newTrap(t)
	ctx := context.Background()
	for name, edit := range map[string]func(x *vocab.Dispatch){
		"the whole": func(x *vocab.Dispatch) { x.Marking.Level, x.Marking.Rank = "SECRET", 6 },
		"a paragraph": func(x *vocab.Dispatch) {
			x.Paragraphs = []vocab.Paragraph{{ID: "1", Marking: "SECRET", Language: "en", Content: x.Content}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, inner := s.posted(s.author, edit)
			body := s.next(inner)
			before := rowsIn(t, s.Cluster, ministry, "dispatches")
			s.o.send(s.group, sharedInbox, body).mustBe(t, 202, "")
			s.Settle()
			if rowsIn(t, s.Cluster, ministry, "dispatches") != before {
				t.Error("it was kept")
			}
			act, err := vocab.ParseActivity(body, iri.Rules{})
			cluster.Must(t, err)
			s.erased(t, ministry, act.ID)
			e, err := models.LogEntryAt(ctx, s.Nodes[ministry].Store.R, s.group.id, s.n)
			if err != nil || e.Digest != s.chain {
				t.Errorf("number %d is %+v: %v", s.n, e, err)
			}
			told, err := models.Notices(ctx, s.Nodes[ministry].Store.R, models.Operator, 0, 1)
			cluster.Must(t, err)
			if len(told) != 1 || told[0].Kind != "text above a ceiling" || told[0].Subject != string(act.ID) {
				t.Errorf("the operator was told %+v", told)
			}
		})
	}
	s.Check()
}

func TestAnnouncementsOutsideAMembershipAreRefused(t *testing.T) {
	cluster.Each(t, testAnnouncementsOutsideAMembershipAreRefused)
}

func testAnnouncementsOutsideAMembershipAreRefused(t *testing.T) {
	s := newTrap(t)
	ctx := context.Background()
	_, inner := s.posted(s.author, nil)
	other := s.o.figure(models.TypeGroup, "/g/other")
	t.Run("by a Group that nobody here has joined", func(t *testing.T) {
		body := s.announce(other, inner, 1, "")
		before := rowsIn(t, s.Cluster, ministry, "dispatches")
		s.o.send(other, s.inbox(s.anna), body)
		s.Settle()
		act, err := vocab.ParseActivity(body, iri.Rules{})
		cluster.Must(t, err)
		s.aside(t, ministry, act.ID, "not-")
		if rowsIn(t, s.Cluster, ministry, "dispatches") != before {
			t.Error("it was kept")
		}
	})
	t.Run("of a dispatch of ours", func(t *testing.T) {
		d := s.Send(ministry, s.anna, s.desk, cable("Ours", s.post))
		s.Settle()
		ours, err := models.ActivityByIRI(ctx, s.Nodes[ministry].Store.R, d.Activity)
		cluster.Must(t, err)
		s.forged(t, s.announce(s.group, ours.Bytes, 1, ""), "not-addressed")
	})
	t.Run("by id alone", func(t *testing.T) {
		body := s.sealed(s.group, s.envelopeOf("Announce", s.group, string(s.anna)).IRI("object", s.o.at("/d/1")).Bytes())
		s.forged(t, body, "missing-member")
	})
	t.Run("to the public", func(t *testing.T) {
		e := s.o.envelope(s.group, string(s.group.id)+"/followers", string(vocab.Public))
		s.forged(t, s.sealed(s.group, vocab.Announce{Envelope: e, Sequence: 1, Object: inner}.Encode()), "public")
	})
	t.Run("after she has left", func(t *testing.T) {
		cluster.Must(t, s.Nodes[ministry].Communities.Leave(ctx, s.anna, s.group.id))
		s.Settle()
		s.forged(t, s.next(inner), "not-member")
	})
	s.Check()
}

// The same id or number with other bytes is an alarm, never an update.
func TestTheSameIDWithOtherBytes(t *testing.T) { cluster.Each(t, testTheSameIDWithOtherBytes) }

func testTheSameIDWithOtherBytes(t *testing.T) {
	s := newTrap(t)
	ctx := context.Background()
	d, inner := s.posted(s.author, nil)
	first := s.next(inner)
	s.o.send(s.group, sharedInbox, first).mustBe(t, 202, "")
	s.Settle()
	digest := func() string {
		row, err := models.DispatchByIRI(ctx, s.Nodes[ministry].Store.R, d.ID)
		cluster.Must(t, err)
		return row.Digest
	}
	was := digest()
	again := *d
	again.Name = "Posted in the trap, otherwise"
	other := s.author.o.create(s.author, &again)
	t.Run("another activity with the same dispatch", func(t *testing.T) {
		s.forged(t, s.announce(s.group, other, 2, s.chain), "id-reused")
	})
	t.Run("another announcement with the same number", func(t *testing.T) {
		_, inner := s.posted(s.author, nil)
		s.forged(t, s.announce(s.group, inner, 1, ""), "sequence-conflict")
	})
	t.Run("an announcement that does not follow", func(t *testing.T) {
		_, inner := s.posted(s.author, nil)
		s.forged(t, s.announce(s.group, inner, 2, was), "broken-chain")
	})
	t.Run("the same announcement with other bytes", func(t *testing.T) {
		act, err := vocab.ParseActivity(first, iri.Rules{})
		cluster.Must(t, err)
		e := vocab.Envelope{ID: act.ID, Actor: s.group.id, To: act.To, Published: s.Clock.Now()}
		mark := s.j.mark()
		s.o.refused(t, s.j, ministry, 409, "id-reused", func() answer {
			return s.o.send(s.group, sharedInbox, s.sealed(s.group, vocab.Announce{Envelope: e, Sequence: 5, Object: other}.Encode()))
		})
		if !strings.Contains(s.j.since(mark), "alarm") {
			t.Error("no alarm in the log")
		}
	})
	t.Run("the same announcement, spaced otherwise", func(t *testing.T) {
		before := state(t, s.Nodes[ministry])
		s.o.send(s.group, sharedInbox, append([]byte(" "), first...)).mustBe(t, 202, "")
		s.Settle()
		same(t, before, state(t, s.Nodes[ministry]))
	})
	if digest() != was {
		t.Error("the dispatch has changed")
	}
	s.Check()
}

// A receipt counts for the board of a dispatch if an addressee signed it, or the Group
// that distributed it passed it on; nobody else knows who is a member.
func TestForgedReceiptsAreSetAside(t *testing.T) { cluster.Each(t, testForgedReceiptsAreSetAside) }

func testForgedReceiptsAreSetAside(t *testing.T) {
	s := &trap{court: newCourt(t)}
	s.o.accredit(ministry)
	ctx := context.Background()
	group := s.o.figure(models.TypeGroup, "/g/passing")
	com, err := s.Nodes[embassy].Communities.Open(ctx, s.boris, communities.Opening{Office: s.post, Username: "water", Name: "Water", Charter: "Water.", Ceiling: "UNCLASSIFIED"})
	cluster.Must(t, err)
	i, err := s.Nodes[embassy].Communities.Invite(ctx, s.boris, com.IRI, communities.Invitation{Who: string(s.desk), Role: models.RoleMember, HistoryDays: -1})
	cluster.Must(t, err)
	s.Settle()
	cluster.Must(t, s.Nodes[ministry].Communities.Accept(ctx, s.anna, i.IRI))
	s.Settle()
	d := s.postIn(com.IRI)
	board := func() int { return len(stations(t, s.Cluster, ministry, d.IRI)) }
	was := board()
	receipt := func(kind string) []byte {
		return s.sealed(s.office, vocab.Receipt{Envelope: s.o.envelope(s.office, string(s.desk)), Kind: kind, Object: d.Activity, ObjectDigest: d.Digest}.Encode())
	}
	for _, kind := range []string{vocab.ReceiptDelivered, vocab.ReceiptErased, vocab.ReceiptRead} {
		direct, passed := receipt(kind), s.sealed(group, vocab.Announce{Envelope: s.o.envelope(group, string(s.desk)), Object: receipt(kind)}.Encode())
		for name, c := range map[string]struct {
			by   *figure
			body []byte
		}{"directly": {s.office, direct}, "by another Group": {group, passed}} {
			t.Run(kind+" "+name, func(t *testing.T) {
				s.o.send(c.by, s.inbox(s.desk), c.body).mustBe(t, 202, "")
				s.Settle()
				act, err := vocab.ParseActivity(c.body, iri.Rules{})
				cluster.Must(t, err)
				s.aside(t, ministry, act.ID, "not-addressed")
				if board() != was {
					t.Errorf("the board shows %v", stations(t, s.Cluster, ministry, d.IRI))
				}
			})
		}
	}
	s.Check()
}
