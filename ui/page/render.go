package page

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"regexp"
	"strings"
	"sync"
	texttemplate "text/template"
	"time"

	"github.com/microcosm-cc/bluemonday"

	"valise/models"
	"valise/models/iri"
)

// Page is what a handler hands to Render.
type Page struct {
	Name  string // "area/file"
	Title string
	// Nav is the current place of the masthead: correspondence, drafts, communities,
	// search, directory, operator; "" for none.
	Nav string
	// At is the current link of the rail.
	At string
	// Highest is the rank of the highest marking on the page, shown at its head and foot;
	// 0 for none.
	Highest int64
	// Bare pages have no masthead: signing in, setting up.
	Bare bool
	// Wide pages have no rail.
	Wide bool
	// Beside replaces the folders beside the text.
	Beside []RailGroup
	Data   any
}

// view is the dot of every template.
type view struct {
	Page
	Lang, Dir string
	Languages []Language
	Viewer    *Viewer
	Own       iri.Host
	Instance  string
	Now       time.Time
	Said      string
	Warned    string
	Rail      Rail
	Path      string
	Sample    bool
	Mark      *Mark // of Highest
	Script    string
	Sheet     string
	Places    template.HTML // links of the masthead
	Folders   template.HTML // what stands in the rail
	Main      template.HTML // the page within its frame
}

// set makes the templates of one area in one language, at their first use.
type set = func() (*template.Template, error)

// parse reads the pages of all areas. What a page is made of is compiled for a language
// when it is first asked for: functions of words know theirs.
func (s *Site) parse(areas []Area) error {
	frame, err := texttemplate.New("layout").Funcs(s.names()).ParseFS(files, "frame/*.html")
	if err != nil {
		return fmt.Errorf("parse the frame: %w", err)
	}
	base := map[string]set{}
	for _, l := range Languages {
		base[l.Tag] = sync.OnceValues(func() (*template.Template, error) {
			t := template.New("layout").Funcs(s.funcs()).Funcs(s.words.wordFuncs(l.Tag))
			return t, s.addTrees(l.Tag, t, frame)
		})
	}
	for _, a := range append([]Area{{Name: "page", Files: files}}, areas...) {
		read, err := s.read(frame, a)
		if err != nil {
			return fmt.Errorf("parse the pages of %s: %w", a.Name, err)
		}
		for _, l := range Languages {
			compiled := sync.OnceValues(func() (*template.Template, error) { return s.compile(l.Tag, base[l.Tag], read) })
			for _, t := range read.Templates() {
				s.pages[l.Tag+" "+t.Name()] = compiled
			}
		}
	}
	return nil
}

// page returns the templates that a page is among.
func (s *Site) page(lang, name string) (*template.Template, error) {
	compiled, ok := s.pages[lang+" "+name]
	if !ok {
		return nil, fmt.Errorf("there is no page %q", name)
	}
	return compiled()
}

// addTrees gives t copies of what was read, with the words of a language.
func (s *Site) addTrees(lang string, t *template.Template, read *texttemplate.Template) error {
	for _, d := range read.Templates() {
		if d.Tree == nil {
			continue
		}
		tree := d.Tree.Copy()
		s.words.fold(lang, tree.Root)
		if _, err := t.AddParseTree(d.Name(), tree); err != nil {
			return err
		}
	}
	return nil
}

// names are the functions of templates for who only reads them.
func (s *Site) names() texttemplate.FuncMap {
	f := texttemplate.FuncMap(s.funcs())
	maps.Copy(f, s.words.wordFuncs(Languages[0].Tag))
	return f
}

// definitions finds the names that a file defines.
var definitions = regexp.MustCompile(`{{-?\s*define\s+"([^"]+)"`)

