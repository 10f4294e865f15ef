package models

import (
	"context"
	"database/sql"
	"slices"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// States of a delivery.
const (
	DeliveryPending   = "pending"
	DeliveryDone      = "handed-over"
	DeliveryFailed    = "failed"
	DeliveryCancelled = "cancelled"
)

// Purposes of a delivery. A dispatch is subject to the audience function just before
// each attempt; a control activity (receipt, membership, withdrawal) only to standing.
const (
	PurposeDispatch = "dispatch"
	PurposeComment  = "comment"
	PurposeControl  = "control"
	// PurposeRotation is the Update that shows a new RSA key: until a host has taken it,
	// the old key signs towards that host.
	PurposeRotation = "rotation"
)

// Delivery is one activity on its way to one inbox. Recipient is the addressee of
// direct correspondence, or the community's member whose inbox this is, or "" where a
// shared inbox stands for all members on the host.
type Delivery struct {
	bun.BaseModel `bun:"table:deliveries"`

	ID            int64 `bun:",pk,autoincrement"`
	Host          iri.Host
	Inbox         iri.IRI
	Activity      iri.IRI
	Actor         iri.IRI
	Type          string
	ObjectID      iri.IRI
	ObjectVersion int64
	Recipient     iri.IRI
	Community     iri.IRI
	Purpose       string
	Lane          string
	Precedence    int64
	State         string
	Attempts      int64
	NextAt        Time
	Status        int64
	Reason        string
	CreatedAt     Time
	FinishedAt    Time
}

const deliveryColumns = 16

// InsertDeliveries stores the rows and nudges their hosts; a row for the same
// (activity, inbox, recipient) is there once.
func InsertDeliveries(ctx context.Context, tx bun.Tx, rows []*Delivery) error {
	hosts := make([]iri.Host, 0, len(rows))
	at := Never
	for chunk := range slices.Chunk(rows, together(tx, len(rows), 500)) {
		args := make([]any, 0, len(chunk)*deliveryColumns)
		for _, r := range chunk {
			if r.State == "" {
				r.State = DeliveryPending
			}
			args = append(args, string(r.Host), string(r.Inbox), string(r.Activity), string(r.Actor), r.Type, string(r.ObjectID), r.ObjectVersion,
				string(r.Recipient), string(r.Community), r.Purpose, r.Lane, r.Precedence, r.State, int64(r.NextAt), r.Reason, int64(r.CreatedAt))
			hosts = append(hosts, r.Host)
			at = min(at, r.NextAt)
		}
		_, err := rawExec(ctx, tx, `INSERT INTO deliveries (host, inbox, activity, actor, type, object_id, object_version, recipient, community,
			purpose, lane, precedence, state, next_at, reason, created_at) VALUES `+places(len(chunk), deliveryColumns)+
			` ON CONFLICT (object_id, activity, inbox, recipient) DO NOTHING`, args...)
		if err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return NudgeHosts(ctx, tx, hosts, at)
}

// firstOfLanes are the ids of one host's rows before which none waits in their lanes.
const firstOfLanes = `SELECT MIN(id) AS id FROM deliveries WHERE host = ? AND state = 'pending' GROUP BY lane`

// DueDeliveries returns up to limit rows of one host that may be tried now: the
// first of each lane, precedence first, then age. Their precedence and the reason of the
// last attempt are left out.
func DueDeliveries(ctx context.Context, db bun.IDB, host iri.Host, now Time, limit int) ([]*Delivery, error) {
	found, err := raw(ctx, db, `SELECT d.id, d.inbox, d.activity, d.actor, d.type, d.object_id, d.object_version, d.recipient, d.community, d.purpose,
			d.lane, d.attempts, d.next_at, d.status, d.created_at
		FROM (`+firstOfLanes+`) AS f JOIN deliveries AS d ON d.id = f.id WHERE d.next_at <= ?
		ORDER BY d.precedence DESC, d.id LIMIT ?`, string(host), int64(now), limit)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var rows []*Delivery
	for found.Next() {
		d := &Delivery{Host: host, State: DeliveryPending}
		if err := found.Scan(&d.ID, &d.Inbox, &d.Activity, &d.Actor, &d.Type, &d.ObjectID, &d.ObjectVersion, &d.Recipient, &d.Community, &d.Purpose,
			&d.Lane, &d.Attempts, &d.NextAt, &d.Status, &d.CreatedAt); err != nil {
			return nil, err
		}
		rows = append(rows, d)
	}
	return rows, found.Err()
}

// FinishDeliveries writes what became of each row. One that was cancelled while it was
// on its way does not come back, whatever its attempt would have it wait for.
func FinishDeliveries(ctx context.Context, tx bun.Tx, rows []*Delivery) error {
	type outcome struct {
		attempts, status int64
		reason, state    string
		finished         Time
	}
	finished := map[outcome][]int64{}
	var order []outcome
	for _, r := range rows {
		if r.State != DeliveryPending {
			o := outcome{r.Attempts, r.Status, clip(r.Reason, 1000), r.State, r.FinishedAt}
			if finished[o] == nil {
				order = append(order, o)
			}
			finished[o] = append(finished[o], r.ID)
			continue
		}
		if _, err := rawExec(ctx, tx, `UPDATE deliveries SET attempts = ?, next_at = ?, status = ?, reason = CASE WHEN state = 'cancelled' THEN reason ELSE ? END WHERE id = ?`,
			r.Attempts, int64(r.NextAt), r.Status, clip(r.Reason, 1000), r.ID); err != nil {
			return err
		}
	}
	for _, o := range order {
		for chunk := range slices.Chunk(finished[o], finishMost) {
			args := []any{o.attempts, o.status, o.reason, int64(o.finished), o.state}
			if _, err := rawExec(ctx, tx, `UPDATE deliveries SET attempts = ?, status = ?, reason = ?, finished_at = ?, state = ? WHERE id IN `+idPlaces(len(chunk)),
				padded(args, chunk)...); err != nil {
				return err
			}
		}
	}
	return nil
}

// finishMost is how many rows one statement finishes.
const finishMost = 64

// idPlaces writes "(?,…)" for at least n ids. It is as long as the next power of two, so
// that few texts are ever met; padded repeats the last id in the places that are left.
func idPlaces(n int) string { return places(1, powerOfTwo(n)) }

func padded(args []any, ids []int64) []any {
	for _, id := range ids {
		args = append(args, id)
	}
	for range powerOfTwo(len(ids)) - len(ids) {
		args = append(args, ids[len(ids)-1])
	}
	return args
}

func powerOfTwo(n int) int {
	p := 1
	for p < n {
		p *= 2
	}
	return p
}

// CancelDeliveries ends what has not left yet of the given objects, with a reason.
// Only rows whose activity type is among types are touched.
func CancelDeliveries(ctx context.Context, db bun.IDB, objects []iri.IRI, types []string, reason string, now Time) error {
	if len(objects) == 0 {
		return nil
	}
	_, err := db.NewRaw(`UPDATE deliveries SET state = 'cancelled', reason = ?, finished_at = ? WHERE object_id IN (?) AND type IN (?) AND state = 'pending'`,
		reason, now, bun.List(objects), bun.List(types)).Exec(ctx)
	return err
}

// CancelMemberDeliveries ends what has not left yet for one member of a community.
func CancelMemberDeliveries(ctx context.Context, db bun.IDB, community, member iri.IRI, reason string, now Time) error {
	_, err := db.NewRaw(`UPDATE deliveries SET state = 'cancelled', reason = ?, finished_at = ? WHERE community = ? AND recipient = ? AND purpose = 'dispatch' AND state = 'pending'`,
		reason, now, community, member).Exec(ctx)
	return err
}

// Deliveries lists rows in one state ("" for all), oldest first.
func Deliveries(ctx context.Context, db bun.IDB, state string, after int64, limit int) ([]*Delivery, error) {
	var rows []*Delivery
	// With the sign, SQLite looks for pending rows in an index of the queue and does not
	// walk through all that were handed over.
	id := "id"
	if state == DeliveryPending {
		id = "+id"
	}
	q := db.NewSelect().Model(&rows).Where("? > ?", bun.Safe(id), after).OrderExpr(id).Limit(int64(limit))
	if state != "" {
		q = q.Where("state = ?", state)
	}
	err := q.Scan(ctx)
	return rows, err
}

// RetryDelivery gives a failed or waiting row a try now.
func RetryDelivery(ctx context.Context, tx bun.Tx, id int64, now Time) (bool, error) {
	d := new(Delivery)
	if err := tx.NewSelect().Model(d).Where("id = ?", id).Scan(ctx); err != nil {
		return false, err
	}
	if d.State != DeliveryFailed && d.State != DeliveryPending {
		return false, nil
	}
	if _, err := tx.NewRaw(`UPDATE deliveries SET state = 'pending', next_at = ?, finished_at = 0 WHERE id = ?`, now, id).Exec(ctx); err != nil {
		return false, err
	}
	return true, WakeHost(ctx, tx, d.Host, now)
}

// WakeHost ends a back-off: a probe, a verified arrival or a person says that the
// host is there again.
func WakeHost(ctx context.Context, db bun.IDB, host iri.Host, now Time) error {
	if _, err := db.NewRaw(`UPDATE deliveries SET next_at = ? WHERE host = ? AND state = 'pending' AND next_at > ?`, now, host, now).Exec(ctx); err != nil {
		return err
	}
	_, err := db.NewRaw(`UPDATE hosts SET back_off_until = 0, failures = 0, held = FALSE, due_at = CASE WHEN due_at > ? AND EXISTS (
			SELECT 1 FROM deliveries WHERE host = ? AND state = 'pending') THEN ? ELSE due_at END
		WHERE host = ? AND (back_off_until > 0 OR held OR due_at > ?)`, now, host, now, host, now).Exec(ctx)
	return err
}

// CountDeliveries counts the rows in one state.
func CountDeliveries(ctx context.Context, db bun.IDB, state string) (int64, error) {
	return db.NewSelect().Model((*Delivery)(nil)).Where("state = ?", state).Count(ctx)
}

// SoonestDue returns when the next host is due, or Never.
func SoonestDue(ctx context.Context, db bun.IDB) (Time, error) {
	var at sql.NullInt64
	err := rawRow(ctx, db, `SELECT MIN(due_at) FROM hosts WHERE due_at >= ?`, []any{0}, &at)
	if !at.Valid {
		return Never, err
	}
	return Time(at.Int64), err
}
