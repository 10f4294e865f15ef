package models

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Collective is a collective address of an office: a name that stands for several
// actors. What it stood for is settled at release.
type Collective struct {
	bun.BaseModel `bun:"table:collectives"`

	ID        string `bun:",pk"`
	Office    iri.IRI
	Name      string
	Folded    string // Name in lower case: unique in an office
	UpdatedAt Time
	UpdatedBy iri.IRI

	Members []iri.IRI `bun:"-"`
}

// CollectiveUse is one actor whom a released version reached through a collective
// address.
type CollectiveUse struct {
	bun.BaseModel `bun:"table:dispatch_collectives"`

	Dispatch   iri.IRI `bun:",pk"`
	Version    int64   `bun:",pk"`
	Collective string  `bun:",pk"`
	Name       string
	Role       string
	Actor      iri.IRI `bun:",pk"`
}

// SaveCollective inserts or replaces one with its members; a taken name is IsConflict.
func SaveCollective(ctx context.Context, tx bun.Tx, c *Collective) error {
	if _, err := tx.NewInsert().Model(c).On("CONFLICT (id) DO UPDATE").Set("name = EXCLUDED.name, folded = EXCLUDED.folded, updated_at = EXCLUDED.updated_at, updated_by = EXCLUDED.updated_by").Exec(ctx); err != nil {
		return err
	}
	if _, err := rawExec(ctx, tx, `DELETE FROM collective_members WHERE collective = ?`, c.ID); err != nil {
		return err
	}
	if len(c.Members) == 0 {
		return nil
	}
	args := make([]any, 0, 2*len(c.Members))
	for _, m := range c.Members {
		args = append(args, c.ID, string(m))
	}
	_, err := rawExec(ctx, tx, `INSERT INTO collective_members (collective, actor) VALUES `+places(len(c.Members), 2)+` ON CONFLICT (collective, actor) DO NOTHING`, args...)
	return err
}

// DeleteCollective drops one of an office. Drafts that name it can no longer be
// released; dispatches keep what it stood for.
func DeleteCollective(ctx context.Context, tx bun.Tx, office iri.IRI, id string) (bool, error) {
	n, err := rawExec(ctx, tx, `DELETE FROM collectives WHERE id = ? AND office = ?`, id, string(office))
	if err != nil || n == 0 {
		return false, err
	}
	_, err = rawExec(ctx, tx, `DELETE FROM collective_members WHERE collective = ?`, id)
	return true, err
}

// collectivesMost bounds the collective addresses of one office.
const collectivesMost = 500

// Collectives lists those of the offices by name, with their members.
func Collectives(ctx context.Context, db bun.IDB, offices []iri.IRI) ([]*Collective, error) {
	if len(offices) == 0 {
		return nil, nil
	}
	var rows []*Collective
	err := db.NewSelect().Model(&rows).Where("office IN (?)", bun.List(offices)).OrderBy("office", bun.OrderAsc).OrderBy("folded", bun.OrderAsc).Limit(collectivesMost).Scan(ctx)
	if err != nil {
		return nil, err
	}
	return rows, collectiveMembers(ctx, db, rows)
}

// CollectivesByID returns those of an office that are there, with their members.
func CollectivesByID(ctx context.Context, db bun.IDB, office iri.IRI, ids []string) ([]*Collective, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []*Collective
	if err := db.NewSelect().Model(&rows).Where("office = ?", office).Where("id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, err
	}
	return rows, collectiveMembers(ctx, db, rows)
}

func collectiveMembers(ctx context.Context, db bun.IDB, rows []*Collective) error {
	if len(rows) == 0 {
		return nil
	}
	at := map[string]*Collective{}
	var ids []string
	for _, c := range rows {
		at[c.ID] = c
		ids = append(ids, c.ID)
	}
	var members []struct {
		Collective string
		Actor      iri.IRI
	}
	err := db.NewRaw(`SELECT collective, actor FROM collective_members WHERE collective IN (?) ORDER BY collective, actor LIMIT 100000`, bun.List(ids)).Scan(ctx, &members)
	if NotFound(err) {
		return nil
	}
	for _, m := range members {
		at[m.Collective].Members = append(at[m.Collective].Members, m.Actor)
	}
	return err
}

// InsertCollectiveUses records what collective addresses stood for at release.
func InsertCollectiveUses(ctx context.Context, tx bun.Tx, rows []CollectiveUse) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.NewInsert().Model(&rows).On("CONFLICT (dispatch, version, collective, actor) DO NOTHING").Exec(ctx)
	return err
}

// CollectiveCount is a collective address of a released version, and for how many it stood.
type CollectiveCount struct {
	Name    string
	Offices int64
}

// Citation is a dispatch as a list of things to cite shows it.
type Citation struct {
	IRI         iri.IRI
	Reference   string
	Subject     string
	Digest      string
	AuthorName  string
	MarkingRank int64
	PublishedAt Time
}

// citationsLooked bounds how many of the newest dispatches are looked through for words
// of a subject.
const citationsLooked = 5000

// FindCitations lists dispatches whose reference number begins with the text, then those
// of the newest whose subject holds each word of it. cond is the audience's condition on
// dispatches d.
func FindCitations(ctx context.Context, db bun.IDB, text, cond string, args []any, limit int) ([]Citation, error) {
	var out []Citation
	const columns = `d.iri, d.reference, d.subject, d.digest, COALESCE(a.name, '') AS author_name, d.marking_rank, d.published_at`
	upper := strings.ToUpper(text)
	err := db.NewSelect().TableExpr("dispatches AS d").ColumnExpr(columns).Join("LEFT JOIN actors AS a ON a.iri = d.author").
		Where("SUBSTR(d.reference, 1, ?) = ?", utf8.RuneCountInString(upper), upper).Where("d.latest").Where("d.state = ?", DispatchInForce).Where(cond, args...).
		OrderBy("d.id", bun.OrderDesc).Limit(int64(limit)).Scan(ctx, &out)
	if err != nil && !NotFound(err) {
		return nil, err
	}
	if len(out) >= limit {
		return out, nil
	}
	var more []Citation
	q := db.NewSelect().TableExpr("dispatches AS d").ColumnExpr(columns).Join("LEFT JOIN actors AS a ON a.iri = d.author").
		Where("d.id > (SELECT COALESCE(MAX(z.id), 0) - ? FROM dispatches AS z)", citationsLooked).Where("d.latest").Where("d.state = ?", DispatchInForce)
	for _, w := range strings.Fields(text) {
		q = q.Where(`LOWER(d.subject) LIKE ? ESCAPE '!'`, "%"+escapeLike(strings.ToLower(w))+"%")
	}
	err = q.Where(cond, args...).OrderBy("d.id", bun.OrderDesc).Limit(int64(limit)).Scan(ctx, &more)
	if err != nil && !NotFound(err) {
		return nil, err
	}
	for _, m := range more {
		if len(out) < limit && !slices.ContainsFunc(out, func(c Citation) bool { return c.IRI == m.IRI }) {
			out = append(out, m)
		}
	}
	return out, nil
}

func escapeLike(word string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(word)
}
