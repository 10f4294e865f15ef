// Package serve answers what other instances fetch: actors, objects, collections,
// attachments and discovery. Each address belongs to one of three tiers (PROTOCOL §1):
// open to everybody, signed by a host with a standing, or for the audience alone. An
// answer of the last tier never tells something unknown from something forbidden.
package serve

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"valise/federation/inbox"
	"valise/federation/keyring"
	"valise/federation/policy"
	"valise/federation/problem"
	"valise/models"
	"valise/models/iri"
)

// Server answers for one instance. Its fields are set before Mount and stay.
type Server struct {
	Store   *models.Store
	Keys    *keyring.Keyring
	Verify  *inbox.Verifier
	Box     *inbox.Box
	Own     iri.Host
	Rules   iri.Rules
	Guard   policy.Guard
	Now     func() time.Time
	Log     *slog.Logger
	Version string // of this program, as NodeInfo tells it
	Files   Files

	mu     sync.Mutex
	proven map[cached]proof // guarded by mu

	// inboxes are those of our actors that were asked for, by path: they never change,
	// and no actor of ours goes away.
	inboxes sync.Map // string to *models.Actor
}

// Files holds attachments by digest ("zQm…"). It is asked for what a row says is here,
// so that any error is a fault of ours.
type Files interface {
	Open(digest string) (io.ReadSeekCloser, error)
}

// handler answers, or returns why it does not. Once it has written it returns nil.
type handler func(c *gin.Context) error

// Mount adds the addresses of the instance to r.
func (s *Server) Mount(r gin.IRouter) {
	s.get(r, "/.well-known/webfinger", s.webFinger)
	s.get(r, "/.well-known/nodeinfo", s.nodeInfoIndex)
	s.get(r, "/nodeinfo/2.1", s.nodeInfo)
	s.get(r, "/.well-known/host-meta", s.hostMeta)
	s.get(r, "/context/v1", s.context)

	s.post(r, "/inbox", s.sharedInbox)
	for _, actor := range []string{"/actor", "/o/:name", "/u/:name", "/g/:name"} {
		s.get(r, actor, activityJSON(s.actor))
		s.get(r, actor+"/keys", activityJSON(s.keyHistory))
		s.get(r, actor+"/followers", activityJSON(s.followers))
		s.post(r, actor+"/inbox", s.inbox)
		if actor != "/g/:name" {
			s.get(r, actor+"/outbox", activityJSON(s.plainOutbox))
		}
	}
	s.get(r, "/actor/offices", activityJSON(s.offices))
	s.get(r, "/actor/offices/first", activityJSON(s.officesPage))
	s.get(r, "/actor/offices/after/:name", activityJSON(s.officesPage))
	s.get(r, "/d/:id", activityJSON(s.dispatch))
	s.get(r, "/d/:id/v/:n", activityJSON(s.dispatch))
	s.get(r, "/d/:id/n/:note", activityJSON(s.note))
	s.get(r, "/d/:id/n/:note/:kind/:n", activityJSON(s.noteActivity))
	s.get(r, "/c/:id", activityJSON(s.comment))
	s.get(r, "/t/:id", activityJSON(s.thread))
	s.get(r, "/a/:id", activityJSON(s.activity))
	s.get(r, "/f/:digest", s.ownFile)

	s.get(r, "/g/:name/outbox", activityJSON(s.groupOutbox))
	s.get(r, "/g/:name/outbox/after/:seq", activityJSON(s.groupOutboxPage))
	s.get(r, "/g/:name/moderators", activityJSON(s.moderators))
	s.get(r, "/g/:name/a/:seq", activityJSON(s.announcement))
	s.get(r, "/g/:name/b/:n", activityJSON(s.bulletin))
	s.get(r, "/g/:name/b/:n/:kind/:id", activityJSON(s.activity))
	s.get(r, "/g/:name/files/:digest", s.communityFile)
}

func (s *Server) get(r gin.IRouter, path string, h handler) {
	s.route(r, path, h, http.MethodGet, http.MethodHead)
}

