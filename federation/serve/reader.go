package serve

import (
	"context"
	"net/http"

	"valise/federation/inbox"
	"valise/federation/policy"
	"valise/federation/problem"
	"valise/federation/sign"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

// asker is the verified signer of a request, whose host has a standing here. Its
// reader has no Actor where the instance actor asks for its whole origin.
type asker struct {
	sender *inbox.Sender
	peer   *models.Peer
	reader audience.Reader
}

// who verifies the signature of a request. Standing is looked at first: no key is
// fetched for a host that could get nothing anyway. With quiet set, none is fetched at
// all. An asker that cannot be believed is *unseen; any other error is a fault of ours,
// of the network or of its rate.
func (s *Server) who(r *http.Request, quiet bool) (*asker, error) {
	ctx := r.Context()
	q, err := sign.ParseRequest(r, s.Verify.Scheme, string(s.Own))
	if err != nil {
		return nil, hide("%v", err)
	}
	keyID, err := s.Rules.Parse(q.KeyID)
	if err != nil {
		return nil, hide("its key id: %v", err)
	}
	peer, err := models.PeerByHost(ctx, s.Store.R, keyID.Host())
	if models.NotFound(err) {
		return nil, hide("%s: the host has no standing", keyID)
	}
	if err != nil {
		return nil, err
	}
	if peer.State != models.PeerAccredited && peer.State != models.PeerGuest {
		return nil, hide("%s: the host is %s", keyID, peer.State)
	}
	sender, err := s.Verify.Request(ctx, r, nil, quiet)
	if err != nil {
		if problem.Of(err).Status >= 500 {
			return nil, err
		}
		return nil, hide("%s: %v", keyID, err)
	}
	switch {
	case sender.Held:
		return nil, hide("%s: the key is new and the pinned instance key does not endorse it", keyID)
	case sender.Actor.Host() != peer.Host:
		return nil, hide("%s: the key belongs to %s", keyID, sender.Actor)
	}
	if err := s.Box.Limits.Key(peer.Host, keyID); err != nil {
		return nil, err
	}
	a := &asker{sender: sender, peer: peer, reader: audience.Reader{Actor: sender.Actor, Host: peer.Host, Standing: peer.State, Ceiling: peer.Ceiling}}
	origin, err := s.speaksForOrigin(ctx, a)
	if err != nil {
		return nil, err
	}
	if origin {
		a.reader.Actor = ""
	}
	return a, nil
}

// speaksForOrigin tells whether the signer is its host's instance actor. Of a guest
// that may not have been recorded; there the type of the actor says it.
func (s *Server) speaksForOrigin(ctx context.Context, a *asker) (bool, error) {
	if a.peer.InstanceActor != "" {
		return a.sender.Actor == a.peer.InstanceActor, nil
	}
	row, err := models.ActorByIRI(ctx, s.Store.R, a.sender.Actor)
	if models.NotFound(err) {
		return false, nil
	}
	return err == nil && row.Type == models.TypeApplication, err
}

// correspondence identifies an asker who may have dispatches, attachments and
// collections at all. A guest instance has not promised to apply the audience, so that
// only an actor of its own may ask, and only one whose software knows dispatches.
func (s *Server) correspondence(r *http.Request) (*asker, error) {
	a, err := s.who(r, false)
	if err != nil {
		return nil, err
	}
	return a, a.correspondence()
}

func (a *asker) correspondence() error {
	switch {
	case a.peer.State == models.PeerAccredited:
		return nil
	case a.reader.Actor == "":
		return hide("%s: a guest's instance actor may have bulletins alone", a.sender.KeyID)
	case a.peer.Form != models.FormAnnounce:
		return hide("%s: a guest with Form B may have bulletins alone", a.sender.KeyID)
	}
	return nil
}

// sees decides on an object by its id: nil, or why it is not shown. rank is the marking
// of the text in question where that may be above the marking of the latest version.
// known tells whether the object is a dispatch or a comment.
func (s *Server) sees(ctx context.Context, a *asker, object iri.IRI, rank int64) (known bool, err error) {
	d, err := models.DispatchByIRI(ctx, s.Store.R, object)
	if err == nil {
		return true, s.seesDispatch(ctx, a, d, rank)
	}
	if !models.NotFound(err) {
		return false, err
	}
	c, err := models.CommentByIRI(ctx, s.Store.R, object)
	if err == nil {
		return true, s.seesComment(ctx, a, c, rank)
	}
	return false, orHide(err, object)
}

func (s *Server) seesDispatch(ctx context.Context, a *asker, d *models.Dispatch, rank int64) error {
	if d.Origin == models.OriginArchive {
		return hide("%s: %s is an archive record, which never leaves", a.sender.KeyID, d.IRI)
	}
	o, members, err := audience.Load(ctx, s.Store.R, a.reader, d)
	if err != nil {
		return err
	}
	return s.may(a, d.IRI, o, members, rank)
}

func (s *Server) seesComment(ctx context.Context, a *asker, c *models.Comment, rank int64) error {
	o, members, err := audience.LoadComment(ctx, s.Store.R, a.reader, c)
	if err != nil {
		return err
	}
	return s.may(a, c.IRI, o, members, rank)
}

func (s *Server) may(a *asker, id iri.IRI, o audience.Object, members []audience.Membership, rank int64) error {
	o.MarkingRank = max(o.MarkingRank, rank)
	if err := s.Guard.Leave(o.MarkingRank, policy.Ceiling{Whose: string(a.peer.Host), Rank: a.reader.Ceiling}); err != nil {
		return hide("%s: %s: %v", a.sender.KeyID, id, err)
	}
	if v := audience.May(a.reader, o, members, models.At(s.Now())); !v.May {
		return hide("%s: %s: %s", a.sender.KeyID, id, v.Reason)
	}
	return nil
}

// member tells whether the asker, or for a whole origin anybody there, is in force in a
// community of ours.
func (s *Server) member(ctx context.Context, a *asker, community iri.IRI) error {
	now := models.At(s.Now())
	if a.reader.Actor == "" {
		there, err := models.LocalMembers(ctx, s.Store.R, community, a.peer.Host, now)
		if err == nil && len(there) == 0 {
			return hide("%s: nobody there is a member of %s", a.sender.KeyID, community)
		}
		return err
	}
	in, err := s.inForce(ctx, community, a.reader.Actor, now)
	if err == nil && !in {
		return hide("%s: no member of %s", a.sender.KeyID, community)
	}
	return err
}

func (s *Server) inForce(ctx context.Context, community, actor iri.IRI, now models.Time) (bool, error) {
	m, err := models.MemberOf(ctx, s.Store.R, community, actor)
	if models.NotFound(err) {
		return false, nil
	}
	return err == nil && m.State == models.MemberActive && (m.EndsAt == 0 || m.EndsAt > now), err
}
