package correspondence

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"time"

	"valise/instance/desk"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

// pageRows is how many rows a page of a folder has.
const pageRows = 25

// filterFields are the fields of the form that narrows a folder.
var filterFields = []string{"since", "until", "peer", "kind", "precedence", "marking", "language", "tag", "state", "community"}

// group is the rows of one precedence.
type group struct {
	Rank int64
	Rows template.HTML
}

type option struct {
	Value, Text string
	On          bool
}

// choice is one list of the filters.
type choice struct {
	Name, Label string
	Options     []option
	Why         string // what is wrong with what was asked
}

type listView struct {
	Folder    string
	Office    string
	Path      string
	Person    bool // the folder is her own
	Alone     bool // and she acts for no office
	CanDraft  bool
	Waiting   int64
	Unread    int64
	Counted   bool
	Groups    []group
	Choices   template.HTML
	Values    map[string]string
	Why       map[string]string // by field, of those that cannot be read
	Narrowed  bool
	Community string
	First     string
	Next      string
}

func (a *area) list(r *page.Request) error {
	f, why := filter(r)
	choices, err := a.choices(r, f, why)
	if err != nil {
		return err
	}
	if len(why) > 0 {
		// The folder, and whether she may open it, without its rows.
		f = desk.Filter{Folder: f.Folder, Community: f.Community}
	}
	counts, err := a.Desk.Counts(r.Ctx(), r.Person())
	if err != nil {
		return err
	}
	desks := 0
	v := listView{Folder: f.Folder, Path: r.Context.Request.URL.Path, Values: map[string]string{}, Why: why, Narrowed: f.Narrowed() || len(why) > 0}
	for _, c := range counts {
		if c.Username != "" {
			desks++
		}
		if c.Username != "" && c.Username == r.Param("office") {
			f.Office = c.IRI
			v.count(c)
		}
		if c.IRI == f.Community {
			v.Community = c.Name
		}
	}
	if f.Office == "" {
		return page.NotFound
	}
	l, err := a.Desk.List(r.Ctx(), r.Person(), f, r.Field("after"), pageRows)
	if err != nil {
		return err
	}
	v.Office, v.Person = l.Holder.Name, l.Holder.IRI == r.Person()
	v.Alone = v.Person && desks == 1
	v.CanDraft = slices.Contains(l.Holder.Acts, models.ActDraft)
	if len(why) > 0 {
		l.Rows, l.Next = nil, ""
		r.Status(http.StatusUnprocessableEntity)
	}
	highest := int64(0)
	for rows := l.Rows; len(rows) > 0; {
		g := group{Rank: rows[0].Key.Precedence}
		m := r.Markup()
		for ; len(rows) > 0 && rows[0].Key.Precedence == g.Rank; rows = rows[1:] {
			highest = max(highest, rows[0].MarkingRank)
			write(m, r, f.Folder, rows[0])
		}
		g.Rows = m.HTML()
		v.Groups = append(v.Groups, g)
	}
	v.Choices = selects(r, choices)
	v.paging(r, l.Next)
	return r.Render(page.Page{Name: "correspondence/list", Title: r.T("correspondence.folder." + f.Folder), Nav: "correspondence", At: v.Path, Highest: highest, Data: v})
}

// count takes the numbers of the folder from those of the rail.
func (v *listView) count(c models.DeskCount) {
	switch v.Folder {
	case models.FolderAction:
		v.Waiting, v.Unread, v.Counted = c.Action, c.ActionUnread, true
	case models.FolderInfo:
		v.Waiting, v.Unread, v.Counted = c.Info, c.Info, true
	case models.FolderAside:
		v.Waiting, v.Counted = c.Aside, true
	}
}

// paging makes the addresses of the first and of the next page with the same filters.
func (v *listView) paging(r *page.Request, next string) {
	q := url.Values{}
	for _, name := range filterFields {
		v.Values[name] = r.Field(name)
		if v.Values[name] != "" {
			q.Set(name, v.Values[name])
		}
	}
	address := func() string {
		if len(q) == 0 {
			return v.Path
		}
		return v.Path + "?" + q.Encode()
	}
	if r.Field("after") != "" {
		v.First = address()
	}
	if next != "" {
		q.Set("after", next)
		v.Next = address()
	}
}

// filter reads the form that narrows a folder. A day is in UTC. why says what is wrong
// with a field that cannot be read.
func filter(r *page.Request) (f desk.Filter, why map[string]string) {
	why = map[string]string{}
	f = desk.Filter{Folder: r.Param("folder"), Kind: r.Field("kind"), Precedence: r.Int("precedence", 0), Marking: r.Int("marking", 0), Tag: r.Field("tag"), Language: r.Field("language"),
		State: r.Field("state"), Community: iri.IRI(r.Field("community")), Peer: iri.Host(r.Field("peer"))}
	day := func(name string) time.Time {
		t, wrong := r.Day(name)
		if wrong != "" {
			why[name] = wrong
		}
		return t
	}
	f.From = models.At(day("since"))
	if until := day("until"); !until.IsZero() {
		f.To = models.At(until.AddDate(0, 0, 1))
	}
	return f, why
}

