package models

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// States of an arrival. Rows are never dropped: one that cannot be applied stays,
// set aside, with its reason.
const (
	ArrivalPending  = "pending"
	ArrivalApplied  = "applied"
	ArrivalSetAside = "set-aside"
)

// Arrival is one activity as it reached one inbox. Body, Request (request line and
// signed headers) and KeyDocument together verify offline. Body is nil once erased.
type Arrival struct {
	bun.BaseModel `bun:"table:arrivals"`

	ID          int64 `bun:",pk,autoincrement"`
	Activity    iri.IRI
	Inbox       iri.IRI
	Type        string
	ObjectType  string
	ObjectID    iri.IRI
	Actor       iri.IRI
	Host        iri.Host // whose signature the hop carried; our own for local acts
	Body        []byte
	Digest      string
	Request     string
	KeyID       iri.IRI
	KeyDocument string // digest of the signer's document in key_documents
	Proven      bool
	Lane        string
	Precedence  int64
	State       string
	Attempts    int64
	NextAt      Time
	LeaseUntil  Time
	Reason      string
	ReceivedAt  Time
	AppliedAt   Time
}

// Accepted is what became of one row given to InsertArrivals.
type Accepted int

const (
	AcceptedNew Accepted = iota
	AcceptedDuplicate
	// AcceptedOther: the same id came before with other bytes. Nothing was stored.
	AcceptedOther
)

const arrivalColumns = 19

// InsertArrivals stores rows that are new, and says of each what became of it. The
// uniqueness of (activity, inbox) is also the replay cache: a signed request covers
// its target and its body, so that a repeated one finds its row here and has no effect.
func InsertArrivals(ctx context.Context, tx bun.Tx, rows []*Arrival) ([]Accepted, error) {
	out := make([]Accepted, len(rows))
	if len(rows) == 0 {
		return out, nil
	}
	first := make(map[[2]string]int, len(rows))
	var kept []*Arrival
	for i, r := range rows {
		k := [2]string{string(r.Activity), string(r.Inbox)}
		if _, twice := first[k]; twice {
			continue
		}
		first[k] = i
		kept = append(kept, r)
	}
	fresh := make(map[[2]string]bool, len(kept))
	for part := range slices.Chunk(kept, together(tx, len(kept), len(kept))) {
		if err := insertArrivals(ctx, tx, part, fresh); err != nil {
			return nil, err
		}
	}
	for i, r := range rows {
		k := [2]string{string(r.Activity), string(r.Inbox)}
		switch {
		case fresh[k] && first[k] == i:
			out[i] = AcceptedNew
		case fresh[k] && rows[first[k]].Digest == r.Digest:
			out[i] = AcceptedDuplicate
		case fresh[k]:
			out[i] = AcceptedOther
		default:
			var digest string
			if err := tx.NewRaw(`SELECT digest FROM arrivals WHERE activity = ? AND inbox = ?`, r.Activity, r.Inbox).Scan(ctx, &digest); err != nil {
				return nil, err
			}
			out[i] = AcceptedDuplicate
			if digest != r.Digest {
				out[i] = AcceptedOther
			}
		}
	}
	return out, nil
}

// insertArrivals adds the rows that are new to fresh.
func insertArrivals(ctx context.Context, tx bun.Tx, rows []*Arrival, fresh map[[2]string]bool) error {
	args := make([]any, 0, len(rows)*arrivalColumns)
	for _, r := range rows {
		args = append(args, string(r.Activity), string(r.Inbox), storable(r.Type), storable(r.ObjectType), storable(string(r.ObjectID)), string(r.Actor), string(r.Host),
			r.Body, r.Digest, storable(r.Request), string(r.KeyID), r.KeyDocument, r.Proven, storable(r.Lane), r.Precedence, r.State, int64(r.NextAt), r.Reason, int64(r.ReceivedAt))
	}
	res, err := raw(ctx, tx, `INSERT INTO arrivals (activity, inbox, type, object_type, object_id, actor, host, body, digest, request,
		key_id, key_document, proven, lane, precedence, state, next_at, reason, received_at) VALUES `+places(len(rows), arrivalColumns)+
		` ON CONFLICT (activity, inbox) DO NOTHING RETURNING activity, inbox`, args...)
	if err != nil {
		return err
	}
	for res.Next() {
		var a, b string
		if err := res.Scan(&a, &b); err != nil {
			res.Close()
			return err
		}
		fresh[[2]string{a, b}] = true
	}
	return errors.Join(res.Err(), res.Close())
}

// ClaimArrivals leases up to limit pending rows and returns them by precedence, then
// age. A row is left alone while its lane has an earlier one that waits for its next
// try, is held by another worker or has a lower precedence, so that a lane keeps its
// order.
func ClaimArrivals(ctx context.Context, db bun.IDB, now, until Time, limit int) ([]*Arrival, error) {
	lock := ""
	if isPG(db) {
		lock = " FOR UPDATE SKIP LOCKED"
	}
	var rows []*Arrival
	claim := func(ctx context.Context, db bun.IDB) error {
		err := db.NewRaw(`UPDATE arrivals SET lease_until = ? WHERE id IN (
			SELECT a.id FROM arrivals AS a WHERE a.state = 'pending' AND a.next_at <= ? AND a.lease_until < ? AND NOT EXISTS (
				SELECT 1 FROM arrivals AS b WHERE b.lane = a.lane AND b.state = 'pending' AND b.id < a.id
					AND (b.next_at > ? OR b.lease_until >= ? OR b.precedence < a.precedence))
			ORDER BY a.precedence DESC, a.id LIMIT ?`+lock+`) RETURNING *`, until, now, now, now, now, limit).Scan(ctx, &rows)
		if NotFound(err) {
			return nil
		}
		return err
	}
	var err error
	if isPG(db) {
		// One claim at a time: a claim that cannot see the other's leases would take
		// the next row of a lane whose first the other has just taken.
		err = db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
			if _, err := tx.NewRaw(`SELECT pg_advisory_xact_lock(?)`, claimLock).Exec(ctx); err != nil {
				return err
			}
			return claim(ctx, tx)
		})
	} else {
		err = claim(ctx, db)
	}
	slices.SortFunc(rows, func(a, b *Arrival) int {
		return cmp.Or(cmp.Compare(b.Precedence, a.Precedence), cmp.Compare(a.ID, b.ID))
	})
	return rows, err
}

