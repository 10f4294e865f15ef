package dispatches

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/inbox"
	"valise/federation/outbox"
	"valise/federation/policy"
	"valise/federation/vocab"
	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
)

// Withdraw takes a dispatch back. With supersededBy it is replaced, and its earlier
// text stays readable; else every instance that got it erases it and says so.
func (s *Dispatches) Withdraw(ctx context.Context, person iri.IRI, name string, supersededBy string) (*models.Dispatch, error) {
	d, _, err := s.find(ctx, s.Store.R, person, name)
	if err != nil {
		return nil, err
	}
	if d.Origin != models.OriginIssued {
		return nil, invalid("only the originator can withdraw %s", d.Reference)
	}
	var by iri.IRI
	if supersededBy != "" {
		next, _, err := s.find(ctx, s.Store.R, person, supersededBy)
		if err != nil {
			return nil, err
		}
		by = next.IRI
	}
	act, err := s.Out.NewID("a")
	if err != nil {
		return nil, err
	}
	to, err := models.AddresseesOf(ctx, s.Store.R, d.IRI)
	if err != nil {
		return nil, err
	}
	ids := make([]iri.IRI, len(to))
	for i, a := range to {
		ids[i] = a.Actor
	}
	actors, err := s.reached(ctx, ids)
	if err != nil {
		return nil, err
	}
	err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.Accounts.Require(ctx, tx, person, d.Author, models.ActRelease); err != nil {
			return err
		}
		current, err := models.DispatchByIRI(ctx, tx, d.IRI)
		if err != nil {
			return err
		}
		if current.State != models.DispatchInForce {
			return &policy.Refusal{Code: "not-in-force", Status: 409, Detail: fmt.Sprintf("%s was %s already", d.Reference, current.State)}
		}
		now := s.Now().UTC().Truncate(time.Second)
		stone := vocab.Tombstone{ID: d.IRI, FormerType: "Article", Deleted: now, Context: d.Context, Disposition: vocab.Withdrawn, SupersededBy: by}
		if by != "" {
			stone.Disposition = vocab.Superseded
		}
		if err := s.erase(ctx, tx, d.IRI, stone, models.At(now)); err != nil {
			return err
		}
		var drafts []string
		if by == "" {
			if drafts, err = s.eraseDrafts(ctx, tx, current, person, now); err != nil {
				return err
			}
		}
		var recipients []*models.Actor
		for _, id := range ids {
			noted, err := s.deleteNote(ctx, tx, current, actors[id], now)
			if err != nil {
				return err
			}
			if !noted {
				recipients = append(recipients, actors[id])
			}
		}
		doc := vocab.Delete{Envelope: vocab.Envelope{ID: act, Actor: d.Author, To: ids, Audience: d.Community, Published: now}, Tombstone: stone}.Encode()
		if _, err := s.Out.Publish(ctx, tx, outbox.Publication{ID: act, Actor: d.Author, Type: "Delete", ObjectID: d.IRI, ObjectVersion: current.Version, Bytes: doc,
			Purpose: models.PurposeControl, Precedence: 90, To: outbox.Direct(recipients...)}); err != nil {
			return err
		}
		return audit.Append(ctx, tx, now, string(person), "withdrawn", string(d.IRI), map[string]any{"reference": d.Reference, "disposition": stone.Disposition, "erasedDrafts": len(drafts)})
	})
	if err != nil {
		return nil, fmt.Errorf("withdraw: %w", err)
	}
	s.forget(ctx, d.IRI)
	return models.DispatchByIRI(ctx, s.Store.R, d.IRI)
}

// eraseDrafts erases the words from which the dispatch was made. In their place stays when
// and by whom.
func (s *Dispatches) eraseDrafts(ctx context.Context, tx bun.Tx, d *models.Dispatch, by iri.IRI, now time.Time) ([]string, error) {
	stone, err := json.Marshal(Content{Kind: d.Kind, Precedence: d.Precedence, Marking: d.Marking, Language: d.Language, Erased: &Erasure{At: now, By: by}})
	if err != nil {
		return nil, err
	}
	ids, err := models.EraseDrafts(ctx, tx, d.IRI, d.Author, d.Kind, stone, models.At(now))
	if err != nil {
		return nil, fmt.Errorf("erase the drafts of %s: %w", d.IRI, err)
	}
	return ids, nil
}

