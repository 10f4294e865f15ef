package models

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// recentMost is how many of the latest announcements of a community are looked at for
// what became of their deliveries.
const recentMost = 1000

// recent are the objects of the latest announcements. Its one argument is the community.
var recent = fmt.Sprintf(`SELECT DISTINCT z.object_id FROM (SELECT object_id FROM community_log WHERE community = ? ORDER BY sequence DESC LIMIT %d) AS z`, recentMost)

// sentTo are the deliveries of what was announced lately. Its arguments are the community
// twice.
var sentTo = `(` + recent + `) AS r JOIN deliveries AS v ON v.object_id = r.object_id AND v.community = ? AND v.purpose IN ('dispatch', 'comment')`

// MemberLine is a member with what went to her inbox, or to that which she shares with
// others of her instance, among the latest announcements.
type MemberLine struct {
	NamedMember
	Type        string // of the actor
	Gone        bool   // her server says that her account is gone
	OwnSoftware bool
	Inbox       iri.IRI
	SharedInbox iri.IRI
	// Standing, Affiliation, Software and Most are of her instance; Most is its ceiling,
	// 0 for our own.
	Standing, Affiliation, Software string
	Most                            int64
	LastAt                          Time // handed over
	Waiting, Late, Failed, Copies   int64
	NextAt                          Time // of what is late
	Reason                          string
}

