package access

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
)

// BeginSignIn starts a sign-in with a passkey alone. options is the JSON that
// PublicKeyCredential.parseRequestOptionsFromJSON reads; ceremony goes back to Passkey.
func (a *Access) BeginSignIn() (options []byte, ceremony string, err error) {
	assertion, data, err := a.web.BeginDiscoverableLogin()
	if err != nil {
		return nil, "", fmt.Errorf("begin a sign-in with a passkey: %w", err)
	}
	if options, err = json.Marshal(assertion.Response); err != nil {
		return nil, "", fmt.Errorf("write the options of a %s: %w", passAssert, err)
	}
	kept, err := json.Marshal(challenge{*data, a.now().Add(CeremonyWithin)})
	if err != nil {
		return nil, "", fmt.Errorf("write the state of a %s: %w", passAssert, err)
	}
	sealed, err := a.Keys.SealSecret(passAssert, "", kept)
	return options, base64.RawURLEncoding.EncodeToString(sealed), err
}

// challenge is the state of a sign-in. It goes to the browser under the seal, so that
// strangers who ask for one leave nothing in the database.
type challenge struct {
	Data webauthn.SessionData
	Ends models.Time
}

// asked opens the state of a sign-in that is not over and was not answered yet.
func (a *Access) asked(ctx context.Context, ceremony string) (c challenge, err error) {
	sealed, err := base64.RawURLEncoding.DecodeString(ceremony)
	if err != nil || len(ceremony) > responseMost {
		return c, errOver
	}
	kept, err := a.Keys.OpenSecret(passAssert, "", sealed)
	if err != nil {
		return c, errOver
	}
	if err := json.Unmarshal(kept, &c); err != nil {
		return c, fmt.Errorf("read the state of a %s: %w", passAssert, err)
	}
	if c.Ends <= a.now() {
		return c, errOver
	}
	_, err = models.PassByHash(ctx, a.Store.R, passAssert, digest(ceremony), a.now())
	if err == nil {
		return c, errOver
	}
	if !models.NotFound(err) {
		return c, fmt.Errorf("look up a %s: %w", passAssert, err)
	}
	return c, nil
}

// answered records that a challenge had its answer: it is good for one.
func (a *Access) answered(ctx context.Context, tx bun.Tx, ceremony string, c challenge) error {
	err := models.InsertPass(ctx, tx, &models.Pass{Hash: digest(ceremony), Kind: passAssert, CreatedAt: a.now(), ExpiresAt: c.Ends})
	if models.IsConflict(err) {
		return errOver
	}
	return err
}

// Passkey finishes a sign-in with the authenticator's answer, the JSON of
// PublicKeyCredential.toJSON. The authenticator has verified the person itself, so
// nothing else is asked. Refusals: wrong-passkey, sign-in-over, wait.
func (a *Access) Passkey(ctx context.Context, ceremony string, response []byte, from Origin) (*Proof, error) {
	t, err := a.try(ctx, "", "", "", from)
	if err != nil {
		return nil, err
	}
	asked, err := a.asked(ctx, ceremony)
	if err != nil {
		return nil, err
	}
	who, used, err := a.assert(ctx, asked.Data, response)
	if err != nil {
		var r *Refusal
		if errors.As(err, &r) {
			return nil, a.failed(ctx, from, who, ByPasskey, err)
		}
		return nil, err
	}
	var proof *Proof
	err = a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		proof = nil
		if err := a.answered(ctx, tx, ceremony, asked); err != nil {
			return err
		}
		ok, err := models.UsePasskey(ctx, tx, base64.RawURLEncoding.EncodeToString(used.ID), int64(used.Authenticator.SignCount), used.Flags.BackupState, a.now())
		if err != nil || !ok {
			return err
		}
		if err := a.admits(ctx, tx, who); err != nil {
			return err
		}
		proof = &Proof{who, ByPasskey, a.now()}
		return a.passed(ctx, tx, t)
	})
	if err == error(errBlocked) {
		return nil, a.failed(ctx, from, who, ByPasskey, err)
	}
	if err == nil && proof == nil {
		return nil, a.failed(ctx, from, who, ByPasskey, errCopied)
	}
	return proof, err
}

// errCopied: the counter of an authenticator only ever rises (WebAuthn §7.2, step 22).
var errCopied = &Refusal{Code: "copied-passkey", Status: 401, Detail: "the counter of this passkey went back, so a copy of it may exist: sign in another way, remove the passkey and tell the operator"}

// assert checks an answer. The person is returned with a refusal too, where it names her.
func (a *Access) assert(ctx context.Context, data webauthn.SessionData, response []byte) (who iri.IRI, used *webauthn.Credential, err error) {
	if len(response) > responseMost {
		return "", nil, &wrongPasskey{errors.New("the answer is too long")}
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return "", nil, &wrongPasskey{err}
	}
	var fault error
	_, used, err = a.web.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		c, err := models.CredentialByHandle(ctx, a.Store.R, string(handle))
		if models.NotFound(err) {
			return nil, err
		}
		if err == nil {
			var u *user
			if u, err = a.user(ctx, a.Store.R, c); err == nil {
				who = u.person
				return u, nil
			}
		}
		fault = err
		return nil, err
	}, data, parsed)
	if fault != nil {
		return who, nil, fmt.Errorf("look up the owner of a passkey: %w", fault)
	}
	if err != nil {
		return who, nil, &wrongPasskey{err}
	}
	if used.Authenticator.CloneWarning {
		return who, nil, errCopied
	}
	return who, used, nil
}
