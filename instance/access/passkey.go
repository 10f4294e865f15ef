package access

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
)

const (
	passRegister = "passkey registration"
	passAssert   = "passkey sign-in"
	// CeremonyWithin is how long a browser may take to ask its authenticator.
	CeremonyWithin = 5 * time.Minute

	passkeyNameMost = 100      // bytes
	responseMost    = 64 << 10 // bytes of an authenticator's answer
)

// relyingParty is this instance as authenticators know it: its host name without port,
// and its one origin.
func relyingParty(own iri.Host) (*webauthn.WebAuthn, error) {
	resident := true
	return webauthn.New(&webauthn.Config{
		RPID: own.Name(), RPDisplayName: string(own), RPOrigins: []string{own.Base()},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &resident, ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: webauthn.TimeoutConfig{Timeout: CeremonyWithin}, Registration: webauthn.TimeoutConfig{Timeout: CeremonyWithin}},
	})
}

// user is a person as the ceremonies see her.
type user struct {
	person   iri.IRI
	handle   string
	username string
	name     string
	keys     []*models.Passkey
}

func (u *user) WebAuthnID() []byte          { return []byte(u.handle) }
func (u *user) WebAuthnName() string        { return u.username }
func (u *user) WebAuthnDisplayName() string { return u.name }
func (u *user) WebAuthnCredentials() []webauthn.Credential {
	out := make([]webauthn.Credential, 0, len(u.keys))
	for _, k := range u.keys {
		id, err := base64.RawURLEncoding.DecodeString(k.ID)
		if err != nil {
			continue
		}
		aaguid, _ := hex.DecodeString(k.AAGUID)
		c := webauthn.Credential{ID: id, PublicKey: k.PublicKey, Authenticator: webauthn.Authenticator{AAGUID: aaguid, SignCount: uint32(k.SignCount)}}
		c.Flags.UserPresent, c.Flags.UserVerified, c.Flags.BackupEligible, c.Flags.BackupState = true, true, k.BackupEligible, k.BackedUp
		for _, t := range strings.Fields(k.Transports) {
			c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
		}
		out = append(out, c)
	}
	return out
}

func (a *Access) user(ctx context.Context, db bun.IDB, c *models.Credential) (*user, error) {
	actor, err := a.person(ctx, db, c.Person)
	if err != nil {
		return nil, err
	}
	keys, err := models.Passkeys(ctx, db, c.Person)
	return &user{person: c.Person, handle: c.Handle, username: actor.Username, name: actor.Name, keys: keys}, err
}

// BeginPasskey starts the registration of an authenticator. options is the JSON that
// PublicKeyCredential.parseCreationOptionsFromJSON reads; ceremony goes back to
// AddPasskey. It needs a fresh session.
func (a *Access) BeginPasskey(ctx context.Context, s *models.Session) (options []byte, ceremony string, err error) {
	if err := a.fresh(s); err != nil {
		return nil, "", err
	}
	err = a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := a.ensure(ctx, tx, s.Person); err != nil {
			return err
		}
		c, err := models.CredentialOf(ctx, tx, s.Person)
		if err != nil {
			return err
		}
		u, err := a.user(ctx, tx, c)
		if err != nil {
			return err
		}
		creation, data, err := a.web.BeginRegistration(u, webauthn.WithExclusions(webauthn.Credentials(u.WebAuthnCredentials()).CredentialDescriptors()))
		if err != nil {
			return fmt.Errorf("begin to register a passkey of %s: %w", s.Person, err)
		}
		options, ceremony, err = a.registration(ctx, tx, s.Person, creation.Response, data)
		return err
	})
	return options, ceremony, err
}

func (a *Access) registration(ctx context.Context, db bun.IDB, person iri.IRI, options any, data *webauthn.SessionData) ([]byte, string, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return nil, "", fmt.Errorf("write the options of a %s: %w", passRegister, err)
	}
	kept, err := json.Marshal(data)
	if err != nil {
		return nil, "", fmt.Errorf("write the state of a %s: %w", passRegister, err)
	}
	token, err := a.pass(ctx, db, passRegister, person, string(kept), string(person), CeremonyWithin)
	return text, token, err
}

// finish takes the state of a registration away: a challenge is good for one answer.
func (a *Access) finish(ctx context.Context, ceremony string) (*models.Pass, webauthn.SessionData, error) {
	var data webauthn.SessionData
	p, err := models.PassByHash(ctx, a.Store.R, passRegister, digest(ceremony), a.now())
	if models.NotFound(err) {
		return nil, data, errOver
	}
	if err != nil {
		return nil, data, fmt.Errorf("finish a %s: %w", passRegister, err)
	}
	ok, err := models.SpendPass(ctx, a.Store.W, p.Hash)
	if err != nil {
		return nil, data, fmt.Errorf("finish a %s: %w", passRegister, err)
	}
	if !ok {
		return nil, data, errOver
	}
	return p, data, json.Unmarshal([]byte(p.Data), &data)
}

