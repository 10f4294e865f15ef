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
	"valise/models"
	"valise/models/iri"
)

// dated is the Group's announcement with a number and a time of its choosing.
func (s *trap) dated(inner []byte, n int64, previous string, at time.Time) []byte {
	e := s.o.envelope(s.group, string(s.group.id)+"/followers")
	e.Published = at
	return s.sealed(s.group, vocab.Announce{Envelope: e, Sequence: n, PreviousDigest: previous, Salt: "salt", Object: inner}.Encode())
}

// lost has the author's key be known as compromised since a moment, and returns the key.
func (s *trap) lost(since time.Time) sign.Signer {
	s.T.Helper()
	old := s.author.rekey("2")
	s.author.retire(old, since.Add(-24*time.Hour), since, vocab.RevokedCompromise)
	_, err := s.Nodes[ministry].Actors.Refresh(context.Background(), s.author.id)
	cluster.Must(s.T, err)
	return old
}

// forgedWith is a dispatch in the trap whose proofs are by a key that somebody has stolen.
func (s *trap) forgedWith(by sign.Signer, dated time.Time) (*vocab.Dispatch, []byte) {
	d, _ := s.posted(s.author, func(d *vocab.Dispatch) { d.Published = dated })
	e := vocab.Envelope{ID: s.author.o.next("a"), Actor: s.author.id, To: d.To, Audience: s.group.id, Published: dated}
	return d, prove(s.T, by, vocab.Create{Envelope: e, Object: prove(s.T, by, d.Encode(), dated)}.Encode(), dated)
}

// A Group cannot vouch for a stolen key by dating an announcement back: the entry that
// it follows was announced after the theft.
func TestABackDatedAnnouncementVouchesForNothing(t *testing.T) {
	cluster.Each(t, testABackDatedAnnouncementVouchesForNothing)
}

func testABackDatedAnnouncementVouchesForNothing(t *testing.T) {
	for _, standing := range []string{models.PeerGuest, models.PeerAccredited} {
		t.Run("the Group's host is "+standing, func(t *testing.T) {
			s := newTrap(t)
			if standing == models.PeerAccredited {
				s.o.accredit(ministry)
			}
			s.Clock.Forward(48 * time.Hour)
			theft := s.Clock.Now()
			s.Clock.Forward(time.Hour)
			stolen := s.lost(theft)
			_, honest := s.posted(s.author, nil)
			s.o.send(s.group, sharedInbox, s.next(honest)).mustBe(t, 202, "")
			s.Settle()
			for name, at := range map[string]time.Time{"an hour before the theft": theft.Add(-time.Hour), "a second before the theft": theft.Add(-time.Second), "today": s.Clock.Now()} {
				t.Run("announced "+name, func(t *testing.T) {
					_, inner := s.forgedWith(stolen, theft.Add(-2*time.Hour))
					s.forged(t, s.dated(inner, 2, s.chain, at), "compromised-key")
				})
			}
			s.Check()
		})
	}
}

// What a Group of an accredited host announced before the theft stands, though it comes
// here after it.
func TestAnAnnouncementBeforeTheTheftVouches(t *testing.T) {
	cluster.Each(t, testAnAnnouncementBeforeTheTheftVouches)
}

func testAnAnnouncementBeforeTheTheftVouches(t *testing.T) {
	s := newTrap(t)
	s.o.accredit(ministry)
	s.Clock.Forward(48 * time.Hour)
	before := s.Clock.Now()
	_, honest := s.posted(s.author, nil)
	s.o.send(s.group, sharedInbox, s.next(honest)).mustBe(t, 202, "")
	s.Settle()
	s.Clock.Forward(time.Hour)
	stolen := s.lost(s.Clock.Now())
	d, inner := s.forgedWith(stolen, before.Add(time.Minute))
	s.o.send(s.group, sharedInbox, s.dated(inner, 2, s.chain, before.Add(2*time.Minute))).mustBe(t, 202, "")
	s.Settle()
	if !s.shown(t, d) {
		t.Error("it is not here")
	}
	s.Check()
}

// Times rise along the chain, wherever a gap is filled, and none comes from the future.
func TestAnnouncementTimesRise(t *testing.T) { cluster.Each(t, testAnnouncementTimesRise) }

