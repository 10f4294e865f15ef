package audience

import (
	"testing"

	"valise/models"
	"valise/models/iri"
)

const (
	europe   = iri.IRI("https://ministry.example/o/europe")
	alice    = iri.IRI("https://ministry.example/u/alice")
	bob      = iri.IRI("https://ministry.example/u/bob")
	chancery = iri.IRI("https://embassy.example/o/chancery")
	expert   = iri.IRI("https://institute.example/u/expert")
	guest    = iri.IRI("https://social.example/users/guest")
	club     = iri.IRI("https://embassy.example/g/r7")
	now      = models.Time(1_790_000_000_000)
)

const (
	limited  = 2
	released = now - 1000
)

// person is a local reader, foreign another instance's actor, origin a whole host.
func person(who iri.IRI, offices ...iri.IRI) Reader {
	return Reader{Actor: who, Offices: offices, Host: who.Host(), Local: true, Ceiling: limited}
}

func foreign(who iri.IRI, standing string) Reader {
	return Reader{Actor: who, Host: who.Host(), Standing: standing, Ceiling: limited}
}

func origin(host iri.Host, standing string) Reader {
	return Reader{Host: host, Standing: standing, Ceiling: limited}
}

func (c object) with(change func(*Object)) Object {
	o := Object(c)
	change(&o)
	return o
}

type object Object

