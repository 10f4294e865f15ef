package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// PreviousRSA returns the RSA key of an actor of ours before the one in use while its
// private half is kept, or NotFound.
func PreviousRSA(ctx context.Context, db bun.IDB, actor iri.IRI) (*Key, error) {
	k := new(Key)
	err := db.NewSelect().Model(k).Where("actor = ?", actor).Where("type = 'rsa'").Where("state = ?", KeyRetired).Where("sealed IS NOT NULL").
		OrderBy("id", bun.OrderDesc).Limit(1).Scan(ctx)
	return k, err
}

// PreviousRSAKept tells whether any such key is kept.
func PreviousRSAKept(ctx context.Context, db bun.IDB) (bool, error) {
	return db.NewSelect().Model((*Key)(nil)).Where("type = 'rsa'").Where("state = ?", KeyRetired).Where("sealed IS NOT NULL").Exists(ctx)
}

// DropPreviousRSA erases the private halves of replaced RSA keys whose actors have no
// rotation on its way to any host. It returns how many.
func DropPreviousRSA(ctx context.Context, tx bun.Tx) (int64, error) {
	return rawExec(ctx, tx, `UPDATE keys SET sealed = NULL WHERE type = 'rsa' AND state = 'retired' AND sealed IS NOT NULL AND NOT EXISTS (
		SELECT 1 FROM deliveries AS d WHERE d.object_id = keys.actor AND d.purpose = 'rotation' AND d.state = 'pending')`)
}

// RotationPending tells whether the host has still to take the Update that shows the
// actor's new RSA key.
func RotationPending(ctx context.Context, db bun.IDB, actor iri.IRI, host iri.Host) (bool, error) {
	var waits bool
	err := rawRow(ctx, db, `SELECT EXISTS (SELECT 1 FROM deliveries WHERE object_id = ? AND host = ? AND purpose = 'rotation' AND state = 'pending')`,
		[]any{string(actor), string(host)}, &waits)
	return waits, err
}

// LastInboxes lists, for each host that has taken something of an actor's, the inbox
// that took it last.
func LastInboxes(ctx context.Context, db bun.IDB, actor iri.IRI) ([]Reached, error) {
	var rows []Reached
	err := db.NewRaw(`SELECT d.host, d.inbox, d.recipient FROM deliveries AS d JOIN (
		SELECT MAX(id) AS id FROM deliveries WHERE actor = ? AND state = 'handed-over' GROUP BY host) AS l ON l.id = d.id ORDER BY d.host LIMIT 100000`, actor).Scan(ctx, &rows)
	return rows, err
}

// AnyInbox returns an inbox on a host: the shared one if any is known, else an actor's;
// NotFound where none is.
func AnyInbox(ctx context.Context, db bun.IDB, host iri.Host) (iri.IRI, error) {
	var inbox iri.IRI
	err := rawRow(ctx, db, `SELECT CASE WHEN shared_inbox <> '' THEN shared_inbox ELSE inbox END FROM actors
		WHERE host = ? AND NOT local AND inbox <> '' ORDER BY shared_inbox DESC, iri LIMIT 1`, []any{string(host)}, &inbox)
	return inbox, err
}
