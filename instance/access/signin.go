package access

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
)

// Methods by which somebody has proved who she is.
const (
	ByPassword = "password"
	ByTOTP     = "password and code"
	ByRecovery = "password and recovery code"
	ByPasskey  = "passkey"
	ByLink     = "one-time link"
	BySetup    = "first run"
)

// Proof says that a person has just proved who she is. Only this package makes one.
type Proof struct {
	person iri.IRI
	method string
	at     models.Time
}

// Person is who was proved.
func (p *Proof) Person() iri.IRI { return p.person }

// Method is how.
func (p *Proof) Method() string { return p.method }

// Step is what follows a right password: the proof, or the question for a second factor.
type Step struct {
	Proof *Proof // nil where a second factor is asked
	// Next continues with Second, within SecondWithin.
	Next string
	// TOTP and Passkey say what she has enrolled; a recovery code works with either.
	TOTP, Passkey bool
}

// SecondWithin is how long a right password waits for its second factor.
const SecondWithin = 10 * time.Minute

const passSecond = "second factor"

var errWrong = &Refusal{Code: "wrong-sign-in", Status: 401, Detail: "name and password do not belong together: check both, capitals count in the password"}

var errOver = &Refusal{Code: "sign-in-over", Status: 401, Detail: "this sign-in is over or has waited for too long: begin again"}

// username reads what people type as their name: the user name, or the handle. What can
// be neither is "", which is nobody.
func (a *Access) username(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	name = strings.TrimPrefix(name, "@")
	name = strings.TrimSuffix(name, "@"+string(a.Own))
	if len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' }) {
		return ""
	}
	return name
}

// Password is the first step: name and password. An unknown name, a person without a
// password and a wrong password take the same time and get the same answer. Refusals:
// wrong-sign-in, wait (see Waiting); after a right password blocked.
func (a *Access) Password(ctx context.Context, name, password string, from Origin) (*Step, error) {
	name = a.username(name)
	var person iri.IRI
	credential := &models.Credential{}
	actor, err := models.LocalActor(ctx, a.Store.R, models.TypePerson, name)
	if err != nil && !models.NotFound(err) {
		return nil, fmt.Errorf("look up who signs in: %w", err)
	}
	if err == nil {
		person = actor.IRI
	}
	if c, err := models.CredentialOf(ctx, a.Store.R, person); err == nil {
		credential = c
	} else if !models.NotFound(err) {
		return nil, fmt.Errorf("read a credential: %w", err)
	}
	t, err := a.try(ctx, "name", name, person, from)
	if err != nil {
		return nil, err
	}
	if len(password) > passwordMost {
		password = "" // the same work, and never right
	}
	ok, stale, err := a.verify(ctx, password, credential.Password)
	if err != nil {
		return nil, fmt.Errorf("check the password of %s: %w", person, err)
	}
	if !ok {
		return nil, a.failed(ctx, from, person, ByPassword, errWrong)
	}
	if err := a.admits(ctx, a.Store.R, person); err != nil {
		if err == error(errBlocked) {
			err = a.failed(ctx, from, person, ByPassword, err)
		}
		return nil, err
	}
	if stale {
		fresh, err := a.hash(ctx, password)
		if err != nil {
			return nil, err
		}
		if err := models.Rehash(ctx, a.Store.W, person, credential.Password, fresh); err != nil {
			return nil, fmt.Errorf("renew the password hash of %s: %w", person, err)
		}
	}
	var step *Step
	err = a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := a.passed(ctx, tx, t); err != nil {
			return err
		}
		step, err = a.after(ctx, tx, person, ByPassword)
		return err
	})
	return step, err
}

// after is what follows a first factor: a proof, or the question for the second one.
func (a *Access) after(ctx context.Context, tx bun.Tx, person iri.IRI, method string) (*Step, error) {
	if err := a.admits(ctx, tx, person); err != nil {
		return nil, err
	}
	f, err := models.FactorsOf(ctx, tx, person)
	if err != nil {
		return nil, err
	}
	if !f.Second() {
		return &Step{Proof: &Proof{person, method, a.now()}}, nil
	}
	next, err := a.pass(ctx, tx, passSecond, person, "", string(person), SecondWithin)
	return &Step{Next: next, TOTP: f.TOTP, Passkey: f.Passkeys > 0}, err
}

// Second is the second step: a code of her app, or a recovery code. A wrong code leaves
// the step open for another try. Refusals: wrong-code, wait, sign-in-over.
func (a *Access) Second(ctx context.Context, next, code string, from Origin) (*Proof, error) {
	p, err := models.PassByHash(ctx, a.Store.R, passSecond, digest(next), a.now())
	if models.NotFound(err) {
		return nil, errOver
	}
	if err != nil {
		return nil, fmt.Errorf("continue a sign-in: %w", err)
	}
	t, err := a.try(ctx, "second", string(p.Person), p.Person, from)
	if err != nil {
		return nil, err
	}
	var proof *Proof
	var method string
	err = a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		method, proof = ByTOTP, nil
		ok, err := a.spendTOTP(ctx, tx, p.Person, code)
		if err == nil && !ok {
			if ok, err = a.spendRecovery(ctx, tx, p.Person, code); ok {
				method = ByRecovery
				err = a.told(ctx, tx, p.Person, "recovery code used", "from "+network(from.Address))
			}
		}
		if err != nil || !ok {
			return err
		}
		if ok, err = models.SpendPass(ctx, tx, p.Hash); err != nil {
			return err
		}
		if !ok {
			return errOver // the same step was finished elsewhere; no code is used up
		}
		proof = &Proof{p.Person, method, a.now()}
		return a.passed(ctx, tx, t)
	})
	if err != nil {
		return nil, err
	}
	if proof == nil {
		return nil, a.failed(ctx, from, p.Person, "second factor", refuse(401, "wrong-code", "this code is not right, or it was used before: wait for the next one, or use a recovery code"))
	}
	return proof, nil
}
