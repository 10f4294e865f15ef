package page

import (
	"bytes"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/nicksnyder/go-i18n/v2/i18n"
)

func bareSite(t *testing.T) *Site {
	t.Helper()
	s, err := New(Options{Own: "a.localhost", Name: func() string { return "Embassy" }, Log: slog.New(slog.DiscardHandler), Now: time.Now, Sessions: scs.New(),
		Who: func(*http.Request) (*Viewer, error) { return nil, nil }, Rail: func(*http.Request, *Viewer, bool) (Rail, error) { return Rail{}, nil },
		Marking: func(rank int64) Mark {
			return Mark{Name: `<"SECRET">`, Level: int(rank), Classified: rank > 2}
		},
		Precedence: func(rank int64) Mark { return Mark{Name: "FLASH & FAST", Level: int(rank)} },
		Changed:    func() {}, Refused: func(error) *Problem { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is written in code is what the templates write.
func TestMarkupIsWhatTemplatesWrite(t *testing.T) {
	s := bareSite(t)
	at := time.Date(2026, 11, 9, 15, 48, 0, 0, time.UTC)
	for _, l := range Languages {
		r := &Request{site: s, lang: l.Tag}
		pages, err := s.page(l.Tag, "page/problem")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			template string
			data     any
			write    func(*Markup)
		}{
			{`{{template "marking" (mark .)}}`, int64(1), func(m *Markup) { m.Marking(1) }},
			{`{{template "marking" (mark .)}}`, int64(3), func(m *Markup) { m.Marking(3) }},
			{`{{template "precedence" (precedence .)}}`, int64(2), func(m *Markup) { m.Precedence(2) }},
			{`{{when .}}`, at, func(m *Markup) { m.When(at) }},
			{`{{when .}}`, time.Time{}, func(m *Markup) { m.When(time.Time{}) }},
			{`{{clock .}} {{date .}}`, at, func(m *Markup) { m.Clock(at); m.Tag(" "); m.Date(at) }},
			{`{{shown .}}`, "Ann <b>\u202E& \"co\"\n'", func(m *Markup) { m.Text("Ann <b>\u202E& \"co\"\n'") }},
			{`<a href="{{.}}">`, "/dispatches/a.localhost/d/1?q=x%3D1", func(m *Markup) { m.Tag(`<a`); m.Path("href", "/dispatches/a.localhost/d/1?q=x%3D1"); m.Tag(`>`) }},
			{`<p lang="{{.}}" dir="{{dirOf .}}">`, "ar-EG", func(m *Markup) { m.Tag(`<p`); m.Lang("ar-EG"); m.Tag(`>`) }},
		} {
			set, err := pages.Clone()
			if err != nil {
				t.Fatal(err)
			}
			want := new(bytes.Buffer)
			if err := template.Must(set.New("case").Parse(c.template)).Execute(want, c.data); err != nil {
				t.Fatal(err)
			}
			m := r.Markup()
			c.write(m)
			if got := string(m.HTML()); got != want.String() {
				t.Errorf("%s: %s of %v: in code %q, by the template %q", l.Tag, c.template, c.data, got, want)
			}
		}
	}
}

// No value leaves its place: not an attribute, not the instance.
func TestMarkupEscapes(t *testing.T) {
	r := &Request{site: bareSite(t), lang: "en"}
	m := r.Markup()
	m.Tag(`<a`)
	m.Path("href", "//evil.example/")
	m.Path("data-a", "javascript:alert(1)")
	m.Path("data-b", `/x"onclick="y`)
	m.Attr("title", "a\x00\xff\"><script>")
	m.Tag(`>`)
	m.Text(`</a><script>`)
	want := `<a href="#" data-a="#" data-b="/x&#34;onclick=&#34;y" title="a&#34;&gt;&lt;script&gt;">&lt;/a&gt;&lt;script&gt;`
	if got := string(m.HTML()); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// Sentences are filled here as the library would fill them.
func TestSentencesAreFilled(t *testing.T) {
	s := bareSite(t)
	n := 0
	for _, l := range Languages {
		for key, m := range s.words.keys[l.Tag] {
			if len(forms(m)) > 1 || !strings.Contains(m.Other, "{{") {
				continue
			}
			var args []any
			data := map[string]any{}
			for _, part := range strings.Split(m.Other, "{{.")[1:] {
				name, _, _ := strings.Cut(part, "}}")
				args, data[name] = append(args, name, "<"+name+">"), "<"+name+">"
			}
			want, err := s.words.localizers[l.Tag].Localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: data})
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := filled(m.Other, args); !ok || got != want {
				t.Errorf("%s in %s: %q, by the library %q", key, l.Tag, got, want)
			}
			n++
		}
	}
	if n == 0 {
		t.Error("no sentence has a place")
	}
	for _, odd := range []string{"{{if .A}}x{{end}}", "{{.A", "{{.B}}"} {
		if text, ok := filled(odd, []any{"A", 1}); ok {
			t.Errorf("%q was filled as %q", odd, text)
		}
	}
}
