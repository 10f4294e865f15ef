package access

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

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

// Setup tells whether a token opens the first run; else the refusal link-over.
func (a *Access) Setup(ctx context.Context, token string) error {
	any, err := models.AnyCredential(ctx, a.Store.R)
	if err != nil {
		return err
	}
	if any {
		return errLink
	}
	_, err = a.good(ctx, passSetup, token)
	return err
}

// First is what the first run asks for. The office and the person may exist already: then
// their names are left as they are.
type First struct {
	Username, Name, Password string
	// Office is the user name of the first office; Code begins its reference numbers.
	Office, Code, Title, Post string
}

// FirstRun makes the first office and the first person, gives her every right for it and
// the role of operator, and uses the token up. Refusals: link-over, weak-password,
// invalid.
func (a *Access) FirstRun(ctx context.Context, token string, in First) (*Proof, error) {
	if err := a.Setup(ctx, token); err != nil {
		return nil, err
	}
	if err := checkPassword(in.Password, in.Username, in.Name, string(a.Own)); err != nil {
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
			return errLink
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
			return errLink
		}
		office, err := a.firstActor(ctx, tx, models.TypeOrganization, in.Office, func() (iri.IRI, error) {
			o, err := a.Accounts.OpenOffice(ctx, tx, "first run", in.Office, in.Code, in.Title, in.Post)
			if err != nil {
				return "", err
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
