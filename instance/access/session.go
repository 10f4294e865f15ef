package access

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/instance/accounts"
	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
)

const (
	// seenEvery is how often at most a session's last use is written.
	seenEvery = time.Minute
	// proofFor is how soon a session must begin after the proof.
	proofFor = time.Minute
)

// Begin makes the session with that token the session of whoever was proved, and
// records the sign-in. The token must be a new one (scs: RenewToken before), so that
// nobody else can know it; proving oneself again begins a new session in the same way.
func (a *Access) Begin(ctx context.Context, token string, p *Proof, from Origin) (*models.Session, error) {
	if p == nil || a.now() > p.at.Add(proofFor) {
		return nil, errOver
	}
	s := &models.Session{Kind: models.SessionPerson, Person: p.person, Method: p.method, FreshAt: p.at}
	return a.begin(ctx, token, s, a.now().Add(a.Sessions.SessionLifetime), "signed in", from)
}

// Guest is somebody with an account elsewhere, or the holder of a printed invitation,
// who reads one community here until its term ends.
type Guest struct {
	Actor     iri.IRI
	Community iri.IRI
	Ends      time.Time
	Method    string // how she was recognised, for the audit trail
}

// BeginGuest makes the session with that token a guest's. It ends with her term, or with
// the lifetime of every session, whichever is sooner.
func (a *Access) BeginGuest(ctx context.Context, token string, g Guest, from Origin) (*models.Session, error) {
	if g.Actor == "" || g.Community == "" {
		return nil, accounts.Invalid("a guest's session needs an actor and a community")
	}
	ends := a.now().Add(a.Sessions.SessionLifetime)
	if !g.Ends.IsZero() {
		ends = min(ends, models.At(g.Ends))
	}
	if ends <= a.now() {
		return nil, refuse(403, "term-over", "the term of this invitation is over")
	}
	s := &models.Session{Kind: models.SessionGuest, Person: g.Actor, Community: g.Community, Method: g.Method}
	return a.begin(ctx, token, s, ends, "guest signed in", from)
}

