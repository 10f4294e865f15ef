package page

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"go.yaml.in/yaml/v3"
)

//go:embed refusals.yaml
var refusals []byte

// phrase is what services refuse with in one sentence, whatever stands at its verbs.
type phrase struct {
	text    string
	pattern func() *regexp.Regexp // of text, compiled at the first use
	// Of two that fit, one that begins with a word is meant, then the longer one.
	open  bool // it begins with a verb
	plain int  // bytes of it that are no verb
	say   map[string]string
}

var (
	verb  = regexp.MustCompile(`%[sqdv]`)
	place = regexp.MustCompile(`\{\d\}`)
)

// readPhrases reads the sentences of refusals.yaml. Services speak English, on the command
// line and to programs too; a page finds their sentence again by its format.
func readPhrases(b []byte) ([]phrase, error) {
	var all map[string]map[string]string
	if err := yaml.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("read the sentences of refusals: %w", err)
	}
	var out []phrase
	for format, say := range all {
		for _, l := range Languages[1:] {
			if say[l.Tag] == "" {
				return nil, fmt.Errorf("%s lacks the refusal %q", l.Name, format)
			}
		}
		var pattern strings.Builder
		rest := format
		for {
			at := verb.FindStringIndex(rest)
			if at == nil {
				break
			}
			pattern.WriteString(regexp.QuoteMeta(rest[:at[0]]) + map[string]string{"%s": `(.*)`, "%v": `(.*)`, "%d": `(-?\d+)`, "%q": `("(?:[^"\\]|\\.)*")`}[rest[at[0]:at[1]]])
			rest = rest[at[1]:]
		}
		text := `(?s)\A` + pattern.String() + regexp.QuoteMeta(rest) + `\z`
		out = append(out, phrase{text, sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) }), format[0] == '%', len(verb.ReplaceAllString(format, "")), say})
	}
	slices.SortFunc(out, func(a, b phrase) int {
		if a.open != b.open {
			return map[bool]int{false: -1, true: 1}[a.open]
		}
		if a.plain != b.plain {
			return b.plain - a.plain
		}
		return strings.Compare(a.text, b.text)
	})
	return out, nil
}

// refusal says in a language what a service said in English; in English, and where its
// sentence is not known, as it is.
func (c *catalogue) refusal(lang, detail string) string {
	if lang == Languages[0].Tag {
		return detail
	}
	for _, p := range c.phrases {
		found := p.pattern().FindStringSubmatch(detail)
		if found == nil {
			continue
		}
		return strings.TrimSpace(place.ReplaceAllStringFunc(p.say[lang], func(at string) string {
			n := int(at[1] - '0')
			if n >= len(found) {
				return at
			}
			if text, err := strconv.Unquote(found[n]); err == nil && found[n][0] == '"' {
				return beside(lang, text) // somebody's own words
			}
			return beside(lang, c.refusal(lang, found[n]))
		}))
	}
	return detail
}

// beside keeps what is written from left to right together within Arabic: a mark on each
// side (U+200E) holds its signs in place.
func beside(lang, text string) string {
	if dirOf(lang) != "rtl" || text == "" || strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Arabic, r) }) {
		return text
	}
	return "\u200e" + text + "\u200e"
}