// read parses the pages of an area, once for all languages. Each page's "main" gets the
// page's name; any other name is defined once.
func (s *Site) read(frame *texttemplate.Template, a Area) (*texttemplate.Template, error) {
	names, err := fs.Glob(a.Files, "*.html")
	if err != nil {
		return nil, err
	}
	t := texttemplate.New(a.Name).Funcs(s.names())
	for _, name := range names {
		text, err := fs.ReadFile(a.Files, name)
		if err != nil {
			return nil, err
		}
		page := a.Name + "/" + strings.TrimSuffix(path.Base(name), ".html")
		twice := ""
		text = definitions.ReplaceAllFunc(text, func(m []byte) []byte {
			switch d := string(definitions.FindSubmatch(m)[1]); {
			case d == "main":
				return fmt.Appendf(nil, "{{define %q", page)
			case t.Lookup(d) != nil || frame.Lookup(d) != nil:
				twice = d
			}
			return m
		})
		if twice != "" {
			return nil, fmt.Errorf("%s defines %q, which is defined already", name, twice)
		}
		if _, err := t.New(a.Name + "/" + name).Parse(string(text)); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// compile makes one set of what an area's pages share.
func (s *Site) compile(lang string, base set, read *texttemplate.Template) (*template.Template, error) {
	frame, err := base()
	if err != nil {
		return nil, err
	}
	t, err := frame.Clone()
	if err != nil {
		return nil, err
	}
	if err := s.addTrees(lang, t, read); err != nil {
		return nil, err
	}
	t.Funcs(template.FuncMap{"part": func(name string, data any) (template.HTML, error) {
		var b bytes.Buffer
		err := t.ExecuteTemplate(&b, name, data)
		return template.HTML(b.String()), err
	}})
	return t, nil
}

// buffers are those in which pages are made; longer ones than bufferMost are not kept.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const bufferMost = 256 << 10

// Render writes a page. It is made whole before its first byte leaves.
func (r *Request) Render(p Page) error {
	s := r.site
	t, err := s.page(r.lang, p.Name)
	if err != nil {
		return err
	}
	v := &view{Page: p, Lang: r.lang, Languages: Languages, Viewer: r.Viewer, Own: s.Own, Instance: s.title(), Now: r.now, Path: r.Context.Request.URL.Path, Sample: s.Sample,
		Said: s.Sessions.PopString(r.Ctx(), "said"), Warned: s.Sessions.PopString(r.Ctx(), "warned"), Script: s.assets.name("valise.js"), Sheet: s.assets.name("valise.css")}
	for _, l := range Languages {
		if l.Tag == r.lang {
			v.Dir = l.Dir
		}
	}
	if p.Highest > 0 {
		m := s.Marking(p.Highest)
		v.Mark = &m
	}
	if r.Viewer.SignedIn() && !p.Bare {
		if v.Rail, err = s.Rail(r.Context.Request, r.Viewer, !p.Wide && p.Beside == nil); err != nil {
			return err
		}
		if p.Beside != nil {
			v.Rail.Groups = p.Beside
		}
	}
	main, b := buffers.Get().(*bytes.Buffer), buffers.Get().(*bytes.Buffer)
	defer func() {
		for _, used := range []*bytes.Buffer{main, b} {
			if used.Cap() <= bufferMost {
				used.Reset()
				buffers.Put(used)
			}
		}
	}()
	if err := t.ExecuteTemplate(main, p.Name, v); err != nil {
		return fmt.Errorf("make the page %s: %w", p.Name, err)
	}
	v.Main = template.HTML(main.String())
	if !p.Bare {
		v.Places, v.Folders = r.masthead(p.Nav), r.folders(v.Rail.Groups, p.At)
	}
	if err := t.ExecuteTemplate(b, "layout", v); err != nil {
		return fmt.Errorf("make the frame of the page %s: %w", p.Name, err)
	}
	status := r.Writer.Status()
	if status == 0 {
		status = http.StatusOK
	}
	r.Context.Data(status, "text/html; charset=utf-8", ordered(b.Bytes()))
	return nil
}

// Fragment makes one named part of a page, for the page's own script.
func (r *Request) Fragment(name, part string, data any) (string, error) {
	t, err := r.site.page(r.lang, name)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = t.ExecuteTemplate(&b, part, data)
	return string(ordered(b.Bytes())), err
}

// sanitiser lets through what a dispatch may be made of, once more at render.
var sanitiser = func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "em", "strong", "b", "i", "u", "s", "ul", "ol", "li", "blockquote", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "hr", "sup", "sub", "h2", "h3", "h4")
	p.AllowAttrs("dir").Matching(bluemonday.Direction).Globally()
	p.AllowAttrs("lang").Matching(bluemonday.SpaceSeparatedTokens).Globally()
	p.AllowStandardURLs()
	p.AllowURLSchemes("https", "mailto")
	p.AllowAttrs("href").OnElements("a")
	p.RequireNoReferrerOnLinks(true)
	p.RequireNoFollowOnLinks(true)
	return p
}()

