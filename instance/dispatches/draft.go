package dispatches

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/instance/audit"
	"valise/instance/clearance"
	"valise/instance/formula"
	"valise/models"
	"valise/models/iri"
)

// NewDraft starts a draft of an office. With corrects, it is to become the next
// version of that dispatch.
func (s *Dispatches) NewDraft(ctx context.Context, person, office iri.IRI, c *Content, corrects iri.IRI) (*models.Draft, error) {
	if err := s.Accounts.Require(ctx, s.Store.R, person, office, models.ActDraft); err != nil {
		return nil, err
	}
	if err := s.checkContent(ctx, office, c, corrects); err != nil {
		return nil, err
	}
	return s.insertDraft(ctx, person, office, c, corrects, "")
}

// insertDraft begins a draft; id is "" for a new one.
func (s *Dispatches) insertDraft(ctx context.Context, person, office iri.IRI, c *Content, corrects iri.IRI, id string) (*models.Draft, error) {
	if id == "" {
		fresh, err := uuid.NewV7FromReader(s.Out.Rand)
		if err != nil {
			return nil, err
		}
		id = fresh.String()
	}
	d := &models.Draft{ID: id, Office: office, Drafter: person, Revision: 1, State: models.DraftOpen, Corrects: corrects, CreatedAt: s.now(), UpdatedAt: s.now()}
	return d, s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.write(d, &Content{}, c); err != nil {
			return err
		}
		if err := models.InsertDraft(ctx, tx, d); err != nil {
			return err
		}
		return s.keepVersions(ctx, tx, d, &Content{}, c, person)
	})
}

// EditDraft saves the next revision. revision is the one that the editor has seen: if
// another was saved since, nothing is overwritten. An edit reopens clearance.
func (s *Dispatches) EditDraft(ctx context.Context, person iri.IRI, id string, revision int64, c *Content) (*models.Draft, error) {
	d, err := s.draft(ctx, s.Store.R, person, id, models.ActDraft)
	if err != nil {
		return nil, err
	}
	if err := s.checkContent(ctx, d.Office, c, d.Corrects); err != nil {
		return nil, err
	}
	err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if d, err = models.DraftByID(ctx, tx, id); err != nil {
			return err
		}
		before, err := ParseContent(d.Content)
		if err != nil {
			return err
		}
		d.Revision, d.State, d.UpdatedAt = revision+1, models.DraftOpen, s.now()
		if err := s.write(d, before, c); err != nil {
			return err
		}
		saved, err := models.SaveDraft(ctx, tx, d, person)
		if err == nil && saved {
			return s.keepVersions(ctx, tx, d, before, c, person)
		}
		if err == nil && !saved {
			return &policy.Refusal{Code: "stale-draft", Status: 409, Detail: fmt.Sprintf("revision %d is no longer the latest, or the draft was released; your text was not saved over it. Read the latest revision and merge", revision)}
		}
		return err
	})
	return d, err
}

// checkContent checks form, marking and what can be known of the addressees before
// release.
func (s *Dispatches) checkContent(ctx context.Context, office iri.IRI, c *Content, corrects iri.IRI) error {
	if err := c.check(); err != nil {
		return err
	}
	level, err := s.Guard.Draft(c.Marking)
	if err != nil {
		return policy.About("marking", err)
	}
	c.Marking = level.Name
	if _, err := s.precedence(c.Precedence); err != nil {
		return err
	}
	if err := s.portions(c, int64(level.Rank)); err != nil {
		return err
	}
	if err := s.checkAttachments(c); err != nil {
		return err
	}
	if corrects != "" && strings.TrimSpace(c.ChangeNote) == "" {
		return policy.About("changeNote", invalid("a correction says in its change note what has changed"))
	}
	return s.checkCorrects(ctx, office, corrects)
}

// filled refuses a text with gaps of its template, and names their paragraphs.
func (c *Content) filled() error {
	var where []string
	first := ""
	for i, p := range c.Paragraphs {
		if gap := formula.Gap(p.Text); gap != "" {
			where = append(where, fmt.Sprint(i+1))
			first = cmp.Or(first, gap)
		}
	}
	switch len(where) {
	case 0:
		return nil
	case 1:
		return unfilled("paragraph "+where[0], first)
	}
	last := len(where) - 1
	return unfilled("paragraphs "+strings.Join(where[:last], ", ")+" and "+where[last], first)
}

