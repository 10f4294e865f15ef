package search

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"valise/models/lexicon"
)

// Range is bytes Start to End of a text.
type Range struct{ Start, End int }

// Extract is a piece of a text as it was written, with the places that fit the question.
// Before and After say that the text goes on there.
type Extract struct {
	Text          string
	Marks         []Range
	Before, After bool
}

// Sizes of extracts, in bytes.
const (
	extractMost = 2   // of one hit
	extractWide = 240 // each
	leadIn      = 80  // before the first place
	scanMost    = 1 << 16
	marksMost   = 20 // of one extract
)

// marker finds in a text what fits the words and phrases of a question.
type marker struct {
	first    map[rune]bool // how a fitting word can begin
	heads    map[string]bool
	words    map[string]bool
	prefixes []string
	phrases  [][]string
	stems    map[string][]string // of words that were met; a marker is for one page
}

// marker is made of what must be there; filters and what must not be there have no place
// in a text.
func (q Query) marker() *marker {
	m := &marker{first: map[rune]bool{}, heads: map[string]bool{}, words: map[string]bool{}, stems: map[string][]string{}}
	begins := func(token string) {
		r, _ := utf8.DecodeRuneInString(token)
		m.first[r], m.heads[head(token)] = true, true
	}
	for _, t := range q.terms {
		if t.not || t.field != "" {
			continue
		}
		single := t.words
		switch {
		case t.prefix:
			last := t.words[len(t.words)-1]
			m.prefixes, single = append(m.prefixes, last), t.words[:len(t.words)-1]
			begins(last)
		case len(t.words) > 1:
			single = nil
			for _, p := range t.phrases() {
				m.phrases = append(m.phrases, p)
				begins(p[0])
			}
		}
		for _, w := range single {
			for _, s := range lexicon.Stems(w) {
				m.words[s] = true
				begins(s)
			}
		}
	}
	return m
}

// head is how a word and its stems begin alike: a stem can have i for y, as "die" for
// "dying". That spares making the stems of most words.
func head(word string) string {
	if len(word) < 2 {
		return word
	}
	if word[1] == 'y' {
		return word[:1] + "i"
	}
	return word[:2]
}

func (m *marker) nothing() bool { return len(m.first) == 0 }

// marks are the places of a text that fit, in order, or the first of them: those beyond
// what extracts can show are not looked for.
func (m *marker) marks(text string) []Range {
	if m.nothing() {
		return nil
	}
	if len(text) > scanMost {
		text = text[:runeBefore(text, scanMost)]
	}
	var out []Range
	begun := 0 // extracts that the places found so far fill
	for w := range lexicon.WordsLike(text, func(r rune) bool { return m.first[r] }) {
		if begun == extractMost && w.Start > out[len(out)-1].Start+extractWide {
			break
		}
		r := m.at(text, w)
		if r.End == 0 {
			continue
		}
		if begun < extractMost && (len(out) == 0 || w.Start > out[len(out)-1].Start+extractWide) {
			begun++
		}
		out = append(out, r)
	}
	return merged(out)
}

// at is what fits at a word: itself or a phrase that begins with it; nothing where End is 0.
func (m *marker) at(text string, w lexicon.Word) Range {
	r, _ := utf8.DecodeRuneInString(w.Plain)
	if !m.first[r] || !m.heads[head(w.Plain)] && !m.heads[w.Plain[:1]] {
		return Range{}
	}
	stems := m.forms(w.Plain)
	for _, phrase := range m.phrases {
		if !slices.Contains(stems, phrase[0]) {
			continue
		}
		n, end := 1, w.End
		for next := range lexicon.Words(text[w.End:]) {
			// A stem begins as its word does.
			if n == len(phrase) || next.Plain[0] != phrase[n][0] || !slices.Contains(m.forms(next.Plain), phrase[n]) {
				break
			}
			n++
			end = w.End + next.End
		}
		if n == len(phrase) {
			return Range{w.Start, end}
		}
	}
	if slices.ContainsFunc(stems, func(s string) bool { return m.words[s] }) || slices.ContainsFunc(m.prefixes, func(p string) bool { return strings.HasPrefix(w.Plain, p) }) {
		return Range{w.Start, w.End}
	}
	return Range{}
}

// forms are the stems of a word.
func (m *marker) forms(plain string) []string {
	stems, known := m.stems[plain]
	if !known {
		stems = lexicon.Stems(plain)
		m.stems[plain] = stems
	}
	return stems
}

func runeBefore(text string, at int) int {
	for at > 0 && !utf8.RuneStart(text[at]) {
		at--
	}
	return at
}

// merged are the ranges in order, those that touch as one.
func merged(in []Range) []Range {
	slices.SortFunc(in, func(a, b Range) int { return a.Start - b.Start })
	out := in[:0]
	for _, r := range in {
		if n := len(out); n > 0 && r.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, r.End)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// extracts are pieces around the first places that fit, or the beginning of a text in
// which none does.
func (m *marker) extracts(text string) []Extract {
	marks := m.marks(text)
	if len(marks) == 0 {
		if e := cut(text, 0, nil).Extract; strings.TrimSpace(e.Text) != "" {
			return []Extract{e}
		}
		return nil
	}
	var out []Extract
	end := 0
	for i, r := range marks {
		if r.Start < end || len(out) == extractMost {
			continue
		}
		e := cut(text, max(r.Start-leadIn, end), marks[i:])
		out = append(out, e.Extract)
		end = e.end
	}
	return out
}

// piece is an extract with where it ends in its text.
type piece struct {
	Extract
	end int
}

// cut takes a piece of a text from about start, at words, inside one paragraph, that
// holds the first of some marks whole.
func cut(text string, start int, marks []Range) piece {
	if len(marks) > 0 {
		if at := strings.LastIndexByte(text[:marks[0].Start], '\n'); at >= start {
			start = at + 1
		}
	}
	start = word(text, start)
	if len(marks) > 0 {
		start = min(start, marks[0].Start)
	}
	end := min(len(text), start+extractWide)
	if len(marks) > 0 {
		end = max(end, marks[0].End)
	}
	least := start
	if len(marks) > 0 {
		least = marks[0].End
	}
	if at := strings.IndexByte(text[least:end], '\n'); at > 0 {
		end = least + at
	} else if end < len(text) {
		for end > least && !utf8.RuneStart(text[end]) {
			end--
		}
		if at := strings.LastIndexFunc(text[least:end], unicode.IsSpace); at > 0 {
			end = least + at
		}
	}
	p := piece{Extract{Before: strings.TrimSpace(text[:start]) != "", After: strings.TrimSpace(text[end:]) != ""}, end}
	for _, r := range marks {
		if r.End > end || len(p.Marks) == marksMost {
			break
		}
		p.Marks = append(p.Marks, Range{r.Start - start, r.End - start})
	}
	p.Text = strings.TrimRightFunc(text[start:end], unicode.IsSpace)
	return p
}

// word is the beginning of the first word at or after a byte.
func word(text string, at int) int {
	if at == 0 || text[at-1] == ' ' || text[at-1] == '\n' {
		return at
	}
	for i, r := range text[min(runeAt(text, at), len(text)):] {
		if unicode.IsSpace(r) {
			return runeAt(text, at) + i + utf8.RuneLen(r)
		}
		if i > leadIn/2 {
			break
		}
	}
	return runeAt(text, at)
}

func runeAt(text string, at int) int {
	for at < len(text) && !utf8.RuneStart(text[at]) {
		at++
	}
	return at
}
