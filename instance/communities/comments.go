package communities

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/inbox"
	"valise/federation/outbox"
	"valise/federation/policy"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// maxComment bounds a comment, in bytes.
const maxComment = 20 << 10

// sameWithin is for how long the same words by the same person are one comment.
const sameWithin = time.Hour

// Comment writes a comment on a dispatch of a community, or with no dispatch, in the
// community itself. It goes to the Group, which distributes it. The same words of hers on the
// same thing within sameWithin are a form that was sent twice: the first comment is returned.
func (s *Communities) Comment(ctx context.Context, person, community, dispatch iri.IRI, text string) (*models.Comment, error) {
	if strings.TrimSpace(text) == "" || len(text) > maxComment {
		return nil, invalid("a comment has 1 to %d bytes", maxComment)
	}
	content, err := dispatches.Paragraph{Text: text}.HTML()
	if err != nil {
		return nil, err
	}
	ok, err := s.member(ctx, person, community)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, dispatches.NotFound("community")
	}
	rank, conversation := s.Guard.Lowest(), iri.IRI("")
	if dispatch != "" {
		v, err := s.Dispatches.Show(ctx, person, string(dispatch))
		if err != nil {
			return nil, err
		}
		if v.Dispatch.Community != community {
			return nil, invalid("%s was not distributed in %s", v.Dispatch.Reference, community)
		}
		dispatch, rank, conversation = v.Dispatch.IRI, v.Dispatch.MarkingRank, v.Dispatch.Context
	}
	group, err := s.Actors.Get(ctx, community)
	if err != nil {
		return nil, err
	}
	id, err := s.Out.NewID("c")
	if err != nil {
		return nil, err
	}
	act, err := s.Out.NewID("a")
	if err != nil {
		return nil, err
	}
	now := s.Now().UTC().Truncate(time.Second)
	note := vocab.Note{ID: id, AttributedTo: person, To: []iri.IRI{community, community + "/followers"}, Audience: community, Content: content, Published: now, Context: conversation, InReplyTo: dispatch, Marking: s.grade(rank)}
	row := &models.Comment{IRI: id, Community: community, Dispatch: dispatch, Author: person, Content: content, MarkingRank: rank, State: "shown", PublishedAt: models.At(now), DistributedAt: models.At(now)}
	err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		// One form that is sent twice at a time waits here for itself.
		if _, err := models.LockCommunity(ctx, tx, community); err != nil && !models.NotFound(err) {
			return err
		}
		m, err := models.MemberOf(ctx, tx, community, person)
		if models.NotFound(err) || err == nil && m.State != models.MemberActive {
			return &policy.Refusal{Code: "not-member", Status: 403, Detail: "only members comment, in their own name"}
		}
		if err != nil {
			return err
		}
		same, err := models.SameComment(ctx, tx, row, row.PublishedAt.Add(-sameWithin))
		if err == nil {
			row = same
			return nil
		}
		if !models.NotFound(err) {
			return err
		}
		if row.Document, err = s.Keys.Prove(ctx, tx, person, note.Encode(), now); err != nil {
			return err
		}
		if _, err := models.InsertComment(ctx, tx, row); err != nil {
			return err
		}
		doc := vocab.Create{Envelope: vocab.Envelope{ID: act, Actor: person, To: note.To, Audience: community, Published: now}, Object: row.Document}.Encode()
		_, err = s.Out.Publish(ctx, tx, outbox.Publication{ID: act, Actor: person, Type: "Create", ObjectID: id, Bytes: doc, Purpose: models.PurposeControl, Lane: string(id), To: outbox.Direct(group)})
		return err
	})
	return row, err
}

// ReceiveNote applies a comment at a Group's inbox.
func (s *Communities) ReceiveNote(ctx context.Context, tx bun.Tx, a *inbox.Arrival, group iri.IRI) error {
	c, err := models.LockCommunity(ctx, tx, group)
	if err != nil {
		return fmt.Errorf("find the community %s: %w", group, err)
	}
	err = s.comment(ctx, tx, a, c)
	var refusal *policy.Refusal
	if asRefusal(err, &refusal) {
		return s.refuse(ctx, tx, a, c, refusal)
	}
	return err
}

