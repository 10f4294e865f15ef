package models_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

func TestAddressWords(t *testing.T) {
	for text, want := range map[string][]string{
		"Chancellerie de l’Élysée": {"chancellerie", "de", "l", "elysee"},
		"EUROPE DESK desk":         {"europe", "desk"},
		"@chancery@b.example":      {"chancery", "b", "example"},
		"Łódź, Straße Ørsted":      {"lodz", "strasse", "orsted"},
		"سِفَارَةُ أنقرة":          {"سفارة", "انقرة"},
		" .-":                      nil,
	} {
		if got := models.AddressWords(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestOfficesAreFoundByPrefixes(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		own := iri.IRI("https://ministry.example/o/europe")
		must(t, models.InsertActor(ctx, s.W, &models.Actor{IRI: own, Host: "ministry.example", Local: true, Type: models.TypeOrganization, Username: "europe", Name: "Europe desk", CreatedAt: noon}))
		must(t, models.InsertOffice(ctx, s.W, &models.Office{IRI: own, Code: "EUROPE DESK", Title: "Europe desk", CreatedAt: noon}))
		for host, state := range map[iri.Host]string{"embassy.example": models.PeerAccredited, "guest.example": models.PeerGuest, "refused.example": models.PeerRefused} {
			must(t, models.SavePeer(ctx, s.W, &models.Peer{Host: host, State: state, CreatedAt: noon, UpdatedAt: noon}))
			in(t, s, func(ctx context.Context, tx bun.Tx) error {
				return models.SavePeerOffices(ctx, tx, []*models.PeerOffice{{IRI: iri.IRI("https://" + string(host) + "/o/eu"), Host: host, Username: "eu", Name: "Délégation européenne", Code: "EU", SeenAt: noon}})
			})
		}
		find := func(text string) string {
			t.Helper()
			rows, err := models.FindOffices(ctx, s.R, models.AddressWords(text), 10)
			must(t, err)
			var out []iri.IRI
			for _, r := range rows {
				out = append(out, r.IRI)
			}
			return fmt.Sprint(out)
		}
		for text, want := range map[string]string{
			"europ": "[https://ministry.example/o/europe https://embassy.example/o/eu]", "deleg eu": "[https://embassy.example/o/eu]",
			"europe desk": "[https://ministry.example/o/europe]", "x": "[]", "": "[]", "guest": "[]", "ÿ": "[]",
		} {
			if got := find(text); got != want {
				t.Errorf("%q finds %s, want %s", text, got, want)
			}
		}
		in(t, s, func(ctx context.Context, tx bun.Tx) error {
			return models.DropPeerOffices(ctx, tx, []iri.IRI{"https://embassy.example/o/eu"})
		})
		if got := find("deleg"); got != "[]" {
			t.Errorf("after it was dropped: %s", got)
		}
	})
}

// What a suspension stopped is found again once its peer has its standing, and only that.
func TestHeldBackDeliveries(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		must(t, models.SavePeer(ctx, s.W, &models.Peer{Host: "embassy.example", State: models.PeerSuspended, CreatedAt: noon, UpdatedAt: noon}))
		var rows []*models.Delivery
		for i := range 3 {
			rows = append(rows, &models.Delivery{Host: "embassy.example", Inbox: "https://embassy.example/inbox", Activity: iri.IRI(fmt.Sprintf("https://ministry.example/a/%d", i)), Actor: ministry, Type: "Create",
				Purpose: models.PurposeDispatch, Lane: fmt.Sprint(i), NextAt: noon, CreatedAt: noon})
		}
		in(t, s, func(ctx context.Context, tx bun.Tx) error { return models.InsertDeliveries(ctx, tx, rows) })
		due, err := models.DueDeliveries(ctx, s.R, "embassy.example", noon, 10)
		must(t, err)
		for i, d := range due {
			d.State, d.FinishedAt, d.Reason = models.DeliveryCancelled, noon, []string{models.ReasonSuspended, "it was withdrawn", models.ReasonSuspended}[i]
		}
		in(t, s, func(ctx context.Context, tx bun.Tx) error { return models.FinishDeliveries(ctx, tx, due) })
		held := func() []*models.Delivery {
			t.Helper()
			rows, err := models.HeldBack(ctx, s.R, 10)
			must(t, err)
			return rows
		}
		if got := held(); len(got) != 0 {
			t.Errorf("during the suspension: %d", len(got))
		}
		must(t, models.SavePeer(ctx, s.W, &models.Peer{Host: "embassy.example", State: models.PeerAccredited, CreatedAt: noon, UpdatedAt: noon}))
		got := held()
		if len(got) != 2 {
			t.Fatalf("afterwards: %d", len(got))
		}
		in(t, s, func(ctx context.Context, tx bun.Tx) error {
			if err := models.LeaveCancelled(ctx, tx, got[1].ID, "it was replaced"); err != nil {
				return err
			}
			return models.ReviveDeliveries(ctx, tx, got[:1], noon+5)
		})
		if again := held(); len(again) != 0 {
			t.Errorf("settled ones are found again: %d", len(again))
		}
		now, err := models.DueDeliveries(ctx, s.R, "embassy.example", noon+5, 10)
		must(t, err)
		if len(now) != 1 || now[0].ID != got[0].ID || now[0].Reason != "" {
			t.Errorf("due are %+v", now)
		}
	})
}