// selects writes the lists of the filters as fields of their form.
func selects(r *page.Request, choices []choice) template.HTML {
	m := r.Markup()
	for _, c := range choices {
		m.Tag(`<div class="field"><label`)
		m.Attr("for", "f-"+c.Name)
		m.Tag(`>`)
		m.Text(c.Label)
		m.Tag(`</label><select`)
		m.Attr("id", "f-"+c.Name)
		m.Attr("name", c.Name)
		if c.Why != "" {
			m.Tag(` aria-invalid="true"`)
			m.Attr("aria-describedby", "why-"+c.Name)
		}
		m.Tag(`>`)
		for _, o := range c.Options {
			m.Tag(`<option`)
			m.Attr("value", o.Value)
			if o.On && o.Value != "" {
				m.Tag(` selected`)
			}
			m.Tag(`>`)
			m.Text(o.Text)
			m.Tag(`</option>`)
		}
		m.Tag(`</select>`)
		if c.Why != "" {
			m.Tag(`<p class="why"`)
			m.Attr("id", "why-"+c.Name)
			m.Tag(`>`)
			m.Text(c.Why)
			m.Tag(`</p>`)
		}
		m.Tag("</div>\n")
	}
	return m.HTML()
}

// choices are the lists of the filters, each with "Any" first. What was asked and is none
// of them is added to why; a peer may have gone from the list since.
func (a *area) choices(r *page.Request, f desk.Filter, why map[string]string) ([]choice, error) {
	peers, err := a.Desk.Peers(r.Ctx())
	if err != nil {
		return nil, err
	}
	list := func(name, label string) *choice {
		return &choice{Name: name, Label: r.T("correspondence.filter." + label), Options: []option{{Text: r.T("correspondence.filter.any")}}}
	}
	add := func(c *choice, value, text string) {
		c.Options = append(c.Options, option{value, text, r.Field(c.Name) == value})
	}
	peerLabel := "from"
	if f.Folder == models.FolderSent || f.Folder == models.FolderAside {
		peerLabel = "to"
	}
	from := list("peer", peerLabel)
	for _, h := range peers {
		add(from, string(h), string(h))
	}
	kinds := list("kind", "kind")
	for _, k := range knownKinds {
		if (slices.Index(knownKinds, k) > 5) == (f.Folder == models.FolderArchive) {
			add(kinds, k, kind(r, k))
		}
	}
	precedence := list("precedence", "precedence")
	for _, l := range a.Desk.PrecedenceLevels() {
		add(precedence, itoa(l.Rank), l.Name)
	}
	marking := list("marking", "marking")
	for _, l := range a.Desk.MarkingLevels() {
		add(marking, itoa(l.Rank), l.Name)
	}
	tongue := list("language", "language")
	for _, l := range languages {
		add(tongue, l, language(r, l))
	}
	handling := list("state", "state")
	for _, s := range statesOf(f.Folder) {
		add(handling, s, r.T("correspondence.state."+s))
	}
	out := []choice{*from, *kinds, *precedence, *marking, *tongue}
	if len(handling.Options) > 1 {
		out = append(out, *handling)
	}
	for i, c := range out {
		if c.Name != "peer" && r.Field(c.Name) != "" && !slices.ContainsFunc(c.Options, func(o option) bool { return o.On }) {
			out[i].Why = r.NoChoice(r.Field(c.Name))
			why[c.Name] = out[i].Why
		}
	}
	return out, nil
}

// statesOf are the states that make sense in a folder.
func statesOf(folder string) []string {
	switch folder {
	case models.FolderAction:
		return []string{models.DeskWaiting, models.DeskUnread, models.DeskRegistered, models.DeskTaken, models.DeskOverdue, models.DeskWithdrawn}
	case models.FolderInfo:
		return []string{models.DeskUnread, models.DeskRead, models.DeskRegistered, models.DeskWithdrawn}
	case models.FolderRegistered:
		return []string{models.DeskWaiting, models.DeskTaken, models.DeskWithdrawn}
	case models.FolderSent:
		return []string{models.DeskStuck, models.DeskWithdrawn}
	case models.FolderCommunity:
		return []string{models.DeskUnread, models.DeskWithdrawn}
	}
	return nil
}

// ok answers an act: its script with a word, others with the page.
func ok(r *page.Request, path string) error {
	if r.Scripted() {
		r.Context.JSON(http.StatusOK, map[string]bool{"ok": true})
		return nil
	}
	return r.See(path)
}