func (s *Communities) comment(ctx context.Context, tx bun.Tx, a *inbox.Arrival, c *models.Community) error {
	now := models.At(a.Now)
	n, err := vocab.ParseNote(a.Activity.Object, s.Rules)
	if err != nil {
		return err
	}
	m, err := s.poster(ctx, tx, c, a.Activity.Actor, now)
	if err != nil {
		return err
	}
	if !policy.Admits(c.Commenting, m.Role) {
		return &policy.Refusal{Code: "may-not-comment", Status: 403, Detail: "commenting is for " + c.Commenting}
	}
	if len(n.Content) > 4*maxComment {
		return &policy.Refusal{Code: "too-large", Status: 413, Detail: "the comment is too long"}
	}
	dispatch, rank, err := s.subject(ctx, tx, c, n.InReplyTo)
	if err != nil {
		return err
	}
	if rank > m.Ceiling {
		return &policy.Refusal{Code: "above-ceiling", Status: 403, Detail: "what is commented on is above the member's ceiling"}
	}
	foreign := !a.Local && a.Activity.Object.Get("proof") == nil
	if n.Public || a.Activity.Public {
		if !foreign {
			return &policy.Refusal{Code: "public", Status: 422, Detail: "a comment is never addressed to the public collection"}
		}
		return s.publicReply(ctx, tx, a, c)
	}
	row := &models.Comment{IRI: n.ID, Community: c.IRI, Dispatch: dispatch, Author: a.Activity.Actor, Content: dispatches.Sanitise(n.Content), Document: a.Activity.Object.Raw(), MarkingRank: rank,
		State: "shown", PublishedAt: models.At(n.Published), DistributedAt: now}
	inner := a.Activity.Raw
	if foreign {
		if inner, err = s.attest(ctx, tx, a, c, n, row); err != nil {
			return err
		}
	}
	fresh, err := models.InsertComment(ctx, tx, row)
	if err != nil || !fresh && !a.Local {
		return err
	}
	return s.announce(ctx, tx, c, item{inner: inner, kind: "Create", object: row.IRI, version: 1, rank: rank, purpose: models.PurposeComment, comment: row}, now)
}

// subject is the dispatch that a comment answers: by its id, or by one of its
// bulletins or comments.
func (s *Communities) subject(ctx context.Context, tx bun.Tx, c *models.Community, to iri.IRI) (iri.IRI, int64, error) {
	for depth := 0; to != "" && depth < 16; depth++ {
		if b, err := models.BulletinByIRI(ctx, tx, to); err == nil {
			to = b.ObjectID
		}
		d, err := models.DispatchByIRI(ctx, tx, to)
		if err == nil {
			if d.Community != c.IRI {
				return "", 0, &policy.Refusal{Code: "not-addressed", Status: 422, Detail: "what is answered was not distributed here"}
			}
			return d.IRI, d.MarkingRank, nil
		}
		if !models.NotFound(err) {
			return "", 0, err
		}
		parent, err := models.CommentByIRI(ctx, tx, to)
		if models.NotFound(err) {
			break
		}
		if err != nil {
			return "", 0, err
		}
		if parent.Dispatch != "" {
			to = parent.Dispatch
			continue
		}
		return "", parent.MarkingRank, nil
	}
	return "", s.Guard.Lowest(), nil
}

// attest makes the Group's own Note of what a guest on other software wrote: it names
// her, the digest of what arrived, and when (PROTOCOL §4.3).
func (s *Communities) attest(ctx context.Context, tx bun.Tx, a *inbox.Arrival, c *models.Community, n *vocab.Note, row *models.Comment) ([]byte, error) {
	n = &vocab.Note{ID: s.attestedID(a.Activity.Actor, n.ID), InReplyTo: row.Dispatch, AttestedFor: a.Activity.Actor, ReceivedDigest: sign.BytesDigest(a.Row.Body), ReceivedAt: a.Row.ReceivedAt.Time()}
	return s.vouch(ctx, tx, c, n, row, a.Now.UTC().Truncate(time.Second))
}

// vouch makes the Group the author of a guest's words: n says whose they are and how they
// came. It fills row and returns the activity to be announced.
func (s *Communities) vouch(ctx context.Context, tx bun.Tx, c *models.Community, n *vocab.Note, row *models.Comment, now time.Time) ([]byte, error) {
	act, err := s.Out.NewID("a")
	if err != nil {
		return nil, err
	}
	n.AttributedTo, n.To, n.Audience, n.Content, n.Published, n.Marking = c.IRI, []iri.IRI{c.IRI, c.IRI + "/followers"}, c.IRI, row.Content, now, s.grade(row.MarkingRank)
	if row.Document, err = s.Keys.Prove(ctx, tx, c.IRI, n.Encode(), now); err != nil {
		return nil, err
	}
	row.IRI, row.Author, row.AttestedFor, row.PublishedAt = n.ID, c.IRI, n.AttestedFor, models.At(now)
	doc := vocab.Create{Envelope: vocab.Envelope{ID: act, Actor: c.IRI, To: n.To, Audience: c.IRI, Published: now}, Object: row.Document}.Encode()
	return s.Keys.Prove(ctx, tx, c.IRI, doc, now)
}

