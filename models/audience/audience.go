// Package audience answers one question in one place: may this reader have this
// object? May is the pure function; Where is the same rule as SQL. A test holds the
// one to the other. Everything that shows, sends or counts correspondence asks here.
package audience

import (
	"slices"

	"valise/models"
	"valise/models/iri"
)

// Reader is whoever asks: a local person with her offices, a remote actor, or, with
// no Actor, a whole origin that promises to apply the audience itself.
type Reader struct {
	Actor   iri.IRI
	Offices []iri.IRI // offices that a local person holds a mandate for
	Host    iri.Host
	Local   bool
	// Standing is the peer's state for a remote reader; unused for a local one.
	Standing string
	// Ceiling is the highest marking rank that the reader's instance may receive.
	Ceiling int64
}

// Object is what is asked for: a dispatch or a comment.
type Object struct {
	Author        iri.IRI
	AuthorHost    iri.Host
	Addressees    []models.Addressee
	Community     iri.IRI
	MarkingRank   int64
	DistributedAt models.Time
	Archive       bool
}

// Membership is one row of the object's community, with what the community is to us.
type Membership struct {
	models.Member
	// Copy says that the community is another instance's: what arrived here during
	// the member's term stays hers to read.
	Copy bool
}

// Verdict is the answer with its reason, in words for an operator.
type Verdict struct {
	May    bool
	Reason string
}

func yes(reason string) Verdict { return Verdict{true, reason} }
func no(reason string) Verdict  { return Verdict{false, reason} }

// May decides at the moment now. It is pure.
func May(r Reader, o Object, members []Membership, now models.Time) Verdict {
	if r.Actor == "" && r.Host == "" {
		return no("nobody asks")
	}
	if !r.Local && r.Standing != models.PeerAccredited && r.Standing != models.PeerGuest {
		return no("the instance has no standing")
	}
	if o.MarkingRank > r.Ceiling {
		return no("the marking is above the ceiling of the reader's instance")
	}
	if r.Local && o.Archive {
		return yes("an archive record")
	}
	if r.is(o.Author, o.AuthorHost) {
		return yes("its author")
	}
	for _, a := range o.Addressees {
		if r.is(a.Actor, a.Host) {
			return yes("an addressee")
		}
	}
	reason := "neither addressee nor member"
	for _, m := range members {
		if o.Community == "" || m.Community != o.Community || !r.is(m.Actor, m.Host) {
			continue
		}
		switch {
		case o.MarkingRank > m.Ceiling:
			reason = "the marking is above the member's ceiling"
		case o.DistributedAt < m.HistoryFrom:
			reason = "distributed before the member's window"
		case m.State == models.MemberActive && (m.EndsAt == 0 || m.EndsAt > now):
			return yes("a member")
		case m.Copy && ended(m.State) && o.DistributedAt <= m.LeftAt:
			return yes("received during her membership")
		default:
			reason = "the membership is not in force"
		}
	}
	return no(reason)
}

func ended(state string) bool {
	return state == models.MemberLeft || state == models.MemberRemoved || state == models.MemberExpired
}

// is tells whether the reader stands for the actor.
func (r Reader) is(actor iri.IRI, host iri.Host) bool {
	if actor == "" {
		return false
	}
	if r.Actor == "" {
		return r.Host != "" && r.Host == host
	}
	return actor == r.Actor || slices.Contains(r.Offices, actor)
}

// ids are the actors that the reader stands for.
func (r Reader) ids() []iri.IRI { return append([]iri.IRI{r.Actor}, r.Offices...) }
