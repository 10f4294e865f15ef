package cluster_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/node"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/modeltest"
)

// through posts to the ministry by one of its processes.
func (s *court) through(n *node.Node, body []byte) answer {
	r := s.signed(body)
	in := httptest.NewRequest(r.Method, r.URL.Path, bytes.NewReader(body))
	in.Header, in.Host = r.Header, r.URL.Host
	w := httptest.NewRecorder()
	n.Handler.ServeHTTP(w, in)
	return answer{status: w.Code, body: w.Body.Bytes(), header: w.Header()}
}

// Two processes share one PostgreSQL database: what one changes of a peer or a key, the
// other honours within a second or two, though it had the old state in memory.
func TestTwoProcessesOnOneDatabase(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(context.Background())
	s := accredited(t, cluster.Database(modeltest.PostgresReady))
	a := s.Nodes[ministry]
	cfg := a.Config
	b, err := node.Open(ctx, cfg, node.Outside{Now: s.Clock.Now, Transport: s.Transport(ministry), Log: slog.New(slog.NewTextHandler(s.j, nil))})
	cluster.Must(t, err)
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		<-done
		b.Close()
	})
	instance := ministryActor
	unsigned := vocab.New().Raw("@context", []byte(vocab.CTX)).Str("id", "https://ministry.example/x").Bytes()
	signed := func(n *node.Node) string {
		doc, err := n.Keyring.Prove(ctx, nil, instance, unsigned, s.Clock.Now())
		cluster.Must(t, err)
		p, err := sign.ReadProof(doc)
		cluster.Must(t, err)
		return p.VerificationMethod
	}
	was := signed(b)
	t.Run("a rotation", func(t *testing.T) {
		cluster.Must(t, a.Keys.Rotate(ctx, "test", instance, "yearly", false, time.Time{}))
		fresh := signed(a)
		if fresh == was {
			t.Fatal("the key is the same")
		}
		eventually(t, "the other process to sign with the new key", func() (bool, error) { return signed(b) == fresh, nil })
		row, err := models.ActorByIRI(ctx, b.Store.R, instance)
		cluster.Must(t, err)
		doc, err := b.Serve.ActorDocument(ctx, nil, row, true)
		cluster.Must(t, err)
		if p, err := sign.ReadProof(doc); err != nil || p.VerificationMethod != fresh {
			t.Errorf("the other process endorses with %v: %v", p, err)
		}
	})
	t.Run("a rotation, within a transaction, at once", func(t *testing.T) {
		before := signed(b)
		cluster.Must(t, a.Keys.Rotate(ctx, "test", instance, "again", false, time.Time{}))
		tx, err := b.Store.W.Begin()
		cluster.Must(t, err)
		defer tx.Rollback()
		doc, err := b.Keyring.Prove(ctx, tx, instance, unsigned, s.Clock.Now())
		cluster.Must(t, err)
		if p, err := sign.ReadProof(doc); err != nil || p.VerificationMethod == before {
			t.Errorf("it was signed with the retired key %v: %v", p, err)
		}
	})
	t.Run("a suspension", func(t *testing.T) {
		s.through(b, s.create()).mustBe(t, 202, "")
		cluster.Must(t, a.Accreditation.Suspend(ctx, "test", string(outlawHost), "breach"))
		eventually(t, "the other process to refuse", func() (bool, error) { return s.through(b, s.create()).status == 403, nil })
	})
}
