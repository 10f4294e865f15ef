package cluster_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/instance/communities"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

const (
	ministry  iri.Host = "ministry.example"
	embassy   iri.Host = "embassy.example"
	institute iri.Host = "institute.example"
)

func cable(subject string, action ...iri.IRI) dispatches.Content {
	return dispatches.Content{Kind: "cable", Subject: subject, Precedence: "PRIORITY", Marking: "LIMITED", Language: "en", Action: action,
		Paragraphs: []dispatches.Paragraph{{Text: "The Ambassador called this morning."}, {Text: "He proposes **14 October**.", Marking: "UNCLASSIFIED"}}}
}

func stations(t *testing.T, c *cluster.Cluster, h iri.Host, d iri.IRI) map[iri.IRI][]string {
	t.Helper()
	rows, err := models.EvidenceOf(context.Background(), c.Nodes[h].Store.R, d, 1000)
	cluster.Must(t, err)
	out := map[iri.IRI][]string{}
	for _, e := range rows {
		out[e.Addressee] = append(out[e.Addressee], e.Station)
	}
	return out
}

// explain logs what became of an object everywhere, for a failing test.
func explain(t *testing.T, c *cluster.Cluster, id iri.IRI) {
	for h, n := range c.Nodes {
		for _, d := range c.Deliveries(h, id) {
			t.Logf("%s delivery %s %s to %s: %s %d %s", h, d.Type, d.Activity, d.Inbox, d.State, d.Status, d.Reason)
		}
		for _, state := range []string{models.ArrivalPending, models.ArrivalSetAside, models.ArrivalApplied} {
			as, _ := models.Arrivals(context.Background(), n.Store.R, state, 0, 100)
			for _, a := range as {
				if a.ObjectID == id {
					t.Logf("%s arrival %s %s from %s: %s %s", h, a.Type, a.Activity, a.Host, a.State, a.Reason)
				}
			}
		}
	}
}

