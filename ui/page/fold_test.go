package page

import (
	"bytes"
	"html/template"
	"strings"
	"testing"

	"github.com/nicksnyder/go-i18n/v2/i18n"
)

// Words that are written into a template are those that it would ask for, escaped alike.
func TestFoldedWordsAreTheSame(t *testing.T) {
	const sentence = `Rock & "roll" <b>it's</b>`
	for _, l := range Languages {
		c := &catalogue{keys: map[string]map[string]*i18n.Message{l.Tag: {
			"x.plain": {ID: "x.plain", Other: sentence}, "x.markup": {ID: "x.markup", Other: "so <em>" + l.Tag + "</em>"}, "x.place": {ID: "x.place", Other: "by {{.Name}}"}}}}
		for _, text := range []string{
			`<p title="{{t "x.plain"}}">{{t "x.plain"}}: {{t "x.plain"}}</p>`, `<title>{{t "x.plain"}}</title>`, `<p>{{say "x.markup"}}</p>`,
			`{{define "in"}}<i data-l="{{.}}">{{.}}</i>{{end}}{{template "in" (t "x.plain")}}`, `{{range list 1 2}}<b>{{t "x.plain"}}{{.}}</b>{{else}}{{t "x.plain"}}{{end}}`,
			`{{with $w := t "x.plain"}}<u>{{$w}}</u>{{end}}`, `{{if eq (t "x.plain") "no"}}a{{else}}{{t "x.plain"}}{{end}}`, `<p>{{t "x.place" "Name" "<Claire>"}}</p>`,
		} {
			var out [2]bytes.Buffer
			for i := range out {
				asked := 0
				funcs := c.wordFuncs(l.Tag)
				funcs["t"] = func(key string, args ...any) (string, error) { asked++; return c.say(l.Tag, key, nil, args) }
				funcs["list"] = func(v ...any) []any { return v }
				page, err := template.New("page").Funcs(funcs).Parse(text)
				if err != nil {
					t.Fatal(err)
				}
				if i == 1 {
					c.fold(l.Tag, page.Tree.Root)
				}
				if err := page.Execute(&out[i], nil); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				if i == 1 && asked > 0 && !strings.Contains(text, "x.place") && !strings.Contains(text, "$w") {
					t.Errorf("%s: the words were asked for %d times", text, asked)
				}
			}
			if out[0].String() != out[1].String() {
				t.Errorf("%s\nasked  %s\nfolded %s", text, &out[0], &out[1])
			}
		}
	}
}
