package dispatches

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/models"
	"valise/models/iri"
)

// identify gives each paragraph the id that it had before and the version that follows.
// One that comes with an id of before keeps it, then one with the same text, then one in
// the same place between two that stayed; the others are new.
func (c *Content) identify(before *Content) {
	c.Last = before.Last
	taken := make([]bool, len(before.Paragraphs))
	from := make([]int, len(c.Paragraphs))
	find := func(i int, fits func(old Paragraph) bool) {
		for j, old := range before.Paragraphs {
			if !taken[j] && fits(old) {
				taken[j], from[i] = true, j
				return
			}
		}
	}
	for i, p := range c.Paragraphs {
		from[i] = -1
		if p.ID != "" {
			find(i, func(old Paragraph) bool { return old.ID == p.ID })
		}
	}
	for i, p := range c.Paragraphs {
		if from[i] < 0 {
			find(i, func(old Paragraph) bool { return old.Text == p.Text })
		}
	}
	for i := range c.Paragraphs {
		if from[i] >= 0 {
			continue
		}
		next := len(before.Paragraphs)
		for k := i + 1; k < len(from); k++ {
			if from[k] >= 0 {
				next = from[k]
				break
			}
		}
		first := 0
		if i > 0 {
			first = from[i-1] + 1
		}
		for j := first; j < next; j++ {
			if !taken[j] {
				taken[j], from[i] = true, j
				break
			}
		}
	}
	for i := range c.Paragraphs {
		p := &c.Paragraphs[i]
		if from[i] < 0 {
			c.Last++
			p.ID, p.Version = fmt.Sprintf("p%d", c.Last), 1
			continue
		}
		old := before.Paragraphs[from[i]]
		p.ID, p.Version = old.ID, old.Version
		if p.ID == "" { // a draft from before paragraphs had ids
			c.Last++
			p.ID = fmt.Sprintf("p%d", c.Last)
		}
		if p.Text != old.Text || p.Marking != old.Marking || p.Language != old.Language || p.Version == 0 {
			p.Version++
		}
	}
	c.Head = before.Head
	if c.Head == 0 || !bytes.Equal(c.head(), before.head()) {
		c.Head++
	}
}

// head is all that is no paragraph, as JSON.
func (c *Content) head() []byte {
	h := *c
	h.Paragraphs, h.Head, h.Last = nil, 0, 0
	b, _ := json.Marshal(h)
	return b
}

// PartBody is how a version of one paragraph is kept.
type PartBody struct {
	Text     string `json:"text"`
	Marking  string `json:"marking,omitempty"`
	Language string `json:"language,omitempty"`
}

// write puts c into the draft's row: ids and versions follow from what was there before.
func (s *Dispatches) write(d *models.Draft, before, c *Content) error {
	c.identify(before)
	var err error
	if d.Content, err = json.Marshal(c); err != nil {
		return err
	}
	d.Kind, d.Subject, d.Language = c.Kind, c.Subject, c.Language
	level, _ := s.Guard.Level(c.Marking)
	d.MarkingRank = int64(level.Rank)
	for _, p := range c.Paragraphs {
		if l, ok := s.Guard.Level(p.Marking); ok {
			d.MarkingRank = max(d.MarkingRank, int64(l.Rank))
		}
	}
	if l, err := s.precedence(c.Precedence); err == nil {
		d.PrecedenceRank = int64(l.Rank)
	}
	return nil
}

// keepVersions keeps what a save has changed, as bases for merging.
func (s *Dispatches) keepVersions(ctx context.Context, tx bun.Tx, d *models.Draft, before, after *Content, author iri.IRI) error {
	had := map[string]int64{}
	for _, p := range before.Paragraphs {
		had[p.ID] = p.Version
	}
	var rows []models.DraftVersion
	for _, p := range after.Paragraphs {
		if had[p.ID] == p.Version {
			continue
		}
		body, err := json.Marshal(PartBody{p.Text, p.Marking, p.Language})
		if err != nil {
			return err
		}
		rows = append(rows, models.DraftVersion{Draft: d.ID, Part: p.ID, Version: p.Version, Author: author, Body: body, At: d.UpdatedAt})
	}
	if after.Head != before.Head {
		rows = append(rows, models.DraftVersion{Draft: d.ID, Part: models.DraftHead, Version: after.Head, Author: author, Body: after.head(), At: d.UpdatedAt})
	}
	return models.SaveDraftVersions(ctx, tx, rows)
}

// errMoved says that somebody saved the draft in between.
var errMoved = errors.New("the draft was saved in between")