func has(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func TestCableDeliveredRegisteredReadTaken(t *testing.T) {
	cluster.Each(t, testCableDeliveredRegisteredReadTaken)
}

func testCableDeliveredRegisteredReadTaken(t *testing.T) {
	ctx := context.Background()
	c := cluster.New(t, []iri.Host{ministry, embassy})
	desk, anna := c.Office(ministry, "europe", "EUROPE DESK", "Europe desk", "anna")
	post, boris := c.Office(embassy, "chancery", "PARIS", "Chancery", "boris")
	c.Accredit(ministry, embassy)
	d := c.Send(ministry, anna, desk, cable("Consultations on water sharing", post))
	if d.Reference != "EUROPE DESK 2026/000001" {
		t.Errorf("reference is %s", d.Reference)
	}
	c.Settle()
	if got := stations(t, c, ministry, d.IRI)[post]; !has(got, models.HandedOver) || !has(got, models.Delivered) {
		t.Fatalf("board shows %v", got)
	}
	e := c.Nodes[embassy]
	v, err := e.Dispatches.Show(ctx, boris, d.Reference)
	cluster.Must(t, err)
	if !strings.Contains(v.Wire.Content, "<strong>14 October</strong>") || v.Dispatch.Digest != d.Digest {
		t.Errorf("received %q with digest %s", v.Wire.Content, v.Dispatch.Digest)
	}
	for _, step := range []string{dispatches.StepRead, dispatches.StepRegister, dispatches.StepTake} {
		_, err := e.Dispatches.Handle(ctx, boris, d.Reference, step, "R-17")
		cluster.Must(t, err)
	}
	c.Settle()
	got := stations(t, c, ministry, d.IRI)[post]
	for _, want := range []string{models.Submitted, models.HandedOver, models.Delivered, models.ReadByThem, models.Registered, models.Taken} {
		if !has(got, want) {
			t.Errorf("board lacks %q: %v", want, got)
		}
	}
	reply := cable("Re: Consultations", desk)
	reply.References = []dispatches.Reference{{Target: d.IRI, Label: d.Reference, Digest: d.Digest}}
	r := c.Send(embassy, boris, post, reply)
	c.Settle()
	v, err = c.Nodes[ministry].Dispatches.Show(ctx, anna, r.Reference)
	cluster.Must(t, err)
	if len(v.References) != 1 || v.References[0].Check != "fits" {
		t.Errorf("references are %+v", v.References)
	}
	c.Check()
}

func TestCorrectionAndWithdrawalReachEverybody(t *testing.T) {
	cluster.Each(t, testCorrectionAndWithdrawalReachEverybody)
}

func testCorrectionAndWithdrawalReachEverybody(t *testing.T) {
	ctx := context.Background()
	c := cluster.New(t, []iri.Host{ministry, embassy})
	desk, anna := c.Office(ministry, "europe", "EUROPE DESK", "Europe desk", "anna")
	post, boris := c.Office(embassy, "chancery", "PARIS", "Chancery", "boris")
	c.Accredit(ministry, embassy)
	d := c.Send(ministry, anna, desk, cable("A date", post))
	c.Settle()
	m := c.Nodes[ministry]
	fixed := cable("A date, corrected", post)
	fixed.ChangeNote = "The date was wrong."
	draft, err := m.Dispatches.NewDraft(ctx, anna, desk, &fixed, d.IRI)
	cluster.Must(t, err)
	two, err := m.Dispatches.Release(ctx, anna, draft.ID, 1)
	cluster.Must(t, err)
	if two.Reference != d.Reference || two.Version != 2 {
		t.Errorf("the correction is %s version %d", two.Reference, two.Version)
	}
	c.Settle()
	v, err := c.Nodes[embassy].Dispatches.Show(ctx, boris, d.Reference)
	cluster.Must(t, err)
	if v.Dispatch.Version != 2 || v.Dispatch.Subject != fixed.Subject || len(v.Versions) != 2 {
		t.Errorf("the embassy shows version %d, %q", v.Dispatch.Version, v.Dispatch.Subject)
	}
	_, err = m.Dispatches.Withdraw(ctx, anna, d.Reference, "")
	cluster.Must(t, err)
	c.Settle()
	got, err := models.Versions(ctx, c.Nodes[embassy].Store.R, d.IRI)
	cluster.Must(t, err)
	for _, row := range got {
		if row.State != models.DispatchWithdrawn || row.Document != nil || row.Subject != "" {
			t.Errorf("version %d is %s with %d bytes", row.Version, row.State, len(row.Document))
		}
	}
	if !has(stations(t, c, ministry, d.IRI)["https://embassy.example/actor"], models.Erased) {
		t.Errorf("no erased receipt: %v", stations(t, c, ministry, d.IRI))
	}
	c.Check()
}

// three builds the federation of the demo: ministry and embassy accredited, a community
// at the embassy with the ministry's desk as member, and an expert of an institute that
// nobody accredited.
type three struct {
	*cluster.Cluster
	desk, anna, post, boris, expert, community iri.IRI
}

func newThree(t *testing.T, options ...cluster.Option) *three {
	ctx := context.Background()
	c := cluster.New(t, []iri.Host{ministry, embassy, institute}, options...)
	s := &three{Cluster: c}
	s.desk, s.anna = c.Office(ministry, "europe", "EUROPE DESK", "Europe desk", "anna")
	s.post, s.boris = c.Office(embassy, "chancery", "PARIS", "Chancery", "boris")
	p, err := c.Nodes[institute].Accounts.AddPerson(ctx, "test", "clara", "Clara")
	cluster.Must(t, err)
	s.expert = p.IRI
	c.Accredit(ministry, embassy)
	com, err := c.Nodes[embassy].Communities.Open(ctx, s.boris, communities.Opening{Office: s.post, Username: "water", Name: "Water", Charter: "Water sharing.", Ceiling: "UNCLASSIFIED", HistoryDays: 30})
	cluster.Must(t, err)
	s.community = com.IRI
	s.join(t, ministry, s.anna, s.desk, models.RoleMember)
	return s
}

// join invites an actor and accepts on its side.
func (s *three) join(t *testing.T, h iri.Host, person, who iri.IRI, role string) {
	t.Helper()
	ctx := context.Background()
	i, err := s.Nodes[embassy].Communities.Invite(ctx, s.boris, s.community, communities.Invitation{Who: string(who), Role: role, HistoryDays: -1})
	cluster.Must(t, err)
	s.Settle()
	cluster.Must(t, s.Nodes[h].Communities.Accept(ctx, who, i.IRI))
	s.Settle()
	m, err := models.MemberOf(ctx, s.Nodes[h].Store.R, s.community, who)
	cluster.Must(t, err)
	if m.State != models.MemberActive {
		t.Fatalf("%s is %s at home", who, m.State)
	}
}

func (s *three) post1(t *testing.T, subject string) *models.Dispatch {
	t.Helper()
	content := cable(subject)
	content.Marking, content.Community = "UNCLASSIFIED", s.community
	return s.Send(ministry, s.anna, s.desk, content)
}

func TestCommunityOfThreeParties(t *testing.T) { cluster.Each(t, testCommunityOfThreeParties) }

func testCommunityOfThreeParties(t *testing.T) {
	ctx := context.Background()
	s := newThree(t)
	old := s.post1(t, "Before she came")
	s.Settle()
	s.join(t, institute, s.expert, s.expert, models.RoleGuest)
	i := s.Nodes[institute]
	if _, err := i.Dispatches.Show(ctx, s.expert, string(old.IRI)); err != nil {
		t.Errorf("the granted window of history did not arrive: %v", err)
		explain(t, s.Cluster, old.IRI)
	}
	content := cable("With an annex")
	content.Marking, content.Community = "UNCLASSIFIED", s.community
	file, err := s.Nodes[ministry].Dispatches.Upload(ctx, "annex.txt", "text/plain", strings.NewReader("The annex."))
	cluster.Must(t, err)
	content.Attachments = []dispatches.Attachment{file}
	d := s.Send(ministry, s.anna, s.desk, content)
	s.Settle()
	v, err := i.Dispatches.Show(ctx, s.expert, string(d.IRI))
	cluster.Must(t, err)
	if v.Attachments[0].State != models.AttachmentHere {
		t.Errorf("the attachment is %s: %s", v.Attachments[0].State, v.Attachments[0].Reason)
	}
	if got := stations(t, s.Cluster, ministry, d.IRI); !has(got["https://institute.example/actor"], models.Delivered) || !has(got[s.community], models.Delivered) {
		t.Errorf("the author's board shows %v", got)
	}
	_, err = i.Communities.Comment(ctx, s.expert, s.community, d.IRI, "A question about the annex.")
	cluster.Must(t, err)
	s.Settle()
	comments, err := s.Nodes[ministry].Communities.Comments(ctx, s.anna, s.community, 10)
	cluster.Must(t, err)
	if len(comments) != 1 || comments[0].Author != s.expert {
		t.Errorf("the ministry sees %d comments", len(comments))
	}

	if _, err := s.TrySend(ministry, s.anna, s.desk, func() dispatches.Content {
		x := cable("Too high")
		x.Community = s.community
		return x
	}()); err == nil || !strings.Contains(err.Error(), "above-ceiling") {
		// The ministry does not know the ceiling of a community elsewhere better than
		// its own copy says; the Group refuses what slips through.
		s.Settle()
	}
	rows, err := i.Dispatches.List(ctx, s.expert, s.community, "", 0, 50)
	cluster.Must(t, err)
	for _, r := range rows {
		if r.Subject == "Too high" {
			t.Error("a dispatch above the ceiling reached the guest")
		}
	}

	s.Stop(institute)
	waiting := s.post1(t, "While she was away")
	s.Settle()
	cluster.Must(t, s.Nodes[embassy].Communities.Remove(ctx, s.boris, s.community, s.expert, "the term of her study ended"))
	s.Settle()
	s.Start(institute)
	s.Clock.Forward(time.Hour)
	s.Settle()
	i = s.Nodes[institute]
	if _, err := i.Dispatches.Show(ctx, s.expert, string(waiting.IRI)); err == nil {
		t.Error("the removed guest received what was distributed in her absence")
	}
	if _, err := i.Dispatches.Show(ctx, s.expert, string(d.IRI)); err != nil {
		t.Errorf("what she had received is gone: %v", err)
	}
	m, err := models.MemberOf(ctx, i.Store.R, s.community, s.expert)
	cluster.Must(t, err)
	if m.State != models.MemberRemoved {
		t.Errorf("her instance holds her as %s", m.State)
	}
	_, err = s.Nodes[ministry].Dispatches.Withdraw(ctx, s.anna, string(d.IRI), "")
	cluster.Must(t, err)
	s.Settle()
	if _, err := i.Dispatches.Show(ctx, s.expert, string(d.IRI)); err == nil {
		row, _ := models.DispatchByIRI(ctx, i.Store.R, d.IRI)
		if row.Document != nil {
			t.Error("a withdrawn dispatch is still readable at the institute")
		}
	}
	if got := stations(t, s.Cluster, ministry, d.IRI); !has(got["https://institute.example/actor"], models.Erased) || !has(got["https://embassy.example/actor"], models.Erased) {
		t.Errorf("erased receipts are missing: %v", got)
	}
	s.Check()
}

func TestKeysRotateAndOldDispatchesVerify(t *testing.T) {
	cluster.Each(t, testKeysRotateAndOldDispatchesVerify)
}

func testKeysRotateAndOldDispatchesVerify(t *testing.T) {
	ctx := context.Background()
	s := newThree(t)
	s.join(t, institute, s.expert, s.expert, models.RoleGuest)
	before := s.post1(t, "Before the rotation")
	s.Stop(institute)
	s.Settle()
	m := s.Nodes[ministry]
	cluster.Must(t, m.Keys.Rotate(ctx, "test", s.desk, "yearly", false, time.Time{}))
	cluster.Must(t, m.Keys.Rotate(ctx, "test", "https://ministry.example/actor", "yearly", false, time.Time{}))
	s.Settle()
	s.Clock.Forward(2 * time.Minute)
	after := s.post1(t, "After the rotation")
	s.Settle()
	s.Start(institute)
	s.Clock.Forward(time.Hour)
	s.Settle()
	for _, d := range []*models.Dispatch{before, after} {
		if _, err := s.Nodes[institute].Dispatches.Show(ctx, s.expert, string(d.IRI)); err != nil {
			t.Errorf("%s did not arrive: %v", d.Subject, err)
			explain(t, s.Cluster, d.IRI)
		}
	}
	s.Check()
}

// TestLateDispatchesAreTold: a peer that answers 202 and forgets, or is away, does not
// go unnoticed.
func TestLateDispatchesAreTold(t *testing.T) { cluster.Each(t, testLateDispatchesAreTold) }

func testLateDispatchesAreTold(t *testing.T) {
	ctx := context.Background()
	c := cluster.New(t, []iri.Host{ministry, embassy})
	desk, anna := c.Office(ministry, "europe", "EUROPE DESK", "Europe desk", "anna")
	post, _ := c.Office(embassy, "chancery", "PARIS", "Chancery", "boris")
	c.Accredit(ministry, embassy)
	c.Send(ministry, anna, desk, cable("Before", post))
	c.Settle()
	c.Stop(embassy)
	urgent := cable("Urgent", post)
	urgent.Precedence = "FLASH"
	d := c.Send(ministry, anna, desk, urgent)
	c.Settle()
	for range 3 {
		c.Clock.Forward(20 * time.Minute)
		c.Settle()
	}
	notices, err := models.Notices(ctx, c.Nodes[ministry].Store.R, desk, 0, 50)
	cluster.Must(t, err)
	kinds := map[string]int{}
	for _, n := range notices {
		kinds[n.Kind]++
	}
	if kinds["dispatch late"] != 1 || kinds["dispatch unacknowledged"] != 1 {
		t.Errorf("the office was told %v", kinds)
	}
	if got := stations(t, c, ministry, d.IRI)[post]; has(got, models.HandedOver) {
		t.Errorf("board shows %v", got)
	}
}
