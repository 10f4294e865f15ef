package vocab

import (
	"time"

	"valise/models/iri"
)

// Mention alerts an actor. Without it GoToSocial drops a direct note.
type Mention struct {
	Href iri.IRI
	Name string // "@name@host"
}

// Note is a comment, a direct note, or a Group's republication of what a guest
// wrote. Content is HTML.
type Note struct {
	ID, AttributedTo   iri.IRI
	To, Cc             []iri.IRI
	Audience           iri.IRI
	Public             bool // read only
	Name               string
	Summary, Content   string
	URL                iri.IRI
	Published, Updated time.Time
	Context, InReplyTo iri.IRI
	Mentions           []Mention
	Attachments        []Attachment
	Marking            Grade

	// Of a guest's words that a Group vouches for (PROTOCOL §4.3): who wrote
	// them, the digest of the body received, and when.
	AttestedFor    iri.IRI
	ReceivedDigest string
	ReceivedAt     time.Time
}

// Encode returns the JSON of a note of ours, with our contexts.
func (n *Note) Encode() []byte { return n.obj(New().Raw("@context", []byte(CTX))).Bytes() }

// EncodePlain returns the JSON to be embedded in a Plain activity: no context
// of its own and no terms of ours.
func (n *Note) EncodePlain() []byte {
	plain := *n
	plain.Marking, plain.AttestedFor, plain.ReceivedDigest, plain.ReceivedAt = Grade{}, "", "", time.Time{}
	return plain.obj(New()).Bytes()
}

func (n *Note) obj(o *Obj) *Obj {
	o.IRI("id", n.ID).Str("type", "Note").IRI("attributedTo", n.AttributedTo).
		IRIs("to", n.To).IRIs("cc", n.Cc).IRI("audience", n.Audience).
		Str("name", n.Name).Str("summary", n.Summary).Str("content", n.Content).Str("mediaType", mediaHTML).
		IRI("url", n.URL).Time("published", n.Published).Time("updated", n.Updated).
		IRI("context", n.Context).IRI("inReplyTo", n.InReplyTo)
	return o.Objs("tag", mentionObjs(n.Mentions)).Objs("attachment", attachmentObjs(n.Attachments)).
		Obj("marking", n.Marking.obj()).IRI("attestedFor", n.AttestedFor).
		Str("receivedDigest", n.ReceivedDigest).Time("receivedAt", n.ReceivedAt)
}

func mentionObjs(mentions []Mention) []*Obj {
	var tags []*Obj
	for _, m := range mentions {
		tags = append(tags, New().Str("type", "Mention").IRI("href", m.Href).Str("name", m.Name))
	}
	return tags
}

// ParseNote reads a Note, ours or foreign. Content of foreign notes is as their
// author wrote it: sanitise before showing.
func ParseNote(n *Node, rules iri.Rules) (*Note, error) {
	if n.Kind() != Object {
		return nil, fault(CodeWrongType, n, "a note is an object, not %s", n.Kind())
	}
	if name := TypeOf(n); name != "Note" {
		return nil, fault(CodeUnknownType, n.Get("type"), "%s is no Note", excerpt(name))
	}
	r := reader{rules: rules}
	to := r.addressing(n)
	note := &Note{ID: r.id(n, "id"), AttributedTo: r.ref(n, "attributedTo", true),
		To: to.to, Cc: to.cc, Public: to.public,
		Name: r.str(n, "name"), Summary: r.str(n, "summary"), Content: r.str(n, "content"),
		Published: r.time(n, "published"), Updated: r.time(n, "updated"),
		Context: conversation(r, n), InReplyTo: r.ref(n, "inReplyTo", false),
		Attachments: r.attachments(n), Marking: r.grade(n, "marking"),
		AttestedFor: r.ref(n, "attestedFor", false), ReceivedDigest: r.str(n, "receivedDigest"),
		ReceivedAt: r.time(n, "receivedAt")}
	if len(to.audience) > 0 {
		note.Audience = to.audience[0]
	}
	if s, ok := n.Get("url").Str(); ok {
		note.URL, _ = rules.Parse(s)
	}
	for tag := range n.Get("tag").Each() {
		if TypeOf(tag) == "Mention" {
			note.Mentions = append(note.Mentions, Mention{Href: r.id(tag, "href"), Name: r.str(tag, "name")})
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return note, nil
}
