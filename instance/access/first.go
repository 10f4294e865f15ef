package access

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/instance/accounts"
	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
)

// SetupLink makes the link of the first run while nobody can sign in yet, and ends the
// one before; "" where somebody can. Each start of the instance calls it.
func (a *Access) SetupLink(ctx context.Context) (url string, err error) {
	any, err := models.AnyCredential(ctx, a.Store.R)
	if err != nil || any {
		return "", err
	}
	err = a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := models.DropPasses(ctx, tx, passSetup, ""); err != nil {
			return err
		}
		secret, err := a.pass(ctx, tx, passSetup, "", "", audit.LocalOperator, LinkWithin)
		url = a.Own.Base() + PathSetup + secret
		return err
	})
	if err != nil {
		return "", fmt.Errorf("make the link of the first run: %w", err)
	}
	return url, nil
}

// Setup tells whether a token opens the first run. Refusals: set-up-already,
// setup-link-over.
func (a *Access) Setup(ctx context.Context, token string) error {
	any, err := models.AnyCredential(ctx, a.Store.R)
	if err != nil {
		return err
	}
	if any {
		return errSetUp
	}
	if _, err = a.good(ctx, passSetup, token); errors.Is(err, errLink) {
		return errNoSetup
	}
	return err
}

// Unset tells whether the first run is still to come: nobody can sign in.
func (a *Access) Unset(ctx context.Context) (bool, error) {
	any, err := models.AnyCredential(ctx, a.Store.R)
	return !any, err
}

var (
	errSetUp   = &Refusal{Code: "set-up-already", Status: 404, Detail: "this instance was set up already: sign in, or ask its operator for a link of your own"}
	errNoSetup = &Refusal{Code: "setup-link-over", Status: 404, Detail: "this link was replaced by a newer one or is older than 24 hours: start valise serve again, which prints another"}
)

// First is what the first run asks for. The office and the person may exist already: then
// their names are left as they are.
type First struct {
	Username, Name, Password string
	// Office is the user name of the first office; Code begins its reference numbers.
	Office, Code, Title, Post string
}

// FirstRun makes the first office and the first person, gives her every right for it and
// the role of operator, and uses the token up. Refusals: those of Setup, weak-password,
// invalid.
func (a *Access) FirstRun(ctx context.Context, token string, in First) (*Proof, error) {
	if err := a.Setup(ctx, token); err != nil {
		return nil, err
	}
	if err := policy.About("password", checkPassword(in.Password, in.Username, in.Name, string(a.Own))); err != nil {
		return nil, err
	}
	hash, err := a.hash(ctx, in.Password)
	if err != nil {
		return nil, err
	}
	var person iri.IRI
	err = a.in(ctx, "first run", "instance set up", string(a.Own), map[string]any{"person": in.Username, "office": in.Office}, func(ctx context.Context, tx bun.Tx) error {
		p, err := models.PassByHash(ctx, tx, passSetup, digest(token), a.now())
		if models.NotFound(err) {
			return errNoSetup
		}
		if err != nil {
			return err
		}
		if err := spend(ctx, tx, p); err != nil {
			return err
		}
		if any, err := models.AnyCredential(ctx, tx); err != nil {
			return err
		} else if any {
			return errSetUp
		}
		office, err := a.firstActor(ctx, tx, models.TypeOrganization, in.Office, func() (iri.IRI, error) {
			o, err := a.Accounts.OpenOffice(ctx, tx, "first run", in.Office, in.Code, in.Title, in.Post)
			if err != nil {
				return "", policy.Rename(err, map[string]string{"username": "office"})
			}
			return o.IRI, nil
		})
		if err != nil {
			return err
		}
		person, err = a.firstActor(ctx, tx, models.TypePerson, in.Username, func() (iri.IRI, error) {
			p, err := a.Accounts.Add(ctx, tx, models.TypePerson, in.Username, in.Name)
			if err != nil {
				return "", err
			}
			return p.IRI, nil
		})
		if err != nil {
			return err
		}
		for _, act := range accounts.Acts {
			if err := models.GrantMandate(ctx, tx, &models.Mandate{Office: office, Person: person, Act: act, GrantedAt: a.now(), GrantedBy: "first run"}); err != nil {
				return err
			}
		}
		if _, err := models.GrantOperator(ctx, tx, person, "first run", a.now()); err != nil {
			return err
		}
		return a.setPassword(ctx, tx, "first run", person, hash, "")
	})
	if err != nil {
		return nil, err
	}
	return &Proof{person, BySetup, a.now()}, nil
}

// firstActor takes one of ours that exists, or makes it.
func (a *Access) firstActor(ctx context.Context, tx bun.Tx, kind, username string, make func() (iri.IRI, error)) (iri.IRI, error) {
	actor, err := models.LocalActor(ctx, tx, kind, strings.TrimSpace(username))
	if models.NotFound(err) {
		return make()
	}
	if err != nil {
		return "", err
	}
	return actor.IRI, nil
}
