package cluster_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/config"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/accreditation"
	"valise/instance/communities"
	"valise/models"
	"valise/models/iri"
)

const ministryActor iri.IRI = "https://ministry.example/actor"

func (s *court) peerState(h iri.Host) string {
	p, err := models.PeerByHost(context.Background(), s.Nodes[ministry].Store.R, h)
	if models.NotFound(err) {
		return ""
	}
	cluster.Must(s.T, err)
	return p.State
}

// sealed is an activity of ours with its proof.
func (s *court) sealed(by *figure, doc []byte) []byte { return prove(s.T, by, doc, s.Clock.Now()) }

func TestUnaccreditedPeersAreRefused(t *testing.T) { cluster.Each(t, testUnaccreditedPeersAreRefused) }

func testUnaccreditedPeersAreRefused(t *testing.T) {
	s := newCourt(t)
	follow := func(by *figure, what iri.IRI) []byte {
		return s.sealed(by, vocab.Follow{Envelope: s.o.envelope(by, string(what)), Object: what}.Encode())
	}
	acts := map[string]func() answer{
		"Create":   func() answer { return s.o.do(s.signed(s.create())) },
		"Follow":   func() answer { return s.o.send(s.office, s.inbox(s.desk), follow(s.office, s.desk)) },
		"Announce": func() answer { return s.o.send(s.office, s.inbox(s.desk), s.announce(s.office, s.create(), 1, "")) },
		"Delete": func() answer {
			return s.o.send(s.office, s.inbox(s.desk), s.sealed(s.office, vocab.Delete{Envelope: s.o.envelope(s.office, string(s.desk)), Tombstone: vocab.Tombstone{ID: s.o.next("d")}}.Encode()))
		},
		"Accept of nothing": func() answer {
			return s.o.send(s.o.instance, "https://ministry.example/actor/inbox", s.sealed(s.o.instance, vocab.Answer{Envelope: s.o.envelope(s.o.instance, string(ministryActor)), Subject: vocab.Subject{ID: "https://ministry.example/a/1"}}.Accept()))
		},
		"Update of an actor": func() answer {
			return s.o.send(s.office, "https://ministry.example/actor/inbox", s.sealed(s.office, vocab.Update{Envelope: s.o.envelope(s.office, string(ministryActor)), Object: s.office.document()}.Encode()))
		},
	}
	for name, act := range acts {
		t.Run("stranger: "+name, func(t *testing.T) { s.o.refused(t, s.j, ministry, 403, "not-accredited", act) })
	}
	t.Run("an offer of something else", func(t *testing.T) {
		s.o.refused(t, s.j, ministry, 403, "not-accredited", func() answer {
			object := vocab.New().Str("type", "Note").Str("content", "Buy.").Bytes()
			body := s.envelopeOf("Offer", s.office, string(ministryActor)).Raw("object", object).Bytes()
			return s.o.send(s.office, "https://ministry.example/actor/inbox", s.sealed(s.office, body))
		})
	})
	s.o.send(s.o.instance, "https://ministry.example/actor/inbox", s.offer(s.o.instance)).mustBe(t, 202, "")
	s.Settle()
	if got := s.peerState(outlawHost); got != models.PeerProposed {
		t.Fatalf("the outlaw is %q after its proposal", got)
	}
	t.Run("proposed", func(t *testing.T) { s.o.refused(t, s.j, ministry, 403, "not-accredited", acts["Create"]) })
	ctx := context.Background()
	cluster.Must(t, s.Nodes[ministry].Accreditation.Refuse(ctx, "test", string(outlawHost), "unknown"))
	s.Settle()
	for name, act := range acts {
		t.Run("refused: "+name, func(t *testing.T) { s.o.refused(t, s.j, ministry, 403, "refused", act) })
	}
	t.Run("refused: proposal", func(t *testing.T) {
		s.o.refused(t, s.j, ministry, 403, "refused", func() answer {
			return s.o.send(s.o.instance, "https://ministry.example/actor/inbox", s.offer(s.o.instance))
		})
	})
	if s.o.received("Secret") || s.o.received("europe") {
		t.Error("something reached the stranger beyond the answer to its proposal")
	}
	s.Check()
}

func (s *court) envelopeOf(kind string, by *figure, to string) *vocab.Obj {
	e := s.o.envelope(by, to)
	return vocab.New().Raw("@context", []byte(vocab.CTX)).IRI("id", e.ID).Str("type", kind).IRI("actor", e.Actor).IRIs("to", e.To).Time("published", e.Published)
}

