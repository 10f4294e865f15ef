package cluster_test

import (
	"context"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/instance/communities"
	"valise/instance/dispatches"
	"valise/instance/refusals"
	"valise/models"
	"valise/models/iri"
)

// denied holds an act to a refusal with its code, and to having changed nothing.
func denied(t *testing.T, c *cluster.Cluster, h iri.Host, code string, act func() error) {
	t.Helper()
	before := state(t, c.Nodes[h])
	err := act()
	r, ok := refusals.Of(err)
	if err == nil || !ok || r.Code != code {
		t.Errorf("answered %v, wanted %s", err, code)
	}
	same(t, before, state(t, c.Nodes[h]))
}

// bureau is an office with one person for each right, and one with none.
type bureau struct {
	*cluster.Cluster
	desk, other, post                   iri.IRI
	drafter, clearer, releaser, reader  iri.IRI
	nobody, otto, boris, second, former iri.IRI
	draft                               *models.Draft
	content                             dispatches.Content
}

func newBureau(t *testing.T) *bureau {
	t.Helper()
	ctx := context.Background()
	b := &bureau{Cluster: cluster.New(t, []iri.Host{ministry, embassy})}
	a := b.Nodes[ministry].Accounts
	o, err := a.AddOffice(ctx, "test", "europe", "EUROPE DESK", "Europe desk", "")
	cluster.Must(t, err)
	b.desk = o.IRI
	person := func(name string, acts ...string) iri.IRI {
		p, err := a.AddPerson(ctx, "test", name, name)
		cluster.Must(t, err)
		if len(acts) > 0 {
			cluster.Must(t, a.Grant(ctx, "test", b.desk, p.IRI, acts, time.Time{}))
		}
		return p.IRI
	}
	b.drafter, b.clearer, b.releaser, b.reader = person("dora", models.ActDraft, models.ActRead), person("clara", models.ActClear, models.ActRead), person("rita", models.ActRelease, models.ActRead), person("ruth", models.ActRead)
	b.second = person("dana", models.ActDraft, models.ActRead)
	b.nobody = person("nemo")
	b.former = person("fritz", models.ActDraft, models.ActClear, models.ActRelease, models.ActRead)
	cluster.Must(t, a.Revoke(ctx, "test", b.desk, b.former, []string{models.ActDraft, models.ActClear, models.ActRelease, models.ActRead}))
	b.other, b.otto = b.Office(ministry, "asia", "ASIA DESK", "Asia desk", "otto")
	b.post, b.boris = b.Office(embassy, "chancery", "PARIS", "Chancery", "boris")
	b.Accredit(ministry, embassy)
	b.content = cable("In draft", b.post)
	b.draft, err = b.Nodes[ministry].Dispatches.NewDraft(ctx, b.drafter, b.desk, &b.content, "")
	cluster.Must(t, err)
	return b
}

func TestOnlyMandatesAct(t *testing.T) { cluster.Each(t, testOnlyMandatesAct) }

