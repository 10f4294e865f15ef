package models

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Sources of an entry of the search index.
const (
	SearchDispatch = "dispatch"
	SearchComment  = "comment"
)

// SearchEntry is one thing that can be found: the latest version of a dispatch, or a
// comment. Its id is its time (SearchFrom), so that the newest has the highest.
type SearchEntry struct {
	ID     int64
	Object iri.IRI
	Source string
	// Row is the row of the dispatch version that was indexed, 0 for a comment.
	Row     int64
	Version int64
	// Lexicon is the revision of the normaliser that made the words.
	Lexicon    int64
	Office     iri.IRI // the author
	Peer       iri.Host
	Kind       string
	Marking    string
	Precedence string
	Language   string
	Year       int64 // 0 for what has no date
	Archive    bool
	Tags       []string
	// Best are the words of the subject and those that the text says often, each behind
	// its mark and between blanks: by these hits are ranked.
	Best string
}

// SearchText is what an entry is found by. Words are in the order of the text; Marks are
// words without a place: other forms, fields, the audience. All hold letters, digits and
// "_" alone. Body is the text itself, for extracts.
type SearchText struct {
	Words []string
	Marks []string
	Body  string
	// Readers are the marks, among Marks too, of whoever the audience may let have it.
	Readers []string
}

// yearOne is the first second of the year 1, before the Unix epoch.
const yearOne = 62135596800

// SearchFrom is the lowest id of what is from the moment at or later. What has no time
// stands before everything.
func SearchFrom(at Time) int64 {
	if at == 0 {
		return 0
	}
	seconds := int64(at) / 1000
	if int64(at)%1000 < 0 {
		seconds--
	}
	return max(seconds+yearOne, 1) << searchBits
}

// searchBits tell apart what has the same second.
const searchBits = 16

// SearchJob is an object that waits to be indexed. Fresh says that it came, or changed,
// just now, so that saved searches may match it. Turn changes whenever it is asked for
// again.
type SearchJob struct {
	ID     int64
	Object iri.IRI
	Source string
	Fresh  bool
	Turn   int64
}

// queueSearch asks in the caller's transaction that an object be indexed.
func queueSearch(ctx context.Context, db bun.IDB, source string, object iri.IRI) error {
	_, err := rawExec(ctx, db, `INSERT INTO search_queue (object, source, fresh) VALUES (?, ?, TRUE)
		ON CONFLICT (object) DO UPDATE SET turn = search_queue.turn + 1, fresh = TRUE`, string(object), source)
	if err != nil {
		return fmt.Errorf("ask that %s be indexed: %w", object, err)
	}
	return nil
}

// RequeueSearch asks that a dispatch be indexed again, since its tags, addressees or
// community changed. One that is not indexed yet stays as it waits.
func RequeueSearch(ctx context.Context, db bun.IDB, dispatch iri.IRI) error {
	_, err := rawExec(ctx, db, `INSERT INTO search_queue (object, source, fresh) SELECT d.iri, 'dispatch', FALSE FROM dispatches AS d WHERE d.iri = ? AND d.latest AND d.document IS NOT NULL
		ON CONFLICT (object) DO UPDATE SET turn = search_queue.turn + 1`, string(dispatch))
	if err != nil {
		return fmt.Errorf("ask that %s be indexed again: %w", dispatch, err)
	}
	return nil
}

// RequeueAll asks that the objects of one source be indexed anew, in batches: those
// after an id of the source, at most limit. It returns the last id, "" at the end.
func RequeueAll(ctx context.Context, tx bun.Tx, source string, after iri.IRI, limit int) (iri.IRI, error) {
	query := `SELECT d.iri FROM dispatches AS d WHERE d.iri > ? AND d.latest AND d.document IS NOT NULL ORDER BY d.iri LIMIT ?`
	if source == SearchComment {
		query = `SELECT d.iri FROM comments AS d WHERE d.iri > ? AND d.state = 'shown' ORDER BY d.iri LIMIT ?`
	}
	ids, err := BoundIRIs(ctx, tx, query, after, limit)
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return ids[len(ids)-1], requeue(ctx, tx, source, ids)
}

