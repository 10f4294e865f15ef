// Package access lets the persons of this instance in: passwords, second factors,
// passkeys, sessions, one-time links, and what each of them prefers.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/uptrace/bun"

	"valise/config"
	"valise/federation/keyring"
	"valise/federation/policy"
	"valise/instance/accounts"
	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
)

// Options is what the service stands on.
type Options struct {
	Store    *models.Store
	Keys     *keyring.Keyring
	Accounts *accounts.Accounts
	Own      iri.Host
	Sessions config.Access
	// Hashing is the cost of new password hashes; the zero value is DefaultHashing.
	Hashing Hashing
	Now     func() time.Time
	// Rand makes every token, code and secret; nil is the system's.
	Rand io.Reader
}

// Access is the service. It is safe for concurrent use.
type Access struct {
	Options
	web     *webauthn.WebAuthn
	hashers chan struct{} // one place for each hash at work
}

// New builds the service.
func New(o Options) (*Access, error) {
	if o.Hashing == (Hashing{}) {
		o.Hashing = DefaultHashing
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	web, err := relyingParty(o.Own)
	if err != nil {
		return nil, fmt.Errorf("set up passkeys for %s: %w", o.Own, err)
	}
	return &Access{Options: o, web: web, hashers: make(chan struct{}, hashesAtOnce)}, nil
}

// Origin is where a request comes from.
type Origin struct {
	Address string // without port
	Agent   string // the User-Agent header
}

// Refusal is a decision against a request: a code for machines and words for people.
type Refusal = policy.Refusal

// Waiting returns how long err asks to wait before the next try.
func Waiting(err error) (time.Duration, bool) {
	var r *Refusal
	if errors.As(err, &r) && r.Code == "wait" {
		return time.Duration(r.RetryAfter) * time.Second, true
	}
	return 0, false
}

func refuse(status int, code, format string, args ...any) error {
	return &Refusal{Code: code, Status: status, Detail: fmt.Sprintf(format, args...)}
}

var errFresh = &Refusal{Code: "prove-yourself", Status: 403, Detail: "sign in once more: this needs a proof of who you are that is at most 5 minutes old"}

// FreshFor is how long a proof of who somebody is counts for what needs a fresh one.
const FreshFor = 5 * time.Minute

// Fresh tells whether the person of a session has proved who she is within FreshFor.
func Fresh(s *models.Session, now time.Time) bool {
	return s != nil && s.Kind == models.SessionPerson && s.FreshAt > 0 && models.At(now) < s.FreshAt.Add(FreshFor)
}

func (a *Access) fresh(s *models.Session) error {
	if !Fresh(s, a.Now()) {
		return errFresh
	}
	return nil
}

func (a *Access) now() models.Time { return models.At(a.Now()) }

// in runs fn in one write transaction that also records what it did: nothing of this
// service is done without its record.
func (a *Access) in(ctx context.Context, by, act, object string, detail map[string]any, fn func(context.Context, bun.Tx) error) error {
	return a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := fn(ctx, tx); err != nil {
			return err
		}
		return audit.Append(ctx, tx, a.Now(), by, act, object, detail)
	})
}

// told puts a change to a person's ways of signing in before her eyes: it may not have
// been she who made it.
func (a *Access) told(ctx context.Context, tx bun.Tx, person iri.IRI, kind, detail string) error {
	return models.InsertNotice(ctx, tx, &models.Notice{Recipient: person, Kind: kind, Subject: string(person), Detail: detail, CreatedAt: a.now()})
}

// token returns n random bytes as base64url.
func (a *Access) token(n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(a.Rand, b); err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// digest is what is kept of a token.
func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// person returns the actor of one of ours, or a refusal.
func (a *Access) person(ctx context.Context, db bun.IDB, id iri.IRI) (*models.Actor, error) {
	p, err := models.ActorByIRI(ctx, db, id)
	if models.NotFound(err) || err == nil && (!p.Local || p.Type != models.TypePerson) {
		return nil, accounts.Invalid("%s is no person here", id)
	}
	return p, err
}

// ensure makes the credential row of a person who has none yet.
func (a *Access) ensure(ctx context.Context, tx bun.Tx, person iri.IRI) error {
	handle, err := a.token(32)
	if err != nil {
		return err
	}
	return models.EnsureCredential(ctx, tx, person, handle)
}

// Factors returns what a person has enrolled.
func (a *Access) Factors(ctx context.Context, person iri.IRI) (models.Factors, error) {
	return models.FactorsOf(ctx, a.Store.R, person)
}

// Sweep forgets what is over: passes, counters, sessions.
func (a *Access) Sweep(ctx context.Context) error {
	now := a.now()
	return errors.Join(
		models.ForgetPasses(ctx, a.Store.W, now),
		models.ForgetAttempts(ctx, a.Store.W, now.Add(-forgetAfter)),
		models.ForgetSessions(ctx, a.Store.W, now, now.Add(-a.Sessions.SessionIdle), now.Add(-knownFor)),
	)
}
