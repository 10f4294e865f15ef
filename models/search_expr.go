package models

import (
	"slices"
	"strconv"
	"strings"
)

// SearchExpr is a condition on the words of an entry. The tokens in it hold letters,
// digits and "_" alone.
type SearchExpr interface {
	// fts writes the condition for SQLite's FTS5, pg as a tsquery.
	fts(b *strings.Builder)
	pg(b *strings.Builder)
	// Match tells whether the words of one entry fit.
	Match(d *SearchDoc) bool
}

// SearchTerm is one word or mark, or with Prefix all that begin so.
type SearchTerm struct {
	Token  string
	Prefix bool
}

// SearchPhrase is words that follow each other.
type SearchPhrase []string

// SearchAll fits where each fits, SearchAny where one does. Neither is empty.
type (
	SearchAll []SearchExpr
	SearchAny []SearchExpr
)

// SearchBut fits where Yes does and No does not.
type SearchBut struct{ Yes, No SearchExpr }

func (t SearchTerm) fts(b *strings.Builder) {
	b.WriteByte('"')
	b.WriteString(t.Token)
	b.WriteByte('"')
	if t.Prefix {
		b.WriteByte('*')
	}
}

func (t SearchTerm) pg(b *strings.Builder) {
	b.WriteByte('\'')
	b.WriteString(t.Token)
	b.WriteByte('\'')
	if t.Prefix {
		b.WriteString(":*")
	}
}

// fts looks into the text alone: marks that stand beside each other are no phrase.
func (p SearchPhrase) fts(b *strings.Builder) {
	b.WriteString(`words:"`)
	b.WriteString(strings.Join(p, " "))
	b.WriteByte('"')
}

func (p SearchPhrase) pg(b *strings.Builder) {
	b.WriteString("('")
	b.WriteString(strings.Join(p, "'<->'"))
	b.WriteString("')")
}

func joined(b *strings.Builder, all []SearchExpr, word string, write func(SearchExpr, *strings.Builder)) {
	b.WriteByte('(')
	for i, e := range all {
		if i > 0 {
			b.WriteString(word)
		}
		write(e, b)
	}
	b.WriteByte(')')
}

func (a SearchAll) fts(b *strings.Builder) { joined(b, a, " AND ", SearchExpr.fts) }
func (a SearchAll) pg(b *strings.Builder)  { joined(b, a, "&", SearchExpr.pg) }
func (a SearchAny) fts(b *strings.Builder) { joined(b, a, " OR ", SearchExpr.fts) }
func (a SearchAny) pg(b *strings.Builder)  { joined(b, a, "|", SearchExpr.pg) }

func (n SearchBut) fts(b *strings.Builder) {
	joined(b, []SearchExpr{n.Yes, n.No}, " NOT ", SearchExpr.fts)
}
func (n SearchBut) pg(b *strings.Builder) { joined(b, []SearchExpr{n.Yes, n.No}, "&!", SearchExpr.pg) }

// loose is a condition that everything fits which fits e, and that PostgreSQL's index
// answers alone: the words of a phrase stand anywhere. changed tells whether it is another.
func loose(e SearchExpr) (out SearchExpr, changed bool) {
	each := func(list []SearchExpr) []SearchExpr {
		out := make([]SearchExpr, len(list))
		for i, one := range list {
			var other bool
			out[i], other = loose(one)
			changed = changed || other
		}
		return out
	}
	switch e := e.(type) {
	case SearchPhrase:
		var all SearchAll
		for _, word := range e {
			all = append(all, SearchTerm{Token: word})
		}
		return all, true
	case SearchAll:
		return SearchAll(each(e)), changed
	case SearchAny:
		return SearchAny(each(e)), changed
	case SearchBut:
		yes, other := loose(e.Yes)
		if _, phrased := loose(e.No); phrased {
			return yes, true // words that a phrase excludes may stand elsewhere
		}
		return SearchBut{yes, e.No}, other
	}
	return e, false
}

// tsquery writes a condition for PostgreSQL.
func tsquery(e SearchExpr) string {
	var b strings.Builder
	e.pg(&b)
	return b.String()
}

// ftsQuery writes one condition or both for SQLite.
func ftsQuery(a, b SearchExpr) string {
	var all SearchAll
	for _, e := range []SearchExpr{a, b} {
		if e != nil {
			all = append(all, e)
		}
	}
	var text strings.Builder
	all.fts(&text)
	return text.String()
}

// SearchDoc is the words of one entry in memory.
type SearchDoc struct {
	at     map[string][]int // places in the text; none for a mark
	words  []string
	tokens []string // each once, in order, for prefixes
}

// Doc indexes the words in memory.
func (t SearchText) Doc() *SearchDoc {
	d := &SearchDoc{at: make(map[string][]int, len(t.Words)/2), words: t.Words}
	for i, w := range t.Words {
		d.at[w] = append(d.at[w], i)
	}
	for _, m := range t.Marks {
		if _, ok := d.at[m]; !ok {
			d.at[m] = nil
		}
	}
	for token := range d.at {
		d.tokens = append(d.tokens, token)
	}
	slices.Sort(d.tokens)
	return d
}

func (t SearchTerm) Match(d *SearchDoc) bool {
	if !t.Prefix {
		_, ok := d.at[t.Token]
		return ok
	}
	i, _ := slices.BinarySearch(d.tokens, t.Token)
	return i < len(d.tokens) && strings.HasPrefix(d.tokens[i], t.Token)
}

func (p SearchPhrase) Match(d *SearchDoc) bool {
	for _, at := range d.at[p[0]] {
		if len(d.words)-at >= len(p) && slices.Equal(d.words[at:at+len(p)], p) {
			return true
		}
	}
	return false
}

func (a SearchAll) Match(d *SearchDoc) bool {
	return !slices.ContainsFunc(a, func(e SearchExpr) bool { return !e.Match(d) })
}

func (a SearchAny) Match(d *SearchDoc) bool {
	return slices.ContainsFunc(a, func(e SearchExpr) bool { return e.Match(d) })
}

func (n SearchBut) Match(d *SearchDoc) bool { return n.Yes.Match(d) && !n.No.Match(d) }

// Limits of a tsvector: places beyond the first are not kept, nor more of one word.
const (
	placeMost  = 16383
	placesMost = 255
)

// vector writes the words as a tsvector, with their places.
func (t SearchText) vector() string {
	places := make(map[string][]int, len(t.Words)/2)
	var order []string
	add := func(w string, at int) {
		have, ok := places[w]
		if !ok {
			order = append(order, w)
		}
		if at > 0 && at <= placeMost && len(have) < placesMost {
			have = append(have, at)
		}
		places[w] = have
	}
	for i, w := range t.Words {
		add(w, i+1)
	}
	for _, m := range t.Marks {
		add(m, 0)
	}
	var b strings.Builder
	for _, w := range order {
		b.WriteByte('\'')
		b.WriteString(w)
		b.WriteByte('\'')
		for i, at := range places[w] {
			b.WriteByte(":,"[min(i, 1)])
			b.WriteString(strconv.Itoa(at))
		}
		b.WriteByte(' ')
	}
	return b.String()
}
