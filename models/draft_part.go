package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// DraftHead is the part of a draft that is not a paragraph: subject, markings and the
// other fields of its head.
const DraftHead = "head"

// DraftVersion is one part of a draft as it was saved: the base of later merges. Body is
// the service's JSON.
type DraftVersion struct {
	bun.BaseModel `bun:"table:draft_versions"`

	Draft   string `bun:",pk"`
	Part    string `bun:",pk"`
	Version int64  `bun:",pk"`
	Author  iri.IRI
	Body    []byte
	At      Time
}

// draftVersionsKept is how many versions of one part serve as bases; who edits an older
// one sees a clash instead of a merge.
const draftVersionsKept = 200

// SaveDraftVersions keeps the versions that a save has made, and drops those beyond what
// is kept.
func SaveDraftVersions(ctx context.Context, tx bun.Tx, rows []DraftVersion) error {
	for chunk := 0; chunk < len(rows); chunk += 100 {
		part := rows[chunk:min(chunk+100, len(rows))]
		args := make([]any, 0, len(part)*6)
		for _, r := range part {
			args = append(args, r.Draft, r.Part, r.Version, string(r.Author), r.Body, int64(r.At))
		}
		if _, err := rawExec(ctx, tx, `INSERT INTO draft_versions (draft, part, version, author, body, at) VALUES `+places(len(part), 6)+` ON CONFLICT (draft, part, version) DO NOTHING`, args...); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if r.Version <= draftVersionsKept {
			continue
		}
		if _, err := rawExec(ctx, tx, `DELETE FROM draft_versions WHERE draft = ? AND part = ? AND version <= ?`, r.Draft, r.Part, r.Version-draftVersionsKept); err != nil {
			return err
		}
	}
	return nil
}

// DraftVersionOf returns one version of one part; NotFound where it is no longer kept.
func DraftVersionOf(ctx context.Context, db bun.IDB, draft, part string, version int64) (*DraftVersion, error) {
	v := &DraftVersion{Draft: draft, Part: part, Version: version}
	err := rawRow(ctx, db, `SELECT author, body, at FROM draft_versions WHERE draft = ? AND part = ? AND version = ?`, []any{draft, part, version}, &v.Author, &v.Body, &v.At)
	return v, err
}

// DraftClash is a text that could not be merged with what another saved before it. It
// stays until a person settles it.
type DraftClash struct {
	bun.BaseModel `bun:"table:draft_clashes"`

	ID          int64 `bun:",pk,autoincrement"`
	Draft       string
	Part        string
	Author      iri.IRI
	BaseVersion int64
	Body        []byte
	At          Time
	SettledAt   Time
	SettledBy   iri.IRI
	How         string
}

// KeepClash keeps an author's text for a part. With an id it brings that open clash of
// hers up to date; without one it adds a clash, unless the same text waits already. c.ID
// names it afterwards.
func KeepClash(ctx context.Context, tx bun.Tx, c *DraftClash) error {
	if c.ID > 0 {
		n, err := rawExec(ctx, tx, `UPDATE draft_clashes SET body = ?, base_version = ?, at = ? WHERE id = ? AND draft = ? AND part = ? AND author = ? AND settled_at = 0`,
			c.Body, c.BaseVersion, int64(c.At), c.ID, c.Draft, c.Part, string(c.Author))
		if err != nil || n == 1 {
			return err
		}
	}
	err := rawRow(ctx, tx, `SELECT id FROM draft_clashes WHERE draft = ? AND part = ? AND author = ? AND settled_at = 0 AND body = ? LIMIT 1`, []any{c.Draft, c.Part, string(c.Author), c.Body}, &c.ID)
	if !NotFound(err) {
		return err
	}
	return rawRow(ctx, tx, `INSERT INTO draft_clashes (draft, part, author, base_version, body, at) VALUES (?,?,?,?,?,?) RETURNING id`,
		[]any{c.Draft, c.Part, string(c.Author), c.BaseVersion, c.Body, int64(c.At)}, &c.ID)
}

// OpenClash returns a clash that nobody has settled.
func OpenClash(ctx context.Context, db bun.IDB, draft string, id int64) (*DraftClash, error) {
	c := new(DraftClash)
	err := db.NewSelect().Model(c).Where("id = ?", id).Where("draft = ?", draft).Where("settled_at = 0").Scan(ctx)
	return c, err
}

// SettleClash closes it; how says what became of the text. It tells whether it was open.
func SettleClash(ctx context.Context, db bun.IDB, id int64, by iri.IRI, how string, now Time) (bool, error) {
	n, err := rawExec(ctx, db, `UPDATE draft_clashes SET settled_at = ?, settled_by = ?, how = ? WHERE id = ? AND settled_at = 0`, int64(now), string(by), how, id)
	return n == 1, err
}

// CountClashes counts what is open in a draft.
func CountClashes(ctx context.Context, db bun.IDB, draft string) (n int64, err error) {
	err = rawRow(ctx, db, `SELECT COUNT(*) FROM draft_clashes WHERE draft = ? AND settled_at = 0`, []any{draft}, &n)
	return n, err
}