func (a *Access) begin(ctx context.Context, token string, s *models.Session, ends models.Time, act string, from Origin) (*models.Session, error) {
	if len(token) < 20 {
		return nil, fmt.Errorf("begin a session of %s: the token has %d characters, fewer than 128 bits need", s.Person, len(token))
	}
	id, err := a.token(9)
	if err != nil {
		return nil, err
	}
	now := a.now()
	s.Token, s.ID, s.CreatedAt, s.SeenAt, s.ExpiresAt = digest(token), id, now, now, ends
	s.Address, s.Agent = network(from.Address), agent(from.Agent)
	detail := map[string]any{"method": s.Method, "address": s.Address}
	if s.Community != "" {
		detail["community"] = s.Community
	}
	err = a.in(ctx, string(s.Person), act, string(s.Person), detail, func(ctx context.Context, tx bun.Tx) error {
		if s.Kind == models.SessionPerson {
			if err := a.admits(ctx, tx, s.Person); err != nil {
				return err
			}
		}
		ok, err := models.InsertSession(ctx, tx, s)
		if err == nil && !ok {
			return fmt.Errorf("begin a session of %s: the token was used before; renew it first", s.Person)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Who returns the session behind a token and, for a person, her profile. Nobody is nil
// without error: an unknown, ended, expired or idle session, and one of nobody's.
func (a *Access) Who(ctx context.Context, token string, from Origin) (*models.Session, *models.Profile, error) {
	if token == "" {
		return nil, nil, nil
	}
	var s *models.Session
	var err error
	if read, ok := ctx.Value(seenKey{}).(*seen); ok && read.token == token {
		s, read.token = read.session, ""
	} else {
		s, err = a.living(ctx, token)
	}
	if models.NotFound(err) || err == nil && s.Kind == models.SessionNobody {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read a session: %w", err)
	}
	if now := a.now(); now >= s.SeenAt.Add(seenEvery) {
		if err := models.TouchSession(ctx, a.Store.W, s.Token, network(from.Address), now); err != nil {
			return nil, nil, fmt.Errorf("write when a session was seen: %w", err)
		}
	}
	if s.Kind != models.SessionPerson {
		return s, nil, nil
	}
	p, err := models.ProfileOf(ctx, a.Store.R, s.Person)
	if models.NotFound(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the profile of %s: %w", s.Person, err)
	}
	return s, p, nil
}

func (a *Access) living(ctx context.Context, token string) (*models.Session, error) {
	now := a.now()
	return models.SessionByToken(ctx, a.Store.R, digest(token), now, now.Add(-a.Sessions.SessionIdle))
}

// SessionsOf lists a person's living sessions, last seen first, without their tokens.
func (a *Access) SessionsOf(ctx context.Context, person iri.IRI) ([]*models.Session, error) {
	now := a.now()
	return models.Sessions(ctx, a.Store.R, person, now, now.Add(-a.Sessions.SessionIdle))
}

// EndSession ends one session of the person of s, by its id: another one, or s itself.
func (a *Access) EndSession(ctx context.Context, s *models.Session, id string) error {
	return a.in(ctx, string(s.Person), "session ended", string(s.Person), map[string]any{"session": id}, func(ctx context.Context, tx bun.Tx) error {
		ok, err := models.EndSessionByID(ctx, tx, s.Person, id, a.now())
		if err == nil && !ok {
			return refuse(404, "not-found", "this session is over already")
		}
		return err
	})
}

// EndOthers ends all sessions of the person of s but s, and returns how many.
func (a *Access) EndOthers(ctx context.Context, s *models.Session) (n int64, err error) {
	err = a.in(ctx, string(s.Person), "other sessions ended", string(s.Person), nil, func(ctx context.Context, tx bun.Tx) error {
		n, err = models.EndSessions(ctx, tx, s.Person, s.ID, a.now())
		return err
	})
	return n, err
}

// ChangePassword sets a person's password and ends her other sessions. It needs a fresh
// session. Refusals: prove-yourself, weak-password.
func (a *Access) ChangePassword(ctx context.Context, s *models.Session, password string) error {
	if err := a.fresh(s); err != nil {
		return err
	}
	hash, err := a.accepted(ctx, s.Person, password)
	if err != nil {
		return err
	}
	return a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return a.setPassword(ctx, tx, string(s.Person), s.Person, hash, s.ID)
	})
}

// accepted checks a new password of a person and hashes it.
func (a *Access) accepted(ctx context.Context, person iri.IRI, password string) (string, error) {
	actor, err := a.person(ctx, a.Store.R, person)
	if err != nil {
		return "", err
	}
	if err := policy.About("password", checkPassword(password, actor.Username, actor.Name, string(a.Own))); err != nil {
		return "", err
	}
	return a.hash(ctx, password)
}

// setPassword keeps a hash, ends her sessions but the one with the id except, and the
// one-time links that would set another.
func (a *Access) setPassword(ctx context.Context, tx bun.Tx, by string, person iri.IRI, hash, except string) error {
	if err := a.ensure(ctx, tx, person); err != nil {
		return err
	}
	if err := models.SetPassword(ctx, tx, person, hash, a.now()); err != nil {
		return err
	}
	if _, err := models.EndSessions(ctx, tx, person, except, a.now()); err != nil {
		return err
	}
	for _, kind := range []string{passLink, passSecond} {
		if err := models.DropPasses(ctx, tx, kind, person); err != nil {
			return err
		}
	}
	if err := a.told(ctx, tx, person, "password set", ""); err != nil {
		return err
	}
	return audit.Append(ctx, tx, a.Now(), by, "password set", string(person), nil)
}

// agent is a browser in a few words, for the list of sessions.
func agent(header string) string {
	find := func(pairs ...string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if strings.Contains(header, pairs[i]) {
				return pairs[i+1]
			}
		}
		return ""
	}
	browser := find("Edg/", "Edge", "OPR/", "Opera", "Firefox/", "Firefox", "FxiOS/", "Firefox", "CriOS/", "Chrome", "Chrome/", "Chrome", "Safari/", "Safari", "curl/", "curl")
	system := find("Android", "Android", "iPhone", "iPhone", "iPad", "iPad", "CrOS", "ChromeOS", "Windows", "Windows", "Mac OS X", "macOS", "Linux", "Linux")
	return strings.TrimSpace(browser + " " + system)
}
