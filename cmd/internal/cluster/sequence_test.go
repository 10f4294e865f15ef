package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/communities"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// outbox has the trap's Group show items on the page after a number, and counts who asks.
func (s *trap) outbox(after int64, asked *int, items ...[]byte) {
	path := fmt.Sprintf("/g/trap/outbox/after/%d", after)
	s.o.mu.Lock()
	defer s.o.mu.Unlock()
	s.o.pages[path] = func() (string, []byte) {
		*asked++
		return "application/activity+json", vocab.Page{ID: s.o.at(path), PartOf: s.o.at("/g/trap/outbox"), Items: items}.Encode()
	}
}

func (s *trap) shown(t *testing.T, d *vocab.Dispatch) bool {
	t.Helper()
	_, err := s.Nodes[ministry].Dispatches.Show(context.Background(), s.anna, string(d.ID))
	return err == nil
}

func (s *trap) gap() int64 {
	gap, err := models.FirstGap(context.Background(), s.Nodes[ministry].Store.R, s.group.id)
	cluster.Must(s.T, err)
	return gap
}

// A gap is read from the Group's outbox once, at most hourly after that; what is found
// there goes the road of every arrival.
func TestSequenceGapsAreRepaired(t *testing.T) { cluster.Each(t, testSequenceGapsAreRepaired) }

func testSequenceGapsAreRepaired(t *testing.T) {
	s := newTrap(t)
	var all []*vocab.Dispatch
	var docs [][]byte
	for range 6 {
		d, inner := s.posted(s.author, nil)
		all, docs = append(all, d), append(docs, s.next(inner))
	}
	send := func(n int) {
		s.o.send(s.group, sharedInbox, docs[n-1]).mustBe(t, 202, "")
		s.Settle()
	}
	send(1)
	t.Run("the outbox is away", func(t *testing.T) {
		send(3)
		if !s.shown(t, all[2]) {
			t.Error("what came after the gap is not shown")
		}
		if got := s.gap(); got != 2 {
			t.Errorf("the gap is at %d", got)
		}
	})
	asked := 0
	s.outbox(1, &asked, docs[1])
	t.Run("not before an hour has passed", func(t *testing.T) {
		s.Clock.Forward(30 * time.Minute)
		s.Settle()
		s.Settle()
		if asked != 0 {
			t.Errorf("asked %d times", asked)
		}
	})
	t.Run("then it is closed", func(t *testing.T) {
		s.Clock.Forward(31 * time.Minute)
		s.Settle()
		if asked != 1 || s.gap() != 0 || !s.shown(t, all[1]) {
			t.Errorf("asked %d times, gap at %d, shown %v", asked, s.gap(), s.shown(t, all[1]))
		}
	})
	t.Run("what is withheld closes the gap and shows nothing", func(t *testing.T) {
		digest, err := sign.ObjectDigest(docs[3])
		cluster.Must(t, err)
		withheld := 0
		s.outbox(3, &withheld, vocab.WithheldEntry{Sequence: 4, Digest: digest}.Encode())
		send(5)
		if withheld != 1 || s.gap() != 0 || s.shown(t, all[3]) {
			t.Errorf("asked %d times, gap at %d", withheld, s.gap())
		}
	})
	t.Run("a withheld entry that does not fit the chain is found out", func(t *testing.T) {
		_, inner := s.posted(s.author, nil)
		lie := s.announce(s.group, inner, 4, "")
		before := state(t, s.Nodes[ministry])["dispatches"]
		s.o.send(s.group, sharedInbox, lie)
		s.Settle()
		act, err := vocab.ParseActivity(lie, iri.Rules{})
		cluster.Must(t, err)
		s.aside(t, ministry, act.ID, "sequence-conflict")
		if state(t, s.Nodes[ministry])["dispatches"] != before {
			t.Error("it was kept")
		}
	})
	send(6)
	s.Check()
}

// What stands in an outbox is believed no more than what is posted.
func TestForgedOutboxesRepairNothing(t *testing.T) { cluster.Each(t, testForgedOutboxesRepairNothing) }