// funcs are the functions of templates that are the same in all languages.
func (s *Site) funcs() template.FuncMap {
	f := template.FuncMap{
		"mark":       s.Marking,
		"precedence": s.Precedence,
		"safe":       func(html string) template.HTML { return template.HTML(sanitiser.Sanitize(html)) },
		"dict":       dict,
		"list":       func(v ...any) []any { return v },
		"add":        func(a, b int) int { return a + b },
		"time":       func(t models.Time) time.Time { return t.Time() },
		"has":        func(path string) bool { return s.paths[path] },
		"at":         DispatchPath,
		"path":       func(area string, id iri.IRI) string { return ObjectPath(area, id) },
		"ray":        ray,
		"groups":     groups,
		"fours":      fours,
		"dtg":        dtg,
		"dirOf":      dirOf,
		"isRTL":      func(tag string) bool { return dirOf(tag) == "rtl" },
		"shown":      shown,
		"asset":      func(name string) string { return s.assets.name(name) },
		"join":       strings.Join,
		"lower":      strings.ToLower,
		// part makes a part of the page as a value, to be put into a sentence.
		"part":   func(string, any) (template.HTML, error) { return "", nil },
		"string": func(v any) string { return fmt.Sprint(v) },
		"int":    func(v int64) int { return int(v) },
		"rank":   func(v int) int64 { return int64(v) },
		// once names one showing of a form, which acts once however often it is sent.
		"once":   rand.Text,
		"hostOf": func(id iri.IRI) iri.Host { return id.Host() },
	}
	maps.Copy(f, template.FuncMap{"eqs": func(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }})
	return f
}

// dict builds the argument of a part from pairs.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict wants pairs")
	}
	out := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		out[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return out, nil
}

// bidi are the controls that reorder text across their own end: a name or a subject
// that holds one would rearrange what stands beside it (Unicode UAX #9).
var bidi = strings.NewReplacer("\u202A", "", "\u202B", "", "\u202C", "", "\u202D", "", "\u202E", "", "\u2066", "", "\u2067", "", "\u2068", "", "\u2069", "", "\u200E", "", "\u200F", "", "\u061C", "")

// ordered takes the embeddings, overrides and isolates (U+202A to U+202E, U+2066 to U+2069)
// out of a finished page, in place: no sentence of ours needs one, and whoever wrote what
// stands on the page could turn round what is beside it.
func ordered(page []byte) []byte {
	kept := page[:0]
	for {
		i := bytes.IndexByte(page, 0xE2)
		if i < 0 || i+2 >= len(page) {
			return append(kept, page...)
		}
		kept = append(kept, page[:i]...)
		second, third := page[i+1], page[i+2]
		if !(second == 0x80 && third >= 0xAA && third <= 0xAE || second == 0x81 && third >= 0xA6 && third <= 0xA9) {
			kept = append(kept, page[i:i+3]...)
		}
		page = page[i+3:]
	}
}

// shown is a name, subject or label as a page shows it: on one line, without controls.
func shown(v any) string {
	text, ok := v.(string)
	if !ok {
		text = fmt.Sprint(v)
	}
	if !strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r == 0x7F || r == 0x061C || r >= 0x2000 && r < 0x2070 }) {
		return text
	}
	text = bidi.Replace(text)
	return strings.Map(func(c rune) rune {
		if c == '\n' || c == '\t' {
			return ' '
		}
		if c < 0x20 || c == 0x7F || c == 0x2028 || c == 0x2029 {
			return -1
		}
		return c
	}, text)
}

// dirOf is the direction of a language.
func dirOf(tag string) string {
	base, _, _ := strings.Cut(strings.ToLower(tag), "-")
	switch base {
	case "ar", "fa", "he", "ur", "ps", "ug", "yi", "sd", "dv":
		return "rtl"
	}
	return "ltr"
}
