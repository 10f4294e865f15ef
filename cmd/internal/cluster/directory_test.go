package cluster_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/instance/communities"
	"valise/models"
	"valise/models/iri"
)

func found(t *testing.T, c *cluster.Cluster, h iri.Host, person iri.IRI, text string) []string {
	t.Helper()
	rows, err := c.Nodes[h].Directory.Complete(context.Background(), person, text, 20)
	cluster.Must(t, err)
	var out []string
	for _, a := range rows {
		out = append(out, a.Kind+" "+a.Name)
	}
	return out
}

// After accreditation each side knows the other's offices by name, with their titles,
// and a typed text finds them; not before, and not after a refusal or suspension.
func TestOfficesOfPeersAreKnownByName(t *testing.T) {
	cluster.Each(t, testOfficesOfPeersAreKnownByName)
}

func testOfficesOfPeersAreKnownByName(t *testing.T) {
	ctx := context.Background()
	c := cluster.New(t, []iri.Host{ministry, embassy, institute})
	desk, anna := c.Office(ministry, "europe", "EUROPE DESK", "Europe desk", "anna")
	post, boris := c.Office(embassy, "chancery", "ELYSEE", "Chancellerie de l’Élysée", "boris")
	c.Office(institute, "lab", "LAB", "Élan laboratory", "ida")
	if got := found(t, c, ministry, anna, "elys"); len(got) != 0 {
		t.Errorf("found before anybody was accredited: %v", got)
	}
	c.Accredit(ministry, embassy)
	c.Clock.Forward(2 * time.Minute) // who accepted has asked too early
	c.Settle()
	for _, x := range []struct {
		host   iri.Host
		person iri.IRI
		text   string
		want   string
	}{
		{ministry, anna, "elys", "[office Chancellerie de l’Élysée]"},
		{ministry, anna, "ÉLYSÉE chanc", "[office Chancellerie de l’Élysée]"},
		{ministry, anna, "@chancery@emb", "[office Chancellerie de l’Élysée]"},
		{ministry, anna, "europe", "[office Europe desk]"},
		{ministry, anna, "elan", "[]"},
		{ministry, anna, " .- ", "[]"},
		{embassy, boris, "eur d", "[office Europe desk]"},
		{embassy, boris, "europe elysee", "[]"},
	} {
		if got := fmt.Sprint(found(t, c, x.host, x.person, x.text)); got != x.want {
			t.Errorf("%s types %q and finds %s, want %s", x.person, x.text, got, x.want)
		}
	}
	known, err := c.Nodes[ministry].Directory.PeerOffices(ctx, string(embassy), "", 50)
	cluster.Must(t, err)
	if len(known) != 1 || known[0].IRI != post || known[0].Code != "ELYSEE" || known[0].Name != "Chancellerie de l’Élysée" {
		t.Errorf("the ministry knows %+v", known)
	}
	// What came with a key alone has no name; the first need asks for the full document.
	d := c.Send(embassy, boris, post, cable("With a key", desk))
	c.Settle()
	a, err := c.Nodes[ministry].Actors.Get(ctx, post)
	cluster.Must(t, err)
	if a.Name != "Chancellerie de l’Élysée" {
		t.Errorf("after %s its office is called %q", d.Reference, a.Name)
	}

	// A new office is found on the next day, and one that is gone is not.
	c.Office(embassy, "visa", "VISA", "Visa section", "vera")
	_, err = c.Nodes[embassy].Store.W.NewRaw(`DELETE FROM offices WHERE iri = ?`, post).Exec(ctx)
	cluster.Must(t, err)
	c.Clock.Forward(25 * time.Hour)
	c.Settle()
	if got := fmt.Sprint(found(t, c, ministry, anna, "visa"), found(t, c, ministry, anna, "elys")); got != "[office Visa section] []" {
		t.Errorf("a day later: %s", got)
	}

	cluster.Must(t, c.Nodes[ministry].Accreditation.Suspend(ctx, "test", string(embassy), "breach"))
	if got := found(t, c, ministry, anna, "visa"); len(got) != 0 {
		t.Errorf("found at a suspended peer: %v", got)
	}
}

// The directory is for accredited hosts alone.
func TestDirectoryIsForAccreditedHosts(t *testing.T) {
	cluster.Each(t, testDirectoryIsForAccreditedHosts)
}

func testDirectoryIsForAccreditedHosts(t *testing.T) {
	ctx := context.Background()
	s := newThree(t)
	s.join(t, institute, s.expert, s.expert, models.RoleGuest)
	get := func(from iri.Host, signed bool) int {
		req, _ := http.NewRequestWithContext(ctx, "GET", "https://embassy.example/actor/offices/first", nil)
		req.Header.Set("Accept", "application/activity+json")
		if n := s.Nodes[from]; signed {
			cluster.Must(t, n.Courier.SignGet(ctx, iri.IRI(n.Own.Base()+"/actor"), embassy)(req, nil))
		}
		resp, err := s.Transport(from).RoundTrip(req)
		cluster.Must(t, err)
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := get(ministry, true); got != 200 {
		t.Errorf("an accredited host gets %d", got)
	}
	if got := get(ministry, false); got != 404 {
		t.Errorf("without a signature: %d", got)
	}
	if got := get(institute, true); got != 404 {
		t.Errorf("a guest gets %d", got)
	}
}

// Many offices come page by page; communities and collective addresses are completed for
// those alone who may write to them.
func TestCompletionOverPagesAndCollectives(t *testing.T) {
	cluster.Each(t, testCompletionOverPagesAndCollectives)
}

func testCompletionOverPagesAndCollectives(t *testing.T) {
	ctx := context.Background()
	s := newThree(t)
	e := s.Nodes[embassy]
	for i := range 230 {
		_, err := e.Accounts.AddOffice(ctx, "test", fmt.Sprintf("desk-%03d", i), fmt.Sprintf("SECTION %c%c", 'A'+i/26, 'A'+i%26), fmt.Sprintf("Section number %d", i), "Zürich")
		cluster.Must(t, err)
	}
	s.Clock.Forward(25 * time.Hour)
	s.Settle()
	n, err := models.CountPeerOffices(ctx, s.Nodes[ministry].Store.R, embassy)
	cluster.Must(t, err)
	if n != 231 {
		t.Errorf("the ministry knows %d of 231 offices", n)
	}
	if got := found(t, s.Cluster, ministry, s.anna, "zurich number 22"); len(got) != 11 {
		t.Errorf("22, and 220 to 229: %v", got)
	}
	if got := found(t, s.Cluster, ministry, s.anna, "water"); !slices.Contains(got, "community Water") {
		t.Errorf("her office's community is not found: %v", got)
	}
	p, err := s.Nodes[ministry].Accounts.AddPerson(ctx, "test", "eve", "Eve")
	cluster.Must(t, err)
	if got := found(t, s.Cluster, ministry, p.IRI, "water"); len(got) != 0 {
		t.Errorf("somebody else finds the community: %v", got)
	}
	if got := found(t, s.Cluster, ministry, p.IRI, strings.Repeat("section ", 10)); len(got) != 20 {
		t.Errorf("%d found, 20 asked for", len(got))
	}
	_, err = e.Communities.Open(ctx, s.boris, communities.Opening{Office: s.post, Username: "hall", Name: "Hall", Charter: "Hall.", HistoryDays: 30})
	cluster.Must(t, err)
	if got := fmt.Sprint(found(t, s.Cluster, embassy, s.boris, "hall")); got != "[community Hall]" {
		t.Errorf("its organiser finds %s", got)
	}
}
