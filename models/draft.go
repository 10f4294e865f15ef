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
}

// DraftRevision is one saved state of a draft.
type DraftRevision struct {
	bun.BaseModel `bun:"table:draft_revisions"`

	Draft     string `bun:",pk"`
	Revision  int64  `bun:",pk"`
	Author    iri.IRI
	Content   []byte
	CreatedAt Time
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
	return insertRevision(ctx, tx, d, d.Drafter)
}

// SaveDraft stores the next revision if the row is still at the revision before it;
// it tells whether it was.
func SaveDraft(ctx context.Context, tx bun.Tx, d *Draft, author iri.IRI) (bool, error) {
	n, err := rawExec(ctx, tx, `UPDATE drafts SET revision = ?, state = ?, content = ?, updated_at = ? WHERE id = ? AND revision = ? AND state IN ('draft', 'in clearance')`,
		d.Revision, d.State, d.Content, int64(d.UpdatedAt), d.ID, d.Revision-1)
	if err != nil || n == 0 {
		return false, err
	}
	return true, insertRevision(ctx, tx, d, author)
}

func insertRevision(ctx context.Context, tx bun.Tx, d *Draft, author iri.IRI) error {
	_, err := tx.NewInsert().Model(&DraftRevision{Draft: d.ID, Revision: d.Revision, Author: author, Content: d.Content, CreatedAt: d.UpdatedAt}).Exec(ctx)
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

// Drafts lists an office's open drafts, newest change first.
func Drafts(ctx context.Context, db bun.IDB, office iri.IRI, limit int) ([]*Draft, error) {
	var rows []*Draft
	err := db.NewSelect().Model(&rows).Where("office = ?", office).Where("state IN ('draft', 'in clearance')").
		OrderBy("updated_at", bun.OrderDesc).Limit(int64(limit)).Scan(ctx)
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
