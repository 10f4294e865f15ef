// Package directory is where people look up whom they can write to: offices of this and
// of accredited instances, the persons of this one, collective addresses.
package directory

import (
	"embed"
	"net/url"
	"strings"

	"valise/instance/directory"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

//go:embed *.html locales
var files embed.FS

type area struct{ directory *directory.Directory }

// New builds the area over the service.
func New(s *directory.Directory) page.Area {
	a := &area{s}
	return page.Area{Name: "directory", Files: files, Mount: func(r *page.Routes) {
		r.Signed("GET", "/directory", a.offices)
		r.Signed("GET", "/directory/instances", a.instances)
		r.Signed("GET", "/directory/instances/:host", a.instance)
		r.Signed("GET", "/directory/persons", a.persons)
		r.Signed("GET", "/directory/collective", a.collective)
	}}
}

const (
	rows = 50
	hits = 50
)

// beside leads to the parts of the directory.
func beside() []page.RailGroup {
	g := page.RailGroup{Key: "directory.title"}
	for _, part := range []struct{ path, key string }{{"", "ours"}, {"/instances", "instances"}, {"/persons", "persons"}, {"/collective", "collective"}} {
		g.Links = append(g.Links, page.RailLink{Href: "/directory" + part.path, Key: "directory.part." + part.key})
	}
	return []page.RailGroup{g}
}

func render(r *page.Request, name, title, at string, data any) error {
	return r.Render(page.Page{Name: "directory/" + name, Title: title, Nav: "directory", At: at, Beside: beside(), Data: data})
}

// entry is an address with where one writes to it, "" for somebody who drafts for no office.
type entry struct {
	directory.Address
	Write string
}

func write(to string, office iri.IRI) string {
	q := url.Values{"to": {to}}
	if office != "" {
		q.Set("office", string(office))
	}
	return "/drafts/new?" + q.Encode()
}

func entries(found []directory.Address, drafts bool) []entry {
	var out []entry
	for _, a := range found {
		e := entry{Address: a}
		if drafts {
			e.Write = write(a.ID, a.Office)
		}
		out = append(out, e)
	}
	return out
}

// next is the address of a page that goes on after something.
func next(path string, after string) string {
	if after == "" {
		return ""
	}
	return path + "?" + url.Values{"after": {after}}.Encode()
}

func first(r *page.Request, path string) string {
	if r.Field("after") == "" {
		return ""
	}
	return path
}

type officesView struct {
	Asked       string
	More        bool // there may be more hits than are shown
	Rows        []entry
	First, Next string
}

// offices lists ours, or what a typed text may stand for.
func (a *area) offices(r *page.Request) error {
	v := officesView{Asked: strings.TrimSpace(r.Field("q"))}
	if v.Asked != "" {
		found, drafts, err := a.directory.Find(r.Ctx(), r.Person(), v.Asked, hits)
		if err != nil {
			return err
		}
		v.Rows, v.More = entries(found, drafts), len(found) == hits
		return render(r, "offices", r.T("directory.found"), "", v)
	}
	own, err := a.directory.Ours(r.Ctx(), r.Person(), iri.IRI(r.Field("after")), rows)
	if err != nil {
		return err
	}
	v.Rows, v.First, v.Next = entries(own.Offices, own.Drafts), first(r, "/directory"), next("/directory", string(own.Next))
	return render(r, "offices", r.T("directory.part.ours"), "/directory", v)
}

type instancesView struct {
	Rows        []models.DirectoryPeer
	First, Next string
}

func (a *area) instances(r *page.Request) error {
	list, on, err := a.directory.Accredited(r.Ctx(), iri.Host(r.Field("after")), rows)
	if err != nil {
		return err
	}
	const path = "/directory/instances"
	return render(r, "instances", r.T("directory.part.instances"), path, instancesView{list, first(r, path), next(path, string(on))})
}

type instanceView struct {
	*directory.Theirs
	Rows        []entry
	First, Next string
}

func (a *area) instance(r *page.Request) error {
	t, err := a.directory.OfficesAt(r.Ctx(), r.Person(), r.Param("host"), iri.IRI(r.Field("after")), rows)
	if err != nil {
		return err
	}
	path := "/directory/instances/" + string(t.Peer.Host)
	return render(r, "instance", string(t.Peer.Host), "/directory/instances", instanceView{t, entries(t.Offices, t.Drafts), first(r, path), next(path, string(t.Own.Next))})
}

type personsView struct {
	Rows        []directory.Colleague
	First, Next string
}

func (a *area) persons(r *page.Request) error {
	list, on, err := a.directory.Colleagues(r.Ctx(), r.Field("after"), rows)
	if err != nil {
		return err
	}
	const path = "/directory/persons"
	return render(r, "persons", r.T("directory.part.persons"), path, personsView{list, first(r, path), next(path, on)})
}

type collectiveRow struct {
	directory.Expanded
	Who   []string
	Write string
}

func (a *area) collective(r *page.Request) error {
	list, err := a.directory.Collectives(r.Ctx(), r.Person())
	if err != nil {
		return err
	}
	var out []collectiveRow
	for _, c := range list {
		row := collectiveRow{Expanded: c, Write: write(c.ID, c.Office)}
		for _, m := range c.Members {
			row.Who = append(row.Who, page.Who(m.Name, m.IRI))
		}
		out = append(out, row)
	}
	return render(r, "collective", r.T("directory.part.collective"), "/directory/collective", out)
}
