// Package redline compares texts by words and merges what two people wrote from one
// base. It knows plain text and nothing of drafts.
package redline

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sergi/go-diff/diffmatchpatch"
)

// Op says what became of a piece of text.
type Op int

const (
	Same Op = iota
	Added
	Removed
)

// Piece is a run of words with one fate.
type Piece struct {
	Op   Op
	Text string
}

// Compare returns the pieces that lead from before to after, word by word: the pieces
// that are not Added make up before, those that are not Removed make up after.
func Compare(before, after string) []Piece {
	if before == after {
		if before == "" {
			return nil
		}
		return []Piece{{Same, before}}
	}
	a, b := tokens(before), tokens(after)
	var out []Piece
	add := func(op Op, text string) {
		if text == "" {
			return
		}
		if n := len(out); n > 0 && out[n-1].Op == op {
			out[n-1].Text += text
			return
		}
		out = append(out, Piece{op, text})
	}
	at := 0
	for _, h := range phrases(a, edits(a, b)) {
		add(Same, strings.Join(a[at:h.from], ""))
		add(Removed, strings.Join(a[h.from:h.to], ""))
		add(Added, strings.Join(h.words, ""))
		at = h.to
	}
	add(Same, strings.Join(a[at:], ""))
	return out
}

// phrases joins changes that only a blank separates: a reader sees one change of a
// phrase and not a row of single words.
func phrases(a []string, hunks []hunk) []hunk {
	var out []hunk
	for _, h := range hunks {
		if n := len(out); n > 0 {
			last := &out[n-1]
			between := a[last.to:h.from]
			if len(between) == 1 && strings.TrimSpace(between[0]) == "" && last.to > last.from && h.to > h.from && len(last.words) > 0 && len(h.words) > 0 {
				last.words = append(append(slices.Clone(last.words), between[0]), h.words...)
				last.to = h.to
				continue
			}
		}
		out = append(out, h)
	}
	return out
}

// Count is how many words were added or removed.
func Count(pieces []Piece) int {
	added, removed := 0, 0
	for _, p := range pieces {
		switch n := len(strings.Fields(p.Text)); p.Op {
		case Added:
			added += n
		case Removed:
			removed += n
		}
	}
	return max(added, removed)
}

// Merge joins what two people made of one base. ok is false where their changes meet:
// then nothing is merged, and a person must choose.
func Merge(base, mine, theirs string) (merged string, ok bool) {
	switch {
	case mine == theirs, mine == base:
		return theirs, true
	case theirs == base:
		return mine, true
	}
	words := tokens(base)
	a, b := edits(words, tokens(mine)), edits(words, tokens(theirs))
	var out strings.Builder
	at, i, j := 0, 0, 0
	take := func(h hunk) {
		out.WriteString(strings.Join(words[at:h.from], ""))
		out.WriteString(strings.Join(h.words, ""))
		at = h.to
	}
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i].from == b[j].from && a[i].to == b[j].to && slices.Equal(a[i].words, b[j].words):
			take(a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && a[i].to < b[j].from:
			take(a[i])
			i++
		case i == len(a) || b[j].to < a[i].from:
			take(b[j])
			j++
		default:
			return "", false
		}
	}
	out.WriteString(strings.Join(words[at:], ""))
	return out.String(), true
}

// hunk replaces words from (inclusive) to (exclusive) of the base.
type hunk struct {
	from, to int
	words    []string
}

// patience bounds one comparison; beyond it the result is right but coarser.
const patience = 300 * time.Millisecond

// edits are the changes from a to b, in order. Between two of them stands at least one
// word or blank that both have.
func edits(a, b []string) []hunk {
	index := map[string]rune{}
	var known []string
	runes := func(words []string) []rune {
		out := make([]rune, len(words))
		for i, w := range words {
			r, ok := index[w]
			if !ok {
				r = letter(len(known))
				index[w] = r
				known = append(known, w)
			}
			out[i] = r
		}
		return out
	}
	d := diffmatchpatch.New()
	d.DiffTimeout = patience
	var out []hunk
	at, behind := 0, 0
	open := false
	change := func() *hunk {
		if !open {
			out = append(out, hunk{from: at, to: at})
			open = true
		}
		return &out[len(out)-1]
	}
	for _, diff := range d.DiffMainRunes(runes(a), runes(b), false) {
		n := len([]rune(diff.Text))
		if n == 0 {
			continue
		}
		switch diff.Type {
		case diffmatchpatch.DiffEqual:
			open = false
			at, behind = at+n, behind+n
		case diffmatchpatch.DiffDelete:
			h := change()
			at += n
			h.to = at
		case diffmatchpatch.DiffInsert:
			h := change()
			h.words = append(h.words, b[behind:behind+n]...)
			behind += n
		}
	}
	return out
}

// letter is the rune that stands for the n-th word. Surrogates are no runes.
func letter(n int) rune {
	r := rune(n + 1)
	if r >= 0xD800 {
		r += 0x800
	}
	return r
}

// tokens cuts a text into words, blanks and single signs; joined they are the text.
func tokens(text string) []string {
	var out []string
	start, kind := 0, -1
	for i, r := range text {
		k := kindOf(r)
		if k != kind || k == sign {
			if i > start {
				out = append(out, text[start:i])
			}
			start, kind = i, k
		}
	}
	if start < len(text) {
		out = append(out, text[start:])
	}
	return out
}

const (
	word = iota
	blank
	sign
)

func kindOf(r rune) int {
	switch {
	case unicode.IsSpace(r):
		return blank
	case unicode.IsLetter(r), unicode.IsDigit(r), unicode.Is(unicode.Mn, r), unicode.Is(unicode.Mc, r), r == '\'', r == '’', r == '-', r == 'ـ':
		return word
	}
	return sign
}
