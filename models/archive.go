package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// ArchiveUndated is DatedFrom and DatedUntil of a record without a date: after all others.
const ArchiveUndated Time = 1 << 59

// ArchiveVolume is what imported records were printed in.
type ArchiveVolume struct {
	bun.BaseModel `bun:"table:archive_volumes"`

	Volume     string `bun:",pk"`
	Title      string
	Licence    string // as printed
	ImportedAt Time
}

// ArchiveRecord is the place of one archive record among the others. Its text is the
// dispatch row of origin "archive".
type ArchiveRecord struct {
	bun.BaseModel `bun:"table:archive_records,alias:r"`

	Dispatch iri.IRI `bun:",pk"`
	Office   iri.IRI
	Volume   string
	Position int64 // in printed order, from 1
	// DatedFrom and DatedUntil bound when it was written: a paper of "May 1964" has
	// the first and the last moment of the month. DatedUntil itself is not in the span.
	DatedFrom, DatedUntil Time
	Message               string // "ANKARA 1017": by what others cite it, or ""
}

// ArchiveCitation is a message number that a record quotes.
type ArchiveCitation struct {
	bun.BaseModel `bun:"table:archive_citations"`

	Dispatch iri.IRI `bun:",pk"`
	Message  string  `bun:",pk"`
	Label    string  // as printed
}

// SaveArchiveVolume inserts or replaces the row.
func SaveArchiveVolume(ctx context.Context, db bun.IDB, v *ArchiveVolume) error {
	_, err := rawExec(ctx, db, `INSERT INTO archive_volumes (volume, title, licence, imported_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (volume) DO UPDATE SET title = EXCLUDED.title, licence = EXCLUDED.licence, imported_at = EXCLUDED.imported_at`,
		v.Volume, v.Title, v.Licence, int64(v.ImportedAt))
	return err
}

// InsertArchiveRecords adds those that are not there yet.
func InsertArchiveRecords(ctx context.Context, tx bun.Tx, rows []ArchiveRecord) error {
	for most := 0; len(rows) > 0; rows = rows[most:] {
		most = together(tx, len(rows), 64)
		args := make([]any, 0, most*7)
		for _, r := range rows[:most] {
			args = append(args, string(r.Dispatch), string(r.Office), r.Volume, r.Position, int64(r.DatedFrom), int64(r.DatedUntil), r.Message)
		}
		if _, err := rawExec(ctx, tx, `INSERT INTO archive_records (dispatch, office, volume, position, dated_from, dated_until, message) VALUES `+places(most, 7)+
			` ON CONFLICT (dispatch) DO NOTHING`, args...); err != nil {
			return err
		}
	}
	return nil
}

// InsertArchiveCitations adds those that are not there yet.
func InsertArchiveCitations(ctx context.Context, tx bun.Tx, rows []ArchiveCitation) error {
	for most := 0; len(rows) > 0; rows = rows[most:] {
		most = together(tx, len(rows), 64)
		args := make([]any, 0, most*3)
		for _, r := range rows[:most] {
			args = append(args, string(r.Dispatch), r.Message, r.Label)
		}
		if _, err := rawExec(ctx, tx, `INSERT INTO archive_citations (dispatch, message, label) VALUES `+places(most, 3)+` ON CONFLICT (dispatch, message) DO NOTHING`, args...); err != nil {
			return err
		}
	}
	return nil
}

// ArchiveKnown is what is here under an id.
type ArchiveKnown struct {
	IRI       iri.IRI
	Community iri.IRI
	Digest    string
}

// KnownArchive tells which of the given records are here.
func KnownArchive(ctx context.Context, db bun.IDB, ids []iri.IRI) (map[iri.IRI]ArchiveKnown, error) {
	var rows []ArchiveKnown
	if len(ids) == 0 {
		return nil, nil
	}
	err := db.NewSelect().TableExpr("dispatches").Column("iri", "community", "digest").Where("iri IN (?)", bun.List(ids)).Where("latest").Limit(int64(len(ids))).Scan(ctx, &rows)
	out := make(map[iri.IRI]ArchiveKnown, len(rows))
	for _, r := range rows {
		out[r.IRI] = r
	}
	return out, err
}

// AttachArchive puts a record that is in no community into one.
func AttachArchive(ctx context.Context, tx bun.Tx, id, community iri.IRI, at Time) error {
	if _, err := rawExec(ctx, tx, `UPDATE dispatches SET community = ?, distributed_at = ? WHERE iri = ? AND origin = 'archive' AND community = ''`, string(community), int64(at), string(id)); err != nil {
		return err
	}
	return RequeueSearch(ctx, tx, id)
}

// ArchivePlace is an archive record in a list: its row without the text, and its place.
type ArchivePlace struct {
	Dispatch `bun:",extend"`

	Volume                string
	Position              int64
	DatedFrom, DatedUntil Time
}

