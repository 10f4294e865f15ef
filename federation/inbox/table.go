// Package inbox is the arrival road: limit, read once, verify, decide, store, answer
// 202; a worker applies what was stored, later, in one transaction that also marks it
// as done.
package inbox

import (
	"context"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// Kind is what a handler is for. An empty Object means any.
type Kind struct{ Activity, Object string }

// Arrival is what a handler is given. Its hop is verified; so are its proofs where
// Row.Proven is set.
type Arrival struct {
	Row      *models.Arrival
	Activity *vocab.Activity
	// Local says that an actor of ours did this: the same road, without a hop.
	Local bool
	Now   time.Time
	// Ahead is what Worker.Ahead found out.
	Ahead any
}

// Handler applies one arrival inside the transaction that marks it as applied. It
// must not touch the network.
//
// It may return NeedActor to have an actor fetched outside and be run again, Early for
// an activity whose predecessor has not come yet, or a *policy.Refusal to set the
// arrival aside. Any other error is tried again later.
type Handler func(ctx context.Context, tx bun.Tx, a *Arrival) error

// Table maps kinds to handlers. The composition root fills it: the only place where
// control goes up.
type Table map[Kind]Handler

func (t Table) find(activity, object string) Handler {
	if h := t[Kind{activity, object}]; h != nil {
		return h
	}
	return t[Kind{activity, ""}]
}

// NeedActor asks the worker to fetch an actor and to run the handler again. With a
// Document, which arrived in an Update over a hop that its own origin signed, that is
// learned instead, and the arrival is settled by it.
type NeedActor struct {
	ID       iri.IRI
	Document *vocab.Node
}

func (n *NeedActor) Error() string { return "needs the actor " + string(n.ID) }

// Early says that the activity came before what it builds on. It waits.
var Early = errors.New("what this builds on has not arrived yet")
