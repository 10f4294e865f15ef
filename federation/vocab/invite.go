package vocab

import (
	"time"

	"valise/models/iri"
)

// Invite is sent by a Group (PROTOCOL §4.2). Sponsor is the organiser who
// answers for it; EndTime is when the membership ends; HistoryFrom is the
// beginning of the window of history granted, zero for none.
type Invite struct {
	Envelope
	Invitee       iri.IRI
	Group         iri.IRI
	GroupName     string
	Sponsor       iri.IRI
	Role          string
	EndTime       time.Time
	HistoryFrom   time.Time
	Ceiling       Grade
	Charter       string // the charter's Markdown source; CharterDigest is of its bytes
	CharterDigest string
	Summary       string // the sponsor's words, plain text
}

func (i Invite) Encode() []byte {
	return i.begin("Invite").Str("name", i.GroupName).Str("summary", i.Summary).
		IRI("object", i.Invitee).IRI("target", i.Group).
		IRI("sponsor", i.Sponsor).Str("role", i.Role).Time("endTime", i.EndTime).
		Time("historyFrom", i.HistoryFrom).Obj("ceiling", i.Ceiling.obj()).
		Obj("charter", charterObj(i.Charter)).Str("charterDigest", i.CharterDigest).Bytes()
}

const mediaMarkdown = "text/markdown"

// charterObj is the charter as an object without an id: it is read with the Invite and
// fetched from nowhere.
func charterObj(source string) *Obj {
	if source == "" {
		return nil
	}
	return New().Str("type", "Article").Str("mediaType", mediaMarkdown).Str("content", source)
}

// charter reads the source of an embedded charter. One that is named by an address
// alone reads as "".
func (r *reader) charter(n *Node) string {
	c := n.Get("charter")
	if c.Kind() != Object || c.Get("content") == nil {
		return ""
	}
	if m := r.str(c, "mediaType"); m != mediaMarkdown {
		r.fail(CodeInvalidValue, c, "the charter is %s, not %s", excerpt(m), mediaMarkdown)
	}
	return r.str(c, "content")
}

// ParseInvite reads an Invite, which must name its target.
func ParseInvite(a *Activity, rules iri.Rules) (Invite, error) {
	r := reader{rules: rules}
	n := a.Node
	i := Invite{Envelope: a.envelope(), Invitee: a.ObjectID, Group: a.Target,
		GroupName: r.str(n, "name"), Summary: r.str(n, "summary"),
		Sponsor: r.ref(n, "sponsor", false), Role: r.str(n, "role"), EndTime: r.time(n, "endTime"),
		HistoryFrom: r.time(n, "historyFrom"), Ceiling: r.grade(n, "ceiling"),
		Charter: r.charter(n), CharterDigest: r.str(n, "charterDigest")}
	if a.Type != "Invite" {
		r.fail(CodeInvalidValue, n, "%s is no Invite", a.Type)
	}
	if i.Group == "" {
		r.fail(CodeMissing, n, "target is missing")
	}
	if i.Invitee == "" {
		r.fail(CodeMissing, n, "object names nobody")
	}
	if r.err != nil {
		return Invite{}, r.err
	}
	return i, nil
}

// Accreditation is the relationship proposed between two instance actors.
const Accreditation = Namespace + "accreditation"

// Offer proposes accreditation: Subject asks Object to deal with it directly.
// Fingerprint is of the instance actor's Ed25519 key, to be compared by people
// over another channel.
type Offer struct {
	Envelope
	Subject, Object iri.IRI
	Name            string // the proposing instance, for people
	Fingerprint     string
	Contact         string
	Affiliation     string
	Ceiling         Grade
}

func (p Offer) Encode() []byte {
	relationship := New().Str("type", "Relationship").IRI("subject", p.Subject).
		Str("relationship", Accreditation).IRI("object", p.Object).Str("name", p.Name).
		Str("fingerprint", p.Fingerprint).Str("contact", p.Contact).
		Str("affiliation", p.Affiliation).Obj("ceiling", p.Ceiling.obj())
	return p.begin("Offer").Obj("object", relationship).Bytes()
}

// ParseOffer reads a proposal of accreditation; any other Offer is refused
// with CodeUnknownType.
func ParseOffer(a *Activity, rules iri.Rules) (Offer, error) {
	n := a.Object
	if a.Type != "Offer" || a.ObjectType != "Relationship" {
		return Offer{}, fault(CodeUnknownType, a.Node, "%s of %s is no proposal of accreditation", a.Type, excerpt(a.ObjectType))
	}
	r := reader{rules: rules}
	p := Offer{Envelope: a.envelope(), Subject: r.ref(n, "subject", true), Object: r.ref(n, "object", true),
		Name: r.str(n, "name"), Fingerprint: r.need(n, "fingerprint"), Contact: r.str(n, "contact"),
		Affiliation: r.str(n, "affiliation"), Ceiling: r.grade(n, "ceiling")}
	if kind := r.str(n, "relationship"); kind != Accreditation {
		r.fail(CodeUnknownType, n.Get("relationship"), "relationship is %s", excerpt(kind))
	}
	if r.err != nil {
		return Offer{}, r.err
	}
	return p, nil
}