// written is filled of a draft as it is kept.
func written(d *models.Draft) error {
	c, err := ParseContent(d.Content)
	if err != nil {
		return err
	}
	return c.filled()
}

func unfilled(where, gap string) error {
	return &policy.Refusal{Code: "placeholder", Status: 422, Detail: fmt.Sprintf("the text begins from a template, and a gap such as %s is left in %s: write what belongs there, or take it out", gap, where)}
}

// checkCorrects refuses a correction of what is not the office's own and in force.
func (s *Dispatches) checkCorrects(ctx context.Context, office, corrects iri.IRI) error {
	if corrects == "" {
		return nil
	}
	d, err := models.DispatchByIRI(ctx, s.Store.R, corrects)
	if models.NotFound(err) || err == nil && (d.Author != office || d.Origin != models.OriginIssued) {
		return invalid("%s is no dispatch of this office", corrects)
	}
	if err != nil {
		return err
	}
	if d.State != models.DispatchInForce {
		return invalid("%s was %s; issue a new dispatch", d.Reference, d.State)
	}
	return nil
}

// portions refuses a paragraph or an attachment that is marked above the whole.
func (s *Dispatches) portions(c *Content, whole int64) error {
	for i, p := range c.Paragraphs {
		if err := s.Guard.Portion(p.Marking, whole); err != nil {
			return fmt.Errorf("paragraph %d: %w", i+1, err)
		}
	}
	for _, a := range c.Attachments {
		if err := s.Guard.Portion(a.Marking, whole); err != nil {
			return fmt.Errorf("the attachment %s: %w", a.Name, err)
		}
	}
	return nil
}

func (s *Dispatches) checkAttachments(c *Content) error {
	if len(c.Attachments) > s.Limits.MaxFiles {
		return invalid("at most %d attachments, not %d", s.Limits.MaxFiles, len(c.Attachments))
	}
	total := int64(0)
	for _, a := range c.Attachments {
		total += a.Size
		switch {
		case a.Name == "" || len(a.Name) > 255 || Unfit(a.Name) != "":
			return invalid("an attachment needs a plain name of at most 255 bytes")
		case !slices.Contains(s.Limits.Types, a.MediaType):
			return invalid("%s: files of type %s are not allowed", a.Name, a.MediaType)
		case a.Size > int64(s.Limits.MaxFile):
			return invalid("%s has %d bytes; at most %d are allowed", a.Name, a.Size, int64(s.Limits.MaxFile))
		case !s.Files.Has(a.Digest):
			return invalid("%s was not uploaded", a.Name)
		}
	}
	if total > int64(s.Limits.MaxDispatch) {
		return invalid("the attachments have %d bytes together; at most %d are allowed", total, int64(s.Limits.MaxDispatch))
	}
	return nil
}

// Upload keeps a file for a draft to attach.
func (s *Dispatches) Upload(ctx context.Context, name, mediaType string, r io.Reader) (Attachment, error) {
	if !slices.Contains(s.Limits.Types, mediaType) {
		return Attachment{}, invalid("%s: files of type %s are not allowed", name, mediaType)
	}
	digest, size, err := s.Files.Put(r, int64(s.Limits.MaxFile), "")
	if err != nil {
		return Attachment{}, fmt.Errorf("upload %s: %w", name, err)
	}
	return Attachment{Name: name, MediaType: mediaType, Digest: digest, Size: size}, nil
}

// draft returns a draft if the person has a mandate for the act in its office.
func (s *Dispatches) draft(ctx context.Context, db bun.IDB, person iri.IRI, id, act string) (*models.Draft, error) {
	d, err := models.DraftByID(ctx, db, id)
	if models.NotFound(err) {
		return nil, NotFound("draft")
	}
	if err != nil {
		return nil, err
	}
	ok, err := models.HasMandate(ctx, db, person, d.Office, act, s.now())
	if err != nil {
		return nil, err
	}
	if ok {
		return d, nil
	}
	if seen, err := models.HasMandate(ctx, db, person, d.Office, models.ActRead, s.now()); err != nil || !seen {
		return nil, NotFound("draft")
	}
	return nil, s.Accounts.Require(ctx, db, person, d.Office, act)
}

