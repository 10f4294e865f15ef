package models

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Condition is a part of a WHERE clause with its arguments.
type Condition struct {
	SQL  string
	Args []any
}

// SearchScope is what is searched: entries whose words fit Expr and whose readers fit
// Ahead, with ids from From to before To, and which the conditions of models/audience, on
// rows d of dispatches and of comments, admit. nil fits every entry. Ahead decides
// nothing: it spares asking the audience about what it would refuse.
type SearchScope struct {
	Expr, Ahead          SearchExpr
	From, To             int64
	Dispatches, Comments Condition
}

// seen is the condition that the reader may have the entry e, asked of the tables
// themselves and of the latest version alone.
func (s *SearchScope) seen() (string, []any) {
	return `CASE WHEN e.source = 'dispatch' THEN EXISTS (SELECT 1 FROM dispatches AS d WHERE d.id = e.dispatch_row AND d.latest AND d.document IS NOT NULL AND (` + s.Dispatches.SQL + `))
		ELSE EXISTS (SELECT 1 FROM comments AS d WHERE d.iri = e.object AND d.state = 'shown' AND (` + s.Comments.SQL + `)) END`,
		append(append([]any{}, s.Dispatches.Args...), s.Comments.Args...)
}

// from is the FROM clause, what stands in WHERE before seen, and the id that the plan
// walks along.
func (s *SearchScope) from(db bun.IDB) (from, id string, args []any) {
	var more []any
	between := func(id string) (cond string) {
		if s.From > 0 {
			cond, more = cond+` AND `+id+` >= ?`, append(more, s.From)
		}
		if s.To < math.MaxInt64 {
			cond, more = cond+` AND `+id+` < ?`, append(more, s.To)
		}
		return cond
	}
	switch {
	case s.Expr == nil && s.Ahead == nil:
		from, id = `search_entries AS e WHERE 1 = 1`, "e.id"
		from += between(id)
	case isPG(db):
		// The index alone finds words. OFFSET keeps this apart: what was found is sorted
		// before the audience is asked about each, and only until there are enough.
		found, then := `SELECT t.rowid AS id FROM search_text AS t WHERE 1 = 1`, ""
		if s.Ahead != nil {
			found, args = found+` AND t.readers @@ CAST(? AS TSQUERY)`, append(args, tsquery(s.Ahead))
		}
		if s.Expr != nil {
			words, phrased := loose(s.Expr)
			found, args = found+` AND t.words @@ CAST(? AS TSQUERY)`, append(args, tsquery(words))
			if phrased {
				then = ` AND (SELECT p.words @@ CAST(? AS TSQUERY) FROM search_text AS p WHERE p.rowid = t.id)`
			}
		}
		found += between("t.rowid")
		if then != "" {
			more = append(more, tsquery(s.Expr))
		}
		from, id = `(`+found+` ORDER BY t.rowid DESC OFFSET 0) AS t JOIN search_entries AS e ON e.id = t.id WHERE 1 = 1`+then, "t.id"
	default:
		// The index itself walks from the newest: nothing is sorted.
		from, id = `search_text AS t CROSS JOIN search_entries AS e ON e.id = t.rowid WHERE t.search_text MATCH ?`, "t.rowid"
		args = append(args, ftsQuery(s.Expr, s.Ahead))
		from += between(id)
	}
	return from, id, append(args, more...)
}

// newest is the order by the id that the plan walks along, and at most limit. The limit is
// written out: SQLite reads a statement anew each time that has a bound one over a virtual
// table.
func newest(id string, limit int) string {
	return ` ORDER BY ` + id + ` DESC LIMIT ` + strconv.Itoa(limit)
}

// candidate are the columns of a candidate.
var candidate = []string{"e.id", "e.office", "e.kind", "e.marking", "e.precedence", "e.language", "e.year", "e.archive", "e.tags", "e.best"}

