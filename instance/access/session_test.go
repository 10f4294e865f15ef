package access_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"valise/instance/access"
	"valise/models"
	"valise/models/modeltest"
)

var (
	_ scs.Store    = (*access.Kept)(nil)
	_ scs.CtxStore = (*access.Kept)(nil)
)

func (h *house) who(token string) *models.Session {
	h.Helper()
	s, _, err := h.Who(h.Context(), token, desk)
	h.must(err)
	return s
}

// manager is the session manager as the pages set it up.
func (h *house) manager() *scs.SessionManager {
	m := scs.New()
	m.Store, m.Lifetime, m.IdleTimeout = h.Kept(), 7*24*time.Hour, 0
	return m
}

func TestSessionManager(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		h := enter(t, s)
		h.admit()
		m := h.manager()
		load := func(token string) context.Context {
			ctx, err := m.Load(t.Context(), token)
			h.must(err)
			return ctx
		}
		// A browser of nobody's.
		ctx := load("")
		m.Put(ctx, "said", "hello")
		before, _, err := m.Commit(ctx)
		h.must(err)
		if got := m.GetString(load(before), "said"); got != "hello" || h.who(before) != nil {
			t.Errorf("said %q", got)
		}
		// It signs in: another token, the same data.
		ctx = load(before)
		h.must(m.RenewToken(ctx))
		step, err := h.Password(t.Context(), "alice", good, desk)
		h.must(err)
		_, err = h.Begin(t.Context(), m.Token(ctx), step.Proof, desk)
		h.must(err)
		token, _, err := m.Commit(ctx)
		h.must(err)
		if s := h.who(token); s == nil || s.Person != h.alice || m.GetString(load(token), "said") != "hello" {
			t.Fatalf("after sign-in: %+v", s)
		}
		// The token from before is over, and a request that still runs with it cannot make
		// it anybody's.
		if h.who(before) != nil || m.GetString(load(before), "said") != "" {
			t.Error("the token from before sign-in lives on")
		}
		if _, err := h.Begin(t.Context(), before, step.Proof, desk); err == nil {
			t.Error("a token that was over became a session")
		}
		if _, err := h.Begin(t.Context(), token, step.Proof, desk); err == nil {
			t.Error("a session was begun twice with one token")
		}
		// A revoked session stays revoked though a slow request writes to it.
		slow := load(token)
		m.Put(slow, "said", "still here")
		h.must(h.EndSession(t.Context(), h.who(token), h.who(token).ID))
		_, _, err = m.Commit(slow)
		h.must(err)
		if h.who(token) != nil || m.GetString(load(token), "said") != "" {
			t.Error("a revoked session came back")
		}
		// Made-up and mangled tokens are nobody's.
		for _, bad := range []string{"", "x", token + "x", "\x00", "' OR 1=1 --"} {
			if h.who(bad) != nil {
				t.Errorf("%q is somebody", bad)
			}
		}
	})
}

func TestSessionsEnd(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		h := enter(t, s)
		h.admit()
		_, busy := h.signIn()
		start := h.now
		for h.now.Sub(start) < 7*24*time.Hour-6*time.Hour {
			h.now = h.now.Add(6 * time.Hour)
			if h.who(busy) == nil {
				t.Fatalf("a busy session ended after %s", h.now.Sub(start))
			}
		}
		h.now = start.Add(7*24*time.Hour + time.Second)
		if h.who(busy) != nil {
			t.Error("a session outlives its lifetime")
		}
		_, idle := h.signIn()
		h.now = h.now.Add(12*time.Hour - time.Second)
		if list, err := h.SessionsOf(t.Context(), h.alice); err != nil || len(list) != 1 {
			t.Errorf("%d sessions (%v)", len(list), err)
		}
		h.now = h.now.Add(time.Second)
		if h.who(idle) != nil {
			t.Error("an idle session lives on")
		}
		if list, err := h.SessionsOf(t.Context(), h.alice); err != nil || len(list) != 0 {
			t.Errorf("%d idle sessions are listed (%v)", len(list), err)
		}
	})
}

// The time of last use is written once a minute, not at each request.
func TestSeen(t *testing.T) {
	h := simple(t)
	h.admit()
	_, token := h.signIn()
	start := models.At(h.now)
	h.now = h.now.Add(59 * time.Second)
	h.who(token)
	if got := h.who(token).SeenAt; got != start {
		t.Errorf("written after 59 s: %s", got)
	}
	h.now = h.now.Add(time.Second)
	h.who(token)
	if got := h.who(token).SeenAt; got != models.At(h.now) {
		t.Errorf("not written after a minute: %s", got)
	}
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	h := simple(t)
	h.admit()
	mine, mineToken := h.signIn()
	phone, phoneToken := h.signIn()
	_, otherToken := h.signIn()
	bob := must(h.Accounts.AddPerson(t.Context(), "test", "bob", "Bob"))
	list := must(h.SessionsOf(t.Context(), h.alice))
	if len(list) != 3 || list[0].Token != "" || list[0].Agent != "Firefox Linux" {
		t.Fatalf("sessions: %+v", list)
	}
	h.refused(h.EndSession(t.Context(), &models.Session{Person: bob.IRI}, phone.ID), "not-found")
	h.must(h.EndSession(t.Context(), mine, phone.ID))
	h.refused(h.EndSession(t.Context(), mine, phone.ID), "not-found")
	if h.who(phoneToken) != nil || h.who(otherToken) == nil {
		t.Error("the wrong session ended")
	}
	if n := must(h.EndOthers(t.Context(), mine)); n != 1 || h.who(otherToken) != nil || h.who(mineToken) == nil {
		t.Errorf("%d others ended", n)
	}
}

func TestFresh(t *testing.T) {
	h := simple(t)
	h.admit()
	s, _ := h.signIn()
	if !access.Fresh(s, h.now.Add(5*time.Minute-time.Second)) || access.Fresh(s, h.now.Add(5*time.Minute)) || access.Fresh(nil, h.now) {
		t.Error("a proof counts for 5 minutes")
	}
	step := must(h.Password(t.Context(), "alice", good, desk))
	h.now = h.now.Add(2 * time.Minute)
	_, err := h.Begin(t.Context(), rand.Text(), step.Proof, desk)
	h.refused(err, "sign-in-over")
}

func TestGuests(t *testing.T) {
	h := simple(t)
	g := access.Guest{Actor: "https://social.example/users/carol", Community: "https://ministry.example/g/r7", Ends: h.now.Add(time.Hour), Method: "code"}
	token := rand.Text()
	s := must(h.BeginGuest(t.Context(), token, g, stranger))
	got, profile, err := h.Who(t.Context(), token, stranger)
	h.must(err)
	if got.Kind != models.SessionGuest || got.Person != g.Actor || got.Community != g.Community || profile != nil {
		t.Errorf("guest: %+v %+v", got, profile)
	}
	if access.Fresh(s, h.now) {
		t.Error("a guest may do what needs a fresh proof")
	}
	h.now = h.now.Add(time.Hour)
	if h.who(token) != nil {
		t.Error("a guest outstays her term")
	}
	_, err = h.BeginGuest(t.Context(), rand.Text(), g, stranger)
	h.refused(err, "term-over")
	if h.count("guest signed in") != 1 {
		t.Errorf("acts: %v", h.acts())
	}
}
