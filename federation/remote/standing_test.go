package remote

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

// A standing is kept in memory, and is never older than what this process has written
// or than a second where another has.
func TestPeerIsKeptAndDropped(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		const host = iri.Host("embassy.example")
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(models.InsertInstance(ctx, s.W, &models.Instance{Host: "ministry.example", SealFingerprint: "x"}))
		a := NewActors(s, nil, iri.Rules{}, "ministry.example", time.Now, func(context.Context, iri.Host) SignFunc { return func(*http.Request, []byte) error { return nil } })
		state := func() string {
			t.Helper()
			p, err := a.Peer(ctx, host)
			if models.NotFound(err) {
				return ""
			}
			must(err)
			return p.State
		}
		save := func(state string) {
			t.Helper()
			must(s.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
				return models.SavePeer(ctx, tx, &models.Peer{Host: host, State: state, Affiliation: models.Outside, Form: models.FormAnnounce})
			}))
		}
		// What another process writes does not pass through SavePeer of this one.
		elsewhere := func(state string) {
			t.Helper()
			for _, query := range []string{`UPDATE peers SET state = '` + state + `'`, `UPDATE instance SET config_epoch = config_epoch + 1`} {
				_, err := s.W.DB.ExecContext(ctx, query)
				must(err)
			}
		}
		if got := state(); got != "" {
			t.Errorf("a stranger is %q", got)
		}
		save(models.PeerProposed)
		if got := state(); got != models.PeerProposed {
			t.Errorf("after a proposal: %q", got)
		}
		elsewhere(models.PeerAccredited)
		if got := state(); got != models.PeerAccredited {
			t.Errorf("who may not send is not kept, got %q", got)
		}
		save(models.PeerSuspended)
		if got := state(); got != models.PeerSuspended {
			t.Errorf("after a suspension by this process: %q", got)
		}
		save(models.PeerAccredited)
		if got := state(); got != models.PeerAccredited {
			t.Errorf("after the suspension: %q", got)
		}
		elsewhere(models.PeerSuspended)
		began := time.Now()
		for state() != models.PeerSuspended {
			if time.Since(began) > 10*time.Second {
				t.Fatal("a suspension by another process is not seen")
			}
			time.Sleep(10 * time.Millisecond)
		}
		save(models.PeerGuest)
		_ = state()
		elsewhere(models.PeerRefused)
		a.Forget()
		if got := state(); got != models.PeerRefused {
			t.Errorf("after Forget: %q", got)
		}
	})
}
