// Package portaltest lets tests use the pages of instances in a cluster as people do:
// a browser without script that keeps its cookies, follows redirects and fills in forms.
package portaltest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/node"
	"valise/cmd/internal/signin"
	"valise/instance/access"
	"valise/models/iri"
	"valise/ui/page"
)

// Password is that of everybody whom SignIn lets in.
const Password = "quiet rivers carry far"

// Browser is one person's browser at one instance.
type Browser struct {
	T       testing.TB
	Node    *node.Node
	cookies map[string]string
	// Header is sent with every request: Accept-Language, say.
	Header http.Header
}

// Open is a browser of somebody who has not signed in.
func Open(t testing.TB, n *node.Node) *Browser {
	// The cost of real hashes would be most of what a test does.
	n.Access.Hashing = access.Hashing{Memory: 64, Time: 1, Threads: 1}
	n.Guests.Pace = 0
	return &Browser{T: t, Node: n, cookies: map[string]string{}, Header: http.Header{}}
}

// SignIn is the browser of a person of the instance, signed in just now.
func SignIn(t testing.TB, n *node.Node, person iri.IRI) *Browser {
	t.Helper()
	b := Open(t, n)
	token, err := signin.Token(context.Background(), n, person, Password)
	cluster.Must(t, err)
	b.SetCookie(token)
	return b
}

// Page is an answer, read as a document.
type Page struct {
	*goquery.Document
	b      *Browser
	Status int
	Path   string // where redirects have led
	Header http.Header
	Body   string
}

// Get opens a page and follows redirects.
func (b *Browser) Get(path string) *Page {
	b.T.Helper()
	return b.follow(http.MethodGet, path, "", "")
}

// Within opens a page and fails if that took more statements.
func (b *Browser) Within(most int64, path string) *Page {
	b.T.Helper()
	before := b.Node.Store.Statements()
	p := b.Get(path)
	if n := b.Node.Store.Statements() - before; n > most {
		b.T.Errorf("%s took %d statements, more than %d", path, n, most)
	}
	return p
}

// Post sends a form and follows redirects.
func (b *Browser) Post(path string, form url.Values) *Page {
	b.T.Helper()
	return b.follow(http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode())
}

// Send sends a body of any type and follows redirects.
func (b *Browser) Send(path, contentType, body string) *Page {
	b.T.Helper()
	return b.follow(http.MethodPost, path, contentType, body)
}

func (b *Browser) follow(method, path, contentType, body string) *Page {
	b.T.Helper()
	for range 10 {
		p := b.Ask(method, path, contentType, body)
		to := p.Header.Get("Location")
		if p.Status < 300 || p.Status > 399 || to == "" {
			return p
		}
		u, err := url.Parse(to)
		if err != nil || u.Host != "" && u.Host != string(b.Node.Own) {
			b.T.Fatalf("%s leads away, to %s", path, to)
		}
		base, err := url.Parse(path)
		cluster.Must(b.T, err)
		method, path, contentType, body = http.MethodGet, base.ResolveReference(u).RequestURI(), "", ""
	}
	b.T.Fatalf("%s redirects for ever", path)
	return nil
}

