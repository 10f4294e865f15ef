package communities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/inbox"
	"valise/federation/policy"
	"valise/federation/vocab"
	"valise/instance/audit"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// maxReason bounds the reason of an act of the organiser, in bytes.
const maxReason = 500

// reasoned refuses a reason that is missing or does not travel.
func reasoned(reason string) error {
	if why := dispatches.Unfit(reason); why != "" || reason == "" || len(reason) > maxReason {
		return invalid("give a reason of 1 to %d bytes %s: it is kept, and told to whom it concerns", maxReason, why)
	}
	return nil
}

// RemoveComment takes a guest's comment out of the community: it is erased here and at
// every member's instance, its posts on other software are taken back, and its author is
// told the reason. Officials answer for their own words, which only they take back. A
// comment that is gone already stays gone, and nothing is done twice.
func (s *Communities) RemoveComment(ctx context.Context, person, comment iri.IRI, reason string) error {
	if err := reasoned(reason); err != nil {
		return err
	}
	objects, err := s.keptAs(ctx, comment)
	if err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		row, err := models.CommentByIRI(ctx, tx, comment)
		if models.NotFound(err) {
			return dispatches.NotFound("comment")
		}
		if err != nil {
			return fmt.Errorf("read the comment %s: %w", comment, err)
		}
		c, err := s.organise(ctx, tx, person, row.Community)
		if err != nil || row.State != "shown" {
			return err
		}
		author := by(row)
		m, err := models.MemberOf(ctx, tx, c.IRI, author)
		if err != nil && !models.NotFound(err) {
			return err
		}
		if err != nil || m.Role != models.RoleGuest {
			return &policy.Refusal{Code: "not-guest", Status: 403, Detail: fmt.Sprintf("%s is no guest of %s; only its author takes this comment back", author, c.Name)}
		}
		now := s.Now().UTC().Truncate(time.Second)
		inner, err := s.removal(ctx, tx, c, row, reason, now)
		if err != nil {
			return err
		}
		if err := s.eraseComment(ctx, tx, c, row, inner, objects, models.At(s.Now())); err != nil {
			return fmt.Errorf("take the comment %s out of %s: %w", row.IRI, c.Name, err)
		}
		if err := s.tellRemoved(ctx, tx, c, author, reason); err != nil {
			return err
		}
		return audit.Append(ctx, tx, s.Now(), string(person), "comment removed", string(c.IRI), map[string]any{"comment": row.IRI, "author": author, "reason": reason})
	})
}

// keptAs are the ids under which the words of a comment are kept here: its own, and for
// an attested one that under which they came.
func (s *Communities) keptAs(ctx context.Context, comment iri.IRI) ([]iri.IRI, error) {
	row, err := models.CommentByIRI(ctx, s.Store.R, comment)
	if models.NotFound(err) {
		return nil, dispatches.NotFound("comment")
	}
	if err != nil {
		return nil, fmt.Errorf("read the comment %s: %w", comment, err)
	}
	out := []iri.IRI{comment}
	if row.AttestedFor == "" || row.Document == nil {
		return out, nil
	}
	n, err := vocab.ParseJSON(row.Document)
	if err != nil {
		return nil, fmt.Errorf("read the comment %s: %w", comment, err)
	}
	note, err := vocab.ParseNote(n, s.Rules)
	if err != nil {
		return nil, fmt.Errorf("read the comment %s: %w", comment, err)
	}
	came, err := models.ArrivedAs(ctx, s.Store.R, row.AttestedFor, note.ReceivedDigest)
	if err != nil {
		return nil, fmt.Errorf("find what %s came as: %w", comment, err)
	}
	return append(out, came...), nil
}

// removal is what the Group announces: of its own note about a guest's words a Delete;
// of a guest's own document a Remove from what it distributes.
func (s *Communities) removal(ctx context.Context, tx bun.Tx, c *models.Community, row *models.Comment, reason string, now time.Time) ([]byte, error) {
	if row.AttestedFor != "" {
		return s.ownDeletion(ctx, tx, c, row, now)
	}
	act, err := s.Out.NewID("a")
	if err != nil {
		return nil, err
	}
	doc := vocab.Remove{Envelope: vocab.Envelope{ID: act, Actor: c.IRI, To: []iri.IRI{c.IRI, c.IRI + "/followers"}, Audience: c.IRI, Published: now},
		Object: row.IRI, Target: c.IRI, Summary: reason}.Encode()
	return s.Keys.Prove(ctx, tx, c.IRI, doc, now)
}

