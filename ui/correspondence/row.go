package correspondence

import (
	"strings"
	"time"

	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

// state is what a row says of its handling: a sign, words, and something smaller.
type state struct {
	Sign, Class, Text, Small string
	At                       time.Time
}

// from is whom a row names first: the author, or where the folder is what was sent, the
// addressees.
func from(r *page.Request, folder string, d *models.DeskRow) string {
	if folder != models.FolderSent && folder != models.FolderAside {
		return page.Who(d.AuthorName, d.Author)
	}
	first := d.First
	if strings.Contains(first, "://") { // a name that was never fetched
		first = page.Who("", iri.IRI(first))
	}
	if d.Addressees > 1 {
		return r.N("correspondence.list.others", int(d.Addressees-1), "First", first)
	}
	return first
}

// write writes one dispatch of a list as a list item.
func write(m *page.Markup, r *page.Request, folder string, d *models.DeskRow) {
	m.Tag(`<li class="row`)
	if d.Unread {
		m.Tag(` row--new`)
	}
	m.Tag(`"`)
	if d.Waiting && d.Role == models.RoleAction {
		m.Path("data-take", page.DispatchPath(d.IRI)+"/take")
	}
	m.Tag(`><span class="row__dot">`)
	if d.Unread {
		m.Tag(`<span class="vh">`)
		m.Words("correspondence.state.unread")
		m.Tag(`</span>`)
	}
	m.Tag(`</span><p class="row__from"><b><bdi>`)
	m.Text(from(r, folder, d))
	m.Tag(`</bdi></b><small><bdi class="ltr">`)
	m.Text(d.Reference)
	m.Tag("</bdi></small></p>\n")
	subject(m, r, folder, d)
	m.Tag(`<p class="row__mk">`)
	m.Marking(d.MarkingRank)
	archived := d.Origin == models.OriginArchive
	if archived {
		m.Tag(`<br><small class="quiet">`)
		m.Words("correspondence.archive.badge")
		m.Tag(`</small>`)
	}
	m.Tag(`</p>`)
	handling(m, stateOf(r, folder, d))
	m.Tag(`<p class="row__time">`)
	at := d.DistributedAt
	if archived {
		at = d.PublishedAt
	}
	if at != 0 && !archived {
		m.Clock(at.Time())
	}
	m.Tag(`<small>`)
	if at == 0 {
		m.Words("correspondence.list.undated")
	} else {
		m.Date(at.Time())
	}
	m.Tag("</small></p></li>\n")
}

// subject writes what a dispatch is about, with the link to it.
func subject(m *page.Markup, r *page.Request, folder string, d *models.DeskRow) {
	m.Tag(`<div class="row__subj"><a`)
	m.Path("href", page.DispatchPath(d.IRI))
	m.Lang(d.Language)
	m.Tag(`>`)
	if d.Subject == "" {
		m.Words("correspondence.list.gone")
	} else {
		m.Text(d.Subject)
	}
	m.Tag(`</a>`)
	if d.Excerpt != "" {
		m.Tag(`<p dir="auto">`)
		m.Text(d.Excerpt)
		m.Tag(`</p>`)
	}
	m.Tag(`<small>`)
	m.Text(kind(r, d.Kind))
	for i, t := range d.Tags {
		if i == 0 {
			m.Tag(` · <bdi>`)
		} else {
			m.Tag(`, <bdi>`)
		}
		m.Text(t)
		m.Tag(`</bdi>`)
	}
	if d.Attachments > 0 {
		m.Tag(` · `)
		m.Count("correspondence.list.files", int(d.Attachments))
	}
	for _, q := range d.References {
		m.Tag(` · `)
		m.Say("correspondence.list.refers", "Reference", q)
	}
	if d.CommunityName != "" && folder != models.FolderCommunity {
		m.Tag(` · `)
		m.Words("correspondence.list.in", "Community", d.CommunityName)
	}
	if d.Version > 1 {
		m.Tag(` · `)
		m.Words("correspondence.list.version", "N", d.Version)
	}
	m.Tag(`</small></div>` + "\n")
}

// handling writes what became of a dispatch.
func handling(m *page.Markup, s state) {
	m.Tag(`<p`)
	m.Attr("class", "row__st st "+s.Class)
	m.Tag(`><svg class="i" aria-hidden="true"><use`)
	m.Attr("href", "#"+s.Sign)
	m.Tag(`/></svg><span>`)
	m.Text(s.Text)
	if s.Small != "" {
		m.Tag(`<small>`)
		m.Text(s.Small)
		m.Tag(`</small>`)
	}
	if !s.At.IsZero() {
		m.Tag(`<small>`)
		m.When(s.At)
		m.Tag(`</small>`)
	}
	m.Tag(`</span></p>`)
}

// stateOf says in words what became of a dispatch, for whoever looks at the folder.
func stateOf(r *page.Request, folder string, d *models.DeskRow) state {
	word := func(sign, class, key, small string, at models.Time) state {
		return state{sign, class, r.T("correspondence.state." + key), small, at.Time()}
	}
	switch {
	case d.State == models.DispatchWithdrawn:
		return word("e-fail", "", "withdrawn", "", 0)
	case d.State == models.DispatchSuperseded:
		return word("e-fail", "", "superseded", "", 0)
	case d.Origin == models.OriginArchive:
		return word("e-dlvd", "quiet", "archive", "", 0)
	case folder == models.FolderSent || folder == models.FolderAside:
		switch {
		case d.Stuck > 0:
			return state{Sign: "e-wait", Class: "amber", Text: r.N("correspondence.list.stuck", int(d.Stuck)), Small: r.N("correspondence.list.have", int(d.Addressees), "Have", d.Have)}
		case d.Addressees > 0 && d.Have == d.Addressees:
			return state{Sign: "e-dlvd", Text: r.T("correspondence.list.all")}
		}
		return state{Sign: "e-sent", Text: r.N("correspondence.list.have", int(d.Addressees), "Have", d.Have)}
	case folder == models.FolderCommunity:
		if d.Unread {
			return word("e-dlvd", "", "unread", "", 0)
		}
		return word("e-read", "", "read", "", 0)
	case d.TakenAt > 0:
		return word("e-done", "green", "taken", joined(d.By, d.Number), 0)
	case d.Waiting && d.Role == models.RoleAction && d.DueAt > 0 && d.DueAt <= models.At(r.Now()):
		return word("e-wait", "red", "overdue", "", d.DueAt)
	case d.Waiting && d.Role == models.RoleAction && d.DueAt > 0:
		return word("e-wait", "amber", "due", "", d.DueAt)
	case d.RegisteredAt > 0:
		return word("e-regd", "", "registered", joined(d.Number, d.By), 0)
	case d.ReadAt > 0:
		return word("e-read", "", "read", d.By, 0)
	}
	return word("e-dlvd", "", "unread", "", 0)
}

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " · " + b
}
