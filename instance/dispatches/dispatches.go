// Package dispatches is the life of a dispatch: drafted, cleared, released by an
// office, received, registered, answered, corrected, withdrawn, with evidence.
package dispatches

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"valise/config"
	"valise/federation/keyring"
	"valise/federation/outbox"
	"valise/federation/policy"
	"valise/federation/remote"
	"valise/federation/vocab"
	"valise/instance/accounts"
	"valise/models"
	"valise/models/audience"
	"valise/models/files"
	"valise/models/iri"
)

// Dispatches is the service.
type Dispatches struct {
	Store    *models.Store
	Keys     *keyring.Keyring
	Out      *outbox.Outbox
	Actors   *remote.Actors
	Accounts *accounts.Accounts
	Files    *files.Folder
	Guard    policy.Guard
	Profile  config.PrecedenceProfile
	Profiles []config.PrecedenceProfile
	Limits   config.Attachments
	Own      iri.Host
	Rules    iri.Rules
	Log      *slog.Logger
	Now      func() time.Time
	// Fetch gets an attachment from its host; set by the composition root.
	Fetch Fetcher
	// ActorDocument is the endorsed document of an actor of ours.
	ActorDocument func(ctx context.Context, actor *models.Actor) ([]byte, error)
	// Erased is called after bytes were erased, to drop copies in memory.
	Erased func()
	// Fault lets crash tests stop the process at a named moment; nil otherwise.
	Fault func(point string)

	swept  string // the place in Files where SweepUnnamed ended; "" for the beginning
	mended int64  // the row that Mend came to; mendedAll at the end
}

// Invalid is bad input.
var invalid = accounts.Invalid

// NotFound is the one answer for what is unknown and for what one may not see.
func NotFound(what string) error {
	return &policy.Refusal{Code: "not-found", Status: 404, Detail: "there is no " + what + " that you may see"}
}

func (s *Dispatches) now() models.Time { return models.At(s.Now()) }

// precedence finds a level of the profile in use.
func (s *Dispatches) precedence(name string) (config.PrecedenceLevel, error) {
	for _, l := range s.Profile.Levels {
		if l.Name == name {
			return l, nil
		}
	}
	return config.PrecedenceLevel{}, policy.About("precedence", invalid("%q is no precedence of the profile %s", name, s.Profile.Name))
}

// readPrecedence places a precedence of the wire: a known scheme by name, any other by
// rank among our own levels.
func (s *Dispatches) readPrecedence(g vocab.Grade) (name string, level config.PrecedenceLevel) {
	for _, p := range s.Profiles {
		if p.Scheme != g.Scheme {
			continue
		}
		for _, l := range p.Levels {
			if l.Name == g.Level {
				return l.Name, l
			}
		}
	}
	levels := s.Profile.Levels
	at := min(max(g.Rank, 1), len(levels)) - 1
	if g.Level == "" {
		return levels[at].Name, levels[at]
	}
	return g.Level, levels[at]
}

// Reader is what a person may see: herself and the offices she has mandates for.
func (s *Dispatches) Reader(ctx context.Context, person iri.IRI) (audience.Reader, error) {
	return audience.LocalReader(ctx, s.Store.R, person, s.Guard.Holds(), s.now())
}

// find returns a dispatch by id or reference number if the person may see it.
func (s *Dispatches) find(ctx context.Context, db bun.IDB, person iri.IRI, name string) (*models.Dispatch, audience.Reader, error) {
	r, err := audience.LocalReader(ctx, db, person, s.Guard.Holds(), s.now())
	if err != nil {
		return nil, r, err
	}
	var d *models.Dispatch
	if id, perr := s.Rules.Parse(name); perr == nil {
		d, err = models.DispatchByIRI(ctx, db, id)
	} else {
		d, err = models.DispatchByReference(ctx, db, name)
	}
	if models.NotFound(err) {
		return nil, r, NotFound("dispatch")
	}
	if err != nil {
		return nil, r, err
	}
	o, members, err := audience.Load(ctx, db, r, d)
	if err != nil {
		return nil, r, err
	}
	if v := audience.May(r, o, members, s.now()); !v.May {
		s.Log.Info("not shown", "dispatch", d.IRI, "person", person, "why", v.Reason)
		return nil, r, NotFound("dispatch")
	}
	return d, r, nil
}

func (s *Dispatches) fault(point string) {
	if s.Fault != nil {
		s.Fault(point)
	}
}

// actors returns the rows of the given actors, fetching remote ones that are not
// known. It must not be called inside a transaction.
func (s *Dispatches) actors(ctx context.Context, ids []iri.IRI) (map[iri.IRI]*models.Actor, error) {
	out := make(map[iri.IRI]*models.Actor, len(ids))
	for _, id := range ids {
		if out[id] != nil {
			continue
		}
		a, err := s.Actors.Get(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("find the addressee %s: %w", id, err)
		}
		out[id] = a
	}
	return out, nil
}

// reached are actors whom something reached before: one whose account is closed, or whose
// document cannot be had today, is as it was kept.
func (s *Dispatches) reached(ctx context.Context, ids []iri.IRI) (map[iri.IRI]*models.Actor, error) {
	kept, err := models.ActorsByIRI(ctx, s.Store.R, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[iri.IRI]*models.Actor, len(kept))
	for _, a := range kept {
		out[a.IRI] = a
	}
	for _, id := range ids {
		switch a, err := s.Actors.Get(ctx, id); {
		case err == nil:
			out[id] = a
		case out[id] == nil:
			return nil, fmt.Errorf("find the addressee %s: %w", id, err)
		}
	}
	return out, nil
}
