package machine

import (
	"context"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"valise/instance/accounts"
	"valise/instance/dispatches"
	"valise/instance/refusals"
	"valise/models"
	"valise/models/iri"
)

// drafts serves what comes before a release.
func (a *api) drafts(r *gin.Engine) {
	r.POST("/files", a.do(a.upload))
	r.POST("/dispatches", a.do(a.newDraft))
	r.GET("/drafts", a.do(a.listDrafts))
	r.PUT("/drafts/:draft", a.do(func(c *gin.Context) (any, error) {
		in, err := read[Edit](c)
		if err != nil {
			return nil, err
		}
		person, err := a.acting(c, in.As)
		if err != nil {
			return nil, err
		}
		content, err := a.content(c.Request.Context(), person, in.Content)
		if err != nil {
			return nil, err
		}
		d, err := a.Dispatches.EditDraft(c.Request.Context(), person, c.Param("draft"), in.Revision, content)
		if err != nil {
			return nil, err
		}
		return draft(d, content, nil), nil
	}))
	r.GET("/drafts/:draft", a.do(func(c *gin.Context) (any, error) {
		person, err := a.person(c, c.Query("as"))
		if err != nil {
			return nil, err
		}
		return a.draft(c, person)
	}))
	r.POST("/drafts/:draft/ask", a.do(a.step(func(c *gin.Context, person iri.IRI, in Step) (any, error) {
		if len(in.Clearers) == 0 {
			return nil, accounts.Invalid("name at least one clearer")
		}
		var clearers []iri.IRI
		for _, name := range in.Clearers {
			who, err := a.Directory.Person(c.Request.Context(), name)
			if err != nil {
				return nil, err
			}
			clearers = append(clearers, who)
		}
		if err := a.Dispatches.AskClearance(c.Request.Context(), person, c.Param("draft"), in.Revision, clearers); err != nil {
			return nil, err
		}
		return a.draft(c, person)
	})))
	r.POST("/drafts/:draft/clear", a.do(a.step(func(c *gin.Context, person iri.IRI, in Step) (any, error) {
		if err := a.Dispatches.Clear(c.Request.Context(), person, c.Param("draft"), in.Revision, in.Agree, in.Note); err != nil {
			return nil, err
		}
		return a.draft(c, person)
	})))
	r.POST("/drafts/:draft/release", a.do(a.step(func(c *gin.Context, person iri.IRI, in Step) (any, error) {
		d, err := a.Dispatches.Release(c.Request.Context(), person, c.Param("draft"), in.Revision)
		if err != nil {
			return nil, err
		}
		return summary(d), nil
	})))
}

// upload keeps a file for a draft to attach. Its size is bounded by the instance's own
// limit for one attachment.
func (a *api) upload(c *gin.Context) (any, error) {
	if _, err := a.acting(c, c.Query("as")); err != nil {
		return nil, err
	}
	return a.Dispatches.Upload(c.Request.Context(), c.Query("name"), c.GetHeader("Content-Type"), c.Request.Body)
}

func (a *api) step(act func(*gin.Context, iri.IRI, Step) (any, error)) func(*gin.Context) (any, error) {
	return func(c *gin.Context) (any, error) {
		in, err := read[Step](c)
		if err != nil {
			return nil, err
		}
		person, err := a.acting(c, in.As)
		if err != nil {
			return nil, err
		}
		return act(c, person, in)
	}
}

func (a *api) newDraft(c *gin.Context) (any, error) {
	ctx := c.Request.Context()
	in, err := read[NewDraft](c)
	if err != nil {
		return nil, err
	}
	person, err := a.acting(c, in.As)
	if err != nil {
		return nil, err
	}
	if in.ReplyTo != "" && in.Corrects != "" {
		return nil, accounts.Invalid("a draft answers a dispatch or corrects one, not both")
	}
	var office, corrects iri.IRI
	if in.Corrects != "" {
		v, err := a.Dispatches.Show(ctx, person, in.Corrects)
		if err != nil {
			return nil, err
		}
		office, corrects = v.Dispatch.Author, v.Dispatch.IRI
	} else if office, err = a.drafting(ctx, person, in.Office); err != nil {
		return nil, err
	}
	if in.ReplyTo != "" {
		if err := a.reply(ctx, person, in.ReplyTo, &in.Content); err != nil {
			return nil, err
		}
	}
	content, err := a.content(ctx, person, in.Content)
	if err != nil {
		return nil, err
	}
	d, err := a.Dispatches.NewDraft(ctx, person, office, content, corrects)
	if err != nil {
		return nil, err
	}
	return draft(d, content, nil), nil
}

func (a *api) listDrafts(c *gin.Context) (any, error) {
	person, err := a.person(c, c.Query("as"))
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(c)
	if err != nil {
		return nil, err
	}
	var office iri.IRI
	if name := c.Query("office"); name != "" {
		if office, err = a.Directory.Office(c.Request.Context(), name); err != nil {
			return nil, err
		}
	}
	rows, err := a.Dispatches.Drafts(c.Request.Context(), person, office, c.Query("after"), limit)
	return list(rows, limit, func(e dispatches.DraftEntry) DraftEntry {
		return DraftEntry{draft(e.Draft, nil, nil), e.Subject, e.Marking}
	},
		dispatches.DraftEntry.Cursor), err
}