// publicReply is a guest's answer that everybody can read. It is not distributed; she
// is asked to delete it, and the organiser sees it.
func (s *Communities) publicReply(ctx context.Context, tx bun.Tx, a *inbox.Arrival, c *models.Community) error {
	to, err := models.ActorByIRI(ctx, tx, a.Activity.Actor)
	if models.NotFound(err) {
		return &inbox.NeedActor{ID: a.Activity.Actor}
	}
	if err != nil {
		return err
	}
	if err := s.note(ctx, tx, c, to, "Your answer was public, so it was not passed on. Delete it, and write again to “mentioned people only”.", ""); err != nil {
		return err
	}
	return models.InsertNotice(ctx, tx, &models.Notice{Recipient: c.Organiser, Kind: "public reply set aside", Subject: string(a.Activity.ObjectID), Detail: string(to.IRI), CreatedAt: models.At(a.Now)})
}

// keepComment keeps a comment that the Group announced.
func (s *Communities) keepComment(ctx context.Context, tx bun.Tx, a *inbox.Arrival, c *models.Community, in *vocab.Activity, members []*models.Member, e *models.LogEntry) error {
	n, err := vocab.ParseNote(in.Object, s.Rules)
	if err != nil {
		return err
	}
	if in.Object.Get("proof") == nil {
		return &policy.Refusal{Code: "unproven", Detail: "an announced comment without its author's proof"}
	}
	rank := s.Guard.Lowest()
	if !n.Marking.IsZero() {
		if _, rank, err = s.Guard.Read(n.Marking.Scheme, n.Marking.Level, int64(n.Marking.Rank)); err != nil {
			return err
		}
	}
	if n.AttestedFor != "" && n.AttributedTo != c.IRI {
		return &policy.Refusal{Code: "foreign-attestation", Detail: "only the Group attests for a guest"}
	}
	if above(members, rank) {
		return s.withhold(ctx, tx, a, c, e, "what is marked "+s.Guard.Name(rank))
	}
	row := &models.Comment{IRI: n.ID, Community: c.IRI, Dispatch: n.InReplyTo, Author: n.AttributedTo, AttestedFor: n.AttestedFor, Content: dispatches.Sanitise(n.Content), Document: in.Object.Raw(),
		MarkingRank: rank, State: "shown", PublishedAt: models.At(n.Published), DistributedAt: min(e.At, models.At(a.Now))}
	_, err = models.InsertComment(ctx, tx, row)
	return err
}

// commentErased passes the deletion of a comment on. Of an attested one the Group makes
// the deletion its own, as it did the words.
func (s *Communities) commentErased(ctx context.Context, tx bun.Tx, a *inbox.Arrival, c *models.Community, comment *models.Comment) error {
	if comment.Author != a.Activity.Actor && comment.AttestedFor != a.Activity.Actor {
		return &policy.Refusal{Code: "foreign-owner", Status: 403, Detail: "only its author deletes a comment"}
	}
	if comment.Community != c.IRI || comment.State != "shown" {
		return nil
	}
	now, inner := models.At(a.Now), a.Activity.Raw
	if comment.AttestedFor != "" {
		var err error
		if inner, err = s.ownDeletion(ctx, tx, c, comment, a.Now.UTC().Truncate(time.Second)); err != nil {
			return err
		}
	}
	return s.eraseComment(ctx, tx, c, comment, inner, []iri.IRI{comment.IRI, a.Activity.ObjectID}, now)
}

// eraseComment erases a comment here, ends what has not left yet of it, takes its posts
// back, and announces inner, the deletion or removal, to whoever may have it. objects are
// all ids under which its words are kept.
func (s *Communities) eraseComment(ctx context.Context, tx bun.Tx, c *models.Community, comment *models.Comment, inner []byte, objects []iri.IRI, now models.Time) error {
	if err := models.EraseComment(ctx, tx, comment.IRI); err != nil {
		return err
	}
	if err := models.CancelDeliveries(ctx, tx, []iri.IRI{comment.IRI}, []string{"Announce"}, "the comment was deleted", now); err != nil {
		return err
	}
	if err := s.deleteBulletins(ctx, tx, c, comment.IRI, 1, now); err != nil {
		return err
	}
	if err := models.EraseActivityBytes(ctx, tx, objects); err != nil {
		return err
	}
	if err := models.EraseArrivalBodies(ctx, tx, objects); err != nil {
		return err
	}
	return s.announce(ctx, tx, c, item{inner: inner, kind: "Delete", object: comment.IRI, version: 1, rank: s.Guard.Lowest(), purpose: models.PurposeControl}, now)
}
