package access

import (
	"context"
	"encoding/base32"
	"fmt"
	"io"
	"strings"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
)

const (
	recoveryCodes  = 10
	recoveryLength = 10 // bytes: 80 bits, four groups of four characters
)

// NewRecoveryCodes makes ten codes that each replace a second factor once, and ends the
// ones before. They are returned this once. It needs a fresh session.
func (a *Access) NewRecoveryCodes(ctx context.Context, s *models.Session) (codes []string, err error) {
	if err := a.fresh(s); err != nil {
		return nil, err
	}
	err = a.in(ctx, string(s.Person), "recovery codes made", string(s.Person), nil, func(ctx context.Context, tx bun.Tx) error {
		if codes, err = a.makeCodes(ctx, tx, s.Person); err != nil {
			return err
		}
		return a.told(ctx, tx, s.Person, "recovery codes made", "")
	})
	return codes, err
}

// RecoveryCodes returns how many codes are left, and when they were made.
func (a *Access) RecoveryCodes(ctx context.Context, person iri.IRI) (left int, made models.Time, err error) {
	return models.RecoveryCodes(ctx, a.Store.R, person)
}

// firstCodes makes codes for a person who has none left.
func (a *Access) firstCodes(ctx context.Context, tx bun.Tx, person iri.IRI) ([]string, error) {
	left, _, err := models.RecoveryCodes(ctx, tx, person)
	if err != nil || left > 0 {
		return nil, err
	}
	return a.makeCodes(ctx, tx, person)
}

func (a *Access) makeCodes(ctx context.Context, tx bun.Tx, person iri.IRI) ([]string, error) {
	codes, hashes := make([]string, recoveryCodes), make([]string, recoveryCodes)
	for i := range codes {
		b := make([]byte, recoveryLength)
		if _, err := io.ReadFull(a.Rand, b); err != nil {
			return nil, fmt.Errorf("make recovery codes: %w", err)
		}
		text := strings.ToLower(base32.StdEncoding.EncodeToString(b))
		codes[i] = text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
		hashes[i] = recoveryHash(person, codes[i])
	}
	return codes, models.ReplaceRecoveryCodes(ctx, tx, person, hashes, a.now())
}

// spendRecovery tells whether code is one of hers that was not used, and uses it up.
func (a *Access) spendRecovery(ctx context.Context, tx bun.Tx, person iri.IRI, code string) (bool, error) {
	return models.SpendRecoveryCode(ctx, tx, person, recoveryHash(person, code), a.now())
}

// recoveryHash is of the letters and digits alone, so that it does not matter how she
// writes a code. 80 random bits need no slow hash.
func recoveryHash(person iri.IRI, code string) string {
	code = strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '2' && r <= '7':
			return r
		}
		return -1
	}, code)
	return digest(string(person) + " " + code)
}
