package directory

import (
	"context"
	"strings"
	"testing"
	"time"

	"valise/instance/accounts"
	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

const own iri.Host = "ministry.example"

func open(t *testing.T) *Directory {
	t.Helper()
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	d := &Directory{Store: modeltest.DB(t), Own: own, Rules: iri.RulesFor(own), Now: func() time.Time { return now }}
	for name, kind := range map[string]string{"anna": models.TypePerson, "europe": models.TypeOrganization, "waters": models.TypeGroup} {
		if err := models.InsertActor(t.Context(), d.Store.W, accounts.Actor(own, kind, name, name, now)); err != nil {
			t.Fatal(err)
		}
	}
	foreign := &models.Actor{IRI: "https://other.example/u/eve", Host: "other.example", Type: models.TypePerson, Username: "eve", Inbox: "https://other.example/u/eve/inbox"}
	if err := models.InsertActor(t.Context(), d.Store.W, foreign); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestResolve(t *testing.T) {
	d := open(t)
	for _, c := range []struct {
		name string
		find func(context.Context, string) (iri.IRI, error)
		want iri.IRI
		why  string
	}{
		{"anna", d.Resolve, "https://ministry.example/u/anna", ""},
		{" Anna ", d.Resolve, "https://ministry.example/u/anna", ""},
		{"@waters@ministry.example", d.Resolve, "https://ministry.example/g/waters", ""},
		{"acct:europe@ministry.example", d.Resolve, "https://ministry.example/o/europe", ""},
		{"https://other.example/u/eve", d.Resolve, "https://other.example/u/eve", ""},
		{"", d.Resolve, "", "a name is missing"},
		{"nobody", d.Resolve, "", "nobody here"},
		{"@nobody@ministry.example", d.Resolve, "", "nobody here"},
		{"http://other.example/u/eve", d.Resolve, "", "invalid"},
		{"@@", d.Resolve, "", "invalid"},
		{"anna", d.Person, "https://ministry.example/u/anna", ""},
		{"https://ministry.example/u/anna", d.Person, "https://ministry.example/u/anna", ""},
		{"europe", d.Person, "", "no person here"},
		{"https://other.example/u/eve", d.Person, "", "no person here"},
		{"https://ministry.example/u/none", d.Person, "", "no person here"},
		{"", d.Person, "", "name the person"},
		{"europe", d.Office, "https://ministry.example/o/europe", ""},
		{"waters", d.Office, "", "no office here"},
	} {
		got, err := c.find(t.Context(), c.name)
		if got != c.want || c.why == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), c.why) {
			t.Errorf("%q: got %q, %v; want %q, %q", c.name, got, err, c.want, c.why)
		}
	}
}

func TestPeers(t *testing.T) {
	d := open(t)
	const multikey = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
	for _, p := range []*models.Peer{{Host: "a.example", State: models.PeerAccredited, PinnedKey: multikey}, {Host: "b.example", State: models.PeerProposed, OfferedKey: "no key"}} {
		if err := models.SavePeer(t.Context(), d.Store.W, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := models.NudgeHosts(t.Context(), d.Store.W, []iri.Host{"a.example"}, 1); err != nil {
		t.Fatal(err)
	}
	got, err := d.Peers(t.Context(), "", 50)
	if err != nil || len(got) != 2 {
		t.Fatalf("%d peers, %v", len(got), err)
	}
	if len(got[0].PinnedFingerprint) != 79 || got[0].Deliveries == nil || got[1].OfferedFingerprint != "" || got[1].Deliveries != nil {
		t.Errorf("got %+v", got)
	}
	if next, err := d.Peers(t.Context(), "a.example", 1); err != nil || len(next) != 1 || next[0].Host != "b.example" {
		t.Errorf("the page after a.example is %+v, %v", next, err)
	}
	if _, err := d.Peer(t.Context(), "c.example"); err == nil || !strings.Contains(err.Error(), "no peer") {
		t.Errorf("an unknown peer: %v", err)
	}
}
