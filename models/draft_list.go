package models

import (
	"context"
	"strings"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// DraftRow is a draft in a list: without its content, with the names around it.
type DraftRow struct {
	Draft
	DrafterName string
	OfficeTitle string
	OfficeCode  string
	OfficeRules Rules
	// Mine is the asker's decision on the current revision, or "".
	Mine string
	// Asked, Agreed and Changes count the decisions on the current revision.
	Asked, Agreed, Changes int64
}

// DraftFilter chooses the drafts of a list. Without offices nothing is found, except in
// a list of what waits for a clearer.
type DraftFilter struct {
	Offices []iri.IRI
	States  []string
	// Clearer keeps drafts in clearance that this person was asked about and has not
	// answered, of any of the offices.
	Clearer iri.IRI
	// Before is the place after which the page begins; the zero value is the newest.
	BeforeAt Time
	BeforeID string
	Limit    int
}

const draftRowColumns = `d.id, d.office, d.drafter, d.revision, d.state, d.corrects, d.dispatch, d.created_at, d.updated_at, d.kind, d.subject, d.language, d.marking_rank, d.precedence_rank,
	COALESCE(a.name, ''), COALESCE(o.title, ''), COALESCE(o.code, ''), COALESCE(o.rules, '{}'),
	COALESCE((SELECT c.decision FROM clearances AS c WHERE c.draft = d.id AND c.revision = d.revision AND c.clearer = ?), ''),
	(SELECT COUNT(*) FROM clearances AS c WHERE c.draft = d.id AND c.revision = d.revision AND c.decision = 'asked'),
	(SELECT COUNT(*) FROM clearances AS c WHERE c.draft = d.id AND c.revision = d.revision AND c.decision = 'agreed'),
	(SELECT COUNT(*) FROM clearances AS c WHERE c.draft = d.id AND c.revision = d.revision AND c.decision = 'change asked')`

// DraftRows lists drafts for a person, newest change first.
func DraftRows(ctx context.Context, db bun.IDB, person iri.IRI, f DraftFilter) ([]DraftRow, error) {
	if len(f.Offices) == 0 || len(f.States) == 0 {
		return nil, nil
	}
	args := []any{string(person)}
	in := func(values []string) string {
		for _, v := range values {
			args = append(args, v)
		}
		return "(" + strings.TrimSuffix(strings.Repeat("?,", len(values)), ",") + ")"
	}
	var offices []string
	for _, o := range f.Offices {
		offices = append(offices, string(o))
	}
	query := `SELECT ` + draftRowColumns + ` FROM drafts AS d LEFT JOIN actors AS a ON a.iri = d.drafter LEFT JOIN offices AS o ON o.iri = d.office
		WHERE d.office IN ` + in(offices) + ` AND d.state IN ` + in(f.States)
	if f.Clearer != "" {
		query += ` AND EXISTS (SELECT 1 FROM clearances AS c WHERE c.draft = d.id AND c.revision = d.revision AND c.clearer = ? AND c.decision = 'asked')`
		args = append(args, string(f.Clearer))
	}
	if f.BeforeID != "" {
		query += ` AND (d.updated_at < ? OR d.updated_at = ? AND d.id < ?)`
		args = append(args, int64(f.BeforeAt), int64(f.BeforeAt), f.BeforeID)
	}
	args = append(args, int64(f.Limit))
	rows, err := raw(ctx, db, query+` ORDER BY d.updated_at DESC, d.id DESC LIMIT ?`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []DraftRow
	for rows.Next() {
		var r DraftRow
		if err := rows.Scan(&r.ID, &r.Office, &r.Drafter, &r.Revision, &r.State, &r.Corrects, &r.Dispatch, &r.CreatedAt, &r.UpdatedAt, &r.Kind, &r.Subject, &r.Language, &r.MarkingRank, &r.PrecedenceRank,
			&r.DrafterName, &r.OfficeTitle, &r.OfficeCode, &r.OfficeRules, &r.Mine, &r.Asked, &r.Agreed, &r.Changes); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// RevisionEntry is one line of a draft's history.
type RevisionEntry struct {
	Revision  int64
	Author    iri.IRI
	Name      string
	CreatedAt Time
	StartedAt Time
	// Decided counts the agreements and requests for change on it.
	Agreed, Changes, Asked int64
}

// DraftHistory lists the revisions of a draft before one (0: from the latest), newest
// first.
func DraftHistory(ctx context.Context, db bun.IDB, draft string, before int64, limit int) ([]RevisionEntry, error) {
	if before <= 0 {
		before = 1 << 62
	}
	rows, err := raw(ctx, db, `SELECT r.revision, r.author, COALESCE(a.name, ''), r.created_at, r.started_at,
		(SELECT COUNT(*) FROM clearances AS c WHERE c.draft = r.draft AND c.revision = r.revision AND c.decision = 'agreed'),
		(SELECT COUNT(*) FROM clearances AS c WHERE c.draft = r.draft AND c.revision = r.revision AND c.decision = 'change asked'),
		(SELECT COUNT(*) FROM clearances AS c WHERE c.draft = r.draft AND c.revision = r.revision AND c.decision = 'asked')
		FROM draft_revisions AS r LEFT JOIN actors AS a ON a.iri = r.author WHERE r.draft = ? AND r.revision < ? ORDER BY r.revision DESC LIMIT ?`, draft, before, int64(limit))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []RevisionEntry
	for rows.Next() {
		var e RevisionEntry
		if err := rows.Scan(&e.Revision, &e.Author, &e.Name, &e.CreatedAt, &e.StartedAt, &e.Agreed, &e.Changes, &e.Asked); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// RevisionsOf returns those of the named revisions that are kept, by number.
func RevisionsOf(ctx context.Context, db bun.IDB, draft string, revisions []int64) (map[int64]*DraftRevision, error) {
	out := map[int64]*DraftRevision{}
	if len(revisions) == 0 {
		return out, nil
	}
	var rows []*DraftRevision
	err := db.NewSelect().Model(&rows).Where("draft = ?", draft).Where("revision IN (?)", bun.List(revisions)).Scan(ctx)
	for _, r := range rows {
		out[r.Revision] = r
	}
	return out, err
}

// Round is what is known about one draft's clearance, for a queue.
type Round struct {
	Authors []iri.IRI
	Asked   []*Clearance
}

// Rounds returns, for each draft, its authors and the clearances of its current
// revision. ids are at most a page.
func Rounds(ctx context.Context, db bun.IDB, ids []string) (map[string]*Round, error) {
	out := map[string]*Round{}
	if len(ids) == 0 {
		return out, nil
	}
	for _, id := range ids {
		out[id] = &Round{}
	}
	var authors []struct {
		Draft  string
		Author iri.IRI
	}
	if err := db.NewRaw(`SELECT DISTINCT draft, author FROM draft_revisions WHERE draft IN (?) ORDER BY draft, author`, bun.List(ids)).Scan(ctx, &authors); err != nil && !NotFound(err) {
		return nil, err
	}
	for _, a := range authors {
		out[a.Draft].Authors = append(out[a.Draft].Authors, a.Author)
	}
	var asked []*Clearance
	if err := db.NewSelect().Model(&asked).Where("draft IN (?)", bun.List(ids)).Where("revision = (SELECT d.revision FROM drafts AS d WHERE d.id = clearance.draft)").
		OrderBy("clearer", bun.OrderAsc).Scan(ctx); err != nil {
		return nil, err
	}
	for _, c := range asked {
		out[c.Draft].Asked = append(out[c.Draft].Asked, c)
	}
	return out, nil
}

// SeenBy returns, for each of the drafts, the revision that a person was shown last,
// with its content.
func SeenBy(ctx context.Context, db bun.IDB, person iri.IRI, ids []string) (map[string]*DraftRevision, error) {
	out := map[string]*DraftRevision{}
	if len(ids) == 0 {
		return out, nil
	}
	var rows []*DraftRevision
	err := db.NewSelect().Model(&rows).Where("draft_revision.draft IN (?)", bun.List(ids)).
		Where("revision = (SELECT s.revision FROM draft_seen AS s WHERE s.draft = draft_revision.draft AND s.person = ?)", person).Scan(ctx)
	for _, r := range rows {
		out[r.Draft] = r
	}
	return out, err
}

// DraftContents returns the contents of drafts, by id.
func DraftContents(ctx context.Context, db bun.IDB, ids []string) (map[string][]byte, error) {
	out := map[string][]byte{}
	if len(ids) == 0 {
		return out, nil
	}
	var rows []struct {
		ID      string
		Content []byte
	}
	err := db.NewRaw(`SELECT id, content FROM drafts WHERE id IN (?)`, bun.List(ids)).Scan(ctx, &rows)
	for _, r := range rows {
		out[r.ID] = r.Content
	}
	return out, err
}

// ReleasedContent returns the content of the draft that a dispatch's latest version was
// released from.
func ReleasedContent(ctx context.Context, db bun.IDB, dispatch iri.IRI) ([]byte, error) {
	var body []byte
	err := rawRow(ctx, db, `SELECT content FROM drafts WHERE dispatch = ? AND state = 'released' ORDER BY updated_at DESC LIMIT 1`, []any{string(dispatch)}, &body)
	return body, err
}
