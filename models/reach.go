package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// PeersByHost returns the standing of those hosts that have one.
func PeersByHost(ctx context.Context, db bun.IDB, hosts []iri.Host) (map[iri.Host]*Peer, error) {
	out := map[iri.Host]*Peer{}
	if len(hosts) == 0 {
		return out, nil
	}
	var rows []*Peer
	err := db.NewSelect().Model(&rows).Where("host IN (?)", bun.List(hosts)).Scan(ctx)
	for _, p := range rows {
		out[p.Host] = p
	}
	return out, err
}

// CommunitiesByIRI returns those of the actors that are communities which we run or have
// joined.
func CommunitiesByIRI(ctx context.Context, db bun.IDB, ids []iri.IRI) (map[iri.IRI]*Community, error) {
	out := map[iri.IRI]*Community{}
	if len(ids) == 0 {
		return out, nil
	}
	var rows []*Community
	err := db.NewSelect().Model(&rows).Where("iri IN (?)", bun.List(ids)).Scan(ctx)
	for _, c := range rows {
		out[c.IRI] = c
	}
	return out, err
}

// KnownGuests returns those of the actors that we have invited, and the communities
// among them in which the office is a member in force.
func KnownGuests(ctx context.Context, db bun.IDB, office iri.IRI, actors []iri.IRI) (map[iri.IRI]bool, error) {
	out := map[iri.IRI]bool{}
	if len(actors) == 0 {
		return out, nil
	}
	var found []iri.IRI
	err := db.NewRaw(`SELECT invitee FROM invitations WHERE invitee IN (?) AND NOT incoming AND state IN ('open', 'accepted', 'consumed')
		UNION SELECT community FROM members WHERE community IN (?) AND actor = ? AND state = 'active'`, bun.List(actors), bun.List(actors), office).Scan(ctx, &found)
	if NotFound(err) {
		err = nil
	}
	for _, id := range found {
		out[id] = true
	}
	return out, err
}

// OfficePerson is a person with her rights in an office.
type OfficePerson struct {
	Person iri.IRI
	Name   string
	Acts   []string
}

// May tells whether she has the right; any right includes reading.
func (p OfficePerson) May(act string) bool {
	for _, a := range p.Acts {
		if a == act || act == ActRead {
			return true
		}
	}
	return false
}

// OfficePeople lists everybody who has a mandate of an office in force and is not blocked,
// by name.
func OfficePeople(ctx context.Context, db bun.IDB, office iri.IRI, now Time) ([]OfficePerson, error) {
	rows, err := raw(ctx, db, `SELECT m.person, COALESCE(a.name, ''), m.act FROM mandates AS m LEFT JOIN actors AS a ON a.iri = m.person
		WHERE m.office = ? AND m.revoked_at = 0 AND (m.ends_at = 0 OR m.ends_at > ?) AND `+notBlocked+`m.person) ORDER BY 2, m.person, m.act LIMIT 5000`, string(office), int64(now))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []OfficePerson
	for rows.Next() {
		var p OfficePerson
		var act string
		if err := rows.Scan(&p.Person, &p.Name, &act); err != nil {
			return nil, err
		}
		if n := len(out); n > 0 && out[n-1].Person == p.Person {
			out[n-1].Acts = append(out[n-1].Acts, act)
			continue
		}
		p.Acts = []string{act}
		out = append(out, p)
	}
	return out, rows.Err()
}

// ReachedMember is a member in force with the standing of her instance.
type ReachedMember struct {
	Member
	Standing    string // of a peer; "" for none
	PeerCeiling int64
}

// reachedMost bounds the members that are looked through.
const reachedMost = 20000

// ReachedMembers lists the members in force of the communities.
func ReachedMembers(ctx context.Context, db bun.IDB, communities []iri.IRI, now Time) ([]ReachedMember, error) {
	if len(communities) == 0 {
		return nil, nil
	}
	var rows []ReachedMember
	err := db.NewRaw(`SELECT m.*, COALESCE(p.state, '') AS standing, COALESCE(p.ceiling, 0) AS peer_ceiling FROM members AS m LEFT JOIN peers AS p ON p.host = m.host
		WHERE m.community IN (?) AND m.state = 'active' AND (m.ends_at = 0 OR m.ends_at > ?) ORDER BY m.community, m.actor LIMIT ?`, bun.List(communities), now, reachedMost).Scan(ctx, &rows)
	if NotFound(err) {
		err = nil
	}
	return rows, err
}

// OfficeAct is one right of a person in one office, with the office's title and code.
type OfficeAct struct {
	Office      iri.IRI
	Title, Code string
	Act         string
}

// OfficesOf lists a person's rights to draft, clear and release in force, by office.
func OfficesOf(ctx context.Context, db bun.IDB, person iri.IRI, now Time) ([]OfficeAct, error) {
	rows, err := raw(ctx, db, `SELECT m.office, o.title, o.code, m.act FROM mandates AS m JOIN offices AS o ON o.iri = m.office
		WHERE m.person = ? AND m.act IN ('draft', 'clear', 'release') AND m.revoked_at = 0 AND (m.ends_at = 0 OR m.ends_at > ?) ORDER BY o.title, m.office, m.act LIMIT 1000`, string(person), int64(now))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []OfficeAct
	for rows.Next() {
		var a OfficeAct
		if err := rows.Scan(&a.Office, &a.Title, &a.Code, &a.Act); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, rows.Err()
}

// DraftWithOffice returns a draft and its office.
func DraftWithOffice(ctx context.Context, db bun.IDB, id string) (*Draft, *Office, error) {
	d, o := new(Draft), new(Office)
	err := rawRow(ctx, db, `SELECT d.id, d.office, d.drafter, d.revision, d.state, d.content, d.corrects, d.dispatch, d.created_at, d.updated_at, d.kind, d.subject, d.language, d.marking_rank, d.precedence_rank,
		o.iri, o.code, o.title, o.post, o.rules, o.created_at FROM drafts AS d JOIN offices AS o ON o.iri = d.office WHERE d.id = ?`, []any{id},
		&d.ID, &d.Office, &d.Drafter, &d.Revision, &d.State, &d.Content, &d.Corrects, &d.Dispatch, &d.CreatedAt, &d.UpdatedAt, &d.Kind, &d.Subject, &d.Language, &d.MarkingRank, &d.PrecedenceRank,
		&o.IRI, &o.Code, &o.Title, &o.Post, &o.Rules, &o.CreatedAt)
	return d, o, err
}
