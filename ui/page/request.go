package page

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alexedwards/scs/v2"
	"github.com/gin-gonic/gin"

	"valise/instance/access"
	"valise/models/iri"
)

// Limits of one request.
const (
	formMost  = 2 << 20  // bytes of a form without files
	fieldMost = 200_000  // bytes of one field
	drainMost = 64 << 20 // bytes that are read and thrown away of what is too large
	queryMost = 4096     // bytes of a query string
)

// Request is one request for a page.
type Request struct {
	*gin.Context
	Viewer *Viewer // never nil
	site   *Site
	lang   string
	now    time.Time
	body   io.Reader // without limit
}

// Handler answers a request. An error becomes a page in words.
type Handler func(*Request) error

// Ctx is the context of the request, for services.
func (r *Request) Ctx() context.Context { return r.Context.Request.Context() }

// Person is who asks; "" for nobody.
func (r *Request) Person() iri.IRI { return r.Viewer.Person }

// Sessions is the manager of sessions; the request's own is in Ctx.
func (r *Request) Sessions() *scs.SessionManager { return r.site.Sessions }

// Origin says where the request comes from, as sign-in limits and sessions see it.
func (r *Request) Origin() access.Origin { return OriginOf(r.Context.Request) }

// OriginOf is Origin of any request.
func OriginOf(q *http.Request) access.Origin {
	address, _, err := net.SplitHostPort(q.RemoteAddr)
	if err != nil {
		address = q.RemoteAddr
	}
	return access.Origin{Address: address, Agent: q.UserAgent()}
}

// Now is the moment at which the page is made.
func (r *Request) Now() time.Time { return r.now }

// Lang is the language of the page: en, fr or ar.
func (r *Request) Lang() string { return r.lang }

// Zone is the viewer's time zone.
func (r *Request) Zone() *time.Location {
	if z, err := time.LoadLocation(r.Viewer.Zone); err == nil {
		return z
	}
	return time.UTC
}

// Field returns a form or query field: valid UTF-8, without NUL, at most fieldMost bytes,
// line ends as \n.
func (r *Request) Field(name string) string {
	_ = r.form()
	return clean(r.Context.Request.Form.Get(name))
}

// Fields returns every value of a field, at most 1000.
func (r *Request) Fields(name string) []string {
	_ = r.form()
	values := r.Context.Request.Form[name]
	values = values[:min(len(values), 1000)]
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = clean(v)
	}
	return out
}

// Values returns all fields as they came, to show a form again.
func (r *Request) Values() url.Values {
	_ = r.form()
	return r.Context.Request.Form
}

func clean(v string) string {
	if len(v) > fieldMost {
		v = v[:fieldMost]
	}
	v = strings.ToValidUTF8(v, "\uFFFD")
	v = strings.ReplaceAll(strings.ReplaceAll(v, "\x00", ""), "\r\n", "\n")
	return v
}

// Int returns a whole number from a field, or fallback where it is not one.
func (r *Request) Int(name string, fallback int64) int64 {
	if n, err := strconv.ParseInt(r.Field(name), 10, 64); err == nil {
		return n
	}
	return fallback
}

// Day reads a day from a field: its first moment in UTC, zero where the field is empty. why
// says in words what is wrong with one that cannot be read.
func (r *Request) Day(name string) (first time.Time, why string) {
	text := strings.TrimSpace(r.Field(name))
	if text == "" {
		return first, ""
	}
	first, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, r.T("page.field.noday", "Date", text)
	}
	return first, ""
}

// NoChoice says in words that a field holds none of its choices.
func (r *Request) NoChoice(text string) string { return r.T("page.field.nochoice", "Text", text) }

// form parses the body once. Files of a multipart form are left to File.
func (r *Request) form() error {
	q := r.Context.Request
	if q.Form != nil {
		return nil
	}
	if strings.HasPrefix(q.Header.Get("Content-Type"), "multipart/form-data") {
		return q.ParseMultipartForm(1 << 20)
	}
	return q.ParseForm()
}

// Scripted reports whether the page's own script asks: it wants an answer, not a page.
func (r *Request) Scripted() bool {
	return r.GetHeader("Accept") == "application/json"
}

// See sends the viewer to another page after a form was taken. path is on this
// instance: anything else goes to the front page.
func (r *Request) See(path string) error {
	r.Redirect(http.StatusSeeOther, local(path))
	return nil
}

