package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Activity is what one of our actors published, byte for byte as signed. Bytes is nil
// once the object was withdrawn.
type Activity struct {
	bun.BaseModel `bun:"table:activities"`

	IRI       iri.IRI `bun:",pk"`
	Actor     iri.IRI
	Type      string
	ObjectID  iri.IRI
	Bytes     []byte
	Digest    string
	CreatedAt Time
}

// InsertActivity stores one activity; a repeated id is IsConflict.
func InsertActivity(ctx context.Context, db bun.IDB, a *Activity) error {
	_, err := rawExec(ctx, db, `INSERT INTO activities (iri, actor, type, object_id, bytes, digest, created_at) VALUES (?,?,?,?,?,?,?)`,
		string(a.IRI), string(a.Actor), a.Type, string(a.ObjectID), a.Bytes, a.Digest, int64(a.CreatedAt))
	return err
}

// ActivityByIRI returns one activity.
func ActivityByIRI(ctx context.Context, db bun.IDB, id iri.IRI) (*Activity, error) {
	a := new(Activity)
	err := rawRow(ctx, db, `SELECT iri, actor, type, object_id, bytes, digest, created_at FROM activities WHERE iri = ?`, []any{string(id)},
		&a.IRI, &a.Actor, &a.Type, &a.ObjectID, &a.Bytes, &a.Digest, &a.CreatedAt)
	return a, err
}

// ShortActivities returns the bytes of those of the given ids that are there and have at
// most so many.
func ShortActivities(ctx context.Context, db bun.IDB, ids []iri.IRI, most int) (map[iri.IRI][]byte, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args := []any{most}
	n := powerOfTwo(len(ids))
	for i := range n {
		args = append(args, string(ids[min(i, len(ids)-1)]))
	}
	rows, err := raw(ctx, db, `SELECT iri, bytes FROM activities WHERE length(bytes) <= ? AND iri IN `+places(1, n), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := make(map[iri.IRI][]byte, len(ids))
	for rows.Next() {
		var id iri.IRI
		var bytes []byte
		if err := rows.Scan(&id, &bytes); err != nil {
			return nil, err
		}
		out[id] = bytes
	}
	return out, rows.Err()
}

// EraseActivityBytes erases our own stored bytes about the given objects, except
// the deletions themselves.
func EraseActivityBytes(ctx context.Context, db bun.IDB, objects []iri.IRI) error {
	if len(objects) == 0 {
		return nil
	}
	_, err := db.NewRaw(`UPDATE activities SET bytes = NULL WHERE object_id IN (?) AND type IN ('Create', 'Update', 'Announce')`, bun.List(objects)).Exec(ctx)
	return err
}

// SignedDelete returns the author's signed deletion of an object: as we published it, or
// as it arrived. NotFound or empty when it came inside another activity.
func SignedDelete(ctx context.Context, db bun.IDB, object iri.IRI) ([]byte, error) {
	var doc []byte
	err := db.NewRaw(`SELECT bytes FROM activities WHERE object_id = ? AND type = 'Delete' AND bytes IS NOT NULL ORDER BY created_at LIMIT 1`, object).Scan(ctx, &doc)
	if err == nil || !NotFound(err) {
		return doc, err
	}
	err = db.NewRaw(`SELECT body FROM arrivals WHERE object_id = ? AND type = 'Delete' AND body IS NOT NULL ORDER BY id LIMIT 1`, object).Scan(ctx, &doc)
	return doc, err
}