// CommunityMembers lists members in force, or with past those whose membership has
// ended, by actor. only restricts it to one actor.
func CommunityMembers(ctx context.Context, db bun.IDB, community iri.IRI, past bool, only, after iri.IRI, limit int) ([]MemberLine, error) {
	states := `m.state = 'active'`
	if past {
		states = `m.state IN ('left', 'removed', 'expired')`
	}
	if only != "" {
		states = `m.actor = ?`
	}
	args := []any{community, community, community}
	if only != "" {
		args = append(args, only)
	}
	args = append(args, after, limit)
	rows, err := bound(ctx, db, `WITH went AS (SELECT v.inbox AS inbox, MAX(CASE WHEN v.state = 'handed-over' THEN v.finished_at ELSE 0 END) AS last_at,
			COUNT(DISTINCT CASE WHEN v.state = 'handed-over' THEN v.object_id END) AS copies, SUM(CASE WHEN v.state = 'pending' AND v.attempts = 0 THEN 1 ELSE 0 END) AS waiting,
			SUM(CASE WHEN v.state = 'pending' AND v.attempts > 0 THEN 1 ELSE 0 END) AS late, SUM(CASE WHEN v.state = 'failed' THEN 1 ELSE 0 END) AS failed,
			MIN(CASE WHEN v.state = 'pending' AND v.attempts > 0 THEN v.next_at END) AS next_at, MAX(CASE WHEN v.state = 'failed' OR v.state = 'pending' AND v.attempts > 0 THEN v.reason ELSE '' END) AS reason
			FROM `+sentTo+` GROUP BY v.inbox)
		SELECT m.actor, m.host, m.role, m.ceiling, m.state, m.form, m.since, m.history_from, m.ends_at, m.left_at, m.accepted_at, COALESCE(a.name, ''), COALESCE(a.type, ''), COALESCE(a.gone_at, 0), COALESCE(a.own_software, FALSE),
			COALESCE(a.inbox, ''), COALESCE(a.shared_inbox, ''), COALESCE(p.state, ''), COALESCE(p.affiliation, ''), COALESCE(p.software, ''), COALESCE(p.ceiling, 0),
			COALESCE(w.last_at, 0), COALESCE(w.waiting, 0), COALESCE(w.late, 0), COALESCE(w.failed, 0), COALESCE(w.copies, 0), COALESCE(w.next_at, 0), COALESCE(w.reason, '')
		FROM members AS m LEFT JOIN actors AS a ON a.iri = m.actor LEFT JOIN peers AS p ON p.host = m.host
		LEFT JOIN went AS w ON w.inbox = CASE WHEN m.form = 'announce' OR a.shared_inbox <> '' THEN COALESCE(NULLIF(a.shared_inbox, ''), a.inbox) ELSE a.inbox END
		WHERE m.community = ? AND `+states+` AND m.actor > ? ORDER BY m.actor LIMIT ?`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []MemberLine
	for rows.Next() {
		m := MemberLine{NamedMember: NamedMember{Member: Member{Community: community}}}
		var gone int64
		if err := rows.Scan(&m.Actor, &m.Host, &m.Role, &m.Ceiling, &m.State, &m.Form, &m.Since, &m.HistoryFrom, &m.EndsAt, &m.LeftAt, &m.AcceptedAt, &m.Name, &m.Type, &gone, &m.OwnSoftware,
			&m.Inbox, &m.SharedInbox, &m.Standing, &m.Affiliation, &m.Software, &m.Most, &m.LastAt, &m.Waiting, &m.Late, &m.Failed, &m.Copies, &m.NextAt, &m.Reason); err != nil {
			return nil, err
		}
		m.Gone = gone > 0
		out = append(out, m)
	}
	return out, rows.Err()
}

// Readable is how much of what was shared in a community a reader may have.
type Readable struct {
	Shared, May int64 // dispatches in force
	// Neighbours are other members in force on the same instance.
	Neighbours int64
}

// live are the dispatches d in force that a community has distributed.
const live = `d.community = ? AND d.community <> '' AND d.latest AND d.state = 'in force' AND d.origin <> 'archive'`

// readable are the three columns of Readable with their arguments.
func readable(community iri.IRI, cond string, args []any, host iri.Host, member iri.IRI) (string, []any) {
	all := append([]any{community, community}, args...)
	return `(SELECT COUNT(*) FROM dispatches AS d WHERE ` + live + `), (SELECT COUNT(*) FROM dispatches AS d WHERE ` + live + ` AND (` + cond + `)),
		(SELECT COUNT(*) FROM members AS m WHERE m.community = ? AND m.host = ? AND m.state = 'active' AND m.actor <> ?)`, append(all, community, host, member)
}

// ReadableIn counts for a reader by her condition of models/audience on dispatches d.
// Archive records, which never leave, are not counted.
func ReadableIn(ctx context.Context, db bun.IDB, community iri.IRI, cond string, args []any, host iri.Host, member iri.IRI) (r Readable, err error) {
	query, all := readable(community, cond, args, host, member)
	err = boundRow(ctx, db, `SELECT `+query, all, &r.Shared, &r.May, &r.Neighbours)
	return r, err
}

// CeilingEffect is what another ceiling of a community would do.
type CeilingEffect struct {
	Members int64 // in force, whose own ceiling would go down
	Above   int64 // dispatches in force above it, which stay with those who have them
	Waiting int64 // deliveries of such dispatches that have not left
}

// CeilingEffectOf counts it for the rank of the new ceiling.
func CeilingEffectOf(ctx context.Context, db bun.IDB, community iri.IRI, rank int64) (e CeilingEffect, err error) {
	err = boundRow(ctx, db, `SELECT (SELECT COUNT(*) FROM members AS m WHERE m.community = ? AND m.state = 'active' AND m.ceiling > ?),
		(SELECT COUNT(*) FROM dispatches AS d WHERE d.community = ? AND d.community <> '' AND d.latest AND d.state = 'in force' AND d.origin <> 'archive' AND d.marking_rank > ?),
		(SELECT COUNT(*) FROM `+sentTo+` JOIN dispatches AS d ON d.iri = v.object_id AND d.latest WHERE v.state = 'pending' AND d.marking_rank > ?)`, []any{community, rank, community, rank, community, community, rank}, &e.Members, &e.Above, &e.Waiting)
	return e, err
}

// CommunityInvitations lists the invitations of a community, newest first, before an id
// ("" for the newest).
func CommunityInvitations(ctx context.Context, db bun.IDB, community, before iri.IRI, limit int) ([]NamedInvitation, error) {
	cond, args := "", []any{community}
	if before != "" {
		cond, args = ` AND v.iri < ?`, append(args, before)
	}
	return namedInvitations(ctx, db, `NULL`, `v.community = ? AND NOT v.incoming`+cond+` ORDER BY v.iri DESC LIMIT ?`, append(args, limit)...)
}

// HerInvitations lists the invitations to a person and to offices of hers, open ones
// first, then newest first.
func HerInvitations(ctx context.Context, db bun.IDB, person iri.IRI, limit int, now Time) ([]NamedInvitation, error) {
	return namedInvitations(ctx, db, `CASE WHEN v.incoming AND c.iri IS NULL THEN v.document END`, `v.invitee IN (`+hers+`) ORDER BY CASE WHEN v.state = 'open' AND v.expires_at > ? THEN 0 ELSE 1 END, v.created_at DESC, v.iri LIMIT ?`, person, now, person, now, limit)
}

// NamedInvitationByIRI returns one invitation with its document.
func NamedInvitationByIRI(ctx context.Context, db bun.IDB, id iri.IRI) (*NamedInvitation, error) {
	rows, err := namedInvitations(ctx, db, `v.document`, `v.iri = ?`, id)
	if err == nil && len(rows) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return nil, err
	}
	return &rows[0], nil
}

