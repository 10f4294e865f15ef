package communities

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"valise/federation/policy"
	"valise/federation/remote"
	"valise/models"
	"valise/models/iri"
)

// Limits of one person's look-ups: each asks another server.
const (
	lookEvery = 3 * time.Second
	lookBurst = 20
	lookers   = 10000
)

// looks are the token buckets of persons. They live in memory, so with several processes
// each has its own.
type looks struct {
	sync.Mutex
	by map[iri.IRI]*rate.Limiter
}

func (l *looks) allow(person iri.IRI) bool {
	l.Lock()
	defer l.Unlock()
	if l.by == nil || len(l.by) > lookers {
		l.by = map[iri.IRI]*rate.Limiter{}
	}
	b := l.by[person]
	if b == nil {
		b = rate.NewLimiter(rate.Every(lookEvery), lookBurst)
		l.by[person] = b
	}
	return b.Allow()
}

// Found is the account that a handle stands for, and what an invitation of it would mean.
type Found struct {
	Actor  iri.IRI
	Handle string
	Name   string
	Type   string // as ActivityStreams names it
	Host   iri.Host
	// Own says that the account is on this instance; OwnSoftware that its server is a
	// Valise. Software and Version are what any other says of itself, and only a hint.
	Own, OwnSoftware  bool
	Software, Version string
	// Standing and Affiliation are of its instance here, "" for one that has none yet.
	Standing, Affiliation string
	Form                  string // models.Form…
	Ceiling               int64  // the highest that could be granted
	State                 string // of a membership that there was or is, "" for none
	Open                  iri.IRI
	Why                   string // it cannot be invited, "" where it can
}

// LookUp finds the account behind a handle for somebody who organises the community. It
// asks the account's server, so it is never called in a transaction, and a person may do
// so only so often.
func (s *Communities) LookUp(ctx context.Context, person, community iri.IRI, who string) (*Found, error) {
	c, err := s.own(ctx, person, community)
	if err != nil {
		return nil, err
	}
	if !s.looks.allow(person) {
		return nil, &policy.Refusal{Code: "too-many", Status: 429, Detail: "too many accounts were looked up; wait a minute", RetryAfter: 60}
	}
	a, err := s.invitee(ctx, strings.TrimSpace(who))
	if kind := remote.KindOf(err); kind == remote.KindNotFound || kind == remote.KindGone {
		return nil, invalid("%s: its server knows no such account; look at how it is written", who)
	}
	if err != nil {
		return nil, err
	}
	f := &Found{Actor: a.IRI, Handle: iri.Handle{Name: a.Username, Host: a.Host}.String(), Name: a.Name, Type: a.Type, Host: a.Host, Own: a.Local, OwnSoftware: a.Local || a.OwnSoftware,
		Form: models.FormBulletin, Ceiling: c.Ceiling}
	if f.OwnSoftware {
		f.Form = models.FormAnnounce
	}
	peer, err := models.PeerByHost(ctx, s.Store.R, a.Host)
	switch {
	case err == nil:
		f.Standing, f.Affiliation, f.Software = peer.State, peer.Affiliation, peer.Software
		if peer.State != models.PeerProposed {
			f.Form, f.Ceiling = peer.Form, min(f.Ceiling, peer.Ceiling)
		}
		if peer.State == models.PeerSuspended || peer.State == models.PeerRefused {
			f.Why = fmt.Sprintf("%s is %s here; nobody there can be invited", a.Host, peer.State)
		}
	case !models.NotFound(err):
		return nil, fmt.Errorf("read the standing of %s: %w", a.Host, err)
	}
	if !f.OwnSoftware && f.Software == "" {
		if info, err := s.Client.NodeInfo(ctx, a.Host); err == nil {
			f.Software, f.Version = info.Software, info.Version
		}
	}
	if err := s.inviting(ctx, a); err != nil && f.Why == "" {
		f.Why = err.Error()
	}
	m, err := models.MemberOf(ctx, s.Store.R, community, a.IRI)
	if err != nil && !models.NotFound(err) {
		return nil, fmt.Errorf("read the membership of %s: %w", a.IRI, err)
	}
	if err == nil {
		f.State = m.State
	}
	open, err := models.LiveInvitation(ctx, s.Store.R, community, a.IRI)
	if err != nil && !models.NotFound(err) {
		return nil, fmt.Errorf("read the invitations of %s: %w", a.IRI, err)
	}
	if err == nil {
		f.Open = open.IRI
	}
	return f, nil
}

// own is a community that the person organises.
func (s *Communities) own(ctx context.Context, person, community iri.IRI) (*models.Community, error) {
	c, err := s.find(ctx, community)
	if err != nil {
		return nil, err
	}
	return c, s.runs(ctx, s.Store.R, person, c)
}
