package models

import (
	"context"
	"strings"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// GuestSeat is a membership in force, in a community of ours, of somebody whose account
// is on other software.
type GuestSeat struct {
	Community  iri.IRI
	Name       string // of the community
	Group      string // its user name
	Commenting string // who may comment there
	Actor      iri.IRI
	Username   string
	Host       iri.Host
	Role       string
	EndsAt     Time // 0: without term
}

// Handle is "@name@host".
func (s GuestSeat) Handle() string { return iri.Handle{Name: s.Username, Host: s.Host}.String() }

// guestSeatsMost bounds the communities of one guest.
const guestSeatsMost = 200

const guestSeats = `SELECT m.community, c.name, g.username, c.commenting, m.actor, a.username, a.host, m.role, m.ends_at
	FROM members AS m JOIN actors AS a ON a.iri = m.actor JOIN communities AS c ON c.iri = m.community JOIN actors AS g ON g.iri = m.community
	WHERE c.local AND m.state = 'active' AND (m.ends_at = 0 OR m.ends_at > ?) AND NOT a.local AND NOT a.own_software AND `

// GuestsByHandle lists the seats of whoever has a handle, by community. Her server
// compares names without regard to case.
func GuestsByHandle(ctx context.Context, db bun.IDB, h iri.Handle, now Time) ([]GuestSeat, error) {
	return readSeats(ctx, db, guestSeats+`m.host = ? AND LOWER(a.username) = ? ORDER BY m.community LIMIT ?`, now, h.Host, strings.ToLower(h.Name), guestSeatsMost)
}

// GuestSeats lists the seats of an actor, by community.
func GuestSeats(ctx context.Context, db bun.IDB, actor iri.IRI, now Time) ([]GuestSeat, error) {
	return readSeats(ctx, db, guestSeats+`m.actor = ? ORDER BY m.community LIMIT ?`, now, actor, guestSeatsMost)
}

func readSeats(ctx context.Context, db bun.IDB, query string, args ...any) ([]GuestSeat, error) {
	rows, err := bound(ctx, db, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []GuestSeat
	for rows.Next() {
		var s GuestSeat
		if err := rows.Scan(&s.Community, &s.Name, &s.Group, &s.Commenting, &s.Actor, &s.Username, &s.Host, &s.Role, &s.EndsAt); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// SharedRow is a dispatch of a community in a list.
type SharedRow struct {
	ID             int64
	IRI            iri.IRI
	Author         iri.IRI
	AuthorName     string
	Reference      string
	Kind           string
	Subject        string
	Language       string
	Precedence     string
	PrecedenceRank int64
	MarkingRank    int64
	State          string
	Excerpt        string
	Version        int64
	PublishedAt    Time
	Attachments    int64
}

// SharedDispatches lists the latest versions of a community's dispatches that a condition
// of models/audience on d admits, newest first; before is the row id to go on from, 0 for
// the first page.
func SharedDispatches(ctx context.Context, db bun.IDB, community iri.IRI, cond string, args []any, before int64, limit int) ([]SharedRow, error) {
	if before <= 0 {
		before = 1 << 62
	}
	rows, err := bound(ctx, db, `SELECT d.id, d.iri, d.author, COALESCE(NULLIF(a.name, ''), o.name, ''), d.reference, d.kind, d.subject, d.language, d.precedence, d.precedence_rank, d.marking_rank, d.state, d.excerpt, d.version, d.published_at,
		(SELECT COUNT(*) FROM attachments AS f WHERE f.dispatch = d.iri)
		FROM dispatches AS d LEFT JOIN actors AS a ON a.iri = d.author LEFT JOIN peer_offices AS o ON o.iri = d.author
		WHERE d.community = ? AND d.community <> '' AND d.id < ? AND d.latest AND (`+cond+`) ORDER BY d.id DESC LIMIT ?`, append(append([]any{community, before}, args...), limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []SharedRow
	for rows.Next() {
		var r SharedRow
		if err := rows.Scan(&r.ID, &r.IRI, &r.Author, &r.AuthorName, &r.Reference, &r.Kind, &r.Subject, &r.Language, &r.Precedence, &r.PrecedenceRank, &r.MarkingRank, &r.State, &r.Excerpt, &r.Version, &r.PublishedAt,
			&r.Attachments); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}