// Ask makes one request and follows nothing.
func (b *Browser) Ask(method, path, contentType, body string) *Page {
	b.T.Helper()
	q := httptest.NewRequest(method, b.Node.Own.Base()+path, strings.NewReader(body))
	q.Host, q.RemoteAddr = string(b.Node.Own), "127.0.0.1:1000"
	for k, v := range b.Header {
		q.Header[k] = v
	}
	q.Header.Set("Accept", "text/html")
	if b.Header.Get("Accept") != "" {
		q.Header.Set("Accept", b.Header.Get("Accept"))
	}
	if method != http.MethodGet {
		q.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if contentType != "" {
		q.Header.Set("Content-Type", contentType)
	}
	for k, v := range b.cookies {
		q.AddCookie(&http.Cookie{Name: k, Value: v})
	}
	w := httptest.NewRecorder()
	b.Node.Handler.ServeHTTP(w, q)
	res := w.Result()
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 || c.Value == "" {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	raw, err := io.ReadAll(res.Body)
	cluster.Must(b.T, err)
	p := &Page{b: b, Status: res.StatusCode, Path: path, Header: res.Header, Body: string(raw)}
	if p.Document, err = goquery.NewDocumentFromReader(strings.NewReader(p.Body)); err != nil {
		b.T.Fatal(err)
	}
	return p
}

// Cookie gives the browser another session, as a thief would.
func (b *Browser) Cookie() string { return b.cookies[b.cookie()] }

// SetCookie replaces the session's cookie.
func (b *Browser) SetCookie(v string) { b.cookies[b.cookie()] = v }

func (b *Browser) cookie() string {
	return page.CookieName(strings.HasPrefix(b.Node.Own.Base(), "https:"))
}

// OK fails unless the page came with 200.
func (p *Page) OK() *Page {
	p.b.T.Helper()
	return p.Is(http.StatusOK)
}

// Is fails unless the page came with the status.
func (p *Page) Is(status int) *Page {
	p.b.T.Helper()
	if p.Status != status {
		p.b.T.Fatalf("%s answered %d, want %d:\n%s", p.Path, p.Status, status, p.Words())
	}
	return p
}

// Words is the text of the page in its main part, with runs of space as one.
func (p *Page) Words() string {
	main := p.Find("main")
	if main.Length() == 0 {
		return p.Body
	}
	return strings.Join(strings.Fields(main.Text()), " ")
}

// Text is the text of what a selector finds, with runs of space as one.
func (p *Page) Text(selector string) string {
	return strings.Join(strings.Fields(p.Find(selector).Text()), " ")
}

// Says fails unless the main part holds each of the texts.
func (p *Page) Says(texts ...string) *Page {
	p.b.T.Helper()
	words := p.Words()
	for _, t := range texts {
		if !strings.Contains(words, t) {
			p.b.T.Errorf("%s (%d) does not say %q:\n%s", p.Path, p.Status, t, words)
		}
	}
	return p
}

// Lacks fails if the whole document holds one of the texts.
func (p *Page) Lacks(texts ...string) *Page {
	p.b.T.Helper()
	for _, t := range texts {
		if strings.Contains(p.Body, t) {
			p.b.T.Errorf("%s (%d) holds %q", p.Path, p.Status, t)
		}
	}
	return p
}

// Has fails unless a selector finds something.
func (p *Page) Has(selector string) *Page {
	p.b.T.Helper()
	if p.Find(selector).Length() == 0 {
		p.b.T.Errorf("%s (%d) has no %s", p.Path, p.Status, selector)
	}
	return p
}

// Submit fills in the form that a selector finds and sends it: every field keeps its
// value but those given. A field that the form does not have fails the test.
func (p *Page) Submit(selector string, fields ...string) *Page {
	p.b.T.Helper()
	form := p.Find(selector)
	if form.Length() != 1 {
		p.b.T.Fatalf("%s has %d forms %q:\n%s", p.Path, form.Length(), selector, p.Words())
	}
	values := url.Values{}
	known := map[string]bool{}
	form.Find("input,textarea,select,button").Each(func(_ int, f *goquery.Selection) {
		name := f.AttrOr("name", "")
		if name == "" {
			return
		}
		known[name] = true
		switch {
		case f.Is("button"), f.Is("[type=submit]"), f.Is("[type=file]"):
		case f.Is("[type=checkbox],[type=radio]"):
			if f.Is("[checked]") {
				values.Add(name, f.AttrOr("value", "on"))
			}
		case f.Is("select"):
			chosen := f.Find("option[selected]")
			if chosen.Length() == 0 {
				chosen = f.Find("option").First()
			}
			chosen.Each(func(_ int, o *goquery.Selection) { values.Add(name, o.AttrOr("value", strings.TrimSpace(o.Text()))) })
		case f.Is("textarea"):
			values.Add(name, f.Text())
		default:
			values.Add(name, f.AttrOr("value", ""))
		}
	})
	given := map[string]bool{}
	for i := 0; i+1 < len(fields); i += 2 {
		if !known[fields[i]] {
			p.b.T.Fatalf("the form %q of %s has no field %q", selector, p.Path, fields[i])
		}
		if !given[fields[i]] {
			values.Del(fields[i])
		}
		given[fields[i]] = true
		values.Add(fields[i], fields[i+1])
	}
	base, err := url.Parse(p.Path)
	cluster.Must(p.b.T, err)
	action, err := url.Parse(form.AttrOr("action", p.Path))
	cluster.Must(p.b.T, err)
	target := base.ResolveReference(action)
	if strings.EqualFold(form.AttrOr("method", "get"), "get") {
		target.RawQuery = values.Encode()
		return p.b.Get(target.RequestURI())
	}
	return p.b.Post(target.RequestURI(), values)
}

// Follow opens the link that a selector finds.
func (p *Page) Follow(selector string) *Page {
	p.b.T.Helper()
	link := p.Find(selector).First()
	href, ok := link.Attr("href")
	if !ok {
		p.b.T.Fatalf("%s has no link %q:\n%s", p.Path, selector, p.Words())
	}
	base, err := url.Parse(p.Path)
	cluster.Must(p.b.T, err)
	u, err := url.Parse(href)
	cluster.Must(p.b.T, err)
	return p.b.Get(base.ResolveReference(u).RequestURI())
}

// Sound fails on what no page may have: inline script or style, an id twice, a field
// without a label, a heading that skips a level, more than one h1, more than one main act, something loaded from
// elsewhere.
func (p *Page) Sound() *Page {
	p.b.T.Helper()
	bad := func(format string, args ...any) { p.b.T.Errorf("%s: %s", p.Path, fmt.Sprintf(format, args...)) }
	if n := p.Find("style,[style]").Length(); n > 0 {
		bad("%d inline styles", n)
	}
	p.Find("script").Each(func(_ int, s *goquery.Selection) {
		if s.AttrOr("src", "") == "" {
			bad("an inline script")
		}
	})
	ids := map[string]bool{}
	p.Find("[id]").Each(func(_ int, s *goquery.Selection) {
		id := s.AttrOr("id", "")
		if ids[id] {
			bad("the id %q twice", id)
		}
		ids[id] = true
	})
	p.Find("[for],[aria-describedby],[aria-labelledby]").Each(func(_ int, s *goquery.Selection) {
		for _, attr := range []string{"for", "aria-describedby", "aria-labelledby"} {
			for _, id := range strings.Fields(s.AttrOr(attr, "")) {
				if !ids[id] {
					bad("%s names %q, which is not there", attr, id)
				}
			}
		}
	})
	p.Find("input:not([type=hidden]):not([type=submit]),select,textarea").Each(func(_ int, s *goquery.Selection) {
		id := s.AttrOr("id", "")
		if s.AttrOr("aria-label", "") == "" && s.AttrOr("aria-labelledby", "") == "" && s.Closest("label").Length() == 0 && (id == "" || p.Find(`label[for="`+id+`"]`).Length() == 0) {
			bad("the field %q has no label", s.AttrOr("name", id))
		}
	})
	if n := p.Find("h1").Length(); n != 1 {
		bad("%d first headings", n)
	}
	if n := p.Find(".btn--main").Length(); n > 1 {
		bad("%d main acts", n)
	}
	level := 0
	p.Find("main h1,main h2,main h3,main h4").Each(func(_ int, s *goquery.Selection) {
		n := int(goquery.NodeName(s)[1] - '0')
		if n > level+1 {
			bad("the heading %q skips a level", strings.TrimSpace(s.Text()))
		}
		level = n
	})
	p.Find("[src],link[href],form[action]").Each(func(_ int, s *goquery.Selection) {
		for _, attr := range []string{"src", "href", "action"} {
			if v := s.AttrOr(attr, "/"); strings.Contains(v, "//") {
				bad("%s=%q leads elsewhere", attr, v)
			}
		}
	})
	return p
}
