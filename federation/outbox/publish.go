// Package outbox publishes: it proves an activity, stores its bytes and settles who
// gets it, all in the caller's transaction. What follows can only be late, never
// forgotten.
package outbox

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"valise/federation/inbox"
	"valise/federation/keyring"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// Outbox publishes for the actors of one instance.
type Outbox struct {
	Keys  *keyring.Keyring
	Own   iri.Host
	Rules iri.Rules
	Now   func() time.Time
	Rand  io.Reader
}

// NewID returns an id of ours under the given path segment: "d" for dispatches, "a"
// for activities. Ids sort by time of making.
func (o *Outbox) NewID(segment string) (iri.IRI, error) {
	u, err := uuid.NewV7FromReader(o.Rand)
	if err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return iri.IRI(o.Own.Base() + "/" + segment + "/" + u.String()), nil
}

// Publication is one activity on its way out.
type Publication struct {
	ID, Actor     iri.IRI
	Type          string
	ObjectID      iri.IRI
	ObjectVersion int64
	// Bytes is the activity without its proof.
	Bytes []byte
	// Plain leaves the proof out: for software that is not ours.
	Plain bool
	// Signed says that Bytes already carry their proof.
	Signed     bool
	Purpose    string // models.Purpose…
	Community  iri.IRI
	Lane       string // default: ObjectID
	Precedence int64
	// NotBefore holds its deliveries back; zero: now.
	NotBefore time.Time
	To        []Recipient
}

// Recipient is one inbox that gets the activity, and for whom.
type Recipient struct {
	Inbox iri.IRI
	// Actor is the addressee, or "" where a shared inbox stands for all members there.
	Actor iri.IRI
}

// Direct returns recipients that each get the activity at their own inbox, as
// correspondence does.
func Direct(actors ...*models.Actor) []Recipient {
	out := make([]Recipient, 0, len(actors))
	for _, a := range actors {
		out = append(out, Recipient{Inbox: a.Inbox, Actor: a.IRI})
	}
	return out
}

// Publish proves and stores the activity, and makes one delivery for each remote
// recipient. Recipients of ours get an arrival: the same road as everybody's. It
// returns the bytes as signed.
func (o *Outbox) Publish(ctx context.Context, tx bun.Tx, p Publication) ([]byte, error) {
	now := o.Now()
	doc := p.Bytes
	var err error
	if !p.Plain && !p.Signed {
		if doc, err = o.Keys.Prove(ctx, tx, p.Actor, doc, now); err != nil {
			return nil, fmt.Errorf("publish %s: %w", p.ID, err)
		}
	}
	if p.Lane == "" {
		p.Lane = string(p.ObjectID)
	}
	if err := models.InsertActivity(ctx, tx, &models.Activity{IRI: p.ID, Actor: p.Actor, Type: p.Type, ObjectID: p.ObjectID, Bytes: doc,
		Digest: sign.BytesDigest(doc), CreatedAt: models.At(now)}); err != nil {
		return nil, fmt.Errorf("publish %s: store its bytes: %w", p.ID, err)
	}
	return doc, o.Send(ctx, tx, p, doc)
}

// Send makes the deliveries and arrivals of an activity that is stored already.
func (o *Outbox) Send(ctx context.Context, tx bun.Tx, p Publication, doc []byte) error {
	now := o.Now()
	if p.Lane == "" {
		p.Lane = string(p.ObjectID)
	}
	var rows []*models.Delivery
	var local []*models.Arrival
	var parsed *vocab.Activity
	for _, r := range p.To {
		if r.Inbox == "" {
			continue // gone: its server has answered 410
		}
		if r.Inbox.Host() == o.Own {
			if parsed == nil {
				var err error
				if parsed, err = vocab.ParseActivity(doc, o.Rules); err != nil {
					return fmt.Errorf("publish %s: our own activity cannot be read: %w", p.ID, err)
				}
			}
			local = append(local, inbox.Local(parsed, r.Inbox, o.Own, now))
			continue
		}
		rows = append(rows, &models.Delivery{Host: r.Inbox.Host(), Inbox: r.Inbox, Activity: p.ID, Actor: p.Actor, Type: p.Type, ObjectID: p.ObjectID,
			ObjectVersion: p.ObjectVersion, Recipient: r.Actor, Community: p.Community, Purpose: p.Purpose, Lane: p.Lane, Precedence: p.Precedence,
			NextAt: max(models.At(now), models.At(p.NotBefore)), CreatedAt: models.At(now)})
	}
	if err := models.InsertDeliveries(ctx, tx, rows); err != nil {
		return fmt.Errorf("publish %s: queue its deliveries: %w", p.ID, err)
	}
	if _, err := models.InsertArrivals(ctx, tx, local); err != nil {
		return fmt.Errorf("publish %s: hand it to our own inboxes: %w", p.ID, err)
	}
	return nil
}