func TestMay(t *testing.T) {
	cable := Object{Author: europe, AuthorHost: europe.Host(), MarkingRank: limited, DistributedAt: released,
		Addressees: []models.Addressee{{Actor: chancery, Host: chancery.Host(), Role: models.RoleAction}, {Actor: bob, Host: bob.Host(), Role: models.RoleInfo}}}
	post := Object{Author: chancery, AuthorHost: chancery.Host(), Community: club, MarkingRank: 1, DistributedAt: released}
	secret := object(cable).with(func(o *Object) { o.MarkingRank = limited + 1 })
	record := Object{MarkingRank: 0, Archive: true, DistributedAt: released}
	member := func(who iri.IRI, change ...func(*Membership)) []Membership {
		m := Membership{Member: models.Member{Community: club, Actor: who, Host: who.Host(), Role: models.RoleGuest, Ceiling: 1, State: models.MemberActive, HistoryFrom: released}}
		for _, c := range change {
			c(&m)
		}
		return []Membership{m}
	}
	state := func(s string) func(*Membership) { return func(m *Membership) { m.State = s } }
	left := func(at models.Time) func(*Membership) { return func(m *Membership) { m.LeftAt = at } }
	copied := func(m *Membership) { m.Copy = true }

	for _, c := range []struct {
		name    string
		reader  Reader
		object  Object
		members []Membership
		want    bool
		reason  string
	}{
		{"author's office", person(alice, europe), cable, nil, true, "its author"},
		{"author's origin", origin("ministry.example", models.PeerAccredited), cable, nil, true, "its author"},
		{"colleague without a mandate", person(alice), cable, nil, false, "neither addressee nor member"},
		{"addressed in person", person(bob), cable, nil, true, "an addressee"},
		{"addressed office", foreign(chancery, models.PeerAccredited), cable, nil, true, "an addressee"},
		{"addressed office's origin", origin("embassy.example", models.PeerAccredited), cable, nil, true, "an addressee"},
		{"somebody else at the addressee's", foreign("https://embassy.example/u/clerk", models.PeerAccredited), cable, nil, false, "neither addressee nor member"},
		{"another origin", origin("institute.example", models.PeerAccredited), cable, nil, false, "neither addressee nor member"},

		{"addressee that is only proposed", foreign(chancery, models.PeerProposed), cable, nil, false, "the instance has no standing"},
		{"addressee that is suspended", foreign(chancery, models.PeerSuspended), cable, nil, false, "the instance has no standing"},
		{"addressee that was refused", foreign(chancery, models.PeerRefused), cable, nil, false, "the instance has no standing"},
		{"addressee without standing", foreign(chancery, ""), cable, nil, false, "the instance has no standing"},
		{"nobody", Reader{Local: true, Ceiling: 9}, record, nil, false, "nobody asks"},
		{"nobody of a peer", Reader{Standing: models.PeerAccredited, Ceiling: 9}, Object{DistributedAt: released}, nil, false, "nobody asks"},

		{"above the ceiling, its author", person(alice, europe), secret, nil, false, "the marking is above the ceiling of the reader's instance"},
		{"above the ceiling, addressee", foreign(chancery, models.PeerAccredited), secret, nil, false, "the marking is above the ceiling of the reader's instance"},

		{"archive record, ours", person(bob), record, nil, true, "an archive record"},
		{"archive record, peer", foreign(chancery, models.PeerAccredited), record, nil, false, "neither addressee nor member"},
		{"archive record, peer's origin", origin("embassy.example", models.PeerAccredited), record, nil, false, "neither addressee nor member"},
		{"archive record above the ceiling", person(bob), object(record).with(func(o *Object) { o.MarkingRank = limited + 1 }), nil, false, "the marking is above the ceiling of the reader's instance"},

		{"member", foreign(expert, models.PeerGuest), post, member(expert), true, "a member"},
		{"member's origin", origin("institute.example", models.PeerGuest), post, member(expert), true, "a member"},
		{"another's membership", foreign(guest, models.PeerGuest), post, member(expert), false, "neither addressee nor member"},
		{"member of another community", foreign(expert, models.PeerGuest), object(post).with(func(o *Object) { o.Community = club + "2" }), member(expert), false, "neither addressee nor member"},
		{"member, direct correspondence", foreign(expert, models.PeerGuest), object(post).with(func(o *Object) { o.Community = "" }), member(expert, func(m *Membership) { m.Community = "" }), false, "neither addressee nor member"},
		{"above the member's ceiling", foreign(expert, models.PeerGuest), object(post).with(func(o *Object) { o.MarkingRank = 2 }), member(expert), false, "the marking is above the member's ceiling"},
		{"at the window's first moment", foreign(expert, models.PeerGuest), post, member(expert), true, "a member"},
		{"before the window", foreign(expert, models.PeerGuest), post, member(expert, func(m *Membership) { m.HistoryFrom = released + 1 }), false, "distributed before the member's window"},
		{"term not ended", foreign(expert, models.PeerGuest), post, member(expert, func(m *Membership) { m.EndsAt = now + 1 }), true, "a member"},
		{"term ended", foreign(expert, models.PeerGuest), post, member(expert, func(m *Membership) { m.EndsAt = now }), false, "the membership is not in force"},
		{"reserved", foreign(expert, models.PeerGuest), post, member(expert, state(models.MemberReserved)), false, "the membership is not in force"},
		{"left", foreign(expert, models.PeerGuest), post, member(expert, state(models.MemberLeft), left(now)), false, "the membership is not in force"},
		{"removed", foreign(expert, models.PeerGuest), post, member(expert, state(models.MemberRemoved), left(now)), false, "the membership is not in force"},
		{"expired", foreign(expert, models.PeerGuest), post, member(expert, state(models.MemberExpired), left(now)), false, "the membership is not in force"},
		{"an office's membership", person(alice, europe), post, member(europe), true, "a member"},
		{"one of two memberships", person(alice, europe), post, append(member(alice, state(models.MemberLeft)), member(europe)...), true, "a member"},

		{"copy, left later", person(alice), post, member(alice, copied, state(models.MemberLeft), left(released)), true, "received during her membership"},
		{"copy, removed later", person(alice), post, member(alice, copied, state(models.MemberRemoved), left(now)), true, "received during her membership"},
		{"copy, expired later", person(alice), post, member(alice, copied, state(models.MemberExpired), left(now)), true, "received during her membership"},
		{"copy, left before", person(alice), post, member(alice, copied, state(models.MemberLeft), left(released-1)), false, "the membership is not in force"},
		{"copy, never followed", person(alice), post, member(alice, copied, state(models.MemberReserved), left(now)), false, "the membership is not in force"},
		{"copy, before the window", person(alice), post, member(alice, copied, state(models.MemberLeft), left(now), func(m *Membership) { m.HistoryFrom = released + 1 }), false, "distributed before the member's window"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := May(c.reader, c.object, c.members, now)
			if got.May != c.want || got.Reason != c.reason {
				t.Errorf("got %v: %s; want %v: %s", got.May, got.Reason, c.want, c.reason)
			}
		})
	}
}
