package remote

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"valise/models"
	"valise/models/iri"
)

const (
	// standingFor bounds how long another process's change of a standing goes unseen.
	standingFor = time.Second
	// standingMost bounds the hosts whose standing is kept.
	standingMost = 10000
)

// standings keeps the rows of peers that may send to us. A change by this process
// drops them at once, one by another process within standingFor.
type standings struct {
	mu      sync.Mutex
	rows    *sync.Map // iri.Host to *models.Peer; nil: dropped
	known   *atomic.Int64
	writes  int64 // models.PolicyWrites when rows began
	epoch   int64 // of the database when rows began
	checked time.Time
}

// forget drops everything, and has the epoch asked for again.
func (s *standings) forget() {
	s.mu.Lock()
	s.rows = nil
	s.mu.Unlock()
}

// Peer returns the peer, from memory where it may send to us; NotFound for a host that
// has no standing with us. The row must not be changed.
func (a *Actors) Peer(ctx context.Context, host iri.Host) (*models.Peer, error) {
	s := &a.standings
	rows, known, err := s.kept(ctx, a.store)
	if err != nil {
		return nil, err
	}
	if p, ok := rows.Load(host); ok {
		return p.(*models.Peer), nil
	}
	p, err := models.PeerByHost(ctx, a.store.R, host)
	if err == nil && (p.State == models.PeerAccredited || p.State == models.PeerGuest) && known.Add(1) < standingMost {
		rows.Store(host, p)
	}
	return p, err
}

// kept returns the rows that may be used now, and how many they are. Rows that are
// dropped later take what is still being read with them.
func (s *standings) kept(ctx context.Context, store *models.Store) (*sync.Map, *atomic.Int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if writes := models.PolicyWrites(); writes != s.writes {
		s.rows, s.writes = nil, writes
	}
	if now := time.Now(); s.rows == nil || now.Sub(s.checked) >= standingFor {
		epoch, err := models.ConfigEpoch(ctx, store.R)
		if err != nil {
			return nil, nil, err
		}
		if s.rows == nil || epoch != s.epoch {
			s.rows, s.known, s.epoch = new(sync.Map), new(atomic.Int64), epoch
		}
		s.checked = now
	}
	return s.rows, s.known, nil
}
