// Package page is the frame of the portal: what a request may know of who asks, how a
// page is made from a template and a catalogue of words, and the rules that hold for
// every page (languages, security headers, limits, refusals in words).
//
// The areas of the portal (correspondence, drafts, communities and so on) are packages
// beside this one. Each hands in an Area: its templates, its words in every language,
// and its routes.
package page

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gin-gonic/gin"

	"valise/models"
	"valise/models/iri"
)

// Area is one part of the portal.
type Area struct {
	// Name begins the names of its pages ("drafts/edit") and of its words ("drafts.title").
	Name string
	// Files holds NAME.html templates and locales/{en,fr,ar}.yaml.
	Files fs.FS
	Mount func(*Routes)
}

// Viewer is the person for whom a page is made. The zero value is somebody who has not
// signed in.
type Viewer struct {
	Person   iri.IRI
	Username string
	Name     string
	Language string // "", en, fr or ar
	Zone     string // IANA name, "" for UTC
	Theme    string // "", light or dark
	Operator bool
	// Guest is set for somebody with an account elsewhere who reads one community here.
	Guest iri.IRI
	// Community is all that a guest may read.
	Community iri.IRI
	// Fresh is when she last proved who she is.
	Fresh time.Time
	// Session is what the services of access ask for.
	Session *models.Session
}

// SignedIn reports whether anybody is known.
func (v *Viewer) SignedIn() bool { return v != nil && v.Person != "" }

// Mark is a level of a profile as a page draws it.
type Mark struct {
	Name  string
	Short string // portion mark
	Level int    // 0 to 3, the weight with which it is drawn
	// Classified marks carry a lock.
	Classified bool
}

// Options is what the frame needs from the instance.
type Options struct {
	Own iri.Host
	// Name returns what the instance is called at the head of pages; "" for its host.
	Name     func() string
	Log      *slog.Logger
	Now      func() time.Time
	Sessions *scs.SessionManager
	// Who returns the viewer of a request's session; nil and no error for nobody.
	Who func(*http.Request) (*Viewer, error)
	// Rail returns how many notices are unread for a signed-in viewer and, unless the page
	// has nothing beside it, the folders and counts beside the text.
	Rail func(q *http.Request, v *Viewer, folders bool) (Rail, error)
	// Marking and Precedence return how a level is drawn, by rank.
	Marking    func(rank int64) Mark
	Precedence func(rank int64) Mark
	// Changed is called after a request that may have written.
	Changed func()
	// Refused returns what err says to the one who asked; nil for a fault of ours.
	Refused func(err error) *Problem
	// Sample is shown in the ears of every page of a demonstration.
	Sample bool
}

// Rail is what stands beside the text.
type Rail struct {
	Groups []RailGroup
	Unread int64 // notices
}

// RailGroup is an office with its folders, or the communities.
type RailGroup struct {
	Title string
	Key   string // of words, in the place of Title
	Links []RailLink
}

// RailLink is one folder. Count is not shown when it is 0.
type RailLink struct {
	Href, Text string
	Key        string // of words, in the place of Text
	Lang       string // of Text where it is a name
	Count      int64
}

// Site is the portal.
type Site struct {
	Options
	pages  map[string]set  // by language and name
	paths  map[string]bool // that an area has registered
	words  *catalogue
	assets *assets
	areas  []Area
	guard  *http.CrossOriginProtection
}

// New builds the portal from its areas. It fails on a template that does not parse and
// on words that a language lacks.
func New(o Options, areas ...Area) (*Site, error) {
	s := &Site{Options: o, areas: areas, pages: map[string]set{}, paths: map[string]bool{}, guard: http.NewCrossOriginProtection()}
	var err error
	if s.assets, err = openAssets(); err != nil {
		return nil, err
	}
	if s.words, err = wordsOf(areas); err != nil {
		return nil, err
	}
	if err := s.parse(areas); err != nil {
		return nil, err
	}
	return s, nil
}

// Mount adds the pages to the public side of the instance.
func (s *Site) Mount(r *gin.Engine) {
	r.GET("/static/:name", s.assets.serve)
	r.HEAD("/static/:name", s.assets.serve)
	for _, a := range s.areas {
		a.Mount(&Routes{site: s, engine: r})
	}
	// A person who follows a broken link gets a page; a program gets its status alone.
	missing := s.handle(formMost, func(*Request) error { return NotFound })
	r.NoRoute(func(c *gin.Context) {
		if c.Request.Method == http.MethodGet && strings.Contains(c.GetHeader("Accept"), "text/html") {
			missing(c)
		}
	})
}

// title is the name of the instance on title pages.
func (s *Site) title() string {
	if name := s.Name(); name != "" {
		return name
	}
	return string(s.Own)
}

// secure reports whether the portal is reached over TLS: everywhere but on .localhost.
func (s *Site) secure() bool { return strings.HasPrefix(s.Own.Base(), "https:") }

// Problem is a refusal with its own page: what was asked cannot be done, and why.
type Problem struct {
	Status int
	Code   string
	Detail string
	Field  string // of the form, where one alone is wrong
}

func (p *Problem) Error() string { return fmt.Sprintf("%s: %s", p.Code, p.Detail) }

// NotFound is the answer for what does not exist and for what the viewer may not see.
var NotFound = &Problem{Status: http.StatusNotFound, Code: "not-found"}

// Invalid is bad input; detail says what is wrong and what to do.
func Invalid(format string, args ...any) error {
	return &Problem{Status: http.StatusUnprocessableEntity, Code: "invalid", Detail: fmt.Sprintf(format, args...)}
}

// problem returns what err says to the viewer; fault is true where only the log may
// hold the cause.
func (s *Site) problem(err error) (p *Problem, fault bool) {
	if errors.As(err, &p) {
		return p, false
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &Problem{Status: http.StatusRequestEntityTooLarge, Code: "too-large"}, false
	}
	if p := s.Refused(err); p != nil {
		return p, false
	}
	return &Problem{Status: http.StatusInternalServerError, Code: "fault"}, true
}
