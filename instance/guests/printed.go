package guests

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"
	"github.com/uptrace/bun"

	"valise/instance/access"
	"valise/instance/audit"
	"valise/instance/communities"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

const (
	passPrinted = "printed invitation"

	// PathPrinted is the page that a printed link opens; the secret follows.
	PathPrinted = "/guest/invitation/"
	// PrintedWithin is how long a printed link is good at most.
	PrintedWithin = 30 * 24 * time.Hour
	// charterShown bounds what a printed invitation holds of the charter, in bytes.
	charterShown = 700
)

var errPrinted = refuse(404, "printed-over", "this link was used, replaced by a newer one, withdrawn, or its time is over: ask the organiser of your community for another")

// Card is an invitation as it is printed and as its link shows it.
type Card struct {
	Invitation *models.Invitation
	Community  string
	Group      string // handle of the community
	Organiser  string // her name
	Invitee    string // handle
	Name       string // of the invitee, "" where it is not known
	Charter    string // first lines, plain text
	// Joined says that her membership is in force; Waiting that she has not accepted yet.
	Joined, Waiting bool
	// MadeAt and Until are of the link that is good now; 0 where there is none.
	MadeAt, Until models.Time
	// Elsewhere says that she reads on her own instance and needs no link.
	Elsewhere bool
}

// Linkable tells whether a link can be made for the invitation.
func (c *Card) Linkable() bool { return !c.Elsewhere && (c.Joined || c.Waiting) }

// Sheet shows an invitation of ours to those who organise its community. For all others
// there is none.
func (g *Guests) Sheet(ctx context.Context, person, invitation iri.IRI) (*Card, error) {
	card, c, err := g.card(ctx, g.Store.R, invitation)
	if err != nil {
		return nil, err
	}
	if person != c.Organiser {
		runs, err := models.HasMandate(ctx, g.Store.R, person, c.Office, models.ActRelease, g.now())
		if err != nil {
			return nil, err
		}
		if !runs {
			return nil, dispatches.NotFound("invitation")
		}
	}
	p, err := models.PassFor(ctx, g.Store.R, passPrinted, card.Invitation.Invitee, string(invitation), g.now())
	if err == nil {
		card.MadeAt, card.Until = p.CreatedAt, p.ExpiresAt
	} else if !models.NotFound(err) {
		return nil, err
	}
	return card, nil
}

// card reads an invitation of a community of ours.
func (g *Guests) card(ctx context.Context, db bun.IDB, invitation iri.IRI) (*Card, *models.Community, error) {
	row, err := models.InvitationByIRI(ctx, db, invitation)
	if models.NotFound(err) || err == nil && row.Incoming {
		return nil, nil, dispatches.NotFound("invitation")
	}
	if err != nil {
		return nil, nil, err
	}
	c, err := models.CommunityByIRI(ctx, db, row.Community)
	if err != nil {
		return nil, nil, fmt.Errorf("read the community of the invitation %s: %w", invitation, err)
	}
	actors, err := models.ActorsByIRI(ctx, db, []iri.IRI{c.IRI, c.Organiser, row.Invitee})
	if err != nil {
		return nil, nil, err
	}
	card := &Card{Invitation: row, Community: c.Name}
	for _, a := range actors {
		handle := iri.Handle{Name: a.Username, Host: a.Host}.String()
		switch a.IRI {
		case c.IRI:
			card.Group = handle
		case row.Invitee:
			card.Invitee, card.Name, card.Elsewhere = handle, a.Name, a.Local || a.OwnSoftware
		}
		if a.IRI == c.Organiser {
			card.Organiser = a.Name
		}
	}
	charter, err := communities.RenderCharter(c.Charter)
	if err != nil {
		return nil, nil, err
	}
	card.Charter = first(dispatches.Plain(charter), charterShown)
	m, err := models.MemberOf(ctx, db, c.IRI, row.Invitee)
	if err != nil && !models.NotFound(err) {
		return nil, nil, err
	}
	if err == nil {
		inTerm := m.EndsAt == 0 || m.EndsAt > g.now()
		card.Joined = m.State == models.MemberActive && inTerm && row.State == models.InvitationConsumed
		card.Waiting = m.State == models.MemberReserved && inTerm && row.ExpiresAt > g.now() && slices.Contains([]string{models.InvitationOpen, models.InvitationAccepted}, row.State)
	}
	return card, c, nil
}

// first is the beginning of a text, to the end of a word, at most n bytes.
func first(text string, n int) string {
	if len(text) <= n {
		return text
	}
	cut := strings.LastIndexAny(text[:n], " \n")
	if cut < n/2 {
		cut = n
		for cut > 0 && text[cut]&0xC0 == 0x80 {
			cut--
		}
	}
	return strings.TrimSpace(text[:cut]) + " …"
}