func testOnlyMandatesAct(t *testing.T) {
	b := newBureau(t)
	ctx := context.Background()
	d := b.Nodes[ministry].Dispatches
	strangers := map[string]iri.IRI{"without a mandate": b.nobody, "of another office": b.otto, "whose mandate has ended": b.former, "of another instance": b.boris, "who is none": "https://ministry.example/u/none", "nobody": "", "the office itself": b.desk}
	for name, who := range strangers {
		t.Run("a person "+name, func(t *testing.T) {
			denied(t, b.Cluster, ministry, "no-mandate", func() error { _, err := d.NewDraft(ctx, who, b.desk, &b.content, ""); return err })
			// Who may not read a draft learns not even that it is there.
			for act, f := range map[string]func() error{
				"show":    func() error { _, _, _, err := d.Draft(ctx, who, b.draft.ID); return err },
				"edit":    func() error { _, err := d.EditDraft(ctx, who, b.draft.ID, 1, &b.content); return err },
				"ask":     func() error { return d.AskClearance(ctx, who, b.draft.ID, 1, []iri.IRI{b.clearer}) },
				"clear":   func() error { return d.Clear(ctx, who, b.draft.ID, 1, true, "") },
				"release": func() error { _, err := d.Release(ctx, who, b.draft.ID, 1); return err },
			} {
				t.Run(act, func(t *testing.T) { denied(t, b.Cluster, ministry, "not-found", f) })
			}
		})
	}
	for name, f := range map[string]func() error{
		"a reader edits":                 func() error { _, err := d.EditDraft(ctx, b.reader, b.draft.ID, 1, &b.content); return err },
		"a reader clears":                func() error { return d.Clear(ctx, b.reader, b.draft.ID, 1, true, "") },
		"a drafter clears":               func() error { return d.Clear(ctx, b.drafter, b.draft.ID, 1, true, "") },
		"a drafter releases":             func() error { _, err := d.Release(ctx, b.drafter, b.draft.ID, 1); return err },
		"a clearer releases":             func() error { _, err := d.Release(ctx, b.clearer, b.draft.ID, 1); return err },
		"a clearer drafts":               func() error { _, err := d.NewDraft(ctx, b.clearer, b.desk, &b.content, ""); return err },
		"a releaser edits":               func() error { _, err := d.EditDraft(ctx, b.releaser, b.draft.ID, 1, &b.content); return err },
		"one is asked who may not clear": func() error { return d.AskClearance(ctx, b.drafter, b.draft.ID, 1, []iri.IRI{b.reader}) },
		"another office's is asked":      func() error { return d.AskClearance(ctx, b.drafter, b.draft.ID, 1, []iri.IRI{b.otto}) },
	} {
		t.Run(name, func(t *testing.T) { denied(t, b.Cluster, ministry, "no-mandate", f) })
	}
	t.Run("a mandate that ends meanwhile", func(t *testing.T) {
		cluster.Must(t, b.Nodes[ministry].Accounts.Grant(ctx, "test", b.desk, b.nobody, []string{models.ActRelease, models.ActRead}, b.Clock.Now().Add(time.Hour)))
		b.Clock.Forward(2 * time.Hour)
		denied(t, b.Cluster, ministry, "not-found", func() error { _, err := d.Release(ctx, b.nobody, b.draft.ID, 1); return err })
	})
	b.Check()
}

func TestRevisionsAndClearancesAreExact(t *testing.T) {
	cluster.Each(t, testRevisionsAndClearancesAreExact)
}

func testRevisionsAndClearancesAreExact(t *testing.T) {
	b := newBureau(t)
	ctx := context.Background()
	n := b.Nodes[ministry]
	d := n.Dispatches
	id := b.draft.ID
	cluster.Must(t, n.Accounts.SetRules(ctx, "test", b.desk, models.Rules{MinClearances: 1, NobodyAlone: true, Clearers: []iri.IRI{b.clearer}}))
	release := func(who iri.IRI, revision int64) func() error {
		return func() error { _, err := d.Release(ctx, who, id, revision); return err }
	}
	denied(t, b.Cluster, ministry, "not-cleared", release(b.releaser, 1))
	denied(t, b.Cluster, ministry, "stale-draft", release(b.releaser, 2))
	denied(t, b.Cluster, ministry, "stale-draft", func() error { return d.Clear(ctx, b.clearer, id, 2, true, "") })
	cluster.Must(t, d.AskClearance(ctx, b.drafter, id, 1, []iri.IRI{b.clearer}))
	denied(t, b.Cluster, ministry, "not-cleared", release(b.releaser, 1))
	cluster.Must(t, d.Clear(ctx, b.clearer, id, 1, false, "Say which date."))
	denied(t, b.Cluster, ministry, "not-cleared", release(b.releaser, 1))
	denied(t, b.Cluster, ministry, "invalid", func() error { return d.Clear(ctx, b.clearer, id, 1, false, " ") })
	edited := b.content
	edited.Subject = "In draft, with a date"
	_, err := d.EditDraft(ctx, b.drafter, id, 1, &edited)
	cluster.Must(t, err)
	denied(t, b.Cluster, ministry, "stale-draft", func() error { _, err := d.EditDraft(ctx, b.second, id, 1, &b.content); return err })
	denied(t, b.Cluster, ministry, "stale-draft", func() error { return d.Clear(ctx, b.clearer, id, 1, true, "") })
	cluster.Must(t, d.Clear(ctx, b.clearer, id, 2, true, ""))
	// One more edit, and what was cleared is not what would leave.
	edited.Subject = "In draft, with another date"
	_, err = d.EditDraft(ctx, b.drafter, id, 2, &edited)
	cluster.Must(t, err)
	denied(t, b.Cluster, ministry, "stale-draft", release(b.releaser, 2))
	denied(t, b.Cluster, ministry, "not-cleared", release(b.releaser, 3))
	cluster.Must(t, d.Clear(ctx, b.clearer, id, 3, true, ""))
	out, err := d.Release(ctx, b.releaser, id, 3)
	cluster.Must(t, err)
	if out.Reference != "EUROPE DESK 2026/000001" {
		t.Errorf("refused releases used up numbers: %s", out.Reference)
	}
	denied(t, b.Cluster, ministry, "draft-closed", release(b.releaser, 3))
	denied(t, b.Cluster, ministry, "stale-draft", func() error { _, err := d.EditDraft(ctx, b.drafter, id, 3, &edited); return err })
	denied(t, b.Cluster, ministry, "draft-closed", func() error { return d.Clear(ctx, b.clearer, id, 3, true, "") })
	b.Settle()
	b.Check()
}

