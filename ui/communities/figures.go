package communities

import (
	"strconv"

	"valise/instance/communities"
	"valise/models"
	"valise/ui/page"
)

// drawn is how many instances a plot shows; its table shows all.
const drawn = 12

type figuresView struct {
	*communities.Figures
	Place                    place
	People, Months, Sent     plot
	Members, Guests          int64
	Dispatches, Comments     int64
	HandedOver, Late, Failed int64
	More                     int // instances that the plots leave out
}

// statistics shows a community in numbers, for who organises it.
func (a *area) statistics(r *page.Request) error {
	f, err := a.Communities.Figures(r.Ctx(), r.Person(), idOf(r))
	if err != nil {
		return err
	}
	v := figuresView{Figures: f, Place: at(f.Community, "statistics", true)}
	mirrored := r.Lang() == "ar"
	v.People = plot{Id: "people", Title: r.T("communities.statistics.people"), Mirrored: mirrored}
	v.Sent = plot{Id: "sent", Title: r.T("communities.statistics.sent"), Mirrored: mirrored}
	v.Months = plot{Id: "months", Title: r.T("communities.statistics.months"), Mirrored: mirrored}
	var people, sent []stack
	for _, h := range f.Hosts {
		v.Members += h.Organisers + h.Members + h.Guests
		v.Guests += h.Guests
		v.HandedOver += h.HandedOver
		v.Late += h.Late
		v.Failed += h.Failed
		if h.Organisers+h.Members+h.Guests > 0 {
			people = append(people, stack{string(h.Host), []int64{h.Organisers, h.Members, h.Guests}})
		}
		if h.HandedOver+h.Waiting+h.Late+h.Failed > 0 {
			sent = append(sent, stack{string(h.Host), []int64{h.HandedOver, h.Waiting, h.Late, h.Failed}})
		}
	}
	v.More = max(len(people), len(sent)) - drawn
	var months []stack
	for _, m := range f.Months {
		v.Dispatches += m.Dispatches
		v.Comments += m.Comments
		months = append(months, stack{monthName(r, m), []int64{m.Dispatches, m.Comments}})
	}
	v.People.across(people[:min(len(people), drawn)], []string{"a", "b", "c"}, a.words(r, "organisers", "members", "guests"))
	v.Sent.across(sent[:min(len(sent), drawn)], []string{"a", "c", "late", "bad"}, a.words(r, "handedover", "waiting", "late", "failed"))
	v.Months.upright(months, []string{"a", "c"}, a.words(r, "dispatches", "comments"))
	return r.Render(frame("statistics", r.T("communities.statistics.title"), v.Place, v))
}

func (a *area) words(r *page.Request, keys ...string) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = r.T("communities.statistics.of." + k)
	}
	return out
}

// monthName is the short name of a month of the figures.
func monthName(r *page.Request, m models.MonthFigures) string {
	n := strconv.Itoa(int(m.From.Time().Month()))
	if len(n) == 1 {
		n = "0" + n
	}
	return r.T("page.month.m" + n)
}

// MonthOf is the month and year of a row of the table.
func (v figuresView) MonthOf(m models.MonthFigures) string { return m.From.Time().Format("2006-01") }
