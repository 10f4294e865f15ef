package models_test

import (
	"fmt"
	"testing"

	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

func TestPeers(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		must(t, models.InsertInstance(ctx, s.W, &models.Instance{Host: "ministry.example", CreatedAt: noon}))
		if _, err := models.PeerByHost(ctx, s.R, "embassy.example"); !models.NotFound(err) {
			t.Fatalf("a host without standing: %v", err)
		}
		p := &models.Peer{Host: "embassy.example", State: models.PeerProposed, Affiliation: models.OtherGovernment, Ceiling: 0, Form: models.FormAnnounce,
			InstanceActor: "https://embassy.example/actor", OfferedKey: "z1", Contact: "c", AskedCeiling: 2, ProposedByUs: true, OfferID: "https://ministry.example/a/1",
			Reason: "r", Scheme: "cavage", Software: "valise", CreatedAt: noon, UpdatedAt: noon}
		must(t, models.SavePeer(ctx, s.W, p))
		p.State, p.Ceiling, p.PinnedKey, p.OfferedKey, p.UpdatedAt = models.PeerAccredited, 2, "z1", "", noon+1
		must(t, models.SavePeer(ctx, s.W, p))
		must(t, models.SetScheme(ctx, s.W, p.Host, "rfc9421", noon+9))
		p.Scheme, p.SchemeUntil = "rfc9421", noon+9
		if got, err := models.PeerByHost(ctx, s.R, p.Host); err != nil || fmt.Sprint(*got) != fmt.Sprint(*p) {
			t.Errorf("got  %+v (%v)\nwant %+v", got, err, p)
		}
		if row, err := models.ReadInstance(ctx, s.R); err != nil || row.ConfigEpoch != 3 {
			t.Errorf("the policy changed twice, and yet: %+v (%v)", row, err)
		}
		must(t, models.SavePeer(ctx, s.W, &models.Peer{Host: "a.example", State: models.PeerRefused, CreatedAt: noon, UpdatedAt: noon}))
		if rows, err := models.Peers(ctx, s.R, "", 10); err != nil || len(rows) != 2 || rows[0].Host != "a.example" {
			t.Errorf("peers by host: %+v (%v)", rows, err)
		}
		if rows, err := models.Peers(ctx, s.R, "a.example", 10); err != nil || len(rows) != 1 || rows[0].Host != "embassy.example" {
			t.Errorf("the next page: %+v (%v)", rows, err)
		}
	})
}

func TestActors(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		ctx := t.Context()
		own := &models.Actor{IRI: alice, Host: "ministry.example", Local: true, Type: models.TypePerson, Username: "alice", Name: "Alice", Inbox: alice + "/inbox",
			SharedInbox: "https://ministry.example/inbox", CreatedAt: noon}
		must(t, models.InsertActor(ctx, s.W, own))
		twin := *own
		twin.IRI += "2"
		if err := models.InsertActor(ctx, s.W, &twin); !models.IsConflict(err) {
			t.Errorf("a taken name: %v", err)
		}
		remote := &models.Actor{IRI: expert, Host: "institute.example", Type: models.TypePerson, Username: "alice", Name: "Expert", Inbox: expert + "/inbox",
			Document: []byte(`{"a":1}`), OwnSoftware: true, FetchedAt: noon, CreatedAt: noon}
		must(t, models.UpsertRemoteActor(ctx, s.W, remote))
		remote.Name, remote.Document, remote.FetchedAt, remote.GoneAt = "Expert of the institute", []byte(`{"a":2}`), noon+1, noon+2
		must(t, models.UpsertRemoteActor(ctx, s.W, remote))
		if got, err := models.ActorByIRI(ctx, s.R, expert); err != nil || fmt.Sprint(*got) != fmt.Sprint(*remote) {
			t.Errorf("got  %+v (%v)\nwant %+v", got, err, remote)
		}

		// A document that calls itself by the name of one of ours changes nothing.
		forged := *remote
		forged.IRI = alice
		must(t, models.UpsertRemoteActor(ctx, s.W, &forged))
		if got, err := models.ActorByIRI(ctx, s.R, alice); err != nil || fmt.Sprint(*got) != fmt.Sprint(*own) {
			t.Errorf("one of ours was replaced: %+v (%v)", got, err)
		}
		if a, err := models.LocalActor(ctx, s.R, models.TypePerson, "Alice"); err != nil || a.IRI != alice {
			t.Errorf("by type and name: %+v (%v)", a, err)
		}
		if _, err := models.LocalActor(ctx, s.R, models.TypeGroup, "alice"); !models.NotFound(err) {
			t.Errorf("of another type: %v", err)
		}
		if a, err := models.LocalActorByName(ctx, s.R, "ALICE"); err != nil || a.IRI != alice {
			t.Errorf("by name: %+v (%v)", a, err)
		}
		if rows, err := models.LocalActors(ctx, s.R, models.TypePerson, "", 10); err != nil || len(rows) != 1 {
			t.Errorf("ours: %+v (%v)", rows, err)
		}
		if rows, err := models.ActorsByIRI(ctx, s.R, []iri.IRI{alice, expert, bob}); err != nil || len(rows) != 2 {
			t.Errorf("those that are known: %+v (%v)", rows, err)
		}
	})
}
