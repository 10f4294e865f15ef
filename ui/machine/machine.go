// Package machine is the instance as a program sees it: a JSON API over the services,
// reached through the admin socket, and the client for it.
//
// One resource tree, JSON in and out. Input is strict: unknown members and a second
// value are refused. Lists have pages ({"items": […], "next": "…"}). A refusal is a
// problem document (RFC 9457). Who can reach the API is the operator: it asks for no
// password, and what it does is audited as the local operator. Where an act belongs to
// a person, the member or parameter "as" names her, and her rights decide.
package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"valise/instance/access"
	"valise/instance/accounts"
	"valise/instance/accreditation"
	"valise/instance/archive"
	"valise/instance/audit"
	"valise/instance/checks"
	"valise/instance/communities"
	"valise/instance/directory"
	"valise/instance/dispatches"
	"valise/instance/keys"
	"valise/instance/queues"
	"valise/instance/refusals"
	"valise/instance/search"
	"valise/models/iri"
)

// Services are what the API stands on. All must be set.
type Services struct {
	Access        *access.Access
	Accounts      *accounts.Accounts
	Accreditation *accreditation.Accreditation
	Dispatches    *dispatches.Dispatches
	Communities   *communities.Communities
	Archive       *archive.Archive
	Keys          *keys.Keys
	Checks        *checks.Checks
	Queues        *queues.Queues
	Directory     *directory.Directory
	Search        *search.Search
	Own           iri.Host
}

const (
	maxInput     = 4 << 20 // bytes of a JSON body
	defaultLimit = 50      // items of a page where the caller names no limit
	operator     = audit.LocalOperator
)

type api struct {
	Services
	log *slog.Logger
}

// Handler returns the API over the services.
func Handler(s Services, log *slog.Logger) http.Handler {
	a := &api{s, log}
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, v any) {
		a.fail(c, fmt.Errorf("panic: %v", v))
		c.Abort()
	}))
	r.NoRoute(a.do(func(*gin.Context) (any, error) {
		return nil, &problem{Title: "not-found", Status: http.StatusNotFound, Detail: "there is no such resource"}
	}))
	r.NoMethod(a.do(func(c *gin.Context) (any, error) {
		return nil, &problem{Title: "wrong-method", Status: http.StatusMethodNotAllowed, Detail: "the resource has no " + c.Request.Method}
	}))
	a.accounts(r)
	a.access(r)
	a.drafts(r)
	a.dispatches(r)
	a.peers(r)
	a.communities(r)
	a.imports(r)
	a.operations(r)
	a.search(r)
	return r
}

// do answers with what a handler returns: 200 and JSON, or a problem.
func (a *api) do(h func(*gin.Context) (any, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		out, err := h(c)
		if err == nil {
			var body []byte
			if body, err = json.Marshal(out); err == nil {
				c.Header("Cache-Control", "no-store")
				c.Data(http.StatusOK, "application/json", body)
				return
			}
		}
		a.fail(c, err)
	}
}

// problem is a refusal of the API itself.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func (p *problem) Error() string { return p.Detail }

// fail answers with a problem document. The text of a fault of ours goes to the log.
func (a *api) fail(c *gin.Context, err error) {
	var p *problem
	if !errors.As(err, &p) {
		p = &problem{Title: "internal", Status: http.StatusInternalServerError, Detail: "the instance could not do it, and nothing was changed as far as it knows; its log says why"}
		if r, ok := refusals.Of(err); ok {
			p = &problem{Title: r.Code, Status: r.Status, Detail: r.Detail}
		}
	}
	p.Type = refusals.TypeBase + p.Title
	level := slog.LevelInfo
	if p.Status >= 500 {
		level = slog.LevelError
	}
	a.log.Log(c.Request.Context(), level, "admin request refused", "method", c.Request.Method, "path", c.Request.URL.Path, "status", p.Status, "rule", p.Title, "why", err)
	body, _ := json.Marshal(p)
	c.Header("Cache-Control", "no-store")
	c.Data(p.Status, "application/problem+json", body)
}

// read decodes a body strictly.
func read[T any](c *gin.Context) (in T, err error) {
	kind, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if kind != "application/json" {
		return in, &problem{Title: "content-type", Status: http.StatusUnsupportedMediaType, Detail: "send application/json"}
	}
	d := json.NewDecoder(http.MaxBytesReader(c.Writer, c.Request.Body, maxInput))
	d.DisallowUnknownFields()
	err = d.Decode(&in)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows the first value")
		}
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return in, &problem{Title: "too-large", Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("a request has at most %d bytes", maxInput)}
	}
	if err != nil {
		return in, &problem{Title: "malformed", Status: http.StatusBadRequest, Detail: "read the request: " + err.Error()}
	}
	return in, nil
}

// acting finds the person in whose name a write is done, and records it before it is.
func (a *api) acting(c *gin.Context, as string) (iri.IRI, error) {
	person, err := a.person(c, as)
	if err != nil {
		return "", err
	}
	return person, a.Queues.ActAs(c.Request.Context(), operator, person, c.Request.Method+" "+c.Request.URL.Path)
}

// person finds whoever reads.
func (a *api) person(c *gin.Context, as string) (iri.IRI, error) {
	if as == "" {
		return "", accounts.Invalid(`say in whose name: "as" is the user name of a person here`)
	}
	who, err := a.Directory.Person(c.Request.Context(), as)
	if err != nil {
		return "", err
	}
	return who, a.Access.MayAct(c.Request.Context(), who)
}

// number reads an integer parameter; missing is the default.
func number(c *gin.Context, name string, missing int64) (int64, error) {
	s := c.Query(name)
	if s == "" {
		return missing, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, accounts.Invalid("%s is a whole number, not %q", name, s)
	}
	return n, nil
}

// page reads the cursor of a list by row ids, and its limit.
func page(c *gin.Context, cursor string) (at int64, limit int, err error) {
	if at, err = number(c, cursor, 0); err != nil {
		return 0, 0, err
	}
	limit, err = limitOf(c)
	return at, limit, err
}

func limitOf(c *gin.Context) (int, error) { return limitTo(c, directory.Most) }

// limitTo is limitOf for a list that is shorter.
func limitTo(c *gin.Context, most int) (int, error) {
	n, err := number(c, "limit", int64(min(defaultLimit, most)))
	if err == nil && (n < 1 || n > int64(most)) {
		err = accounts.Invalid("limit is 1 to %d, not %d", most, n)
	}
	return int(n), err
}

// list makes a page of the API from a page of rows. next names the row to go on from.
func list[Row, Item any](rows []Row, limit int, item func(Row) Item, next func(Row) string) List[Item] {
	out := List[Item]{Items: make([]Item, len(rows))}
	for i, r := range rows {
		out.Items[i] = item(r)
	}
	if len(rows) == limit && limit > 0 {
		out.Next = next(rows[len(rows)-1])
	}
	return out
}

// whole is a list that comes in one page.
func whole[Row, Item any](rows []Row, item func(Row) Item) List[Item] {
	return list(rows, 0, item, nil)
}
