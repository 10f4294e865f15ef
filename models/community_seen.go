package models

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// hers are the actors for whom a person reads. Its arguments are person, now, person.
const hers = `SELECT o.office FROM mandates AS o WHERE o.person = ? AND o.revoked_at = 0 AND (o.ends_at = 0 OR o.ends_at > ?) UNION SELECT CAST(? AS TEXT)`

// runs tells whether a person organises the community c. Its arguments are person,
// person, now.
const runs = `(c.local AND (c.organiser = ? OR EXISTS (SELECT 1 FROM mandates AS r WHERE r.office = c.office AND r.person = ? AND r.act = 'release' AND r.revoked_at = 0 AND (r.ends_at = 0 OR r.ends_at > ?))))`

// InCommunity tells whether the person, or an office of hers, is or was a member.
func InCommunity(ctx context.Context, db bun.IDB, person, community iri.IRI, now Time) (bool, error) {
	found, err := BoundIRIs(ctx, db, `SELECT m.actor FROM members AS m WHERE m.community = ? AND m.state <> 'reserved' AND m.actor IN (`+hers+`) LIMIT 1`, community, person, now, person)
	return len(found) > 0, err
}

// MemberStates returns the states of the memberships of some actors that have begun; one
// whose term is over counts as expired. organises tells whether the
// person organises it.
func MemberStates(ctx context.Context, db bun.IDB, community, person iri.IRI, actors []iri.IRI, now Time) (states []string, organises bool, err error) {
	rows, err := bound(ctx, db, `SELECT CASE WHEN m.state = 'active' AND m.ends_at > 0 AND m.ends_at <= ? THEN 'expired' ELSE m.state END FROM members AS m
		WHERE m.community = ? AND m.state <> 'reserved' AND m.actor IN (?)
		UNION ALL SELECT 'runs' FROM communities AS c WHERE c.iri = ? AND `+runs+` LIMIT 1000`, now, community, actors, community, person, person, now)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	for rows.Next() {
		var state string
		if err := rows.Scan(&state); err != nil {
			return nil, false, err
		}
		if state == "runs" {
			organises = true
			continue
		}
		states = append(states, state)
	}
	return states, organises, rows.Err()
}

// SeenCommunity is a community in a list of somebody who is or was in it.
type SeenCommunity struct {
	IRI      iri.IRI
	Name     string
	Kind     string
	Local    bool
	Ceiling  int64 // of the community, as far as it is known here
	Runs     bool  // she organises it
	Role     string
	State    string // of the membership that lasts longest
	EndsAt   Time
	Members  int64 // in force, of whom Guests; 0 for one that runs elsewhere
	Guests   int64
	Shared   int64 // dispatches in force, at most SharedMost+1
	Waiting  int64 // invitations that are open, for who organises it
	Organise string
}

// SharedMost is the highest count of shared dispatches: beyond it there are many.
const SharedMost = 99

// Many tells whether more than SharedMost are shared.
func (c SeenCommunity) Many() bool { return c.Shared > SharedMost }