func testForgedOutboxesRepairNothing(t *testing.T) {
	s := newTrap(t)
	_, one := s.posted(s.author, nil)
	s.o.send(s.group, sharedInbox, s.next(one)).mustBe(t, 202, "")
	lost, two := s.posted(s.author, nil)
	honest := s.next(two)
	_, three := s.posted(s.author, nil)
	changed := s.announce(s.group, bytes.Replace(two, []byte("Secret"), []byte("Change"), 1), 2, "")
	unproven := vocab.Announce{Envelope: s.o.envelope(s.group, string(s.group.id)+"/followers"), Sequence: 2, Object: two}.Encode()
	stranger := newOutlaw(t, s.Cluster, "third.example").figure(models.TypeGroup, "/g/x")
	foreign := s.announce(stranger, two, 2, "")
	// In an outbox, activities of others need a hop of their own, whatever they say.
	victim := s.author
	theft := s.o.article(victim, s.desk, nil)
	create := vocab.Create{Envelope: vocab.Envelope{ID: victim.o.next("a"), Actor: victim.id, To: theft.To, Published: s.Clock.Now()}, Object: theft.Encode()}.Encode()
	keys := victim.document()
	thief := s.o.figure(models.TypeOrganization, "/o/thief")
	keys = bytes.Replace(keys, []byte(sign.EncodeEd25519(victim.public())), []byte(sign.EncodeEd25519(thief.public())), 1)
	rekey := vocab.Update{Envelope: vocab.Envelope{ID: victim.o.next("a"), Actor: victim.id, To: []iri.IRI{s.desk}, Published: s.Clock.Now()}, Object: keys}.Encode()
	asked := 0
	s.outbox(1, &asked, create, rekey, changed, unproven, foreign, []byte(`"https://outlaw.example/a/9"`), []byte(`{"withheld":true}`), []byte(`7`))
	s.o.send(s.group, sharedInbox, s.next(three)).mustBe(t, 202, "")
	mark := s.j.mark()
	for range 3 {
		s.Settle()
		s.Clock.Forward(61 * time.Minute)
	}
	if s.shown(t, lost) {
		t.Error("a forged repair was believed")
	}
	stolen, err := models.KeysOf(context.Background(), s.Nodes[ministry].Store.R, victim.id)
	cluster.Must(t, err)
	for _, k := range stolen {
		if k.Public == sign.EncodeEd25519(thief.public()) || k.State != models.KeyActive {
			t.Errorf("the victim's keys changed: %s is %s", k.KeyID, k.State)
		}
	}
	if _, err := s.Nodes[ministry].Dispatches.Show(context.Background(), s.anna, string(theft.ID)); err == nil {
		t.Error("a dispatch out of an outbox was kept")
	}
	if asked < 2 {
		t.Errorf("asked %d times", asked)
	}
	if got := s.gap(); got != 2 {
		t.Errorf("the gap is at %d", got)
	}
	if log := s.j.since(mark); !strings.Contains(log, "unproven") && !strings.Contains(log, "bad-proof") && !strings.Contains(log, "repaired") {
		t.Errorf("the log says nothing of it: %s", log)
	}
	// The honest entry closes it still.
	s.outbox(1, &asked, honest)
	s.Clock.Forward(61 * time.Minute)
	s.Settle()
	if !s.shown(t, lost) || s.gap() != 0 {
		t.Errorf("not repaired: gap at %d", s.gap())
	}
	s.Check()
}

// A withdrawal that comes first leaves a tombstone: no version ever shows its text.
func TestDeleteBeforeCreate(t *testing.T) { cluster.Each(t, testDeleteBeforeCreate) }

