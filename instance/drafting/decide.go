package drafting

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/instance/audit"
	"valise/instance/clearance"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// Ask sends a revision for clearance: to those who must clear by the office's rules, and
// to those named beside them. Where nobody has to, it waits for its release at once. What
// is unfinished is not sent.
func (s *Drafting) Ask(ctx context.Context, person iri.IRI, draft string, revision int64, beside []iri.IRI) error {
	d, o, err := models.DraftWithOffice(ctx, s.Store.R, draft)
	if models.NotFound(err) {
		return dispatches.NotFound("draft")
	}
	if err != nil {
		return err
	}
	c, err := dispatches.ParseContent(d.Content)
	if err != nil {
		return err
	}
	if _, err := s.office(ctx, person, draft); err != nil {
		return err
	}
	if err := s.Dispatches.Finished(ctx, d, c); err != nil {
		return err
	}
	if len(c.Action)+len(c.Info)+len(c.Collectives) == 0 && c.Community == "" {
		return invalid("name at least one addressee or a community")
	}
	asked, err := models.Clearances(ctx, s.Store.R, draft, revision)
	if err != nil {
		return err
	}
	var whom []iri.IRI
	for _, who := range slices.Concat(o.Rules.Clearers, beside) {
		if slices.Contains(whom, who) || slices.ContainsFunc(asked, func(c *models.Clearance) bool { return c.Clearer == who && c.Decision == models.ClearanceAgreed }) {
			continue
		}
		whom = append(whom, who)
	}
	return s.Dispatches.AskClearance(ctx, person, draft, revision, whom)
}

// Clear records a clearer's word on an exact revision, which she has then seen.
func (s *Drafting) Clear(ctx context.Context, person iri.IRI, draft string, revision int64, agree bool, note string) error {
	if why := dispatches.Unfit(note); why != "" || len(note) > commentMost {
		return invalid("a note is plain text of at most %d bytes", commentMost)
	}
	if err := s.Dispatches.Clear(ctx, person, draft, revision, agree, note); err != nil {
		return err
	}
	return models.SawDraft(ctx, s.Store.W, draft, person, revision, s.now())
}

// Saw records that a person who decides was shown a revision.
func (s *Drafting) Saw(ctx context.Context, person iri.IRI, draft string, revision int64) error {
	return models.SawDraft(ctx, s.Store.W, draft, person, revision, s.now())
}

// Discard closes a draft for good without releasing it, if it still is at the revision
// that the person saw. Its history stays.
func (s *Drafting) Discard(ctx context.Context, person iri.IRI, draft string, revision int64) error {
	if _, err := s.office(ctx, person, draft); err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		ok, err := models.SetDraftState(ctx, tx, draft, revision, models.DraftDiscarded, "", s.now())
		if err != nil {
			return err
		}
		if !ok {
			d, err := models.DraftByID(ctx, tx, draft)
			if err != nil || d.State == models.DraftDiscarded {
				return err
			}
			return &policy.Refusal{Code: CodeStale, Status: 409, Detail: "the draft has changed since you opened this page, or was released; look at it again before you discard it"}
		}
		return audit.Append(ctx, tx, s.Now(), string(person), "draft discarded", draft, map[string]any{"revision": revision})
	})
}

// FreshFor is how old the releaser's proof of who she is may be.
const FreshFor = 5 * time.Minute

// Release issues an exact revision. proven is when the person last proved who she is: a
// release needs that within FreshFor. The same release asked for again returns what it
// issued.
func (s *Drafting) Release(ctx context.Context, person iri.IRI, draft string, revision int64, proven time.Time) (*models.Dispatch, error) {
	if proven.IsZero() || s.Now().Sub(proven) >= FreshFor {
		return nil, &policy.Refusal{Code: CodeProve, Status: 403, Detail: "sign in once more: a release needs a proof of who you are that is at most 5 minutes old"}
	}
	out, err := s.Dispatches.Release(ctx, person, draft, revision)
	var refusal *policy.Refusal
	if err == nil || !errors.As(err, &refusal) || refusal.Code != CodeClosed {
		return out, err
	}
	d, _, readErr := s.read(ctx, person, draft)
	if readErr != nil || d.State != models.DraftReleased || d.Revision != revision {
		return nil, err
	}
	return models.DispatchByIRI(ctx, s.Store.R, d.Dispatch)
}

// Waiting is a draft in the queue of a releaser.
type Waiting struct {
	models.DraftRow
	// Missing says why she cannot release it yet, or "".
	Missing string
	// Since is what changed after the revision that she was shown last; nil where she has
	// seen none.
	Since   *Difference
	SeenAt  int64 // that revision, 0 for none
	Asked   []*models.Clearance
	Authors []iri.IRI
}

const queuePage = 50

// Queue lists the drafts that were sent for clearance in the offices that a person
// releases for: those that she can release first, then those that still wait.
func (s *Drafting) Queue(ctx context.Context, person iri.IRI) ([]Waiting, error) {
	offices, err := s.Offices(ctx, person)
	if err != nil {
		return nil, err
	}
	rows, err := models.DraftRows(ctx, s.Store.R, person, models.DraftFilter{Offices: with(offices, func(r Right) bool { return r.Release }), States: []string{models.DraftClearing}, Limit: queuePage})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	rounds, err := models.Rounds(ctx, s.Store.R, ids)
	if err != nil {
		return nil, err
	}
	seen, err := models.SeenBy(ctx, s.Store.R, person, ids)
	if err != nil {
		return nil, err
	}
	contents := map[string][]byte{}
	if len(seen) > 0 {
		if contents, err = models.DraftContents(ctx, s.Store.R, ids); err != nil {
			return nil, err
		}
	}
	var ready, later []Waiting
	for _, r := range rows {
		w := Waiting{DraftRow: r, Asked: rounds[r.ID].Asked, Authors: rounds[r.ID].Authors}
		w.Missing = clearance.Missing(r.OfficeRules, clearance.Round{Revision: r.Revision, Authors: w.Authors, Asked: w.Asked}, person)
		if was := seen[r.ID]; was != nil {
			a, err := dispatches.ParseContent(was.Content)
			if err != nil {
				return nil, err
			}
			b, err := dispatches.ParseContent(contents[r.ID])
			if err != nil {
				return nil, err
			}
			d := Compare(a, b)
			w.Since, w.SeenAt = &d, was.Revision
		}
		if w.Missing == "" {
			ready = append(ready, w)
		} else {
			later = append(later, w)
		}
	}
	return append(ready, later...), nil
}
