package drafting

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/instance/dispatches"
	"valise/instance/formula"
	"valise/models"
	"valise/models/iri"
)

// Head is what stands above the text and is typed or chosen.
type Head struct {
	Kind       string
	Subject    string
	Summary    string
	Precedence string
	Marking    string
	Language   string
	ChangeNote string
	Tags       string    // between commas
	ValidUntil time.Time // zero: without end
}

// Names of the fields of a head.
var headFields = []string{"kind", "subject", "summary", "precedence", "marking", "language", "tags", "changeNote", "validUntil"}

// HeadOf returns a content's head.
func HeadOf(c *dispatches.Content) Head {
	h := Head{Kind: c.Kind, Subject: c.Subject, Summary: c.Summary, Precedence: c.Precedence, Marking: c.Marking, Language: c.Language, ChangeNote: c.ChangeNote, Tags: strings.Join(c.Tags, ", ")}
	if c.ValidUntil != nil {
		h.ValidUntil = c.ValidUntil.UTC()
	}
	return h
}

func (h *Head) field(name string) string {
	switch name {
	case "kind":
		return h.Kind
	case "subject":
		return h.Subject
	case "summary":
		return h.Summary
	case "precedence":
		return h.Precedence
	case "marking":
		return h.Marking
	case "language":
		return h.Language
	case "changeNote":
		return h.ChangeNote
	case "tags":
		return h.Tags
	}
	if h.ValidUntil.IsZero() {
		return ""
	}
	return h.ValidUntil.UTC().Format(time.RFC3339)
}

func (h *Head) set(name, value string) {
	switch name {
	case "kind":
		h.Kind = value
	case "subject":
		h.Subject = value
	case "summary":
		h.Summary = value
	case "precedence":
		h.Precedence = value
	case "marking":
		h.Marking = value
	case "language":
		h.Language = value
	case "changeNote":
		h.ChangeNote = value
	case "tags":
		h.Tags = value
	case "validUntil":
		h.ValidUntil, _ = time.Parse(time.RFC3339, value)
	}
}

// HeadSaved is what became of a head. With Conflicts nothing was saved: each names a
// field that another changed too, and what it says now.
type HeadSaved struct {
	Revision, Version int64
	Conflicts         map[string]string
}

// SaveHead saves the head that a person typed over version base. Fields that only one
// side changed are joined; where both changed one, the person chooses again.
func (s *Drafting) SaveHead(ctx context.Context, person iri.IRI, draft string, base int64, h Head) (HeadSaved, error) {
	var out HeadSaved
	tags, err := dispatches.ReadTags(h.Tags)
	if err != nil {
		return out, err
	}
	h.Tags = strings.Join(tags, ", ")
	d, c, err := s.Dispatches.ChangeDraft(ctx, person, draft, func(ctx context.Context, tx bun.Tx, c *dispatches.Content) error {
		out = HeadSaved{}
		now, mine := HeadOf(c), h
		if base != c.Head {
			from, err := s.headAt(ctx, tx, draft, base)
			if err != nil {
				return err
			}
			for _, f := range headFields {
				was, is, typed := from.field(f), now.field(f), mine.field(f)
				switch {
				case typed == is:
				case from.Kind == "" || typed != was && is != was:
					if out.Conflicts == nil {
						out.Conflicts = map[string]string{}
					}
					out.Conflicts[f] = is
				case typed == was:
					mine.set(f, is)
				}
			}
			if len(out.Conflicts) > 0 {
				return nil
			}
		}
		c.Kind, c.Subject, c.Summary, c.Precedence, c.Marking, c.Language, c.ChangeNote = mine.Kind, mine.Subject, mine.Summary, mine.Precedence, mine.Marking, mine.Language, mine.ChangeNote
		c.Tags = strings.Split(mine.Tags, ", ")
		c.ValidUntil = nil
		if !mine.ValidUntil.IsZero() {
			c.ValidUntil = &mine.ValidUntil
		}
		return nil
	})
	if err != nil {
		return HeadSaved{}, err
	}
	out.Revision, out.Version = d.Revision, c.Head
	return out, nil
}

// headAt is the head as it was saved; one that is no longer kept is the zero head, which
// agrees with nothing.
func (s *Drafting) headAt(ctx context.Context, tx bun.Tx, draft string, version int64) (Head, error) {
	v, err := models.DraftVersionOf(ctx, tx, draft, models.DraftHead, version)
	if models.NotFound(err) {
		return Head{}, nil
	}
	if err != nil {
		return Head{}, err
	}
	var c dispatches.Content
	if err := json.Unmarshal(v.Body, &c); err != nil {
		return Head{}, err
	}
	return HeadOf(&c), nil
}