// announce is Form A by the figure, with any inner activity.
func (s *court) announce(by *figure, inner []byte, n int64, previous string) []byte {
	e := s.o.envelope(by, string(by.id)+"/followers")
	return s.sealed(by, vocab.Announce{Envelope: e, Sequence: n, PreviousDigest: previous, Salt: "salt", Object: inner}.Encode())
}

func TestSuspendedPeersAreRefused(t *testing.T) { cluster.Each(t, testSuspendedPeersAreRefused) }

func testSuspendedPeersAreRefused(t *testing.T) {
	s := accredited(t)
	ctx := context.Background()
	cluster.Must(t, s.Nodes[ministry].Accreditation.Suspend(ctx, "test", string(outlawHost), "breach"))
	s.o.refused(t, s.j, ministry, 403, "suspended", func() answer { return s.o.do(s.signed(s.create())) })
	if _, err := s.TrySend(ministry, s.anna, s.desk, cable("To the suspended", s.office.id)); err == nil || !strings.Contains(err.Error(), "not-accredited") {
		t.Errorf("released to a suspended peer: %v", err)
	}
	cluster.Must(t, s.Nodes[ministry].Accreditation.Resume(ctx, "test", string(outlawHost), "settled"))
	s.o.do(s.signed(s.create())).mustBe(t, 202, "")
}

// Of a stranger little is taken, and not often.
func TestFirstContactHasLimits(t *testing.T) { cluster.Each(t, testFirstContactHasLimits) }

func testFirstContactHasLimits(t *testing.T) {
	s := newCourt(t, cluster.Change(func(c *config.Config) { c.Federation.FirstContactPerHour = 3 }))
	to := ministryActor + "/inbox"
	large := s.o.instance
	o := vocab.Offer{Envelope: s.o.envelope(large, string(ministryActor)), Subject: large.id, Object: ministryActor, Name: "Outlaw", Fingerprint: sign.Fingerprint(large.public()),
		Contact: strings.Repeat("x", 17<<10)}
	s.o.refused(t, s.j, ministry, 413, "too-large", func() answer { return s.o.send(large, to, s.sealed(large, o.Encode())) })
	for range 3 {
		s.o.send(large, to, s.offer(large)).mustBe(t, 202, "")
	}
	s.Settle()
	s.o.refused(t, s.j, ministry, 429, "too-many", func() answer {
		a := s.o.send(large, to, s.offer(large))
		if a.header.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
		return a
	})
	// The limit is the host's: another of its keys has no contacts of its own, and
	// another host has.
	s.o.refused(t, s.j, ministry, 429, "too-many", func() answer { return s.o.send(s.office, to, s.offer(s.office)) })
	b := *s
	b.o = newOutlaw(t, s.Cluster, "third.example")
	b.o.send(b.o.instance, to, b.offer(b.o.instance)).mustBe(t, 202, "")
	s.Check()
}

func TestRatesAreHeld(t *testing.T) { cluster.Each(t, testRatesAreHeld) }

func testRatesAreHeld(t *testing.T) {
	s := accredited(t, cluster.Change(func(c *config.Config) {
		c.Federation.RatePerKey = config.Rate{PerSecond: 0.001, Burst: 4}
	}))
	accepted := 0
	for range 6 {
		if a := s.o.do(s.signed(s.create())); a.status == 202 {
			accepted++
		} else {
			a.mustBe(t, 429, "too-many")
		}
	}
	if accepted != 4 {
		t.Errorf("%d were accepted, wanted 4", accepted)
	}
	s.Settle()
	if got := rowsIn(t, s.Cluster, ministry, "dispatches"); got != 4 {
		t.Errorf("%d of the accepted are here", got)
	}
}

// A proposal that does not fit its key, is made for others, or is answered by others.
func TestFalseProposalsAreSetAside(t *testing.T) { cluster.Each(t, testFalseProposalsAreSetAside) }

