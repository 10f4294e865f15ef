package cluster_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/queues"
	"valise/models"
	"valise/models/iri"
)

// createBy is a Create whose proofs are by a key of the office's, dated as given; the hop
// is signed with the key in use.
func (s *court) createBy(by sign.Signer, dated time.Time) []byte {
	d := s.o.article(s.office, s.desk, nil)
	e := vocab.Envelope{ID: s.o.next("a"), Actor: s.office.id, To: d.To, Published: dated}
	return prove(s.T, by, vocab.Create{Envelope: e, Object: prove(s.T, by, d.Encode(), dated)}.Encode(), dated)
}

func (s *court) sends(body []byte) func() answer {
	return func() answer { return s.o.send(s.office, s.inbox(s.desk), body) }
}

// refreshed has the ministry read the office's document again.
func (s *court) refreshed() {
	s.T.Helper()
	_, err := s.Nodes[ministry].Actors.Refresh(context.Background(), s.office.id)
	cluster.Must(s.T, err)
}

func TestProofsOfRetiredAndCompromisedKeys(t *testing.T) {
	cluster.Each(t, testProofsOfRetiredAndCompromisedKeys)
}

func testProofsOfRetiredAndCompromisedKeys(t *testing.T) {
	for _, when := range []string{"known before", "never seen"} {
		t.Run(when, func(t *testing.T) {
			s := accredited(t)
			born := s.Clock.Now()
			if when == "known before" {
				s.o.do(s.signed(s.create())).mustBe(t, 202, "")
				s.Settle()
			}
			s.Clock.Forward(time.Hour)
			ended := s.Clock.Now()
			old := s.office.rekey("2")
			s.office.retire(old, born, ended, vocab.RevokedRotation)
			s.Clock.Forward(time.Hour)
			// Its hop, by the new key, has the history read.
			s.o.do(s.signed(s.create())).mustBe(t, 202, "")
			s.sends(s.createBy(old, ended.Add(-time.Minute)))().mustBe(t, 202, "")
			s.Settle()
			for name, dated := range map[string]time.Time{"after its end": ended.Add(time.Minute), "before its birth": born.Add(-time.Hour), "today": s.Clock.Now()} {
				t.Run("retired, dated "+name, func(t *testing.T) {
					s.o.refused(t, s.j, ministry, 401, "retired-key", s.sends(s.createBy(old, dated)))
				})
			}
			t.Run("a hop signed by the retired key", func(t *testing.T) {
				s.o.refused(t, s.j, ministry, 401, "signature-invalid", func() answer { return s.o.send(old, s.inbox(s.desk), s.create()) })
			})
			s.Clock.Forward(time.Hour)
			broken := s.office.rekey("3")
			since := s.Clock.Now().Add(-30 * time.Minute)
			s.office.retire(broken, ended, since, vocab.RevokedCompromise)
			s.Clock.Forward(time.Minute)
			s.refreshed()
			for name, dated := range map[string]time.Time{"before its compromise": since.Add(-20 * time.Minute), "after it": since.Add(time.Minute), "today": s.Clock.Now()} {
				t.Run("compromised, dated "+name, func(t *testing.T) {
					s.o.refused(t, s.j, ministry, 401, "compromised-key", s.sends(s.createBy(broken, dated)))
				})
			}
			t.Run("a hop signed by the compromised key", func(t *testing.T) {
				s.o.refused(t, s.j, ministry, 401, "signature-invalid", func() answer { return s.o.send(broken, s.inbox(s.desk), s.create()) })
			})
			// The old key may not be brought back to life by its owner's document.
			s.Check()
		})
	}
}

// A key history that nobody vouches for proves nothing.
func TestFalseKeyHistoriesProveNothing(t *testing.T) {
	cluster.Each(t, testFalseKeyHistoriesProveNothing)
}

