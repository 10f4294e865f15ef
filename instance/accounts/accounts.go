// Package accounts keeps offices, persons and mandates.
package accounts

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/keyring"
	"valise/federation/policy"
	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
)

// Accounts is the service.
type Accounts struct {
	Store *models.Store
	Keys  *keyring.Keyring
	Own   iri.Host
	Now   func() time.Time
}

// names are user names: what WebFinger and every fediverse server can carry.
var names = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$`)

// codes begin a reference number.
var codes = regexp.MustCompile(`^[A-Z][A-Z0-9 -]{0,30}[A-Z0-9]$`)

// InstanceActor is the id of the actor that speaks for the whole instance.
func InstanceActor(own iri.Host) iri.IRI { return iri.IRI(own.Base() + "/actor") }

// Actor builds the row of an actor of ours.
func Actor(own iri.Host, kind, username, name string, now time.Time) *models.Actor {
	path := map[string]string{models.TypeOrganization: "/o/", models.TypePerson: "/u/", models.TypeGroup: "/g/"}[kind]
	id := iri.IRI(own.Base() + path + username)
	if kind == models.TypeApplication {
		id = InstanceActor(own)
	}
	return &models.Actor{IRI: id, Host: own, Local: true, Type: kind, Username: username, Name: name, Inbox: id + "/inbox",
		SharedInbox: iri.IRI(own.Base() + "/inbox"), Followers: id + "/followers", KeyHistory: id + "/keys", OwnSoftware: true, CreatedAt: models.At(now)}
}

// Invalid is bad input: what was wrong, and what to do.
func Invalid(format string, args ...any) error {
	return &policy.Refusal{Code: "invalid", Status: 422, Detail: fmt.Sprintf(format, args...)}
}

// Add makes an actor of ours with its key, in the caller's transaction. It refuses bad
// and taken names.
func (s *Accounts) Add(ctx context.Context, tx bun.Tx, kind, username, name string) (*models.Actor, error) {
	username = strings.ToLower(strings.TrimSpace(username))
	name = strings.TrimSpace(name)
	if !names.MatchString(username) {
		return nil, policy.About("username", Invalid("user name %q: use 1 to 64 of a-z, 0-9, - and _, beginning and ending with a letter or digit", username))
	}
	if name == "" || len(name) > 500 {
		return nil, policy.About("name", Invalid("%s needs a display name of 1 to 500 bytes", username))
	}
	if other, err := models.LocalActorByName(ctx, tx, username); err == nil {
		return nil, policy.About("username", Invalid("the name %q is taken by %s", username, other.Name))
	} else if !models.NotFound(err) {
		return nil, err
	}
	a := Actor(s.Own, kind, username, name, s.Now())
	if err := models.InsertActor(ctx, tx, a); err != nil {
		return nil, fmt.Errorf("add %s %s: %w", kind, username, err)
	}
	if _, err := s.Keys.Make(ctx, tx, a.IRI, s.Now()); err != nil {
		return nil, err
	}
	return a, nil
}

// AddOffice opens an office. code begins its reference numbers.
func (s *Accounts) AddOffice(ctx context.Context, by, username, code, title, post string) (o *models.Office, err error) {
	err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		o, err = s.OpenOffice(ctx, tx, by, username, code, title, post)
		return err
	})
	return o, err
}

// OpenOffice is AddOffice in the caller's transaction.
func (s *Accounts) OpenOffice(ctx context.Context, tx bun.Tx, by, username, code, title, post string) (*models.Office, error) {
	code = strings.ToUpper(strings.TrimSpace(code))
	if !codes.MatchString(code) {
		return nil, policy.About("code", Invalid("code %q: use 2 to 32 of A-Z, 0-9, blank and -, beginning with a letter", code))
	}
	a, err := s.Add(ctx, tx, models.TypeOrganization, username, title)
	if err != nil {
		return nil, policy.Rename(err, map[string]string{"name": "title"})
	}
	o := &models.Office{IRI: a.IRI, Code: code, Title: a.Name, Post: strings.TrimSpace(post), CreatedAt: models.At(s.Now())}
	if err := models.InsertOffice(ctx, tx, o); models.IsConflict(err) {
		return nil, policy.About("code", Invalid("the code %q is used by another office", code))
	} else if err != nil {
		return nil, err
	}
	return o, audit.Append(ctx, tx, s.Now(), by, "office opened", string(a.IRI), map[string]any{"code": code, "title": title})
}

// AddPerson adds an officer or expert.
func (s *Accounts) AddPerson(ctx context.Context, by, username, name string) (a *models.Actor, err error) {
	err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if a, err = s.Add(ctx, tx, models.TypePerson, username, name); err != nil {
			return err
		}
		return audit.Append(ctx, tx, s.Now(), by, "person added", string(a.IRI), map[string]any{"name": name})
	})
	return a, err
}

// Acts that a mandate can give.
var Acts = []string{models.ActRead, models.ActDraft, models.ActClear, models.ActRelease}

// Grant gives a person rights to act for an office until ends (zero: without term).
func (s *Accounts) Grant(ctx context.Context, by string, office, person iri.IRI, acts []string, ends time.Time) error {
	if len(acts) == 0 {
		return Invalid("name at least one right: %s", strings.Join(Acts, ", "))
	}
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.known(ctx, tx, office, person); err != nil {
			return err
		}
		if err := NotBlocked(ctx, tx, person); err != nil {
			return err
		}
		for _, act := range acts {
			if !valid(act) {
				return Invalid("%q is no right; use %s", act, strings.Join(Acts, ", "))
			}
			if err := models.GrantMandate(ctx, tx, &models.Mandate{Office: office, Person: person, Act: act, GrantedAt: models.At(s.Now()), GrantedBy: by, EndsAt: models.At(ends)}); err != nil {
				return err
			}
		}
		return audit.Append(ctx, tx, s.Now(), by, "mandate granted", string(office), map[string]any{"person": person, "acts": acts})
	})
}

// Revoke ends rights.
func (s *Accounts) Revoke(ctx context.Context, by string, office, person iri.IRI, acts []string) error {
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, act := range acts {
			had, err := models.RevokeMandate(ctx, tx, office, person, act, models.At(s.Now()))
			if err != nil {
				return err
			}
			if !had {
				return Invalid("%s has no right to %s for %s", person, act, office)
			}
		}
		return audit.Append(ctx, tx, s.Now(), by, "mandate revoked", string(office), map[string]any{"person": person, "acts": acts})
	})
}

// SetRules says who must clear what in an office.
func (s *Accounts) SetRules(ctx context.Context, by string, office iri.IRI, rules models.Rules) error {
	if rules.MinClearances < 0 || rules.MinClearances > 20 {
		return Invalid("between 0 and 20 clearances can be asked for, not %d", rules.MinClearances)
	}
	return s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.known(ctx, tx, office, rules.Clearers...); err != nil {
			return err
		}
		if err := NotBlocked(ctx, tx, rules.Clearers...); err != nil {
			return err
		}
		if err := models.SetOfficeRules(ctx, tx, office, rules); err != nil {
			return err
		}
		return audit.Append(ctx, tx, s.Now(), by, "clearance rules set", string(office), map[string]any{"clearers": rules.Clearers, "min": rules.MinClearances, "nobodyAlone": rules.NobodyAlone})
	})
}

func (s *Accounts) known(ctx context.Context, db bun.IDB, office iri.IRI, persons ...iri.IRI) error {
	if _, err := models.OfficeByIRI(ctx, db, office); models.NotFound(err) {
		return Invalid("%s is no office here", office)
	} else if err != nil {
		return err
	}
	for _, p := range persons {
		a, err := models.ActorByIRI(ctx, db, p)
		if models.NotFound(err) || err == nil && (!a.Local || a.Type != models.TypePerson) {
			return Invalid("%s is no person here", p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Require refuses when the person has no mandate for the act.
func (s *Accounts) Require(ctx context.Context, db bun.IDB, person, office iri.IRI, act string) error {
	ok, err := models.HasMandate(ctx, db, person, office, act, models.At(s.Now()))
	if err != nil {
		return err
	}
	if !ok {
		if err := NotBlocked(ctx, db, person); err != nil {
			return err
		}
		return &policy.Refusal{Code: "no-mandate", Status: 403, Detail: fmt.Sprintf("%s has no mandate to %s for %s", person, act, office)}
	}
	return nil
}

// NotBlocked refuses to begin anything that would wait for somebody who is blocked.
func NotBlocked(ctx context.Context, db bun.IDB, persons ...iri.IRI) error {
	blocked, err := models.BlockedAmong(ctx, db, persons)
	if err != nil {
		return fmt.Errorf("find who is blocked: %w", err)
	}
	for _, p := range persons {
		if blocked[p] != nil {
			return Invalid("%s is blocked: choose somebody else, or have an operator lift the block", p)
		}
	}
	return nil
}

func valid(act string) bool {
	for _, a := range Acts {
		if a == act {
			return true
		}
	}
	return false
}
