package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// States of a draft.
const (
	DraftOpen      = "draft"
	DraftClearing  = "in clearance"
	DraftReleased  = "released"
	DraftDiscarded = "discarded"
)

// Draft is a dispatch before its release. Content is the service's JSON of the
// current revision; every revision stays in draft_revisions.
type Draft struct {
	bun.BaseModel `bun:"table:drafts"`

	ID        string `bun:",pk"`
	Office    iri.IRI
	Drafter   iri.IRI
	Revision  int64
	State     string
	Content   []byte
	Corrects  iri.IRI // the dispatch that this draft corrects, or ""
	Dispatch  iri.IRI // what it was released as
	CreatedAt Time
	UpdatedAt Time
	// What lists show of the content, so that they need not read it. Kind is "" in rows
	// that were written before these columns.
	Kind           string
	Subject        string
	Language       string
	MarkingRank    int64
	PrecedenceRank int64
}

// DraftRevision is one saved state of a draft. StartedAt is when the run of autosaves
// began that it stands for, 0 for one that was saved by itself.
type DraftRevision struct {
	bun.BaseModel `bun:"table:draft_revisions"`

	Draft     string `bun:",pk"`
	Revision  int64  `bun:",pk"`
	Author    iri.IRI
	Content   []byte
	CreatedAt Time
	StartedAt Time
}

// Decisions of a clearer.
const (
	ClearanceAsked   = "asked"
	ClearanceAgreed  = "agreed"
	ClearanceChanges = "change asked"
)

// Clearance is one clearer's decision on one exact revision.
type Clearance struct {
	bun.BaseModel `bun:"table:clearances"`

	Draft       string  `bun:",pk"`
	Revision    int64   `bun:",pk"`
	Clearer     iri.IRI `bun:",pk"`
	Decision    string
	Note        string
	RequestedAt Time
	DecidedAt   Time
}

// InsertDraft stores a new draft and its first revision.
func InsertDraft(ctx context.Context, tx bun.Tx, d *Draft) error {
	if _, err := tx.NewInsert().Model(d).Exec(ctx); err != nil {
		return err
	}
	return insertRevision(ctx, tx, d, d.Drafter, 0)
}

// SaveDraft stores the next revision if the row is still at the revision before it;
// it tells whether it was.
func SaveDraft(ctx context.Context, tx bun.Tx, d *Draft, author iri.IRI) (bool, error) {
	if ok, err := updateDraft(ctx, tx, d); err != nil || !ok {
		return false, err
	}
	return true, insertRevision(ctx, tx, d, author, 0)
}

func updateDraft(ctx context.Context, tx bun.Tx, d *Draft) (bool, error) {
	n, err := rawExec(ctx, tx, `UPDATE drafts SET revision = ?, state = ?, content = ?, updated_at = ?, kind = ?, subject = ?, language = ?, marking_rank = ?, precedence_rank = ?
		WHERE id = ? AND revision = ? AND state IN ('draft', 'in clearance')`,
		d.Revision, d.State, d.Content, int64(d.UpdatedAt), d.Kind, d.Subject, d.Language, d.MarkingRank, d.PrecedenceRank, d.ID, d.Revision-1)
	return n == 1, err
}

// SaveDraftRun is SaveDraft for an autosave. It takes the place of the revision before
// it where that was an autosave of the same author in a run that began after since, and
// nobody has decided on it or been shown it.
func SaveDraftRun(ctx context.Context, tx bun.Tx, d *Draft, author iri.IRI, since Time) (bool, error) {
	if ok, err := updateDraft(ctx, tx, d); err != nil || !ok {
		return false, err
	}
	var last int64
	var started Time
	var by iri.IRI
	err := rawRow(ctx, tx, `SELECT revision, author, started_at FROM draft_revisions WHERE draft = ? ORDER BY revision DESC LIMIT 1`, []any{d.ID}, &last, &by, &started)
	if err != nil && !NotFound(err) {
		return false, err
	}
	if err == nil && by == author && started > since {
		n, err := rawExec(ctx, tx, `DELETE FROM draft_revisions WHERE draft = ? AND revision = ? AND NOT EXISTS (SELECT 1 FROM clearances AS c WHERE c.draft = ? AND c.revision = ?)
			AND NOT EXISTS (SELECT 1 FROM draft_seen AS s WHERE s.draft = ? AND s.revision = ?)`, d.ID, last, d.ID, last, d.ID, last)
		if err != nil {
			return false, err
		}
		if n == 1 {
			return true, insertRevision(ctx, tx, d, author, started)
		}
	}
	return true, insertRevision(ctx, tx, d, author, d.UpdatedAt)
}

func insertRevision(ctx context.Context, tx bun.Tx, d *Draft, author iri.IRI, started Time) error {
	_, err := tx.NewInsert().Model(&DraftRevision{Draft: d.ID, Revision: d.Revision, Author: author, Content: d.Content, CreatedAt: d.UpdatedAt, StartedAt: started}).Exec(ctx)
	return err
}

