package guests

import (
	"context"
	"fmt"
	"io"
	"slices"

	"valise/federation/policy"
	"valise/instance/desk"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

// Reader is a guest with the memberships that her session stands for and that are in
// force now.
type Reader struct {
	Actor  iri.IRI
	Handle string
	Seats  []models.GuestSeat
	audience.Reader
}

// In returns the reader's seat in a community, nil for none.
func (r *Reader) In(community iri.IRI) *models.GuestSeat {
	i := slices.IndexFunc(r.Seats, func(s models.GuestSeat) bool { return s.Community == community })
	if i < 0 {
		return nil
	}
	return &r.Seats[i]
}

// Reader makes out what the guest of a session may read now: by a code all her
// communities here, by a printed link the one of her invitation. The refusal is term-over.
func (g *Guests) Reader(ctx context.Context, s *models.Session) (*Reader, error) {
	if s == nil || s.Kind != models.SessionGuest {
		return nil, dispatches.NotFound("guest's session")
	}
	seats, err := models.GuestSeats(ctx, g.Store.R, s.Person, g.now())
	if err != nil {
		return nil, fmt.Errorf("find the communities of %s: %w", s.Person, err)
	}
	if s.Method != ByCode {
		seats = slices.DeleteFunc(seats, func(m models.GuestSeat) bool { return m.Community != s.Community })
	}
	if len(seats) == 0 {
		return nil, ErrOver
	}
	r := &Reader{Actor: s.Person, Handle: seats[0].Handle(), Seats: seats}
	if r.Reader, err = audience.RemoteReader(ctx, g.Store.R, s.Person, s.Person.Host()); err != nil {
		return nil, err
	}
	return r, nil
}

// Listing is one page of a community's dispatches.
type Listing struct {
	Seat models.GuestSeat
	Rows []models.SharedRow
	// Next is the cursor of the next page, 0 after the last one.
	Next int64
}

const pageMost = 100

// List returns one page of a community's dispatches, newest first. group is the
// community's user name, "" for her first. What is not hers is not found.
func (g *Guests) List(ctx context.Context, r *Reader, group string, before int64, limit int) (*Listing, error) {
	i := 0
	if group != "" {
		if i = slices.IndexFunc(r.Seats, func(s models.GuestSeat) bool { return s.Group == group }); i < 0 {
			return nil, dispatches.NotFound("dispatch")
		}
	}
	l := &Listing{Seat: r.Seats[i]}
	limit = min(max(limit, 1), pageMost)
	cond, args := audience.Bound(r.Reader, audience.Dispatches, g.now())
	var err error
	if l.Rows, err = models.SharedDispatches(ctx, g.Store.R, l.Seat.Community, cond, args, before, limit+1); err != nil {
		return nil, fmt.Errorf("list the dispatches of %s: %w", l.Seat.Community, err)
	}
	if len(l.Rows) > limit {
		l.Rows = l.Rows[:limit]
		l.Next = l.Rows[limit-1].ID
	}
	return l, nil
}

// Find returns the dispatch that the last part of a link names, whoever may read it; not
// found for one that names nothing here.
func (g *Guests) Find(ctx context.Context, name string) (iri.IRI, error) {
	if !linkName.MatchString(name) {
		return "", dispatches.NotFound("dispatch")
	}
	id := g.Communities.LinkedBulletin(name)
	if id == "" {
		return iri.IRI(g.Own.Base() + "/d/" + name), nil
	}
	b, err := models.BulletinByIRI(ctx, g.Store.R, id)
	if models.NotFound(err) {
		return "", dispatches.NotFound("dispatch")
	}
	if err != nil {
		return "", fmt.Errorf("find the bulletin %s: %w", id, err)
	}
	return b.ObjectID, nil
}

// View is a dispatch as a guest reads it.
type View struct {
	*desk.View
	Seat models.GuestSeat
	// MayComment says that she may write a comment now.
	MayComment bool
}

// Read opens a dispatch of one of her communities. All others are not found.
func (g *Guests) Read(ctx context.Context, r *Reader, id iri.IRI) (*View, error) {
	v, err := g.Desk.OpenAs(ctx, r.Reader, id)
	if err != nil {
		return nil, err
	}
	seat := r.In(v.Dispatch.Community)
	if seat == nil {
		return nil, dispatches.NotFound("dispatch")
	}
	return &View{View: v, Seat: *seat, MayComment: v.Dispatch.State == models.DispatchInForce && policy.Admits(seat.Commenting, seat.Role)}, nil
}

// File opens an attachment of a dispatch of hers. The caller closes it.
func (g *Guests) File(ctx context.Context, r *Reader, id iri.IRI, digest string) (*models.Attachment, io.ReadSeekCloser, error) {
	if _, err := g.Read(ctx, r, id); err != nil {
		return nil, nil, err
	}
	return g.Desk.FileAs(ctx, r.Reader, id, digest)
}

// Comment distributes her words on a dispatch of hers, in her name and on the word of the
// community, which says how it knows her.
func (g *Guests) Comment(ctx context.Context, r *Reader, id iri.IRI, text string) error {
	v, err := g.Read(ctx, r, id)
	if err != nil {
		return err
	}
	return g.Communities.HostComment(ctx, r.Actor, v.Dispatch.Community, v.Dispatch.IRI, text)
}

// Hers returns a comment of hers on a dispatch, which she may take back. All others are
// not found.
func (g *Guests) Hers(ctx context.Context, r *Reader, id, comment iri.IRI) (*View, *models.NamedComment, error) {
	v, err := g.Read(ctx, r, id)
	if err != nil {
		return nil, nil, err
	}
	for i := range v.Comments {
		if c := &v.Comments[i]; c.IRI == comment && c.AttestedFor == r.Actor {
			return v, c, nil
		}
	}
	return nil, nil, dispatches.NotFound("comment")
}

// TakeBack erases a comment of hers everywhere. One that she has taken back stays gone.
func (g *Guests) TakeBack(ctx context.Context, r *Reader, id, comment iri.IRI) error {
	if _, err := g.Read(ctx, r, id); err != nil {
		return err
	}
	return g.Communities.TakeBack(ctx, r.Actor, comment)
}

// Staff returns the dispatch that a link names to a person of ours who may read it.
func (g *Guests) Staff(ctx context.Context, person iri.IRI, name string) (iri.IRI, error) {
	id, err := g.Find(ctx, name)
	if err != nil {
		return "", err
	}
	v, err := g.Desk.Open(ctx, person, id)
	if err != nil {
		return "", err
	}
	return v.Dispatch.IRI, nil
}
