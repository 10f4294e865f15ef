package models

import (
	"cmp"
	"context"
	"slices"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Stations of the evidence board (PROTOCOL §5), and the receipt of an erasure.
const (
	Submitted  = "submitted"
	HandedOver = "handed over"
	Delivered  = "delivered"
	Registered = "registered"
	ReadByThem = "read"
	Taken      = "taken for action"
	Failed     = "failed"
	Cancelled  = "cancelled"
	Erased     = "erased"
	// LateMark and UnansweredMark are our own notes that a time of the precedence has run out.
	LateMark       = "late"
	UnansweredMark = "unacknowledged"
)

// Evidence is what happened to one version of a dispatch for one addressee. Document
// holds the signed receipt where another instance made it. Rows of the table never say that
// it was handed over: EvidenceOf reads that from the deliveries.
type Evidence struct {
	bun.BaseModel `bun:"table:evidence"`

	ID        int64 `bun:",pk,autoincrement"`
	Dispatch  iri.IRI
	Version   int64
	Addressee iri.IRI
	Station   string
	ByActor   iri.IRI
	At        Time
	Detail    string
	Document  []byte
}

// InsertEvidence adds rows; a station is reached once, the first time counts.
func InsertEvidence(ctx context.Context, tx bun.Tx, rows ...*Evidence) error {
	for chunk := range slices.Chunk(rows, together(tx, len(rows), 500)) {
		args := make([]any, 0, len(chunk)*8)
		for _, e := range chunk {
			args = append(args, string(e.Dispatch), e.Version, string(e.Addressee), e.Station, string(e.ByActor), int64(e.At), clip(e.Detail, 1000), e.Document)
		}
		if _, err := rawExec(ctx, tx, `INSERT INTO evidence (dispatch, version, addressee, station, by_actor, at, detail, document) VALUES `+
			places(len(chunk), 8)+` ON CONFLICT (dispatch, version, addressee, station) DO NOTHING`, args...); err != nil {
			return err
		}
	}
	for _, e := range rows {
		if e.Station == Failed || e.Station == LateMark {
			if _, err := rawExec(ctx, tx, `UPDATE addressees SET stuck = TRUE WHERE dispatch = ? AND actor = ?`, string(e.Dispatch), string(e.Addressee)); err != nil {
				return err
			}
		}
	}
	return nil
}

// handedOver is who has a version of one dispatch by a peer's 2xx, and since when: it is
// what the deliveries themselves say, and is kept nowhere else.
const handedOver = `SELECT v.recipient, v.host, v.object_version AS version, MIN(v.finished_at) AS at, MIN(v.actor) AS by_actor FROM deliveries AS v
	WHERE v.object_id = ? AND v.purpose = 'dispatch' AND v.state = 'handed-over' GROUP BY v.recipient, v.host, v.object_version`

// Receiver is whom a delivery reached: its recipient or, where a shared inbox stood for
// all members on the host, the instance there.
func Receiver(recipient iri.IRI, host iri.Host) iri.IRI {
	if recipient == "" {
		return iri.IRI(host.Base() + "/actor")
	}
	return recipient
}

// EvidenceOf returns the board of one dispatch, in order of time.
func EvidenceOf(ctx context.Context, db bun.IDB, dispatch iri.IRI, limit int) ([]*Evidence, error) {
	var rows []*Evidence
	if err := db.NewSelect().Model(&rows).Where("dispatch = ?", dispatch).OrderBy("at", bun.OrderAsc).OrderBy("id", bun.OrderAsc).Limit(int64(limit)).Scan(ctx); err != nil {
		return nil, err
	}
	found, err := raw(ctx, db, handedOver+` ORDER BY at LIMIT ?`, string(dispatch), limit)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		e := &Evidence{Dispatch: dispatch, Station: HandedOver}
		var host iri.Host
		if err := found.Scan(&e.Addressee, &host, &e.Version, &e.At, &e.ByActor); err != nil {
			return nil, err
		}
		e.Addressee = Receiver(e.Addressee, host)
		rows = append(rows, e)
	}
	slices.SortStableFunc(rows, func(a, b *Evidence) int { return cmp.Compare(a.At, b.At) })
	return rows[:min(len(rows), limit)], found.Err()
}

// LateQuery asks for addressees of issued dispatches that have not reached a station.
type LateQuery struct {
	Precedence    string
	Before, After Time   // of release
	Station       string // that should have been reached
	Mark          string // evidence that says it was told already
	Role          string // "" for every addressee
	Limit         int
}

// Late is one addressee who has not reached the station.
type Late struct {
	Dispatch  iri.IRI
	Version   int64
	Author    iri.IRI
	Reference string
	Actor     iri.IRI
}

// LateAddressees lists remote addressees of dispatches in force whose station is
// missing. A delivery that failed or was cancelled has its own notice, and other software
// sends no receipts.
func LateAddressees(ctx context.Context, db bun.IDB, q LateQuery) ([]Late, error) {
	var rows []Late
	err := db.NewRaw(`SELECT d.iri AS dispatch, d.version, d.author, d.reference, x.actor FROM dispatches AS d JOIN addressees AS x ON x.dispatch = d.iri
		WHERE d.origin = 'issued' AND d.latest AND d.state = 'in force' AND d.precedence = ? AND d.published_at < ? AND d.published_at > ? AND NOT x.local AND (? = '' OR x.role = ?)
		AND NOT EXISTS (SELECT 1 FROM evidence AS e WHERE e.dispatch = d.iri AND e.addressee = x.actor AND e.station IN (?, ?, 'failed', 'cancelled'))
		AND NOT EXISTS (SELECT 1 FROM peers AS p WHERE p.host = x.host AND p.form = 'bulletin')
		ORDER BY d.published_at LIMIT ?`, q.Precedence, q.Before, q.After, q.Role, q.Role, q.Station, q.Mark, q.Limit).Scan(ctx, &rows)
	return rows, err
}