func testAnnouncementTimesRise(t *testing.T) {
	s := newTrap(t)
	s.Clock.Forward(24 * time.Hour)
	start := s.Clock.Now()
	digest := func(doc []byte) string {
		out, err := sign.ObjectDigest(doc)
		cluster.Must(t, err)
		return out
	}
	say := func(n int64, previous string, at time.Time) []byte {
		_, inner := s.posted(s.author, nil)
		return s.dated(inner, n, previous, at)
	}
	one := say(1, "", start)
	s.o.send(s.group, sharedInbox, one).mustBe(t, 202, "")
	s.Settle()
	s.Clock.Forward(time.Hour)
	t.Run("before the one that it follows", func(t *testing.T) {
		s.forged(t, say(2, digest(one), start.Add(-time.Minute)), "wrong-time")
	})
	t.Run("ahead of its arrival", func(t *testing.T) {
		s.forged(t, say(2, digest(one), s.Clock.Now().Add(6*time.Minute)), "wrong-time")
	})
	t.Run("beyond a gap, before what is here", func(t *testing.T) {
		s.forged(t, say(9, "zQmunknown", start.Add(-time.Minute)), "wrong-time")
	})
	t.Run("without a time", func(t *testing.T) {
		_, inner := s.posted(s.author, nil)
		s.forged(t, s.dated(inner, 2, digest(one), time.Time{}), "wrong-time")
	})
	two := say(2, digest(one), start.Add(10*time.Minute))
	three := say(3, digest(two), start.Add(20*time.Minute))
	s.o.send(s.group, sharedInbox, three).mustBe(t, 202, "")
	s.Settle()
	ahead := say(4, digest(three), s.Clock.Now().Add(4*time.Minute))
	t.Run("a clock that is a little ahead", func(t *testing.T) {
		s.o.send(s.group, sharedInbox, ahead).mustBe(t, 202, "")
		s.Settle()
		act, err := vocab.ParseActivity(ahead, iri.Rules{})
		cluster.Must(t, err)
		if a, err := models.ArrivalOf(context.Background(), s.Nodes[ministry].Store.R, act.ID); err != nil || a.State != models.ArrivalApplied {
			t.Errorf("the arrival is %v: %v", a, err)
		}
	})
	s.o.send(s.group, sharedInbox, two).mustBe(t, 202, "")
	s.Settle()
	if s.gap() != 0 {
		t.Errorf("the gap is at %d", s.gap())
	}
	t.Run("into a gap, after what follows it", func(t *testing.T) {
		s.Clock.Forward(time.Hour)
		five := say(5, digest(ahead), s.Clock.Now())
		six := say(6, digest(five), s.Clock.Now().Add(-time.Minute))
		s.o.send(s.group, sharedInbox, six).mustBe(t, 202, "")
		s.Settle()
		s.forged(t, five, "wrong-time")
	})
	s.Check()
}

// A false copy that an outbox shows does not take the place of the announcement's id: the
// true one is taken when it comes.
func TestAFalseCopyTakesNoPlace(t *testing.T) { cluster.Each(t, testAFalseCopyTakesNoPlace) }

func testAFalseCopyTakesNoPlace(t *testing.T) {
	s := newTrap(t)
	ctx := context.Background()
	_, one := s.posted(s.author, nil)
	s.o.send(s.group, sharedInbox, s.next(one)).mustBe(t, 202, "")
	lost, two := s.posted(s.author, nil)
	honest := s.next(two)
	_, three := s.posted(s.author, nil)
	act, err := vocab.ParseActivity(honest, iri.Rules{})
	cluster.Must(t, err)
	// The same id: the author's words changed, or the Group's proof missing, or another's id.
	e := vocab.Envelope{ID: act.ID, Actor: s.group.id, To: act.To, Published: act.Published}
	changed := s.sealed(s.group, vocab.Announce{Envelope: e, Sequence: 2, PreviousDigest: "zQmx", Object: bytes.Replace(two, []byte("Secret"), []byte("Change"), 1)}.Encode())
	unproven := vocab.Announce{Envelope: e, Sequence: 2, PreviousDigest: "zQmx", Object: two}.Encode()
	e.ID = "https://third.example/g/x/a/2"
	foreign := s.sealed(s.group, vocab.Announce{Envelope: e, Sequence: 2, PreviousDigest: "zQmx", Object: two}.Encode())
	asked := 0
	s.outbox(1, &asked, changed, unproven, foreign)
	mark := s.j.mark()
	s.o.send(s.group, sharedInbox, s.next(three)).mustBe(t, 202, "")
	s.Settle()
	if asked != 1 {
		t.Fatalf("asked %d times", asked)
	}
	for _, code := range []string{"bad-proof", "unproven", "foreign-id"} {
		if !strings.Contains(s.j.since(mark), code) {
			t.Errorf("the log does not name %s: %s", code, s.j.since(mark))
		}
	}
	for _, id := range []iri.IRI{act.ID, e.ID} {
		if a, err := models.ArrivalOf(ctx, s.Nodes[ministry].Store.R, id); !models.NotFound(err) {
			t.Errorf("%s is kept: %v %v", id, a, err)
		}
	}
	s.o.send(s.group, sharedInbox, honest).mustBe(t, 202, "")
	s.Settle()
	if !s.shown(t, lost) || s.gap() != 0 {
		t.Errorf("the true one is not here: gap at %d", s.gap())
	}
	s.Check()
}

