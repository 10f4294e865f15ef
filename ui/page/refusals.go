package page

import (
	_ "embed"
	"fmt"
	"html"
	"html/template"
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
	parts   []string              // what stands between its verbs
	pattern func() *regexp.Regexp // of the whole, compiled at the first use
	// Of two that fit, one that begins with a word is meant, then the longer one.
	open  bool // it begins with a verb
	plain int  // bytes of it that are no verb
	say   map[string]string
}

var (
	verb  = regexp.MustCompile(`%[sqdv]`)
	place = regexp.MustCompile(`\{\d\}`)
	// coded is the code of a refusal before its sentence.
	coded = regexp.MustCompile(`(?s)\A([a-z]+(?:-[a-z]+)*): (.+)\z`)
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
		p := phrase{parts: verb.Split(format, -1), open: format[0] == '%', say: say}
		var text, english strings.Builder
		verbs := verb.FindAllString(format, -1)
		for i, part := range p.parts {
			p.plain += len(part)
			text.WriteString(regexp.QuoteMeta(part))
			english.WriteString(part)
			if i == len(verbs) {
				break
			}
			// Somebody's own words stand last as a rule: what is before them is as short as it can be.
			text.WriteString(map[string]string{"%s": `(.*?)`, "%v": `(.*?)`, "%d": `(-?\d+)`, "%q": `("(?:[^"\\]|\\.)*")`}[verbs[i]])
			fmt.Fprintf(&english, map[bool]string{true: `"{%d}"`, false: "{%d}"}[verbs[i] == "%q"], i+1)
		}
		say[Languages[0].Tag] = english.String()
		whole := `(?s)\A` + text.String() + `\z`
		p.pattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(whole) })
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b phrase) int {
		if a.open != b.open {
			return map[bool]int{false: -1, true: 1}[a.open]
		}
		if a.plain != b.plain {
			return b.plain - a.plain
		}
		return slices.Compare(a.parts, b.parts)
	})
	return out, nil
}

// values of p in text, after the whole; nil where it is another sentence.
func (p *phrase) values(text string) []string {
	rest := text
	for i, part := range p.parts {
		at := strings.Index(rest, part)
		if at < 0 || i == 0 && at > 0 {
			return nil // seldom another: the pattern is asked about few
		}
		rest = rest[at+len(part):]
	}
	return p.pattern().FindStringSubmatch(text)
}

// ink is how a page writes words of its own, and what others wrote within them.
type ink struct{ own, foreign func(string) string }

// said writes what a service said in English in a language. What stands in guillemets
// there, or was quoted, are somebody's own words and stay as they are. ok is false for a
// sentence that is not known.
func (c *catalogue) said(lang, detail string, w ink) (text string, ok bool) {
	for i := range c.phrases {
		p := &c.phrases[i]
		found := p.values(detail)
		if found == nil {
			continue
		}
		sentence := p.say[lang]
		var b strings.Builder
		end := 0
		for _, at := range place.FindAllStringIndex(sentence, -1) {
			n := int(sentence[at[0]+1] - '0')
			if n >= len(found) {
				continue
			}
			before := sentence[end:at[0]]
			b.WriteString(w.own(before))
			end = at[1]
			value := found[n]
			if words, err := strconv.Unquote(value); err == nil && value[0] == '"' {
				b.WriteString(w.foreign(words))
			} else if inner, known := c.said(lang, value, w); known && !strings.HasSuffix(strings.TrimRight(before, " \u00a0\u202f"), "«") {
				b.WriteString(inner)
			} else {
				b.WriteString(w.foreign(value))
			}
		}
		return strings.TrimSpace(b.String() + w.own(sentence[end:])), true
	}
	if m := coded.FindStringSubmatch(detail); m != nil {
		if rest, known := c.said(lang, m[2], w); known {
			return w.foreign(m[1]) + w.own(": ") + rest, true
		}
	}
	return "", false
}

// refusal says in a language what a service said in English; in English, and where its
// sentence is not known, as it is.
func (c *catalogue) refusal(lang, detail string) string {
	if lang == Languages[0].Tag {
		return detail
	}
	text, ok := c.said(lang, detail, ink{func(s string) string { return s }, func(s string) string { return beside(lang, s) }})
	if !ok {
		return detail
	}
	return text
}

// refusalHTML is refusal for a page: what others wrote stands apart in it, so that its
// direction turns nothing round.
func (c *catalogue) refusalHTML(lang, detail string) template.HTML {
	apart := func(s string) string {
		if s == "" {
			return ""
		}
		return "<bdi>" + html.EscapeString(s) + "</bdi>"
	}
	text, ok := c.said(lang, detail, ink{html.EscapeString, apart})
	if !ok {
		text = apart(detail)
	}
	return template.HTML(text)
}

// beside keeps what is written from left to right together within Arabic: a mark on each
// side (U+200E) holds its signs in place.
func beside(lang, text string) string {
	if dirOf(lang) != "rtl" || text == "" || strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Arabic, r) }) {
		return text
	}
	return "\u200e" + text + "\u200e"
}