// claimLock is the advisory lock that claims of arrivals take on PostgreSQL.
const claimLock = 7_231_001

// FinishArrivals marks rows as applied.
func FinishArrivals(ctx context.Context, db bun.IDB, ids []int64, now Time) error {
	for chunk := range slices.Chunk(ids, finishMost) {
		if _, err := rawExec(ctx, db, `UPDATE arrivals SET state = 'applied', lease_until = 0, reason = '', applied_at = ? WHERE id IN `+idPlaces(len(chunk)), padded([]any{int64(now)}, chunk)...); err != nil {
			return err
		}
	}
	return nil
}

// PostponeArrival records a failed try and the moment of the next.
func PostponeArrival(ctx context.Context, db bun.IDB, id int64, reason string, next Time) error {
	_, err := db.NewRaw(`UPDATE arrivals SET attempts = attempts + 1, lease_until = 0, next_at = ?, reason = ? WHERE id = ?`, next, clip(reason, 1000), id).Exec(ctx)
	return err
}

// SetAsideArrival puts the row in front of a person, with the reason.
func SetAsideArrival(ctx context.Context, db bun.IDB, id int64, reason string) error {
	_, err := db.NewRaw(`UPDATE arrivals SET state = 'set-aside', attempts = attempts + 1, lease_until = 0, reason = ? WHERE id = ?`, clip(reason, 1000), id).Exec(ctx)
	return err
}

// RetryArrival gives a row that was set aside another try, if its bytes are still here.
func RetryArrival(ctx context.Context, db bun.IDB, id int64, now Time) (bool, error) {
	n, err := rawExec(ctx, db, `UPDATE arrivals SET state = 'pending', attempts = 0, next_at = ?, lease_until = 0 WHERE id = ? AND state = 'set-aside' AND body IS NOT NULL`, int64(now), id)
	return n == 1, err
}

// ArrivalByID returns one row whole.
func ArrivalByID(ctx context.Context, db bun.IDB, id int64) (*Arrival, error) {
	a := new(Arrival)
	err := db.NewSelect().Model(a).Where("id = ?", id).Scan(ctx)
	return a, err
}

// Arrivals lists rows in one state, oldest first, without their bodies.
func Arrivals(ctx context.Context, db bun.IDB, state string, after int64, limit int) ([]*Arrival, error) {
	var rows []*Arrival
	err := db.NewSelect().Model(&rows).ExcludeColumn("body", "key_document").Where("state = ?", state).Where("id > ?", after).
		OrderBy("id", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// CountArrivals counts the rows in one state.
func CountArrivals(ctx context.Context, db bun.IDB, state string) (int64, error) {
	return db.NewSelect().Model((*Arrival)(nil)).Where("state = ?", state).Count(ctx)
}

// EraseArrivalBodies erases the stored bytes of every arrival about an object
// (withdrawal); digest and request stay as evidence.
func EraseArrivalBodies(ctx context.Context, db bun.IDB, objects []iri.IRI) error {
	if len(objects) == 0 {
		return nil
	}
	_, err := db.NewRaw(`UPDATE arrivals SET body = NULL WHERE object_id IN (?) AND type IN ('Create', 'Update', 'Announce') AND state <> 'pending'`, bun.List(objects)).Exec(ctx)
	return err
}

// ArrivedAs returns the ids of the objects that an actor's Creates with the given digest
// brought. No index helps: it is for rare acts, outside a write transaction.
func ArrivedAs(ctx context.Context, db bun.IDB, actor iri.IRI, digest string) ([]iri.IRI, error) {
	return BoundIRIs(ctx, db, `SELECT DISTINCT object_id FROM arrivals WHERE actor = ? AND digest = ? AND type = 'Create' LIMIT 10`, actor, digest)
}

// EraseArrivalBody erases the stored bytes of one arrival.
func EraseArrivalBody(ctx context.Context, db bun.IDB, id int64) error {
	_, err := db.NewRaw(`UPDATE arrivals SET body = NULL WHERE id = ?`, id).Exec(ctx)
	return err
}

// ArrivalOf returns the first arrival of an activity.
func ArrivalOf(ctx context.Context, db bun.IDB, activity iri.IRI) (*Arrival, error) {
	a := new(Arrival)
	err := db.NewSelect().Model(a).ExcludeColumn("body").Where("activity = ?", activity).OrderBy("id", bun.OrderAsc).Limit(1).Scan(ctx)
	return a, err
}

// ForgetArrivals drops applied reactions and read receipts older than the given moment.
// Ids of dispatches and membership acts are kept for ever (PROTOCOL §8).
func ForgetArrivals(ctx context.Context, db bun.IDB, before Time, limit int) error {
	_, err := db.NewRaw(`DELETE FROM arrivals WHERE id IN (SELECT id FROM arrivals WHERE state = 'applied' AND received_at < ?
		AND type IN ('Read', 'Like', 'Dislike', 'Flag', 'View', 'Add', 'Remove', 'Move', 'Listen') ORDER BY id LIMIT ?)`, before, limit).Exec(ctx)
	return err
}