func (s *Server) post(r gin.IRouter, path string, h handler) { s.route(r, path, h, http.MethodPost) }

// route answers the allowed methods with h and every other with 405, whether or not
// anything is there.
func (s *Server) route(r gin.IRouter, path string, h handler, allowed ...string) {
	allow := strings.Join(allowed, ", ")
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace} {
		if slices.Contains(allowed, method) {
			r.Handle(method, path, s.adapt(h))
			continue
		}
		r.Handle(method, path, s.adapt(func(c *gin.Context) error {
			c.Header("Allow", allow)
			return &policy.Refusal{Code: "method", Status: http.StatusMethodNotAllowed, Detail: "this address takes " + allow}
		}))
	}
}

// adapt limits the source address, and turns an error into its answer.
func (s *Server) adapt(h handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("Vary", "Accept, Signature, Signature-Input")
		c.Header("Cache-Control", "private, no-store")
		err := error(nil)
		if c.Request.Method != http.MethodPost { // the inbox counts for itself
			err = s.Box.Limits.Address(c.Request.RemoteAddr)
		}
		if err == nil {
			err = h(c)
		}
		if err != nil {
			problem.Write(c.Writer, c.Request, s.Log, err)
		}
	}
}

// unseen is why something is not shown. The operator's log has the reason; the asker
// gets what it would get for an address at which nothing ever was.
type unseen struct{ why string }

var nothingHere = &policy.Refusal{Code: "not-found", Status: http.StatusNotFound, Detail: "nothing is here for you"}

func (u *unseen) Error() string { return u.why }

// Unwrap gives the one refusal that all of them share.
func (u *unseen) Unwrap() error { return nothingHere }

func hide(format string, args ...any) error { return &unseen{fmt.Sprintf(format, args...)} }

func isUnseen(err error) bool { return errors.As(err, new(*unseen)) }

// orHide makes a row that is not there one that is not shown.
func orHide(err error, what iri.IRI) error {
	if models.NotFound(err) {
		return hide("%s is not known here", what)
	}
	return err
}

// id is an address of ours as an id. What no id could be is hidden like what is unknown.
func (s *Server) id(path string) (iri.IRI, error) {
	id, err := s.Rules.Parse(s.Own.Base() + path)
	if err != nil {
		return "", hide("%v", err)
	}
	return id, nil
}

// base is an id of ours from a path that the program writes itself.
func (s *Server) base(path string) iri.IRI { return iri.IRI(s.Own.Base() + path) }

// number reads a decimal of a path in its only form, so that one thing has one address.
func number(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
		return 0, hide("%q is no number", text)
	}
	return n, nil
}

// activityJSON answers those who take JSON, and tells others that there are no pages.
func activityJSON(h handler) handler {
	return func(c *gin.Context) error {
		if !takesJSON(c.Request.Header.Values("Accept")) {
			return &policy.Refusal{Code: "not-acceptable", Status: http.StatusNotAcceptable, Detail: "this address answers with application/activity+json"}
		}
		return h(c)
	}
}

// takesJSON reads Accept (RFC 9110 §12.5.1). Without one everything is taken.
func takesJSON(accept []string) bool {
	if len(accept) == 0 {
		return true
	}
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		kind, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil && q <= 0 {
			continue
		}
		switch kind {
		case "*/*", "application/*", "application/activity+json", "application/ld+json", "application/json":
			return true
		}
	}
	return false
}

// send answers with a document. Nothing may be refused once it has been called.
func send(c *gin.Context, mediaType string, body []byte) error {
	c.Header("Content-Type", mediaType)
	c.Header("Content-Length", strconv.Itoa(len(body)))
	c.Writer.WriteHeader(http.StatusOK)
	c.Writer.Write(body)
	return nil
}

func sendActivity(c *gin.Context, body []byte) error {
	return send(c, "application/activity+json", body)
}

// cacheable marks what is the same for everybody.
func cacheable(c *gin.Context, age time.Duration) {
	c.Writer.Header().Del("Vary")
	c.Header("Cache-Control", "public, max-age="+strconv.Itoa(int(age.Seconds())))
}