// ownDeletion is the Group's deletion of the note with which it attested a guest's words.
func (s *Communities) ownDeletion(ctx context.Context, tx bun.Tx, c *models.Community, row *models.Comment, now time.Time) ([]byte, error) {
	act, err := s.Out.NewID("a")
	if err != nil {
		return nil, err
	}
	doc := vocab.Delete{Envelope: vocab.Envelope{ID: act, Actor: c.IRI, To: []iri.IRI{c.IRI, c.IRI + "/followers"}, Audience: c.IRI, Published: now},
		Tombstone: vocab.Tombstone{ID: row.IRI, FormerType: "Note", Deleted: now, Disposition: vocab.Withdrawn}}.Encode()
	return s.Keys.Prove(ctx, tx, c.IRI, doc, now)
}

// tellRemoved tells the author; on another Valise the announcement itself does.
func (s *Communities) tellRemoved(ctx context.Context, tx bun.Tx, c *models.Community, author iri.IRI, reason string) error {
	if author.Host() == s.Own {
		return models.InsertNotice(ctx, tx, &models.Notice{Recipient: author, Kind: "comment removed", Subject: string(c.IRI), Detail: reason, CreatedAt: s.now()})
	}
	to, err := models.ActorByIRI(ctx, tx, author)
	if models.NotFound(err) || err == nil && (to.OwnSoftware || to.Inbox == "") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the author %s: %w", author, err)
	}
	return s.note(ctx, tx, c, to, fmt.Sprintf("Your comment was taken out of “%s”: %s", c.Name, reason), "")
}

// keepRemoval applies the Group's removal of a comment. One that comes before the
// comment leaves a mark, so that the words never appear.
func (s *Communities) keepRemoval(ctx context.Context, tx bun.Tx, a *inbox.Arrival, c *models.Community, in *vocab.Activity) error {
	if in.Actor != c.IRI || in.Target != c.IRI {
		return &policy.Refusal{Code: "foreign-owner", Detail: fmt.Sprintf("%s may not remove anything from %s", in.Actor, c.IRI)}
	}
	comment, err := models.CommentByIRI(ctx, tx, in.ObjectID)
	if models.NotFound(err) {
		_, err := models.InsertComment(ctx, tx, &models.Comment{IRI: in.ObjectID, Community: c.IRI, MarkingRank: s.Guard.Lowest(), State: "erased", PublishedAt: models.At(a.Now), DistributedAt: models.At(a.Now)})
		return err
	}
	if err != nil {
		return fmt.Errorf("read the comment %s: %w", in.ObjectID, err)
	}
	if comment.Community != c.IRI {
		return &policy.Refusal{Code: "foreign-owner", Detail: fmt.Sprintf("%s was not distributed in %s", in.ObjectID, c.IRI)}
	}
	if comment.State != "shown" {
		return nil
	}
	if err := models.EraseComment(ctx, tx, comment.IRI); err != nil {
		return err
	}
	objects := []iri.IRI{comment.IRI}
	if err := models.EraseActivityBytes(ctx, tx, objects); err != nil {
		return err
	}
	if err := models.EraseArrivalBodies(ctx, tx, objects); err != nil {
		return err
	}
	if comment.Author.Host() != s.Own {
		return nil
	}
	reason, _ := in.Node.Get("summary").Str()
	return models.InsertNotice(ctx, tx, &models.Notice{Recipient: comment.Author, Kind: "comment removed", Subject: string(c.IRI), Detail: vocab.Clip(reason, maxReason), CreatedAt: models.At(a.Now)})
}

// SetCommenting says who may comment from now on: models.ByOrganisers, ByMembers or
// ByEveryone. Comments that were made stay.
func (s *Communities) SetCommenting(ctx context.Context, person, community iri.IRI, who string) error {
	if !slices.Contains([]string{models.ByOrganisers, models.ByMembers, models.ByEveryone}, who) {
		return invalid("%q may not be asked to comment: use %s, %s or %s", who, models.ByOrganisers, models.ByMembers, models.ByEveryone)
	}
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		c, err := s.organise(ctx, tx, person, community)
		if err != nil || c.Commenting == who {
			return err
		}
		was := c.Commenting
		c.Commenting = who
		if err := models.SaveCommunity(ctx, tx, c); err != nil {
			return fmt.Errorf("change who may comment in %s: %w", c.Name, err)
		}
		return audit.Append(ctx, tx, s.Now(), string(person), "commenting changed", string(community), map[string]any{"from": was, "to": who})
	})
}
