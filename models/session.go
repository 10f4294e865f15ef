package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Kinds of session. SessionNobody belongs to somebody who has not signed in.
const (
	SessionNobody = ""
	SessionPerson = "person"
	SessionGuest  = "guest"
)

// Session is one browser. The token is known to it alone.
type Session struct {
	bun.BaseModel `bun:"table:sessions"`

	Token     string  `bun:",pk"` // SHA-256 of the token, hexadecimal
	ID        string  // names it in lists
	Kind      string  // one of SessionNobody, SessionPerson, SessionGuest
	Person    iri.IRI // of ours, or a guest's actor elsewhere
	Community iri.IRI // of a guest: all that she may read
	Method    string  // how she signed in
	Data      []byte
	CreatedAt Time
	SeenAt    Time
	// FreshAt is when she last proved who she is.
	FreshAt   Time
	ExpiresAt Time // at the latest; idling ends it before
	EndedAt   Time
	Address   string
	Agent     string
}

// SessionByToken returns a session that lives: neither ended, nor expired, nor idle
// since the given moment.
func SessionByToken(ctx context.Context, db bun.IDB, token string, now, idleSince Time) (*Session, error) {
	s := new(Session)
	err := rawRow(ctx, db, `SELECT token, id, kind, person, community, method, data, created_at, seen_at, fresh_at, expires_at, address, agent FROM sessions
		WHERE token = ? AND ended_at = 0 AND expires_at > ? AND seen_at > ?`, []any{token, int64(now), int64(idleSince)},
		&s.Token, &s.ID, &s.Kind, &s.Person, &s.Community, &s.Method, &s.Data, &s.CreatedAt, &s.SeenAt, &s.FreshAt, &s.ExpiresAt, &s.Address, &s.Agent)
	return s, err
}

// InsertSession begins one. A row with its token that holds nothing but data becomes
// it; one of somebody, or an ended one, does not.
func InsertSession(ctx context.Context, db bun.IDB, s *Session) (bool, error) {
	n, err := rawExec(ctx, db, `INSERT INTO sessions (token, id, kind, person, community, method, data, created_at, seen_at, fresh_at, expires_at, address, agent) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)
		ON CONFLICT (token) DO UPDATE SET id = EXCLUDED.id, kind = EXCLUDED.kind, person = EXCLUDED.person, community = EXCLUDED.community, method = EXCLUDED.method,
		created_at = EXCLUDED.created_at, seen_at = EXCLUDED.seen_at, fresh_at = EXCLUDED.fresh_at, expires_at = EXCLUDED.expires_at, address = EXCLUDED.address, agent = EXCLUDED.agent
		WHERE sessions.kind = '' AND sessions.ended_at = 0`,
		s.Token, s.ID, s.Kind, string(s.Person), string(s.Community), s.Method, s.Data, int64(s.CreatedAt), int64(s.SeenAt), int64(s.FreshAt), int64(s.ExpiresAt), s.Address, s.Agent)
	return n == 1, err
}

// WriteSessionData keeps a session's data, and makes the row of a browser of nobody's
// where there is none. It never brings back a session that has ended.
func WriteSessionData(ctx context.Context, db bun.IDB, token, id string, data []byte, now, expires Time) error {
	_, err := rawExec(ctx, db, `INSERT INTO sessions (token, id, data, created_at, seen_at, expires_at) VALUES (?,?,?,?,?,?)
		ON CONFLICT (token) DO UPDATE SET data = EXCLUDED.data WHERE sessions.ended_at = 0`, token, id, data, int64(now), int64(now), int64(expires))
	return err
}

// TouchSession records that a session was seen.
func TouchSession(ctx context.Context, db bun.IDB, token, address string, now Time) error {
	_, err := rawExec(ctx, db, `UPDATE sessions SET seen_at = ?, address = CASE WHEN ? = '' THEN address ELSE ? END WHERE token = ? AND ended_at = 0 AND seen_at < ?`,
		int64(now), address, address, token, int64(now))
	return err
}

// EndSession ends the session with that token. The row stays until its time is over, so
// that a request that still runs cannot bring it back.
func EndSession(ctx context.Context, db bun.IDB, token string, now Time) error {
	_, err := rawExec(ctx, db, `UPDATE sessions SET ended_at = ?, data = NULL WHERE token = ? AND ended_at = 0`, int64(now), token)
	return err
}

// EndSessionByID ends one session of a person.
func EndSessionByID(ctx context.Context, db bun.IDB, person iri.IRI, id string, now Time) (bool, error) {
	n, err := rawExec(ctx, db, `UPDATE sessions SET ended_at = ?, data = NULL WHERE id = ? AND person = ? AND kind = 'person' AND ended_at = 0`, int64(now), id, string(person))
	return n == 1, err
}

// EndSessions ends all sessions of a person but the one with the id except.
func EndSessions(ctx context.Context, db bun.IDB, person iri.IRI, except string, now Time) (int64, error) {
	return rawExec(ctx, db, `UPDATE sessions SET ended_at = ?, data = NULL WHERE person = ? AND kind = 'person' AND id <> ? AND ended_at = 0`, int64(now), string(person), except)
}

// sessionsMost bounds a list of sessions.
const sessionsMost = 100

// Sessions lists a person's living sessions, last seen first.
func Sessions(ctx context.Context, db bun.IDB, person iri.IRI, now, idleSince Time) ([]*Session, error) {
	var rows []*Session
	err := db.NewSelect().Model(&rows).ExcludeColumn("data", "token").Where("person = ?", person).Where("kind = ?", SessionPerson).Where("ended_at = 0").
		Where("expires_at > ?", now).Where("seen_at > ?", idleSince).OrderBy("seen_at", bun.OrderDesc).Limit(sessionsMost).Scan(ctx)
	return rows, err
}

// KnowsAddress tells whether a person has signed in from an address since a moment.
func KnowsAddress(ctx context.Context, db bun.IDB, person iri.IRI, address string, since Time) (bool, error) {
	var one int
	err := rawRow(ctx, db, `SELECT 1 FROM sessions WHERE person = ? AND kind = 'person' AND address = ? AND created_at > ? LIMIT 1`, []any{string(person), address, int64(since)}, &one)
	if NotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// ForgetSessions drops sessions of nobody's that have ended, expired or been idle, and
// those of persons once they are older than before: until then they tell which
// addresses are known.
func ForgetSessions(ctx context.Context, db bun.IDB, now, idleSince, before Time) error {
	_, err := rawExec(ctx, db, `DELETE FROM sessions WHERE expires_at < ? AND created_at < ? OR kind = '' AND (expires_at < ? OR seen_at < ?)`, int64(now), int64(before), int64(now), int64(idleSince))
	return err
}