// namedInvitations reads invitations v with the given expression for their documents.
func namedInvitations(ctx context.Context, db bun.IDB, document, where string, args ...any) ([]NamedInvitation, error) {
	rows, err := bound(ctx, db, `SELECT v.iri, v.community, v.invitee, v.sponsor, v.role, v.ceiling, v.charter_digest, v.ends_at, v.expires_at, v.state, v.incoming, v.created_at, v.answered_at,
		`+document+`, COALESCE(x.name, ''), COALESCE(z.name, ''), COALESCE(c.name, '')
		FROM invitations AS v LEFT JOIN actors AS x ON x.iri = v.invitee LEFT JOIN actors AS z ON z.iri = v.sponsor LEFT JOIN communities AS c ON c.iri = v.community WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []NamedInvitation
	for rows.Next() {
		var v NamedInvitation
		if err := rows.Scan(&v.IRI, &v.Community, &v.Invitee, &v.Sponsor, &v.Role, &v.Ceiling, &v.CharterDigest, &v.EndsAt, &v.ExpiresAt, &v.State, &v.Incoming, &v.CreatedAt, &v.AnsweredAt, &v.Document, &v.Name, &v.SponsorName, &v.CommunityName); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// CommunityComment is a comment with what it answers.
type CommunityComment struct {
	NamedComment
	Reference, Subject string // of the dispatch, "" where the reader may not see it
	Guest              bool   // its author is or was a guest
}

// CommunityComments lists comments that are shown and that the condition of
// models/audience on comments d admits, newest first, before a moment and id (0, "" for
// the newest). With guests it lists guests' alone. dispatches is the condition on
// dispatches d.
func CommunityComments(ctx context.Context, db bun.IDB, community iri.IRI, guests bool, comments string, commentArgs []any, dispatches string, dispatchArgs []any, at Time, before iri.IRI, limit int) ([]CommunityComment, error) {
	more := ""
	if guests {
		more = ` AND m.role = 'guest'`
	}
	args := append([]any{community}, commentArgs...)
	if at != 0 {
		more, args = more+` AND (d.published_at < ? OR d.published_at = ? AND d.iri < ?)`, append(args, at, at, before)
	}
	args = append(append(args, limit), dispatchArgs...)
	rows, err := bound(ctx, db, `WITH page AS (SELECT d.iri, d.author, d.attested_for, d.content, d.dispatch, d.published_at, d.marking_rank, COALESCE(m.role, '') AS role, COALESCE(a.name, '') AS name
			FROM comments AS d LEFT JOIN members AS m ON m.community = d.community AND m.actor = CASE WHEN d.attested_for <> '' THEN d.attested_for ELSE d.author END
			LEFT JOIN actors AS a ON a.iri = CASE WHEN d.attested_for <> '' THEN d.attested_for ELSE d.author END
			WHERE d.community = ? AND d.state = 'shown' AND (`+comments+`)`+more+` ORDER BY d.published_at DESC, d.iri DESC LIMIT ?)
		SELECT q.iri, q.author, q.attested_for, q.content, q.dispatch, q.published_at, q.marking_rank, q.role, q.name, COALESCE(d.reference, ''), COALESCE(d.subject, '')
		FROM page AS q LEFT JOIN dispatches AS d ON d.iri = q.dispatch AND d.latest AND (`+dispatches+`) ORDER BY q.published_at DESC, q.iri DESC`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []CommunityComment
	for rows.Next() {
		var c CommunityComment
		var role string
		if err := rows.Scan(&c.IRI, &c.Author, &c.AttestedFor, &c.Content, &c.Dispatch, &c.PublishedAt, &c.MarkingRank, &role, &c.Name, &c.Reference, &c.Subject); err != nil {
			return nil, err
		}
		c.Community, c.State, c.Guest = community, "shown", role == RoleGuest
		out = append(out, c)
	}
	return out, rows.Err()
}

// SharedLine is a dispatch of a community, and whether a member may read it.
type SharedLine struct {
	ID                           int64
	IRI                          iri.IRI
	Reference, Subject, Language string
	MarkingRank                  int64
	DistributedAt                Time
	May                          bool
}

// SharedLines lists the dispatches in force of a community that the one condition of
// models/audience on dispatches d admits, newest first, before an id (0 for the newest);
// May tells whether the
// other does. With them come the numbers of ReadableIn.
func SharedLines(ctx context.Context, db bun.IDB, community iri.IRI, mine string, mineArgs []any, her string, herArgs []any, host iri.Host, member iri.IRI, before int64, limit int) ([]SharedLine, Readable, error) {
	if before == 0 {
		before = 1 << 62
	}
	var count Readable
	numbers, all := readable(community, her, herArgs, host, member)
	args := append(append(append([]any{}, herArgs...), community, before), mineArgs...)
	rows, err := bound(ctx, db, `SELECT * FROM (SELECT d.id, d.iri, d.reference, d.subject, d.language, d.marking_rank, d.distributed_at, CASE WHEN (`+her+`) THEN 1 ELSE 0 END AS may FROM dispatches AS d
		WHERE `+live+` AND d.id < ? AND (`+mine+`) ORDER BY d.id DESC LIMIT ?) AS p
		UNION ALL SELECT 0, '', '', '', '', `+numbers+` ORDER BY 1 DESC`, append(append(args, limit), all...)...)
	if err != nil {
		return nil, count, err
	}
	defer rows.Close()
	var out []SharedLine
	for rows.Next() {
		var l SharedLine
		var may int64
		if err := rows.Scan(&l.ID, &l.IRI, &l.Reference, &l.Subject, &l.Language, &l.MarkingRank, &l.DistributedAt, &may); err != nil {
			return nil, count, err
		}
		if l.ID == 0 { // the last row holds the numbers
			count = Readable{Shared: l.MarkingRank, May: int64(l.DistributedAt), Neighbours: may}
			continue
		}
		l.May = may == 1
		out = append(out, l)
	}
	return out, count, rows.Err()
}