const (
	// changeTries bounds how often a change is tried again after another one.
	changeTries = 30
	// runLasts is how long the autosaves of one author become one revision.
	runLasts = 5 * time.Minute
)

// ChangeDraft makes one change to a draft as it is now and saves it as an autosave: the
// next revision, which reopens clearance. change may be called again when somebody else
// saved in between; it must not keep what it wrote elsewhere than in tx. What it leaves
// as it was is not saved. The draft may still be unfinished afterwards.
func (s *Dispatches) ChangeDraft(ctx context.Context, person iri.IRI, id string, change func(ctx context.Context, tx bun.Tx, c *Content) error) (d *models.Draft, c *Content, err error) {
	for range changeTries {
		err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			d, c, err = s.change(ctx, tx, person, id, change)
			return err
		})
		if !errors.Is(err, errMoved) {
			return d, c, err
		}
	}
	return nil, nil, &policy.Refusal{Code: "stale-draft", Status: 409, Detail: "others are saving this draft all the time; try again in a moment"}
}

func (s *Dispatches) change(ctx context.Context, tx bun.Tx, person iri.IRI, id string, change func(context.Context, bun.Tx, *Content) error) (*models.Draft, *Content, error) {
	d, err := s.draft(ctx, tx, person, id, models.ActDraft)
	if err != nil {
		return nil, nil, err
	}
	if err := sameRevision(d, d.Revision); err != nil {
		return nil, nil, err
	}
	before, err := ParseContent(d.Content)
	if err != nil {
		return nil, nil, err
	}
	c, err := ParseContent(d.Content)
	if err != nil {
		return nil, nil, err
	}
	if err := change(ctx, tx, c); err != nil {
		return nil, nil, err
	}
	if err := s.checkUnfinished(c); err != nil {
		return nil, nil, err
	}
	was := d.Content
	if err := s.write(d, before, c); err != nil || bytes.Equal(was, d.Content) {
		return d, c, err
	}
	d.Revision, d.State, d.UpdatedAt = d.Revision+1, models.DraftOpen, s.now()
	saved, err := models.SaveDraftRun(ctx, tx, d, person, d.UpdatedAt.Add(-runLasts))
	if err != nil {
		return nil, nil, err
	}
	if !saved {
		return nil, nil, errMoved
	}
	return d, c, s.keepVersions(ctx, tx, d, before, c, person)
}

// StartDraft is NewDraft for a draft that may still lack its subject or its text. id is its
// UUID, "" for a new one; a draft that is there already is a conflict (models.IsConflict).
func (s *Dispatches) StartDraft(ctx context.Context, person, office iri.IRI, c *Content, corrects iri.IRI, id string) (*models.Draft, error) {
	if err := s.Accounts.Require(ctx, s.Store.R, person, office, models.ActDraft); err != nil {
		return nil, err
	}
	if err := s.checkUnfinished(c); err != nil {
		return nil, err
	}
	if err := s.checkCorrects(ctx, office, corrects); err != nil {
		return nil, err
	}
	return s.insertDraft(ctx, person, office, c, corrects, id)
}

// checkUnfinished refuses what may not be kept even while it is written: bad form, and
// markings that this instance may not hold. A portion above the whole may still be
// lowered; clearance and release refuse it.
func (s *Dispatches) checkUnfinished(c *Content) error {
	if err := c.checkForm(); err != nil {
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
	for i, p := range c.Paragraphs {
		if p.Marking == "" {
			continue
		}
		if _, err := s.Guard.Draft(p.Marking); err != nil {
			return fmt.Errorf("paragraph %d: %w", i+1, err)
		}
	}
	for _, a := range c.Attachments {
		if a.Marking == "" {
			continue
		}
		if _, err := s.Guard.Draft(a.Marking); err != nil {
			return fmt.Errorf("the attachment %s: %w", a.Name, err)
		}
	}
	return s.checkAttachments(c)
}

// Finished says in an error what a draft still lacks before it can be cleared or
// released; nil when nothing.
func (s *Dispatches) Finished(ctx context.Context, d *models.Draft, c *Content) error {
	if err := s.checkContent(ctx, d.Office, c, d.Corrects); err != nil {
		return err
	}
	return c.filled()
}

// settled refuses a draft in which two people's words still stand against each other.
func settled(ctx context.Context, tx bun.Tx, id string) error {
	n, err := models.CountClashes(ctx, tx, id)
	if err != nil || n == 0 {
		return err
	}
	return &policy.Refusal{Code: "unsettled", Status: 409, Detail: fmt.Sprintf("%d texts of this draft stand against each other; choose between them first", n)}
}
