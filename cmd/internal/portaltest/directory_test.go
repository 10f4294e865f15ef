package portaltest_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/instance/accounts"
	"valise/instance/drafting"
	"valise/models"
	"valise/models/iri"
)

// A drafter finds whom to write to and begins with the addressee; instances without
// accreditation, other people's communities and collective addresses are not there for her.
func TestDirectoryPages(t *testing.T) {
	const stranger iri.Host = "stranger.localhost"
	c := cluster.New(t, []iri.Host{ministry, embassy, stranger})
	office, anna := c.Office(ministry, "state", "STATE", "Department of State", "anna")
	east, bruno := c.Office(ministry, "east", "EAST", "Eastern <Department>", "bruno")
	there, _ := c.Office(embassy, "ankara", "ANKARA", "Embassy Ankara", "counsellor")
	c.Office(stranger, "secret", "SECRET", "Hidden office", "eve")
	c.Accredit(ministry, embassy)
	n := c.Nodes[ministry]
	_, err := n.Directory.Refresh(t.Context())
	cluster.Must(t, err)
	cluster.Must(t, models.SavePeer(t.Context(), n.Store.W, &models.Peer{Host: stranger, State: models.PeerSuspended}))
	_, err = n.Drafting.DefineCollective(t.Context(), anna, office, "", "Neighbours", []iri.IRI{east, there})
	cluster.Must(t, err)
	reader, err := n.Accounts.AddPerson(t.Context(), "test", "rita", "Rita Reader")
	cluster.Must(t, err)
	cluster.Must(t, n.Accounts.Grant(t.Context(), "test", east, reader.IRI, []string{models.ActRead}, models.Time(0).Time()))
	for i := range 55 {
		a := accounts.Actor(ministry, models.TypeOrganization, fmt.Sprintf("desk-%02d", i), "", c.Clock.Now())
		cluster.Must(t, models.InsertActor(t.Context(), n.Store.W, a))
		cluster.Must(t, models.InsertOffice(t.Context(), n.Store.W, &models.Office{IRI: a.IRI, Code: fmt.Sprintf("D%02d", i), Title: fmt.Sprintf("Desk %02d", i), CreatedAt: models.At(c.Clock.Now())}))
	}

	b := portaltest.SignIn(t, n, anna)
	list := b.Get("/directory").OK().Sound().Says("Offices here", "Desk 01").Lacks("Eastern <Department>")
	if got := list.Text(`.mast nav [aria-current]`); got != "Directory" {
		t.Errorf("the masthead stands at %q", got)
	}
	list.Follow(`a[rel=next]`).OK().Sound().Says("Eastern <Department>", "@east@ministry.localhost", "STATE").Lacks("Desk 01")

	found := list.Submit(`form[role=search]`, "q", "ankara").OK().Sound().Says("1 address fits", "Embassy Ankara", "@ankara@embassy.localhost", "Office of another instance")
	draft := found.Follow(`.tab a`).OK().Sound().Submit("main form", "form", "noteVerbale").OK()
	draft.Says("Embassy Ankara")
	if got := draft.Find("#at-p1 textarea").Text(); !strings.Contains(got, "compliments to the Embassy Ankara") {
		t.Errorf("the formula: %q", got)
	}
	group := b.Get("/directory?q=neighb").OK().Says("Neighbours", "2 addressees").Follow(`.tab a`).OK()
	group.Submit("main form").OK().Says("Neighbours")
	for _, q := range []string{"hidden", "secret", "stranger", `<script>alert(1)</script>`} {
		p := b.Get("/directory?q="+url.QueryEscape(q)).OK().Sound().Says("Nobody whom you can address fits").Lacks("Hidden office", "<script>alert")
		if got := p.Find("#q").AttrOr("value", ""); got != q {
			t.Errorf("the question became %q", got)
		}
	}
	b.Get("/directory/instances").OK().Sound().Says("embassy.localhost", "1").Lacks("stranger.localhost").Follow(`.tab a`).OK().Sound().Says("Embassy Ankara", "Its offices were read")
	unknown := b.Get("/directory/instances/nowhere.localhost").Is(404).Words()
	if got := b.Get("/directory/instances/" + string(stranger)).Is(404).Words(); got != unknown {
		t.Errorf("a suspended instance answers %q", got)
	}
	b.Get("/directory/persons").OK().Sound().Says("@rita@ministry.localhost", "Eastern <Department>", "Read and register", "Department of State")
	b.Get("/directory/collective").OK().Sound().Says("Neighbours", "Eastern <Department>", "Embassy Ankara", "2 addressees")

	for _, path := range []string{"/directory", "/directory?q=neighb", "/directory/instances", "/directory/instances/embassy.localhost", "/directory/persons", "/directory/collective"} {
		b.Within(8, path).OK()
	}

	// Bruno's office has other collective addresses; Rita drafts for nobody.
	other := portaltest.SignIn(t, n, bruno)
	other.Get("/directory/collective").OK().Sound().Says("no collective address").Lacks("Neighbours")
	other.Get("/directory?q=neighb").OK().Lacks("Neighbours")
	id := group.Find(`input[name=to]`).AttrOr("value", "")
	other.Get("/drafts/new?" + url.Values{"to": {id}}.Encode()).OK().Submit("main form").Is(422).Says("another office")
	r := portaltest.SignIn(t, n, reader.IRI).Get("/directory?q=ankara").OK().Says("Embassy Ankara")
	if r.Find(`a[href^="/drafts/new"]`).Length() != 0 {
		t.Error("somebody who drafts for nobody is offered to write")
	}
	if _, err := n.Drafting.Begin(t.Context(), anna, drafting.Start{Office: office, Form: "cable", Language: "en", To: "https://nowhere.localhost/o/x"}); err == nil {
		t.Error("a draft was addressed to nobody")
	}
	for _, lang := range []string{"fr", "ar"} {
		for _, path := range []string{"/directory?", "/directory/instances?", "/directory/persons?", "/directory/collective?", "/directory?q=ankara&"} {
			b.Get(path + "lang=" + lang).OK().Sound()
		}
	}
}