func testDeleteBeforeCreate(t *testing.T) {
	s := accredited(t)
	ctx := context.Background()
	m := s.Nodes[ministry]
	d := s.o.article(s.office, s.desk, nil)
	digest, err := sign.ObjectDigest(prove(t, s.office, d.Encode(), s.Clock.Now()))
	cluster.Must(t, err)
	stone := vocab.Delete{Envelope: s.o.envelope(s.office, string(s.desk)), Tombstone: vocab.Tombstone{ID: d.ID, FormerType: "Article", Deleted: s.Clock.Now(), Disposition: vocab.Withdrawn}}
	s.o.send(s.office, s.inbox(s.desk), s.sealed(s.office, stone.Encode())).mustBe(t, 202, "")
	s.Settle()
	next := func(version int64) *vocab.Dispatch {
		x := *d
		x.Version, x.Updated, x.PreviousVersion = version, s.Clock.Now().Add(time.Duration(version)*time.Second), digest
		return &x
	}
	update := func(x *vocab.Dispatch) []byte {
		e := s.o.envelope(s.office, string(s.desk))
		return s.sealed(s.office, vocab.Update{Envelope: e, Object: prove(t, s.office, x.Encode(), s.Clock.Now())}.Encode())
	}
	for name, body := range map[string][]byte{"the Create": s.o.create(s.office, d), "another Create": s.o.create(s.office, d), "a correction": update(next(2)),
		"a correction as Create": s.o.create(s.office, next(2)), "an Update of the first version": update(d), "a later correction": update(next(3))} {
		t.Run(name, func(t *testing.T) {
			s.o.send(s.office, s.inbox(s.desk), body).mustBe(t, 202, "")
			for range 12 {
				s.Settle()
				s.Clock.Forward(2 * time.Hour)
			}
			rows, err := models.Versions(ctx, m.Store.R, d.ID)
			cluster.Must(t, err)
			for _, row := range rows {
				if row.State != models.DispatchWithdrawn || row.Document != nil || row.Subject != "" {
					t.Errorf("version %d is %s, %q with %d bytes", row.Version, row.State, row.Subject, len(row.Document))
				}
			}
			act, err := vocab.ParseActivity(body, iri.Rules{})
			cluster.Must(t, err)
			a, err := models.ArrivalOf(ctx, m.Store.R, act.ID)
			cluster.Must(t, err)
			if a, err = models.ArrivalByID(ctx, m.Store.R, a.ID); err != nil || a.State == models.ArrivalApplied && a.Body != nil {
				t.Errorf("its bytes are kept in the arrival: %s %v", a.State, err)
			}
		})
	}
	if v, err := m.Dispatches.Show(ctx, s.anna, string(d.ID)); err == nil && v.Wire != nil {
		t.Error("a withdrawn dispatch is shown")
	}
	t.Run("a colleague's withdrawal stops nobody else's dispatch", func(t *testing.T) {
		x := s.o.article(s.office, s.desk, nil)
		colleague := s.o.figure(models.TypeOrganization, "/o/colleague")
		e := s.o.envelope(colleague, string(s.desk))
		s.o.send(colleague, s.inbox(s.desk), s.sealed(colleague, vocab.Delete{Envelope: e, Tombstone: vocab.Tombstone{ID: x.ID, FormerType: "Article", Disposition: vocab.Withdrawn}}.Encode())).mustBe(t, 202, "")
		s.Settle()
		s.o.send(s.office, s.inbox(s.desk), s.o.create(s.office, x)).mustBe(t, 202, "")
		s.Settle()
		if _, err := m.Dispatches.Show(ctx, s.anna, string(x.ID)); err != nil {
			t.Errorf("the owner's dispatch is not here: %v", err)
		}
	})
	s.Check()
}

// A withdrawal by another than the author changes nothing.
func TestForeignWithdrawals(t *testing.T) { cluster.Each(t, testForeignWithdrawals) }