func testFalseKeyHistoriesProveNothing(t *testing.T) {
	s := accredited(t)
	s.o.do(s.signed(s.create())).mustBe(t, 202, "")
	s.Settle()
	now := s.Clock.Now()
	stranger := &figure{o: s.o, id: s.office.id}
	stranger.rekey("stranger")
	old := *s.office
	s.office.rekey("2")
	honest := s.o.instance
	// Vouched for by another key than the instance's.
	s.o.instance = stranger
	s.office.retire(stranger, now.Add(-time.Hour), now.Add(time.Hour), vocab.RevokedRotation)
	s.o.instance = honest
	s.Clock.Forward(time.Minute)
	s.refreshed()
	for name, by := range map[string]sign.Signer{"smuggled": stranger} {
		t.Run(name, func(t *testing.T) {
			s.o.refused(t, s.j, ministry, 401, "key-unavailable", s.sends(s.createBy(by, s.Clock.Now())))
		})
	}
	// What the document no longer lists, and no history explains, ends when we see it.
	s.Clock.Forward(time.Hour)
	s.o.refused(t, s.j, ministry, 401, "retired-key", s.sends(s.createBy(&old, s.Clock.Now())))
}

// An accredited peer's new key counts with the pinned key's endorsement alone. Without
// it what arrives is set aside until the operator has decided; nothing is lost.
func TestUnendorsedKeysAreSetAside(t *testing.T) { cluster.Each(t, testUnendorsedKeysAreSetAside) }

func testUnendorsedKeysAreSetAside(t *testing.T) {
	s := accredited(t)
	ctx := context.Background()
	m := s.Nodes[ministry]
	q := &queues.Queues{Store: m.Store, Now: s.Clock.Now}
	s.o.do(s.signed(s.create())).mustBe(t, 202, "")
	s.Settle()
	seen := rowsIn(t, s.Cluster, ministry, "dispatches")
	// The whole host has new keys, and no old one speaks for them.
	s.o.instance.rekey("new")
	s.office.rekey("new")
	s.Clock.Forward(10 * time.Minute)
	d := s.o.article(s.office, s.desk, nil)
	held := s.o.create(s.office, d)
	mark := s.j.mark()
	s.o.send(s.office, s.inbox(s.desk), held).mustBe(t, 202, "")
	s.Settle()
	act, err := vocab.ParseActivity(held, iri.Rules{})
	cluster.Must(t, err)
	a := s.asideQuietly(t, ministry, act.ID, "key-not-endorsed")
	if !strings.Contains(s.j.since(mark), "key-not-endorsed") {
		t.Errorf("the log does not name the rule: %s", s.j.since(mark))
	}
	told, err := models.Notices(ctx, m.Store.R, models.Operator, 0, 100)
	cluster.Must(t, err)
	found := false
	for _, n := range told {
		found = found || n.Kind == "key not endorsed" && strings.Contains(n.Detail, "Compare fingerprints")
	}
	if !found {
		t.Error("no notice tells the operator of the new key")
	}
	t.Run("an operator who has pinned nothing gains nothing by a retry", func(t *testing.T) {
		cluster.Must(t, q.RetryArrival(ctx, "test", a.ID))
		s.Settle()
		s.asideQuietly(t, ministry, act.ID, "key-not-endorsed")
		if got := rowsIn(t, s.Cluster, ministry, "dispatches"); got != seen {
			t.Errorf("%d dispatches, before %d", got, seen)
		}
	})
	t.Run("a fingerprint that does not fit pins nothing", func(t *testing.T) {
		if err := m.Accreditation.Pin(ctx, "test", string(outlawHost), sign.Fingerprint(s.office.public())); err == nil {
			t.Error("pinned")
		}
	})
	t.Run("held keys fetch nothing", func(t *testing.T) {
		x := s.Send(ministry, s.anna, s.desk, cable("To the outlaw", s.office.id))
		s.Settle()
		if code := s.fetch(s.office, x.IRI); code != 404 {
			t.Errorf("answered %d to a held key", code)
		}
	})
	cluster.Must(t, m.Accreditation.Pin(ctx, "test", string(outlawHost), sign.Fingerprint(s.o.instance.public())))
	s.Settle()
	t.Run("once pinned, what waited is applied", func(t *testing.T) {
		cluster.Must(t, q.RetryArrival(ctx, "test", a.ID))
		s.Settle()
		if _, err := m.Dispatches.Show(ctx, s.anna, string(d.ID)); err != nil {
			after, _ := models.ArrivalOf(ctx, m.Store.R, act.ID)
			t.Errorf("it is not here: %v; the arrival is %s: %s", err, after.State, after.Reason)
		}
	})
	t.Run("once pinned, the next one needs no person", func(t *testing.T) {
		x := s.o.article(s.office, s.desk, nil)
		s.o.send(s.office, s.inbox(s.desk), s.o.create(s.office, x)).mustBe(t, 202, "")
		s.Settle()
		if _, err := m.Dispatches.Show(ctx, s.anna, string(x.ID)); err != nil {
			t.Errorf("it is not here: %v", err)
		}
	})
	s.Check()
}