// local keeps a redirect on this instance.
func local(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n") || !utf8.ValidString(path) {
		return "/"
	}
	return path
}

// Back is where a form came from: its field "next", else fallback.
func (r *Request) Back(fallback string) string {
	if next := r.Field("next"); next != "" {
		return local(next)
	}
	return fallback
}

// Say keeps a sentence for the next page: what was done.
func (r *Request) Say(key string, args ...any) {
	r.site.Sessions.Put(r.Ctx(), "said", r.T(key, args...))
}

// Warn is Say of what was done but waits for her.
func (r *Request) Warn(key string, args ...any) {
	r.site.Sessions.Put(r.Ctx(), "warned", r.T(key, args...))
}

// Routes registers the pages of an area.
type Routes struct {
	site   *Site
	engine *gin.Engine
}

// Engine is for what is no page: downloads with their own rules, streams.
func (t *Routes) Engine() *gin.Engine { return t.engine }

// Open registers a page for everybody, signed in or not.
func (t *Routes) Open(method, path string, h Handler) { t.add(method, path, formMost, h) }

// Signed registers a page for persons of this instance. Others are asked to sign in.
func (t *Routes) Signed(method, path string, h Handler) {
	t.add(method, path, formMost, signed(h))
}

// Upload is Signed with a body of up to most bytes.
func (t *Routes) Upload(path string, most int64, h Handler) {
	t.add(http.MethodPost, path, most, signed(h))
}

// Operator registers a page for operators. For others it does not exist.
func (t *Routes) Operator(method, path string, h Handler) {
	t.add(method, path, formMost, signed(func(r *Request) error {
		if !r.Viewer.Operator {
			return NotFound
		}
		return h(r)
	}))
}

func signed(h Handler) Handler {
	return func(r *Request) error {
		if !r.Viewer.SignedIn() || r.Viewer.Guest != "" {
			if r.Context.Request.Method != http.MethodGet && r.Context.Request.Method != http.MethodHead {
				return &Problem{Status: http.StatusUnauthorized, Code: "signed-out"}
			}
			return r.See("/sign-in?next=" + url.QueryEscape(r.Context.Request.URL.RequestURI()))
		}
		return h(r)
	}
}

func (t *Routes) add(method, path string, most int64, h Handler) {
	t.site.paths[path] = true
	serve := t.site.handle(most, h)
	t.engine.Handle(method, path, serve)
	if method == http.MethodGet {
		t.engine.Handle(http.MethodHead, path, serve)
	}
}

// handle runs a handler within the rules of every page.
func (s *Site) handle(most int64, h Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		s.headers(c)
		body := c.Request.Body
		c.Request.Body = http.MaxBytesReader(c.Writer, body, most)
		s.inSession(c, func() { s.answer(c, body, h) })
	}
}

func (s *Site) answer(c *gin.Context, body io.Reader, h Handler) {
	r := &Request{Context: c, Viewer: &Viewer{}, site: s, now: s.Now(), lang: s.language(c.Request, ""), body: body}
	err := s.admit(r)
	if err == nil {
		err = h(r)
	}
	if err != nil {
		r.fail(err)
	}
	if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
		s.Changed()
	}
}

// admit checks where the request comes from and finds out who asks.
func (s *Site) admit(r *Request) error {
	q := r.Context.Request
	if len(q.URL.RawQuery) > queryMost {
		return &Problem{Status: http.StatusRequestURITooLong, Code: "long-address"}
	}
	if err := s.guard.Check(q); err != nil {
		return &Problem{Status: http.StatusForbidden, Code: "cross-site"}
	}
	v, err := s.Who(q)
	if err != nil {
		return err
	}
	if v != nil {
		r.Viewer = v
		r.lang = s.language(q, v.Language)
	}
	if q.Method != http.MethodGet && q.Method != http.MethodHead {
		if err := r.form(); err != nil {
			return formError(err)
		}
		for _, values := range q.PostForm {
			for _, v := range values {
				if len(v) > fieldMost {
					return &Problem{Status: http.StatusRequestEntityTooLarge, Code: "too-large"}
				}
			}
		}
	}
	return nil
}

func formError(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return Invalid("the form broke off before its end; send it again")
	}
	return Invalid("the form cannot be read: %s", err)
}

