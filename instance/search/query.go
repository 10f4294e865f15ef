package search

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"valise/federation/policy"
	"valise/models"
	"valise/models/lexicon"
)

// Limits of a question.
const (
	queryMost   = 500 // characters
	termsMost   = 24  // words, phrases and filters
	prefixLeast = 3   // characters before the *
)

// Fields are the filters that a question may name, with a colon after each.
var Fields = []string{"from", "to", "ref", "tag", "kind", "marking", "precedence", "lang", "before", "after", "in"}

// Query is a question that was read: words, "phrases", beginnings*, -without, and
// filters (Fields). All of it must fit.
type Query struct {
	// Text is the question as it was asked.
	Text string
	// Ranked asks for the best first: what has every word in its subject or reference,
	// then what is about them, then the rest; each the newest first. Else all of it
	// comes the newest first.
	Ranked bool

	terms         []term
	after, before models.Time // moments; 0 for none
}

// term is one thing that must fit, or with not, must not.
type term struct {
	not    bool
	field  string   // "" for the text
	words  []string // folded; several are a phrase
	prefix bool     // of the last word
	exact  string   // an id, of from, to and in
}

// QueryError says what of a question cannot be read, and where. It is a refusal.
type QueryError struct {
	At      int // character, from 1
	Problem string
}

func (e *QueryError) Error() string { return fmt.Sprintf("character %d: %s", e.At, e.Problem) }

// Unwrap makes it the asker's fault.
func (e *QueryError) Unwrap() error {
	return &policy.Refusal{Code: "invalid-query", Status: 422, Detail: e.Error()}
}

// parser reads a question rune by rune.
type parser struct {
	text []rune
	at   int
	q    Query
}

// Parse reads a question. Its errors are *QueryError.
func Parse(text string) (Query, error) {
	if !utf8.ValidString(text) {
		return Query{}, &QueryError{1, "the question is not valid UTF-8"}
	}
	p := &parser{text: []rune(text), q: Query{Text: strings.TrimSpace(text)}}
	if len(p.text) > queryMost {
		return Query{}, &QueryError{queryMost + 1, fmt.Sprintf("a question has at most %d characters, not %d", queryMost, len(p.text))}
	}
	for p.space(); p.at < len(p.text); p.space() {
		start := p.at
		if err := p.term(); err != nil {
			return Query{}, err
		}
		if len(p.q.terms) > termsMost {
			return Query{}, &QueryError{start + 1, fmt.Sprintf("a question has at most %d words, phrases and filters", termsMost)}
		}
	}
	if len(p.q.terms) == 0 && p.q.after == 0 && p.q.before == 0 {
		return Query{}, &QueryError{1, "write at least one word, phrase or filter to look for"}
	}
	return p.q, nil
}

func (p *parser) fail(at int, format string, args ...any) error {
	return &QueryError{at + 1, fmt.Sprintf(format, args...)}
}

func (p *parser) space() {
	for p.at < len(p.text) && parts(p.text[p.at]) {
		p.at++
	}
}

func parts(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// quotes are the marks that open a phrase, each with the one that closes it.
var quotes = map[rune]rune{'"': '"', '“': '”', '„': '“', '«': '»'}

// term reads one term at p.at, which is no space.
func (p *parser) term() error {
	t := term{}
	if p.text[p.at] == '-' && p.at+1 < len(p.text) && !parts(p.text[p.at+1]) {
		t.not = true
		p.at++
	}
	start := p.at
	name, colon := p.name()
	if colon {
		if !slices.Contains(Fields, name) {
			return p.fail(start, "%q is no filter; use one of %s, or put the words in quotation marks", name+":", strings.Join(Fields, ": ")+":")
		}
		t.field = name
		p.at += len(name) + 1
		p.space()
	}
	from := p.at
	value, quoted, err := p.value()
	if err != nil {
		return err
	}
	if value == "" && colon {
		return p.fail(start, "%s needs something after the colon", name+":")
	}
	if name == "before" && colon || name == "after" && colon {
		return p.date(t, start, from, value)
	}
	if colon && strings.Contains(value, "://") && slices.Contains([]string{"from", "to", "in"}, name) {
		t.exact = value
		p.q.terms = append(p.q.terms, t)
		return nil
	}
	if rest, ok := strings.CutSuffix(value, "*"); ok && !quoted {
		value, t.prefix = rest, true
	}
	t.words = lexicon.Fold(value)
	switch {
	case len(t.words) == 0 && colon:
		return p.fail(from, "%s needs letters or digits", name+":")
	case len(t.words) == 0 && t.prefix:
		return p.fail(from, "write at least %d letters before the *", prefixLeast)
	case len(t.words) == 0:
		return nil // a dash or a dot says nothing
	case t.prefix && utf8.RuneCountInString(t.words[len(t.words)-1]) < prefixLeast:
		return p.fail(from, "write at least %d letters before the *", prefixLeast)
	}
	p.q.terms = append(p.q.terms, t)
	return nil
}

// name reads ahead for a filter: letters and a colon that something follows. "Re: visit"
// and a web address have none, unless the name is one of Fields.
func (p *parser) name() (string, bool) {
	at := p.at
	for at < len(p.text) && (p.text[at] >= 'a' && p.text[at] <= 'z' || p.text[at] >= 'A' && p.text[at] <= 'Z') {
		at++
	}
	if at == p.at || at == len(p.text) || p.text[at] != ':' {
		return "", false
	}
	name := strings.ToLower(string(p.text[p.at:at]))
	if slices.Contains(Fields, name) {
		return name, true
	}
	follows := at+1 < len(p.text) && (unicode.IsLetter(p.text[at+1]) || unicode.IsNumber(p.text[at+1]) || quotes[p.text[at+1]] != 0)
	return name, follows
}

// value reads a phrase in quotation marks, or what comes before the next space.
func (p *parser) value() (text string, quoted bool, err error) {
	start := p.at
	if start == len(p.text) {
		return "", false, nil
	}
	if closing := quotes[p.text[start]]; closing != 0 {
		for p.at++; p.at < len(p.text); p.at++ {
			if p.text[p.at] == closing || p.text[p.at] == '"' {
				p.at++
				return string(p.text[start+1 : p.at-1]), true, nil
			}
		}
		return "", false, p.fail(start, "the quotation mark is not closed")
	}
	for p.at < len(p.text) && !parts(p.text[p.at]) {
		p.at++
	}
	return string(p.text[start:p.at]), false, nil
}

// date reads before: and after:. A year or a month stands for its first moment.
func (p *parser) date(t term, start, from int, value string) error {
	if t.not {
		return p.fail(start, "turn %s: round instead of putting - before it", t.field)
	}
	for _, layout := range []string{"2006-01-02", "2006-01", "2006"} {
		at, err := time.Parse(layout, value)
		if err != nil {
			continue
		}
		moment := models.At(at)
		if moment == 0 {
			moment = 1 // the first moment of 1970; 0 is none
		}
		if t.field == "after" {
			p.q.after = laterOf(p.q.after, moment)
		} else {
			p.q.before = earlierOf(p.q.before, moment)
		}
		return nil
	}
	return p.fail(from, "%q is no date; write 2026, 2026-05 or 2026-05-17", value)
}

func laterOf(a, b models.Time) models.Time {
	if a == 0 || b > a {
		return b
	}
	return a
}

func earlierOf(a, b models.Time) models.Time {
	if a == 0 || b < a {
		return b
	}
	return a
}
