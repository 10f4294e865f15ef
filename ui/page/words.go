package page

import (
	"errors"
	"fmt"
	"html"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"
)

// Languages of the portal, the first one for those whose language is none of them.
var Languages = []Language{
	{"en", "ltr", "English", []string{"one", "other"}},
	{"fr", "ltr", "Français", []string{"one", "many", "other"}},
	{"ar", "rtl", "العربية", []string{"zero", "one", "two", "few", "many", "other"}},
}

// Language is one language of the portal with the plural forms that CLDR names for it.
type Language struct {
	Tag, Dir, Name string
	Plurals        []string
}

var matcher = language.NewMatcher([]language.Tag{language.English, language.French, language.Arabic})

// known reports whether the portal speaks the language.
func known(tag string) bool {
	return slices.ContainsFunc(Languages, func(l Language) bool { return l.Tag == tag })
}

// language chooses the language of a page: what the address asks for, what she prefers,
// what was chosen before, what her browser says.
func (s *Site) language(q *http.Request, preferred string) string {
	if asked := q.URL.Query().Get("lang"); known(asked) {
		s.Sessions.Put(q.Context(), "lang", asked)
		return asked
	}
	if known(preferred) {
		return preferred
	}
	if chosen := s.Sessions.GetString(q.Context(), "lang"); known(chosen) {
		return chosen
	}
	tags, _, err := language.ParseAcceptLanguage(q.Header.Get("Accept-Language"))
	if err != nil || len(tags) == 0 {
		return Languages[0].Tag
	}
	_, i, _ := matcher.Match(tags[:min(len(tags), 10)]...)
	return Languages[i].Tag
}

// catalogue is every sentence of the portal in every language.
type catalogue struct {
	localizers map[string]*i18n.Localizer
	printers   map[string]*message.Printer
	keys       map[string]map[string]*i18n.Message // by language, then key
	phrases    *phrases
}

// catalogues are those that were opened, by where their words stand: they never change,
// and every instance of a process speaks the same.
var catalogues sync.Map // of string, *catalogue

func wordsOf(areas []Area) (*catalogue, error) {
	var key strings.Builder
	for _, a := range areas {
		fmt.Fprintf(&key, "%s %#v\n", a.Name, a.Files)
	}
	if c, ok := catalogues.Load(key.String()); ok {
		return c.(*catalogue), nil
	}
	c, err := openCatalogue(areas)
	if err == nil {
		catalogues.Store(key.String(), c)
	}
	return c, err
}

func openCatalogue(areas []Area) (*catalogue, error) {
	c := &catalogue{localizers: map[string]*i18n.Localizer{}, printers: map[string]*message.Printer{}, keys: map[string]map[string]*i18n.Message{}}
	bundle := i18n.NewBundle(language.English)
	all := append([]Area{{Name: "page", Files: files}}, areas...)
	for _, l := range Languages {
		c.keys[l.Tag] = map[string]*i18n.Message{}
		for _, a := range all {
			if err := c.read(a, l); err != nil {
				return nil, err
			}
		}
		tag := language.MustParse(l.Tag)
		if err := bundle.AddMessages(tag, slices.Collect(maps.Values(c.keys[l.Tag]))...); err != nil {
			return nil, fmt.Errorf("words in %s: %w", l.Name, err)
		}
	}
	for _, l := range Languages {
		c.localizers[l.Tag] = i18n.NewLocalizer(bundle, l.Tag)
		// Figures are 0 to 9 in all languages, so that a reference reads the same everywhere.
		c.printers[l.Tag] = message.NewPrinter(language.MustParse(l.Tag + "-u-nu-latn"))
	}
	var err error
	if c.phrases, err = readPhrases(refusals); err != nil {
		return nil, err
	}
	return c, c.complete()
}