// Where an office forbids it, nobody drafts, clears and releases alone, whatever her
// mandates.
func TestNobodyAlone(t *testing.T) { cluster.Each(t, testNobodyAlone) }

func testNobodyAlone(t *testing.T) {
	b := newBureau(t)
	ctx := context.Background()
	n := b.Nodes[ministry]
	d := n.Dispatches
	all := []string{models.ActDraft, models.ActClear, models.ActRelease, models.ActRead}
	cluster.Must(t, n.Accounts.Grant(ctx, "test", b.desk, b.nobody, all, time.Time{}))
	cluster.Must(t, n.Accounts.SetRules(ctx, "test", b.desk, models.Rules{NobodyAlone: true}))
	mine, err := d.NewDraft(ctx, b.nobody, b.desk, &b.content, "")
	cluster.Must(t, err)
	release := func(who iri.IRI, revision int64) func() error {
		return func() error { _, err := d.Release(ctx, who, mine.ID, revision); return err }
	}
	denied(t, b.Cluster, ministry, "not-cleared", release(b.nobody, 1))
	cluster.Must(t, d.Clear(ctx, b.nobody, mine.ID, 1, true, ""))
	denied(t, b.Cluster, ministry, "not-cleared", release(b.nobody, 1))
	t.Run("a clearance that she asked for and that is not there", func(t *testing.T) {
		cluster.Must(t, d.AskClearance(ctx, b.nobody, mine.ID, 1, []iri.IRI{b.clearer}))
		denied(t, b.Cluster, ministry, "not-cleared", release(b.nobody, 1))
	})
	cluster.Must(t, d.Clear(ctx, b.clearer, mine.ID, 1, true, ""))
	cluster.Must(t, release(b.nobody, 1)())
	other, err := d.NewDraft(ctx, b.nobody, b.desk, &b.content, "")
	cluster.Must(t, err)
	_, err = d.Release(ctx, b.releaser, other.ID, 1)
	cluster.Must(t, err)
	t.Run("a correction is held to the same", func(t *testing.T) {
		c := b.content
		c.ChangeNote = "The date."
		first, err := models.DispatchByReference(ctx, n.Store.R, "EUROPE DESK 2026/000001")
		cluster.Must(t, err)
		fix, err := d.NewDraft(ctx, b.nobody, b.desk, &c, first.IRI)
		cluster.Must(t, err)
		denied(t, b.Cluster, ministry, "not-cleared", func() error { _, err := d.Release(ctx, b.nobody, fix.ID, 1); return err })
	})
	b.Settle()
	b.Check()
}

// Who is no addressee gets the answer that an unknown dispatch gets.
func TestUnseenIsUnknown(t *testing.T) { cluster.Each(t, testUnseenIsUnknown) }