// CommunitiesSeen lists the communities that the person or an office of hers is or was
// in, and those that she organises, by id. cond is the condition of models/audience on
// dispatches d, for what is counted.
func CommunitiesSeen(ctx context.Context, db bun.IDB, person iri.IRI, cond string, args []any, after iri.IRI, limit int, now Time) ([]SeenCommunity, error) {
	mine := `FROM members AS m WHERE m.community = c.iri AND m.state <> 'reserved' AND m.actor IN (` + hers + `) ORDER BY CASE WHEN m.state = 'active' THEN 0 ELSE 1 END, CASE m.role WHEN 'organiser' THEN 0 WHEN 'member' THEN 1 ELSE 2 END, m.actor LIMIT 1`
	query := `SELECT c.iri, c.name, c.kind, c.local, c.ceiling, ` + runs + `, COALESCE((SELECT m.role ` + mine + `), ''), COALESCE((SELECT m.state ` + mine + `), ''), COALESCE((SELECT m.ends_at ` + mine + `), 0),
		(SELECT COUNT(*) FROM members AS m WHERE m.community = c.iri AND c.local AND m.state = 'active'), (SELECT COUNT(*) FROM members AS m WHERE m.community = c.iri AND c.local AND m.state = 'active' AND m.role = 'guest'),
		(SELECT COUNT(*) FROM (SELECT 1 AS one FROM dispatches AS d WHERE d.community = c.iri AND d.community <> '' AND d.latest AND d.state = 'in force' AND (` + cond + `) LIMIT ` + fmt.Sprint(SharedMost+1) + `) AS n),
		(SELECT COUNT(*) FROM invitations AS i WHERE i.community = c.iri AND c.local AND NOT i.incoming AND i.state IN ('open', 'accepted') AND i.expires_at > ?), COALESCE(a.name, '')
		FROM communities AS c LEFT JOIN actors AS a ON a.iri = c.organiser
		WHERE c.iri > ? AND (` + runs + ` OR c.iri IN (SELECT m.community FROM members AS m WHERE m.state <> 'reserved' AND m.actor IN (` + hers + `))) ORDER BY c.iri LIMIT ?`
	all := []any{person, person, now, person, now, person, person, now, person, person, now, person}
	all = append(append(all, args...), now, after, person, person, now, person, now, person, limit)
	rows, err := bound(ctx, db, query, all...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []SeenCommunity
	for rows.Next() {
		var c SeenCommunity
		if err := rows.Scan(&c.IRI, &c.Name, &c.Kind, &c.Local, &c.Ceiling, &c.Runs, &c.Role, &c.State, &c.EndsAt, &c.Members, &c.Guests, &c.Shared, &c.Waiting, &c.Organise); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// NamedMember is a membership with the name of its actor.
type NamedMember struct {
	Member
	Name string
}

// NamedInvitation is an invitation with the names of its parties and of its community.
type NamedInvitation struct {
	Invitation
	Name, SponsorName, CommunityName string
}

// CommunityFile is one community with what its page shows of it beside its dispatches.
type CommunityFile struct {
	Community
	OfficeName, OrganiserName string
	Runs                      bool // the reader organises it
	// Active members, of whom Guests, on Hosts instances; of a community that runs
	// elsewhere only our own are known.
	Active, Guests, Hosts int64
	Waiting               int64 // invitations without an answer
	Mine                  []NamedMember
	Members               []NamedMember // the first few in force
	Comments              []NamedComment
	Invitations           []NamedInvitation
}

// CommunityPart bounds each list in a CommunityFile.
const CommunityPart = 8

// CommunityFileOf reads a community for a person in one statement. comments is the
// condition of models/audience on comments d. NotFound where there is none.
func CommunityFileOf(ctx context.Context, db bun.IDB, person, community iri.IRI, comments string, commentArgs []any, now Time) (*CommunityFile, error) {
	live := `m.community = ? AND m.state = 'active' AND (m.ends_at = 0 OR m.ends_at > ?)`
	args := []any{community, person, person, now, community, community, now, community, now, community, now, community, now, community, person, now, person, community, now, community}
	args = append(append(args, commentArgs...), community)
	part := fmt.Sprint(CommunityPart)
	rows, err := bound(ctx, db, `SELECT 'card' AS part, c.name AS a, c.charter AS b, c.kind AS c, c.office AS e, c.organiser AS f, c.posting AS g, CASE WHEN c.local THEN 1 ELSE 0 END AS i, c.ceiling AS j, c.history_days AS k, c.sequence AS l, c.repair_at AS m, c.created_at AS n
			FROM communities AS c WHERE c.iri = ?
		UNION ALL SELECT 'more', c.charter_digest, c.commenting, c.rendering, COALESCE(o.name, ''), COALESCE(p.name, ''), '', CASE WHEN c.subject_in_notice THEN 1 ELSE 0 END, CASE WHEN `+runs+` THEN 1 ELSE 0 END, 0, 0, 0, 0
			FROM communities AS c LEFT JOIN actors AS o ON o.iri = c.office LEFT JOIN actors AS p ON p.iri = c.organiser WHERE c.iri = ?
		UNION ALL SELECT 'count', '', '', '', '', '', '', (SELECT COUNT(*) FROM members AS m WHERE `+live+`), (SELECT COUNT(*) FROM members AS m WHERE `+live+` AND m.role = 'guest'), (SELECT COUNT(DISTINCT m.host) FROM members AS m WHERE `+live+`),
			(SELECT COUNT(*) FROM invitations AS v WHERE v.community = ? AND NOT v.incoming AND v.state IN ('open', 'accepted') AND v.expires_at > ?), 0, 0
		UNION ALL SELECT * FROM (SELECT 'mine' AS part, m.actor, m.host, m.role, m.state, m.form, COALESCE(x.name, ''), m.ceiling, m.since, m.history_from, m.ends_at, m.left_at, m.accepted_at
			FROM members AS m LEFT JOIN actors AS x ON x.iri = m.actor WHERE m.community = ? AND m.state <> 'reserved' AND m.actor IN (`+hers+`) ORDER BY m.actor LIMIT 100) AS p1
		UNION ALL SELECT * FROM (SELECT 'member' AS part, m.actor, m.host, m.role, m.state, m.form, COALESCE(x.name, '') AS y, m.ceiling, m.since, m.history_from, m.ends_at, m.left_at, m.accepted_at
			FROM members AS m LEFT JOIN actors AS x ON x.iri = m.actor WHERE `+live+` ORDER BY CASE m.role WHEN 'organiser' THEN 0 WHEN 'member' THEN 1 ELSE 2 END, m.actor LIMIT `+part+`) AS p2
		UNION ALL SELECT * FROM (SELECT 'comment' AS part, d.iri, d.author, d.attested_for, d.content, COALESCE(x.name, '') AS y, d.dispatch, d.published_at, d.marking_rank, 0, 0, 0, 0
			FROM comments AS d LEFT JOIN actors AS x ON x.iri = CASE WHEN d.attested_for <> '' THEN d.attested_for ELSE d.author END
			WHERE d.community = ? AND d.state = 'shown' AND (`+comments+`) ORDER BY d.published_at DESC, d.iri DESC LIMIT `+part+`) AS p3
		UNION ALL SELECT * FROM (SELECT 'invitation' AS part, v.iri, v.invitee, v.role, v.state, COALESCE(x.name, '') AS y, COALESCE(z.name, '') AS z, v.created_at, v.ceiling, v.expires_at, v.ends_at, v.answered_at, 0
			FROM invitations AS v LEFT JOIN actors AS x ON x.iri = v.invitee LEFT JOIN actors AS z ON z.iri = v.sponsor WHERE v.community = ? AND NOT v.incoming ORDER BY v.iri DESC LIMIT `+part+`) AS p4`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	f := &CommunityFile{}
	for rows.Next() {
		var part, a, b, c, e, g, h string
		var i, j, k, l, m, n int64
		if err := rows.Scan(&part, &a, &b, &c, &e, &g, &h, &i, &j, &k, &l, &m, &n); err != nil {
			return nil, err
		}
		member := NamedMember{Member{Community: community, Actor: iri.IRI(a), Host: iri.Host(b), Role: c, State: e, Form: g, Ceiling: i, Since: Time(j), HistoryFrom: Time(k), EndsAt: Time(l), LeftAt: Time(m), AcceptedAt: Time(n)}, h}
		switch part {
		case "card":
			f.Community = Community{IRI: community, Name: a, Charter: b, Kind: c, Office: iri.IRI(e), Organiser: iri.IRI(g), Posting: h, Local: i == 1, Ceiling: j, HistoryDays: k, Sequence: l, RepairAt: Time(m), CreatedAt: Time(n)}
		case "more":
			f.CharterDigest, f.Commenting, f.Rendering, f.OfficeName, f.OrganiserName, f.SubjectInNotice, f.Runs = a, b, c, e, g, i == 1, j == 1
		case "count":
			f.Active, f.Guests, f.Hosts, f.Waiting = i, j, k, l
		case "mine":
			f.Mine = append(f.Mine, member)
		case "member":
			f.Members = append(f.Members, member)
		case "comment":
			f.Comments = append(f.Comments, NamedComment{Comment{IRI: iri.IRI(a), Community: community, Dispatch: iri.IRI(h), Author: iri.IRI(b), AttestedFor: iri.IRI(c), Content: e, PublishedAt: Time(i), MarkingRank: j, State: "shown"}, g})
		case "invitation":
			f.Invitations = append(f.Invitations, NamedInvitation{Invitation: Invitation{IRI: iri.IRI(a), Community: community, Invitee: iri.IRI(b), Role: c, State: e, CreatedAt: Time(i), Ceiling: j, ExpiresAt: Time(k), EndsAt: Time(l), AnsweredAt: Time(m)}, Name: g, SponsorName: h})
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if f.IRI == "" {
		return nil, sql.ErrNoRows
	}
	return f, nil
}
