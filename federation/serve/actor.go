package serve

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/uptrace/bun"

	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// provenMost bounds how many endorsed documents are kept in memory.
const provenMost = 2000

type cached struct {
	actor iri.IRI
	full  bool
}

// proof is a document with the bytes that it endorses.
type proof struct{ plain, endorsed []byte }

func (s *Server) instanceActor() iri.IRI { return s.base("/actor") }

// localActor finds one of ours by its path; suffix is what follows the actor's.
func (s *Server) localActor(c *gin.Context, suffix string) (*models.Actor, error) {
	id, err := s.id(strings.TrimSuffix(c.Request.URL.Path, suffix))
	if err != nil {
		return nil, err
	}
	a, err := models.ActorByIRI(c.Request.Context(), s.Store.R, id)
	if err == nil && !a.Local {
		return nil, hide("%s is none of ours", id)
	}
	return a, orHide(err, id)
}

// actor shows the full profile to a host with a standing, and to everybody else what
// is needed to verify and to reach us; the instance actor has no secrets (FEP-2677). It
// never waits for the network: the host at the other end may be verifying a signature
// of ours at this moment.
func (s *Server) actor(c *gin.Context) error {
	row, err := s.localActor(c, "")
	if err != nil {
		return err
	}
	_, err = s.who(c.Request, true)
	if err != nil && !isUnseen(err) {
		return err
	}
	if err != nil {
		s.Log.Debug("minimal actor", "actor", row.IRI, "from", c.Request.RemoteAddr, "why", err)
	}
	doc, err := s.ActorDocument(c.Request.Context(), nil, row, err == nil || row.Type == models.TypeApplication)
	if err != nil {
		return err
	}
	return sendActivity(c, doc)
}

// ActorDocument returns a document of an actor of ours, endorsed: with a proof by the
// instance actor's key. db is the caller's transaction, or nil. What was endorsed is
// kept in memory and used again while the document is the same; a change of the
// instance key must be followed by Forget.
func (s *Server) ActorDocument(ctx context.Context, db bun.IDB, actor *models.Actor, full bool) ([]byte, error) {
	plain, err := s.UnprovenActorDocument(ctx, db, actor, full)
	if err != nil {
		return nil, err
	}
	_, inTx := db.(bun.Tx)
	if inTx {
		// The transaction may yet roll back.
		return s.endorse(ctx, db, actor, plain)
	}
	key := cached{actor.IRI, full}
	s.mu.Lock()
	have := s.proven[key]
	s.mu.Unlock()
	if bytes.Equal(have.plain, plain) {
		return have.endorsed, nil
	}
	doc, err := s.endorse(ctx, nil, actor, plain)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proven == nil || len(s.proven) >= provenMost {
		s.proven = map[cached]proof{}
	}
	s.proven[key] = proof{plain, doc}
	return doc, nil
}

func (s *Server) endorse(ctx context.Context, db bun.IDB, actor *models.Actor, plain []byte) ([]byte, error) {
	doc, err := s.Keys.Prove(ctx, db, s.instanceActor(), plain, s.Now())
	if err != nil {
		return nil, fmt.Errorf("endorse the actor document of %s: %w", actor.IRI, err)
	}
	return doc, nil
}

// Forget drops the endorsed documents, after a change of the instance key or of policy.
func (s *Server) Forget() {
	s.mu.Lock()
	clear(s.proven)
	s.mu.Unlock()
}

// UnprovenActorDocument is ActorDocument without the proof: for a rotation of the
// instance key, which the old key endorses.
func (s *Server) UnprovenActorDocument(ctx context.Context, db bun.IDB, actor *models.Actor, full bool) ([]byte, error) {
	if db == nil {
		db = s.Store.R
	}
	d := vocab.ActorDoc{ID: actor.IRI, Type: actor.Type, PreferredUsername: actor.Username, Name: actor.Name, URL: actor.IRI,
		Inbox: actor.Inbox, Outbox: actor.IRI + "/outbox", SharedInbox: actor.SharedInbox, Followers: actor.Followers,
		ManuallyApprovesFollowers: true, KeyHistory: actor.KeyHistory, InstanceActor: s.instanceActor(),
		Implements: []string{vocab.CapabilityRFC9421, vocab.CapabilityEd25519, vocab.CapabilityValise}}
	keys, err := s.Keys.Public(ctx, db, actor.IRI)
	if err != nil {
		return nil, fmt.Errorf("read the keys of %s: %w", actor.IRI, err)
	}
	for _, k := range keys {
		switch {
		case k.State != models.KeyActive:
		case k.Type == string(sign.Ed25519):
			d.Multikeys = append(d.Multikeys, vocab.Multikey{ID: k.KeyID, Controller: k.Actor, PublicKeyMultibase: k.Public})
		case d.RSA == nil:
			d.RSA = &vocab.RSAKey{ID: k.KeyID, Owner: k.Actor, PEM: k.Public}
		}
	}
	if !full {
		return d.Minimal(), nil
	}
	if err := s.profile(ctx, db, actor, &d); err != nil {
		return nil, fmt.Errorf("read the profile of %s: %w", actor.IRI, err)
	}
	return d.Full(), nil
}

// profile adds what an office or a community tells of itself.
func (s *Server) profile(ctx context.Context, db bun.IDB, actor *models.Actor, d *vocab.ActorDoc) error {
	switch actor.Type {
	case models.TypeOrganization:
		o, err := models.OfficeByIRI(ctx, db, actor.IRI)
		if models.NotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		d.Rows = []vocab.Row{{Name: vocab.RowCode, Value: o.Code}, {Name: vocab.RowPost, Value: o.Post}}
	case models.TypeApplication:
		d.Offices = s.officesID()
	case models.TypeGroup:
		d.Moderators = actor.IRI + "/moderators"
		g, err := models.CommunityByIRI(ctx, db, actor.IRI)
		if models.NotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		d.CharterDigest = g.CharterDigest
		d.Ceiling = vocab.Grade{Scheme: s.Guard.Scheme(), Level: s.Guard.Name(g.Ceiling), Rank: int(g.Ceiling)}
	}
	return nil
}

// inbox hands what arrives for one of our actors to the box.
func (s *Server) inbox(c *gin.Context) error {
	path := c.Request.URL.Path
	if a, ok := s.inboxes.Load(path); ok {
		a := a.(*models.Actor)
		s.Box.Post(c.Writer, c.Request, a.Inbox, a.IRI)
		return nil
	}
	a, err := s.localActor(c, "/inbox")
	if err != nil {
		return err
	}
	if s.base(path) == a.IRI+"/inbox" {
		s.inboxes.Store(path, a)
	}
	s.Box.Post(c.Writer, c.Request, a.Inbox, a.IRI)
	return nil
}

func (s *Server) sharedInbox(c *gin.Context) error {
	s.Box.Post(c.Writer, c.Request, s.base("/inbox"), "")
	return nil
}
