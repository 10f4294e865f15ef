package page

import (
	"embed"
	"fmt"
	"html"
	"html/template"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// refusals holds what services say in English, with its verbs of fmt, in the other
// languages; one file for each origin. {1} there is what the first verb stands for.
//
//go:embed refusals
var refusals embed.FS

// phrase is what services say in one sentence, whatever stands at its verbs.
type phrase struct {
	parts   []string              // what stands between its verbs
	pattern func() *regexp.Regexp // of the whole, compiled at the first use
	plain   int                   // bytes of it that are no verb
	say     map[string]string
}

// phrases are found by how they begin. Of two that fit, one without a verb is meant, then
// one that begins with a word, then the longer one.
type phrases struct {
	exact map[string]*phrase   // those without a verb, by the whole
	begun map[string][]*phrase // by their first word
	open  []*phrase            // those that begin with a verb
}

var (
	verb  = regexp.MustCompile(`%[sqdv]`)
	place = regexp.MustCompile(`\{\d\??\}`)
	// headed is a code, an address or a key before the sentence about it.
	headed = regexp.MustCompile(`(?s)\A([^\s"]\S*): (.+)\z`)
	// cut is what was too long to be quoted whole.
	cut = regexp.MustCompile(`(?s)\A(".*")… \(\d+ bytes\)\z`)
)

// fits is what a verb can stand for. Somebody's own words stand last as a rule: what is
// before them is as short as it can be.
var fits = map[string]string{"%s": `(.*?)`, "%v": `(.*?)`, "%d": `(-?\d+)`, "%q": `("(?:[^"\\]|\\.)*"(?:… \(\d+ bytes\))?)`}

// guillemets are how a language quotes.
var guillemets = map[string][2]string{"fr": {"« ", " »"}, "ar": {"«", "»"}}

// readPhrases reads the sentences of files. Services speak English, on the command line
// and to programs too; a page finds their sentence again by its format.
func readPhrases(files fs.FS) (*phrases, error) {
	names, err := fs.Glob(files, "*/*.yaml")
	if err != nil {
		return nil, err
	}
	out := &phrases{exact: map[string]*phrase{}, begun: map[string][]*phrase{}}
	seen := map[string]string{}
	for _, name := range names {
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		var all map[string]map[string]string
		if err := yaml.Unmarshal(b, &all); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		for format, say := range all {
			if seen[format] != "" {
				return nil, fmt.Errorf("%s: %q is said in %s too", name, format, seen[format])
			}
			seen[format] = name
			if err := out.add(format, say); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	for _, list := range out.begun {
		slices.SortFunc(list, longer)
	}
	slices.SortFunc(out.open, longer)
	return out, nil
}

func longer(a, b *phrase) int {
	if a.plain != b.plain {
		return b.plain - a.plain
	}
	return slices.Compare(a.parts, b.parts)
}

func (all *phrases) add(format string, say map[string]string) error {
	p := &phrase{parts: verb.Split(format, -1), say: say}
	verbs := verb.FindAllString(format, -1)
	for _, l := range Languages[1:] {
		if say[l.Tag] == "" {
			return fmt.Errorf("%s lacks %q", l.Name, format)
		}
		for _, at := range place.FindAllString(say[l.Tag], -1) {
			if n := int(at[1] - '0'); n < 1 || n > len(verbs) {
				return fmt.Errorf("%s of %q has %s, which stands for nothing", l.Name, format, at)
			}
		}
	}
	var text, english strings.Builder
	for i, part := range p.parts {
		p.plain += len(part)
		text.WriteString(regexp.QuoteMeta(part))
		english.WriteString(part)
		if i == len(verbs) {
			break
		}
		text.WriteString(fits[verbs[i]])
		fmt.Fprintf(&english, map[bool]string{true: `"{%d}"`, false: "{%d}"}[verbs[i] == "%q"], i+1)
	}
	say[Languages[0].Tag] = english.String()
	whole := `(?s)\A` + text.String() + `\z`
	p.pattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(whole) })
	first, _, complete := strings.Cut(p.parts[0], " ")
	switch {
	case len(verbs) == 0:
		all.exact[format] = p
	case !strings.Contains(format, " "):
		return fmt.Errorf("%q has a verb and no blank: it would fit any word", format)
	case complete:
		all.begun[first] = append(all.begun[first], p)
	default:
		all.open = append(all.open, p)
	}
	return nil
}

// closed returns the phrase that text is and that begins with a word, with the values of
// its verbs after the whole.
func (all *phrases) closed(text string) (*phrase, []string) {
	if p := all.exact[text]; p != nil {
		return p, []string{text}
	}
	first, _, _ := strings.Cut(text, " ")
	return among(all.begun[first], text)
}

// opened is closed for the phrases that begin with a verb.
func (all *phrases) opened(text string) (*phrase, []string) {
	if !strings.Contains(text, " ") {
		return nil, nil
	}
	return among(all.open, text)
}

func among(list []*phrase, text string) (*phrase, []string) {
	for _, p := range list {
		if found := p.values(text); found != nil {
			return p, found
		}
	}
	return nil, nil
}

// values of p in text, after the whole; nil where it is another sentence.
func (p *phrase) values(text string) []string {
	if !strings.HasSuffix(text, p.parts[len(p.parts)-1]) {
		return nil
	}
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

// said writes what a service said in English in a language: each link of a chain that is
// known, the others as they are. What stands in guillemets there, or was quoted, are
// somebody's own words and stay as they are; {1?} are either. ok is false for a sentence
// that is not known.
func (c *catalogue) said(lang, detail string, w ink) (text string, ok bool) {
	links := linksMost
	return c.link(lang, detail, w, &links)
}

// linksMost bounds how many links of one chain are looked for: somebody else's words may
// be made to look like a longer one.
const linksMost = 32

// link says one link of a chain and those that follow from it.
func (c *catalogue) link(lang, detail string, w ink, links *int) (text string, ok bool) {
	if *links--; *links < 0 {
		return "", false
	}
	p, found := c.phrases.closed(detail)
	if p == nil {
		if m := headed.FindStringSubmatch(detail); m != nil {
			if rest, known := c.link(lang, m[2], w, links); known {
				return w.foreign(m[1]) + w.own(": ") + rest, true
			}
		}
		p, found = c.phrases.opened(detail)
	}
	if p == nil {
		return "", false
	}
	sentence := p.say[lang]
	var b strings.Builder
	end := 0
	for _, at := range place.FindAllStringIndex(sentence, -1) {
		before := sentence[end:at[0]]
		end = at[1]
		b.WriteString(w.own(before))
		value := found[sentence[at[0]+1]-'0']
		if m := cut.FindStringSubmatch(value); m != nil {
			value = m[1][:len(m[1])-1] + `…"`
		}
		if words, err := strconv.Unquote(value); err == nil && value[0] == '"' {
			b.WriteString(w.foreign(words))
			continue
		}
		inner, known := "", false
		if !strings.HasSuffix(strings.TrimRight(before, " \u00a0\u202f"), "«") {
			inner, known = c.link(lang, value, w, links)
		}
		switch quote := guillemets[lang]; {
		case known:
			b.WriteString(inner)
		case sentence[at[1]-2] == '?':
			b.WriteString(w.own(quote[0]) + w.foreign(value) + w.own(quote[1]))
		default:
			b.WriteString(w.foreign(value))
		}
	}
	return strings.TrimSpace(b.String() + w.own(sentence[end:])), true
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
