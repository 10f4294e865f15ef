package access

import (
	"context"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"io"
	"strings"

	"github.com/boombuler/barcode/qr"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
)

const (
	totpSecret = 20 // bytes (RFC 4226 §4)
	totpPeriod = 30 // seconds of a step
	// totpSkew is how many steps a clock may be off, either way.
	totpSkew = 1
)

// Offer is a secret for her app, which counts once a code of it was typed.
type Offer struct {
	Secret string // base32, to be typed where nothing can be scanned
	URL    string // otpauth://
	// QR is the picture of URL, by row and column; true is dark.
	QR [][]bool
}

// OfferTOTP makes a secret, or shows the one that still waits for its first code; renew
// makes another. It needs a fresh session.
func (a *Access) OfferTOTP(ctx context.Context, s *models.Session, renew bool) (*Offer, error) {
	if err := a.fresh(s); err != nil {
		return nil, err
	}
	actor, err := a.person(ctx, a.Store.R, s.Person)
	if err != nil {
		return nil, err
	}
	var secret []byte
	if c, err := models.CredentialOf(ctx, a.Store.R, s.Person); err == nil && len(c.TOTPNew) > 0 && !renew {
		if secret, err = a.Keys.OpenSecret("totp", s.Person, c.TOTPNew); err != nil {
			return nil, fmt.Errorf("open the offered secret of %s: %w", s.Person, err)
		}
	} else if err != nil && !models.NotFound(err) {
		return nil, err
	}
	if secret == nil {
		secret = make([]byte, totpSecret)
		if _, err := io.ReadFull(a.Rand, secret); err != nil {
			return nil, fmt.Errorf("make a secret for an authenticator: %w", err)
		}
		sealed, err := a.Keys.SealSecret("totp", s.Person, secret)
		if err != nil {
			return nil, err
		}
		err = a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			if err := a.ensure(ctx, tx, s.Person); err != nil {
				return err
			}
			return models.OfferTOTP(ctx, tx, s.Person, sealed)
		})
		if err != nil {
			return nil, fmt.Errorf("offer a secret to %s: %w", s.Person, err)
		}
	}
	return drawn(actor.Username+"@"+string(a.Own), string(a.Own), secret)
}

func drawn(account, issuer string, secret []byte) (*Offer, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: account, Secret: secret, Period: totpPeriod})
	if err != nil {
		return nil, fmt.Errorf("write the address of a secret: %w", err)
	}
	picture, err := qr.Encode(key.URL(), qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("draw a secret: %w", err)
	}
	o := &Offer{Secret: key.Secret(), URL: key.URL()}
	for y := picture.Bounds().Min.Y; y < picture.Bounds().Max.Y; y++ {
		var row []bool
		for x := picture.Bounds().Min.X; x < picture.Bounds().Max.X; x++ {
			r, _, _, _ := picture.At(x, y).RGBA()
			row = append(row, r == 0)
		}
		o.QR = append(o.QR, row)
	}
	return o, nil
}

// ConfirmTOTP puts the offered secret to use with its first code. It returns recovery
// codes, to be shown once, where she has none. Refusals: prove-yourself, unfit-code.
func (a *Access) ConfirmTOTP(ctx context.Context, s *models.Session, code string) (codes []string, err error) {
	if err := a.fresh(s); err != nil {
		return nil, err
	}
	err = a.in(ctx, string(s.Person), "second factor added", string(s.Person), map[string]any{"kind": "codes of an app"}, func(ctx context.Context, tx bun.Tx) error {
		c, err := models.CredentialOf(ctx, tx, s.Person)
		if models.NotFound(err) || err == nil && len(c.TOTPNew) == 0 {
			return refuse(422, "unfit-code", "no secret waits for a code: begin again")
		}
		if err != nil {
			return err
		}
		step, ok, err := a.step(s.Person, c.TOTPNew, code)
		if err != nil {
			return err
		}
		if !ok {
			return refuse(422, "unfit-code", "this code does not belong to the secret: check that the clock of your device is right and type the code that it shows now")
		}
		if ok, err = models.ConfirmTOTP(ctx, tx, s.Person, c.TOTPNew, step, a.now()); err != nil {
			return err
		}
		if !ok {
			return refuse(409, "conflict", "another secret was offered meanwhile: begin again")
		}
		if err := a.told(ctx, tx, s.Person, "second factor added", ""); err != nil {
			return err
		}
		codes, err = a.firstCodes(ctx, tx, s.Person)
		return err
	})
	return codes, err
}

// DropTOTP removes her app's secret. It needs a fresh session.
func (a *Access) DropTOTP(ctx context.Context, s *models.Session) error {
	if err := a.fresh(s); err != nil {
		return err
	}
	return a.in(ctx, string(s.Person), "second factor removed", string(s.Person), map[string]any{"kind": "codes of an app"}, func(ctx context.Context, tx bun.Tx) error {
		had, err := models.DropTOTP(ctx, tx, s.Person)
		if err != nil {
			return err
		}
		if !had {
			return refuse(422, "invalid", "no app is enrolled")
		}
		return a.told(ctx, tx, s.Person, "second factor removed", "")
	})
}

// spendTOTP tells whether code is right now and was not used before, and uses it up.
func (a *Access) spendTOTP(ctx context.Context, tx bun.Tx, person iri.IRI, code string) (bool, error) {
	c, err := models.CredentialOf(ctx, tx, person)
	if models.NotFound(err) || err == nil && c.TOTPAt == 0 {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	step, ok, err := a.step(person, c.TOTP, code)
	if err != nil || !ok {
		return false, err
	}
	return models.SpendTOTP(ctx, tx, person, step)
}

// step finds the time step that a code belongs to, within the skew.
func (a *Access) step(person iri.IRI, sealed []byte, code string) (int64, bool, error) {
	code = strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return r
		case r >= '٠' && r <= '٩':
			return r - '٠' + '0'
		case r == ' ', r == '-':
			return -1
		}
		return 'x'
	}, code)
	if len(code) != int(otp.DigitsSix) {
		return 0, false, nil
	}
	secret, err := a.Keys.OpenSecret("totp", person, sealed)
	if err != nil {
		return 0, false, fmt.Errorf("open the secret of %s: %w", person, err)
	}
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
	now := a.Now().Unix() / totpPeriod
	for step := now - totpSkew; step <= now+totpSkew; step++ {
		want, err := hotp.GenerateCodeCustom(text, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, false, fmt.Errorf("compute a code of %s: %w", person, err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return step, true, nil
		}
	}
	return 0, false, nil
}