func testFalseProposalsAreSetAside(t *testing.T) {
	s := newCourt(t)
	to := ministryActor + "/inbox"
	by := s.o.instance
	offer := func(edit func(o *vocab.Offer)) []byte {
		o := vocab.Offer{Envelope: s.o.envelope(by, string(ministryActor)), Subject: by.id, Object: ministryActor, Name: "Outlaw", Fingerprint: sign.Fingerprint(by.public())}
		edit(&o)
		return s.sealed(by, o.Encode())
	}
	for _, c := range []struct {
		name, code string
		body       []byte
	}{
		{"another key's fingerprint", "wrong-fingerprint", offer(func(o *vocab.Offer) { o.Fingerprint = sign.Fingerprint(s.office.public()) })},
		{"for another host", "foreign-offer", offer(func(o *vocab.Offer) { o.Subject = "https://embassy.example/actor" })},
		{"to another", "foreign-offer", offer(func(o *vocab.Offer) { o.Object = s.desk })},
		{"no fingerprint", "missing-member", offer(func(o *vocab.Offer) { o.Fingerprint = "" })},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.o.send(by, to, c.body).mustBe(t, 202, "")
			s.Settle()
			act, err := vocab.ParseActivity(c.body, iri.Rules{})
			cluster.Must(t, err)
			s.aside(t, ministry, act.ID, c.code)
			if got := s.peerState(outlawHost); got != "" {
				t.Errorf("the outlaw has become %s", got)
			}
		})
	}
	// An acceptance by somebody else of that host is none.
	ctx := context.Background()
	_, err := s.Nodes[ministry].Accreditation.Propose(ctx, "test", string(outlawHost), accreditation.Terms{Fingerprint: sign.Fingerprint(by.public())})
	cluster.Must(t, err)
	s.Settle()
	peer, err := models.PeerByHost(ctx, s.Nodes[ministry].Store.R, outlawHost)
	cluster.Must(t, err)
	accept := s.sealed(s.office, vocab.Answer{Envelope: s.o.envelope(s.office, string(ministryActor)), Subject: vocab.Subject{ID: peer.OfferID}}.Accept())
	s.o.send(s.office, to, accept).mustBe(t, 202, "")
	s.Settle()
	act, err := vocab.ParseActivity(accept, iri.Rules{})
	cluster.Must(t, err)
	s.aside(t, ministry, act.ID, "foreign-actor")
	if got := s.peerState(outlawHost); got != models.PeerProposed {
		t.Errorf("an office's acceptance made its host %s", got)
	}
	// The operator who is told another fingerprint does not go on.
	if _, err := s.Nodes[ministry].Accreditation.Propose(ctx, "test", "third.example", accreditation.Terms{Fingerprint: "00"}); err == nil {
		t.Error("a proposal to nowhere was made")
	}
	if _, err := s.Nodes[ministry].Accreditation.Accept(ctx, "test", string(outlawHost), accreditation.Terms{Fingerprint: sign.Fingerprint(s.office.public())}); err == nil {
		t.Error("accepted with a fingerprint that does not fit")
	}
	if _, err := s.Nodes[ministry].Accreditation.Accept(ctx, "test", string(outlawHost), accreditation.Terms{}); err == nil {
		t.Error("accepted without a comparison")
	}
	s.Check()
}

// Two operators who propose to each other at the same time have both decided.
func TestProposalsThatCross(t *testing.T) { cluster.Each(t, testProposalsThatCross) }

func testProposalsThatCross(t *testing.T) {
	for _, compared := range []string{"both", "one", "none"} {
		t.Run("compared by "+compared, func(t *testing.T) {
			ctx := context.Background()
			c := cluster.New(t, []iri.Host{ministry, institute})
			nodes := []iri.Host{ministry, institute}
			prints := map[iri.Host]string{}
			for _, h := range nodes {
				p, err := c.Nodes[h].Accreditation.Fingerprint(ctx)
				cluster.Must(t, err)
				prints[h] = p
			}
			for i, h := range nodes {
				terms := accreditation.Terms{Fingerprint: prints[nodes[1-i]]}
				if compared == "none" || compared == "one" && i == 1 {
					terms.Fingerprint = ""
				}
				_, err := c.Nodes[h].Accreditation.Propose(ctx, "test", string(nodes[1-i]), terms)
				cluster.Must(t, err)
			}
			c.Settle()
			for i, h := range nodes {
				peer, err := models.PeerByHost(ctx, c.Nodes[h].Store.R, nodes[1-i])
				cluster.Must(t, err)
				want := models.PeerAccredited
				if compared == "none" || compared == "one" && i == 1 {
					want = models.PeerProposed // a person compares first
				}
				if peer.State != want {
					t.Errorf("%s holds %s as %s, wanted %s", h, nodes[1-i], peer.State, want)
				}
				if peer.State == models.PeerProposed {
					_, err := c.Nodes[h].Accreditation.Accept(ctx, "test", string(nodes[1-i]), accreditation.Terms{Fingerprint: prints[nodes[1-i]]})
					cluster.Must(t, err)
				}
			}
			c.Settle()
			desk, anna := c.Office(ministry, "europe", "EUROPE DESK", "Europe desk", "anna")
			lab, ida := c.Office(institute, "lab", "LAB", "Laboratory", "ida")
			d := c.Send(ministry, anna, desk, cable("Now in order", lab))
			c.Settle()
			if _, err := c.Nodes[institute].Dispatches.Show(ctx, ida, string(d.IRI)); err != nil {
				t.Errorf("correspondence does not arrive: %v", err)
			}
			c.Check()
			for _, h := range nodes {
				if aside, err := models.CountArrivals(ctx, c.Nodes[h].Store.R, models.ArrivalSetAside); err != nil || aside > 0 {
					t.Errorf("%s has set %d arrivals aside: %v", h, aside, err)
				}
			}
		})
	}
}

