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

// RevokeOperator ends that. On pages the last operator stays; the command line, which
// needs none, may end every role.
func (a *Access) RevokeOperator(ctx context.Context, by string, person iri.IRI) error {
	return a.in(ctx, by, "operator revoked", string(person), nil, func(ctx context.Context, tx bun.Tx) error {
		p, err := a.person(ctx, tx, person)
		if err != nil {
			return err
		}
		ok, err := models.RevokeOperator(ctx, tx, person)
		if err != nil {
			return err
		}
		if !ok {
			return accounts.Invalid("%s is no operator", p.Name)
		}
		left, err := models.Operators(ctx, tx)
		if err == nil && len(left) == 0 && by != audit.LocalOperator {
			return accounts.Invalid("%s is the last operator: name another one first", p.Name)
		}
		return err
	})
}
