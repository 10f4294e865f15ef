package access

import (
	"context"

	"github.com/uptrace/bun"

	"valise/instance/accounts"
	"valise/models"
	"valise/models/iri"
)

// errBlocked is said to nobody but who has proved that she is the person.
var errBlocked = &Refusal{Code: "blocked", Status: 403, Detail: "the operator of this instance has blocked your account: ask her"}

// Block ends a person's sessions now and lets her in by no way until Unblock. What she was
// given stays on record: her mandates are not exercised meanwhile. On pages an operator
// blocks neither herself nor the last operator.
func (a *Access) Block(ctx context.Context, by string, person iri.IRI, reason string) error {
	return a.in(ctx, by, "person blocked", string(person), map[string]any{"reason": reason}, func(ctx context.Context, tx bun.Tx) error {
		p, err := a.person(ctx, tx, person)
		if err != nil {
			return err
		}
		if reason == "" || len(reason) > 1000 {
			return accounts.Invalid("give a reason of 1 to 1000 bytes: it is kept in the audit trail")
		}
		if by == string(person) {
			return accounts.Invalid("you cannot block yourself")
		}
		if err := a.lastOperator(ctx, tx, by, p); err != nil {
			return err
		}
		ok, err := models.BlockPerson(ctx, tx, &models.BlockedPerson{Person: person, MadeBy: by, Reason: reason, At: a.now()})
		if err != nil {
			return err
		}
		if !ok {
			return accounts.Invalid("%s is blocked already", p.Name)
		}
		_, err = models.EndSessions(ctx, tx, person, "", a.now())
		return err
	})
}

// Unblock lets a person in again. Her sessions stay ended.
func (a *Access) Unblock(ctx context.Context, by string, person iri.IRI) error {
	return a.in(ctx, by, "person unblocked", string(person), nil, func(ctx context.Context, tx bun.Tx) error {
		p, err := a.person(ctx, tx, person)
		if err != nil {
			return err
		}
		ok, err := models.UnblockPerson(ctx, tx, person)
		if err == nil && !ok {
			return accounts.Invalid("%s is not blocked", p.Name)
		}
		return err
	})
}

// Blocked returns those of the persons who are blocked.
func (a *Access) Blocked(ctx context.Context, persons []iri.IRI) (map[iri.IRI]*models.BlockedPerson, error) {
	return models.BlockedAmong(ctx, a.Store.R, persons)
}

// admits refuses a person who is blocked.
func (a *Access) admits(ctx context.Context, db bun.IDB, person iri.IRI) error {
	blocked, err := models.IsBlocked(ctx, db, person)
	if err == nil && blocked {
		return errBlocked
	}
	return err
}

// MayAct refuses to act in the name of a person who is blocked, with the code blocked.
func (a *Access) MayAct(ctx context.Context, person iri.IRI) error {
	blocked, err := models.IsBlocked(ctx, a.Store.R, person)
	if err == nil && blocked {
		return refuse(403, "blocked", "%s is blocked: nobody acts in her name", person)
	}
	return err
}
