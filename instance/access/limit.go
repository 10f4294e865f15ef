package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
)

// Tries of a name, of a second factor and from an address are counted. After a few that
// failed, each next one doubles the wait, up to longestWait. Nobody is locked out for
// good: the wait ends, passkeys and one-time links are not counted by name, and failures
// of strangers do not count against an address from which she has signed in before.
const (
	freeForName    = 5
	freeForAddress = 20
	firstWait      = 2 * time.Second
	longestWait    = 15 * time.Minute
	// forgetAfter without a failure a count begins anew.
	forgetAfter = 24 * time.Hour
	// knownFor is how long an address counts as hers after she signed in from it.
	knownFor = 90 * 24 * time.Hour
)

const addressPrefix = "address "

// Network is network for those who record where a guest came from.
func Network(address string) string { return network(address) }

// network is the part of an address that is counted and kept: an IPv4 address, or the
// 64 bits of an IPv6 address that a subscriber is given.
func network(address string) string {
	address, _, _ = strings.Cut(address, "/") // a network is its own network
	a, err := netip.ParseAddr(strings.TrimSpace(address))
	if err != nil {
		return ""
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil {
		return ""
	}
	return p.String()
}

// waitAfter is the wait that follows a number of failures.
func waitAfter(failures, free int64) time.Duration {
	if failures < free {
		return 0
	}
	if over := failures - free; over < 9 {
		return min(firstWait<<over, longestWait)
	}
	return longestWait
}

// trial is one counted try.
type trial struct {
	address string // counter of the address
	name    string // counter of the name or person, "" for none
}

// try counts a try before it is made; it refuses while any counter has to wait. what
// tells names from second factors; person is "" for an unknown name, which costs the
// same work.
func (a *Access) try(ctx context.Context, what, name string, person iri.IRI, from Origin) (trial, error) {
	t := trial{address: addressPrefix + network(from.Address)}
	err := a.count(ctx, t.address, func(ctx context.Context, tx bun.Tx) ([]string, error) {
		if what == "" {
			return []string{t.address}, nil
		}
		// The name may be a password that somebody typed into the wrong field.
		t.name = what + " " + digest(name)
		known, err := models.KnowsAddress(ctx, tx, person, network(from.Address), a.now().Add(-knownFor))
		if known {
			t.name += " from " + network(from.Address)
		}
		return []string{t.address, t.name}, err
	})
	return t, err
}

// Ask counts what anybody may ask for, whether or not it is given: for a name and from an
// address, each for itself. what tells it from other counters. Refusal: wait.
func (a *Access) Ask(ctx context.Context, what, name string, from Origin) error {
	address := what + " " + addressPrefix + network(from.Address)
	return a.count(ctx, address, func(context.Context, bun.Tx) ([]string, error) {
		return []string{address, what + " " + digest(name)}, nil
	})
}

// Answered takes the counts of what was asked for back: it was not in vain.
func (a *Access) Answered(ctx context.Context, tx bun.Tx, what, name string, from Origin) error {
	return a.passed(ctx, tx, trial{address: what + " " + addressPrefix + network(from.Address), name: what + " " + digest(name)})
}

// count counts one try for each of the names, among them the counter of the address, or
// refuses while one of them has to wait.
func (a *Access) count(ctx context.Context, address string, names func(context.Context, bun.Tx) ([]string, error)) error {
	var until models.Time
	waits := errors.New("a counter has to wait")
	err := a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		counted, err := names(ctx, tx)
		if err != nil {
			return err
		}
		until, err = models.CountAttempt(ctx, tx, counted, a.now(), a.now().Add(-forgetAfter), func(name string, failures int64) models.Time {
			free := int64(freeForName)
			if name == address {
				free = freeForAddress
			}
			return a.now().Add(waitAfter(failures, free))
		})
		if err == nil && until > 0 {
			return waits // takes the counts back
		}
		return err
	})
	if errors.Is(err, waits) {
		left := until.Time().Sub(a.Now()).Round(time.Second)
		left = max(left, time.Second)
		return &Refusal{Code: "wait", Status: 429, Detail: fmt.Sprintf("too many tries failed: try again in %s", inWords(left)), RetryAfter: int(left / time.Second)}
	}
	if err != nil {
		return fmt.Errorf("count a try to sign in: %w", err)
	}
	return nil
}

// passed takes the count of a successful try back.
func (a *Access) passed(ctx context.Context, tx bun.Tx, t trial) error {
	if err := models.ForgiveAttempt(ctx, tx, t.address, a.now()); err != nil || t.name == "" {
		return err
	}
	return models.ClearAttempts(ctx, tx, t.name)
}

// failed records a failed try, or a passkey that could not be added, and returns the refusal to answer with.
func (a *Access) failed(ctx context.Context, from Origin, person iri.IRI, method string, refusal error) error {
	by := network(from.Address)
	if by == "" {
		by = "unknown address"
	}
	detail := map[string]any{"method": method}
	var w *wrongPasskey
	if errors.As(refusal, &w) {
		detail["why"] = w.why()
	}
	act := "sign-in failed"
	if method == passRegister {
		act = "passkey refused"
	}
	err := a.in(ctx, by, act, string(person), detail, func(context.Context, bun.Tx) error { return nil })
	if err != nil {
		return fmt.Errorf("record a failed sign-in: %w", err)
	}
	return refusal
}

// inWords writes a wait for people.
func inWords(d time.Duration) string {
	n, unit := int64(d/time.Second), "second"
	if d > 90*time.Second {
		n, unit = int64((d+time.Minute-1)/time.Minute), "minute"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}