// fail answers with a page in words. The cause of a fault goes to the log alone.
func (r *Request) fail(err error) {
	p, fault := r.site.problem(err)
	if fault {
		if errors.Is(err, context.Canceled) {
			return
		}
		r.site.Log.Error("a page failed", "path", r.FullPath(), "err", err)
	}
	if r.Writer.Written() {
		return
	}
	if p.Status == http.StatusRequestEntityTooLarge {
		// A browser reads no answer before all that it sends is taken.
		_, _ = io.CopyN(io.Discard, r.body, drainMost)
	}
	if r.Scripted() {
		r.Context.JSON(p.Status, gin.H{"code": p.Code, "detail": r.problemText(p), "field": p.Field})
		return
	}
	r.Status(p.Status)
	view := errorView{Status: p.Status, Code: p.Code, Text: r.problemText(p), Typed: r.typed()}
	if err := r.Render(Page{Name: "page/problem", Title: r.problemTitle(p), Data: view}); err != nil {
		r.site.Log.Error("the page of a problem failed", "path", r.FullPath(), "err", err)
	}
}

// Refusal tells a refusal, which a form shows beside its field, from a fault. mine is
// false for no error and for a fault of ours.
func (r *Request) Refusal(err error) (why string, mine bool) {
	if err == nil {
		return "", false
	}
	p, fault := r.site.problem(err)
	if fault || p.Status == http.StatusNotFound || p.Status == http.StatusUnauthorized {
		return "", false
	}
	return r.problemText(p), true
}

// Refused is Refusal with those refusals too that say that somebody is not known, which
// the forms of signing in show.
func (r *Request) Refused(err error) (why string, mine bool) {
	if err == nil {
		return "", false
	}
	p, fault := r.site.problem(err)
	if fault {
		return "", false
	}
	return r.problemText(p), true
}

// Wrong is the name of the field that a refusal is about, "" for none alone.
func (r *Request) Wrong(err error) string {
	if p, fault := r.site.problem(err); !fault {
		return p.Field
	}
	return ""
}

// problemText is the sentence for a problem in the viewer's language, then what the
// service said; that alone where the sentence says it all.
func (r *Request) problemText(p *Problem) string {
	if text, ok := r.site.words.find(r.lang, "page.problem.whole."+p.Code); ok {
		return text
	}
	detail := sentence(r.site.words.refusal(r.lang, p.Detail))
	if text, ok := r.site.words.find(r.lang, "page.problem.code."+p.Code); ok {
		if detail == "" {
			return text
		}
		return text + " " + detail
	}
	if detail != "" {
		return detail
	}
	return r.T("page.problem." + title(p.Status) + ".text")
}

// sentence begins what a service said as a page says it. A name, an address or a code at the
// beginning stays as it is.
func sentence(text string) string {
	word, _, _ := strings.Cut(text, " ")
	if word == text || strings.ContainsFunc(word, func(c rune) bool { return !unicode.IsLetter(c) && c != '\'' && c != '’' && c != ',' }) {
		return text
	}
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

func (r *Request) problemTitle(p *Problem) string {
	if text, ok := r.site.words.find(r.lang, "page.problem.title."+p.Code); ok {
		return text
	}
	return r.T("page.problem." + title(p.Status))
}

func title(status int) string {
	switch status {
	case http.StatusNotFound:
		return "notfound"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "forbidden"
	case http.StatusInternalServerError:
		return "fault"
	}
	return "refused"
}

// errorView is what the page of a problem shows. Typed is what was sent with the form:
// nothing typed is lost, and never a password.
type errorView struct {
	Status int
	Code   string
	Text   string
	Typed  []typedField
}

type typedField struct{ Name, Value string }

// machine is what nobody types: the values of lists and hidden fields.
var machine = regexp.MustCompile(`^([a-z0-9_.-]{0,20}|[0-9a-f-]{32,64}|https?://\S+|\d{4}-\d\d-\d\d)$`)

func (r *Request) typed() []typedField {
	q := r.Context.Request
	if q.Method == http.MethodGet || q.PostForm == nil {
		return nil
	}
	var out []typedField
	for _, name := range slices.Sorted(maps.Keys(q.PostForm)) {
		values := q.PostForm[name]
		low := strings.ToLower(name)
		if strings.Contains(low, "password") || strings.Contains(low, "code") || strings.Contains(low, "token") || strings.Contains(low, "secret") {
			continue
		}
		for _, v := range values {
			v = strings.TrimSpace(strings.ToValidUTF8(v, "\uFFFD"))
			if !machine.MatchString(v) && len(out) < 100 {
				out = append(out, typedField{name, v})
			}
		}
	}
	return out
}
