package communities

import (
	"net/http"
	"strconv"

	"valise/instance/communities"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

type listView struct {
	*communities.Overview
	Open, Past []models.NamedInvitation
	First      string
	Next       string
}

// list shows the communities that she is or was in, and the invitations to her.
func (a *area) list(r *page.Request) error {
	after := iri.IRI(r.Field("after"))
	o, err := a.Communities.Overview(r.Ctx(), r.Person(), after, rows)
	if err != nil {
		return err
	}
	v := listView{Overview: o}
	for _, i := range o.Invitations {
		if i.State == models.InvitationOpen && i.ExpiresAt > models.At(r.Now()) {
			v.Open = append(v.Open, i)
		} else {
			v.Past = append(v.Past, i)
		}
	}
	if after != "" {
		v.First = "/communities"
	}
	if len(o.Communities) == rows {
		v.Next = "/communities?after=" + string(o.Communities[rows-1].IRI)
	}
	return r.Render(page.Page{Name: "communities/list", Title: r.T("communities.list.title"), Nav: "communities", At: "/communities", Data: v})
}

// opening is what was typed in the form that opens a community.
type opening struct {
	Office, Name, Username, Charter, Kind, Ceiling, Posting, Commenting, Rendering, History string
	Subject                                                                                 bool
}

type openingView struct {
	Offices  []models.OfficeAct
	Ceilings []communities.Level
	Form     opening
	Why      string
}

func (a *area) opening(r *page.Request, f opening, why string) error {
	v := openingView{Form: f, Why: why, Ceilings: a.Communities.Ceilings(0)}
	var err error
	if v.Offices, err = a.Communities.Opens(r.Ctx(), r.Person()); err != nil {
		return err
	}
	if len(v.Offices) == 0 {
		return page.NotFound
	}
	if r.Context.Request.Method == http.MethodGet {
		v.Form.History = "30"
	}
	return r.Render(page.Page{Name: "communities/new", Title: r.T("communities.new.title"), Nav: "communities", Data: v})
}

func (a *area) open(r *page.Request) error {
	f := opening{r.Field("office"), r.Field("name"), r.Field("username"), r.Field("charter"), r.Field("kind"), r.Field("ceiling"), r.Field("posting"), r.Field("commenting"), r.Field("rendering"),
		r.Field("history"), r.Field("subject") != ""}
	again := func(why string) error { return a.opening(r, f, why) }
	days, err := strconv.ParseInt(f.History, 10, 64)
	if err != nil {
		return refused(r, page.Invalid("%s", r.T("communities.form.days")), again)
	}
	c, err := a.Communities.Open(r.Ctx(), r.Person(), communities.Opening{Office: iri.IRI(f.Office), Username: f.Username, Name: f.Name, Charter: f.Charter, Kind: f.Kind, Ceiling: f.Ceiling,
		Posting: f.Posting, Commenting: f.Commenting, Rendering: f.Rendering, HistoryDays: days, SubjectInNotice: f.Subject})
	if err != nil {
		return refused(r, err, again)
	}
	r.Say("communities.did.open")
	return r.See(page.ObjectPath("communities", c.IRI))
}
