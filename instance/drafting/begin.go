package drafting

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"valise/instance/dispatches"
	"valise/instance/formula"
	"valise/models"
	"valise/models/iri"
)

// Form is a way to begin a draft: a kind of dispatch with its usual parts.
type Form = formula.Form

// Forms, in the order in which they are offered, and the languages that they are in.
var (
	Forms     = formula.Forms
	Languages = formula.Languages
)

// Start says how a draft begins.
type Start struct {
	Office   iri.IRI
	Form     Form
	Language string
	// Answers names a dispatch by id or reference number: it is cited, its author is
	// addressed, and its subject taken over.
	Answers string
	// Corrects names a dispatch of an office of hers whose next version this is to be; it
	// begins with its text. Office and Form are then its own.
	Corrects string
	// To is whom it is addressed to for action: an actor's id, or the id of a collective
	// address of the office.
	To string
	// Community is the community in which it is to be shared: it is the audience, and
	// nobody is addressed by name.
	Community iri.IRI
	// Once names one showing of the form, "" for none: whoever sends it again comes to the
	// draft that it began, whatever the process and however late.
	Once string
}

// id is the UUID (RFC 9562, version 8) of what a person begins with a form; "" without Once.
func (st Start) id(person iri.IRI) string {
	if st.Once == "" {
		return ""
	}
	return uuid.NewHash(sha256.New(), uuid.Nil, fmt.Appendf(nil, "begin a draft\n%s\n%s", person, st.Once), 8).String()
}

// Begin starts a draft from a template, as an answer, or as a correction.
func (s *Drafting) Begin(ctx context.Context, person iri.IRI, st Start) (*models.Draft, error) {
	id := st.id(person)
	if id == "" {
		return s.begin(ctx, person, st, "")
	}
	d, err := models.DraftByID(ctx, s.Store.R, id)
	if !models.NotFound(err) {
		return d, err
	}
	if d, err = s.begin(ctx, person, st, id); models.IsConflict(err) { // it was sent twice at a time
		return models.DraftByID(ctx, s.Store.W, id)
	}
	return d, err
}

func (s *Drafting) begin(ctx context.Context, person iri.IRI, st Start, id string) (*models.Draft, error) {
	if st.Corrects != "" {
		return s.correct(ctx, person, st.Corrects, id)
	}
	if !slices.Contains(Forms, st.Form) {
		return nil, invalid("%q is no kind of dispatch that can be begun here", st.Form)
	}
	if !slices.Contains(Languages, st.Language) {
		return nil, invalid("there are no templates in %q", st.Language)
	}
	if err := s.Dispatches.Accounts.Require(ctx, s.Store.R, person, st.Office, models.ActDraft); err != nil {
		return nil, err
	}
	office, err := models.OfficeByIRI(ctx, s.Store.R, st.Office)
	if err != nil {
		return nil, err
	}
	c := s.blank(st.Form.Kind(), st.Language)
	addressee := ""
	if st.To != "" {
		if addressee, err = s.addressed(ctx, c, st.Office, st.To); err != nil {
			return nil, err
		}
	}
	if st.Community != "" {
		if err := s.shared(ctx, person, c, st.Community); err != nil {
			return nil, err
		}
	}
	if st.Answers != "" {
		v, err := s.Dispatches.Show(ctx, person, st.Answers)
		if err != nil {
			return nil, err
		}
		d := v.Dispatch
		c.Subject = d.Subject
		c.References = []dispatches.Reference{{Target: d.IRI, Label: d.Reference, Digest: d.Digest, Answers: true}}
		if a, err := models.ActorByIRI(ctx, s.Store.R, d.Author); err == nil && d.Origin != models.OriginArchive && d.Author != st.Office {
			c.Action, addressee = []iri.IRI{d.Author}, a.Name
		} else if err != nil && !models.NotFound(err) {
			return nil, err
		}
		if d.Community != "" {
			c.Community = d.Community
		}
		if _, err := s.Dispatches.Guard.Draft(d.Marking); err == nil {
			c.Marking = d.Marking
		}
	}
	for _, text := range formula.Template(st.Form, st.Language, office.Title, addressee) {
		c.Paragraphs = append(c.Paragraphs, dispatches.Paragraph{Text: text})
	}
	return s.Dispatches.StartDraft(ctx, person, st.Office, c, "", id)
}

// shared makes a community the audience of a new content, at the highest marking that may
// go there. One that the person may not see is not found.
func (s *Drafting) shared(ctx context.Context, person iri.IRI, c *dispatches.Content, community iri.IRI) error {
	v, err := s.Communities.Show(ctx, person, community)
	if err != nil {
		return err
	}
	c.Community = community
	c.Marking = s.Dispatches.Guard.Name(min(s.Dispatches.Guard.Federates(), v.Community.Ceiling))
	return nil
}

