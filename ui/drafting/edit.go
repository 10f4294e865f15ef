package drafting

import (
	"net/http"
	"slices"
	"time"

	"valise/instance/directory"
	"valise/instance/dispatches"
	"valise/instance/drafting"
	"valise/instance/redline"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

// form is what a refused form held: it is shown again.
type form struct {
	Of, Why  string // the form's verb
	At       string // the field that is wrong, "" for none of them alone
	Part     string
	Text     string
	Marking  string
	Language string
	Base     int64
	Clash    int64
	Answers  int64
	Head     *drafting.Head
	Until    string
	Conflict map[string]string
	Query    string
	Role     string
	Found    []directory.Address
	Cited    []drafting.Citation
	Searched bool
}

// paragraph is one of the text with all that stands beside it.
type paragraph struct {
	dispatches.Paragraph
	No       int
	Last     bool
	Rank     int64
	Short    string
	Why      string
	Clash    int64 // of the typed text
	Clashes  []clash
	Comments []drafting.Remark
	Held     []drafting.Presence
}

type clash struct {
	drafting.Clash
	Mine, Theirs []redline.Piece // against the base that both share, as far as it shows
}

type addressee struct {
	Actor iri.IRI
	Name  string
	Host  iri.Host
	Role  string
	Far   bool
}

// view is what the editor shows.
type view struct {
	*drafting.Desk
	Head        drafting.Head
	Until       string
	Paragraphs  []paragraph
	Loose       []drafting.Clash // their paragraphs were taken out
	General     []drafting.Remark
	Addressees  []addressee
	Markings    []drafting.Level
	Precedences []drafting.Level
	Kinds       []string
	Languages   []string
	MarkRank    int64
	Precedence  int64
	Extensions  []string
	Limits      limits
	Me          iri.IRI
	CanAsk      bool
	MayDecide   bool
	Form        form
}

type limits struct {
	Files       int
	File, Total int64
}

func (a *area) open(r *page.Request) error { return a.show(r, http.StatusOK, form{}) }

// show renders the editor; f is a form that was refused.
func (a *area) show(r *page.Request, status int, f form) error {
	desk, err := a.Drafting.Open(r.Ctx(), r.Person(), r.Param("id"))
	if err != nil {
		return err
	}
	v := a.view(desk, r.Person(), f)
	title := desk.Content.Subject
	if title == "" {
		title = r.T("drafting.edit.nosubject")
	}
	r.Status(status)
	return r.Render(page.Page{Name: "drafting/edit", Title: title, Nav: "drafts", At: "/drafts", Wide: true, Highest: desk.Draft.MarkingRank, Data: v})
}

func (a *area) view(desk *drafting.Desk, me iri.IRI, f form) view {
	c := desk.Content
	v := view{Desk: desk, Head: drafting.HeadOf(c), Markings: a.Drafting.Markings(), Precedences: a.Drafting.Precedences(), Kinds: dispatches.Kinds, Languages: drafting.Languages,
		Precedence: desk.Draft.PrecedenceRank, Extensions: a.Drafting.Extensions(), Limits: limits{a.Limits.MaxFiles, int64(a.Limits.MaxFile), int64(a.Limits.MaxDispatch)}, Me: me, Form: f}
	v.MarkRank = desk.Rank(v.Markings, "")
	if !v.Head.ValidUntil.IsZero() {
		v.Until = v.Head.ValidUntil.Format("2006-01-02T15:04")
	}
	if f.Head != nil {
		v.Head, v.Until = *f.Head, f.Until
	}
	for _, list := range []struct {
		ids  []iri.IRI
		role string
	}{{c.Action, models.RoleAction}, {c.Info, models.RoleInfo}} {
		for _, id := range list.ids {
			v.Addressees = append(v.Addressees, a.addressee(desk, id, list.role))
		}
	}
	if c.Community != "" && !slices.Contains(c.Action, c.Community) && !slices.Contains(c.Info, c.Community) {
		v.Addressees = append(v.Addressees, a.addressee(desk, c.Community, models.RoleInfo))
	}
	a.text(&v, f)
	for _, k := range desk.Clearers {
		v.MayDecide = v.MayDecide || k.Person == me && k.Current(desk.Draft.Revision)
	}
	v.CanAsk = desk.Right.Draft && desk.Draft.State == models.DraftOpen
	return v
}

func (a *area) addressee(desk *drafting.Desk, id iri.IRI, role string) addressee {
	out := addressee{Actor: id, Name: desk.Names[id], Host: id.Host(), Role: role, Far: id.Host() != desk.Office.IRI.Host()}
	if out.Name == "" {
		out.Name = string(id)
	}
	return out
}

// text puts clashes, comments and people beside the paragraphs that they are about.
func (a *area) text(v *view, f form) {
	at := map[string]int{}
	for i, p := range v.Content.Paragraphs {
		at[p.ID] = i
		entry := paragraph{Paragraph: p, No: i + 1, Last: i == len(v.Content.Paragraphs)-1, Rank: v.Rank(v.Markings, p.Marking)}
		for _, l := range v.Markings {
			if l.Rank == entry.Rank {
				entry.Short = l.Short
			}
		}
		if f.Of == "paragraph" && f.Part == p.ID {
			entry.Text, entry.Marking, entry.Language, entry.Version, entry.Clash, entry.Why = f.Text, f.Marking, f.Language, f.Base, f.Clash, f.Why
		}
		v.Paragraphs = append(v.Paragraphs, entry)
	}
	for _, k := range v.Clashes {
		i, ok := at[k.Part]
		if !ok {
			v.Loose = append(v.Loose, k)
			continue
		}
		now := v.Content.Paragraphs[i].Text
		v.Paragraphs[i].Clashes = append(v.Paragraphs[i].Clashes, clash{k, only(redline.Compare(now, k.Text), redline.Removed), only(redline.Compare(k.Text, now), redline.Removed)})
	}
	for _, c := range v.Comments {
		if i, ok := at[c.Part]; ok {
			v.Paragraphs[i].Comments = append(v.Paragraphs[i].Comments, c)
		} else {
			v.General = append(v.General, c)
		}
	}
	for _, p := range v.Present {
		if i, ok := at[p.Part]; ok && p.Person != v.Me {
			v.Paragraphs[i].Held = append(v.Paragraphs[i].Held, p)
		}
	}
}

// only leaves one kind of piece out.
func only(pieces []redline.Piece, out redline.Op) []redline.Piece {
	return slices.DeleteFunc(pieces, func(p redline.Piece) bool { return p.Op == out })
}

// paragraph saves, moves, adds or takes out one paragraph.
func (a *area) paragraph(r *page.Request) error {
	id, part := r.Param("id"), r.Field("part")
	e := drafting.Edit{Part: part, Base: r.Int("base", 0), Text: r.Field("text"), Marking: r.Field("marking"), Language: r.Field("language"), Clash: r.Int("clash", 0)}
	f := form{Of: "paragraph", Part: part, Text: e.Text, Marking: e.Marking, Language: e.Language, Base: e.Base, Clash: e.Clash}
	do := r.Field("do")
	if do == "add" && part == "" {
		return a.addParagraph(r, "")
	}
	// Whatever the button, what was typed in the form is saved first.
	out, err := a.Drafting.SaveParagraph(r.Ctx(), r.Person(), id, e)
	if err != nil {
		return a.refused(r, err, f)
	}
	switch do {
	case "up", "down":
		by := 1
		if do == "up" {
			by = -1
		}
		err = a.Drafting.MoveParagraph(r.Ctx(), r.Person(), id, part, by)
	case "remove":
		if out.Clash == 0 {
			err = a.Drafting.RemoveParagraph(r.Ctx(), r.Person(), id, part, out.Version)
		}
	case "add":
		return a.addParagraph(r, part)
	}
	if err != nil {
		return a.refused(r, err, f)
	}
	if !r.Scripted() {
		switch {
		case out.Clash != 0:
			r.Warn("drafting.done.clash")
		case out.Merged:
			r.Say("drafting.done.merged")
		default:
			r.Say("drafting.done.saved")
		}
	}
	return done(r, out, "at-"+part)
}

func (a *area) addParagraph(r *page.Request, after string) error {
	if after == "" {
		desk, err := a.Drafting.Open(r.Ctx(), r.Person(), r.Param("id"))
		if err != nil {
			return err
		}
		if n := len(desk.Content.Paragraphs); n > 0 {
			after = desk.Content.Paragraphs[n-1].ID
		}
	}
	part, err := a.Drafting.AddParagraph(r.Ctx(), r.Person(), r.Param("id"), after, "", "", "")
	if err != nil {
		return a.refused(r, err, form{})
	}
	return done(r, map[string]string{"part": part}, "at-"+part)
}

// settle ends a clash.
func (a *area) settle(r *page.Request) error {
	err := a.Drafting.Settle(r.Ctx(), r.Person(), r.Param("id"), r.Int("clash", 0), r.Int("base", 0), r.Field("how"), r.Field("text"))
	if err != nil {
		return a.refused(r, err, form{Of: "settle"})
	}
	r.Say("drafting.done.settled")
	return r.See(draftPath(r.Param("id"), "at-"+r.Field("part")))
}

// head saves what stands above the text.
func (a *area) head(r *page.Request) error {
	h := drafting.Head{Kind: r.Field("kind"), Subject: r.Field("subject"), Summary: r.Field("summary"), Precedence: r.Field("precedence"), Marking: r.Field("marking"), Language: r.Field("language"), ChangeNote: r.Field("changeNote"), Tags: r.Field("tags")}
	f := form{Of: "head", Head: &h, Until: r.Field("validUntil")}
	if f.Until != "" {
		until, err := time.Parse("2006-01-02T15:04", f.Until)
		if err != nil {
			f.At = "validUntil"
			return a.refused(r, page.Invalid("%s", r.T("drafting.head.baduntil")), f)
		}
		h.ValidUntil = until
	}
	out, err := a.Drafting.SaveHead(r.Ctx(), r.Person(), r.Param("id"), r.Int("base", 0), h)
	if err != nil {
		f.At = r.Wrong(err)
		return a.refused(r, err, f)
	}
	if len(out.Conflicts) > 0 {
		if r.Scripted() {
			r.Context.JSON(http.StatusConflict, out)
			return nil
		}
		f.Conflict, f.Why = out.Conflicts, r.T("drafting.head.conflict")
		return a.show(r, http.StatusConflict, f)
	}
	if !r.Scripted() {
		r.Say("drafting.done.saved")
	}
	return done(r, out, "")
}

// comment adds, answers or settles a comment.
func (a *area) comment(r *page.Request) error {
	part := r.Field("part")
	answers := r.Int("answers", 0)
	var err error
	if r.Field("do") == "settle" {
		err = a.Drafting.SettleComment(r.Ctx(), r.Person(), r.Param("id"), answers)
	} else {
		err = a.Drafting.Comment(r.Ctx(), r.Person(), r.Param("id"), part, answers, r.Field("comment"))
	}
	if err != nil {
		return a.refused(r, err, form{Of: "comment", Part: part, Answers: answers, Text: r.Field("comment")})
	}
	return done(r, map[string]bool{"done": true}, "at-"+part)
}
