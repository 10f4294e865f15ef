package models

import (
	"context"

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
)

// Evidence is what happened to one version of a dispatch for one addressee. Document
// holds the signed receipt where another instance made it.
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
	for start := 0; start < len(rows); start += 500 {
		chunk := rows[start:min(start+500, len(rows))]
		args := make([]any, 0, len(chunk)*8)
		for _, e := range chunk {
			args = append(args, string(e.Dispatch), e.Version, string(e.Addressee), e.Station, string(e.ByActor), int64(e.At), clip(e.Detail, 1000), e.Document)
		}
		if _, err := rawExec(ctx, tx, `INSERT INTO evidence (dispatch, version, addressee, station, by_actor, at, detail, document) VALUES `+
			places(len(chunk), 8)+` ON CONFLICT (dispatch, version, addressee, station) DO NOTHING`, args...); err != nil {
			return err
		}
	}
	return nil
}

// EvidenceOf returns the board of one dispatch, in order of time.
func EvidenceOf(ctx context.Context, db bun.IDB, dispatch iri.IRI, limit int) ([]*Evidence, error) {
	var rows []*Evidence
	err := db.NewSelect().Model(&rows).Where("dispatch = ?", dispatch).OrderBy("at", bun.OrderAsc).OrderBy("id", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// CountStations counts the evidence of one station.
func CountStations(ctx context.Context, db bun.IDB, station string) (int64, error) {
	return db.NewSelect().Model((*Evidence)(nil)).Where("station = ?", station).Count(ctx)
}
