package page

import (
	"fmt"
	"html"
	"html/template"
	"strings"
	"time"
)

// Markup writes HTML in code. It is for what stands on a page so often that a template
// would take most of the page's time: the rows of lists. What is not a constant of the
// program is escaped.
type Markup struct {
	r *Request
	b strings.Builder
}

// literal is markup that stands in the program's text; no variable of another package
// can be one.
type literal string

// Markup begins an empty one, in the viewer's language.
func (r *Request) Markup() *Markup { return &Markup{r: r} }

// HTML is what was written.
func (m *Markup) HTML() template.HTML { return template.HTML(m.b.String()) }

// Tag writes a constant.
func (m *Markup) Tag(s literal) { m.b.WriteString(string(s)) }

// Text writes a foreign text as a page shows it: on one line, without controls.
func (m *Markup) Text(text string) { m.b.WriteString(html.EscapeString(shown(text))) }

// Safe writes markup that was made safe by another.
func (m *Markup) Safe(h template.HTML) { m.b.WriteString(string(h)) }

// Attr writes an attribute that is no address and no script, with a space before it.
func (m *Markup) Attr(name literal, value string) {
	m.b.WriteByte(' ')
	m.b.WriteString(string(name))
	m.b.WriteString(`="`)
	m.b.WriteString(html.EscapeString(strings.ToValidUTF8(strings.ReplaceAll(value, "\x00", ""), "")))
	m.b.WriteByte('"')
}

// Path is Attr for the address of a page of this instance: it begins with one slash.
func (m *Markup) Path(name literal, path string) {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		path = "#"
	}
	m.Attr(name, path)
}

// Lang writes the language and the direction of what an element holds; nothing for "".
func (m *Markup) Lang(tag string) {
	if tag != "" {
		m.Attr("lang", tag)
		m.Attr("dir", dirOf(tag))
	}
}

// Words writes the sentence for a key (Request.T).
func (m *Markup) Words(key string, args ...any) {
	m.b.WriteString(html.EscapeString(m.r.T(key, args...)))
}

// Say writes the sentence for a key, which holds markup; values are escaped.
func (m *Markup) Say(key string, args ...any) {
	m.b.WriteString(m.r.T(key, escaped(args)...))
}

// Count writes the sentence for a key and a number (Request.N).
func (m *Markup) Count(key string, n int, args ...any) {
	m.b.WriteString(html.EscapeString(m.r.N(key, n, args...)))
}

// Number writes a whole number as the language writes it.
func (m *Markup) Number(n int64) {
	m.b.WriteString(html.EscapeString(m.r.site.words.number(m.r.lang, n)))
}

// Date writes a day as the language writes it.
func (m *Markup) Date(t time.Time) {
	m.b.WriteString(html.EscapeString(m.r.site.words.date(m.r.lang, t)))
}

// Clock writes a time of day in Zulu.
func (m *Markup) Clock(t time.Time) { m.Safe(clock(t)) }

// When writes a time of day in Zulu and its day; nothing for the zero time.
func (m *Markup) When(t time.Time) { m.Safe(m.r.site.words.when(m.r.lang, t)) }

// Marking writes the marking of a rank as the part "marking" does.
func (m *Markup) Marking(rank int64) {
	mark := m.r.site.Marking(rank)
	fmt.Fprintf(&m.b, `<span class="mk mk--%d">`, mark.Level)
	if mark.Classified {
		m.Tag(`<svg class="i" aria-hidden="true"><use href="#lock"/></svg> `)
	}
	m.b.WriteString(html.EscapeString(mark.Name))
	m.Tag(`</span>`)
}

// Precedence writes the precedence of a rank as the part "precedence" does.
func (m *Markup) Precedence(rank int64) {
	mark := m.r.site.Precedence(rank)
	fmt.Fprintf(&m.b, `<span class="pr pr--%[1]d"><svg class="i" aria-hidden="true"><use href="#p%[1]d"/></svg>`, mark.Level)
	m.b.WriteString(html.EscapeString(mark.Name))
	m.Tag(`</span>`)
}

// clock is a time of day in Zulu.
func clock(t time.Time) template.HTML {
	t = t.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `"><bdi class="ltr">` + t.Format("1504Z") + `</bdi></time>`)
}

// when is a time of day in Zulu with its day; "" for the zero time.
func (c *catalogue) when(lang string, t time.Time) template.HTML {
	if t.IsZero() {
		return ""
	}
	t = t.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `"><bdi class="ltr">` + t.Format("1504Z") + `</bdi> ` + html.EscapeString(c.date(lang, t)) + `</time>`)
}
