package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"valise/models/iri"
)

// slowHosts begin with this; they answer after slowFor.
const (
	slowHosts = "slow"
	slowFor   = 5 * time.Second
)

// sink is every other instance: it takes what is posted to it under any name, and notes
// when.
type sink struct {
	port   int
	server *http.Server

	mu    sync.Mutex
	times []time.Time
	more  chan struct{}
}

func newSink() (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for deliveries: %w", err)
	}
	s := &sink{port: l.Addr().(*net.TCPAddr).Port, more: make(chan struct{}, 1)}
	s.server = &http.Server{Handler: http.HandlerFunc(s.take), ReadHeaderTimeout: 10 * time.Second}
	go s.server.Serve(l)
	return s, nil
}

func (s *sink) close() { s.server.Close() }

// host is a name that leads here.
func (s *sink) host(name string) iri.Host {
	return iri.Host(fmt.Sprintf("%s.localhost:%d", name, s.port))
}

func (s *sink) take(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	if strings.HasPrefix(r.Host, slowHosts) {
		select {
		case <-time.After(slowFor):
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusAccepted)
		return
	}
	now := time.Now()
	s.mu.Lock()
	s.times = append(s.times, now)
	s.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// reset forgets what came.
func (s *sink) reset() {
	s.mu.Lock()
	s.times = nil
	s.mu.Unlock()
}

// wait returns the moments of the first n deliveries from hosts that are not slow.
func (s *sink) wait(ctx context.Context, n int) ([]time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		s.mu.Lock()
		times := s.times
		s.mu.Unlock()
		if len(times) >= n {
			return times[:n], nil
		}
		select {
		case <-s.more:
		case <-ctx.Done():
			return nil, fmt.Errorf("%d of %d deliveries came: %w", len(times), n, ctx.Err())
		}
	}
}