// AddPasskey finishes a registration with the authenticator's answer, the JSON of
// PublicKeyCredential.toJSON. It returns recovery codes, to be shown once, where she has
// none. Refusals: prove-yourself, sign-in-over, wrong-passkey.
func (a *Access) AddPasskey(ctx context.Context, s *models.Session, ceremony, name string, response []byte) (codes []string, err error) {
	if err := a.fresh(s); err != nil {
		return nil, err
	}
	if name, err = passkeyName(name); err != nil {
		return nil, err
	}
	p, data, err := a.finish(ctx, ceremony)
	if err != nil {
		return nil, err
	}
	if p.Person != s.Person {
		return nil, errOver
	}
	c, err := models.CredentialOf(ctx, a.Store.R, s.Person)
	if err != nil {
		return nil, err
	}
	u, err := a.user(ctx, a.Store.R, c)
	if err != nil {
		return nil, err
	}
	made, err := a.create(u, data, response)
	if err != nil {
		return nil, a.failed(ctx, Origin{Address: s.Address}, s.Person, passRegister, err)
	}
	row := &models.Passkey{ID: base64.RawURLEncoding.EncodeToString(made.ID), Person: s.Person, Name: name, PublicKey: made.PublicKey, AAGUID: hex.EncodeToString(made.Authenticator.AAGUID),
		SignCount: int64(made.Authenticator.SignCount), BackupEligible: made.Flags.BackupEligible, BackedUp: made.Flags.BackupState, CreatedAt: a.now()}
	for _, t := range made.Transport {
		row.Transports = strings.TrimSpace(row.Transports + " " + string(t))
	}
	err = a.in(ctx, string(s.Person), "passkey added", string(s.Person), map[string]any{"name": name}, func(ctx context.Context, tx bun.Tx) error {
		if err := models.InsertPasskey(ctx, tx, row); models.IsConflict(err) {
			return refuse(422, "wrong-passkey", "this authenticator is enrolled already")
		} else if err != nil {
			return err
		}
		if err := a.told(ctx, tx, s.Person, "passkey added", name); err != nil {
			return err
		}
		codes, err = a.firstCodes(ctx, tx, s.Person)
		return err
	})
	return codes, err
}

// create checks the answer to a registration.
func (a *Access) create(u *user, data webauthn.SessionData, response []byte) (*webauthn.Credential, error) {
	if len(response) > responseMost {
		return nil, &wrongPasskey{errors.New("the answer is too long")}
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return nil, &wrongPasskey{err}
	}
	made, err := a.web.CreateCredential(u, data, parsed)
	if err != nil {
		return nil, &wrongPasskey{err}
	}
	return made, nil
}

// passkeyName is what she calls an authenticator.
func passkeyName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > passkeyNameMost || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return "", refuse(422, "invalid", "give the passkey a name of 1 to %d bytes, such as the device it is on", passkeyNameMost)
	}
	return name, nil
}

var errPasskey = &Refusal{Code: "wrong-passkey", Status: 401, Detail: "the authenticator's answer cannot be accepted: begin again, and if it stays so use another way to sign in"}

// wrongPasskey is errPasskey with its cause, which is for the audit trail: she reads
// nothing of it.
type wrongPasskey struct{ cause error }

func (w *wrongPasskey) Error() string { return errPasskey.Error() }
func (w *wrongPasskey) Unwrap() error { return errPasskey }

// why is the cause in the library's words, at most whyMost bytes.
func (w *wrongPasskey) why() string {
	text := w.cause.Error()
	var p *protocol.Error
	if errors.As(w.cause, &p) {
		text = p.Details + ": " + p.DevInfo
	}
	return text[:min(len(text), whyMost)]
}

const whyMost = 300

// Passkeys lists a person's authenticators, oldest first.
func (a *Access) Passkeys(ctx context.Context, person iri.IRI) ([]*models.Passkey, error) {
	return models.Passkeys(ctx, a.Store.R, person)
}

// RenamePasskey gives one another name.
func (a *Access) RenamePasskey(ctx context.Context, s *models.Session, id, name string) error {
	name, err := passkeyName(name)
	if err != nil {
		return err
	}
	ok, err := models.RenamePasskey(ctx, a.Store.W, s.Person, id, name)
	if err == nil && !ok {
		return refuse(404, "not-found", "you have no such passkey")
	}
	return err
}

// RemovePasskey takes one away, unless nothing would be left to sign in with. It needs a
// fresh session.
func (a *Access) RemovePasskey(ctx context.Context, s *models.Session, id string) error {
	if err := a.fresh(s); err != nil {
		return err
	}
	if id == "" {
		return refuse(404, "not-found", "you have no such passkey")
	}
	return a.in(ctx, string(s.Person), "passkey removed", string(s.Person), nil, func(ctx context.Context, tx bun.Tx) error {
		n, err := models.DeletePasskey(ctx, tx, s.Person, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return refuse(404, "not-found", "you have no such passkey")
		}
		f, err := models.FactorsOf(ctx, tx, s.Person)
		if err != nil {
			return err
		}
		if !f.Password && f.Passkeys == 0 {
			return refuse(422, "invalid", "this passkey is your only way to sign in: set a password or add another passkey first")
		}
		return a.told(ctx, tx, s.Person, "passkey removed", "")
	})
}