// ArchiveQuery narrows a list of archive records. Cond and Args are a condition of
// models/audience on d.
type ArchiveQuery struct {
	Cond      string
	Args      []any
	Office    iri.IRI
	Community iri.IRI
	Volume    string
	From      Time // that may have been written at From or later; 0 for any
	Until     Time // that may have been written before Until; 0 for any

	// After names the last record of the page before; the zero value is the first
	// page. A list of one volume goes by Position, any other by DatedFrom.
	After ArchiveCursor
	Limit int
}

// ArchiveCursor is a place in a list.
type ArchiveCursor struct {
	At       int64 // Position or DatedFrom
	Dispatch iri.IRI
}

// archiveColumns are those of dispatches without the text, and the place.
const archiveColumns = `d.id, d.iri, d.version, d.latest, d.origin, d.author, d.author_host, d.community, d.reference, d.kind, d.subject, d.precedence, d.precedence_rank,
	d.marking, d.marking_rank, d.language, d.context, d.activity, d.digest, d.state, d.published_at, d.distributed_at, d.excerpt, d.created_at, r.volume, r.position, r.dated_from, r.dated_until`

// A list walks archive_records in its order and looks each row up: SQLite takes the
// tables of a CROSS JOIN from left to right, and would else sort all dispatches.
const (
	archiveTables = "archive_records AS r CROSS JOIN dispatches AS d"
	archiveJoin   = "d.iri = r.dispatch AND d.latest AND d.origin = 'archive'"
)

// ArchivePlaces lists records, oldest first, or those of one volume in printed order.
func ArchivePlaces(ctx context.Context, db bun.IDB, q ArchiveQuery) ([]*ArchivePlace, error) {
	order := "r.dated_from"
	s := db.NewSelect().TableExpr(archiveTables).ColumnExpr(archiveColumns).Where(archiveJoin).Where(q.Cond, q.Args...)
	if q.Volume != "" {
		order = "r.position"
		s = s.Where("r.volume = ?", q.Volume)
	}
	if q.Office != "" {
		s = s.Where("r.office = ?", q.Office)
	}
	if q.Community != "" {
		s = s.Where("d.community = ?", q.Community)
	}
	if q.From != 0 {
		s = s.Where("r.dated_until > ?", q.From).Where("r.dated_until < ?", ArchiveUndated)
	}
	if q.Until != 0 {
		s = s.Where("r.dated_from < ?", q.Until)
	}
	if q.After.Dispatch != "" {
		s = s.Where("("+order+", r.dispatch) > (?, ?)", q.After.At, q.After.Dispatch)
	}
	var rows []*ArchivePlace
	err := s.OrderExpr(order+", r.dispatch").Limit(int64(q.Limit)).Scan(ctx, &rows)
	return rows, err
}

// ArchivePlacesOf returns those of the given records that a condition admits.
func ArchivePlacesOf(ctx context.Context, db bun.IDB, cond string, args []any, ids []iri.IRI) ([]*ArchivePlace, error) {
	var rows []*ArchivePlace
	if len(ids) == 0 {
		return nil, nil
	}
	err := db.NewSelect().TableExpr(archiveTables).ColumnExpr(archiveColumns).
		Where("r.dispatch IN (?)", bun.List(ids)).Where(archiveJoin).Where(cond, args...).
		OrderExpr("r.dated_from, r.volume, r.position, r.dispatch").Limit(int64(len(ids))).Scan(ctx, &rows)
	return rows, err
}

// ArchiveWhole is one archive record with its text, its place and its volume.
type ArchiveWhole struct {
	Dispatch
	Volume         string
	Position       int64
	Title, Licence string // of the volume
}

// ArchiveText returns a record if a condition of models/audience on d, with bound
// arguments, admits it; NotFound otherwise.
func ArchiveText(ctx context.Context, db bun.IDB, id iri.IRI, cond string, args []any) (*ArchiveWhole, error) {
	w := &ArchiveWhole{Dispatch: Dispatch{Latest: true, Origin: OriginArchive}}
	err := boundRow(ctx, db, `SELECT d.iri, d.reference, d.kind, d.subject, d.precedence, d.marking, d.marking_rank, d.language, d.community, d.document, d.published_at, d.created_at, r.volume, r.position, COALESCE(v.title, ''), COALESCE(v.licence, '')
		FROM dispatches AS d JOIN archive_records AS r ON r.dispatch = d.iri LEFT JOIN archive_volumes AS v ON v.volume = r.volume
		WHERE d.iri = ? AND d.latest AND d.origin = 'archive' AND (`+cond+`)`, append([]any{id}, args...),
		&w.IRI, &w.Reference, &w.Kind, &w.Subject, &w.Precedence, &w.Marking, &w.MarkingRank, &w.Language, &w.Community, &w.Document, &w.PublishedAt, &w.CreatedAt, &w.Volume, &w.Position, &w.Title, &w.Licence)
	return w, err
}

