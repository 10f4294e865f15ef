package search

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"strings"

	"valise/models"
	"valise/models/iri"
	"valise/models/lexicon"
)

// What begins a mark: a word that stands for something other than the text.
const (
	otherForm    = "w_" // a word as it is written, where it is found by its stem
	fromName     = "f_"
	toName       = "t_"
	refWord      = "r_"
	tagName      = "g_"
	kindName     = "k_"
	markingName  = "x_"
	urgencyName  = "p_"
	languageName = "l_"
	inName       = "c_" // of a community
	inPart       = "i_" // live, archive, comments
	forActor     = "a_" // who may have it; the audience itself decides
	gap          = "_"  // between two paragraphs: no phrase goes over it
)

// What begins a word by which hits are ranked.
const (
	inSubject = "s_" // of the subject or the reference
	isAbout   = "m_" // that the text says often
)

// Parts that in: names, beside communities.
const (
	partLive     = "live"
	partArchive  = "archive"
	partComments = "comments"
)

var fieldMarks = map[string]string{"from": fromName, "to": toName, "ref": refWord, "tag": tagName, "kind": kindName, "marking": markingName,
	"precedence": urgencyName, "lang": languageName, "in": inName}

// whole are the filters whose value is one name, however many words it has.
var whole = []string{"tag", "kind", "marking", "precedence"}

// idMark stands for an actor or community by its id.
func idMark(mark string, id iri.IRI) string {
	sum := sha256.Sum256([]byte(id))
	return fmt.Sprintf("%s_%x", mark, sum[:8])
}

// wholeMark stands for a name of several words.
func wholeMark(mark string, words []string) string { return mark + strings.Join(words, gap) }

// expr is the question as a condition on words, nil where it holds dates alone.
func (q Query) expr() models.SearchExpr {
	var yes models.SearchAll
	var no models.SearchAny
	for _, t := range q.terms {
		if t.not {
			no = append(no, t.expr())
		} else {
			yes = append(yes, t.expr())
		}
	}
	if len(no) == 0 {
		return allOf(yes)
	}
	if len(yes) == 0 {
		yes = models.SearchAll{models.SearchAny{models.SearchTerm{Token: inPart + partLive}, models.SearchTerm{Token: inPart + partArchive}}}
	}
	return models.SearchBut{Yes: allOf(yes), No: oneOf(no)}
}

// allOf is one condition for several, nil for none.
func allOf(list []models.SearchExpr) models.SearchExpr {
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return models.SearchAll(list)
}

func oneOf(list []models.SearchExpr) models.SearchExpr {
	if len(list) == 1 {
		return list[0]
	}
	return models.SearchAny(list)
}

func (t term) expr() models.SearchExpr {
	mark := fieldMarks[t.field]
	switch {
	case t.exact != "":
		return models.SearchTerm{Token: idMark(mark, iri.IRI(t.exact))}
	case t.field == "":
		return t.text()
	case t.field == "lang":
		return models.SearchTerm{Token: mark + t.words[0], Prefix: t.prefix}
	case slices.Contains(whole, t.field):
		return models.SearchTerm{Token: wholeMark(mark, t.words), Prefix: t.prefix}
	case t.field == "in" && len(t.words) == 1 && slices.Contains([]string{partLive, partArchive, partComments}, t.words[0]):
		return models.SearchTerm{Token: inPart + t.words[0]}
	}
	return t.each(func(word string, prefix bool) []models.SearchExpr {
		return []models.SearchExpr{models.SearchTerm{Token: mark + word, Prefix: prefix}}
	})
}

// each asks for each word in any of some ways.
func (t term) each(ways func(word string, prefix bool) []models.SearchExpr) models.SearchExpr {
	var list []models.SearchExpr
	for i, w := range t.words {
		list = append(list, oneOf(ways(w, t.prefix && i == len(t.words)-1)))
	}
	return allOf(list)
}

// text asks for a word in every form that a text may have it in, or for a phrase in the
// forms of each language.
func (t term) text() models.SearchExpr {
	if t.prefix {
		// A beginning in a phrase is not held to its place.
		return t.each(func(word string, prefix bool) []models.SearchExpr {
			if prefix {
				return []models.SearchExpr{models.SearchTerm{Token: word, Prefix: true}, models.SearchTerm{Token: otherForm + word, Prefix: true}}
			}
			return terms(word)
		})
	}
	if len(t.words) == 1 {
		return oneOf(terms(t.words[0]))
	}
	var ways []models.SearchExpr
	for _, phrase := range t.phrases() {
		ways = append(ways, models.SearchPhrase(phrase))
	}
	return oneOf(ways)
}

// phrases are the forms that the words have together, each once.
func (t term) phrases() [][]string {
	var out [][]string
	for _, language := range []string{"", lexicon.English, lexicon.French} {
		phrase := make([]string, len(t.words))
		for i, w := range t.words {
			phrase[i] = lexicon.Stem(w, language)
		}
		if !slices.ContainsFunc(out, func(have []string) bool { return slices.Equal(have, phrase) }) {
			out = append(out, phrase)
		}
	}
	return out
}

func terms(word string) []models.SearchExpr {
	var out []models.SearchExpr
	for _, s := range lexicon.Stems(word) {
		out = append(out, models.SearchTerm{Token: s})
	}
	return out
}

// tiers of a ranked answer, the best first: every word in the subject; every word there or
// often in the text; the rest.
const tiers = 3

// ways are the forms of one word, as the best words of an entry hold them in its subject
// and as what it is about.
type ways struct{ subject, about []string }

func (w *ways) add(form string) {
	w.subject, w.about = append(w.subject, " "+inSubject+form), append(w.about, " "+isAbout+form)
}

func oneIn(forms []string, best string) bool {
	return slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(best, form) })
}

// better ranks by the words of the question; nil where it has filters alone, so that all
// is equally good.
func (q Query) better() better {
	var out better
	for _, t := range q.terms {
		if t.not || t.field != "" {
			continue
		}
		for i, w := range t.words {
			var forms ways
			if t.prefix && i == len(t.words)-1 {
				forms.add(w)
			} else {
				for _, s := range lexicon.Stems(w) {
					forms.add(s + " ")
				}
			}
			out = append(out, forms)
		}
	}
	return out
}

type better []ways

// tier is the place of an entry with these best words, higher for a better one.
func (b better) tier(best string) int {
	tier := tiers - 1
	for _, word := range b {
		if !oneIn(word.subject, best) {
			tier = min(tier, 1)
			if !oneIn(word.about, best) {
				return 0
			}
		}
	}
	return tier
}

// span are the ids that the dates of the question leave: from, and before.
func (q Query) span() (from, to int64) {
	to = math.MaxInt64
	if q.after != 0 {
		from = models.SearchFrom(q.after)
	}
	if q.before != 0 {
		to = models.SearchFrom(q.before)
		from = max(from, 1<<16) // what has no date is not before one
	}
	return from, to
}

// matches tells whether words fit the question, dates apart.
func (q Query) matches(d *models.SearchDoc) bool {
	e := q.expr()
	return e == nil || e.Match(d)
}
