// Package finding is the area of search: a question, what fits it, and the searches that
// a person keeps.
package finding

import (
	"embed"
	"html"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"valise/instance/search"
	"valise/models"
	"valise/ui/page"
)

//go:embed *.html locales
var files embed.FS

type area struct{ search *search.Search }

// New builds the area over the service.
func New(s *search.Search) page.Area {
	a := &area{s}
	return page.Area{Name: "finding", Files: files, Mount: a.mount}
}

func (a *area) mount(r *page.Routes) {
	r.Signed("GET", "/search", func(r *page.Request) error { return a.find(r, "") })
	r.Signed("POST", "/search/saved", a.save)
	r.Signed("GET", "/search/saved/:id", a.open)
	r.Signed("POST", "/search/saved/:id/forget", a.forget)
}

const hits = 20

type view struct {
	Text, Why, Order string
	Name             string // of a search to be saved
	Asked            bool
	Page             *search.Page
	Saved            []*models.SavedSearch
	Ranked, Newest   string // the same question in the other order
	Next             string
	SaveWhy          string
}

// Marked is a text with the places that fit in mark elements.
func Marked(text string, marks []search.Range) template.HTML {
	var b strings.Builder
	at := 0
	for _, m := range marks {
		if m.Start < at || m.End > len(text) {
			continue
		}
		b.WriteString(html.EscapeString(text[at:m.Start]) + "<mark>" + html.EscapeString(text[m.Start:m.End]) + "</mark>")
		at = m.End
	}
	b.WriteString(html.EscapeString(text[at:]))
	return template.HTML(b.String())
}

type hit struct {
	search.Hit
	From     string
	Subject  template.HTML
	Extracts []template.HTML
}

func (v view) Hits() []hit {
	if v.Page == nil {
		return nil
	}
	out := make([]hit, len(v.Page.Hits))
	for i, h := range v.Page.Hits {
		out[i] = hit{Hit: h, From: page.Who(h.AuthorName, h.Author), Subject: Marked(h.Subject, h.SubjectMarks)}
		for _, e := range h.Extracts {
			text := Marked(e.Text, e.Marks)
			if e.Before {
				text = "… " + text
			}
			if e.After {
				text += " …"
			}
			out[i].Extracts = append(out[i].Extracts, text)
		}
	}
	return out
}

func address(text, order, from string) string {
	q := url.Values{"q": {text}}
	if order != "" {
		q.Set("order", order)
	}
	if from != "" {
		q.Set("from", from)
	}
	return "/search?" + q.Encode()
}

func (a *area) find(r *page.Request, saveWhy string) error {
	v := view{Text: strings.TrimSpace(r.Field("q")), Order: r.Field("order"), Name: r.Field("name"), SaveWhy: saveWhy}
	var err error
	if v.Saved, err = a.search.Saved(r.Ctx(), r.Person()); err != nil {
		return err
	}
	p := page.Page{Name: "finding/search", Title: r.T("finding.title"), Nav: "search"}
	if v.Text != "" {
		if err := a.answer(r, &v, &p); err != nil {
			return err
		}
	}
	if v.Why != "" || saveWhy != "" {
		r.Status(http.StatusUnprocessableEntity)
	}
	p.Data = v
	return r.Render(p)
}

func (a *area) answer(r *page.Request, v *view, p *page.Page) error {
	q, err := search.Parse(v.Text)
	if err == nil {
		q.Ranked = v.Order != "newest"
		v.Page, err = a.search.Find(r.Ctx(), r.Person(), q, r.Field("from"), hits)
	}
	if why, mine := r.Refusal(err); mine {
		v.Why = why
		return nil
	}
	if err != nil {
		return err
	}
	v.Asked, v.Ranked, v.Newest = true, address(v.Text, "", ""), address(v.Text, "newest", "")
	for _, h := range v.Page.Hits {
		p.Highest = max(p.Highest, h.MarkingRank)
	}
	if v.Page.Next != "" {
		v.Next = address(v.Text, v.Order, v.Page.Next)
	}
	p.Beside = []page.RailGroup{}
	for _, f := range v.Page.Facets {
		g := page.RailGroup{Title: r.T("finding.facet." + f.Name)}
		for _, x := range f.Values {
			label := x.Label
			if label == "" {
				label = r.Word("finding.value."+f.Name+"."+x.Value, x.Value)
			}
			g.Links = append(g.Links, page.RailLink{Href: address(v.Text+" "+x.Filter, v.Order, ""), Text: label, Count: int64(x.Count)})
		}
		p.Beside = append(p.Beside, g)
	}
	return nil
}

func (a *area) save(r *page.Request) error {
	_, err := a.search.Save(r.Ctx(), r.Person(), r.Field("name"), r.Field("q"))
	if why, mine := r.Refusal(err); mine {
		return a.find(r, why)
	}
	if err != nil {
		return err
	}
	r.Say("finding.saved")
	return r.See(address(r.Field("q"), "", ""))
}

func (a *area) open(r *page.Request) error {
	row, err := a.search.Open(r.Ctx(), r.Person(), number(r))
	if err != nil {
		return err
	}
	return r.See(address(row.Query, "newest", ""))
}

func (a *area) forget(r *page.Request) error {
	if err := a.search.Forget(r.Ctx(), r.Person(), number(r)); err != nil {
		return err
	}
	r.Say("finding.forgotten")
	return r.See("/search")
}

func number(r *page.Request) int64 {
	id, err := strconv.ParseInt(r.Param("id"), 10, 64)
	if err != nil {
		return -1
	}
	return id
}
