package verify

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/models/iri"
)

// key is a public key of an actor. revoked is zero for one that the actor's newest
// document shows.
type key struct {
	id, actor        iri.IRI
	public           string
	created, revoked time.Time
	compromised      bool
	older            bool // shown by an older document alone, with no history entry
}

// actor is an actor's newest document. instance is the instance actor at its origin.
type actor struct {
	doc      *vocab.Actor
	instance iri.IRI
	raw      [][]byte
}

// readActors takes the keys of every actor document. The last one of an actor is its
// newest.
func (c *checker) readActors() {
	for i, text := range c.bundle.Actors {
		doc, err := vocab.ParseActor([]byte(text), c.rules)
		if err != nil {
			c.fail("Actor document %d cannot be read: %v.", i+1, err)
			continue
		}
		a := c.actors[doc.ID]
		if a == nil {
			a = &actor{}
			c.actors[doc.ID] = a
		}
		a.doc, a.raw, a.instance = doc, append(a.raw, []byte(text)), doc.InstanceActor
		if a.instance == "" && doc.Type == "Application" {
			a.instance = doc.ID
		}
		if !a.instance.SameOrigin(doc.ID) {
			a.instance = ""
		}
		for _, ks := range c.keys {
			for _, k := range ks {
				k.older = k.older || k.actor == doc.ID
			}
		}
		for _, m := range doc.Multikeys {
			if m.Controller != doc.ID || m.ID.WithoutFragment() != doc.ID {
				c.fail("The document of %s shows the key %s of another actor, %s.", doc.ID, m.ID, m.Controller)
				continue
			}
			if k := c.find(m.ID, m.PublicKeyMultibase); k != nil {
				k.older = false
				continue
			}
			c.keys[m.ID] = append(c.keys[m.ID], &key{id: m.ID, actor: doc.ID, public: m.PublicKeyMultibase})
		}
	}
}

func (c *checker) find(id iri.IRI, public string) *key {
	for _, k := range c.keys[id] {
		if k.public == public {
			return k
		}
	}
	return nil
}

// entry is one entry of a key history.
type entry struct {
	outer    []byte
	inner    []byte
	instance iri.IRI
	key      vocab.RetiredKey
}

// readHistory takes the retired keys whose entries are signed by a successor and by the
// instance actor. Instance actors come first: they vouch for the others.
func (c *checker) readHistory() {
	var entries []entry
	for i, text := range c.bundle.History {
		e, err := c.readEntry(text)
		if err != nil {
			c.fail("Key history entry %d cannot be read: %v.", i+1, err)
			continue
		}
		entries = append(entries, e)
	}
	own := func(e entry) bool { return e.key.Controller == e.instance }
	slices.SortStableFunc(entries, func(a, b entry) int {
		switch {
		case own(a) == own(b):
			return 0
		case own(a):
			return -1
		}
		return 1
	})
	// A successor may be retired itself, by a later entry: go on while something moves.
	for moved := true; moved; {
		moved = false
		entries = slices.DeleteFunc(entries, func(e entry) bool {
			if c.vouched(e) != nil {
				return false
			}
			c.retire(e.key)
			moved = true
			return true
		})
	}
	for _, e := range entries {
		c.fail("The key history entry of %s does not hold: %v.", e.key.ID, c.vouched(e))
	}
}

func (c *checker) readEntry(text string) (e entry, err error) {
	node, err := vocab.ParseJSON([]byte(text))
	if err != nil {
		return e, err
	}
	if err := node.CheckSigned(); err != nil {
		return e, err
	}
	object := node.Get("object")
	if object == nil {
		return e, errors.New("it holds no key")
	}
	if e.key, err = vocab.ParseRetiredKey(object, c.rules); err != nil {
		return e, err
	}
	e.outer, e.inner = node.Raw(), object.Raw()
	owner, _ := node.Get("attributedTo").Str()
	if e.instance, err = c.rules.Parse(owner); err != nil {
		return e, err
	}
	if !e.instance.SameOrigin(e.key.Controller) || e.key.ID.WithoutFragment() != e.key.Controller {
		return e, fmt.Errorf("%s vouches for %s of %s", e.instance, e.key.ID, e.key.Controller)
	}
	if a := c.actors[e.key.Controller]; a != nil && a.instance != "" && a.instance != e.instance {
		return e, fmt.Errorf("%s vouches for %s, whose instance actor is %s", e.instance, e.key.ID, a.instance)
	}
	return e, nil
}