// AddAddressee addresses a draft to an actor. A community becomes the draft's audience,
// of which there is one. Who is named already only changes her role. Until the first
// ACTION addressee is named, the formulas of a template leave a gap for her name.
func (s *Drafting) AddAddressee(ctx context.Context, person iri.IRI, draft string, actor iri.IRI, role string) error {
	if role != models.RoleAction && role != models.RoleInfo {
		return invalid("an addressee is there for action or for information, not %q", role)
	}
	a, err := s.Dispatches.Actors.Get(ctx, actor)
	if err != nil {
		return err
	}
	if a.Type == models.TypeApplication {
		return invalid("%s is an instance; address one of its offices", a.IRI)
	}
	_, _, err = s.Dispatches.ChangeDraft(ctx, person, draft, func(ctx context.Context, tx bun.Tx, c *dispatches.Content) error {
		if a.Type == models.TypeGroup {
			if c.Community != "" && c.Community != actor {
				return invalid("this draft goes to the community %s already; a dispatch has one. Take it out first, or write a second draft", c.Community)
			}
			c.Community = actor
		}
		c.Action, c.Info = without(c.Action, actor), without(c.Info, actor)
		if role == models.RoleAction {
			c.Action = append(c.Action, actor)
			for i := range c.Paragraphs {
				c.Paragraphs[i].Text = formula.Address(c.Paragraphs[i].Text, a.Name)
			}
		} else {
			c.Info = append(c.Info, actor)
		}
		return nil
	})
	return err
}

// RemoveAddressee takes an actor out of a draft's addressees.
func (s *Drafting) RemoveAddressee(ctx context.Context, person iri.IRI, draft string, actor iri.IRI) error {
	_, _, err := s.Dispatches.ChangeDraft(ctx, person, draft, func(ctx context.Context, tx bun.Tx, c *dispatches.Content) error {
		c.Action, c.Info = without(c.Action, actor), without(c.Info, actor)
		if c.Community == actor {
			c.Community = ""
		}
		return nil
	})
	return err
}

func without(list []iri.IRI, actor iri.IRI) []iri.IRI {
	return slices.DeleteFunc(slices.Clone(list), func(id iri.IRI) bool { return id == actor })
}

// AddCollective addresses a draft to everybody whom a collective address of its office
// stands for at its release.
func (s *Drafting) AddCollective(ctx context.Context, person iri.IRI, draft, id, role string) error {
	if role != models.RoleAction && role != models.RoleInfo {
		return invalid("an addressee is there for action or for information, not %q", role)
	}
	_, _, err := s.Dispatches.ChangeDraft(ctx, person, draft, func(ctx context.Context, tx bun.Tx, c *dispatches.Content) error {
		d, err := models.DraftByID(ctx, tx, draft)
		if err != nil {
			return err
		}
		rows, err := models.CollectivesByID(ctx, tx, d.Office, []string{id})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return invalid("this office has no such collective address")
		}
		c.Collectives = slices.DeleteFunc(c.Collectives, func(u dispatches.Collective) bool { return u.ID == id })
		c.Collectives = append(c.Collectives, dispatches.Collective{ID: id, Name: rows[0].Name, Role: role})
		return nil
	})
	return err
}

// RemoveCollective takes a collective address out.
func (s *Drafting) RemoveCollective(ctx context.Context, person iri.IRI, draft, id string) error {
	_, _, err := s.Dispatches.ChangeDraft(ctx, person, draft, func(ctx context.Context, tx bun.Tx, c *dispatches.Content) error {
		c.Collectives = slices.DeleteFunc(c.Collectives, func(u dispatches.Collective) bool { return u.ID == id })
		return nil
	})
	return err
}

// AddReference cites a dispatch that the person may read, by id or reference number,
// with the digest that it has now.
func (s *Drafting) AddReference(ctx context.Context, person iri.IRI, draft, name string, answers bool) error {
	v, err := s.Dispatches.Show(ctx, person, name)
	if err != nil {
		return err
	}
	ref := dispatches.Reference{Target: v.Dispatch.IRI, Label: v.Dispatch.Reference, Digest: v.Dispatch.Digest, Answers: answers}
	_, _, err = s.Dispatches.ChangeDraft(ctx, person, draft, func(ctx context.Context, tx bun.Tx, c *dispatches.Content) error {
		if i := slices.IndexFunc(c.References, func(r dispatches.Reference) bool { return r.Target == ref.Target }); i >= 0 {
			ref.Answers = ref.Answers || c.References[i].Answers
			c.References[i] = ref
			return nil
		}
		c.References = append(c.References, ref)
		return nil
	})
	return err
}

// RemoveReference takes a reference out.
func (s *Drafting) RemoveReference(ctx context.Context, person iri.IRI, draft string, target iri.IRI) error {
	_, _, err := s.Dispatches.ChangeDraft(ctx, person, draft, func(ctx context.Context, tx bun.Tx, c *dispatches.Content) error {
		c.References = slices.DeleteFunc(c.References, func(r dispatches.Reference) bool { return r.Target == target })
		return nil
	})
	return err
}
