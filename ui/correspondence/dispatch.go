package correspondence

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"valise/instance/desk"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// verbs are the last segments of addresses below a dispatch's own.
var verbs = map[string]bool{"compare": true, "seal": true, "withdraw": true, "download": true, "read": true, "register": true, "take": true, "forward": true, "retry": true, "comment": true}

// split parts the address of a dispatch from what is wanted of it: a verb, or a file.
func split(path string) (object, verb, file string) {
	if i := strings.LastIndex(path, "/files/"); i > 0 && !strings.Contains(path[i+len("/files/"):], "/") {
		return path[:i], "file", path[i+len("/files/"):]
	}
	if i := strings.LastIndexByte(path, '/'); i > 0 && verbs[path[i+1:]] {
		return path[:i], path[i+1:], ""
	}
	return path, "", ""
}

// object reads the id of the dispatch and what is wanted of it.
func object(r *page.Request) (id iri.IRI, verb, file string, err error) {
	path, verb, file := split(r.Param("path"))
	for i := range r.Params {
		if r.Params[i].Key == "path" {
			r.Params[i].Value = path
		}
	}
	id, err = r.ObjectID()
	return id, verb, file, err
}

// below is the address of something below a dispatch's page.
func below(id iri.IRI, what string) string {
	path, query, found := strings.Cut(page.DispatchPath(id), "?")
	if found {
		return path + "/" + what + "?" + query
	}
	return path + "/" + what
}

func (a *area) open(r *page.Request) error {
	id, verb, file, err := object(r)
	if err != nil {
		return err
	}
	switch verb {
	case "":
		return a.show(r, id, form{})
	case "compare":
		return a.compare(r, id)
	case "seal":
		return a.seal(r, id)
	case "withdraw":
		return a.askWithdraw(r, id, "")
	case "file":
		return a.file(r, id, file)
	}
	return page.NotFound
}

// form is what was typed in one of the page's forms, and what is wrong with it.
type form struct {
	Of, Why               string
	Number, Remark, Whom  string
	Comment, SupersededBy string
}

// line is one addressee of the timetable.
type line struct {
	desk.BoardRow
	Who  string
	Role string // in words
}

// check is one check of a seal in words.
type check struct {
	Sign, Class, Text string
}

type sealView struct {
	desk.Seal
	Checks      []check
	Fingerprint string
	Since       time.Time // when the key came into use, zero where it is not known
	Until       time.Time
}

type dispatchView struct {
	*desk.View
	Id         iri.IRI
	Path       string
	From       string
	Kind       string
	Action     []string
	Info       []string
	Seal       *sealView
	Lines      []line
	Have, Late int
	Failed     int
	Issued     bool
	Colleagues []models.DeskHolder
	Office     models.DeskHolder // whose colleagues these are
	Form       form
	Replies    string // where a reply is written, "" for none
	Corrects   string
}

// Below is the address of something below the page.
func (v *dispatchView) Below(what string) string { return below(v.Id, what) }

// Compare is the address of the difference between two versions.
func (v *dispatchView) Compare(from, to int64) string {
	path, query, found := strings.Cut(below(v.Id, "compare"), "?")
	path += "?a=" + itoa(from) + "&b=" + itoa(to)
	if found {
		path += "&" + query
	}
	return path
}

// Query is the part of an id after its path, which a form must carry.
func (v *dispatchView) Query() string {
	_, query, _ := strings.Cut(string(v.Id), "?")
	return query
}