func testForeignWithdrawals(t *testing.T) {
	s := accredited(t)
	ctx := context.Background()
	d := s.o.article(s.office, s.desk, nil)
	s.o.send(s.office, s.inbox(s.desk), s.o.create(s.office, d)).mustBe(t, 202, "")
	s.Settle()
	colleague := s.o.figure(models.TypeOrganization, "/o/colleague")
	body := s.sealed(colleague, vocab.Delete{Envelope: s.o.envelope(colleague, string(s.desk)), Tombstone: vocab.Tombstone{ID: d.ID, FormerType: "Article"}}.Encode())
	s.o.send(colleague, s.inbox(s.desk), body).mustBe(t, 202, "")
	s.Settle()
	act, err := vocab.ParseActivity(body, iri.Rules{})
	cluster.Must(t, err)
	s.aside(t, ministry, act.ID, "foreign-owner")
	if _, err := s.Nodes[ministry].Dispatches.Show(ctx, s.anna, string(d.ID)); err != nil {
		t.Errorf("the dispatch is gone: %v", err)
	}
	for _, version := range []int64{2, 3} {
		x := *d
		x.AttributedTo, x.Version, x.Updated, x.Name = colleague.id, version, s.Clock.Now().Add(time.Minute), "Taken over"
		body := s.o.create(colleague, &x)
		s.o.send(colleague, s.inbox(s.desk), body).mustBe(t, 202, "")
		s.Settle()
		act, err := vocab.ParseActivity(body, iri.Rules{})
		cluster.Must(t, err)
		s.aside(t, ministry, act.ID, "foreign-owner")
	}
	// Nor does a correction that replaces other content, before or after it.
	for version, previous := range map[int64]string{2: "zQmother"} {
		x := *d
		x.Version, x.Updated, x.PreviousVersion = version, s.Clock.Now().Add(time.Minute), previous
		body := s.o.create(s.office, &x)
		s.o.send(s.office, s.inbox(s.desk), body).mustBe(t, 202, "")
		s.Settle()
		act, err := vocab.ParseActivity(body, iri.Rules{})
		cluster.Must(t, err)
		s.aside(t, ministry, act.ID, "wrong-previous")
	}
	late := s.o.article(s.office, s.desk, nil)
	two := *late
	two.Version, two.Updated, two.PreviousVersion = 2, s.Clock.Now().Add(time.Minute), "zQmother"
	s.o.send(s.office, s.inbox(s.desk), s.o.create(s.office, &two)).mustBe(t, 202, "")
	first := s.o.create(s.office, late)
	s.o.send(s.office, s.inbox(s.desk), first).mustBe(t, 202, "")
	s.Settle()
	act, err = vocab.ParseActivity(first, iri.Rules{})
	cluster.Must(t, err)
	s.aside(t, ministry, act.ID, "wrong-previous")
	s.Check()
}

// A correction stands for itself where its predecessor never came: it was replaced in
// the queue of a peer that was away, or lies before a member's window.
func TestCorrectionsWithoutTheirPredecessor(t *testing.T) {
	cluster.Each(t, testCorrectionsWithoutTheirPredecessor)
}

func testCorrectionsWithoutTheirPredecessor(t *testing.T) {
	ctx := context.Background()
	corrected := func(c *cluster.Cluster, h iri.Host, person, office iri.IRI, d *models.Dispatch, content dispatches.Content) *models.Dispatch {
		content.ChangeNote = "The date."
		draft, err := c.Nodes[h].Dispatches.NewDraft(ctx, person, office, &content, d.IRI)
		cluster.Must(t, err)
		two, err := c.Nodes[h].Dispatches.Release(ctx, person, draft.ID, 1)
		cluster.Must(t, err)
		return two
	}
	t.Run("a peer that was away", func(t *testing.T) {
		s := newCourt(t)
		s.Send(ministry, s.anna, s.desk, cable("Before", s.post))
		s.Settle()
		s.Stop(embassy)
		d := s.Send(ministry, s.anna, s.desk, cable("First", s.post))
		s.Settle()
		two := corrected(s.Cluster, ministry, s.anna, s.desk, d, cable("Second", s.post))
		s.Settle()
		s.Start(embassy)
		s.Clock.Forward(2 * time.Hour)
		s.Settle()
		v, err := s.Nodes[embassy].Dispatches.Show(ctx, s.boris, string(d.IRI))
		if err != nil || v.Dispatch.Version != 2 || v.Dispatch.Digest != two.Digest {
			t.Errorf("the embassy has %v: %v", v, err)
		}
		s.Check()
	})
	t.Run("before a member's window", func(t *testing.T) {
		s := newThree(t)
		d := s.post1(t, "First")
		s.Settle()
		s.Clock.Forward(time.Minute)
		i, err := s.Nodes[embassy].Communities.Invite(ctx, s.boris, s.community, communities.Invitation{Who: string(s.expert), HistoryDays: 0})
		cluster.Must(t, err)
		s.Settle()
		cluster.Must(t, s.Nodes[institute].Communities.Accept(ctx, s.expert, i.IRI))
		s.Settle()
		content := cable("Second")
		content.Marking, content.Community = "UNCLASSIFIED", s.community
		two := corrected(s.Cluster, ministry, s.anna, s.desk, d, content)
		s.Settle()
		v, err := s.Nodes[institute].Dispatches.Show(ctx, s.expert, string(d.IRI))
		if err != nil || v.Dispatch.Digest != two.Digest || len(v.Versions) != 1 {
			t.Errorf("the guest has %v: %v", v, err)
			explain(t, s.Cluster, d.IRI)
		}
		s.Check()
	})
}
