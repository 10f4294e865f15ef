package cluster_test

import (
	"context"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

// A person's act that PostgreSQL ends for another transaction's sake succeeds all the same,
// and has happened once.
func TestActsThatLoseADeadlockSucceed(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := cluster.New(t, []iri.Host{ministry, embassy}, cluster.Database(func(t testing.TB) string { return modeltest.PostgresReady(t) }))
	europe, alice := c.Office(ministry, "europe", "EUROPE DESK", "Europe desk", "alice")
	post, boris := c.Office(embassy, "chancery", "PARIS", "Chancery", "boris")
	c.Accredit(ministry, embassy)
	n := c.Nodes[embassy]
	first := c.Send(embassy, boris, post, cable("Before", europe))
	content := cable("In draft", europe)
	draft, err := n.Dispatches.NewDraft(ctx, boris, post, &content, "")
	cluster.Must(t, err)

	content.Subject = "Saved meanwhile"
	loses(t, n.Store, `LOCK TABLE draft_revisions IN EXCLUSIVE MODE`, `UPDATE drafts SET state = state WHERE id = '`+draft.ID+`'`, func() error {
		_, err := n.Dispatches.EditDraft(ctx, boris, draft.ID, 1, &content)
		return err
	})
	var released *models.Dispatch
	loses(t, n.Store, `LOCK TABLE audit IN EXCLUSIVE MODE`, `UPDATE reference_counters SET last = last`, func() error {
		released, err = n.Dispatches.Release(ctx, boris, draft.ID, 2)
		return err
	})
	if released.Subject != "Saved meanwhile" || released.Reference == first.Reference {
		t.Fatalf("released is %q as %s", released.Subject, released.Reference)
	}
	loses(t, n.Store, `LOCK TABLE audit IN EXCLUSIVE MODE`, `UPDATE dispatches SET state = state WHERE iri = '`+string(first.IRI)+`'`, func() error {
		_, err := n.Dispatches.Withdraw(ctx, boris, string(first.IRI), "")
		return err
	})
	c.Settle()
	there := c.Nodes[ministry]
	got, err := there.Dispatches.Show(ctx, alice, string(released.IRI))
	cluster.Must(t, err)
	if got.Dispatch.Reference != "PARIS "+got.Dispatch.PublishedAt.Time().Format("2006")+"/000002" {
		t.Errorf("there it is %s: a number was lost or given twice", got.Dispatch.Reference)
	}
	gone, err := models.DispatchByIRI(ctx, there.Store.R, first.IRI)
	if err != nil || gone.State == models.DispatchInForce {
		t.Errorf("what was withdrawn is %+v there (%v)", gone, err)
	}
	acts := map[string]int{}
	rows, err := models.AuditAfter(ctx, n.Store.R, 0, "", "", 100)
	cluster.Must(t, err)
	for _, r := range rows {
		acts[r.Act]++
	}
	if acts["released"] != 2 || acts["withdrawn"] != 1 {
		t.Errorf("the trail has %v", acts)
	}
}

// Arrivals that lose a deadlock, in a transaction with others or each in a savepoint of its
// own since one of them cannot be applied, are applied once all the same.
func TestArrivalsThatLoseADeadlockAreApplied(t *testing.T) {
	t.Parallel()
	s := accredited(t, cluster.Database(func(t testing.TB) string { return modeltest.PostgresReady(t) }))
	n := s.Nodes[ministry]
	for _, unfit := range []bool{false, true} {
		if unfit {
			early := s.o.create(s.office, s.o.article(s.office, s.desk, func(d *vocab.Dispatch) { d.Version = 2 }))
			s.o.send(s.office, s.inbox(s.desk), early).mustBe(t, 202, "")
		}
		before := rowsIn(t, s.Cluster, ministry, "dispatches")
		var sent []iri.IRI
		for range 2 {
			body := s.create()
			s.o.send(s.office, s.inbox(s.desk), body).mustBe(t, 202, "")
			act, err := vocab.ParseActivity(body, iri.Rules{})
			cluster.Must(t, err)
			sent = append(sent, act.ID)
		}
		loses(t, n.Store, `LOCK TABLE addressees IN EXCLUSIVE MODE`, `LOCK TABLE dispatches IN EXCLUSIVE MODE`, func() error {
			_, err := n.Worker.Step(context.Background())
			return err
		})
		if now := rowsIn(t, s.Cluster, ministry, "dispatches"); now != before+2 {
			t.Errorf("%d dispatches came of two", now-before)
		}
		for _, id := range sent {
			if a, err := models.ArrivalOf(t.Context(), n.Store.R, id); err != nil || a.State != models.ArrivalApplied || a.Attempts > 0 {
				t.Errorf("the arrival: %+v (%v)", a, err)
			}
		}
	}
	s.Settle()
	s.Check()
}

// loses begins act while another transaction has done hold; when act waits for that, the
// other wants what act has. PostgreSQL ends act, since the other has more patience.
func loses(t *testing.T, s *models.Store, hold, want string, act func() error) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	tx, err := s.W.BeginTx(ctx, nil)
	cluster.Must(t, err)
	defer tx.Rollback()
	for _, q := range []string{`SET LOCAL deadlock_timeout = '1min'`, hold} {
		_, err := tx.Exec(q)
		cluster.Must(t, err)
	}
	done := make(chan error, 1)
	go func() { done <- act() }()
	for waiting := 0; waiting == 0; {
		cluster.Must(t, s.R.QueryRowContext(ctx, `SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&waiting))
		select {
		case err := <-done:
			t.Fatalf("%s kept nobody waiting (%v)", hold, err)
		case <-time.After(time.Millisecond):
		}
	}
	began := time.Now()
	_, err = tx.ExecContext(ctx, want)
	cluster.Must(t, err)
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("%s waited %s: there was no deadlock", want, took)
	}
	cluster.Must(t, tx.Rollback())
	cluster.Must(t, <-done)
}
