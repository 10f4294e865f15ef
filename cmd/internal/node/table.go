package node

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"valise/federation/inbox"
	"valise/federation/policy"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// table is the one place where control goes up from the federation to the services.
func (n *Node) table() inbox.Table {
	t := inbox.Table{
		{Activity: "Offer", Object: "Relationship"}: n.Accreditation.ReceiveOffer,
		{Activity: "Create", Object: "Article"}:     n.dispatch,
		{Activity: "Update", Object: "Article"}:     n.dispatch,
		{Activity: "Create", Object: "Note"}:        n.note,
		{Activity: "Delete"}:                        n.deletion,
		{Activity: "Announce"}:                      n.announce,
		{Activity: "Invite"}:                        n.invite,
		{Activity: "Follow"}:                        n.Communities.ReceiveFollow,
		{Activity: "Undo"}:                          n.Communities.ReceiveUndo,
		{Activity: "Accept"}:                        n.answer,
		{Activity: "Reject"}:                        n.answer,
		{Activity: "Read"}:                          n.answer,
	}
	for _, kind := range []string{models.TypeApplication, models.TypeOrganization, models.TypePerson, models.TypeGroup, "Service"} {
		t[inbox.Kind{Activity: "Update", Object: kind}] = n.actorUpdate
	}
	// What other software says about posts changes nothing here, and is no fault.
	for _, kind := range []string{"Like", "Dislike", "Flag", "View", "Add", "Remove", "Block", "Move", "Listen"} {
		t[inbox.Kind{Activity: kind}] = func(context.Context, bun.Tx, *inbox.Arrival) error { return nil }
	}
	t[inbox.Kind{Activity: "Update", Object: "Note"}] = func(context.Context, bun.Tx, *inbox.Arrival) error { return nil }
	return t
}

// owners are the actors of ours that an arrival is for: the inbox's owner, or for the
// shared inbox everybody of ours among the recipients.
func (n *Node) owners(ctx context.Context, tx bun.Tx, a *inbox.Arrival) ([]iri.IRI, error) {
	shared := iri.IRI(n.Own.Base() + "/inbox")
	if a.Row.Inbox != shared {
		return []iri.IRI{iri.IRI(strings.TrimSuffix(string(a.Row.Inbox), "/inbox"))}, nil
	}
	var out []iri.IRI
	for _, id := range slices.Concat(a.Activity.To, a.Activity.Cc) {
		if id.Host() != n.Own || strings.HasSuffix(string(id), "/followers") || slices.Contains(out, id) {
			continue
		}
		actor, err := models.ActorByIRI(ctx, tx, id)
		if err != nil && !models.NotFound(err) {
			return nil, err
		}
		if err == nil && actor.Local {
			out = append(out, id)
		}
	}
	return out, nil
}

func isGroup(id iri.IRI) bool { return strings.HasPrefix(id.Path(), "/g/") }

// each applies an arrival for each owner: Groups with one function, others with another.
func (n *Node) each(ctx context.Context, tx bun.Tx, a *inbox.Arrival, group, other func(owner iri.IRI) error) error {
	owners, err := n.owners(ctx, tx, a)
	if err != nil {
		return err
	}
	if len(owners) == 0 {
		return &policy.Refusal{Code: "not-addressed", Detail: "nobody here is among its recipients"}
	}
	for _, owner := range owners {
		f := other
		if isGroup(owner) {
			f = group
		}
		if err := f(owner); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) dispatch(ctx context.Context, tx bun.Tx, a *inbox.Arrival) error {
	return n.each(ctx, tx, a, func(owner iri.IRI) error { return n.Communities.ReceivePost(ctx, tx, a, owner) },
		func(owner iri.IRI) error { return n.Dispatches.ReceiveDirect(ctx, tx, a, owner) })
}

// ahead is done for an arrival before its transaction, beside the one that runs.
func (n *Node) ahead(a *inbox.Arrival) any {
	if k := a.Activity.Type; (k == "Create" || k == "Update") && a.Row.ObjectType == "Article" && a.Activity.Object != nil {
		return n.Dispatches.ReadAhead(a)
	}
	return nil
}

func (n *Node) deletion(ctx context.Context, tx bun.Tx, a *inbox.Arrival) error {
	if a.Activity.ObjectID == a.Activity.Actor && !a.Local {
		return n.Communities.Depart(ctx, tx, a.Activity.Actor)
	}
	return n.each(ctx, tx, a, func(owner iri.IRI) error { return n.Communities.ReceivePost(ctx, tx, a, owner) },
		func(owner iri.IRI) error { return n.Dispatches.ReceiveDelete(ctx, tx, a, owner) })
}

func (n *Node) note(ctx context.Context, tx bun.Tx, a *inbox.Arrival) error {
	return n.each(ctx, tx, a, func(owner iri.IRI) error { return n.Communities.ReceiveNote(ctx, tx, a, owner) }, func(owner iri.IRI) error {
		return models.InsertNotice(ctx, tx, &models.Notice{Recipient: owner, Kind: "direct note", Subject: string(a.Activity.ObjectID), Detail: "from " + string(a.Activity.Actor), CreatedAt: models.At(a.Now)})
	})
}

// announce applies what a Group distributes; an announcement by anybody else, and one
// of our own objects, changes nothing.
func (n *Node) announce(ctx context.Context, tx bun.Tx, a *inbox.Arrival) error {
	if a.Activity.Object == nil {
		return &policy.Refusal{Code: "ignored", Detail: "an announcement by id alone distributes nothing"}
	}
	return n.Communities.ReceiveAnnounce(ctx, tx, a)
}

func (n *Node) invite(ctx context.Context, tx bun.Tx, a *inbox.Arrival) error {
	in, err := vocab.ParseInvite(a.Activity, n.Rules)
	if err != nil {
		return err
	}
	return n.Communities.ReceiveInvite(ctx, tx, a.Activity.Actor, in, a.Activity.Raw, models.At(a.Now))
}

// answer tells by its object what an Accept, Reject or Read is about: a receipt, a
// Follow, an invitation, an accreditation proposal, or a dispatch that a Group refused.
func (n *Node) answer(ctx context.Context, tx bun.Tx, a *inbox.Arrival) error {
	for _, try := range []func(context.Context, bun.Tx, *inbox.Arrival) (bool, error){
		n.receipt, n.Communities.ReceiveFollowAnswer, n.Communities.ReceiveInvitationAnswer, n.Accreditation.ReceiveAnswer, n.Dispatches.ReceiveRefusal,
	} {
		if mine, err := try(ctx, tx, a); mine || err != nil {
			return err
		}
	}
	return &policy.Refusal{Code: "unknown-object", Detail: fmt.Sprintf("%s of %s, which is not known here", a.Activity.Type, a.Activity.ObjectID)}
}

// receipt records a receipt; for a dispatch of another's in a community of ours the
// Group passes it on to the author.
func (n *Node) receipt(ctx context.Context, tx bun.Tx, a *inbox.Arrival) (bool, error) {
	mine, err := n.Dispatches.ReceiveReceipt(ctx, tx, a)
	if err != nil || !mine {
		return mine, err
	}
	return true, n.Communities.PassReceipt(ctx, tx, a)
}

// actorUpdate learns new keys and names. The document is what arrived, over a hop that
// its own origin signed; Learn keeps it outside this transaction.
func (n *Node) actorUpdate(ctx context.Context, tx bun.Tx, a *inbox.Arrival) error {
	if a.Local {
		return nil
	}
	return &inbox.NeedActor{ID: a.Activity.ObjectID, Document: a.Activity.Object}
}