// guests is a court where the outlaw's expert is a guest in a community of the ministry.
func guests(t *testing.T, role string) (*court, *figure, iri.IRI) {
	t.Helper()
	ctx := context.Background()
	s := newCourt(t)
	m := s.Nodes[ministry]
	com, err := m.Communities.Open(ctx, s.anna, communities.Opening{Office: s.desk, Username: "water", Name: "Water", Charter: "Water.", Ceiling: "UNCLASSIFIED", HistoryDays: 30})
	cluster.Must(t, err)
	expert := s.o.figure(models.TypePerson, "/u/expert")
	i, err := m.Communities.Invite(ctx, s.anna, com.IRI, communities.Invitation{Who: string(expert.id), Role: role, HistoryDays: -1})
	cluster.Must(t, err)
	s.Settle()
	s.o.send(expert, s.inbox(com.IRI), s.follow(expert, com.IRI, i.IRI)).mustBe(t, 202, "")
	s.Settle()
	member, err := models.MemberOf(ctx, m.Store.R, com.IRI, expert.id)
	cluster.Must(t, err)
	if member.State != models.MemberActive || s.peerState(outlawHost) != models.PeerGuest {
		t.Fatalf("the expert is %s, her host %s", member.State, s.peerState(outlawHost))
	}
	return s, expert, com.IRI
}

func (s *court) follow(by *figure, group, invitation iri.IRI) []byte {
	return s.sealed(by, vocab.Follow{Envelope: s.o.envelope(by, string(group)), Object: group, Invitation: invitation}.Encode())
}

// A guest's standing is good for the community that invited her, and for nothing else,
// through whichever door she tries.
func TestGuestsSendNoCorrespondence(t *testing.T) { cluster.Each(t, testGuestsSendNoCorrespondence) }

func testGuestsSendNoCorrespondence(t *testing.T) {
	s, expert, community := guests(t, models.RoleMember)
	s.o.send(expert, s.inbox(community), s.o.create(expert, s.o.article(expert, community, func(d *vocab.Dispatch) {
		d.Audience, d.Marking = community, vocab.Grade{Scheme: d.Marking.Scheme, Level: "UNCLASSIFIED", Rank: 2}
		d.To = append(d.To, community+"/followers")
	}))).mustBe(t, 202, "")
	s.Settle()
	if got := rowsIn(t, s.Cluster, ministry, "dispatches"); got != 1 {
		t.Fatalf("a member's post was not taken: %d dispatches", got)
	}
	shared := iri.IRI("https://ministry.example/inbox")
	for _, by := range []*figure{expert, s.office, s.o.instance} {
		for name, doors := range map[string][]iri.IRI{"own inbox": {s.inbox(s.desk)}, "shared inbox": {shared}} {
			for _, door := range doors {
				t.Run("Create at the "+name+" by "+string(by.id), func(t *testing.T) {
					s.o.refused(t, s.j, ministry, 403, "guest", func() answer { return s.o.send(by, door, s.o.create(by, s.o.article(by, s.desk, nil))) })
				})
				t.Run("Update at the "+name+" by "+string(by.id), func(t *testing.T) {
					s.o.refused(t, s.j, ministry, 403, "guest", func() answer {
						now := s.Clock.Now()
						d := s.o.article(by, s.desk, func(d *vocab.Dispatch) { d.Updated = now })
						u := vocab.Update{Envelope: s.o.envelope(by, string(s.desk)), Object: prove(t, by, d.Encode(), now)}
						return s.o.send(by, door, prove(t, by, u.Encode(), now))
					})
				})
			}
		}
	}
	t.Run("beside the community, at the shared inbox", func(t *testing.T) {
		s.o.refused(t, s.j, ministry, 422, "above-ceiling", func() answer {
			return s.o.send(expert, shared, s.o.create(expert, s.o.article(expert, s.desk, func(d *vocab.Dispatch) {
				d.Audience, d.To = community, append(d.To, community, community+"/followers")
			})))
		})
	})
	s.Check()
}

