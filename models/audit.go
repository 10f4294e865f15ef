package models

import (
	"context"

	"github.com/uptrace/bun"
)

// AuditEntry is one act of power. Each hash covers the one before it, so that a
// removed or changed entry shows.
type AuditEntry struct {
	bun.BaseModel `bun:"table:audit"`

	ID       int64 `bun:",pk,autoincrement"`
	At       Time
	Actor    string
	Act      string
	Object   string
	Detail   string
	Previous string
	Hash     string
}

// LastAudit returns the newest entry under a lock that keeps others from appending,
// or NotFound.
func LastAudit(ctx context.Context, tx bun.Tx) (*AuditEntry, error) {
	if isPG(tx) {
		if _, err := tx.NewRaw(`LOCK TABLE audit IN EXCLUSIVE MODE`).Exec(ctx); err != nil {
			return nil, err
		}
	}
	e := new(AuditEntry)
	err := tx.NewSelect().Model(e).OrderBy("id", bun.OrderDesc).Limit(1).Scan(ctx)
	return e, err
}

// InsertAudit appends one entry.
func InsertAudit(ctx context.Context, tx bun.Tx, e *AuditEntry) error {
	_, err := tx.NewInsert().Model(e).Exec(ctx)
	return err
}

// AuditAfter lists entries in order, filtered by object and act where given.
func AuditAfter(ctx context.Context, db bun.IDB, after int64, object, act string, limit int) ([]*AuditEntry, error) {
	var rows []*AuditEntry
	q := db.NewSelect().Model(&rows).Where("id > ?", after).OrderBy("id", bun.OrderAsc).Limit(int64(limit))
	if object != "" {
		q = q.Where("object = ?", object)
	}
	if act != "" {
		q = q.Where("act = ?", act)
	}
	err := q.Scan(ctx)
	return rows, err
}

// AuditFilter narrows the trail; the zero value is all of it.
type AuditFilter struct {
	Actor, Act, Object string
	From, To           Time // To is not included; 0 for no end
}

// AuditBefore lists entries newest first, before a row id (0: from the newest).
func AuditBefore(ctx context.Context, db bun.IDB, f AuditFilter, before int64, limit int) ([]*AuditEntry, error) {
	var rows []*AuditEntry
	q := db.NewSelect().Model(&rows).OrderBy("id", bun.OrderDesc).Limit(int64(limit))
	if before > 0 {
		q = q.Where("id < ?", before)
	}
	for _, w := range []struct{ column, value string }{{"actor", f.Actor}, {"act", f.Act}, {"object", f.Object}} {
		if w.value != "" {
			q = q.Where("? = ?", bun.Ident(w.column), w.value)
		}
	}
	if f.From > 0 {
		q = q.Where("at >= ?", f.From)
	}
	if f.To > 0 {
		q = q.Where("at < ?", f.To)
	}
	err := q.Scan(ctx)
	return rows, err
}

// actsMost bounds the acts that a filter offers.
const actsMost = 200

// AuditActs lists the kinds of acts that the trail holds.
func AuditActs(ctx context.Context, db bun.IDB) ([]string, error) {
	var acts []string
	err := db.NewSelect().Model((*AuditEntry)(nil)).ColumnExpr("DISTINCT act").OrderBy("act", bun.OrderAsc).Limit(actsMost).Scan(ctx, &acts)
	return acts, err
}
