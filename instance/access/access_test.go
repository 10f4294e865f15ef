package access_test

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"valise/config"
	"valise/federation/keyring"
	"valise/instance/access"
	"valise/instance/accounts"
	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

const (
	own  = iri.Host("ministry.example")
	good = "quatre tortues lisent au soleil"
)

var (
	desk     = access.Origin{Address: "192.0.2.7", Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
	stranger = access.Origin{Address: "198.51.100.9", Agent: "curl/8.1"}
)

// cheap is a cost for tests that hash often.
var cheap = access.Hashing{Memory: 64, Time: 1, Threads: 1}

// house is an instance with one person, Alice.
type house struct {
	*testing.T
	*access.Access
	now   time.Time
	alice iri.IRI
}

func enter(t *testing.T, s *models.Store) *house {
	t.Helper()
	h := &house{T: t, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	seal, err := keyring.NewSeal(nil)
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return h.now }
	keys := keyring.New(s, seal, rand.Reader)
	people := &accounts.Accounts{Store: s, Keys: keys, Own: own, Now: now}
	h.Access, err = access.New(access.Options{Store: s, Keys: keys, Accounts: people, Own: own, Hashing: cheap, Now: now,
		Sessions: config.Access{SessionIdle: 12 * time.Hour, SessionLifetime: 7 * 24 * time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := people.AddPerson(t.Context(), audit.LocalOperator, "alice", "Alice Martin")
	if err != nil {
		t.Fatal(err)
	}
	h.alice = a.IRI
	return h
}

// house with SQLite, for what does not depend on the database.
func simple(t *testing.T) *house { return enter(t, modeltest.DB(t)) }

// must ends the test when err is not nil.
func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// refused ends the test unless err is a refusal with that code.
func (h *house) refused(err error, code string) *access.Refusal {
	h.Helper()
	var r *access.Refusal
	if !errors.As(err, &r) || r.Code != code {
		h.Fatalf("got %v, want a refusal %q", err, code)
	}
	return r
}

// admit gives Alice her password through a one-time link.
func (h *house) admit() {
	h.Helper()
	url, err := h.MakeLink(h.Context(), audit.LocalOperator, h.alice, false)
	h.must(err)
	_, err = h.UseLink(h.Context(), url[strings.LastIndexByte(url, '/')+1:], good)
	h.must(err)
}

// enterAs begins a session for a proof.
func (h *house) begin(p *access.Proof, from access.Origin) (*models.Session, string) {
	h.Helper()
	token := rand.Text()
	s, err := h.Begin(h.Context(), token, p, from)
	h.must(err)
	return s, token
}

// signIn signs Alice in with her password alone.
func (h *house) signIn() (*models.Session, string) {
	h.Helper()
	step, err := h.Password(h.Context(), "alice", good, desk)
	h.must(err)
	if step.Proof == nil {
		h.Fatalf("a second factor is asked: %+v", step)
	}
	return h.begin(step.Proof, desk)
}

// acts lists the acts of the audit trail, and holds the trail together.
func (h *house) acts() []string {
	h.Helper()
	if _, err := audit.Verify(h.Context(), h.Store.R); err != nil {
		h.Fatal(err)
	}
	rows, err := models.AuditAfter(h.Context(), h.Store.R, 0, "", "", 500)
	h.must(err)
	var out []string
	for _, r := range rows {
		out = append(out, r.Act)
	}
	return out
}

func (h *house) count(act string) (n int) {
	for _, a := range h.acts() {
		if a == act {
			n++
		}
	}
	return n
}

func TestPasswordSignIn(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		h := enter(t, s)
		h.admit()
		for _, name := range []string{"alice", " Alice ", "@alice@ministry.example"} {
			step, err := h.Password(t.Context(), name, good, desk)
			h.must(err)
			if step.Proof.Person() != h.alice || step.Proof.Method() != access.ByPassword {
				t.Errorf("%q: %+v", name, step.Proof)
			}
		}
		session, token := h.signIn()
		if session.Agent != "Firefox Linux" || session.Address != "192.0.2.7" {
			t.Errorf("session: %+v", session)
		}
		got, profile, err := h.Who(t.Context(), token, desk)
		h.must(err)
		if got == nil || got.Person != h.alice || profile.Name != "Alice Martin" || profile.Operator {
			t.Errorf("who: %+v %+v", got, profile)
		}
		if h.count("signed in") != 1 {
			t.Errorf("acts: %v", h.acts())
		}
		var rows []string
		h.must(s.R.NewRaw(`SELECT token || ' ' || COALESCE(CAST(data AS TEXT), '') FROM sessions UNION ALL SELECT password FROM credentials UNION ALL SELECT detail FROM audit`).Scan(t.Context(), &rows))
		for _, r := range rows {
			if strings.Contains(r, token) || strings.Contains(r, good) {
				t.Errorf("a secret is in the database: %s", r)
			}
		}
	})
}

// Whether a name is known shows neither in the answer nor in the work done for it.
func TestUnknownNamesLookLikeWrongPasswords(t *testing.T) {
	h := simple(t)
	h.admit()
	if _, err := h.Accounts.AddPerson(t.Context(), audit.LocalOperator, "bob", "Bob"); err != nil {
		t.Fatal(err)
	}
	var answers []string
	for _, name := range []string{"alice", "nobody", "bob", "no name at all \x00"} {
		_, err := h.Password(t.Context(), name, "not the right one", stranger)
		answers = append(answers, h.refused(err, "wrong-sign-in").Error())
	}
	if len(slices.Compact(answers)) != 1 {
		t.Errorf("answers differ: %q", answers)
	}
	// With all places taken every one of them waits for a place to hash, and so would
	// have hashed.
	leave := h.FillHashers()
	defer leave()
	for _, name := range []string{"alice", "nobody", "bob"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := h.Password(ctx, name, "not the right one", stranger)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s is answered without hashing: %v", name, err)
		}
	}
	rows, err := models.AuditAfter(t.Context(), h.Store.R, 0, "", "sign-in failed", 50)
	h.must(err)
	for _, r := range rows {
		if strings.Contains(r.Object+r.Detail, "nobody") || r.Actor != "198.51.100.9" {
			t.Errorf("the trail holds what a stranger typed as a name: %+v", r)
		}
	}
	if len(rows) != 4 || rows[0].Object != string(h.alice) {
		t.Errorf("%d failures are recorded: %+v", len(rows), rows[0])
	}
}

func TestPasswordsThatAreRefused(t *testing.T) {
	h := simple(t)
	h.admit()
	s, _ := h.signIn()
	for _, p := range []string{"", "short", "elevenchars", "password1234", "Password-2026", "motdepasse2026!", "aaaaaaaaaaaaaaaa", "abababababab", "alice.martin.2026", "Ministry-Example-1",
		"123456789012", "azertyuiop12", "correct horse battery staple", "السفارة٢٠٢٦السفارة", strings.Repeat("long ", 300), "twelve\xffcharacters"} {
		h.refused(h.ChangePassword(t.Context(), s, p), "weak-password")
	}
	for _, p := range []string{good, "xk2 vb9 qpl w", "سلحفاة تقرأ تحت الشمس", "correct zebra battery staple"} {
		h.must(h.ChangePassword(t.Context(), s, p))
	}
}

// The same password typed on another keyboard is the same password.
func TestAccentsOfPasswords(t *testing.T) {
	h := simple(t)
	h.admit()
	s, _ := h.signIn()
	h.must(h.ChangePassword(t.Context(), s, "l'e\u0301le\u0300ve boit la mer"))
	if _, err := h.Password(t.Context(), "alice", "l'\u00e9l\u00e8ve boit la mer", desk); err != nil {
		t.Error(err)
	}
}

// A hash made at yesterday's cost is renewed by the sign-in, once.
func TestRehash(t *testing.T) {
	h := simple(t)
	h.admit()
	before, err := models.CredentialOf(t.Context(), h.Store.R, h.alice)
	h.must(err)
	h.Hashing = access.Hashing{Memory: 128, Time: 2, Threads: 1}
	h.signIn()
	after, err := models.CredentialOf(t.Context(), h.Store.R, h.alice)
	h.must(err)
	if !strings.HasPrefix(before.Password, "$argon2id$v=19$m=64,t=1,p=1$") || !strings.HasPrefix(after.Password, "$argon2id$v=19$m=128,t=2,p=1$") {
		t.Errorf("before %q, after %q", before.Password, after.Password)
	}
	h.signIn()
	if again, _ := models.CredentialOf(t.Context(), h.Store.R, h.alice); again.Password != after.Password {
		t.Error("a hash of today's cost was renewed")
	}
	if again, _ := models.CredentialOf(t.Context(), h.Store.R, h.alice); again.PasswordAt != before.PasswordAt {
		t.Error("a renewed hash counts as a new password")
	}
}

func TestDefaultHashingIsThatOfRFC9106(t *testing.T) {
	if access.DefaultHashing != (access.Hashing{Memory: 64 << 10, Time: 3, Threads: 4}) {
		t.Errorf("%+v", access.DefaultHashing)
	}
}

func TestPasswordChangeEndsOtherSessions(t *testing.T) {
	h := simple(t)
	h.admit()
	first, firstToken := h.signIn()
	_, otherToken := h.signIn()
	h.must(h.ChangePassword(t.Context(), first, "une autre phrase bien longue"))
	if s, _, err := h.Who(t.Context(), firstToken, desk); err != nil || s == nil {
		t.Errorf("the session that changed it: %v %v", s, err)
	}
	if s, _, err := h.Who(t.Context(), otherToken, desk); err != nil || s != nil {
		t.Errorf("another session lives on: %v %v", s, err)
	}
	_, err := h.Password(t.Context(), "alice", good, desk)
	h.refused(err, "wrong-sign-in")
	if notices, err := h.Notices(t.Context(), h.alice, true, 0, 10); err != nil || len(notices) == 0 || notices[0].Kind != "password set" {
		t.Errorf("she is not told: %+v %v", notices, err)
	}
	h.now = h.now.Add(5 * time.Minute)
	h.refused(h.ChangePassword(t.Context(), first, "encore une autre phrase"), "prove-yourself")
}

func in(t *testing.T, s *models.Store, fn func(context.Context, bun.Tx) error) {
	t.Helper()
	if err := s.InTx(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}
