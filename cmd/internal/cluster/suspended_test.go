package cluster_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/models"
	"valise/models/iri"
)

// told counts the notices of a recipient by kind.
func told(t *testing.T, c *cluster.Cluster, h iri.Host, who iri.IRI) map[string]int {
	t.Helper()
	rows, err := models.Notices(context.Background(), c.Nodes[h].Store.R, who, 0, 200)
	cluster.Must(t, err)
	out := map[string]int{}
	for _, n := range rows {
		out[n.Kind]++
	}
	return out
}

// What a suspension holds back is told to its office, and goes out when the suspension
// ends if it still stands and is valid.
func TestWhatASuspensionHeldBackGoesOutAfterwards(t *testing.T) {
	cluster.Each(t, testWhatASuspensionHeldBackGoesOutAfterwards)
}

func testWhatASuspensionHeldBackGoesOutAfterwards(t *testing.T) {
	ctx := context.Background()
	c := cluster.New(t, []iri.Host{ministry, embassy})
	desk, anna := c.Office(ministry, "europe", "EUROPE DESK", "Europe desk", "anna")
	post, boris := c.Office(embassy, "chancery", "PARIS", "Chancery", "boris")
	c.Accredit(ministry, embassy)
	c.Send(ministry, anna, desk, cable("Before", post))
	c.Settle()
	c.Stop(embassy)
	lasting := c.Send(ministry, anna, desk, cable("Lasting", post))
	brief := cable("Brief", post)
	until := c.Clock.Now().Add(time.Hour)
	brief.ValidUntil = &until
	ended := c.Send(ministry, anna, desk, brief)
	gone := c.Send(ministry, anna, desk, cable("Gone", post))
	c.Settle() // the host backs off
	m := c.Nodes[ministry]
	cluster.Must(t, m.Accreditation.Suspend(ctx, "test", string(embassy), "breach"))
	c.Settle()
	for _, d := range []*models.Dispatch{lasting, ended, gone} {
		if got := stations(t, c, ministry, d.IRI)[post]; !has(got, models.Cancelled) {
			t.Errorf("%s: the board shows %v during the suspension", d.Subject, got)
		}
	}
	if got := told(t, c, ministry, desk); got["delivery held back"] != 3 {
		t.Errorf("at the suspension the office was told %v", got)
	}
	_, err := m.Dispatches.Withdraw(ctx, anna, string(gone.IRI), "")
	cluster.Must(t, err)
	c.Start(embassy)
	c.Clock.Forward(2 * time.Hour)
	c.Settle()
	if _, err := c.Nodes[embassy].Dispatches.Show(ctx, boris, string(lasting.IRI)); err == nil {
		t.Error("something went to a suspended peer")
	}
	cluster.Must(t, m.Accreditation.Resume(ctx, "test", string(embassy), "settled"))
	c.Clock.Forward(2 * time.Hour)
	c.Settle()
	if _, err := c.Nodes[embassy].Dispatches.Show(ctx, boris, string(lasting.IRI)); err != nil {
		t.Errorf("what was held back did not arrive: %v", err)
		explain(t, c, lasting.IRI)
	}
	if got := stations(t, c, ministry, lasting.IRI)[post]; !has(got, models.HandedOver) || !has(got, models.Delivered) {
		t.Errorf("the board shows %v", got)
	}
	for _, d := range []*models.Dispatch{ended, gone} {
		row, err := models.DispatchByIRI(ctx, c.Nodes[embassy].Store.R, d.IRI)
		if err == nil && row.Document != nil {
			t.Errorf("%s was sent", d.Subject)
		}
	}
	if got := told(t, c, ministry, desk); got["delivery resumed"] != 1 || got["delivery not resumed"] != 2 {
		t.Errorf("at the end of the suspension the office was told %v", got)
	}
	rows := c.Deliveries(ministry, ended.IRI)
	if len(rows) != 1 || rows[0].State != models.DeliveryCancelled || !strings.Contains(rows[0].Reason, "validity ended") {
		t.Errorf("the expired one: %+v", rows)
	}
	c.Check()
}

// The audience is asked again: a suspension widens nothing.
func TestSuspensionRevivesNothingForWhoLeftMeanwhile(t *testing.T) {
	cluster.Each(t, testSuspensionRevivesNothingForWhoLeftMeanwhile)
}

func testSuspensionRevivesNothingForWhoLeftMeanwhile(t *testing.T) {
	ctx := context.Background()
	s := newThree(t)
	s.join(t, institute, s.expert, s.expert, models.RoleGuest)
	e := s.Nodes[embassy]
	cluster.Must(t, e.Accreditation.Suspend(ctx, "test", string(institute), "breach"))
	hers, theirs := s.post1(t, "While suspended"), s.post1(t, "Also then")
	s.Settle()
	if got := told(t, s.Cluster, embassy, s.community); got["delivery held back"] != 2 {
		t.Errorf("the community was told %v", got)
	}
	cluster.Must(t, e.Communities.Remove(ctx, s.boris, s.community, s.expert, "the term ended"))
	cluster.Must(t, e.Accreditation.Resume(ctx, "test", string(institute), "settled"))
	s.Clock.Forward(2 * time.Hour)
	s.Settle()
	for _, d := range []*models.Dispatch{hers, theirs} {
		if _, err := s.Nodes[institute].Dispatches.Show(ctx, s.expert, string(d.IRI)); err == nil {
			t.Errorf("%s reached a removed guest", d.Subject)
		}
	}
	s.Check()
}

// A member whose instance was suspended for a while gets what was distributed meanwhile.
func TestSuspendedMemberGetsWhatWasDistributed(t *testing.T) {
	cluster.Each(t, testSuspendedMemberGetsWhatWasDistributed)
}

func testSuspendedMemberGetsWhatWasDistributed(t *testing.T) {
	ctx := context.Background()
	s := newThree(t)
	s.join(t, institute, s.expert, s.expert, models.RoleGuest)
	e := s.Nodes[embassy]
	cluster.Must(t, e.Accreditation.Suspend(ctx, "test", string(institute), "breach"))
	d := s.post1(t, "While suspended")
	s.Settle()
	cluster.Must(t, e.Accreditation.Resume(ctx, "test", string(institute), "settled"))
	s.Settle()
	if _, err := s.Nodes[institute].Dispatches.Show(ctx, s.expert, string(d.IRI)); err != nil {
		t.Errorf("it did not arrive: %v", err)
		explain(t, s.Cluster, d.IRI)
	}
	s.Check()
}