func testUnseenIsUnknown(t *testing.T) {
	b := newBureau(t)
	ctx := context.Background()
	n := b.Nodes[ministry]
	sent, err := n.Dispatches.Release(ctx, b.releaser, b.draft.ID, 1)
	cluster.Must(t, err)
	b.Settle()
	asia := b.Send(embassy, b.boris, b.post, cable("For the other desk", b.other))
	b.Settle()
	unknown := func(who iri.IRI) string {
		_, err := n.Dispatches.Show(ctx, who, "https://ministry.example/d/unknown")
		return err.Error()
	}
	for name, c := range map[string]struct {
		who  iri.IRI
		what *models.Dispatch
	}{"without a mandate": {b.nobody, sent}, "of another office": {b.otto, sent}, "whose mandate has ended": {b.former, sent}, "of the office that was not named": {b.drafter, asia}} {
		t.Run(name, func(t *testing.T) {
			for _, by := range []string{string(c.what.IRI), c.what.Reference} {
				for act, f := range map[string]func() error{
					"show": func() error { _, err := n.Dispatches.Show(ctx, c.who, by); return err },
					"save": func() error { _, err := n.Dispatches.Bundle(ctx, c.who, by); return err },
					"read": func() error { _, err := n.Dispatches.Handle(ctx, c.who, by, dispatches.StepRead, ""); return err },
					"register": func() error {
						_, err := n.Dispatches.Handle(ctx, c.who, by, dispatches.StepRegister, "R-1")
						return err
					},
					"take":     func() error { _, err := n.Dispatches.Handle(ctx, c.who, by, dispatches.StepTake, ""); return err },
					"withdraw": func() error { _, err := n.Dispatches.Withdraw(ctx, c.who, by, ""); return err },
				} {
					t.Run(act, func(t *testing.T) {
						denied(t, b.Cluster, ministry, "not-found", f)
						if got := f().Error(); got != unknown(c.who) {
							t.Errorf("%q tells more than %q", got, unknown(c.who))
						}
					})
				}
			}
			rows, err := n.Dispatches.List(ctx, c.who, "", "", 0, 100)
			cluster.Must(t, err)
			for _, d := range rows {
				if d.IRI == c.what.IRI {
					t.Error("it is in her list")
				}
			}
			for _, office := range []iri.IRI{b.desk, b.other} {
				rows, err := n.Dispatches.List(ctx, c.who, "", office, 0, 100)
				cluster.Must(t, err)
				for _, d := range rows {
					if d.IRI == c.what.IRI {
						t.Errorf("it is in her list of %s", office)
					}
				}
			}
		})
	}
	t.Run("a reference to it says no more than one to nothing", func(t *testing.T) {
		c := cable("With references", b.desk)
		c.References = []dispatches.Reference{{Target: asia.IRI, Label: "one", Digest: asia.Digest}, {Target: "https://ministry.example/d/unknown", Label: "two", Digest: asia.Digest}}
		d := b.Send(ministry, b.otto, b.other, c)
		b.Settle()
		v, err := n.Dispatches.Show(ctx, b.reader, string(d.IRI))
		cluster.Must(t, err)
		if len(v.References) != 2 || v.References[0].Check != v.References[1].Check {
			t.Errorf("the references are %+v", v.References)
		}
	})
	for name, f := range map[string]func() error{
		"a reader withdraws":  func() error { _, err := n.Dispatches.Withdraw(ctx, b.reader, sent.Reference, ""); return err },
		"a drafter withdraws": func() error { _, err := n.Dispatches.Withdraw(ctx, b.drafter, sent.Reference, ""); return err },
	} {
		t.Run(name, func(t *testing.T) { denied(t, b.Cluster, ministry, "no-mandate", f) })
	}
	t.Run("the receiver withdraws", func(t *testing.T) {
		denied(t, b.Cluster, embassy, "invalid", func() error {
			_, err := b.Nodes[embassy].Dispatches.Withdraw(ctx, b.boris, sent.Reference, "")
			return err
		})
	})
	t.Run("the receiver corrects", func(t *testing.T) {
		c := cable("Not ours", b.desk)
		c.ChangeNote = "Ours now."
		denied(t, b.Cluster, embassy, "invalid", func() error {
			_, err := b.Nodes[embassy].Dispatches.NewDraft(ctx, b.boris, b.post, &c, sent.IRI)
			return err
		})
	})
	t.Run("another office corrects", func(t *testing.T) {
		c := cable("Not ours", b.post)
		c.ChangeNote = "Ours now."
		denied(t, b.Cluster, ministry, "invalid", func() error { _, err := n.Dispatches.NewDraft(ctx, b.otto, b.other, &c, sent.IRI); return err })
	})
	t.Run("an INFO addressee takes it for action", func(t *testing.T) {
		c := cable("For information", b.post)
		c.Info = []iri.IRI{b.other}
		x := b.Send(embassy, b.boris, b.post, func() dispatches.Content { c.Action = []iri.IRI{b.desk}; return c }())
		b.Settle()
		denied(t, b.Cluster, ministry, "invalid", func() error {
			_, err := n.Dispatches.Handle(ctx, b.otto, x.Reference, dispatches.StepTake, "")
			return err
		})
	})
	b.Check()
}

// A guest reads and comments. She never invites, widens or administers, from her own
// instance or from the community's.
func TestGuestsAdministerNothing(t *testing.T) { cluster.Each(t, testGuestsAdministerNothing) }