// drafting is the office that a draft is for: the one named, or the only one that the
// person drafts for.
func (a *api) drafting(ctx context.Context, person iri.IRI, name string) (iri.IRI, error) {
	if name != "" {
		return a.Directory.Office(ctx, name)
	}
	rights, err := a.Directory.Mandates(ctx, "", person)
	if err != nil {
		return "", err
	}
	var offices []iri.IRI
	for _, m := range rights {
		if m.Act == models.ActDraft {
			offices = append(offices, m.Office)
		}
	}
	if len(offices) != 1 {
		return "", accounts.Invalid("name the office: %s drafts for %d", person, len(offices))
	}
	return offices[0], nil
}

// reply adds the reference to what is answered and, where the draft names nobody, its
// author as ACTION addressee.
func (a *api) reply(ctx context.Context, person iri.IRI, name string, in *Content) error {
	v, err := a.Dispatches.Show(ctx, person, name)
	if err != nil {
		return err
	}
	d := v.Dispatch
	at := slices.IndexFunc(in.References, func(r Reference) bool { return r.Target == string(d.IRI) || r.Target == d.Reference })
	if at < 0 {
		at, in.References = 0, append([]Reference{{Target: string(d.IRI), Label: d.Reference, Digest: d.Digest}}, in.References...)
	}
	in.References[at].Answers = true
	if len(in.Action)+len(in.Info) == 0 && in.Community == "" {
		in.Action = []string{string(d.Author)}
	}
	return nil
}

// content replaces names by ids, abbreviations by markings, and fills what was left out.
func (a *api) content(ctx context.Context, person iri.IRI, in Content) (*dispatches.Content, error) {
	out := &dispatches.Content{Kind: in.Kind, Subject: in.Subject, Summary: in.Summary, Precedence: in.Precedence, Marking: a.marking(in.Marking), Language: in.Language,
		Paragraphs: slices.Clone(in.Paragraphs), Attachments: in.Attachments, ValidUntil: in.ValidUntil, ChangeNote: in.ChangeNote, Tags: in.Tags}
	if out.Kind == "" {
		out.Kind = dispatches.Kinds[0]
	}
	if out.Precedence == "" && len(a.Dispatches.Profile.Levels) > 0 {
		out.Precedence = a.Dispatches.Profile.Levels[0].Name
	}
	for i := range out.Paragraphs {
		out.Paragraphs[i].Marking = a.marking(out.Paragraphs[i].Marking)
	}
	var err error
	if out.Action, err = a.actors(ctx, in.Action); err != nil {
		return nil, err
	}
	if out.Info, err = a.actors(ctx, in.Info); err != nil {
		return nil, err
	}
	if in.Community != "" {
		if out.Community, err = a.Directory.Resolve(ctx, in.Community); err != nil {
			return nil, err
		}
	}
	for _, r := range in.References {
		ref, err := a.reference(ctx, person, r)
		if err != nil {
			return nil, err
		}
		out.References = append(out.References, ref)
	}
	return out, nil
}

// marking writes an abbreviation out. An unknown one stays, to be refused by name.
func (a *api) marking(name string) string {
	if l, ok := a.Dispatches.Guard.Level(name); ok {
		return l.Name
	}
	return name
}

func (a *api) actors(ctx context.Context, names []string) ([]iri.IRI, error) {
	var out []iri.IRI
	for _, name := range names {
		id, err := a.Directory.Resolve(ctx, name)
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}

// reference fills label and digest of a reference to what is here. A reference by id
// to what is not here, or may not be seen, stays as it was written.
func (a *api) reference(ctx context.Context, person iri.IRI, r Reference) (dispatches.Reference, error) {
	v, err := a.Dispatches.Show(ctx, person, r.Target)
	if err == nil {
		out := dispatches.Reference{Target: v.Dispatch.IRI, Label: r.Label, Digest: r.Digest, Answers: r.Answers}
		if out.Label == "" {
			out.Label = v.Dispatch.Reference
		}
		if out.Digest == "" {
			out.Digest = v.Dispatch.Digest
		}
		return out, nil
	}
	if refused, ok := refusals.Of(err); !ok || refused.Status != 404 {
		return dispatches.Reference{}, err
	}
	if !strings.Contains(r.Target, "://") {
		return dispatches.Reference{}, accounts.Invalid("the reference %q is nothing that is here; give the id of what is elsewhere", r.Target)
	}
	id, err := a.Directory.Rules.Parse(r.Target)
	if err != nil {
		return dispatches.Reference{}, accounts.Invalid("the reference: %v", err)
	}
	return dispatches.Reference{Target: id, Label: r.Label, Digest: r.Digest, Answers: r.Answers}, nil
}

// draft shows a draft as it is now.
func (a *api) draft(c *gin.Context, person iri.IRI) (any, error) {
	d, content, asked, err := a.Dispatches.Draft(c.Request.Context(), person, c.Param("draft"))
	if err != nil {
		return nil, err
	}
	return draft(d, content, asked), nil
}

func draft(d *models.Draft, content *dispatches.Content, asked []*models.Clearance) Draft {
	out := Draft{ID: d.ID, Office: d.Office, Drafter: d.Drafter, Revision: d.Revision, State: d.State, Corrects: d.Corrects, Dispatch: d.Dispatch,
		CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, Content: content}
	for _, c := range asked {
		out.Clearances = append(out.Clearances, Clearance{c.Clearer, c.Decision, c.Note, c.RequestedAt, c.DecidedAt})
	}
	return out
}
