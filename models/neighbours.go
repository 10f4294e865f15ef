package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// LogBefore returns the nearest announcement before a number that is here, or nil.
// Withheld entries are passed over: nobody has said when they were announced.
func LogBefore(ctx context.Context, db bun.IDB, community iri.IRI, sequence int64) (*LogEntry, error) {
	return nearest(ctx, db.NewSelect().Where("sequence < ?", sequence).OrderBy("sequence", bun.OrderDesc), community)
}

// LogAfter is LogBefore in the other direction.
func LogAfter(ctx context.Context, db bun.IDB, community iri.IRI, sequence int64) (*LogEntry, error) {
	return nearest(ctx, db.NewSelect().Where("sequence > ?", sequence).OrderBy("sequence", bun.OrderAsc), community)
}

func nearest(ctx context.Context, q *bun.SelectQuery, community iri.IRI) (*LogEntry, error) {
	e := new(LogEntry)
	err := q.Model(e).Where("community = ?", community).Where("NOT withheld").Limit(1).Scan(ctx)
	if NotFound(err) {
		return nil, nil
	}
	return e, err
}