func testGuestsAdministerNothing(t *testing.T) {
	s := newThree(t)
	ctx := context.Background()
	s.join(t, institute, s.expert, s.expert, models.RoleGuest)
	local, err := s.Nodes[embassy].Accounts.AddPerson(ctx, "test", "greta", "Greta")
	cluster.Must(t, err)
	s.join(t, embassy, local.IRI, local.IRI, models.RoleGuest)
	for _, c := range []struct {
		h    iri.Host
		who  iri.IRI
		code string
	}{{institute, s.expert, "not-organiser"}, {embassy, local.IRI, "not-organiser"}, {ministry, s.anna, "not-organiser"}, {embassy, s.expert, "not-organiser"}} {
		t.Run(string(c.who)+" at "+string(c.h), func(t *testing.T) {
			com := s.Nodes[c.h].Communities
			for act, f := range map[string]func() error{
				"invite a guest": func() error {
					_, err := com.Invite(ctx, c.who, s.community, communities.Invitation{Who: string(s.desk), HistoryDays: -1})
					return err
				},
				"invite a member": func() error {
					_, err := com.Invite(ctx, c.who, s.community, communities.Invitation{Who: string(s.boris), Role: models.RoleMember, HistoryDays: -1})
					return err
				},
				"widen the ceiling": func() error { return com.SetCeiling(ctx, c.who, s.community, "LIMITED") },
				"remove a member":   func() error { return com.Remove(ctx, c.who, s.community, s.desk, "no") },
			} {
				t.Run(act, func(t *testing.T) { denied(t, s.Cluster, c.h, c.code, f) })
			}
		})
	}
	t.Run("a guest posts", func(t *testing.T) {
		before := rowsIn(t, s.Cluster, embassy, "community_log")
		lab, ida := s.Office(institute, "lab", "LAB", "Laboratory", "ida")
		s.join(t, institute, ida, lab, models.RoleGuest)
		c := cable("By a guest")
		c.Marking, c.Community = "UNCLASSIFIED", s.community
		d := s.Send(institute, ida, lab, c)
		s.Settle()
		if got := stations(t, s.Cluster, institute, d.IRI)[s.community]; !has(got, models.Failed) {
			t.Errorf("the author's board shows %v", got)
		}
		if rowsIn(t, s.Cluster, embassy, "community_log") != before {
			t.Error("it was distributed")
		}
	})
	t.Run("a guest is never made an organiser", func(t *testing.T) {
		denied(t, s.Cluster, embassy, "invalid", func() error {
			_, err := s.Nodes[embassy].Communities.Invite(ctx, s.boris, s.community, communities.Invitation{Who: "https://institute.example/u/clara", Role: models.RoleOrganiser, HistoryDays: -1})
			return err
		})
	})
	t.Run("nobody is invited above the ceiling", func(t *testing.T) {
		denied(t, s.Cluster, embassy, "invalid", func() error {
			_, err := s.Nodes[embassy].Communities.Invite(ctx, s.boris, s.community, communities.Invitation{Who: string(s.anna), Ceiling: "LIMITED", HistoryDays: -1})
			return err
		})
	})
	t.Run("who is no member", func(t *testing.T) {
		e := s.Nodes[embassy].Communities
		other, err := s.Nodes[embassy].Accounts.AddPerson(ctx, "test", "olaf", "Olaf")
		cluster.Must(t, err)
		denied(t, s.Cluster, embassy, "not-found", func() error { _, err := e.Show(ctx, other.IRI, s.community); return err })
		denied(t, s.Cluster, embassy, "not-found", func() error { _, err := e.Comment(ctx, other.IRI, s.community, "", "May I?"); return err })
		if rows, err := e.Comments(ctx, other.IRI, s.community, 10); err != nil || len(rows) > 0 {
			t.Errorf("comments: %d %v", len(rows), err)
		}
		if rows, err := e.List(ctx, other.IRI, "", 10); err != nil || len(rows) > 0 {
			t.Errorf("communities: %d %v", len(rows), err)
		}
	})
	t.Run("another's invitation", func(t *testing.T) {
		i, err := s.Nodes[embassy].Communities.Invite(ctx, s.boris, s.community, communities.Invitation{Who: string(s.anna), HistoryDays: -1})
		cluster.Must(t, err)
		s.Settle()
		n := s.Nodes[ministry]
		otto, err := n.Accounts.AddPerson(ctx, "test", "otto", "Otto")
		cluster.Must(t, err)
		for _, f := range []func() error{func() error { return n.Communities.Accept(ctx, otto.IRI, i.IRI) }, func() error { return n.Communities.Decline(ctx, otto.IRI, i.IRI) }} {
			denied(t, s.Cluster, ministry, "invalid", f)
		}
		if rows, err := n.Communities.Invitations(ctx, otto.IRI); err != nil || len(rows) > 0 {
			t.Errorf("invitations: %d %v", len(rows), err)
		}
		if v, err := s.Nodes[embassy].Communities.Show(ctx, local.IRI, s.community); err != nil || len(v.Invitations) > 0 {
			t.Errorf("a guest sees %d invitations: %v", len(v.Invitations), err)
		}
	})
	s.Check()
}
