package search

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"valise/federation/policy"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

// Limits of an answer.
const (
	// CountMost is how far hits are counted, ranked and put into facets: beyond it there
	// are simply more. A word that most documents hold would keep everybody waiting.
	CountMost = 100
	pageMost  = 50 // below CountMost
	// namedMost is for how many actors the index is asked ahead of the audience.
	namedMost = 100
)

// Page is one page of an answer. Everything in it is about what the reader may have.
type Page struct {
	Hits []Hit
	// Count is how many there are, or with More, the newest CountMost of them. Facets are
	// about these.
	Count  int
	More   bool
	Facets []Facet
	// Next goes on; "" at the end. Of a ranked answer with More, only the newest CountMost
	// are ranked, and the end comes after them.
	Next string
}

// Hit is one thing that was found.
type Hit struct {
	Source string // models.SearchDispatch or models.SearchComment
	// ID is the dispatch or the comment; Dispatch is what a comment is on, "" where the
	// reader may not have that.
	ID, Dispatch  iri.IRI
	Version       int64
	Archive       bool
	Reference     string
	Subject       string
	SubjectMarks  []Range // where the subject fits
	Author        iri.IRI
	AuthorName    string
	Community     iri.IRI
	CommunityName string
	Kind          string
	Precedence    string
	Marking       string // of an archive record, the historical one
	Language      string
	State         string
	Tags          []string
	// PrecedenceRank and MarkingRank are those of this instance; 0 for none.
	PrecedenceRank, MarkingRank int64
	// At is when it was distributed; of an archive record, when it was written, 0 for
	// unknown.
	At       models.Time
	Extracts []Extract
}

// scope is what a reader may search.
type scope struct {
	models.SearchScope
	reader audience.Reader
}

// scope reads who asks: two statements.
func (s *Search) scope(ctx context.Context, person iri.IRI) (*scope, error) {
	r, err := s.reader(ctx, s.Store.R, person)
	if err != nil {
		return nil, fmt.Errorf("find out for whom %s reads: %w", person, err)
	}
	sc := &scope{reader: r}
	now := s.now()
	sc.Dispatches.SQL, sc.Dispatches.Args = audience.Bound(r, audience.Dispatches, now)
	sc.Comments.SQL, sc.Comments.Args = audience.Bound(r, audience.Comments, now)
	return sc, nil
}

// ahead is a condition on the index that everything fits which the audience grants: it
// spares asking the audience about each document that holds a common word. nil where the
// reader stands for too many.
func (s *Search) ahead(ctx context.Context, sc *scope) (models.SearchExpr, error) {
	ids := append([]iri.IRI{sc.reader.Actor}, sc.reader.Offices...)
	if len(ids) > namedMost {
		return nil, nil
	}
	communities, err := models.SearchCommunities(ctx, s.Store.R, ids, namedMost+1)
	if err != nil {
		return nil, fmt.Errorf("find the communities of %s: %w", sc.reader.Actor, err)
	}
	if ids = append(ids, communities...); len(ids) > namedMost {
		return nil, nil
	}
	readable := models.SearchAny{models.SearchTerm{Token: inPart + partArchive}}
	for _, id := range ids {
		readable = append(readable, models.SearchTerm{Token: idMark(forActor, id)})
	}
	return readable, nil
}

// Find answers a question for a person: one page, from the cursor of the page before or
// "". It takes at most eight statements.
func (s *Search) Find(ctx context.Context, person iri.IRI, q Query, from string, limit int) (*Page, error) {
	limit = min(max(limit, 1), pageMost)
	q.Ranked = q.Ranked && q.better() != nil
	at, err := readCursor(q, from)
	if err != nil {
		return nil, err
	}
	done, err := s.Store.Turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	sc, err := s.scope(ctx, person)
	if err != nil {
		return nil, err
	}
	if sc.Ahead, err = s.ahead(ctx, sc); err != nil {
		return nil, err
	}
	sc.Expr = q.expr()
	sc.From, sc.To = q.span()
	if q.Ranked && at.top != 0 {
		sc.To = min(sc.To, at.top)
	}
	found, err := models.SearchCandidates(ctx, s.Store.R, sc.SearchScope, q.Ranked, CountMost+1)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	p := &Page{Count: len(found)}
	if p.More = len(found) > CountMost; p.More {
		found, p.Count = found[:CountMost], CountMost
	}
	p.Facets = facets(found)
	places := q.places(found)
	rest := places[after(places, at):]
	if !q.Ranked && p.More && len(rest) <= limit { // then at is set: a page is shorter than what is counted
		sc.To = min(sc.To, at.id)
		if rest, err = s.older(ctx, sc, limit+1); err != nil {
			return nil, err
		}
	}
	if len(rest) > limit {
		rest = rest[:limit]
		last := rest[limit-1]
		if q.Ranked && at.top == 0 {
			at.top = found[0].ID + 1
		}
		p.Next = cursor{last.tier, last.id, at.top}.write(q)
	}
	if p.Hits, err = s.hits(ctx, sc, q, rest); err != nil {
		return nil, err
	}
	return p, s.name(ctx, p)
}

// place is where a hit stands in an answer: the best tier first, then the newest.
type place struct {
	tier int
	id   int64
}

func (p place) before(o place) bool { return p.tier > o.tier || p.tier == o.tier && p.id > o.id }