func TestUninvitedFollowsAndSpentInvitations(t *testing.T) {
	cluster.Each(t, testUninvitedFollowsAndSpentInvitations)
}

func testUninvitedFollowsAndSpentInvitations(t *testing.T) {
	s, expert, community := guests(t, models.RoleGuest)
	ctx := context.Background()
	m := s.Nodes[ministry]
	used, err := models.Invitations(ctx, m.Store.R, community, "", 10)
	cluster.Must(t, err)
	colleague := s.o.figure(models.TypePerson, "/u/colleague")
	late := s.o.figure(models.TypePerson, "/u/late")
	invite := func(who iri.IRI) iri.IRI {
		i, err := m.Communities.Invite(ctx, s.anna, community, communities.Invitation{Who: string(who), HistoryDays: -1})
		cluster.Must(t, err)
		s.Settle()
		return i.IRI
	}
	rejected := func(t *testing.T, by *figure, group, invitation iri.IRI) {
		t.Helper()
		seen := len(s.o.got)
		follow := s.follow(by, group, invitation)
		act, err := vocab.ParseActivity(follow, iri.Rules{})
		cluster.Must(t, err)
		s.o.send(by, s.inbox(group), follow).mustBe(t, 202, "")
		s.Settle()
		member, err := models.MemberOf(ctx, m.Store.R, group, by.id)
		if err == nil && member.State == models.MemberActive {
			t.Errorf("%s is a member of %s", by.id, group)
		}
		for _, b := range s.o.got[seen:] {
			if bytes.Contains(b, []byte(`"type":"Reject"`)) && bytes.Contains(b, []byte(act.ID)) {
				return
			}
		}
		t.Errorf("the follow was not answered by Reject; got %q", s.o.got[seen:])
	}
	t.Run("nobody invited her", func(t *testing.T) { rejected(t, colleague, community, "") })
	t.Run("with another's invitation", func(t *testing.T) { rejected(t, colleague, community, used[0].IRI) })
	t.Run("of an office", func(t *testing.T) { rejected(t, expert, s.desk, "") })
	t.Run("after she was removed", func(t *testing.T) {
		cluster.Must(t, m.Communities.Remove(ctx, s.anna, community, expert.id, "done"))
		s.Settle()
		rejected(t, expert, community, used[0].IRI)
		rejected(t, expert, community, "")
	})
	t.Run("an invitation that was revoked", func(t *testing.T) {
		id := invite(colleague.id)
		cluster.Must(t, m.Communities.Revoke(ctx, s.anna, id))
		rejected(t, colleague, community, id)
	})
	t.Run("an invitation that she declined", func(t *testing.T) {
		id := invite(colleague.id)
		s.o.send(colleague, s.inbox(community), s.sealed(colleague, vocab.Answer{Envelope: s.o.envelope(colleague, string(community)), Subject: vocab.Subject{ID: id}}.Reject())).mustBe(t, 202, "")
		s.Settle()
		rejected(t, colleague, community, id)
	})
	t.Run("an answer to another's invitation", func(t *testing.T) {
		id := invite(late.id)
		body := s.sealed(colleague, vocab.Answer{Envelope: s.o.envelope(colleague, string(community)), Subject: vocab.Subject{ID: id}}.Reject())
		s.o.send(colleague, s.inbox(community), body).mustBe(t, 202, "")
		s.Settle()
		act, _ := vocab.ParseActivity(body, iri.Rules{})
		s.aside(t, ministry, act.ID, "foreign-invitation")
		if i, err := models.InvitationByIRI(ctx, m.Store.R, id); err != nil || i.State != models.InvitationOpen {
			t.Errorf("the invitation is %v: %v", i, err)
		}
	})
	t.Run("an invitation that expired", func(t *testing.T) {
		s.Clock.Forward(31 * 24 * time.Hour)
		open, err := models.LiveInvitation(ctx, m.Store.R, community, late.id)
		cluster.Must(t, err)
		rejected(t, late, community, open.IRI)
	})
	if d := s.postIn(community); s.o.received(d.Subject) {
		t.Error("a dispatch went to the outlaw, whose only member was removed")
	}
	s.Check()
}

func (s *court) postIn(community iri.IRI) *models.Dispatch {
	content := cable("For members only")
	content.Marking, content.Community = "UNCLASSIFIED", community
	d := s.Send(ministry, s.anna, s.desk, content)
	s.Settle()
	return d
}
