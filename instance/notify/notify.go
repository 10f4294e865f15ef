// Package notify mails persons that something waits for them here. A mail says that and
// where, never what: it leaves this house over servers that nobody here knows.
package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/uptrace/bun"

	"valise/config"
	"valise/models"
	"valise/models/iri"
)

const (
	// between is the least time between two notifications to one person.
	between = time.Hour
	// lookEvery is how often due mails are looked for.
	lookEvery = 15 * time.Second
	// atOnce bounds the mails of one turn.
	atOnce = 50
	// leaseFor is how long one process has a mail to itself; sendWithin ends before.
	leaseFor   = 5 * time.Minute
	sendWithin = time.Minute

	firstRetry   = time.Minute
	longestRetry = time.Hour
	// triesMost ends the tries after about three days.
	triesMost = 78
	// tellAfter failures in a row the operator is told.
	tellAfter = 3
)

// Notify is the service.
type Notify struct {
	Store *models.Store
	Mail  config.Mail
	Own   iri.Host
	Now   func() time.Time
	Log   *slog.Logger
	// AddressLink makes the link that proves a person's address; ok is false where
	// nothing is to be proved any more.
	AddressLink func(ctx context.Context, person iri.IRI) (url string, ok bool, err error)
	// TLS is how the mail server is authenticated; nil is by the system's authorities.
	TLS *tls.Config
}

// Run sends what is due until ctx ends. Where mail is off it empties the queue, so that
// nobody gets a heap of old mails the day it is turned on.
func (n *Notify) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if _, err := n.Step(ctx); err != nil && ctx.Err() == nil {
			n.Log.Error("mails cannot be sent", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookEvery):
		}
	}
}

// Step sends what is due now and returns how many mails were settled, sent or not.
func (n *Notify) Step(ctx context.Context) (int, error) {
	if !n.Mail.Enabled() {
		return 0, models.DropMails(ctx, n.Store.W)
	}
	due, err := models.DueMails(ctx, n.Store.R, models.At(n.Now()), atOnce)
	if err != nil {
		return 0, err
	}
	settled := 0
	for _, d := range due {
		now := models.At(n.Now())
		mine, err := models.LeaseMail(ctx, n.Store.W, d, now, now.Add(leaseFor))
		if err != nil {
			return settled, err
		}
		if !mine {
			continue
		}
		if err := n.settle(ctx, d); err != nil {
			return settled, err
		}
		settled++
	}
	return settled, nil
}

// Troubles lists persons whom mails do not reach, by person after one.
func (n *Notify) Troubles(ctx context.Context, after iri.IRI, limit int) ([]*models.MailTrouble, error) {
	return models.MailTroubles(ctx, n.Store.R, after, min(max(limit, 1), 200))
}

// settle sends one mail and records what became of it. Where the process dies between
// the two, the mail goes again once the lease is over: a mail too many, none too few.
func (n *Notify) settle(ctx context.Context, d models.DueMail) error {
	m, err := n.compose(ctx, d)
	if err != nil {
		return n.record(ctx, d, err)
	}
	if m == nil {
		return n.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return models.MailNotNeeded(ctx, tx, d) })
	}
	sending, cancel := context.WithTimeout(ctx, sendWithin)
	defer cancel()
	err = n.send(sending, m)
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // the lease ends by itself
	}
	return n.record(ctx, d, err)
}

// compose writes a mail; nil where nothing waits any more or she wants none.
func (n *Notify) compose(ctx context.Context, d models.DueMail) (*letter, error) {
	p, err := models.PreferencesOf(ctx, n.Store.R, d.Person)
	if err != nil || p.Email == "" {
		return nil, err
	}
	if d.Kind == models.MailAddress {
		url, ok, err := n.AddressLink(ctx, d.Person)
		if err != nil || !ok {
			return nil, err
		}
		return n.write(addressText, p, url), nil
	}
	if !p.Notify || p.EmailAt == 0 {
		return nil, nil
	}
	unread, err := models.UnreadNotices(ctx, n.Store.R, d.Person, models.At(n.Now()))
	if err != nil || unread == 0 {
		return nil, err
	}
	return n.write(noticeText, p, n.Own.Base()+"/"), nil
}

// record keeps what became of a mail; cause is nil for a sent one.
func (n *Notify) record(ctx context.Context, d models.DueMail, cause error) error {
	now := models.At(n.Now())
	err := n.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if cause == nil {
			next := now
			if d.Kind == models.MailNotice {
				next = now.Add(between)
			}
			return models.MailSent(ctx, tx, d, now, next)
		}
		refused := permanent(cause)
		over := refused || d.Attempts+1 >= triesMost
		if err := models.MailFailed(ctx, tx, d, cause.Error(), now.Add(backOff(d.Attempts)), over); err != nil {
			return err
		}
		if refused {
			// Before the notices: what they tell is not to be mailed to that address.
			if err := models.DoubtEmail(ctx, tx, d.Person); err != nil {
				return err
			}
			if err := models.InsertNotice(ctx, tx, &models.Notice{Recipient: d.Person, Kind: "address refused", Subject: string(d.Person), Detail: cause.Error(), CreatedAt: now}); err != nil {
				return err
			}
		}
		if !over && d.Attempts+1 != tellAfter {
			return nil
		}
		return models.InsertNotice(ctx, tx, &models.Notice{Recipient: models.Operator, Kind: "mail failed", Subject: string(d.Person), Detail: cause.Error(), CreatedAt: now})
	})
	if err != nil {
		return errors.Join(fmt.Errorf("record what became of a mail to %s: %w", d.Person, err), cause)
	}
	if cause != nil {
		n.Log.Warn("a mail was not taken", "person", d.Person, "kind", d.Kind, "attempt", d.Attempts+1, "err", cause)
	}
	return nil
}

// backOff is the wait after so many failures before this one.
func backOff(before int64) time.Duration {
	if before > 5 {
		return longestRetry
	}
	return firstRetry << before
}
