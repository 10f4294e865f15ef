package deliver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/keyring"
	"valise/federation/remote"
	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

const (
	office  = iri.IRI("https://ministry.example/o/europe")
	embassy = iri.Host("embassy.example")
)

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func accepted() (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusAccepted, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(""))}, nil
}

// courier has n receipts to deliver to one host, each in a lane of its own.
func courier(t *testing.T, s *models.Store, n int, rt transport) *Courier {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	seal, err := keyring.NewSeal(rand.Reader)
	must(err)
	client, err := remote.NewClient(remote.Network{}, iri.Rules{}, "test")
	must(err)
	c := &Courier{Store: s, Keys: keyring.New(s, seal, rand.Reader), Client: client.WithTransport(rt), Own: "ministry.example", Name: "test", Places: 2, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	c.init()
	c.schemes.Set(embassy, keyring.SchemeRFC9421Ed25519)
	now := models.At(time.Now())
	must(s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		if _, err := c.Keys.Make(ctx, tx, office, time.Now()); err != nil {
			return err
		}
		var rows []*models.Delivery
		for i := range n {
			d, err := receipt(ctx, tx, embassy, fmt.Sprintf("%03d", i), now)
			if err != nil {
				return err
			}
			rows = append(rows, d)
		}
		return models.InsertDeliveries(ctx, tx, rows)
	}))
	return c
}

// receipt is an activity of the office that is due at a host, in a lane of its own.
func receipt(ctx context.Context, tx bun.Tx, host iri.Host, name string, now models.Time) (*models.Delivery, error) {
	id := iri.IRI("https://ministry.example/a/" + name)
	return &models.Delivery{Host: host, Inbox: iri.IRI(host.Base() + "/inbox"), Activity: id, Actor: office, Type: "Accept", ObjectID: id, Recipient: iri.IRI(host.Base() + "/o/chancery"),
			Purpose: models.PurposeControl, Lane: string(id), NextAt: now, CreatedAt: now},
		models.InsertActivity(ctx, tx, &models.Activity{IRI: id, Actor: office, Type: "Accept", ObjectID: id, Bytes: fmt.Appendf(nil, `{"id":%q}`, id), Digest: "d", CreatedAt: now})
}

func states(t *testing.T, s *models.Store) (done, tried, untouched int) {
	t.Helper()
	rows, err := models.Deliveries(t.Context(), s.R, "", 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range rows {
		switch {
		case d.State == models.DeliveryDone:
			done++
		case d.State == models.DeliveryPending && d.Attempts > 0:
			tried++
		case d.State == models.DeliveryPending:
			untouched++
		}
	}
	return done, tried, untouched
}

// Each of many lanes gets the bytes that were stored for it, once.
func TestRoundPostsEveryLane(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		const n = 3*roundRows + 5
		var seen [n]atomic.Int64
		c := courier(t, s, n, func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			var i int
			if _, err := fmt.Sscanf(string(body), `{"id":"https://ministry.example/a/%d"}`, &i); err != nil {
				t.Errorf("posted was %q", body)
				return accepted()
			}
			seen[i].Add(1)
			return accepted()
		})
		if moved, err := c.Step(t.Context()); err != nil || moved != n {
			t.Fatalf("%d were attempted, %v", moved, err)
		}
		for i := range seen {
			if got := seen[i].Load(); got != 1 {
				t.Errorf("%d was posted %d times", i, got)
			}
		}
		if done, _, _ := states(t, s); done != n {
			t.Errorf("%d of %d were handed over", done, n)
		}
	})
}

// A host that goes away in the middle of a round is left alone: what was not begun stays
// as it was and goes once the host is back.
func TestRoundEndsWhenTheHostIsAway(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		const n = roundRows
		var posts atomic.Int64
		c := courier(t, s, n, func(r *http.Request) (*http.Response, error) {
			if posts.Add(1) > 10 {
				return nil, errors.New("connection refused")
			}
			return accepted()
		})
		hosts, err := models.LeaseHosts(t.Context(), s.W, c.Name, models.At(time.Now()), models.At(time.Now().Add(leaseFor)), true, 1)
		if err != nil || len(hosts) != 1 {
			t.Fatalf("%d hosts were leased, %v", len(hosts), err)
		}
		if _, err := c.serve(t.Context(), hosts[0], func(r *result) error { return c.write(t.Context(), []*result{r}) }, func() {}); err != nil {
			t.Fatal(err)
		}
		done, tried, untouched := states(t, s)
		if done != 10 || tried < 1 || tried > lanesAtOnce || done+tried+untouched != n {
			t.Errorf("%d handed over, %d tried, %d untouched", done, tried, untouched)
		}
		h, err := models.HostByName(t.Context(), s.R, embassy)
		if err != nil {
			t.Fatal(err)
		}
		if h.LeaseUntil != 0 {
			t.Error("the lease was not given back")
		}
	})
}

// A host that rests because others waited has its rows posted once it has rested, also
// when the courier had other hosts to serve meanwhile and nothing wakes it again.
func TestAHostThatRestsIsServedAfterwards(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		const other = iri.Host("institute.example")
		posted := make(chan iri.Host, 4)
		c := courier(t, s, 1, func(r *http.Request) (*http.Response, error) {
			posted <- iri.Host(r.URL.Host)
			return accepted()
		})
		c.schemes.Set(other, keyring.SchemeRFC9421Ed25519)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			c.Run(ctx)
		}()
		defer func() {
			stop()
			<-ended
		}()
		if h := <-posted; h != embassy {
			t.Fatalf("the first post went to %s", h)
		}
		until(t, func() bool {
			h, err := models.HostByName(t.Context(), s.R, embassy)
			return err == nil && h.LeaseUntil == 0 && h.DueAt == models.Never
		})
		now := models.At(time.Now())
		if err := s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			var rows []*models.Delivery
			for name, host := range map[string]iri.Host{"rested": embassy, "other": other} {
				d, err := receipt(ctx, tx, host, name, now)
				if err != nil {
					return err
				}
				rows = append(rows, d)
			}
			if err := models.InsertDeliveries(ctx, tx, rows); err != nil {
				return err
			}
			_, err := tx.NewRaw(`UPDATE hosts SET lease_until = ? WHERE host = ?`, models.At(time.Now().Add(gather)), embassy).Exec(ctx)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		c.Wake()
		late := time.After(pauseMost / 2)
		for got := map[iri.Host]bool{}; len(got) < 2; {
			select {
			case h := <-posted:
				got[h] = true
			case <-late:
				t.Fatalf("only %v had a post", got)
			}
		}
	})
}

func until(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); {
		if time.Now().After(end) {
			t.Fatal("what the test waits for did not come")
		}
		time.Sleep(time.Millisecond)
	}
}
