package drafting

import (
	"net/http"

	"valise/instance/drafting"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

// row is a draft in a list and where it leads.
type row struct {
	models.DraftRow
	Href string
}

func rows(list []models.DraftRow, to func(id string) string) []row {
	var out []row
	for _, d := range list {
		out = append(out, row{d, to(d.ID)})
	}
	return out
}

func toDraft(id string) string   { return draftPath(id, "") }
func toClear(id string) string   { return draftPath(id, "") + "/clear" }
func toRelease(id string) string { return "/release/" + id }

type shelfView struct {
	Clearing, Releasing, Open []row
	Drafts                    bool // she drafts for an office
	Releases                  bool
	Next, Back                string
}

// list shows the drafts of her offices, what waits for her clearance and her release.
func (a *area) list(r *page.Request) error {
	after := r.Field("after")
	shelf, err := a.Drafting.Shelf(r.Ctx(), r.Person(), after)
	if err != nil {
		return err
	}
	v := shelfView{Clearing: rows(shelf.Clearing, toClear), Releasing: rows(shelf.Releasing, toRelease), Open: rows(shelf.Open, toDraft)}
	for _, o := range shelf.Offices {
		v.Drafts, v.Releases = v.Drafts || o.Draft, v.Releases || o.Release
	}
	if shelf.Next != "" {
		v.Next = "/drafts?after=" + shelf.Next
	}
	if after != "" {
		v.Back = "/drafts"
	}
	return r.Render(page.Page{Name: "drafting/list", Title: r.T("drafting.list.title"), Nav: "drafts", At: "/drafts", Highest: highest(shelf.Open, shelf.Clearing, shelf.Releasing), Data: v})
}

func highest(lists ...[]models.DraftRow) int64 {
	var top int64
	for _, rows := range lists {
		for _, d := range rows {
			top = max(top, d.MarkingRank)
		}
	}
	return top
}

type newView struct {
	Offices           []drafting.Office
	Forms             []drafting.Form
	Office, Form, Why string
	Language          string
	Answers, Corrects string
	To                string
	Community         string // in which it is to be shared
	CommunityName     string
}

// new asks how a draft is to begin.
func (a *area) new(r *page.Request) error {
	return a.askNew(r, newView{Office: r.Field("office"), Form: "cable", Language: r.Lang(), Answers: r.Field("answers"), Corrects: r.Field("corrects"), To: r.Field("to"), Community: r.Field("community")})
}

func (a *area) askNew(r *page.Request, v newView) error {
	offices, err := a.Drafting.Offices(r.Ctx(), r.Person())
	if err != nil {
		return err
	}
	for _, o := range offices {
		if o.Draft {
			v.Offices = append(v.Offices, o)
		}
	}
	v.Forms = drafting.Forms
	if v.Community != "" {
		c, err := a.Drafting.Communities.Show(r.Ctx(), r.Person(), iri.IRI(v.Community))
		if err != nil {
			return err
		}
		v.CommunityName = c.Community.Name
	}
	return r.Render(page.Page{Name: "drafting/new", Title: r.T("drafting.new.title"), Nav: "drafts", At: "/drafts", Data: v})
}

func (a *area) begin(r *page.Request) error {
	st := drafting.Start{Office: iri.IRI(r.Field("office")), Form: drafting.Form(r.Field("form")), Language: r.Field("language"), Answers: r.Field("answers"), Corrects: r.Field("corrects"), To: r.Field("to"), Community: iri.IRI(r.Field("community")), Once: r.Field("once")}
	d, err := a.Drafting.Begin(r.Ctx(), r.Person(), st)
	if why, mine := r.Refusal(err); mine {
		r.Status(http.StatusUnprocessableEntity)
		return a.askNew(r, newView{Office: string(st.Office), Form: string(st.Form), Language: st.Language, Answers: st.Answers, Corrects: st.Corrects, To: st.To, Community: string(st.Community), Why: why})
	}
	if err != nil {
		return err
	}
	return r.See(draftPath(d.ID, ""))
}