// A Group that sends what is above the ceiling of everybody here finds no place for it:
// its number and digest stay, its text does not.
func TestTextAboveEveryCeilingIsNotKept(t *testing.T) {
	cluster.Each(t, testTextAboveEveryCeilingIsNotKept)
}

func testTextAboveEveryCeilingIsNotKept(t *testing.T) {
	s := newTrap(t) // anna's ceiling is UNCLASSIFIED
	ctx := context.Background()
	m := s.Nodes[ministry]
	d, inner := s.posted(s.author, func(d *vocab.Dispatch) { d.Marking.Level, d.Marking.Rank, d.Name = "LIMITED", 3, "Too high for her" })
	doc := s.next(inner)
	s.o.send(s.group, sharedInbox, doc).mustBe(t, 202, "")
	note := vocab.Note{ID: s.author.o.next("n"), AttributedTo: s.author.id, To: []iri.IRI{s.group.id}, Audience: s.group.id, Content: "<p>Too high to be said.</p>", Published: s.Clock.Now(), InReplyTo: d.ID, Marking: d.Marking}
	e := vocab.Envelope{ID: s.author.o.next("a"), Actor: s.author.id, To: note.To, Audience: s.group.id, Published: s.Clock.Now()}
	comment := s.next(prove(t, s.author, vocab.Create{Envelope: e, Object: prove(t, s.author, note.Encode(), s.Clock.Now())}.Encode(), s.Clock.Now()))
	s.o.send(s.group, sharedInbox, comment).mustBe(t, 202, "")
	low, inner := s.posted(s.author, nil)
	s.o.send(s.group, sharedInbox, s.next(inner)).mustBe(t, 202, "")
	s.Settle()
	for _, table := range []string{"dispatches", "comments"} {
		want := 0
		if table == "dispatches" {
			want = 1 // the low one
		}
		if got := rowsIn(t, s.Cluster, ministry, table); got != want {
			t.Errorf("%d rows in %s, wanted %d", got, table, want)
		}
	}
	if !s.shown(t, low) || s.gap() != 0 {
		t.Error("what came after it is not here")
	}
	for _, body := range [][]byte{doc, comment} {
		act, err := vocab.ParseActivity(body, iri.Rules{})
		cluster.Must(t, err)
		a, err := models.ArrivalOf(ctx, m.Store.R, act.ID)
		cluster.Must(t, err)
		a, err = models.ArrivalByID(ctx, m.Store.R, a.ID)
		if err != nil || a.Body != nil || a.State != models.ArrivalApplied {
			t.Errorf("the arrival is %s with %d bytes: %v", a.State, len(a.Body), err)
		}
	}
	entry, err := models.LogEntryAt(ctx, m.Store.R, s.group.id, 1)
	if digest, _ := sign.ObjectDigest(doc); err != nil || entry.Digest != digest {
		t.Errorf("number and digest are not kept: %v %v", entry, err)
	}
	told, err := models.Notices(ctx, m.Store.R, models.Operator, 0, 10)
	cluster.Must(t, err)
	count := 0
	for _, n := range told {
		if strings.Contains(n.Detail, "Too high") {
			t.Errorf("a notice repeats the text: %s", n.Detail)
		}
		if n.Kind == "text above a ceiling" {
			count++
		}
	}
	if count != 2 {
		t.Errorf("the operator was told %d times", count)
	}
	for _, n := range mustNotices(t, s.Cluster, ministry, s.anna) {
		if n.Subject == string(d.ID) {
			t.Error("she was told of it")
		}
	}
	if s.o.received(`"receiptType":"delivered"`) && s.o.received(string(d.ID)) {
		t.Error("its delivery was acknowledged")
	}
	s.Check()
}