// RequeueStale is RequeueAll for entries that another revision of the normaliser made.
func RequeueStale(ctx context.Context, tx bun.Tx, source string, lexicon int64, after iri.IRI, limit int) (iri.IRI, error) {
	ids, err := BoundIRIs(ctx, tx, `SELECT e.object FROM search_entries AS e WHERE e.object > ? AND e.source = ? AND e.lexicon <> ? ORDER BY e.object LIMIT ?`, after, source, lexicon, limit)
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return ids[len(ids)-1], requeue(ctx, tx, source, ids)
}

func requeue(ctx context.Context, tx bun.Tx, source string, ids []iri.IRI) error {
	for most := 0; len(ids) > 0; ids = ids[most:] {
		most = together(tx, len(ids), 100)
		args := make([]any, 0, most*3)
		for _, id := range ids[:most] {
			args = append(args, string(id), source, false)
		}
		if _, err := rawExec(ctx, tx, `INSERT INTO search_queue (object, source, fresh) VALUES `+places(most, 3)+` ON CONFLICT (object) DO UPDATE SET turn = search_queue.turn + 1`, args...); err != nil {
			return err
		}
	}
	return nil
}

// SearchJobs returns what waits, oldest first.
func SearchJobs(ctx context.Context, db bun.IDB, limit int) ([]SearchJob, error) {
	rows, err := raw(ctx, db, `SELECT id, object, source, fresh, turn FROM search_queue ORDER BY id LIMIT ?`, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []SearchJob
	for rows.Next() {
		var j SearchJob
		if err := rows.Scan(&j.ID, &j.Object, &j.Source, &j.Fresh, &j.Turn); err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, rows.Err()
}

// TakeSearchJob ends a job in the transaction that indexes its object. It tells whether
// the job still was as it was read: else the object changed or was erased meanwhile, and
// what was read of it must not be indexed.
func TakeSearchJob(ctx context.Context, tx bun.Tx, j SearchJob) (bool, error) {
	n, err := rawExec(ctx, tx, `DELETE FROM search_queue WHERE id = ? AND turn = ?`, j.ID, j.Turn)
	return n == 1, err
}

// DropSearch takes an object out of the index and out of what waits for it: no query
// finds a word of it after the caller's transaction. The queue comes first, since on
// PostgreSQL an indexer that holds the job has written nothing that is seen here yet.
func DropSearch(ctx context.Context, tx bun.IDB, object iri.IRI) error {
	if _, err := rawExec(ctx, tx, `DELETE FROM search_queue WHERE object = ?`, string(object)); err != nil {
		return fmt.Errorf("take %s off the queue of the index: %w", object, err)
	}
	return dropEntry(ctx, tx, object)
}

func dropEntry(ctx context.Context, tx bun.IDB, object iri.IRI) error {
	// Most have no entry: on SQLite each deletion flushes the words that the transaction
	// has gathered.
	var id int64
	err := rawRow(ctx, tx, `SELECT id FROM search_entries WHERE object = ?`, []any{string(object)}, &id)
	if NotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for %s in the index: %w", object, err)
	}
	if _, err := rawExec(ctx, tx, `DELETE FROM search_text WHERE rowid = ?`, id); err != nil {
		return fmt.Errorf("take the words of %s out of the index: %w", object, err)
	}
	if _, err := rawExec(ctx, tx, `DELETE FROM search_entries WHERE id = ?`, id); err != nil {
		return fmt.Errorf("take %s out of the index: %w", object, err)
	}
	return nil
}

// mergePages is how much one turn of MergeSearch writes, in pages: some 20 ms.
const mergePages = 100

// MergeSearch joins parts of SQLite's index, so that a word is looked up in few places.
// It tells whether there is more to join. PostgreSQL's has no parts.
func MergeSearch(ctx context.Context, tx bun.Tx) (bool, error) {
	if isPG(tx) {
		return false, nil
	}
	more, err := mergeSearch(ctx, tx, mergePages)
	if err != nil || more {
		return more, err
	}
	scattered, err := searchScattered(ctx, tx)
	if err != nil || !scattered {
		return false, err
	}
	// A negative number puts all parts beside each other, to become one.
	return mergeSearch(ctx, tx, -mergePages)
}

func mergeSearch(ctx context.Context, tx bun.Tx, pages int) (bool, error) {
	var before, after int64
	if err := rawRow(ctx, tx, `SELECT total_changes()`, nil, &before); err != nil {
		return false, err
	}
	if _, err := rawExec(ctx, tx, `INSERT INTO search_text (search_text, rank) VALUES ('merge', ?)`, pages); err != nil {
		return false, fmt.Errorf("join parts of the index: %w", err)
	}
	err := rawRow(ctx, tx, `SELECT total_changes()`, nil, &after)
	return after-before >= 2, err
}

// searchScattered tells whether the parts beside the largest have together a quarter of its
// pages. Then all are worth being made one: every word of a question is sought in each
// part, and a page is rewritten but a few times while the index grows.
func searchScattered(ctx context.Context, tx bun.Tx) (bool, error) {
	rows, err := raw(ctx, tx, `SELECT COUNT(*) FROM search_text_idx GROUP BY segid`)
	if err != nil {
		return false, fmt.Errorf("look at the parts of the index: %w", err)
	}
	defer rows.Close()
	var all, largest int64
	for rows.Next() {
		var pages int64
		if err := rows.Scan(&pages); err != nil {
			return false, err
		}
		all, largest = all+pages, max(largest, pages)
	}
	return (all-largest)*4 >= largest && all > largest, rows.Err()
}

// SaveSearchEntry puts an entry and its words in the place of what is there of the same
// object, and gives it an id of the moment at.
func SaveSearchEntry(ctx context.Context, tx bun.Tx, e *SearchEntry, t SearchText, at Time) error {
	if err := dropEntry(ctx, tx, e.Object); err != nil {
		return err
	}
	for e.ID = SearchFrom(at); ; {
		var last int64
		if err := rawRow(ctx, tx, `SELECT COALESCE(MAX(id), -1) FROM search_entries WHERE id >= ? AND id < ?`, []any{e.ID, (e.ID>>searchBits + 1) << searchBits}, &last); err != nil {
			return err
		}
		e.ID = max(e.ID, last+1)
		if last < 0 || e.ID>>searchBits == last>>searchBits {
			break
		}
	}
	_, err := rawExec(ctx, tx, `INSERT INTO search_entries (id, object, source, dispatch_row, version, lexicon, office, peer, kind, marking, precedence, language, year, archive, tags, best) VALUES `+places(1, 16),
		e.ID, string(e.Object), e.Source, e.Row, e.Version, e.Lexicon, string(e.Office), string(e.Peer), storable(e.Kind), storable(e.Marking), storable(e.Precedence), storable(e.Language), e.Year, e.Archive,
		storable(strings.Join(e.Tags, "\n")), e.Best)
	if err != nil {
		return fmt.Errorf("index %s: %w", e.Object, err)
	}
	body := storable(t.Body)
	if isPG(tx) {
		_, err = rawExec(ctx, tx, `INSERT INTO search_text (rowid, readers, words, body) VALUES (?, CAST(? AS TSVECTOR), CAST(? AS TSVECTOR), ?)`, e.ID, SearchText{Marks: t.Readers}.vector(), t.vector(), body)
	} else {
		_, err = rawExec(ctx, tx, `INSERT INTO search_text (rowid, words, marks, body) VALUES (?, ?, ?, ?)`, e.ID, strings.Join(t.Words, " "), strings.Join(t.Marks, " "), body)
	}
	if err != nil {
		return fmt.Errorf("index the words of %s: %w", e.Object, err)
	}
	return nil
}
