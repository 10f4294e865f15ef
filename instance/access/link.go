package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
)

// Paths of the pages that one-time links open; the token follows.
const (
	PathSetup   = "/setup/"
	PathWelcome = "/welcome/"
	PathAddress = "/confirm-address/"
)

const (
	passLink  = "sign-in link"
	passSetup = "setup"
	passEmail = "address"

	// LinkWithin is how long a one-time link is good.
	LinkWithin = 24 * time.Hour

	// lostSecond in the data of a link: her second factors end with its use.
	lostSecond = "lost second factor"
)

var errLink = &Refusal{Code: "link-over", Status: 404, Detail: "this link was used, replaced by a newer one, or is older than 24 hours: ask for another"}

// MakeLink makes a link with which a person sets her password and signs in, once, within
// LinkWithin; the ones made before end. With lost her second factors, passkeys and
// recovery codes end when she uses it: for somebody who has lost them.
func (a *Access) MakeLink(ctx context.Context, by string, person iri.IRI, lost bool) (url string, err error) {
	err = a.in(ctx, by, "sign-in link made", string(person), map[string]any{"lostSecondFactor": lost}, func(ctx context.Context, tx bun.Tx) error {
		if _, err := a.person(ctx, tx, person); err != nil {
			return err
		}
		url, err = a.link(ctx, tx, by, person, lost)
		return err
	})
	return url, err
}

func (a *Access) link(ctx context.Context, tx bun.Tx, by string, person iri.IRI, lost bool) (string, error) {
	if err := models.DropPasses(ctx, tx, passLink, person); err != nil {
		return "", err
	}
	data := ""
	if lost {
		data = lostSecond
	}
	secret, err := a.pass(ctx, tx, passLink, person, data, by, LinkWithin)
	return a.Own.Base() + PathWelcome + secret, err
}

// Invite adds a person and returns her with the link of her first sign-in.
func (a *Access) Invite(ctx context.Context, by, username, name string) (person *models.Actor, url string, err error) {
	err = a.in(ctx, by, "person added", "", map[string]any{"username": username, "name": name}, func(ctx context.Context, tx bun.Tx) error {
		if person, err = a.Accounts.Add(ctx, tx, models.TypePerson, username, name); err != nil {
			return err
		}
		if url, err = a.link(ctx, tx, by, person.IRI, false); err != nil {
			return err
		}
		return audit.Append(ctx, tx, a.Now(), by, "sign-in link made", string(person.IRI), map[string]any{"lostSecondFactor": false})
	})
	return person, url, err
}

// Invited is whom a link is for.
type Invited struct {
	Person         iri.IRI
	Username, Name string
	// First is set for somebody who has never had a password.
	First bool
	// Lost says that her second factors end with the use of the link.
	Lost      bool
	ExpiresAt models.Time
}

// Link returns whom a one-time link is for, or the refusal link-over.
func (a *Access) Link(ctx context.Context, token string) (*Invited, error) {
	p, err := a.good(ctx, passLink, token)
	if err != nil {
		return nil, err
	}
	actor, err := a.person(ctx, a.Store.R, p.Person)
	if err != nil {
		return nil, err
	}
	f, err := models.FactorsOf(ctx, a.Store.R, p.Person)
	return &Invited{Person: p.Person, Username: actor.Username, Name: actor.Name, First: !f.Password, Lost: p.Data == lostSecond, ExpiresAt: p.ExpiresAt}, err
}

func (a *Access) good(ctx context.Context, kind, token string) (*models.Pass, error) {
	p, err := models.PassByHash(ctx, a.Store.R, kind, digest(token), a.now())
	if models.NotFound(err) {
		return nil, errLink
	}
	if err != nil {
		return nil, fmt.Errorf("look up a one-time link: %w", err)
	}
	return p, nil
}

// spend uses a link up inside the transaction that does what it is for.
func spend(ctx context.Context, tx bun.Tx, p *models.Pass) error {
	ok, err := models.SpendPass(ctx, tx, p.Hash)
	if err == nil && !ok {
		return errLink
	}
	return err
}

// UseLink sets the password of whom a link is for, ends her other sessions and uses the
// link up. A second factor that she has is asked next, as after a password. A refused
// password leaves the link good. Refusals: link-over, weak-password.
func (a *Access) UseLink(ctx context.Context, token, password string) (step *Step, err error) {
	p, err := a.good(ctx, passLink, token)
	if err != nil {
		return nil, err
	}
	hash, err := a.accepted(ctx, p.Person, password)
	if err != nil {
		return nil, err
	}
	err = a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := spend(ctx, tx, p); err != nil {
			return err
		}
		if p.Data == lostSecond {
			if err := a.dropSecond(ctx, tx, p); err != nil {
				return err
			}
		}
		if err := a.setPassword(ctx, tx, string(p.Person), p.Person, hash, ""); err != nil {
			return err
		}
		step, err = a.after(ctx, tx, p.Person, ByLink)
		return err
	})
	return step, err
}

// dropSecond ends what she has lost, with the name of who allowed it.
func (a *Access) dropSecond(ctx context.Context, tx bun.Tx, p *models.Pass) error {
	_, totp := models.DropTOTP(ctx, tx, p.Person)
	_, keys := models.DeletePasskey(ctx, tx, p.Person, "")
	if err := errors.Join(totp, keys, models.ReplaceRecoveryCodes(ctx, tx, p.Person, nil, a.now())); err != nil {
		return err
	}
	return audit.Append(ctx, tx, a.Now(), p.MadeBy, "second factors ended", string(p.Person), nil)
}