// erase makes the id a tombstone. For a withdrawal the text, stored arrivals, our own
// activities and what has not left yet go too; digest, reference, proof of the
// deletion and evidence stay.
func (s *Dispatches) erase(ctx context.Context, tx bun.Tx, id iri.IRI, stone vocab.Tombstone, now models.Time) error {
	state := models.DispatchWithdrawn
	if stone.Disposition == vocab.Superseded {
		state = models.DispatchSuperseded
	}
	if err := models.WithdrawDispatch(ctx, tx, id, state, stone.Encode(), stone.SupersededBy, now); err != nil {
		return fmt.Errorf("erase %s: %w", id, err)
	}
	ids := []iri.IRI{id}
	if err := models.CancelDeliveries(ctx, tx, ids, []string{"Create", "Update", "Announce"}, "the dispatch was "+state, now); err != nil {
		return err
	}
	if state == models.DispatchSuperseded {
		return nil
	}
	if err := models.EraseArrivalBodies(ctx, tx, ids); err != nil {
		return err
	}
	if err := models.EraseActivityBytes(ctx, tx, ids); err != nil {
		return err
	}
	return models.EraseAttachments(ctx, tx, id)
}

// Erase is for the community's host and members: the tombstone of a dispatch that was
// received. It tells whether there was anything to erase.
func (s *Dispatches) Erase(ctx context.Context, tx bun.Tx, a *inbox.Arrival, act *vocab.Activity) (*models.Dispatch, error) {
	stone, err := vocab.ParseTombstone(act, s.Rules)
	if err != nil {
		return nil, err
	}
	if stone.Disposition == "" {
		stone.Disposition = vocab.Withdrawn
	}
	if stone.Deleted.IsZero() {
		stone.Deleted = a.Now
	}
	stone.FormerType = "Article"
	d, err := models.DispatchByIRI(ctx, tx, stone.ID)
	if models.NotFound(err) {
		// A Delete that comes before its Create leaves a tombstone, so that the text
		// never appears here.
		d = &models.Dispatch{IRI: stone.ID, Version: 1, Latest: true, Origin: models.OriginReceived, Author: act.Actor, AuthorHost: act.Actor.Host(), State: models.DispatchWithdrawn,
			Marking: s.Guard.Name(s.Guard.Lowest()), MarkingRank: s.Guard.Lowest(), Activity: act.ID, PublishedAt: models.At(a.Now), DistributedAt: models.At(a.Now), CreatedAt: models.At(a.Now)}
		if _, err := models.InsertDispatch(ctx, tx, d); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	if d.Author != act.Actor {
		return nil, &policy.Refusal{Code: "foreign-owner", Detail: fmt.Sprintf("%s may not withdraw a dispatch of %s", act.Actor, d.Author)}
	}
	if d.State == models.DispatchWithdrawn && d.Tombstone != nil {
		return d, nil
	}
	return d, s.erase(ctx, tx, d.IRI, stone, models.At(a.Now))
}

// ReceiveDelete applies a withdrawal at one of our inboxes and answers with an erased
// receipt by the instance actor.
func (s *Dispatches) ReceiveDelete(ctx context.Context, tx bun.Tx, a *inbox.Arrival, owner iri.IRI) error {
	if a.Local {
		return nil // erased in the transaction that withdrew it
	}
	d, err := s.Erase(ctx, tx, a, a.Activity)
	if err != nil {
		return err
	}
	if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: owner, Kind: "dispatch withdrawn", Subject: string(d.IRI), Detail: d.Reference, CreatedAt: models.At(a.Now)}); err != nil {
		return err
	}
	return s.ErasedReceipt(ctx, tx, d, d.Author, "")
}

// ErasedReceipt says, signed by the instance actor, that everything is gone, and what
// the operator's backups may still hold.
func (s *Dispatches) ErasedReceipt(ctx context.Context, tx bun.Tx, d *models.Dispatch, to, community iri.IRI) error {
	if s.Erased != nil {
		defer s.Erased()
	}
	return s.Receipt(ctx, tx, ReceiptFor{Kind: vocab.ReceiptErased, Station: models.Erased, By: iri.IRI(s.Own.Base() + "/actor"), To: to, Community: community,
		Dispatch: d.IRI, Version: d.Version, Activity: d.IRI, Digest: d.Digest, Retained: []string{"backups until they expire"}})
}
