package models

import (
	"strings"
	"testing"
)

// What PostgreSQL's index is asked for holds everything that the question fits, and no
// phrase, which it would have to look up in each text.
func TestLooseLeavesNothingOut(t *testing.T) {
	word := func(w string) SearchExpr { return SearchTerm{Token: w} }
	phrase := func(text string) SearchExpr { return SearchPhrase(strings.Fields(text)) }
	questions := []SearchExpr{
		word("a"), phrase("a b"), SearchAny{phrase("a b"), phrase("c a")}, SearchAll{word("c"), phrase("b c")},
		SearchBut{word("a"), word("b")}, SearchBut{word("a"), phrase("a b")}, SearchBut{phrase("a b"), word("c")}, SearchBut{phrase("a b"), SearchAny{word("d"), phrase("b c")}},
		SearchAll{SearchBut{word("a"), phrase("b a")}, SearchTerm{Token: "c", Prefix: true}},
	}
	texts := []string{"a", "a b", "b a", "a c b", "a b c", "c a b", "b c a", "a d b c", "c b", "a b d cc"}
	for i, q := range questions {
		asked, changed := loose(q)
		if held := strings.Contains(tsquery(q), "<->"); held != changed {
			t.Errorf("question %d: changed is %v", i, changed)
		}
		if strings.Contains(tsquery(asked), "<->") {
			t.Errorf("question %d asks the index for %s", i, tsquery(asked))
		}
		found := 0
		for _, text := range texts {
			d := SearchText{Words: strings.Fields(text)}.Doc()
			if !q.Match(d) {
				continue
			}
			found++
			if !asked.Match(d) {
				t.Errorf("question %d fits %q and the index is not asked for it", i, text)
			}
		}
		if found == 0 {
			t.Errorf("question %d fits no text", i)
		}
	}
}
