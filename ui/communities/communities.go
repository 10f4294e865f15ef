// Package communities is where somebody finds the communities that she is in and the
// invitations to her, and where an organiser opens a community, invites, sees who can
// read what, narrows it and takes it back.
package communities

import (
	"embed"
	"net/http"
	"net/url"
	"strings"

	"valise/instance/communities"
	"valise/instance/desk"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

//go:embed *.html locales
var files embed.FS

// Services are what the pages stand on.
type Services struct {
	Own         iri.Host
	Communities *communities.Communities
	Desk        *desk.Desk
}

type area struct{ Services }

// New builds the area.
func New(s Services) page.Area {
	a := &area{s}
	return page.Area{Name: "communities", Files: files, Mount: func(r *page.Routes) {
		r.Signed("GET", "/communities", a.list)
		r.Signed("GET", "/communities/new", func(r *page.Request) error { return a.opening(r, opening{}, "") })
		r.Signed("POST", "/communities/new", a.open)
		r.Signed("GET", "/communities/:host/*path", a.get)
		r.Signed("POST", "/communities/:host/*path", a.post)
		r.Signed("GET", "/invitations/:host/*path", a.getInvitation)
		r.Signed("POST", "/invitations/:host/*path", a.postInvitation)
	}}
}

// rows is how many rows a page of a list has.
const rows = 25

// object reads the id of the object that an address names, and which of its pages or acts
// is wanted: one of verbs as the last segment, or "".
func object(r *page.Request, verbs map[string]page.Handler) (id iri.IRI, verb string, err error) {
	path := r.Param("path")
	if i := strings.LastIndexByte(path, '/'); i > 0 && verbs[path[i+1:]] != nil {
		path, verb = path[:i], path[i+1:]
	}
	for i := range r.Params {
		if r.Params[i].Key == "path" {
			r.Params[i].Value = path
		}
	}
	id, err = r.ObjectID()
	return id, verb, err
}

// below is the address of a page below an object's own, with pairs of query fields.
func below(area string, id iri.IRI, what string, fields ...string) string {
	path, query, _ := strings.Cut(page.ObjectPath(area, id), "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		q = url.Values{}
	}
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i+1] != "" {
			q.Set(fields[i], fields[i+1])
		}
	}
	if what != "" {
		path += "/" + what
	}
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return path
}

// place is where a page stands: its community, and which of its pages it is.
type place struct {
	Id     iri.IRI
	Name   string
	Path   string
	At     string
	Runs   bool // the reader organises it
	Local  bool
	Member bool // a membership of hers is in force
}

func at(c *models.Community, what string, runs bool) place {
	return place{Id: c.IRI, Name: c.Name, Path: page.ObjectPath("communities", c.IRI), At: what, Runs: runs, Local: c.Local}
}

// Below is the address of a page below the community's, with pairs of query fields.
func (p place) Below(what string, fields ...string) string {
	return below("communities", p.Id, what, fields...)
}

// Handle is how somebody of the community is addressed.
func (p place) Handle(id iri.IRI) string { return page.Handle(id) }

// frame is a page of one community.
func frame(name, title string, p place, data any) page.Page {
	return page.Page{Name: "communities/" + name, Title: title, Nav: "communities", At: p.Path, Data: data}
}

// pages are what GET shows below a community, and acts what POST does.
func (a *area) pages() map[string]page.Handler {
	return map[string]page.Handler{"members": a.members, "member": a.member, "remove": a.askRemove, "invite": a.invite, "invitations": a.sent, "ceiling": a.ceiling,
		"moderation": a.moderation, "comments": a.comments, "statistics": a.statistics, "leave": a.askLeave}
}

func (a *area) acts() map[string]page.Handler {
	return map[string]page.Handler{"comment": a.comment, "leave": a.leave, "remove": a.remove, "narrow": a.narrow, "invite": a.send, "lookup": a.lookup, "ceiling": a.setCeiling,
		"moderation": a.removeComment, "commenting": a.commenting}
}

func (a *area) get(r *page.Request) error  { return a.serve(r, a.pages()) }
func (a *area) post(r *page.Request) error { return a.serve(r, a.acts()) }

func (a *area) serve(r *page.Request, handlers map[string]page.Handler) error {
	id, verb, err := object(r, handlers)
	if err != nil {
		return err
	}
	r.Set("id", id)
	if verb != "" {
		return handlers[verb](r)
	}
	if r.Context.Request.Method == http.MethodPost {
		return page.NotFound
	}
	return a.show(r, form{})
}

// idOf is the object that the request is about.
func idOf(r *page.Request) iri.IRI { return r.MustGet("id").(iri.IRI) }

// refused shows a form again with what is wrong in it; other errors are returned.
func refused(r *page.Request, err error, again func(why string) error) error {
	if why, mine := r.Refusal(err); mine {
		r.Status(http.StatusUnprocessableEntity)
		return again(why)
	}
	return err
}