// Draft shows a draft, its content and the clearances of its revision.
func (s *Dispatches) Draft(ctx context.Context, person iri.IRI, id string) (*models.Draft, *Content, []*models.Clearance, error) {
	d, err := s.draft(ctx, s.Store.R, person, id, models.ActRead)
	if err != nil {
		return nil, nil, nil, err
	}
	c, err := ParseContent(d.Content)
	if err == nil {
		err = c.Gone()
	}
	if err != nil {
		return nil, nil, nil, err
	}
	asked, err := models.Clearances(ctx, s.Store.R, id, d.Revision)
	return d, c, asked, err
}

// AskClearance asks people of the office to clear the exact revision.
func (s *Dispatches) AskClearance(ctx context.Context, person iri.IRI, id string, revision int64, clearers []iri.IRI) error {
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		d, err := s.draft(ctx, tx, person, id, models.ActDraft)
		if err != nil {
			return err
		}
		if err := sameRevision(d, revision); err != nil {
			return err
		}
		if err := written(d); err != nil {
			return err
		}
		for _, who := range clearers {
			if err := s.Accounts.Require(ctx, tx, who, d.Office, models.ActClear); err != nil {
				return err
			}
			if err := models.SaveClearance(ctx, tx, &models.Clearance{Draft: id, Revision: revision, Clearer: who, Decision: models.ClearanceAsked, RequestedAt: s.now()}); err != nil {
				return err
			}
			if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: who, Kind: "clearance asked", Subject: id, Detail: fmt.Sprintf("%s asks you to clear revision %d", person, revision), CreatedAt: s.now()}); err != nil {
				return err
			}
		}
		if err := settled(ctx, tx, id); err != nil {
			return err
		}
		_, err = models.SetDraftState(ctx, tx, id, revision, models.DraftClearing, "", s.now())
		return err
	})
}

// Clear records one clearer's decision on the exact revision: agreed, or a change
// asked for with a note.
func (s *Dispatches) Clear(ctx context.Context, person iri.IRI, id string, revision int64, agree bool, note string) error {
	if !agree && strings.TrimSpace(note) == "" {
		return invalid("say in a note which change you ask for")
	}
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		d, err := s.draft(ctx, tx, person, id, models.ActClear)
		if err != nil {
			return err
		}
		if err := sameRevision(d, revision); err != nil {
			return err
		}
		if agree {
			if err := written(d); err != nil {
				return err
			}
		}
		c := &models.Clearance{Draft: id, Revision: revision, Clearer: person, Decision: models.ClearanceAgreed, Note: note, RequestedAt: s.now(), DecidedAt: s.now()}
		if !agree {
			c.Decision = models.ClearanceChanges
			if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: d.Drafter, Kind: "change asked", Subject: id, Detail: note, CreatedAt: s.now()}); err != nil {
				return err
			}
		}
		if err := models.SaveClearance(ctx, tx, c); err != nil {
			return err
		}
		return audit.Append(ctx, tx, s.Now(), string(person), "clearance", id, map[string]any{"revision": revision, "decision": c.Decision})
	})
}

func sameRevision(d *models.Draft, revision int64) error {
	if d.State == models.DraftReleased || d.State == models.DraftDiscarded {
		return &policy.Refusal{Code: "draft-closed", Status: 409, Detail: "the draft was " + d.State}
	}
	if d.Revision != revision {
		return &policy.Refusal{Code: "stale-draft", Status: 409, Detail: fmt.Sprintf("revision %d is no longer the latest; it is %d now. Read it before you decide", revision, d.Revision)}
	}
	return nil
}

// mayRelease checks mandate, revision and clearances inside the release transaction.
func (s *Dispatches) mayRelease(ctx context.Context, tx bun.Tx, person iri.IRI, id string, revision int64) (*models.Draft, error) {
	d, err := s.draft(ctx, tx, person, id, models.ActRelease)
	if err != nil {
		return nil, err
	}
	if err := sameRevision(d, revision); err != nil {
		return nil, err
	}
	if err := settled(ctx, tx, id); err != nil {
		return nil, err
	}
	office, err := models.OfficeByIRI(ctx, tx, d.Office)
	if err != nil {
		return nil, err
	}
	round := clearance.Round{Revision: revision}
	if round.Authors, err = models.RevisionAuthors(ctx, tx, id); err != nil {
		return nil, err
	}
	if round.Asked, err = models.Clearances(ctx, tx, id, revision); err != nil {
		return nil, err
	}
	if why := clearance.Missing(office.Rules, round, person); why != "" {
		return nil, &policy.Refusal{Code: "not-cleared", Status: 409, Detail: why}
	}
	return d, nil
}