// SearchCandidates returns the newest entries of a scope: their ids, what facets are made
// of, and with ranked what they are ranked by.
func SearchCandidates(ctx context.Context, db bun.IDB, s SearchScope, ranked bool, limit int) ([]*SearchEntry, error) {
	from, id, args := s.from(db)
	seen, more := s.seen()
	columns := slices.Clone(candidate)
	if !ranked {
		columns[len(columns)-1] = `''`
	}
	args = append(args, more...)
	found := ` FROM ` + from + ` AND ` + seen + newest(id, limit)
	if !isPG(db) {
		return packedCandidates(ctx, db, columns, found, args)
	}
	query, plain, err := written(`SELECT `+strings.Join(columns, ", ")+found, args)
	if err != nil {
		return nil, err
	}
	// How rare the words are decides where PostgreSQL begins.
	rows, err := raw(ctx, db, query, append([]any{anew}, plain...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []*SearchEntry
	for rows.Next() {
		e := new(SearchEntry)
		var tags string
		if err := rows.Scan(&e.ID, &e.Office, &e.Kind, &e.Marking, &e.Precedence, &e.Language, &e.Year, &e.Archive, &tags, &e.Best); err != nil {
			return nil, err
		}
		out = append(out, e.with(tags))
	}
	return out, rows.Err()
}

// packedCandidates reads candidates from SQLite as one text: a thousand values that are
// fetched one by one take longer than finding them. NUL parts them; no text that is
// stored holds it.
func packedCandidates(ctx context.Context, db bun.IDB, columns []string, found string, args []any) ([]*SearchEntry, error) {
	var packed string
	if err := boundRow(ctx, db, `SELECT COALESCE(group_concat(c.one, char(0)), '') FROM (SELECT concat_ws(char(0), `+strings.Join(columns, ", ")+`) AS one`+found+`) AS c`, args, &packed); err != nil {
		return nil, err
	}
	if packed == "" {
		return nil, nil
	}
	values := strings.Split(packed, "\x00")
	if len(values)%len(columns) != 0 {
		return nil, fmt.Errorf("the entries of the search index cannot be told apart: %d values in rows of %d", len(values), len(columns))
	}
	entries := make([]SearchEntry, len(values)/len(columns))
	out := make([]*SearchEntry, len(entries))
	for i := range entries {
		v, e := values[i*len(columns):], &entries[i]
		var errs [2]error
		e.ID, errs[0] = strconv.ParseInt(v[0], 10, 64)
		e.Year, errs[1] = strconv.ParseInt(v[6], 10, 64)
		if err := errors.Join(errs[:]...); err != nil {
			return nil, err
		}
		e.Office, e.Kind, e.Marking, e.Precedence, e.Language, e.Archive, e.Best = iri.IRI(v[1]), v[2], v[3], v[4], v[5], v[7] == "1", v[9]
		out[i] = e.with(v[8])
	}
	return out, nil
}

// with adds what is made of other columns.
func (e *SearchEntry) with(tags string) *SearchEntry {
	e.Peer = e.Office.Host()
	if tags != "" {
		e.Tags = strings.Split(tags, "\n")
	}
	return e
}

// bodyMost is how much of a text is read for an extract, in characters.
const bodyMost = 1 << 16

// SearchHit is one entry with what a list shows of it.
type SearchHit struct {
	SearchEntry
	Dispatch  Dispatch // of a dispatch; without its document
	Comment   Comment  // of a comment; without its document
	Body      string   // the text, or the beginning of a long one
	Community string   // the name of its community
}

// searchBody joins the text t of an entry e. On SQLite it is the table in which the index
// keeps it, since opening the index itself for each row costs several times as much.
func searchBody(db bun.IDB) string {
	if isPG(db) {
		return `search_text AS t ON t.rowid = e.id`
	}
	return `(SELECT id, c0 AS body FROM search_text_content) AS t ON t.id = e.id`
}

// SearchHits reads those of the given entries that the reader may still have.
func SearchHits(ctx context.Context, db bun.IDB, s SearchScope, ids []int64) (map[int64]*SearchHit, error) {
	out := make(map[int64]*SearchHit, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	list := strings.TrimSuffix(strings.Repeat("?,", len(ids)), ",")
	args := append([]any{}, s.Dispatches.Args...)
	for _, id := range ids {
		args = append(args, id)
	}
	rows, err := bound(ctx, db, `SELECT e.id, e.object, e.source, e.archive, e.year, e.tags, d.version, d.origin, d.author, d.author_host, d.community, COALESCE(c.name, ''), d.reference, d.kind, d.subject, d.precedence,
		d.precedence_rank, d.marking, d.marking_rank, d.language, d.state, d.published_at, d.distributed_at, substr(t.body, 1, `+fmt.Sprint(bodyMost)+`)
		FROM search_entries AS e JOIN dispatches AS d ON d.id = e.dispatch_row AND d.latest AND d.document IS NOT NULL AND (`+s.Dispatches.SQL+`)
		JOIN `+searchBody(db)+` LEFT JOIN communities AS c ON c.iri = d.community WHERE e.source = 'dispatch' AND e.id IN (`+list+`)`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		h := new(SearchHit)
		d, tags := &h.Dispatch, ""
		if err := rows.Scan(&h.ID, &h.Object, &h.Source, &h.Archive, &h.Year, &tags, &d.Version, &d.Origin, &d.Author, &d.AuthorHost, &d.Community, &h.Community, &d.Reference, &d.Kind, &d.Subject, &d.Precedence,
			&d.PrecedenceRank, &d.Marking, &d.MarkingRank, &d.Language, &d.State, &d.PublishedAt, &d.DistributedAt, &h.Body); err != nil {
			return nil, err
		}
		d.IRI, d.Latest = h.Object, true
		if tags != "" {
			h.Tags = strings.Split(tags, "\n")
		}
		out[h.ID] = h
	}
	return out, rows.Err()
}

// SearchCommentHits is SearchHits for comments. The dispatch that a comment is on is
// named only where the reader may have it too.
func SearchCommentHits(ctx context.Context, db bun.IDB, s SearchScope, ids []int64) (map[int64]*SearchHit, error) {
	out := make(map[int64]*SearchHit, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	list := strings.TrimSuffix(strings.Repeat("?,", len(ids)), ",")
	args := append(append([]any{}, s.Dispatches.Args...), s.Comments.Args...)
	for _, id := range ids {
		args = append(args, id)
	}
	rows, err := bound(ctx, db, `SELECT e.id, e.object, e.year, d.author, d.attested_for, d.community, COALESCE(c.name, ''), d.marking_rank, d.published_at, d.distributed_at, t.body,
		COALESCE(p.iri, ''), COALESCE(p.subject, ''), COALESCE(p.reference, '')
		FROM search_entries AS e JOIN comments AS d ON d.iri = e.object AND d.state = 'shown'
		LEFT JOIN dispatches AS p ON p.iri = d.dispatch AND p.latest AND EXISTS (SELECT 1 FROM dispatches AS d WHERE d.id = p.id AND (`+s.Dispatches.SQL+`))
		JOIN `+searchBody(db)+` LEFT JOIN communities AS c ON c.iri = d.community WHERE e.source = 'comment' AND (`+s.Comments.SQL+`) AND e.id IN (`+list+`)`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		h := &SearchHit{SearchEntry: SearchEntry{Source: SearchComment}}
		c := &h.Comment
		if err := rows.Scan(&h.ID, &h.Object, &h.Year, &c.Author, &c.AttestedFor, &c.Community, &h.Community, &c.MarkingRank, &c.PublishedAt, &c.DistributedAt, &h.Body,
			&h.Dispatch.IRI, &h.Dispatch.Subject, &h.Dispatch.Reference); err != nil {
			return nil, err
		}
		c.IRI, c.Dispatch = h.Object, h.Dispatch.IRI
		out[h.ID] = h
	}
	return out, rows.Err()
}

// NamesOf returns what actors are called, those of other instances by their directory where
// their document had no name; who has none is not in the answer.
func NamesOf(ctx context.Context, db bun.IDB, ids []iri.IRI) (map[iri.IRI]string, error) {
	out := map[iri.IRI]string{}
	if len(ids) == 0 {
		return out, nil
	}
	rows, err := bound(ctx, db, `SELECT a.iri, a.name FROM actors AS a WHERE a.name <> '' AND a.iri IN (?)
		UNION ALL SELECT o.iri, COALESCE(NULLIF(a.name, ''), o.name) FROM peer_offices AS o LEFT JOIN actors AS a ON a.iri = o.iri WHERE o.name <> '' AND o.iri IN (?)`, ids, ids)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id iri.IRI
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return nil, err
		}
		out[id] = name
	}
	return out, rows.Err()
}

// SearchCommunities are those that any of the given actors is or was a member of, at
// most limit.
func SearchCommunities(ctx context.Context, db bun.IDB, actors []iri.IRI, limit int) ([]iri.IRI, error) {
	return BoundIRIs(ctx, db, `SELECT DISTINCT m.community FROM members AS m WHERE m.actor IN (?) LIMIT ?`, actors, limit)
}
