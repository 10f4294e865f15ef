// Package finding is the area of search: a question, what fits it, and the searches that
// a person keeps.
package finding

import (
	"embed"
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
	r.Signed("GET", "/search/complete", a.complete)
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
	Hits             template.HTML
	Saved            []*models.SavedSearch
	Ranked, Newest   string // the same question in the other order
	Next             string
	SaveWhy          string
}

// marked writes a text with the places that fit in mark elements.
func marked(m *page.Markup, text string, marks []search.Range) {
	at := 0
	for _, r := range marks {
		if r.Start < at || r.End > len(text) {
			continue
		}
		m.Text(text[at:r.Start])
		m.Tag(`<mark>`)
		m.Text(text[r.Start:r.End])
		m.Tag(`</mark>`)
		at = r.End
	}
	m.Text(text[at:])
}

// write writes one hit as a list item.
func write(m *page.Markup, h *search.Hit) {
	m.Tag(`<li class="row"><span class="row__dot"></span><p class="row__from"><b><bdi>`)
	m.Text(page.Who(h.AuthorName, h.Author))
	m.Tag(`</bdi></b><small><bdi class="ltr">`)
	m.Text(h.Reference)
	m.Tag(`</bdi></small></p><div class="row__subj"><a`)
	switch {
	case h.Archive:
		m.Path("href", page.ObjectPath("archive/at", h.ID))
	case h.Dispatch != "":
		m.Path("href", page.DispatchPath(h.Dispatch))
	default:
		m.Path("href", page.DispatchPath(h.ID))
	}
	m.Tag(`><bdi>`)
	marked(m, h.Subject, h.SubjectMarks)
	m.Tag(`</bdi></a>`)
	for _, e := range h.Extracts {
		m.Tag(`<p class="snip" dir="auto">`)
		if e.Before {
			m.Tag(`… `)
		}
		marked(m, e.Text, e.Marks)
		if e.After {
			m.Tag(` …`)
		}
		m.Tag(`</p>`)
	}
	m.Tag(`<small>`)
	if h.Source == "comment" {
		m.Words("finding.comment")
		m.Tag(` · `)
	}
	if h.Archive {
		m.Words("finding.archive")
		m.Tag(` · `)
	}
	m.Text(h.CommunityName)
	m.Tag(`</small></div><p class="row__mk">`)
	if h.Archive {
		m.Text(h.Marking)
	} else {
		m.Marking(h.MarkingRank)
	}
	m.Tag(`</p><p class="row__st">`)
	if h.PrecedenceRank != 0 {
		m.Precedence(h.PrecedenceRank)
	} else {
		m.Text(h.Precedence)
	}
	m.Tag(`</p><p class="row__time">`)
	if h.At != 0 {
		m.Clock(h.At.Time())
		m.Tag(`<small>`)
		m.Date(h.At.Time())
		m.Tag(`</small>`)
	}
	m.Tag("</p></li>\n")
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
	m := r.Markup()
	for i := range v.Page.Hits {
		p.Highest = max(p.Highest, v.Page.Hits[i].MarkingRank)
		write(m, &v.Page.Hits[i])
	}
	v.Hits = m.HTML()
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
