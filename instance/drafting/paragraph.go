package drafting

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/instance/dispatches"
	"valise/instance/redline"
	"valise/models"
	"valise/models/iri"
)

// Edit is what a person made of one paragraph. Base is the version that she began from.
type Edit struct {
	Part     string
	Base     int64
	Text     string
	Marking  string
	Language string
	// Clash names her own open clash about this text, which the edit brings up to date;
	// 0 where there is none.
	Clash int64
}

// Saved is what became of an edit.
type Saved struct {
	Revision int64
	Version  int64 // of the paragraph as it stands now
	Text     string
	Marking  string
	Language string
	// Merged says that another's words were joined with hers.
	Merged bool
	// Clash is set where her text could not be joined with another's: the draft keeps the
	// other, and hers waits beside it until a person settles it.
	Clash int64
}

// SaveParagraph saves one paragraph, and nothing else. Where somebody saved the same
// paragraph since, the two are merged by words; where their words meet, hers are kept as
// a clash. Nothing that was typed is dropped.
func (s *Drafting) SaveParagraph(ctx context.Context, person iri.IRI, draft string, e Edit) (Saved, error) {
	var out Saved
	d, _, err := s.Dispatches.ChangeDraft(ctx, person, draft, func(ctx context.Context, tx bun.Tx, c *dispatches.Content) error {
		out = Saved{}
		i := slices.IndexFunc(c.Paragraphs, func(p dispatches.Paragraph) bool { return p.ID == e.Part })
		if i < 0 {
			return s.keep(ctx, tx, person, draft, e, &out)
		}
		p := &c.Paragraphs[i]
		mine := dispatches.PartBody{Text: e.Text, Marking: e.Marking, Language: e.Language}
		switch {
		case e.Base == p.Version:
		case e.Base > p.Version || e.Base < 1:
			return invalid("paragraph %d has no version %d", i+1, e.Base)
		default:
			merged, ok, err := s.merge(ctx, tx, draft, e, *p)
			if err != nil {
				return err
			}
			if !ok {
				return s.keep(ctx, tx, person, draft, e, &out)
			}
			out.Merged = merged != mine
			mine = merged
			if err := s.joined(ctx, tx, person, draft, e); err != nil {
				return err
			}
		}
		p.Text, p.Marking, p.Language = mine.Text, mine.Marking, mine.Language
		return nil
	})
	if err != nil {
		return Saved{}, err
	}
	c, err := dispatches.ParseContent(d.Content)
	if err != nil {
		return Saved{}, err
	}
	out.Revision = d.Revision
	for _, p := range c.Paragraphs {
		if p.ID == e.Part {
			out.Version, out.Text, out.Marking, out.Language = p.Version, p.Text, p.Marking, p.Language
		}
	}
	return out, nil
}

// merge joins an edit with the paragraph as it stands. Of two markings that were changed
// apart the higher one stands.
func (s *Drafting) merge(ctx context.Context, tx bun.Tx, draft string, e Edit, now dispatches.Paragraph) (dispatches.PartBody, bool, error) {
	v, err := models.DraftVersionOf(ctx, tx, draft, e.Part, e.Base)
	if models.NotFound(err) {
		return dispatches.PartBody{Text: now.Text, Marking: now.Marking, Language: now.Language}, e.Text == now.Text, nil
	}
	if err != nil {
		return dispatches.PartBody{}, false, err
	}
	var base dispatches.PartBody
	if err := json.Unmarshal(v.Body, &base); err != nil {
		return base, false, fmt.Errorf("read version %d of %s: %w", e.Base, e.Part, err)
	}
	text, ok := redline.Merge(base.Text, e.Text, now.Text)
	out := dispatches.PartBody{Text: text, Marking: now.Marking, Language: now.Language}
	if e.Marking != base.Marking && (now.Marking == base.Marking || s.rank(e.Marking) > s.rank(now.Marking)) {
		out.Marking = e.Marking
	}
	if e.Language != base.Language {
		out.Language = e.Language
	}
	return out, ok, nil
}

