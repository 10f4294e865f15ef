package guest

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"valise/instance/guests"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

// reader is the guest who asks, with what she may read now. Where her memberships are over
// her session ends, and done says that she was told.
func (a *area) reader(r *page.Request) (g *guests.Reader, done bool, err error) {
	g, err = a.Guests.Reader(r.Ctx(), r.Viewer.Session)
	if !errors.Is(err, guests.ErrOver) {
		return g, false, err
	}
	if err := r.Sessions().Destroy(r.Ctx()); err != nil {
		return nil, false, err
	}
	r.Status(http.StatusForbidden)
	r.Viewer = &page.Viewer{}
	return nil, true, a.door(r, "over", r.T("guest.over.title"), door{Why: r.T("guest.over.say")})
}

// beside is what stands beside a guest's pages: her communities, with her term in each.
func beside(r *page.Request, g *guests.Reader) []page.RailGroup {
	group := page.RailGroup{Key: "guest.rail"}
	for _, s := range g.Seats {
		group.Links = append(group.Links, page.RailLink{Href: listPath(s.Group, 0), Text: s.Name})
	}
	return []page.RailGroup{group}
}

func listPath(group string, before int64) string {
	q := url.Values{"in": {group}}
	if before > 0 {
		q.Set("before", strconv.FormatInt(before, 10))
	}
	return "/read?" + q.Encode()
}

// path is where a guest reads a dispatch; below it are its files and its form.
func path(id iri.IRI, below ...string) string {
	p, query, found := strings.Cut(page.ObjectPath("read/at", id), "?")
	for _, b := range below {
		p += "/" + b
	}
	if found {
		p += "?" + query
	}
	return p
}

type listView struct {
	*guests.Listing
	Handle      string
	Rows        []row
	First, Next string
}

type row struct {
	models.SharedRow
	From, Href string
}

const pageRows = 30

// list is the dispatches of one of her communities; for whoever is not in, the way in.
func (a *area) list(r *page.Request) error {
	switch {
	case staff(r):
		return r.See("/")
	case r.Viewer.Guest == "":
		return a.ask(r, "", "")
	}
	g, done, err := a.reader(r)
	if err != nil || done {
		return err
	}
	before := r.Int("before", 0)
	l, err := a.Guests.List(r.Ctx(), g, r.Field("in"), before, pageRows)
	if err != nil {
		return err
	}
	v := listView{Listing: l, Handle: g.Handle}
	top := int64(0)
	for _, d := range l.Rows {
		top = max(top, d.MarkingRank)
		v.Rows = append(v.Rows, row{d, page.Who(d.AuthorName, d.Author), path(d.IRI)})
	}
	if before > 0 {
		v.First = listPath(l.Seat.Group, 0)
	}
	if l.Next > 0 {
		v.Next = listPath(l.Seat.Group, l.Next)
	}
	return r.Render(page.Page{Name: "guest/list", Title: l.Seat.Name, At: listPath(l.Seat.Group, 0), Highest: top, Beside: beside(r, g), Data: v})
}

// link follows the link of a bulletin or of a dispatch.
func (a *area) link(r *page.Request) error {
	name := r.Param("id")
	if staff(r) {
		id, err := a.Guests.Staff(r.Ctx(), r.Person(), name)
		if err != nil {
			return err
		}
		return r.See(page.DispatchPath(id))
	}
	if r.Viewer.Guest == "" {
		return a.ask(r, name, "")
	}
	g, done, err := a.reader(r)
	if err != nil || done {
		return err
	}
	id, err := a.Guests.Find(r.Ctx(), name)
	if err != nil {
		return err
	}
	return a.show(r, g, id, "", "")
}

// object reads what is asked for: a dispatch, and what of it.
func object(r *page.Request) (id iri.IRI, verb, file string, err error) {
	p := r.Param("path")
	if i := strings.LastIndex(p, "/files/"); i > 0 && !strings.Contains(p[i+len("/files/"):], "/") {
		verb, file, p = "file", p[i+len("/files/"):], p[:i]
	} else if i := strings.LastIndexByte(p, '/'); i > 0 && (p[i:] == "/comment" || p[i:] == "/take") {
		verb, p = p[i+1:], p[:i]
	}
	for i := range r.Params {
		if r.Params[i].Key == "path" {
			r.Params[i].Value = p
		}
	}
	id, err = r.ObjectID()
	return id, verb, file, err
}

