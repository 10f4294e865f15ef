package lexicon

import (
	"strings"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/english"
	"github.com/blevesearch/snowballstem/french"
)

// Languages that have a stemmer here, as the first part of a language tag.
const (
	English = "en"
	French  = "fr"
)

// Stem returns the stem of a folded word in a language ("en-GB" is "en"). Words of other
// languages, numbers and very short words are their own stem.
func Stem(plain, language string) string {
	if !stems(plain) {
		return plain
	}
	var stem func(*snowballstem.Env) bool
	switch primary(language) {
	case English:
		stem = english.Stem
	case French:
		plain = participle(plain)
		stem = french.Stem
	default:
		return plain
	}
	env := snowballstem.NewEnv(plain)
	stem(env)
	if s := env.Current(); s != "" {
		// The French stemmer marks letters by capitals, and now and then leaves one.
		return strings.ToLower(s)
	}
	return plain
}

// Stems returns the forms that a folded word can have in a text of any language, each
// once: itself, then its stems.
func Stems(plain string) []string {
	out := []string{plain}
	for _, language := range []string{English, French} {
		if s := Stem(plain, language); s != out[0] && s != out[len(out)-1] {
			out = append(out, s)
		}
	}
	return out
}

// participle gives the French participles that have lost their accent the ending that
// the stemmer knows: "negociees" as "negocier", "signees" as "signer".
func participle(plain string) string {
	word := strings.TrimSuffix(plain, "s")
	if s, ok := strings.CutSuffix(word, "ee"); ok && len(s) > 2 {
		return s + "er"
	}
	if strings.HasSuffix(word, "ie") && len(word) > 4 {
		return word + "r"
	}
	return plain
}

func stems(plain string) bool {
	if len(plain) < 3 {
		return false
	}
	for i := range len(plain) {
		if plain[i] < 'a' || plain[i] > 'z' {
			return false
		}
	}
	return true
}

func primary(language string) string {
	if len(language) > 2 && language[2] == '-' {
		language = language[:2]
	}
	return strings.ToLower(language)
}

// common are words that tell the two languages apart.
var common = func() map[string]string {
	m := map[string]string{}
	for _, w := range strings.Fields("the of and to in is that for with was has have be by this which would he his will not are from at as had been they we") {
		m[w] = English
	}
	for _, w := range strings.Fields("le la les de des du et en un une est que qui dans pour par sur avec ce cette au aux il elle ne pas nous vous ont ete sont leur se") {
		m[w] = French
	}
	return m
}()

// Common tells whether a folded word is one of the commonest of English or French.
func Common(plain string) bool { return common[plain] != "" }

// Guess tells whether a text is English or French by its commonest words; "" where it
// cannot tell. It looks at no more than the first 200 words.
func Guess(text string) string {
	english, french, n := 0, 0, 0
	for w := range Words(text) {
		switch common[w.Plain] {
		case English:
			english++
		case French:
			french++
		}
		if n++; n == 200 {
			break
		}
	}
	switch {
	case english > 2*french:
		return English
	case french > 2*english:
		return French
	}
	return ""
}