// joined settles her own clash, whose words the merge holds.
func (s *Drafting) joined(ctx context.Context, tx bun.Tx, person iri.IRI, draft string, e Edit) error {
	if e.Clash == 0 {
		return nil
	}
	k, err := models.OpenClash(ctx, tx, draft, e.Clash)
	if models.NotFound(err) || err == nil && (k.Author != person || k.Part != e.Part) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = models.SettleClash(ctx, tx, k.ID, person, "merged", s.now())
	return err
}

// rank is a marking's; that of the whole counts lowest, as it says nothing of its own.
func (s *Drafting) rank(marking string) int {
	l, _ := s.Dispatches.Guard.Level(marking)
	return l.Rank
}

// keep puts an edit aside as a clash.
func (s *Drafting) keep(ctx context.Context, tx bun.Tx, person iri.IRI, draft string, e Edit, out *Saved) error {
	if why := dispatches.Unfit(e.Text); why != "" {
		return invalid("the paragraph %s", why)
	}
	if e.Marking != "" {
		if _, err := s.Dispatches.Guard.Draft(e.Marking); err != nil {
			return err
		}
	}
	if len(e.Text) > clashMost {
		return invalid("the paragraph has %d bytes; at most %d can be kept beside another's", len(e.Text), clashMost)
	}
	n, err := models.CountClashes(ctx, tx, draft)
	if err != nil {
		return err
	}
	if n >= clashesMost && e.Clash == 0 {
		return &policy.Refusal{Code: "unsettled", Status: 409, Detail: fmt.Sprintf("%d texts of this draft already stand against each other; choose between them first", n)}
	}
	body, err := json.Marshal(dispatches.PartBody{Text: e.Text, Marking: e.Marking, Language: e.Language})
	if err != nil {
		return err
	}
	c := &models.DraftClash{ID: e.Clash, Draft: draft, Part: e.Part, Author: person, BaseVersion: e.Base, Body: body, At: s.now()}
	if err := models.KeepClash(ctx, tx, c); err != nil {
		return err
	}
	out.Clash = c.ID
	return nil
}

const (
	clashMost   = 200_000 // bytes of one text
	clashesMost = 100     // open ones in a draft
)

// Ways to settle a clash.
const (
	KeepMine   = "mine"   // the text that waits takes the place of the draft's
	KeepTheirs = "theirs" // the draft stays as it is
	KeepBoth   = "both"   // one after the other, in one paragraph
	KeepText   = "text"   // a text that the person made of both
)

// Settle ends a clash. Where the paragraph has been taken out, the text that waits can
// only come back as a paragraph of its own, at the end, or go. base is the version of the
// paragraph that the person chose against: where it has changed since, she must look
// again.
func (s *Drafting) Settle(ctx context.Context, person iri.IRI, draft string, id, base int64, how, text string) error {
	_, _, err := s.Dispatches.ChangeDraft(ctx, person, draft, func(ctx context.Context, tx bun.Tx, c *dispatches.Content) error {
		k, err := models.OpenClash(ctx, tx, draft, id)
		if models.NotFound(err) {
			return &policy.Refusal{Code: CodeStale, Status: 409, Detail: "somebody has settled this already; look at the draft as it is now"}
		}
		if err != nil {
			return err
		}
		var body dispatches.PartBody
		if err := json.Unmarshal(k.Body, &body); err != nil {
			return err
		}
		did := how
		i := slices.IndexFunc(c.Paragraphs, func(p dispatches.Paragraph) bool { return p.ID == k.Part })
		if i < 0 && how != KeepTheirs {
			if how == KeepText {
				body.Text = text
			}
			c.Paragraphs = append(c.Paragraphs, dispatches.Paragraph{Text: body.Text, Marking: body.Marking, Language: body.Language})
			did += ", as a new paragraph"
		} else if i >= 0 {
			p := &c.Paragraphs[i]
			if how != KeepTheirs && p.Version != base {
				return &policy.Refusal{Code: CodeStale, Status: 409, Detail: fmt.Sprintf("paragraph %d has changed since you looked; choose again", i+1)}
			}
			switch how {
			case KeepTheirs:
			case KeepMine:
				p.Text, p.Marking, p.Language = body.Text, body.Marking, body.Language
			case KeepBoth:
				p.Text = strings.TrimRight(p.Text, "\n ") + "\n\n" + body.Text
				if s.rank(body.Marking) > s.rank(p.Marking) {
					p.Marking = body.Marking
				}
			case KeepText:
				p.Text = text
			default:
				return invalid("%q is no way to settle it", how)
			}
		}
		_, err = models.SettleClash(ctx, tx, id, person, did, s.now())
		return err
	})
	return err
}

