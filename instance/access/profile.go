package access

import (
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a time zone is the same on every machine

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/instance/accounts"
	"valise/models"
	"valise/models/iri"
)

// Languages and themes that a person may choose. "" follows her browser or system.
var (
	Languages = []string{"en", "fr", "ar"}
	Themes    = []string{"light", "dark"}
)

const emailMost = 254 // bytes (RFC 5321 §4.5.3.1.3)

// Preferences returns a person's.
func (a *Access) Preferences(ctx context.Context, person iri.IRI) (*models.Preferences, error) {
	return models.PreferencesOf(ctx, a.Store.R, person)
}

// SetPreferences keeps her language, time zone, theme and whether mails tell her that
// something waits.
func (a *Access) SetPreferences(ctx context.Context, person iri.IRI, language, zone, theme string, notify bool) error {
	if language != "" && !slices.Contains(Languages, language) {
		return accounts.Invalid("the language is one of %s, not %q", strings.Join(Languages, ", "), language)
	}
	if theme != "" && !slices.Contains(Themes, theme) {
		return accounts.Invalid("the theme is one of %s, not %q", strings.Join(Themes, ", "), theme)
	}
	if err := checkZone(zone); err != nil {
		return policy.About("zone", err)
	}
	err := models.SetPreferences(ctx, a.Store.W, &models.Preferences{Person: person, Language: language, Zone: zone, Theme: theme, Notify: notify})
	if err != nil {
		return fmt.Errorf("keep the preferences of %s: %w", person, err)
	}
	return nil
}

// checkZone takes a name of the IANA database; "Local" would be this machine's zone.
func checkZone(zone string) error {
	if zone == "" {
		return nil
	}
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" || len(zone) > 64 {
		return accounts.Invalid("%q is no time zone: write one such as Africa/Tunis or Europe/Paris", zone)
	}
	return nil
}

// SetEmail keeps the address for notifications and asks it, by a mail with a link,
// whether it is hers; until then nothing else is sent to it. "" removes it. It needs a
// fresh session, and the same person may ask a few times in a row, then waits.
func (a *Access) SetEmail(ctx context.Context, s *models.Session, address string, from Origin) error {
	if err := a.fresh(s); err != nil {
		return err
	}
	address = strings.TrimSpace(address)
	if address != "" {
		parsed, err := mail.ParseAddress(address)
		if err != nil || parsed.Address != address || len(address) > emailMost || strings.ContainsAny(address, "\r\n\x00") {
			return policy.About("email", accounts.Invalid("%q is no e-mail address: write one such as alice@ministry.example", address))
		}
		if _, err := a.try(ctx, "address", string(s.Person), s.Person, from); err != nil {
			return err
		}
	}
	return a.in(ctx, string(s.Person), "address for notifications set", string(s.Person), nil, func(ctx context.Context, tx bun.Tx) error {
		if err := models.DropPasses(ctx, tx, passEmail, s.Person); err != nil {
			return err
		}
		if err := models.SetEmail(ctx, tx, s.Person, address); err != nil {
			return err
		}
		if err := models.ClearMailState(ctx, tx, s.Person); err != nil || address == "" {
			return err
		}
		return models.QueueMail(ctx, tx, s.Person, models.MailAddress, a.now())
	})
}

// AddressLink makes the link that proves a person's address. The mail that carries it is
// the only place where it is; ok is false where nothing is to be proved any more.
func (a *Access) AddressLink(ctx context.Context, person iri.IRI) (url string, ok bool, err error) {
	err = a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		url, ok = "", false
		p, err := models.PreferencesOf(ctx, tx, person)
		if err != nil || p.Email == "" || p.EmailAt > 0 {
			return err
		}
		if err := models.DropPasses(ctx, tx, passEmail, person); err != nil {
			return err
		}
		secret, err := a.pass(ctx, tx, passEmail, person, p.Email, string(person), LinkWithin)
		url, ok = a.Own.Base()+PathAddress+secret, true
		return err
	})
	return url, ok && err == nil, err
}

// ProveEmail takes the link of such a mail. It returns whose address it was. Refusal:
// link-over.
func (a *Access) ProveEmail(ctx context.Context, token string) (iri.IRI, error) {
	p, err := a.good(ctx, passEmail, token)
	if err != nil {
		return "", err
	}
	return p.Person, a.in(ctx, string(p.Person), "address for notifications proved", string(p.Person), nil, func(ctx context.Context, tx bun.Tx) error {
		if err := spend(ctx, tx, p); err != nil {
			return err
		}
		ok, err := models.ProveEmail(ctx, tx, p.Person, p.Data, a.now())
		if err == nil && !ok {
			return errLink
		}
		return err
	})
}

// NewFeed makes the token of a person's feed, which is returned this once, and ends the
// one before.
func (a *Access) NewFeed(ctx context.Context, person iri.IRI) (token string, err error) {
	if token, err = a.token(secretLength); err != nil {
		return "", err
	}
	return token, a.setFeed(ctx, person, digest(token), "feed opened")
}

// DropFeed ends a person's feed.
func (a *Access) DropFeed(ctx context.Context, person iri.IRI) error {
	return a.setFeed(ctx, person, "", "feed closed")
}

func (a *Access) setFeed(ctx context.Context, person iri.IRI, hash, act string) error {
	return a.in(ctx, string(person), act, string(person), nil, func(ctx context.Context, tx bun.Tx) error {
		if _, err := a.person(ctx, tx, person); err != nil {
			return err
		}
		return models.SetFeed(ctx, tx, person, hash, a.now())
	})
}

var errFeed = refuse(404, "not-found", "there is no such feed: it may have been closed or renewed")

// Feed returns whose feed a token opens, or the refusal not-found.
func (a *Access) Feed(ctx context.Context, token string) (*models.Preferences, error) {
	p, err := models.PreferencesByFeed(ctx, a.Store.R, digest(token))
	if models.NotFound(err) {
		return nil, errFeed
	}
	if err != nil {
		return nil, err
	}
	blocked, err := models.IsBlocked(ctx, a.Store.R, p.Person)
	if err == nil && blocked {
		return nil, errFeed
	}
	return p, err
}
