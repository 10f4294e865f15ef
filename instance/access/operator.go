package access

import (
	"context"

	"github.com/uptrace/bun"

	"valise/instance/accounts"
	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
)

// IsOperator tells whether a person may administer the instance.
func (a *Access) IsOperator(ctx context.Context, person iri.IRI) (bool, error) {
	return models.IsOperator(ctx, a.Store.R, person)
}

// Operators lists who may administer the instance.
func (a *Access) Operators(ctx context.Context) ([]*models.Administrator, error) {
	return models.Operators(ctx, a.Store.R)
}

// GrantOperator lets a person administer the instance.
func (a *Access) GrantOperator(ctx context.Context, by string, person iri.IRI) error {
	return a.in(ctx, by, "operator named", string(person), nil, func(ctx context.Context, tx bun.Tx) error {
		p, err := a.person(ctx, tx, person)
		if err != nil {
			return err
		}
		ok, err := models.GrantOperator(ctx, tx, person, by, a.now())
		if err == nil && !ok {
			return accounts.Invalid("%s is an operator already", p.Name)
		}
		return err
	})
}

// RevokeOperator ends that. On pages the last operator who may come in stays; the command
// line, which needs none, may end every role.
func (a *Access) RevokeOperator(ctx context.Context, by string, person iri.IRI) error {
	return a.in(ctx, by, "operator revoked", string(person), nil, func(ctx context.Context, tx bun.Tx) error {
		p, err := a.person(ctx, tx, person)
		if err != nil {
			return err
		}
		if err := a.lastOperator(ctx, tx, by, p); err != nil {
			return err
		}
		ok, err := models.RevokeOperator(ctx, tx, person)
		if err == nil && !ok {
			return accounts.Invalid("%s is no operator", p.Name)
		}
		return err
	})
}

// lastOperator refuses to take the only operator who may come in.
func (a *Access) lastOperator(ctx context.Context, tx bun.Tx, by string, p *models.Actor) error {
	if by == audit.LocalOperator {
		return nil
	}
	another, err := models.OperatorBeside(ctx, tx, p.IRI)
	if err != nil || another {
		return err
	}
	hers, err := models.IsOperator(ctx, tx, p.IRI)
	if err == nil && hers {
		return accounts.Invalid("%s is the last operator: name another one first", p.Name)
	}
	return err
}