// open shows a dispatch of hers, or hands out a file of it.
func (a *area) open(r *page.Request) error {
	id, verb, file, err := object(r)
	switch {
	case err != nil:
		return err
	case staff(r):
		return r.See(page.DispatchPath(id))
	case r.Viewer.Guest == "":
		return a.ask(r, "", "")
	}
	g, done, err := a.reader(r)
	if err != nil || done {
		return err
	}
	switch verb {
	case "file":
	case "take":
		return a.askTake(r, g, id)
	default:
		return a.show(r, g, id, "", "")
	}
	f, content, err := a.Guests.File(r.Ctx(), g, id, file)
	if err != nil {
		return err
	}
	defer content.Close()
	return r.File(f.Name, f.MediaType, content)
}

type view struct {
	*guests.View
	Me           string
	From         string
	Action, Info []string
	Path, Send   string
	Files        []file
	Comment, Why string
	reader       iri.IRI
}

type file struct {
	models.Attachment
	Href string
}

func (a *area) show(r *page.Request, g *guests.Reader, id iri.IRI, typed, why string) error {
	v, err := a.Guests.Read(r.Ctx(), g, id)
	if err != nil {
		return err
	}
	d := v.Dispatch
	out := view{View: v, Me: g.Handle, From: page.Who(v.AuthorName, d.Author), Path: path(d.IRI), Send: path(d.IRI, "comment"), Comment: typed, Why: why, reader: g.Actor}
	for _, t := range v.Addressees {
		name := page.Who(t.Name, t.Actor)
		switch {
		case t.Actor == d.Community:
		case t.Role == models.RoleAction:
			out.Action = append(out.Action, name)
		default:
			out.Info = append(out.Info, name)
		}
	}
	for _, f := range v.Attachments {
		out.Files = append(out.Files, file{f, path(d.IRI, "files", f.Digest)})
	}
	for i, c := range v.Comments {
		v.Comments[i].Name = page.Who(c.Name, speaker(c))
	}
	title := d.Subject
	if title == "" {
		title = d.Reference
	}
	return r.Render(page.Page{Name: "guest/read", Title: title, Wide: true, Highest: d.MarkingRank, Data: out})
}

func speaker(c models.NamedComment) iri.IRI {
	if c.AttestedFor != "" {
		return c.AttestedFor
	}
	return c.Author
}

type takeView struct {
	Comment    *models.NamedComment
	Seat       models.GuestSeat
	Send, Back string
}

// askTake says what taking a comment back means before it is done.
func (a *area) askTake(r *page.Request, g *guests.Reader, id iri.IRI) error {
	v, c, err := a.Guests.Hers(r.Ctx(), g, id, iri.IRI(r.Field("comment")))
	if err != nil {
		return err
	}
	out := takeView{c, v.Seat, path(id, "take"), path(id) + "#comments"}
	return r.Render(page.Page{Name: "guest/take", Title: r.T("guest.take.title"), Highest: v.Dispatch.MarkingRank, Data: out})
}

// Take is where she is asked whether she takes a comment back, "" for what is not hers.
func (v view) Take(c models.NamedComment) string {
	if c.AttestedFor != v.reader {
		return ""
	}
	at := path(v.Dispatch.IRI, "take")
	sep := "?"
	if strings.Contains(at, "?") {
		sep = "&"
	}
	return at + sep + url.Values{"comment": {string(c.IRI)}}.Encode()
}

// comment sends her words on.
func (a *area) comment(r *page.Request) error {
	id, verb, _, err := object(r)
	if err != nil {
		return err
	}
	if verb != "comment" && verb != "take" || staff(r) {
		return page.NotFound
	}
	if r.Viewer.Guest == "" {
		return &page.Problem{Status: http.StatusUnauthorized, Code: "signed-out"}
	}
	g, done, err := a.reader(r)
	if err != nil || done {
		return err
	}
	text := r.Field("comment")
	if verb == "take" {
		if err := a.Guests.TakeBack(r.Ctx(), g, id, iri.IRI(text)); err != nil {
			return err
		}
		r.Say("guest.take.done")
		return r.See(path(id) + "#comments")
	}
	err = a.Guests.Comment(r.Ctx(), g, id, text)
	if why, mine := r.Refusal(err); mine {
		r.Status(http.StatusUnprocessableEntity)
		return a.show(r, g, id, text, why)
	}
	if err != nil {
		return err
	}
	r.Say("guest.read.commented")
	return r.See(path(id) + "#comments")
}
