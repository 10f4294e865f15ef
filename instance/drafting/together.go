package drafting

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

const (
	// presenceLasts is how long somebody counts as there after her last sign of life.
	presenceLasts = 30 * time.Second
	commentMost   = 4000 // bytes of one comment
	commentsMost  = 1000 // in a draft
)

// Enter records that a person has a draft open, in one part of it ("" for none). It is to
// be said again within presenceLasts.
func (s *Drafting) Enter(ctx context.Context, person iri.IRI, draft, part string) error {
	if len(part) > 20 {
		return invalid("a draft has no such part")
	}
	if _, _, err := s.read(ctx, person, draft); err != nil {
		return err
	}
	now := s.now()
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return models.Enter(ctx, tx, draft, person, part, now, now.Add(presenceLasts))
	})
}

// Leave records that she has closed it.
func (s *Drafting) Leave(ctx context.Context, person iri.IRI, draft string) error {
	return models.Leave(ctx, s.Store.W, draft, person)
}

// Pulse is what changes while people look at a draft: two that are equal mean that a
// page of it is up to date.
type Pulse = models.DraftPulse

// Pulse reads it, for somebody of the draft's office.
func (s *Drafting) Pulse(ctx context.Context, person iri.IRI, draft string) (Pulse, error) {
	ok, err := models.MayReadDraft(ctx, s.Store.R, draft, person, s.now())
	if err != nil {
		return Pulse{}, err
	}
	if !ok {
		return Pulse{}, dispatches.NotFound("draft")
	}
	return models.PulseOf(ctx, s.Store.R, draft, s.now())
}

// Comment adds a remark on a part of a draft, or an answer to one. Everybody of the
// office may. The same words of hers, where they stand open already, change nothing.
func (s *Drafting) Comment(ctx context.Context, person iri.IRI, draft, part string, answers int64, text string) error {
	text = strings.TrimSpace(text)
	switch why := dispatches.Unfit(text); {
	case text == "":
		return invalid("write what you want to say")
	case len(text) > commentMost:
		return invalid("a comment has at most %d bytes, not %d", commentMost, len(text))
	case why != "":
		return invalid("the comment %s", why)
	}
	return s.beside(ctx, person, draft, func(ctx context.Context, tx bun.Tx, d *models.Draft, c *dispatches.Content) error {
		if answers != 0 {
			to, err := models.DraftCommentByID(ctx, tx, draft, answers)
			if models.NotFound(err) || err == nil && to.SettledAt != 0 {
				return &policy.Refusal{Code: CodeStale, Status: 409, Detail: "the comment that you answer was settled"}
			}
			if err != nil {
				return err
			}
			part = to.Part
			if to.Answers != 0 {
				answers = to.Answers
			}
		} else if part != models.DraftHead {
			if _, err := find(c, part); err != nil {
				return err
			}
		}
		added, err := models.InsertDraftComment(ctx, tx, &models.DraftComment{Draft: draft, Part: part, Answers: answers, Author: person, Text: text, At: s.now()}, commentsMost)
		if err == nil && !added {
			return invalid("a draft holds at most %d comments", commentsMost)
		}
		if err != nil {
			return err
		}
		return s.tellOfComment(ctx, tx, person, d)
	})
}

// tellOfComment tells the drafter and everybody who wrote in the draft, of those who may
// still read it, that somebody else has commented; not what.
func (s *Drafting) tellOfComment(ctx context.Context, tx bun.Tx, by iri.IRI, d *models.Draft) error {
	authors, err := models.RevisionAuthors(ctx, tx, d.ID)
	if err != nil {
		return err
	}
	people, err := models.OfficePeople(ctx, tx, d.Office, s.now())
	if err != nil {
		return err
	}
	for _, m := range people {
		if m.Person == by || m.Person != d.Drafter && !slices.Contains(authors, m.Person) {
			continue
		}
		if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: m.Person, Kind: "draft comment", Subject: d.ID, Detail: string(by), CreatedAt: s.now()}); err != nil {
			return err
		}
	}
	return nil
}

// SettleComment closes a comment with its answers. One that is settled stays so.
func (s *Drafting) SettleComment(ctx context.Context, person iri.IRI, draft string, id int64) error {
	return s.beside(ctx, person, draft, func(ctx context.Context, tx bun.Tx, d *models.Draft, c *dispatches.Content) error {
		_, err := models.SettleDraftComment(ctx, tx, draft, id, person, s.now())
		return err
	})
}

// beside runs fn on an open draft that the person may see.
func (s *Drafting) beside(ctx context.Context, person iri.IRI, draft string, fn func(context.Context, bun.Tx, *models.Draft, *dispatches.Content) error) error {
	d, c, err := s.read(ctx, person, draft)
	if err != nil {
		return err
	}
	if d.State == models.DraftReleased || d.State == models.DraftDiscarded {
		return &policy.Refusal{Code: CodeClosed, Status: 409, Detail: "the draft was " + d.State}
	}
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return fn(ctx, tx, d, c) })
}
