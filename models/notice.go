package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Operator is the recipient of notices that are for whoever runs the instance.
const Operator iri.IRI = "operator"

// Notice is what a person, an office or the operator must see. It says that
// something happened and to what, never the text of a dispatch.
type Notice struct {
	bun.BaseModel `bun:"table:notices"`

	ID        int64 `bun:",pk,autoincrement"`
	Recipient iri.IRI
	Kind      string
	Subject   string // what it is about: an id or a host
	Detail    string
	CreatedAt Time
	ReadAt    Time
}

// InsertNotice adds one.
func InsertNotice(ctx context.Context, db bun.IDB, n *Notice) error {
	n.Detail = clip(n.Detail, 2000)
	_, err := rawExec(ctx, db, `INSERT INTO notices (recipient, kind, subject, detail, created_at, read_at) VALUES (?,?,?,?,?,?)`,
		string(n.Recipient), n.Kind, storable(n.Subject), n.Detail, int64(n.CreatedAt), int64(n.ReadAt))
	return err
}

// Notices lists a recipient's notices, newest first.
func Notices(ctx context.Context, db bun.IDB, recipient iri.IRI, before int64, limit int) ([]*Notice, error) {
	var rows []*Notice
	q := db.NewSelect().Model(&rows).Where("recipient = ?", recipient).OrderBy("id", bun.OrderDesc).Limit(int64(limit))
	if before > 0 {
		q = q.Where("id < ?", before)
	}
	err := q.Scan(ctx)
	return rows, err
}
