package tei

import (
	"strings"
	"unicode"
)

// Words that are frequent in one language and rare or absent in the others.
var frequent = map[string]string{
	"en": "the of and to that is was with for this which be have not by are from has will would it he on as at you we they been",
	"fr": "le les des du et que qui dans une est pour par au aux sur ce cette ne pas vous nous votre avec sont été leur monsieur",
	"de": "der die das und den dem zu von mit ist nicht auf ein eine des sich daß dass für im auch werden wird sie haben",
	"es": "el los las y que del una por con para su sus es no se lo como más este esta señor",
	"it": "il gli della che di per una con non del dei delle alla nel sono questo questa signor",
	"la": "et in ad cum non quod est ut ex sed per qui quae nos vestra nostra sunt autem ac atque",
}

var languages = []string{"en", "fr", "de", "es", "it", "la"}

var frequentWords = func() map[string][]string {
	words := make(map[string][]string)
	for _, language := range languages {
		for word := range strings.FieldsSeq(frequent[language]) {
			words[word] = append(words[word], language)
		}
	}
	return words
}()

// guessLanguage counts frequent words in the first sampled words of a text. It
// answers "" unless one language has at least 4, and one and a half times as
// many as the next: short telegrams often stay undecided.
func guessLanguage(text string) string {
	const sampled = 300
	hits := make(map[string]int, len(languages))
	seen := 0
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) }) {
		if seen++; seen > sampled {
			break
		}
		for _, language := range frequentWords[strings.ToLower(word)] {
			hits[language]++
		}
	}
	best, first, second := "", 0, 0
	for _, language := range languages {
		switch n := hits[language]; {
		case n > first:
			best, first, second = language, n, first
		case n > second:
			second = n
		}
	}
	if first < 4 || 2*first < 3*second {
		return ""
	}
	return best
}