// ArchiveVolumeOf returns what a volume says of itself, or NotFound. That somebody may see
// anything of it is for the caller.
func ArchiveVolumeOf(ctx context.Context, db bun.IDB, volume string) (*ArchiveVolume, error) {
	v := new(ArchiveVolume)
	err := rawRow(ctx, db, `SELECT volume, title, licence, imported_at FROM archive_volumes WHERE volume = ?`, []any{volume}, &v.Volume, &v.Title, &v.Licence, &v.ImportedAt)
	return v, err
}

// ArchiveVolumeCount is a volume with what a reader may see of it.
type ArchiveVolumeCount struct {
	Volume  string
	Title   string
	Licence string
	Records int64
	// First and Last bound the dates of its dated records; both are 0 where none is.
	First, Last Time
}

// ArchiveVolumes lists the volumes in which a condition admits at least one record, by
// name, after a name.
func ArchiveVolumes(ctx context.Context, db bun.IDB, cond string, args []any, office iri.IRI, after string, limit int) ([]*ArchiveVolumeCount, error) {
	var rows []*ArchiveVolumeCount
	s := db.NewSelect().TableExpr(archiveTables).
		Join("LEFT JOIN archive_volumes AS v ON v.volume = r.volume").
		ColumnExpr("r.volume, COALESCE(MAX(v.title), '') AS title, COALESCE(MAX(v.licence), '') AS licence, COUNT(*) AS records").
		ColumnExpr("COALESCE(MIN(CASE WHEN r.dated_from < ? THEN r.dated_from END), 0) AS first", ArchiveUndated).
		ColumnExpr("COALESCE(MAX(CASE WHEN r.dated_from < ? THEN r.dated_from END), 0) AS last", ArchiveUndated).
		Where(archiveJoin).Where(cond, args...).Where("r.volume > ?", after)
	if office != "" {
		s = s.Where("r.office = ?", office)
	}
	err := s.GroupExpr("r.volume").OrderExpr("r.volume").Limit(int64(limit)).Scan(ctx, &rows)
	return rows, err
}

// ArchiveLink says that one record points at another.
type ArchiveLink struct {
	Source, Target iri.IRI
	Label          string // as printed
	// Guessed says that the target is the one record with the number that the source
	// quotes; else the editors have named it.
	Guessed bool
}

// citedWithin is how much older than its citation a message can be: numbers begin
// anew each year.
const citedWithin Time = 240 * 24 * 3600 * 1000

// ArchiveLinks returns what points from or to any of the given records, at most limit.
// A quoted number that several records bear points nowhere.
func ArchiveLinks(ctx context.Context, db bun.IDB, ids []iri.IRI, limit int) ([]ArchiveLink, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list := bun.List(ids)
	var rows []ArchiveLink
	err := db.NewRaw(`SELECT dispatch AS source, target, label, FALSE AS guessed FROM dispatch_references WHERE dispatch IN (?)
		UNION SELECT dispatch, target, label, FALSE FROM dispatch_references WHERE target IN (?)
		UNION SELECT c.dispatch, t.dispatch, c.label, TRUE FROM archive_citations AS c
			JOIN archive_records AS s ON s.dispatch = c.dispatch
			JOIN archive_records AS t ON t.message = c.message AND t.message <> '' AND t.dispatch <> c.dispatch AND t.dated_from <= s.dated_until AND t.dated_from > s.dated_from - ?
			WHERE c.dispatch IN (?)
		UNION SELECT c.dispatch, t.dispatch, c.label, TRUE FROM archive_records AS t
			JOIN archive_citations AS c ON c.message = t.message AND c.dispatch <> t.dispatch
			JOIN archive_records AS s ON s.dispatch = c.dispatch AND t.dated_from <= s.dated_until AND t.dated_from > s.dated_from - ?
			WHERE t.message <> '' AND t.dispatch IN (?)
				AND (SELECT COUNT(*) FROM archive_records AS o WHERE o.message = c.message AND o.dispatch <> c.dispatch AND o.dated_from <= s.dated_until AND o.dated_from > s.dated_from - ?) = 1
		ORDER BY 1, 2, 3 LIMIT ?`, list, list, citedWithin, list, citedWithin, list, citedWithin, limit).Scan(ctx, &rows)
	if err != nil {
		return nil, err
	}
	type quoted struct {
		source iri.IRI
		label  string
	}
	bearers := map[quoted]map[iri.IRI]bool{}
	for _, r := range rows {
		if q := (quoted{r.Source, r.Label}); r.Guessed {
			if bearers[q] == nil {
				bearers[q] = map[iri.IRI]bool{}
			}
			bearers[q][r.Target] = true
		}
	}
	kept := rows[:0]
	for _, r := range rows {
		if !r.Guessed || len(bearers[quoted{r.Source, r.Label}]) == 1 {
			kept = append(kept, r)
		}
	}
	return kept, nil
}
