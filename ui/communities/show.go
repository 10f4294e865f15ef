package communities

import (
	"net/url"
	"strings"
	"time"

	"valise/instance/communities"
	"valise/instance/desk"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

// row is a dispatch in the list of a community.
type row struct {
	*models.DeskRow
	From string
	Kind string
	Time time.Time
}

// group is the rows of one precedence.
type group struct {
	Rank int64
	Rows []row
}

// form is the comment that was typed, and what is wrong with it.
type form struct{ Comment, Why string }

type showView struct {
	*desk.CommunityView
	Place       place
	Charter     string // HTML
	Groups      []group
	Form        form
	Share       string // where a dispatch to be shared is begun, "" for nobody who may
	Ended       string // the state of her membership where none is in force
	EndedAt     time.Time
	First, Next string
}

// show is the page of a community.
func (a *area) show(r *page.Request, f form) error {
	v, err := a.Desk.Community(r.Ctx(), r.Person(), idOf(r), r.Field("after"), rows)
	if err != nil {
		return err
	}
	out := &showView{CommunityView: v, Place: at(&v.Community, "", v.Runs), Form: f}
	out.Place.Member = v.In
	if out.Charter, err = communities.RenderCharter(v.Community.Charter); err != nil {
		return err
	}
	if v.Drafts != "" {
		out.Share = "/drafts/new?" + url.Values{"community": {string(v.Community.IRI)}, "office": {string(v.Drafts)}}.Encode()
	}
	if !v.In && len(v.Mine) > 0 {
		m := v.Mine[0]
		out.Ended, out.EndedAt = m.State, m.LeftAt.Time()
		if m.State == models.MemberActive {
			out.Ended, out.EndedAt = models.MemberExpired, m.EndsAt.Time()
		}
	}
	highest := int64(0)
	for _, d := range v.Rows {
		highest = max(highest, d.MarkingRank)
		if n := len(out.Groups); n == 0 || out.Groups[n-1].Rank != d.Key.Precedence {
			out.Groups = append(out.Groups, group{Rank: d.Key.Precedence})
		}
		g := &out.Groups[len(out.Groups)-1]
		x := row{DeskRow: d, From: page.Who(d.AuthorName, d.Author), Kind: r.Word("correspondence.kind."+strings.ReplaceAll(d.Kind, "-", ""), d.Kind), Time: d.DistributedAt.Time()}
		if d.Origin == models.OriginArchive {
			x.Time = d.PublishedAt.Time()
		}
		g.Rows = append(g.Rows, x)
	}
	for _, c := range v.CommunityFile.Comments {
		highest = max(highest, c.MarkingRank)
	}
	if r.Field("after") != "" {
		out.First = out.Place.Path
	}
	if v.Next != "" {
		out.Next = out.Place.Below("", "after", v.Next)
	}
	p := frame("community", v.Community.Name, out.Place, out)
	p.Highest = highest
	return r.Render(p)
}

// comment writes a comment in the community, on no dispatch.
func (a *area) comment(r *page.Request) error {
	text := r.Field("comment")
	back := page.ObjectPath("communities", idOf(r)) + "#comments"
	again := func(why string) error { return a.show(r, form{text, why}) }
	if strings.TrimSpace(text) == "" {
		return refused(r, page.Invalid("%s", r.T("communities.comments.empty")), again)
	}
	if _, err := a.Communities.Comment(r.Ctx(), r.Person(), idOf(r), "", text); err != nil {
		return refused(r, err, again)
	}
	r.Say("correspondence.done.comment")
	return r.See(back)
}

// line is a comment in a list.
type line struct {
	models.CommunityComment
	By string
}

func lines(all []models.CommunityComment) (out []line, highest int64) {
	for _, c := range all {
		author := c.Author
		if c.AttestedFor != "" {
			author = c.AttestedFor
		}
		out = append(out, line{c, page.Who(c.Name, author)})
		highest = max(highest, c.MarkingRank)
	}
	return out, highest
}

type commentsView struct {
	Place       place
	Lines       []line
	First, Next string
	Commenting  string // who may comment
	Why         string
}

// comments lists all comments that she may see, newest first.
func (a *area) comments(r *page.Request) error { return a.talk(r, "comments", false, "") }

func (a *area) talk(r *page.Request, what string, guests bool, why string) error {
	c, all, runs, err := a.Communities.Talk(r.Ctx(), r.Person(), idOf(r), guests, models.Time(r.Int("at", 0)), iri.IRI(r.Field("before")), rows)
	if err != nil {
		return err
	}
	v := commentsView{Place: at(c, what, runs), Commenting: c.Commenting, Why: why}
	var highest int64
	v.Lines, highest = lines(all)
	if r.Field("before") != "" {
		v.First = v.Place.Below(what)
	}
	if len(all) == rows {
		last := all[rows-1]
		v.Next = v.Place.Below(what, "at", itoa(int64(last.PublishedAt)), "before", string(last.IRI))
	}
	p := frame(what, r.T("communities."+what+".title"), v.Place, v)
	p.Highest = highest
	return r.Render(p)
}
