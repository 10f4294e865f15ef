package communities

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/federation/vocab"
	"valise/instance/audit"
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

// TakeBack erases a comment that the Group attested for a guest, because she asks for it on
// this host: here, and by the Group's deletion at every member's instance. One that is gone
// stays gone. Somebody else's is not found.
func (s *Communities) TakeBack(ctx context.Context, guest, comment iri.IRI) error {
	objects, err := s.keptAs(ctx, comment)
	if err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		row, err := models.CommentByIRI(ctx, tx, comment)
		if models.NotFound(err) || err == nil && row.AttestedFor != guest {
			return dispatches.NotFound("comment")
		}
		if err != nil {
			return fmt.Errorf("read the comment %s: %w", comment, err)
		}
		c, err := models.LockCommunity(ctx, tx, row.Community)
		if models.NotFound(err) || err == nil && !c.Local {
			return dispatches.NotFound("comment")
		}
		if err != nil || row.State != "shown" {
			return err
		}
		inner, err := s.ownDeletion(ctx, tx, c, row, s.Now().UTC().Truncate(time.Second))
		if err != nil {
			return err
		}
		if err := s.eraseComment(ctx, tx, c, row, inner, objects, models.At(s.Now())); err != nil {
			return fmt.Errorf("take the comment %s back from %s: %w", row.IRI, c.Name, err)
		}
		return audit.Append(ctx, tx, s.Now(), string(guest), "comment taken back", string(c.IRI), map[string]any{"comment": row.IRI})
	})
}