// asideQuietly is aside where the notice is the key's, not the arrival's.
func (s *court) asideQuietly(t *testing.T, h iri.Host, activity iri.IRI, code string) *models.Arrival {
	t.Helper()
	a, err := models.ArrivalOf(context.Background(), s.Nodes[h].Store.R, activity)
	cluster.Must(t, err)
	if a.State != models.ArrivalSetAside || !strings.Contains(a.Reason, code) {
		t.Errorf("the arrival is %s: %q, wanted set aside for %q", a.State, a.Reason, code)
	}
	return a
}

// The pinned key endorses its successor: nobody has to do anything, and is told.
func TestEndorsedInstanceKeysAreFollowed(t *testing.T) {
	cluster.Each(t, testEndorsedInstanceKeysAreFollowed)
}

func testEndorsedInstanceKeysAreFollowed(t *testing.T) {
	s := accredited(t)
	ctx := context.Background()
	m := s.Nodes[ministry]
	s.o.do(s.signed(s.create())).mustBe(t, 202, "")
	born := s.Clock.Now()
	s.Clock.Forward(time.Hour)
	old := s.o.instance.rekey("2")
	s.o.instance.retire(old, born, s.Clock.Now(), vocab.RevokedRotation)
	s.office.rekey("2")
	s.Clock.Forward(time.Minute)
	x := s.o.article(s.office, s.desk, nil)
	s.o.send(s.office, s.inbox(s.desk), s.o.create(s.office, x)).mustBe(t, 202, "")
	s.Settle()
	if _, err := m.Dispatches.Show(ctx, s.anna, string(x.ID)); err != nil {
		t.Errorf("it is not here: %v", err)
	}
	peer, err := models.PeerByHost(ctx, m.Store.R, outlawHost)
	cluster.Must(t, err)
	if peer.PinnedKey != sign.EncodeEd25519(s.o.instance.public()) {
		t.Error("the pin did not follow")
	}
	// A compromised instance key endorses nothing: only a person pins anew.
	s.Clock.Forward(time.Hour)
	broken := s.o.instance.rekey("3")
	s.o.instance.retire(broken, born, s.Clock.Now(), vocab.RevokedCompromise)
	s.office.rekey("3")
	s.Clock.Forward(time.Minute)
	y := s.o.article(s.office, s.desk, nil)
	s.o.send(s.office, s.inbox(s.desk), s.o.create(s.office, y)).mustBe(t, 202, "")
	s.Settle()
	if _, err := m.Dispatches.Show(ctx, s.anna, string(y.ID)); err == nil {
		t.Error("the word of a compromised key was taken")
	}
	cluster.Must(t, m.Accreditation.Pin(ctx, "test", string(outlawHost), sign.Fingerprint(s.o.instance.public())))
	s.Check()
}