// read takes the words of one area in one language: nested maps, or plural forms.
func (c *catalogue) read(a Area, l Language) error {
	name := "locales/" + l.Tag + ".yaml"
	b, err := fs.ReadFile(a.Files, name)
	if err != nil {
		return fmt.Errorf("words of %s in %s: %w", a.Name, l.Name, err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(b, &tree); err != nil {
		return fmt.Errorf("words of %s in %s: %w", a.Name, name, err)
	}
	return c.add(l, a.Name, tree)
}

func (c *catalogue) add(l Language, prefix string, tree map[string]any) error {
	for k, v := range tree {
		key := prefix + "." + k
		switch v := v.(type) {
		case string:
			c.keys[l.Tag][key] = &i18n.Message{ID: key, Other: v}
		case map[string]any:
			if !plural(v) {
				if err := c.add(l, key, v); err != nil {
					return err
				}
				continue
			}
			m := &i18n.Message{ID: key}
			for form, text := range v {
				words, ok := text.(string)
				if !ok {
					return fmt.Errorf("words %s in %s: the form %q is no text", key, l.Name, form)
				}
				switch form {
				case "zero":
					m.Zero = words
				case "one":
					m.One = words
				case "two":
					m.Two = words
				case "few":
					m.Few = words
				case "many":
					m.Many = words
				case "other":
					m.Other = words
				default:
					return fmt.Errorf("words %s in %s: %q is no plural form", key, l.Name, form)
				}
			}
			c.keys[l.Tag][key] = m
		default:
			return fmt.Errorf("words %s in %s: neither a text nor plural forms (quote yes, no and numbers)", key, l.Name)
		}
	}
	return nil
}

// plural tells the forms of one sentence from a group of sentences.
func plural(v map[string]any) bool {
	_, has := v["other"]
	for form := range v {
		has = has && slices.Contains([]string{"zero", "one", "two", "few", "many", "other"}, form)
	}
	return has
}

func forms(m *i18n.Message) []string {
	var out []string
	for _, f := range []struct{ name, text string }{{"zero", m.Zero}, {"one", m.One}, {"two", m.Two}, {"few", m.Few}, {"many", m.Many}, {"other", m.Other}} {
		if f.text != "" {
			out = append(out, f.name)
		}
	}
	return out
}

// complete reports each sentence that a language lacks, and each plural form.
func (c *catalogue) complete() error {
	var missing []error
	for _, l := range Languages {
		for key, m := range c.keys[Languages[0].Tag] {
			have, ok := c.keys[l.Tag][key]
			if !ok {
				missing = append(missing, fmt.Errorf("%s lacks %s", l.Name, key))
				continue
			}
			if len(forms(m)) < 2 {
				continue
			}
			for _, form := range l.Plurals {
				if !slices.Contains(forms(have), form) {
					missing = append(missing, fmt.Errorf("%s lacks the form %q of %s", l.Name, form, key))
				}
			}
		}
		for key := range c.keys[l.Tag] {
			if _, ok := c.keys[Languages[0].Tag][key]; !ok {
				missing = append(missing, fmt.Errorf("only %s has %s", l.Name, key))
			}
		}
	}
	slices.SortFunc(missing, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(missing...)
}

func (c *catalogue) find(lang, key string) (string, bool) {
	m, ok := c.keys[lang][key]
	if !ok {
		return "", false
	}
	return m.Other, true
}

// say returns a sentence. args are pairs of a name and a value. count chooses the plural
// form and is {{.Count}} in the sentence.
func (c *catalogue) say(lang, key string, count any, args []any) (string, error) {
	if m := c.keys[lang][key]; m != nil && count == nil {
		if text, ok := filled(m.Other, args); ok {
			return text, nil
		}
	}
	data := map[string]any{}
	for i := 0; i+1 < len(args); i += 2 {
		value := args[i+1]
		if _, markup := value.(template.HTML); !markup {
			value = shown(value)
		}
		data[fmt.Sprint(args[i])] = value
	}
	cfg := &i18n.LocalizeConfig{MessageID: key, TemplateData: data}
	if count != nil {
		data["Count"] = c.number(lang, count)
		cfg.PluralCount = count
	}
	text, err := c.localizers[lang].Localize(cfg)
	if err != nil {
		return "", fmt.Errorf("words %s in %s: %w", key, lang, err)
	}
	return text, nil
}

// filled puts values into the places of a sentence, {{.Name}}. It tells whether that was
// all that the sentence holds of template language.
func filled(sentence string, args []any) (string, bool) {
	before, rest, more := strings.Cut(sentence, "{{")
	if !more {
		return sentence, true // most say the same always
	}
	var b strings.Builder
	for more {
		b.WriteString(before)
		var place string
		if place, rest, more = strings.Cut(rest, "}}"); !more || !strings.HasPrefix(place, ".") {
			return "", false
		}
		value, ok := any(nil), false
		for i := 0; i+1 < len(args) && !ok; i += 2 {
			value, ok = args[i+1], args[i] == place[1:]
		}
		if !ok {
			return "", false
		}
		if markup, is := value.(template.HTML); is {
			b.WriteString(string(markup))
		} else {
			b.WriteString(shown(value))
		}
		before, rest, more = strings.Cut(rest, "{{")
	}
	b.WriteString(before)
	return b.String(), true
}

// T returns the sentence for key in the viewer's language. args are pairs of a name and
// a value that the sentence uses as {{.Name}}.
func (r *Request) T(key string, args ...any) string {
	text, err := r.site.words.say(r.lang, key, nil, args)
	if err != nil {
		r.site.Log.Error("words are missing", "err", err)
		return key
	}
	return text
}

// Word is the sentence for a key that others make up, else what stands in for it.
func (r *Request) Word(key, instead string) string {
	if text, ok := r.site.words.find(r.lang, key); ok {
		return text
	}
	return instead
}

// N is T with a number that chooses the plural form.
func (r *Request) N(key string, count int, args ...any) string {
	text, err := r.site.words.say(r.lang, key, count, args)
	if err != nil {
		r.site.Log.Error("words are missing", "err", err)
		return key
	}
	return text
}

// wordFuncs are the functions of templates that depend on the language. Words are
// trusted markup in "say" and "sayn": what is put into them is escaped.
func (c *catalogue) wordFuncs(lang string) template.FuncMap {
	return template.FuncMap{
		"t": func(key string, args ...any) (string, error) { return c.say(lang, key, nil, args) },
		// word is the sentence for a key that others make up, else what stands in for it.
		"word": func(key, instead string) string {
			if text, ok := c.find(lang, key); ok {
				return text
			}
			return instead
		},
		"n": func(key string, count any, args ...any) (string, error) {
			return c.say(lang, key, plain(count), args)
		},
		"say": func(key string, args ...any) (template.HTML, error) {
			text, err := c.say(lang, key, nil, escaped(args))
			return template.HTML(text), err
		},
		"sayn": func(key string, count any, args ...any) (template.HTML, error) {
			text, err := c.say(lang, key, plain(count), escaped(args))
			return template.HTML(text), err
		},
		// refusal is a sentence of a service, which speaks English, in the page's language.
		"refusal": func(detail string) template.HTML { return c.refusalHTML(lang, detail) },
		"num":     func(n any) string { return c.number(lang, n) },
		"date":    func(t time.Time) string { return c.date(lang, t) },
		"when":    func(t time.Time) template.HTML { return c.when(lang, t) },
		"clock":   clock,
		"size":    func(n int64) string { return c.size(lang, n) },
	}
}

// escaped makes markup of the values among pairs.
func escaped(args []any) []any {
	out := slices.Clone(args)
	for i := 1; i < len(out); i += 2 {
		if _, safe := out[i].(template.HTML); !safe {
			out[i] = template.HTML(html.EscapeString(shown(out[i])))
		}
	}
	return out
}

// number is a number as the language writes it. One of three figures is the same in all.
func (c *catalogue) number(lang string, n any) string {
	if small, ok := plain(n).(int); ok && 0 <= small && small < 1000 {
		return strconv.Itoa(small)
	}
	return c.printers[lang].Sprint(number.Decimal(n))
}

// plain makes a count of any whole type one that plural rules take.
func plain(n any) any {
	switch n := n.(type) {
	case int64:
		return int(n)
	case uint64:
		return int(n)
	}
	return n
}

// date is a day as the language writes it, in UTC: 9 Nov 2026.
func (c *catalogue) date(lang string, t time.Time) string {
	t = t.UTC()
	text, err := c.say(lang, "page.date", nil, []any{"Day", t.Day(), "Month", c.keys[lang][fmt.Sprintf("page.month.m%02d", int(t.Month()))].Other, "Year", t.Year()})
	if err != nil {
		return t.Format("2006-01-02")
	}
	return text
}

func (c *catalogue) size(lang string, n int64) string {
	unit, value := "page.size.bytes", float64(n)
	switch {
	case n >= 1<<20:
		unit, value = "page.size.mb", float64(n)/(1<<20)
	case n >= 1<<10:
		unit, value = "page.size.kb", float64(n)/(1<<10)
	}
	figure := c.printers[lang].Sprint(number.Decimal(value, number.MaxFractionDigits(1)))
	text, err := c.say(lang, unit, nil, []any{"N", figure})
	if err != nil {
		return figure
	}
	return text
}