func (a *area) show(r *page.Request, id iri.IRI, f form) error {
	v, err := a.Desk.Open(r.Ctx(), r.Person(), id)
	if err != nil {
		return err
	}
	if v.Unread {
		if err := a.Desk.SawNotices(r.Ctx(), r.Person(), id); err != nil {
			return err
		}
	}
	d := v.Dispatch
	out := &dispatchView{View: v, Id: id, Path: page.DispatchPath(id), From: page.Who(v.AuthorName, d.Author), Kind: kind(r, d.Kind), Issued: d.Origin == models.OriginIssued, Form: f}
	if v.Archive && v.AuthorName != "" {
		out.From = r.T("correspondence.archive.of", "Office", v.AuthorName)
	}
	for _, t := range v.Addressees {
		if t.Actor == d.Community {
			continue
		}
		if t.Role == models.RoleAction {
			out.Action = append(out.Action, page.Who(t.Name, t.Actor))
		} else {
			out.Info = append(out.Info, page.Who(t.Name, t.Actor))
		}
	}
	for i, c := range v.Comments {
		speaker := c.Author
		if c.AttestedFor != "" {
			speaker = c.AttestedFor
		}
		v.Comments[i].Name = page.Who(c.Name, speaker)
	}
	if v.Seal != nil {
		s := a.sealView(r, *v.Seal)
		out.Seal = &s
	}
	out.Have, out.Late, out.Failed = desk.Holding(v.Board)
	for _, b := range v.Board {
		out.Lines = append(out.Lines, line{b, page.Who(b.Name, b.Actor), roleOf(r, b)})
	}
	if len(v.May.Forward) > 0 {
		out.Office = v.May.Forward[0]
		for _, h := range v.May.Forward {
			if string(h.IRI) == r.Field("office") {
				out.Office = h
			}
		}
		if out.Colleagues, err = a.Desk.Colleagues(r.Ctx(), r.Person(), out.Office.IRI); err != nil {
			return err
		}
	}
	if v.May.Reply != "" && d.State == models.DispatchInForce {
		out.Replies = "/drafts/new?" + url.Values{"answers": {string(id)}, "office": {string(v.May.Reply)}}.Encode()
	}
	if v.May.Correct != "" {
		out.Corrects = "/drafts/new?" + url.Values{"corrects": {string(id)}}.Encode()
	}
	title := d.Subject
	if title == "" {
		title = d.Reference
	}
	p := page.Page{Name: "correspondence/dispatch", Title: title, Nav: "correspondence", Highest: d.MarkingRank, Wide: true, Data: out}
	return r.Render(p)
}

func roleOf(r *page.Request, b desk.BoardRow) string {
	switch b.Role {
	case models.RoleAction:
		return r.T("correspondence.board.action")
	case models.RoleInfo:
		return r.T("correspondence.board.info")
	}
	if strings.HasSuffix(string(b.Actor), "/actor") {
		return r.T("correspondence.board.instance")
	}
	return r.T("correspondence.board.member")
}

// sealView puts the checks of a seal into words.
func (a *area) sealView(r *page.Request, s desk.Seal) sealView {
	out := sealView{Seal: s}
	if s.Key != nil {
		out.Fingerprint, out.Until = desk.Fingerprint(*s.Key), s.Key.RevokedAt.Time()
		if s.KeyID.Host() == a.Own || s.Key.RevokedAt > 0 {
			out.Since = s.Key.CreatedAt.Time()
		}
	}
	for _, c := range s.Checks {
		w := check{Sign: "e-done", Class: "green"}
		switch c.Result {
		case desk.Fails:
			w = check{Sign: "e-fail", Class: "red"}
		case desk.Unknown:
			w = check{Sign: "e-wait", Class: "amber"}
		}
		w.Text = r.T("correspondence.check."+c.What+"."+c.Result, "Name", c.Of)
		out.Checks = append(out.Checks, w)
	}
	return out
}

// keyLine is one key of the author's.
type keyLine struct {
	models.Key
	Fingerprint string
	Known       time.Time
}

type sealPage struct {
	*desk.SealView
	Id    iri.IRI
	Path  string
	Seals []sealView
	Keys  []keyLine
	Own   bool
}

func (v *sealPage) Below(what string) string { return below(v.Id, what) }

func (a *area) seal(r *page.Request, id iri.IRI) error {
	v, err := a.Desk.Seals(r.Ctx(), r.Person(), id)
	if err != nil {
		return err
	}
	out := &sealPage{SealView: v, Id: id, Path: page.DispatchPath(id), Own: v.Dispatch.AuthorHost == a.Own}
	out.Author = page.Who(v.Author, v.Dispatch.Author)
	for _, s := range v.Seals {
		out.Seals = append(out.Seals, a.sealView(r, s))
	}
	for _, k := range v.Keys {
		out.Keys = append(out.Keys, keyLine{k, desk.Fingerprint(k), k.CreatedAt.Time()})
	}
	return r.Render(page.Page{Name: "correspondence/seal", Title: r.T("correspondence.seal.title"), Nav: "correspondence", Highest: v.Dispatch.MarkingRank, Data: out})
}

type comparePage struct {
	*desk.Difference
	Id   iri.IRI
	Path string
	Same int
}

func (a *area) compare(r *page.Request, id iri.IRI) error {
	d, err := a.Desk.Compare(r.Ctx(), r.Person(), id, r.Int("a", 0), r.Int("b", 0))
	if err != nil {
		return err
	}
	out := &comparePage{Difference: d, Id: id, Path: page.DispatchPath(id), Same: len(d.Paragraphs) - d.Changed}
	return r.Render(page.Page{Name: "correspondence/compare", Title: r.T("correspondence.compare.title"), Nav: "correspondence", Highest: max(d.From.MarkingRank, d.To.MarkingRank), Data: out})
}