// vouched checks both signatures of an entry: by the successor, another key of the
// actor, and by the instance actor. The instance actor's own entry is vouched for by the
// retired key itself: it points to its successor. One of the two may be by a key that
// was compromised later: who has stolen it cannot make the other.
func (c *checker) vouched(e entry) error {
	s, successor := c.proof(e.inner, e.key.Controller)
	if successor != nil && !errors.Is(successor, errCompromised) {
		return fmt.Errorf("the successor's signature: %w", successor)
	}
	if s.key.id == e.key.ID {
		return errors.New("the key names itself as its successor")
	}
	if e.key.Controller == e.instance {
		p, err := sign.ReadProof(e.outer)
		if err == nil && (p == nil || p.VerificationMethod != string(e.key.ID)) {
			err = errors.New("it is not by the key itself")
		}
		if err == nil {
			err = provenBy(e.outer, e.key.PublicKeyMultibase)
		}
		if err == nil {
			err = successor
		}
		if err != nil {
			return fmt.Errorf("the retired key's signature: %w", err)
		}
		return nil
	}
	if _, err := c.proof(e.outer, e.instance); err != nil && (successor != nil || !errors.Is(err, errCompromised)) {
		return fmt.Errorf("the instance's signature: %w", err)
	}
	return nil
}

func provenBy(doc []byte, multikey string) error {
	public, err := sign.DecodeMultikey(multikey)
	if err != nil {
		return err
	}
	return sign.VerifyProof(doc, public)
}

func (c *checker) retire(r vocab.RetiredKey) {
	k := c.find(r.ID, r.PublicKeyMultibase)
	if k == nil {
		k = &key{id: r.ID, actor: r.Controller, public: r.PublicKeyMultibase}
		c.keys[r.ID] = append(c.keys[r.ID], k)
	}
	k.created, k.revoked, k.compromised, k.older = r.Created, r.Revoked, r.Reason == vocab.RevokedCompromise, false
	if a := c.actors[r.Controller]; a != nil && a.instance == r.Controller && !k.compromised {
		c.anchor(k) // somebody may have compared this one
	}
}

// endorsements checks that the instance actor vouches for each actor document.
func (c *checker) endorsements() {
	ids := make([]iri.IRI, 0, len(c.actors))
	for id := range c.actors {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		a := c.actors[id]
		switch {
		case !a.doc.HasProof:
			c.leave("That the instance vouches for the keys of %s: its document carries no endorsement.", id)
			continue
		case a.instance == "":
			c.leave("That the instance vouches for the keys of %s: its document names no instance actor of its own origin.", id)
			continue
		case c.actors[a.instance] == nil:
			c.leave("That the instance vouches for the keys of %s: the document of %s is not in the file.", id, a.instance)
			continue
		}
		s, err := c.proof(a.doc.Raw, a.instance)
		if err != nil {
			c.fail("The endorsement of the document of %s does not hold: %v.", id, err)
			continue
		}
		if id != a.instance {
			c.prove("The instance key %s vouches for the keys of %s.", s.key.id, id)
		}
		c.anchor(s.key)
	}
}

// anchor notes an instance key on which something rests.
func (c *checker) anchor(k *key) {
	if slices.ContainsFunc(c.report.Anchors, func(a Anchor) bool { return a.KeyID == k.id }) {
		return
	}
	public, err := sign.DecodeMultikey(k.public)
	if err != nil {
		return
	}
	c.report.Anchors = append(c.report.Anchors, Anchor{k.actor.Host(), k.id, sign.Fingerprint(public), !k.revoked.IsZero()})
}
