package vocab

import (
	"strings"
	"time"

	"valise/models/iri"
)

// MaxRecipients is the most that one of to, cc and audience may name.
const MaxRecipients = 512

// Activity is a received activity, normalised for reading. Raw is what was
// received and what is kept, forwarded and verified.
type Activity struct {
	Raw  []byte
	Node *Node

	ID    iri.IRI
	Type  string // an AS2 activity type
	Actor iri.IRI

	To, Cc, Audience []iri.IRI // without the public collection
	// Public reports the public collection among the recipients of the
	// activity or of an object embedded in it, at any depth.
	Public bool
	// Unread counts recipients that our rules do not read, such as http ids.
	// They are nobody that we know or would deliver to.
	Unread int

	Published time.Time // UTC; zero where absent

	ObjectID   iri.IRI // empty where an embedded object has no id
	ObjectType string  // AS2 type, else the first type named; empty for a bare id
	Object     *Node   // nil for a bare id

	Target     iri.IRI
	Instrument iri.IRI // of Follow: the Invite that it answers
	HasProof   bool
}

// ParseActivity reads an activity. The error is an *Error.
func ParseActivity(raw []byte, rules iri.Rules) (*Activity, error) {
	n, err := ParseJSON(raw)
	if err != nil {
		return nil, err
	}
	if n.kind != Object {
		return nil, fault(CodeWrongType, n, "the document is %s, not an object", n.kind)
	}
	if err := n.CheckContext(); err != nil {
		return nil, err
	}
	return ReadActivity(n, rules)
}

// ReadActivity reads an activity inside a document that was already parsed and
// whose contexts were checked, such as the one embedded in an Announce.
func ReadActivity(n *Node, rules iri.Rules) (*Activity, error) {
	r := reader{rules: rules}
	a := &Activity{Raw: n.Raw(), Node: n}
	if n.Kind() != Object {
		return nil, fault(CodeWrongType, n, "an activity is an object, not %s", n.Kind())
	}
	a.ID = r.id(n, "id")
	name := typeOf(n, classActivity)
	if name == "" && r.err == nil {
		r.err = fault(CodeMissing, n, "type is missing or no string")
	} else if types[name] != classActivity && r.err == nil {
		r.err = fault(CodeUnknownType, n.Get("type"), "%s is no activity type of ActivityStreams", excerpt(name))
	}
	a.Type = name
	a.Actor = r.ref(n, "actor", true)
	to := r.addressing(n)
	a.To, a.Cc, a.Audience, a.Public, a.Unread = to.to, to.cc, to.audience, to.public, to.unread
	a.Published = r.time(n, "published")
	a.Target = r.ref(n, "target", false)
	a.Instrument = r.ref(n, "instrument", false)
	a.HasProof = n.Get("proof") != nil
	r.object(n, a)
	if r.err != nil {
		return nil, r.err
	}
	return a, nil
}

// object reads the object of an activity: an id, or an embedded object, alone
// or in a list of one. Flag (Mastodon) lists several; the first one counts.
func (r *reader) object(n *Node, a *Activity) {
	o := n.Get("object")
	if o.Kind() == Array && o.count > 0 && (o.count == 1 || a.Type == "Flag") {
		o = o.first
	}
	switch o.Kind() {
	case None:
		if a.Type != "Question" && a.Type != "Arrive" && a.Type != "Travel" {
			r.fail(CodeMissing, n, "object is missing")
		}
	case String:
		a.ObjectID = r.iri(o, o.text)
	case Object:
		a.Object = o
		if id := o.Get("id"); id != nil {
			a.ObjectID = r.id(o, "id")
		}
		a.ObjectType = typeOf(o, classAny)
		inner := o
		for depth := 0; inner.Kind() == Object && depth < MaxDepth; depth++ {
			seen := r.addressing(inner)
			a.Public = a.Public || seen.public
			inner = inner.Get("object")
		}
	default:
		r.fail(CodeWrongType, o, "object is %s", o.Kind())
	}
}

// Inner returns the activity embedded in an Announce, unproven and unchecked
// beyond its shape, or an *Error where the object is none.
func (a *Activity) Inner(rules iri.Rules) (*Activity, error) {
	if a.Object == nil {
		return nil, fault(CodeMissing, a.Node, "no activity is embedded in the %s", a.Type)
	}
	return ReadActivity(a.Object, rules)
}

// Sequence returns the place of an Announce in its community's chain and the
// digest of the one before; n is 0 where the Announce carries none.
func (a *Activity) Sequence() (n int64, previous string, err error) {
	node := a.Node.Get("sequence")
	if node == nil {
		return 0, "", nil
	}
	r := reader{}
	n = r.decimal(a.Node, "sequence")
	previous = r.str(a.Node, "previousDigest")
	if r.err != nil {
		return 0, "", r.err
	}
	return n, previous, nil
}

type class uint8

const (
	classAny class = iota
	classActivity
	classActor
	classObject
	classCollection
	classLink
)

// types are the types of the AS2 vocabulary.
var types = func() map[string]class {
	m := map[string]class{}
	for c, names := range map[class]string{
		classActivity: `Accept Add Announce Arrive Block Create Delete Dislike Flag Follow Ignore Invite Join
			Leave Like Listen Move Offer Question Read Reject Remove TentativeAccept TentativeReject Travel
			Undo Update View`,
		classActor: `Application Group Organization Person Service`,
		classObject: `Article Audio Document Event Image Note Object Page Place Profile Relationship
			Tombstone Video`,
		classCollection: `Collection CollectionPage OrderedCollection OrderedCollectionPage`,
		classLink:       `Link Mention`,
	} {
		for name := range words(names) {
			m[name] = c
		}
	}
	return m
}()

// KnownType reports a type of the AS2 vocabulary.
func KnownType(name string) bool { _, known := types[name]; return known }

// IsActorType reports Application, Group, Organization, Person and Service.
func IsActorType(name string) bool { return types[name] == classActor }

// TypeOf returns the type of an object: of several the first one of AS2, since
// extensions may only stand beside those; else the first. It is empty where
// the type is missing or not made of strings.
func TypeOf(n *Node) string { return typeOf(n, classAny) }

// typeOf prefers types of the class wanted over others of AS2.
func typeOf(n *Node, want class) string {
	first, known := "", ""
	for item := range n.Get("type").Each() {
		name, ok := item.Str()
		if !ok {
			return ""
		}
		name = plainType(name)
		c, isKnown := types[name]
		if isKnown && (want == classAny || c == want) {
			return name
		}
		if first == "" {
			first = name
		}
		if isKnown && known == "" {
			known = name
		}
	}
	if known != "" {
		return known
	}
	return first
}

// plainType undoes the compact and the full form of an AS2 type name.
func plainType(name string) string {
	if short, ok := strings.CutPrefix(name, "as:"); ok {
		return short
	}
	return strings.TrimPrefix(name, as2Namespace)
}