// AddParagraph adds one behind another ("" for the first place) and returns its id. An
// empty one is not added behind or before an empty one: that one is returned.
func (s *Drafting) AddParagraph(ctx context.Context, person iri.IRI, draft, after, text, marking, language string) (string, error) {
	at := 0
	_, c, err := s.Dispatches.ChangeDraft(ctx, person, draft, func(ctx context.Context, tx bun.Tx, c *dispatches.Content) error {
		at = 0
		if after != "" {
			i := slices.IndexFunc(c.Paragraphs, func(p dispatches.Paragraph) bool { return p.ID == after })
			if i < 0 {
				i = len(c.Paragraphs) - 1
			}
			at = i + 1
		}
		if strings.TrimSpace(text) == "" {
			for _, near := range []int{at - 1, at} {
				if near >= 0 && near < len(c.Paragraphs) && strings.TrimSpace(c.Paragraphs[near].Text) == "" {
					at = near
					return nil
				}
			}
		}
		c.Paragraphs = slices.Insert(c.Paragraphs, at, dispatches.Paragraph{Text: text, Marking: marking, Language: language})
		return nil
	})
	if err != nil {
		return "", err
	}
	return c.Paragraphs[at].ID, nil
}

// MoveParagraph moves one by a number of places, towards the end when by is positive.
func (s *Drafting) MoveParagraph(ctx context.Context, person iri.IRI, draft, part string, by int) error {
	_, _, err := s.Dispatches.ChangeDraft(ctx, person, draft, func(ctx context.Context, tx bun.Tx, c *dispatches.Content) error {
		i, err := find(c, part)
		if err != nil {
			return err
		}
		p := c.Paragraphs[i]
		to := min(max(i+by, 0), len(c.Paragraphs)-1)
		c.Paragraphs = slices.Insert(slices.Delete(c.Paragraphs, i, i+1), to, p)
		return nil
	})
	return err
}

// RemoveParagraph takes one out, if it still is the version that the person saw. Its
// words stay in the history.
func (s *Drafting) RemoveParagraph(ctx context.Context, person iri.IRI, draft, part string, base int64) error {
	_, _, err := s.Dispatches.ChangeDraft(ctx, person, draft, func(ctx context.Context, tx bun.Tx, c *dispatches.Content) error {
		i := slices.IndexFunc(c.Paragraphs, func(p dispatches.Paragraph) bool { return p.ID == part })
		if i < 0 {
			return nil
		}
		if c.Paragraphs[i].Version != base {
			return &policy.Refusal{Code: CodeStale, Status: 409, Detail: fmt.Sprintf("paragraph %d has changed since you opened the draft; look at it before you take it out", i+1)}
		}
		c.Paragraphs = slices.Delete(c.Paragraphs, i, i+1)
		return nil
	})
	return err
}

func find(c *dispatches.Content, part string) (int, error) {
	i := slices.IndexFunc(c.Paragraphs, func(p dispatches.Paragraph) bool { return p.ID == part })
	if i < 0 {
		return 0, &policy.Refusal{Code: CodeStale, Status: 409, Detail: "somebody has taken this paragraph out"}
	}
	return i, nil
}
