package drafting

import (
	"html/template"
	"net/http"
	"net/url"

	"valise/instance/dispatches"
	"valise/instance/drafting"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

// line is a paragraph as it will be read.
type line struct {
	No       int
	Short    string
	Marking  string
	Language string
	HTML     template.HTML
}

type readView struct {
	*drafting.Desk
	Lines      []line
	Addressees []addressee
	MarkRank   int64
	Why, Note  string
	Mine       *drafting.Clearer
	Since      *drafting.Difference
	Outlook    *dispatches.Outlook
	Dispatch   iri.IRI
	Fresh      bool
}

// reading renders a draft with the renderer of release.
func (a *area) reading(r *page.Request) (readView, error) {
	desk, err := a.Drafting.Open(r.Ctx(), r.Person(), r.Param("id"))
	if err != nil {
		return readView{}, err
	}
	full := a.view(desk, r.Person(), form{})
	v := readView{Desk: desk, Addressees: full.Addressees, MarkRank: full.MarkRank}
	for i, p := range full.Paragraphs {
		text, err := p.Paragraph.HTML()
		if err != nil {
			return v, err
		}
		marking := p.Marking
		if marking == "" {
			marking = desk.Content.Marking
		}
		language := p.Language
		if language == "" {
			language = desk.Content.Language
		}
		v.Lines = append(v.Lines, line{i + 1, p.Short, marking, language, template.HTML(text)})
	}
	for i, c := range desk.Clearers {
		if c.Person == r.Person() {
			v.Mine = &desk.Clearers[i]
		}
	}
	return v, nil
}

func (a *area) preview(r *page.Request) error {
	v, err := a.reading(r)
	if err != nil {
		return err
	}
	return a.render(r, "preview", r.T("drafting.preview.title"), v)
}

func (a *area) render(r *page.Request, name, title string, v readView) error {
	return r.Render(page.Page{Name: "drafting/" + name, Title: title, Nav: "drafts", At: "/drafts", Wide: true, Highest: v.Draft.MarkingRank, Data: v})
}

// since is what changed after the revision that she saw last.
func (a *area) since(r *page.Request, v *readView) error {
	if v.Seen == 0 {
		return nil
	}
	d, err := a.Drafting.CompareRevisions(r.Ctx(), r.Person(), v.Draft.ID, v.Seen, 0)
	if drafting.Code(err) == "not-found" {
		return nil
	}
	if err == nil {
		v.Since = &d.Difference
	}
	return err
}

// decide shows a clearer the exact revision, and what has changed since she saw one.
func (a *area) decide(r *page.Request) error { return a.showDecide(r, http.StatusOK, "", "") }

func (a *area) showDecide(r *page.Request, status int, why, note string) error {
	v, err := a.reading(r)
	if err != nil {
		return err
	}
	if !v.Right.Clear {
		return page.NotFound
	}
	if err := a.since(r, &v); err != nil {
		return err
	}
	v.Why, v.Note = why, note
	if v.Seen != v.Draft.Revision {
		if err := a.Drafting.Saw(r.Ctx(), r.Person(), v.Draft.ID, v.Draft.Revision); err != nil {
			return err
		}
	}
	r.Status(status)
	return a.render(r, "clear", r.T("drafting.clear.title"), v)
}

func (a *area) clear(r *page.Request) error {
	agree := r.Field("decision") == "agree"
	err := a.Drafting.Clear(r.Ctx(), r.Person(), r.Param("id"), r.Int("revision", 0), agree, r.Field("note"))
	if why, mine := r.Refusal(err); mine {
		return a.showDecide(r, http.StatusUnprocessableEntity, why, r.Field("note"))
	}
	if err != nil {
		return err
	}
	if agree {
		r.Say("drafting.done.agreed")
	} else {
		r.Say("drafting.done.change")
	}
	return r.See("/drafts")
}

// ask sends the draft for clearance.
func (a *area) ask(r *page.Request) error {
	var beside []iri.IRI
	for _, who := range r.Fields("clearer") {
		beside = append(beside, iri.IRI(who))
	}
	if err := a.Drafting.Ask(r.Ctx(), r.Person(), r.Param("id"), r.Int("revision", 0), beside); err != nil {
		return a.refused(r, err, form{Of: "ask"})
	}
	r.Say("drafting.done.asked")
	return r.See(draftPath(r.Param("id"), "clearance"))
}

// check says who will be able to read the draft, and what will not leave.
func (a *area) check(r *page.Request) error {
	out, err := a.Drafting.Dispatches.Outlook(r.Ctx(), r.Person(), r.Param("id"))
	if err != nil {
		return err
	}
	if r.Scripted() {
		text, err := r.Fragment("drafting/check", "outlook", out)
		if err != nil {
			return err
		}
		r.Context.JSON(http.StatusOK, map[string]string{"html": text})
		return nil
	}
	return r.Render(page.Page{Name: "drafting/check", Title: r.T("drafting.check.title"), Nav: "drafts", At: "/drafts", Wide: true, Highest: out.Draft.MarkingRank, Data: out})
}

type discardView struct {
	*drafting.Desk
	Why string
}

func (a *area) askDiscard(r *page.Request) error { return a.showDiscard(r, http.StatusOK, "") }

func (a *area) showDiscard(r *page.Request, status int, why string) error {
	desk, err := a.Drafting.Open(r.Ctx(), r.Person(), r.Param("id"))
	if err != nil {
		return err
	}
	if !desk.Right.Draft {
		return page.NotFound
	}
	r.Status(status)
	return r.Render(page.Page{Name: "drafting/discard", Title: r.T("drafting.discard.title"), Nav: "drafts", At: "/drafts", Highest: desk.Draft.MarkingRank, Data: discardView{desk, why}})
}

func (a *area) discard(r *page.Request) error {
	err := a.Drafting.Discard(r.Ctx(), r.Person(), r.Param("id"), r.Int("revision", 0))
	if why, mine := r.Refusal(err); mine {
		return a.showDiscard(r, http.StatusConflict, why)
	}
	if err != nil {
		return err
	}
	r.Say("drafting.done.discarded")
	return r.See("/drafts")
}

func (a *area) history(r *page.Request) error {
	h, err := a.Drafting.History(r.Ctx(), r.Person(), r.Param("id"), r.Int("before", 0))
	if err != nil {
		return err
	}
	return r.Render(page.Page{Name: "drafting/history", Title: r.T("drafting.history.title"), Nav: "drafts", At: "/drafts", Highest: h.Draft.MarkingRank, Data: h})
}

func (a *area) compare(r *page.Request) error {
	d, err := a.Drafting.CompareRevisions(r.Ctx(), r.Person(), r.Param("id"), r.Int("from", 1), r.Int("to", 0))
	if err != nil {
		return err
	}
	return r.Render(page.Page{Name: "drafting/compare", Title: r.T("drafting.compare.title"), Nav: "drafts", At: "/drafts", Wide: true, Highest: d.Draft.MarkingRank, Data: d})
}

type waiting struct {
	drafting.Waiting
	Row row
}

func (a *area) queue(r *page.Request) error {
	list, err := a.Drafting.Queue(r.Ctx(), r.Person())
	if err != nil {
		return err
	}
	var top int64
	var rows []waiting
	for _, w := range list {
		top = max(top, w.MarkingRank)
		rows = append(rows, waiting{w, row{w.DraftRow, toRelease(w.ID)}})
	}
	return r.Render(page.Page{Name: "drafting/queue", Title: r.T("drafting.queue.title"), Nav: "drafts", At: "/release", Highest: top, Data: rows})
}

// before is the page before release: the exact revision, and what follows from it.
func (a *area) before(r *page.Request) error { return a.showBefore(r, http.StatusOK, "") }

func (a *area) showBefore(r *page.Request, status int, why string) error {
	v, err := a.reading(r)
	if err != nil {
		return err
	}
	if !v.Right.Release {
		return page.NotFound
	}
	if v.Draft.State == models.DraftReleased {
		return r.See(page.DispatchPath(v.Draft.Dispatch))
	}
	if err := a.since(r, &v); err != nil {
		return err
	}
	if v.Outlook, err = a.Drafting.Dispatches.Outlook(r.Ctx(), r.Person(), v.Draft.ID); err != nil {
		return err
	}
	v.Why, v.Fresh = why, r.Now().Sub(r.Viewer.Fresh) < drafting.FreshFor
	if v.Seen != v.Draft.Revision && v.Open() {
		if err := a.Drafting.Saw(r.Ctx(), r.Person(), v.Draft.ID, v.Draft.Revision); err != nil {
			return err
		}
	}
	r.Status(status)
	return a.render(r, "release", r.T("drafting.release.title"), v)
}

func (a *area) release(r *page.Request) error {
	d, err := a.Drafting.Release(r.Ctx(), r.Person(), r.Param("id"), r.Int("revision", 0), r.Viewer.Fresh)
	if drafting.Code(err) == drafting.CodeProve {
		return r.See("/sign-in/again?next=" + url.QueryEscape("/release/"+url.PathEscape(r.Param("id"))))
	}
	if drafting.Code(err) == "no-mandate" {
		return err
	}
	if why, mine := r.Refusal(err); mine {
		return a.showBefore(r, http.StatusConflict, why)
	}
	if err != nil {
		return err
	}
	r.Say("drafting.done.released", "Reference", d.Reference)
	return r.See(page.DispatchPath(d.IRI))
}