// places orders what was found.
func (q Query) places(found []*models.SearchEntry) []place {
	out := make([]place, len(found))
	for i, e := range found {
		out[i].id = e.ID
	}
	if !q.Ranked {
		return out
	}
	better := q.better()
	for i, e := range found {
		out[i].tier = better.tier(e.Best)
	}
	slices.SortFunc(out, func(a, b place) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	return out
}

// older goes on in the order of time beyond what was counted.
func (s *Search) older(ctx context.Context, sc *scope, limit int) ([]place, error) {
	found, err := models.SearchCandidates(ctx, s.Store.R, sc.SearchScope, false, limit)
	if err != nil {
		return nil, fmt.Errorf("search further: %w", err)
	}
	out := make([]place, len(found))
	for i, e := range found {
		out[i].id = e.ID
	}
	return out, nil
}

// after is the first place behind a cursor.
func after(places []place, at cursor) int {
	if at.id == 0 {
		return 0
	}
	last := place{at.tier, at.id}
	i := slices.IndexFunc(places, func(p place) bool { return last.before(p) })
	if i < 0 {
		return len(places)
	}
	return i
}

// cursor is the place of the last hit of a page, and of a ranked answer the first id
// that came after it was asked for.
type cursor struct {
	tier int
	id   int64
	top  int64
}

func (c cursor) write(q Query) string {
	if !q.Ranked {
		return "d" + strconv.FormatInt(c.id, 36)
	}
	return fmt.Sprintf("r%d.%s.%s", c.tier, strconv.FormatInt(c.id, 36), strconv.FormatInt(c.top, 36))
}

func readCursor(q Query, text string) (c cursor, err error) {
	if text == "" {
		return c, nil
	}
	bad := &policy.Refusal{Code: "invalid", Status: 422, Detail: "the mark of the next page cannot be read; ask the question again"}
	number := func(s string) int64 {
		n, e := strconv.ParseInt(s, 36, 64)
		if e != nil || n < 0 {
			err = errors.Join(err, bad)
		}
		return n
	}
	rest, ranked := strings.CutPrefix(text, "r")
	parts := strings.Split(rest, ".")
	switch {
	case ranked && q.Ranked && len(parts) == 3:
		c.tier, c.id, c.top = int(number(parts[0])), number(parts[1]), number(parts[2])
	case !ranked && !q.Ranked && text[0] == 'd':
		c.id = number(text[1:])
	default:
		err = bad
	}
	if err != nil || c.tier >= tiers {
		return cursor{}, bad
	}
	return c, nil
}

// hits reads what a list shows of some places, in their order. What the reader may not
// have any more since a moment ago is left out.
func (s *Search) hits(ctx context.Context, sc *scope, q Query, places []place) ([]Hit, error) {
	ids := make([]int64, len(places))
	for i, p := range places {
		ids[i] = p.id
	}
	found, err := models.SearchHits(ctx, s.Store.R, sc.SearchScope, ids)
	if err != nil {
		return nil, fmt.Errorf("read what was found: %w", err)
	}
	left := slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return found[id] != nil })
	comments, err := models.SearchCommentHits(ctx, s.Store.R, sc.SearchScope, left)
	if err != nil {
		return nil, fmt.Errorf("read the comments that were found: %w", err)
	}
	m := q.marker()
	out := make([]Hit, 0, len(ids))
	for _, id := range ids {
		if h := found[id]; h != nil {
			out = append(out, dispatchHit(h, m))
		} else if h := comments[id]; h != nil {
			out = append(out, s.commentHit(h, m))
		}
	}
	return out, nil
}

func dispatchHit(h *models.SearchHit, m *marker) Hit {
	d := &h.Dispatch
	hit := Hit{Source: h.Source, ID: d.IRI, Dispatch: d.IRI, Version: d.Version, Archive: h.Archive, Reference: d.Reference, Subject: d.Subject, SubjectMarks: m.marks(d.Subject), Author: d.Author,
		Community: d.Community, CommunityName: h.Community, Kind: d.Kind, Precedence: d.Precedence, Marking: d.Marking, Language: d.Language, State: d.State, Tags: h.Tags, At: d.DistributedAt,
		PrecedenceRank: d.PrecedenceRank, MarkingRank: d.MarkingRank}
	if h.Archive {
		hit.At = d.PublishedAt
	}
	hit.Extracts = m.extracts(h.Body)
	return hit
}

func (s *Search) commentHit(h *models.SearchHit, m *marker) Hit {
	c := &h.Comment
	author := c.Author
	if c.AttestedFor != "" {
		author = c.AttestedFor
	}
	return Hit{Source: h.Source, ID: c.IRI, Dispatch: c.Dispatch, Reference: h.Dispatch.Reference, Subject: h.Dispatch.Subject, Author: author, Community: c.Community, CommunityName: h.Community,
		Kind: models.SearchComment, Marking: s.Guard.Name(c.MarkingRank), MarkingRank: c.MarkingRank, State: models.DispatchInForce, At: c.DistributedAt, Extracts: m.extracts(h.Body)}
}

// name adds the names of authors to hits and facets: one statement.
func (s *Search) name(ctx context.Context, p *Page) error {
	var ids []iri.IRI
	for _, h := range p.Hits {
		ids = append(ids, h.Author)
	}
	for _, f := range p.Facets {
		if f.Name == FacetOffice {
			for _, v := range f.Values {
				ids = append(ids, iri.IRI(v.Value))
			}
		}
	}
	slices.Sort(ids)
	names, err := models.NamesOf(ctx, s.Store.R, slices.Compact(ids))
	if err != nil {
		return fmt.Errorf("read the names of authors: %w", err)
	}
	for i := range p.Hits {
		p.Hits[i].AuthorName = names[p.Hits[i].Author]
	}
	for _, f := range p.Facets {
		for i := range f.Values {
			if f.Name == FacetOffice {
				f.Values[i].Label = names[iri.IRI(f.Values[i].Value)]
			}
		}
	}
	return nil
}
