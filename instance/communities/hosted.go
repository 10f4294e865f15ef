package communities

import (
	"context"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/federation/vocab"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// Tell sends a direct note of plain text from a community to somebody whose account is on
// other software, in the caller's transaction.
func (s *Communities) Tell(ctx context.Context, tx bun.Tx, community, to iri.IRI, words string) error {
	c, err := models.CommunityByIRI(ctx, tx, community)
	if err != nil {
		return err
	}
	a, err := models.ActorByIRI(ctx, tx, to)
	if err != nil {
		return err
	}
	return s.note(ctx, tx, c, a, words, "")
}

// HostComment distributes what a guest wrote on a page of ours. No document of hers
// arrived, so the Group's note names her and the moment, and no digest of anything
// received. The same words of hers again change nothing. Whether she may read the dispatch
// is for the caller. Refusals: not-member, may-not-comment, above-ceiling, invalid.
func (s *Communities) HostComment(ctx context.Context, guest, community, dispatch iri.IRI, text string) error {
	if strings.TrimSpace(text) == "" || len(text) > maxComment {
		return invalid("a comment has 1 to %d bytes", maxComment)
	}
	content, err := dispatches.Paragraph{Text: text}.HTML()
	if err != nil {
		return err
	}
	id, err := s.Out.NewID("c")
	if err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		c, err := models.LockCommunity(ctx, tx, community)
		if models.NotFound(err) || err == nil && !c.Local {
			return dispatches.NotFound("community")
		}
		if err != nil {
			return err
		}
		now := s.Now().UTC().Truncate(time.Second)
		m, err := s.poster(ctx, tx, c, guest, models.At(s.Now()))
		if err != nil {
			return err
		}
		if !policy.Admits(c.Commenting, m.Role) {
			return &policy.Refusal{Code: "may-not-comment", Status: 403, Detail: "commenting is for " + c.Commenting}
		}
		d, err := models.DispatchByIRI(ctx, tx, dispatch)
		if models.NotFound(err) || err == nil && (d.Community != c.IRI || d.State != models.DispatchInForce) {
			return invalid("this dispatch is not in force in %s", c.Name)
		}
		if err != nil {
			return err
		}
		if d.MarkingRank > m.Ceiling {
			return &policy.Refusal{Code: "above-ceiling", Status: 403, Detail: "what is commented on is above the member's ceiling"}
		}
		have, err := models.CommentsOn(ctx, tx, dispatch, 500)
		if err != nil {
			return err
		}
		for _, other := range have {
			if other.AttestedFor == guest && other.State == "shown" && other.Content == content {
				return nil
			}
		}
		row := &models.Comment{Community: c.IRI, Dispatch: d.IRI, Content: content, MarkingRank: d.MarkingRank, State: "shown", DistributedAt: models.At(s.Now())}
		n := &vocab.Note{ID: id, InReplyTo: d.IRI, Context: d.Context, AttestedFor: guest, ReceivedAt: now}
		inner, err := s.vouch(ctx, tx, c, n, row, now)
		if err != nil {
			return err
		}
		if _, err := models.InsertComment(ctx, tx, row); err != nil {
			return err
		}
		return s.announce(ctx, tx, c, item{inner: inner, kind: "Create", object: row.IRI, version: 1, rank: row.MarkingRank, purpose: models.PurposeComment, comment: row}, models.At(s.Now()))
	})
}
