// Package guests lets somebody with an account on other software read and comment here,
// in the communities that she is a member of: she comes in by a one-time code from a
// community's account, or by the printed link of her invitation.
package guests

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"valise/federation/policy"
	"valise/instance/access"
	"valise/instance/communities"
	"valise/instance/desk"
	"valise/models"
	"valise/models/iri"
)

// Guests is the service. It is safe for concurrent use.
type Guests struct {
	Store       *models.Store
	Access      *access.Access
	Communities *communities.Communities
	Desk        *desk.Desk
	Own         iri.Host
	Rules       iri.Rules
	Now         func() time.Time
	// Rand makes every code and secret.
	Rand io.Reader
	// Pace is the least time that Ask takes, so that its length does not tell a guest from
	// a stranger; 0 in tests.
	Pace time.Duration
}

// Pace is longer than sending a code takes.
const Pace = 250 * time.Millisecond

// Methods by which a guest was recognised.
const (
	ByCode    = "one-time code"
	ByPrinted = "printed invitation"
)

// Entry is somebody who has proved which guest she is.
type Entry struct {
	access.Guest
	Handle string
	// Link is the name of what she asked to read, "" for nothing in particular.
	Link string
}

func (g *Guests) now() models.Time { return models.At(g.Now()) }

func refuse(status int, code, format string, args ...any) error {
	return &policy.Refusal{Code: code, Status: status, Detail: fmt.Sprintf(format, args...)}
}

// ErrOver says that a guest may read nothing here any more.
var ErrOver = refuse(403, "term-over", "no membership of yours in a community of this instance is in force")

func (g *Guests) secret(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(g.Rand, b); err != nil {
		return nil, fmt.Errorf("make a secret: %w", err)
	}
	return b, nil
}

// digest is what is kept of a secret.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// ends is when the last of the memberships ends; the zero time where one has no term.
func ends(seats []models.GuestSeat) time.Time {
	last := models.Time(0)
	for _, s := range seats {
		if s.EndsAt == 0 {
			return time.Time{}
		}
		last = max(last, s.EndsAt)
	}
	return last.Time()
}