// addressed addresses a new content and returns what the addressee is called.
func (s *Drafting) addressed(ctx context.Context, c *dispatches.Content, office iri.IRI, to string) (string, error) {
	if !strings.Contains(to, "://") {
		rows, err := models.CollectivesByID(ctx, s.Store.R, office, []string{to})
		if err == nil && len(rows) == 0 {
			err = invalid("this collective address is another office's; choose the office that it belongs to")
		}
		if err != nil {
			return "", err
		}
		c.Collectives = append(c.Collectives, dispatches.Collective{ID: to, Name: rows[0].Name, Role: models.RoleAction})
		return "", nil
	}
	id, err := s.Directory.Resolve(ctx, to)
	if err != nil {
		return "", err
	}
	a, err := s.Dispatches.Actors.Get(ctx, id)
	if err != nil {
		return "", err
	}
	switch a.Type {
	case models.TypeApplication:
		return "", invalid("%s is an instance; address one of its offices", a.IRI)
	case models.TypeGroup:
		c.Community = id
	}
	if id != office {
		c.Action = []iri.IRI{id}
	}
	return a.Name, nil
}

// blank is a content with the lowest precedence, and the highest marking that may leave:
// a drafter lowers it, and nothing slips out because she forgot to raise it.
func (s *Drafting) blank(kind, language string) *dispatches.Content {
	c := &dispatches.Content{Kind: kind, Language: language, Marking: s.Dispatches.Guard.Name(s.Dispatches.Guard.Federates())}
	if levels := s.Dispatches.Profile.Levels; len(levels) > 0 {
		c.Precedence = levels[0].Name
	}
	return c
}

// correct begins the next version with the text of the latest.
func (s *Drafting) correct(ctx context.Context, person iri.IRI, name, id string) (*models.Draft, error) {
	v, err := s.Dispatches.Show(ctx, person, name)
	if err != nil {
		return nil, err
	}
	d := v.Dispatch
	if d.Origin != models.OriginIssued || v.Wire == nil {
		return nil, invalid("%s was not issued here, or was withdrawn; only what an office of yours has issued can be corrected", d.Reference)
	}
	c := s.blank(d.Kind, d.Language)
	c.Subject, c.Summary, c.Precedence, c.Marking, c.Community = d.Subject, dispatches.Plain(v.Wire.Summary), d.Precedence, d.Marking, d.Community
	c.Tags = v.Wire.Hashtags
	for _, a := range v.Addressees {
		if a.Actor == d.Community {
			continue
		}
		if a.Role == models.RoleAction {
			c.Action = append(c.Action, a.Actor)
		} else {
			c.Info = append(c.Info, a.Actor)
		}
	}
	for _, r := range v.References {
		c.References = append(c.References, dispatches.Reference{Target: r.Target, Label: r.Label, Digest: r.Digest, Answers: r.Answers})
	}
	for _, a := range v.Attachments {
		c.Attachments = append(c.Attachments, dispatches.Attachment{Name: a.Name, MediaType: a.MediaType, Digest: a.Digest, Size: a.Size})
	}
	if !v.Wire.ValidUntil.IsZero() {
		until := v.Wire.ValidUntil
		c.ValidUntil = &until
	}
	if c.Paragraphs, err = s.issuedText(ctx, d, v); err != nil {
		return nil, err
	}
	return s.Dispatches.StartDraft(ctx, person, d.Author, c, d.IRI, id)
}

// issuedText is the Markdown that a dispatch was released from. Without its draft the
// text is taken from what was signed, without its emphasis.
func (s *Drafting) issuedText(ctx context.Context, d *models.Dispatch, v *dispatches.View) ([]dispatches.Paragraph, error) {
	body, err := models.ReleasedContent(ctx, s.Store.R, d.IRI)
	if err != nil && !models.NotFound(err) {
		return nil, err
	}
	if err == nil {
		c, err := dispatches.ParseContent(body)
		if err != nil {
			return nil, err
		}
		for i := range c.Paragraphs {
			c.Paragraphs[i].ID, c.Paragraphs[i].Version = "", 0
		}
		return c.Paragraphs, nil
	}
	var out []dispatches.Paragraph
	for _, p := range v.Wire.Paragraphs {
		marking := p.Marking
		if marking == d.Marking {
			marking = ""
		}
		out = append(out, dispatches.Paragraph{Text: dispatches.Plain(p.Content), Marking: marking, Language: p.Language})
	}
	return out, nil
}
