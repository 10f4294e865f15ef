package machine

import (
	"strconv"

	"github.com/gin-gonic/gin"

	"valise/instance/accounts"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// dispatches serves what was released or received.
func (a *api) dispatches(r *gin.Engine) {
	r.GET("/dispatches", a.do(a.listDispatches))
	r.GET("/dispatch", a.do(func(c *gin.Context) (any, error) {
		person, err := a.person(c, c.Query("as"))
		if err != nil {
			return nil, err
		}
		v, err := a.Dispatches.Show(c.Request.Context(), person, c.Query("name"))
		if err != nil {
			return nil, err
		}
		return view(v), nil
	}))
	r.GET("/thread", a.do(a.thread))
	for _, step := range []string{dispatches.StepRead, dispatches.StepRegister, dispatches.StepTake} {
		r.POST("/dispatch/"+step, a.do(a.handle(func(c *gin.Context, person iri.IRI, in Handling) (any, error) {
			d, err := a.Dispatches.Handle(c.Request.Context(), person, in.Name, step, in.Number)
			if err != nil {
				return nil, err
			}
			return summary(d), nil
		})))
	}
	r.POST("/dispatch/withdraw", a.do(a.handle(func(c *gin.Context, person iri.IRI, in Handling) (any, error) {
		d, err := a.Dispatches.Withdraw(c.Request.Context(), person, in.Name, in.SupersededBy)
		if err != nil {
			return nil, err
		}
		return summary(d), nil
	})))
	// An export leaves the instance's control: it is a write as far as the audit goes.
	r.POST("/dispatch/save", a.do(a.handle(func(c *gin.Context, person iri.IRI, in Handling) (any, error) {
		v, err := a.Dispatches.Show(c.Request.Context(), person, in.Name)
		if err != nil {
			return nil, err
		}
		if v.Dispatch.Origin == models.OriginArchive {
			return nil, accounts.Invalid("%s is an archive record: nobody signed it, so that there is nothing to verify", in.Name)
		}
		return a.Dispatches.Bundle(c.Request.Context(), person, in.Name)
	})))
}

func (a *api) thread(c *gin.Context) (any, error) {
	person, err := a.person(c, c.Query("as"))
	if err != nil {
		return nil, err
	}
	rows, err := a.Dispatches.Thread(c.Request.Context(), person, c.Query("name"))
	return whole(rows, func(e dispatches.ThreadEntry) ThreadEntry {
		return ThreadEntry{summary(e.Dispatch), e.Answers, e.Depth}
	}), err
}

func (a *api) handle(act func(*gin.Context, iri.IRI, Handling) (any, error)) func(*gin.Context) (any, error) {
	return func(c *gin.Context) (any, error) {
		in, err := read[Handling](c)
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

func (a *api) listDispatches(c *gin.Context) (any, error) {
	ctx := c.Request.Context()
	person, err := a.person(c, c.Query("as"))
	if err != nil {
		return nil, err
	}
	before, limit, err := page(c, "before")
	if err != nil {
		return nil, err
	}
	var community, office iri.IRI
	if name := c.Query("community"); name != "" {
		if community, err = a.Directory.Resolve(ctx, name); err != nil {
			return nil, err
		}
	}
	if name := c.Query("office"); name != "" {
		if office, err = a.Directory.Office(ctx, name); err != nil {
			return nil, err
		}
	}
	rows, err := a.Dispatches.List(ctx, person, community, office, before, limit)
	return list(rows, limit, summary, func(d *models.Dispatch) string { return strconv.FormatInt(d.ID, 10) }), err
}

func summary(d *models.Dispatch) Dispatch {
	return Dispatch{ID: d.IRI, Version: d.Version, Origin: d.Origin, Author: d.Author, Community: d.Community, Reference: d.Reference, Kind: d.Kind, Subject: d.Subject,
		Precedence: d.Precedence, Marking: d.Marking, Language: d.Language, State: d.State, Digest: d.Digest, Signatory: d.Signatory, ChangeNote: d.ChangeNote,
		SupersededBy: d.SupersededBy, PublishedAt: d.PublishedAt, UpdatedAt: d.UpdatedAt, WithdrawnAt: d.WithdrawnAt, DueAt: d.DueAt}
}

func view(v *dispatches.View) DispatchView {
	out := DispatchView{Dispatch: summary(v.Dispatch), Addressees: []Addressee{}, Versions: []Version{}}
	if v.Wire != nil {
		out.Summary = dispatches.Plain(v.Wire.Summary)
		out.Tags = v.Wire.Hashtags
		for _, p := range v.Wire.Paragraphs {
			out.Paragraphs = append(out.Paragraphs, ShownPart{p.ID, p.Marking, p.Language, dispatches.Sanitise(p.Content), dispatches.Plain(p.Content)})
		}
		if len(v.Wire.Paragraphs) == 0 {
			out.Paragraphs = []ShownPart{{ID: "1", HTML: dispatches.Sanitise(v.Wire.Content), Text: dispatches.Plain(v.Wire.Content)}}
		}
	}
	for _, t := range v.Addressees {
		out.Addressees = append(out.Addressees, Addressee{t.Actor, t.Role})
	}
	for _, r := range v.References {
		out.References = append(out.References, ReferenceView{Reference{string(r.Target), r.Label, r.Digest, r.Answers}, r.Check})
	}
	for _, f := range v.Attachments {
		out.Attachments = append(out.Attachments, FileView{dispatches.Attachment{Name: f.Name, MediaType: f.MediaType, Digest: f.Digest, Size: f.Size}, f.State, f.Reason})
	}
	for _, e := range v.Evidence {
		out.Evidence = append(out.Evidence, Evidence{e.Version, e.Addressee, e.Station, e.At, e.ByActor, e.Detail, len(e.Document) > 0})
	}
	for _, d := range v.Versions {
		at := d.PublishedAt
		if d.UpdatedAt != 0 {
			at = d.UpdatedAt
		}
		out.Versions = append(out.Versions, Version{d.Version, d.Digest, d.ChangeNote, at})
	}
	for _, m := range v.Comments {
		out.Comments = append(out.Comments, comment(m))
	}
	return out
}

func comment(m *models.Comment) Comment {
	return Comment{m.IRI, m.Community, m.Dispatch, m.Author, m.AttestedFor, dispatches.Plain(m.Content), m.PublishedAt}
}
