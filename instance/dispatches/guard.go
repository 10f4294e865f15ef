package dispatches

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/models"
	"valise/models/iri"
)

// reach is what must be known to say whether a dispatch may go to its addressees: read
// at once, decided purely.
type reach struct {
	peers       map[iri.Host]*models.Peer
	communities map[iri.IRI]*models.Community
	guests      map[iri.IRI]bool
	// before are the addressees of the version that is corrected; nil for a new dispatch.
	before []models.Addressee
}

// reach reads it for today.
func (s *Dispatches) reach(ctx context.Context, db bun.IDB, p *prepared) (*reach, error) {
	r := &reach{}
	var ids []iri.IRI
	var hosts []iri.Host
	for _, a := range p.addressees {
		ids = append(ids, a.Actor)
		if !a.Local && !slices.Contains(hosts, a.Host) {
			hosts = append(hosts, a.Host)
		}
	}
	var err error
	if r.peers, err = models.PeersByHost(ctx, db, hosts); err != nil {
		return nil, err
	}
	if r.communities, err = models.CommunitiesByIRI(ctx, db, ids); err != nil {
		return nil, err
	}
	var asked []iri.IRI
	for _, a := range p.addressees {
		if peer := r.peers[a.Host]; !a.Local && peer != nil && peer.State == models.PeerGuest {
			asked = append(asked, a.Actor)
		}
	}
	if r.guests, err = models.KnownGuests(ctx, db, p.office.IRI, asked); err != nil {
		return nil, err
	}
	if p.previous != nil {
		r.before, err = models.AddresseesOf(ctx, db, p.id)
	}
	return r, err
}

// guard refuses what may not go to one of the addressees, with today's standing and
// ceilings. A correction goes where the dispatch went and nowhere else.
func (s *Dispatches) guard(ctx context.Context, tx bun.Tx, p *prepared) error {
	p.noted = nil
	if p.previous != nil {
		current, err := models.DispatchByIRI(ctx, tx, p.id)
		if err != nil {
			return err
		}
		if current.State != models.DispatchInForce || current.Version != p.previous.Version {
			return &policy.Refusal{Code: "stale-draft", Status: 409, Detail: "the dispatch has changed since this correction was drafted"}
		}
	}
	r, err := s.reach(ctx, tx, p)
	if err != nil {
		return err
	}
	for _, a := range p.addressees {
		if err := s.mayGo(p, r, a); err != nil {
			return err
		}
		if to := p.recipient(a.Actor); noted(to, r.peers[a.Host]) {
			p.noted = append(p.noted, to)
		}
	}
	return nil
}

// recipient is an addressee's actor.
func (p *prepared) recipient(id iri.IRI) *models.Actor {
	return p.recipients[slices.IndexFunc(p.recipients, func(a *models.Actor) bool { return a.IRI == id })]
}

// mayGo decides about one addressee. It is pure.
func (s *Dispatches) mayGo(p *prepared, r *reach, a models.Addressee) error {
	if p.previous != nil && !slices.ContainsFunc(r.before, func(b models.Addressee) bool { return b.Actor == a.Actor }) {
		return invalid("%s did not get the dispatch; a correction cannot add an addressee. Send a new dispatch", a.Actor)
	}
	var ceilings []policy.Ceiling
	if c := r.communities[a.Actor]; c != nil {
		ceilings = append(ceilings, policy.Ceiling{Whose: c.Name, Rank: c.Ceiling})
	}
	if a.Local {
		if ceilings == nil {
			return nil
		}
		return s.Guard.Leave(p.marking, ceilings...)
	}
	peer := r.peers[a.Host]
	switch {
	case peer == nil:
		return &policy.Refusal{Code: "not-accredited", Status: 409, Detail: fmt.Sprintf("%s is on %s, which is not accredited here; ask your operator to propose it", a.Actor, a.Host)}
	case peer.State == models.PeerGuest && !r.guests[a.Actor]:
		return &policy.Refusal{Code: "not-accredited", Status: 409, Detail: fmt.Sprintf("%s is known here only through an invitation, and %s is not who was invited", a.Host, a.Actor)}
	case peer.State != models.PeerAccredited && peer.State != models.PeerGuest:
		return &policy.Refusal{Code: "not-accredited", Status: 409, Detail: fmt.Sprintf("%s is %s here", a.Host, peer.State)}
	case peer.Form == models.FormBulletin && !noted(p.recipient(a.Actor), peer):
		return &policy.Refusal{Code: "bulletins-only", Status: 409, Detail: fmt.Sprintf("%s is recorded here as software that knows no dispatches, and %s cannot be sent a note. Address a community, or a person there", a.Host, a.Actor)}
	}
	return s.Guard.Leave(p.marking, append([]policy.Ceiling{{Whose: string(a.Host), Rank: peer.Ceiling}}, ceilings...)...)
}