// SetDraftState moves the draft on, if it is still at the given revision and not
// released; it tells whether it was.
func SetDraftState(ctx context.Context, db bun.IDB, id string, revision int64, state string, dispatch iri.IRI, now Time) (bool, error) {
	n, err := rawExec(ctx, db, `UPDATE drafts SET state = ?, dispatch = ?, updated_at = ? WHERE id = ? AND revision = ? AND state NOT IN ('released', 'discarded')`,
		state, string(dispatch), int64(now), id, revision)
	return n == 1, err
}

// DraftByID returns one draft.
func DraftByID(ctx context.Context, db bun.IDB, id string) (*Draft, error) {
	d := new(Draft)
	err := db.NewSelect().Model(d).Where("id = ?", id).Scan(ctx)
	return d, err
}

// RevisionAuthors returns everybody who saved a revision of the draft.
func RevisionAuthors(ctx context.Context, db bun.IDB, id string) ([]iri.IRI, error) {
	var out []iri.IRI
	err := db.NewSelect().Model((*DraftRevision)(nil)).Distinct().Column("author").Where("draft = ?", id).Limit(1000).Scan(ctx, &out)
	return out, err
}

// Drafts lists the open drafts of offices, newest change first, after the draft with the
// given time and id (0 and "": from the newest).
func Drafts(ctx context.Context, db bun.IDB, offices []iri.IRI, at Time, id string, limit int) ([]*Draft, error) {
	var rows []*Draft
	if len(offices) == 0 {
		return nil, nil
	}
	q := db.NewSelect().Model(&rows).Where("office IN (?)", bun.List(offices)).Where("state IN ('draft', 'in clearance')").
		OrderBy("updated_at", bun.OrderDesc).OrderBy("id", bun.OrderDesc).Limit(int64(limit))
	if at > 0 {
		q = q.Where("updated_at < ? OR updated_at = ? AND id < ?", at, at, id)
	}
	err := q.Scan(ctx)
	return rows, err
}

// Clearances returns the round of one exact revision.
func Clearances(ctx context.Context, db bun.IDB, draft string, revision int64) ([]*Clearance, error) {
	var rows []*Clearance
	err := db.NewSelect().Model(&rows).Where("draft = ?", draft).Where("revision = ?", revision).OrderBy("clearer", bun.OrderAsc).Limit(100).Scan(ctx)
	return rows, err
}

// SaveClearance asks or decides.
func SaveClearance(ctx context.Context, db bun.IDB, c *Clearance) error {
	_, err := db.NewInsert().Model(c).On("CONFLICT (draft, revision, clearer) DO UPDATE").
		Set("decision = EXCLUDED.decision, note = EXCLUDED.note, decided_at = EXCLUDED.decided_at").Exec(ctx)
	return err
}

// EraseDrafts erases the words of every draft that a dispatch was released from or that was
// to correct it: text, its versions and clashes, remarks, and what clearers asked for. Who
// saved, cleared and released which revision stays. stone takes the place of each content;
// kind is the dispatch's. Corrections that are still open are discarded. It returns the
// drafts.
func EraseDrafts(ctx context.Context, tx bun.Tx, dispatch, office iri.IRI, kind string, stone []byte, now Time) ([]string, error) {
	rows, err := raw(ctx, tx, `SELECT id FROM drafts WHERE dispatch = ? AND dispatch <> ''
		UNION SELECT id FROM drafts WHERE office = ? AND state IN ('draft', 'in clearance', 'discarded') AND corrects = ?`, string(dispatch), string(office), string(dispatch))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	rows.Close()
	for _, id := range ids {
		if _, err := rawExec(ctx, tx, `UPDATE drafts SET content = ?, subject = '', kind = ?, updated_at = ?,
			state = CASE WHEN state = 'released' THEN state ELSE 'discarded' END WHERE id = ?`, stone, kind, int64(now), id); err != nil {
			return nil, err
		}
		if _, err := rawExec(ctx, tx, `UPDATE draft_revisions SET content = ? WHERE draft = ?`, stone, id); err != nil {
			return nil, err
		}
		for _, statement := range []string{`DELETE FROM draft_versions WHERE draft = ?`, `DELETE FROM draft_clashes WHERE draft = ?`, `DELETE FROM draft_presence WHERE draft = ?`,
			`UPDATE draft_comments SET text = '' WHERE draft = ?`, `UPDATE clearances SET note = '' WHERE draft = ?`,
			`UPDATE notices SET detail = '' WHERE kind = 'change asked' AND subject = ?`} {
			if _, err := rawExec(ctx, tx, statement, id); err != nil {
				return nil, err
			}
		}
	}
	return ids, nil
}
