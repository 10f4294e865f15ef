package dispatches

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"valise/federation/inbox"
	"valise/federation/policy"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// GuestWrites refuses a dispatch of a guest instance that names people of ours, unless a
// community of ours is its audience, its author may post there, each of them is a member
// in her term, and its marking is within every ceiling. Its refusals are final (422): time
// heals none of them.
func (s *Dispatches) GuestWrites(ctx context.Context, db bun.IDB, author iri.IRI, article *vocab.Node, people []iri.IRI) error {
	r, err := s.Read(article)
	if err == nil {
		err = s.guestWrites(ctx, db, author, r, people)
	}
	var refusal *policy.Refusal
	if errors.As(err, &refusal) {
		return &policy.Refusal{Code: refusal.Code, Status: 422, Detail: refusal.Detail}
	}
	return err
}

func (s *Dispatches) guestWrites(ctx context.Context, db bun.IDB, author iri.IRI, r *Received, people []iri.IRI) error {
	c, err := models.CommunityByIRI(ctx, db, r.Wire.Audience)
	if models.NotFound(err) || err == nil && !c.Local {
		return &policy.Refusal{Code: "guest", Detail: fmt.Sprintf("a guest instance writes to people in a community of ours alone, and %q is none", r.Wire.Audience)}
	}
	if err != nil {
		return err
	}
	m, err := s.member(ctx, db, c, author)
	if err != nil {
		return err
	}
	if !policy.Admits(c.Posting, m.Role) {
		return &policy.Refusal{Code: "may-not-post", Detail: fmt.Sprintf("%s is %s of %s; posting is for %s", author, m.Role, c.Name, c.Posting)}
	}
	ceilings := []policy.Ceiling{{Whose: c.Name, Rank: c.Ceiling}, {Whose: string(author), Rank: m.Ceiling}}
	for _, who := range people {
		m, err := s.member(ctx, db, c, who)
		if err != nil {
			return err
		}
		if models.At(r.Wire.Published) < m.HistoryFrom {
			return &policy.Refusal{Code: "not-member", Detail: fmt.Sprintf("%s was not a member of %s when the dispatch was released", who, c.Name)}
		}
		ceilings = append(ceilings, policy.Ceiling{Whose: string(who), Rank: m.Ceiling})
	}
	return s.Guard.Leave(r.Rank, ceilings...)
}

// member is a membership in force.
func (s *Dispatches) member(ctx context.Context, db bun.IDB, c *models.Community, who iri.IRI) (*models.Member, error) {
	m, err := models.MemberOf(ctx, db, c.IRI, who)
	if models.NotFound(err) || err == nil && (m.State != models.MemberActive || m.EndsAt != 0 && m.EndsAt <= s.now()) {
		return nil, &policy.Refusal{Code: "not-member", Detail: fmt.Sprintf("%s is not a member of %s", who, c.Name)}
	}
	return m, err
}

// guestAuthor holds a guest instance to the community that brought it here: it may
// write to a member by name, in that community, for the time of her membership.
func (s *Dispatches) guestAuthor(ctx context.Context, tx bun.Tx, a *inbox.Arrival, r *Received, owner iri.IRI) error {
	if a.Local {
		return nil
	}
	state, err := models.PeerState(ctx, tx, a.Row.Host)
	if err != nil || state != models.PeerGuest {
		return err
	}
	if r.Wire.Audience.Host() == s.Own {
		return s.guestWrites(ctx, tx, a.Activity.Actor, r, []iri.IRI{owner})
	}
	m, err := models.MemberOf(ctx, tx, r.Wire.Audience, owner)
	if err != nil && !models.NotFound(err) {
		return err
	}
	published := models.At(r.Wire.Published)
	if err != nil || m.State == models.MemberReserved || published < m.HistoryFrom || m.LeftAt != 0 && published > m.LeftAt || r.Rank > m.Ceiling {
		return &policy.Refusal{Code: "guest", Detail: fmt.Sprintf("%s is a guest here, and %s was not in its community when the dispatch was released", a.Row.Host, owner)}
	}
	return nil
}
