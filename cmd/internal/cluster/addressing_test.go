package cluster_test

import (
	"context"
	"strings"
	"testing"

	"valise/cmd/internal/cluster"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

// Correspondence is never addressed to everybody, in whichever way that is written and
// however deep.
func TestPublicAddressingIsRefused(t *testing.T) { cluster.Each(t, testPublicAddressingIsRefused) }

func testPublicAddressingIsRefused(t *testing.T) {
	s := accredited(t)
	now := s.Clock.Now
	for _, public := range []iri.IRI{vocab.Public, "as:Public", "Public", "htTps://WWW.w3.org/ns/activitystreams#Public"} {
		for name, edit := range map[string]func(e *vocab.Envelope, d *vocab.Dispatch){
			"to of the activity":       func(e *vocab.Envelope, d *vocab.Dispatch) { e.To = append(e.To, public) },
			"cc of the activity":       func(e *vocab.Envelope, d *vocab.Dispatch) { e.Cc = []iri.IRI{public} },
			"audience of the activity": func(e *vocab.Envelope, d *vocab.Dispatch) { e.Audience = public },
			"to of the object":         func(e *vocab.Envelope, d *vocab.Dispatch) { d.To = append(d.To, public) },
			"cc of the object":         func(e *vocab.Envelope, d *vocab.Dispatch) { d.Cc = []iri.IRI{public} },
			"audience of the object":   func(e *vocab.Envelope, d *vocab.Dispatch) { d.Audience = public },
		} {
			t.Run(name+" as "+string(public), func(t *testing.T) {
				s.o.refused(t, s.j, ministry, 422, "public", func() answer {
					e, d := s.o.envelope(s.office, string(s.desk)), s.o.article(s.office, s.desk, nil)
					edit(&e, d)
					return s.o.send(s.office, s.inbox(s.desk), prove(t, s.office, vocab.Create{Envelope: e, Object: prove(t, s.office, d.Encode(), now())}.Encode(), now()))
				})
			})
		}
	}
	s.Check()
}

// What names nobody here is put aside where an operator sees it, never applied.
func TestUnaddressedArrivalsAreSetAside(t *testing.T) {
	cluster.Each(t, testUnaddressedArrivalsAreSetAside)
}

func testUnaddressedArrivalsAreSetAside(t *testing.T) {
	s := accredited(t)
	ctx := context.Background()
	for name, c := range map[string]struct {
		door, to iri.IRI
	}{
		"another's inbox":                     {s.inbox(s.desk), s.other},
		"somebody elsewhere":                  {s.inbox(s.desk), s.post},
		"somebody elsewhere, shared inbox":    {sharedInbox, s.post},
		"nobody here, shared inbox":           {sharedInbox, "https://ministry.example/o/nobody"},
		"no person here, shared inbox":        {sharedInbox, "https://ministry.example/u/nobody"},
		"no community here, shared inbox":     {sharedInbox, "https://ministry.example/g/nobody"},
		"a thing that is no actor here":       {sharedInbox, "https://ministry.example/d/1"},
		"the followers of nobody joined here": {sharedInbox, "https://embassy.example/g/x/followers"},
	} {
		t.Run(name, func(t *testing.T) {
			mark := s.j.mark()
			before := rowsIn(t, s.Cluster, ministry, "dispatches") + rowsIn(t, s.Cluster, ministry, "deliveries")
			body := s.o.create(s.office, s.o.article(s.office, c.to, nil))
			s.o.send(s.office, c.door, body).mustBe(t, 202, "")
			s.Settle()
			act, err := vocab.ParseActivity(body, iri.Rules{})
			cluster.Must(t, err)
			s.aside(t, ministry, act.ID, "not-addressed")
			if !strings.Contains(s.j.since(mark), "not-addressed") {
				t.Errorf("the log does not say so: %s", s.j.since(mark))
			}
			if rowsIn(t, s.Cluster, ministry, "dispatches")+rowsIn(t, s.Cluster, ministry, "deliveries") != before {
				t.Error("something was kept or answered")
			}
		})
	}
	t.Run("an inbox that is not there", func(t *testing.T) {
		s.o.send(s.office, "https://ministry.example/o/nobody/inbox", s.create()).mustBe(t, 404, "not-found")
	})
	t.Run("one that is here and one that is not", func(t *testing.T) {
		d := s.o.article(s.office, s.desk, func(d *vocab.Dispatch) { d.Cc = []iri.IRI{"https://ministry.example/o/nobody"} })
		s.o.send(s.office, sharedInbox, s.o.create(s.office, d)).mustBe(t, 202, "")
		s.Settle()
		if _, err := s.Nodes[ministry].Dispatches.Show(ctx, s.anna, string(d.ID)); err != nil {
			t.Errorf("the office that is here did not get it: %v", err)
		}
	})
	s.Check()
}

// What other software does that means nothing here is set aside or ignored, and never
// tried for ever.
func TestForeignActsChangeNothing(t *testing.T) { cluster.Each(t, testForeignActsChangeNothing) }

func testForeignActsChangeNothing(t *testing.T) {
	s := accredited(t)
	ctx := context.Background()
	d := s.Send(ministry, s.anna, s.desk, cable("Ours", s.office.id))
	s.Settle()
	act := func(kind string, object string) []byte {
		b := s.envelopeOf(kind, s.office, string(s.desk))
		if strings.HasPrefix(object, "{") {
			b.Raw("object", []byte(object))
		} else {
			b.Str("object", object)
		}
		return s.sealed(s.office, b.Bytes())
	}
	for name, c := range map[string]struct {
		door iri.IRI
		body []byte
		code string // "" where it is ignored
	}{
		"an announcement of ours by id":    {s.inbox(s.desk), act("Announce", string(d.IRI)), "missing-member"},
		"an announcement of a note":        {s.inbox(s.desk), act("Announce", `{"id":"https://outlaw.example/n/1","type":"Note","attributedTo":"https://outlaw.example/o/chancery"}`), "unknown-type"},
		"a follow of an office":            {s.inbox(s.desk), act("Follow", string(s.desk)), ""},
		"a follow of somebody elsewhere":   {s.inbox(s.desk), act("Follow", string(s.post)), "not-addressed"},
		"a follow of nobody":               {s.inbox(s.desk), act("Follow", "https://ministry.example/o/nobody"), "not-addressed"},
		"a follow of itself":               {s.inbox(s.desk), act("Follow", string(s.office.id)), "not-addressed"},
		"an acceptance of nothing":         {s.inbox(s.desk), act("Accept", "https://ministry.example/a/nothing"), "unknown-object"},
		"a rejection of nothing":           {s.inbox(s.desk), act("Reject", "https://ministry.example/a/nothing"), "unknown-object"},
		"a rejection of a dispatch":        {s.inbox(s.desk), act("Reject", string(d.Activity)), ""},
		"an undo of nothing":               {s.inbox(s.desk), act("Undo", "https://ministry.example/a/nothing"), ""},
		"an undo of our release":           {s.inbox(s.desk), act("Undo", string(d.Activity)), ""},
		"a like":                           {s.inbox(s.desk), act("Like", string(d.IRI)), ""},
		"a flag":                           {s.inbox(s.desk), act("Flag", string(d.IRI)), ""},
		"a block":                          {s.inbox(s.desk), act("Block", string(s.desk)), ""},
		"a move":                           {s.inbox(s.desk), act("Move", string(s.office.id)), ""},
		"an invitation to nobody":          {s.inbox(s.desk), s.sealed(s.office, s.envelopeOf("Invite", s.office, string(s.desk)).Str("object", "https://ministry.example/u/nobody").IRI("target", s.office.id).Bytes()), "unknown-invitee"},
		"an invitation to another's group": {s.inbox(s.desk), s.sealed(s.office, s.envelopeOf("Invite", s.office, string(s.desk)).IRI("object", s.anna).Str("target", "https://embassy.example/g/x").Bytes()), "foreign-actor"},
		"an unknown kind":                  {s.inbox(s.desk), act("Travel", string(s.desk)), "unknown-kind"},
		"a post of an unknown kind":        {s.inbox(s.desk), act("Create", `{"id":"https://outlaw.example/v/1","type":"Video","attributedTo":"https://outlaw.example/o/chancery"}`), "unknown-kind"},
		"a receipt for nothing":            {s.inbox(s.desk), s.sealed(s.office, vocab.Receipt{Envelope: s.o.envelope(s.office, string(s.desk)), Kind: vocab.ReceiptDelivered, Object: "https://ministry.example/a/nothing", ObjectDigest: d.Digest}.Encode()), "unknown-object"},
		"a receipt for other content":      {s.inbox(s.desk), s.sealed(s.office, vocab.Receipt{Envelope: s.o.envelope(s.office, string(s.desk)), Kind: vocab.ReceiptTaken, Object: d.Activity, ObjectDigest: "zQmother"}.Encode()), "wrong-digest"},
		"a receipt of an unknown kind":     {s.inbox(s.desk), s.sealed(s.office, vocab.Receipt{Envelope: s.o.envelope(s.office, string(s.desk)), Kind: "burnt", Object: d.Activity, ObjectDigest: d.Digest}.Encode()), "invalid-value"},
	} {
		t.Run(name, func(t *testing.T) {
			before := state(t, s.Nodes[ministry])
			a := s.o.send(s.office, c.door, c.body)
			s.Settle()
			after := state(t, s.Nodes[ministry])
			for _, table := range []string{"dispatches", "addressees", "members", "communities", "comments", "community_log", "invitations", "peers"} {
				// An addressee's refusal is marked beside her, for the desk that sent it.
				if before[table] != after[table] && !(table == "addressees" && name == "a rejection of a dispatch") {
					t.Errorf("%s changed", table)
				}
			}
			if a.status == 400 {
				a.mustBe(t, 400, c.code)
				same(t, before, after)
				return
			}
			a.mustBe(t, 202, "")
			parsed, err := vocab.ParseActivity(c.body, iri.Rules{})
			cluster.Must(t, err)
			if c.code != "" {
				s.aside(t, ministry, parsed.ID, c.code)
				return
			}
			row, err := models.ArrivalOf(ctx, s.Nodes[ministry].Store.R, parsed.ID)
			cluster.Must(t, err)
			if row.State != models.ArrivalApplied {
				t.Errorf("it is %s: %s", row.State, row.Reason)
			}
		})
	}
	t.Run("a receipt by somebody who is no addressee", func(t *testing.T) {
		colleague := s.o.figure(models.TypeOrganization, "/o/colleague")
		for _, kind := range []string{vocab.ReceiptDelivered, vocab.ReceiptErased} {
			body := s.sealed(colleague, vocab.Receipt{Envelope: s.o.envelope(colleague, string(s.desk)), Kind: kind, Object: d.Activity, ObjectDigest: d.Digest}.Encode())
			s.o.send(colleague, s.inbox(s.desk), body).mustBe(t, 202, "")
			s.Settle()
			parsed, err := vocab.ParseActivity(body, iri.Rules{})
			cluster.Must(t, err)
			s.aside(t, ministry, parsed.ID, "not-addressed")
			if got := stations(t, s.Cluster, ministry, d.IRI)[colleague.id]; len(got) > 0 {
				t.Errorf("the board shows %v for a stranger", got)
			}
		}
	})
	s.Check()
}