// Printed is a link that was just made. It is shown once: only its digest is kept.
type Printed struct {
	*Card
	URL string
	// QR is the picture of URL, by row and column; true is dark.
	QR [][]bool
}

// Print makes the link of an invitation, good once, and ends the one made before.
func (g *Guests) Print(ctx context.Context, person, invitation iri.IRI) (*Printed, error) {
	card, err := g.Sheet(ctx, person, invitation)
	if err != nil {
		return nil, err
	}
	if !card.Linkable() {
		return nil, refuse(422, "no-link", "this invitation lets nobody in any more, or its invitee reads on her own instance")
	}
	secret, err := g.secret(16)
	if err != nil {
		return nil, err
	}
	token := base64.RawURLEncoding.EncodeToString(secret)
	until := g.now().Add(PrintedWithin)
	if e := card.Invitation.EndsAt; e != 0 {
		until = min(until, e)
	}
	err = g.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := models.DropPassesFor(ctx, tx, passPrinted, card.Invitation.Invitee, string(invitation)); err != nil {
			return err
		}
		if err := models.InsertPass(ctx, tx, &models.Pass{Hash: digest(token), Kind: passPrinted, Person: card.Invitation.Invitee, Data: string(invitation), MadeBy: string(person), CreatedAt: g.now(), ExpiresAt: until}); err != nil {
			return err
		}
		return audit.Append(ctx, tx, g.Now(), string(person), "printed link made", string(card.Invitation.Community), map[string]any{"invitee": card.Invitation.Invitee})
	})
	if err != nil {
		return nil, err
	}
	card.MadeAt, card.Until = g.now(), until
	out := &Printed{Card: card, URL: g.Own.Base() + PathPrinted + token}
	if out.QR, err = picture(out.URL); err != nil {
		return nil, fmt.Errorf("draw the link of %s: %w", invitation, err)
	}
	return out, nil
}

func picture(text string) ([][]bool, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, err
	}
	b := code.Bounds()
	var out [][]bool
	for y := b.Min.Y; y < b.Max.Y; y++ {
		var row []bool
		for x := b.Min.X; x < b.Max.X; x++ {
			shade, _, _, _ := code.At(x, y).RGBA()
			row = append(row, shade == 0)
		}
		out = append(out, row)
	}
	return out, nil
}

// Withdraw ends the link of an invitation, used or not.
func (g *Guests) Withdraw(ctx context.Context, person, invitation iri.IRI) error {
	card, err := g.Sheet(ctx, person, invitation)
	if err != nil {
		return err
	}
	return g.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := models.DropPassesFor(ctx, tx, passPrinted, card.Invitation.Invitee, string(invitation)); err != nil {
			return err
		}
		return audit.Append(ctx, tx, g.Now(), string(person), "printed link withdrawn", string(card.Invitation.Community), map[string]any{"invitee": card.Invitation.Invitee})
	})
}

// Open shows whoever holds a printed link what it is for. It uses nothing up: a program
// that looks at links must not. The refusal is printed-over.
func (g *Guests) Open(ctx context.Context, token string) (*Card, error) {
	return g.behind(ctx, g.Store.R, token)
}

func (g *Guests) behind(ctx context.Context, db bun.IDB, token string) (*Card, error) {
	p, err := models.PassByHash(ctx, db, passPrinted, digest(token), g.now())
	if models.NotFound(err) {
		return nil, errPrinted
	}
	if err != nil {
		return nil, err
	}
	card, _, err := g.card(ctx, db, iri.IRI(p.Data))
	if err != nil {
		return nil, err
	}
	if !card.Linkable() {
		return nil, errPrinted
	}
	card.MadeAt, card.Until = p.CreatedAt, p.ExpiresAt
	return card, nil
}

// Use proves a guest by a printed link and uses it up. She reads the one community of her
// invitation. A link whose invitee has not accepted yet stays good: her consent comes from
// her own account, and paper is none. Refusals: printed-over, not-accepted.
func (g *Guests) Use(ctx context.Context, token string, from access.Origin) (*Entry, error) {
	var card *Card
	err := g.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		if card, err = g.behind(ctx, tx, token); err != nil {
			return err
		}
		if !card.Joined {
			return refuse(422, "not-accepted", "follow %s from %s first", card.Group, card.Invitee)
		}
		ok, err := models.SpendPass(ctx, tx, digest(token))
		if err == nil && !ok {
			return errPrinted
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	e := &Entry{Handle: card.Invitee}
	e.Actor, e.Community, e.Method = card.Invitation.Invitee, card.Invitation.Community, ByPrinted
	if t := card.Invitation.EndsAt; t != 0 {
		e.Ends = t.Time()
	}
	return e, nil
}
