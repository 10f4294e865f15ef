package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// DraftComment is one remark on a part of a draft, or an answer to one.
type DraftComment struct {
	bun.BaseModel `bun:"table:draft_comments"`

	ID        int64 `bun:",pk,autoincrement"`
	Draft     string
	Part      string
	Answers   int64 // the comment that it answers; 0 for none
	Author    iri.IRI
	Text      string
	At        Time
	SettledAt Time
	SettledBy iri.IRI
}

// InsertDraftComment adds one unless the draft has as many as most; it tells whether it is
// there. The same words of the same person in the same place, not yet settled, are there once.
func InsertDraftComment(ctx context.Context, tx bun.Tx, c *DraftComment, most int) (bool, error) {
	var n, same int
	err := rawRow(ctx, tx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN author = ? AND part = ? AND answers = ? AND text = ? AND settled_at = 0 THEN 1 ELSE 0 END), 0) FROM draft_comments WHERE draft = ?`,
		[]any{string(c.Author), c.Part, c.Answers, c.Text, c.Draft}, &n, &same)
	if err != nil || same > 0 || n >= most {
		return same > 0, err
	}
	_, err = tx.NewInsert().Model(c).Returning("id").Exec(ctx)
	return true, err
}

// DraftCommentByID returns one comment of a draft.
func DraftCommentByID(ctx context.Context, db bun.IDB, draft string, id int64) (*DraftComment, error) {
	c := new(DraftComment)
	err := db.NewSelect().Model(c).Where("id = ?", id).Where("draft = ?", draft).Scan(ctx)
	return c, err
}

// SettleDraftComment settles a comment with its answers; it tells whether it was open.
func SettleDraftComment(ctx context.Context, db bun.IDB, draft string, id int64, by iri.IRI, now Time) (bool, error) {
	n, err := rawExec(ctx, db, `UPDATE draft_comments SET settled_at = ?, settled_by = ? WHERE draft = ? AND (id = ? OR answers = ?) AND settled_at = 0`, int64(now), string(by), draft, id, id)
	return n > 0, err
}

// Enter records that a person is in a draft, in one part of it, until the given moment.
// Rows whose time is over go.
func Enter(ctx context.Context, tx bun.Tx, draft string, person iri.IRI, part string, now, until Time) error {
	if _, err := rawExec(ctx, tx, `DELETE FROM draft_presence WHERE draft = ? AND expires_at <= ?`, draft, int64(now)); err != nil {
		return err
	}
	_, err := rawExec(ctx, tx, `INSERT INTO draft_presence (draft, person, part, since, expires_at) VALUES (?,?,?,?,?)
		ON CONFLICT (draft, person) DO UPDATE SET since = CASE WHEN draft_presence.part = EXCLUDED.part THEN draft_presence.since ELSE EXCLUDED.since END,
		part = EXCLUDED.part, expires_at = EXCLUDED.expires_at`, draft, string(person), part, int64(now), int64(until))
	return err
}

// Leave records that a person has left a draft.
func Leave(ctx context.Context, db bun.IDB, draft string, person iri.IRI) error {
	_, err := rawExec(ctx, db, `DELETE FROM draft_presence WHERE draft = ? AND person = ?`, draft, string(person))
	return err
}

// SawDraft records the revision that a person was shown last.
func SawDraft(ctx context.Context, db bun.IDB, draft string, person iri.IRI, revision int64, now Time) error {
	_, err := rawExec(ctx, db, `INSERT INTO draft_seen (draft, person, revision, at) VALUES (?,?,?,?)
		ON CONFLICT (draft, person) DO UPDATE SET revision = EXCLUDED.revision, at = EXCLUDED.at WHERE draft_seen.revision < EXCLUDED.revision`, draft, string(person), revision, int64(now))
	return err
}

// Kinds of a margin entry.
const (
	MarginComment   = "comment"
	MarginClash     = "clash"
	MarginPresence  = "presence"
	MarginClearance = "clearance"
	MarginSeen      = "seen"
)

// MarginEntry is something beside a draft's text: a comment, a clash, a person who is
// there, what a clearer decided last, what the asker saw last.
type MarginEntry struct {
	Kind   string
	ID     int64
	Part   string
	Ref    int64 // the comment answered, a clash's base version, or the revision of a clearance or a look
	Person iri.IRI
	Name   string
	State  string // a clearance's decision
	Text   string // a comment or a clearance's note
	Body   []byte // a clash's text
	At     Time
}

// marginMost bounds the margin of one draft.
const marginMost = 2000

// DraftMargin returns everything beside a draft's text in one query: open comments and
// clashes, who is there at the moment now, the latest word of each clearer, and what
// person has seen.
func DraftMargin(ctx context.Context, db bun.IDB, draft string, person iri.IRI, now Time) ([]MarginEntry, error) {
	rows, err := raw(ctx, db, `SELECT x.kind, x.id, x.part, x.ref, x.person, COALESCE(a.name, ''), x.state, x.text, x.body, x.at FROM (
		SELECT 'comment' AS kind, id, part, answers AS ref, author AS person, '' AS state, text, NULL AS body, at FROM draft_comments WHERE draft = ? AND settled_at = 0
		UNION ALL SELECT 'clash', id, part, base_version, author, '', '', body, at FROM draft_clashes WHERE draft = ? AND settled_at = 0
		UNION ALL SELECT 'presence', 0, part, 0, person, '', '', NULL, since FROM draft_presence WHERE draft = ? AND expires_at > ?
		UNION ALL SELECT 'clearance', 0, '', c.revision, c.clearer, c.decision, c.note, NULL, CASE WHEN c.decided_at > 0 THEN c.decided_at ELSE c.requested_at END FROM clearances AS c
			WHERE c.draft = ? AND c.revision = (SELECT MAX(l.revision) FROM clearances AS l WHERE l.draft = c.draft AND l.clearer = c.clearer)
		UNION ALL SELECT 'seen', 0, '', revision, person, '', '', NULL, at FROM draft_seen WHERE draft = ? AND person = ?
		) AS x LEFT JOIN actors AS a ON a.iri = x.person ORDER BY x.kind, x.at, x.id LIMIT ?`,
		draft, draft, draft, int64(now), draft, draft, string(person), int64(marginMost))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []MarginEntry
	for rows.Next() {
		var e MarginEntry
		if err := rows.Scan(&e.Kind, &e.ID, &e.Part, &e.Ref, &e.Person, &e.Name, &e.State, &e.Text, &e.Body, &e.At); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// DraftPulse is what changes while people look at a draft.
type DraftPulse struct {
	Revision int64
	State    string
	Comments int64 // the latest comment or settling
	Clashes  int64 // open ones
	Present  string
}

// PulseOf reads a draft's pulse. It is asked for often.
func PulseOf(ctx context.Context, db bun.IDB, draft string, now Time) (p DraftPulse, err error) {
	err = rawRow(ctx, db, `SELECT d.revision, d.state,
		COALESCE((SELECT SUM(CASE WHEN c.settled_at > 0 THEN 2 ELSE 1 END) FROM draft_comments AS c WHERE c.draft = d.id), 0),
		(SELECT COUNT(*) FROM draft_clashes AS k WHERE k.draft = d.id AND k.settled_at = 0)
		FROM drafts AS d WHERE d.id = ?`, []any{draft}, &p.Revision, &p.State, &p.Comments, &p.Clashes)
	if err != nil {
		return p, err
	}
	rows, err := raw(ctx, db, `SELECT person, part FROM draft_presence WHERE draft = ? AND expires_at > ? ORDER BY person LIMIT 100`, draft, int64(now))
	if err != nil {
		return p, err
	}
	defer rows.Close()
	for rows.Next() {
		var person, part string
		if err := rows.Scan(&person, &part); err != nil {
			return p, err
		}
		p.Present += person + " " + part + "\n"
	}
	return p, rows.Err()
}

// MayReadDraft tells whether a person has a mandate of the draft's office in force.
func MayReadDraft(ctx context.Context, db bun.IDB, draft string, person iri.IRI, now Time) (bool, error) {
	var one int
	err := rawRow(ctx, db, `SELECT 1 FROM drafts AS d JOIN mandates AS m ON m.office = d.office WHERE d.id = ? AND m.person = ? AND m.revoked_at = 0 AND (m.ends_at = 0 OR m.ends_at > ?) LIMIT 1`,
		[]any{draft, string(person), int64(now)}, &one)
	if NotFound(err) {
		return false, nil
	}
	return err == nil, err
}
