package vocab

import "valise/models/iri"

// MaxActorKeys bounds RSA keys and Multikeys of one actor together.
const MaxActorKeys = 10

// Actor is an actor document as received, of whatever software. It is checked
// for shape alone: whether the document may speak for its id, and whether keys
// belong to it, is for the caller (ParseActor keeps foreign owners visible).
type Actor struct {
	Raw  []byte
	Node *Node

	ID                        iri.IRI
	Type                      string // an AS2 actor type
	PreferredUsername, Name   string
	Summary                   string
	URL                       iri.IRI
	Inbox, SharedInbox        iri.IRI
	Outbox, Followers         iri.IRI
	Moderators                iri.IRI // of a Group
	ManuallyApprovesFollowers bool
	RSA                       []RSAKey
	Multikeys                 []Multikey
	Implements                []string
	InstanceActor             iri.IRI // generator
	KeyHistory                iri.IRI
	Offices                   iri.IRI // of an instance actor: its directory
	Ceiling                   Grade
	Charter                   iri.IRI
	CharterDigest             string
	HasProof                  bool // an endorsement
}

// ParseActor reads an actor document, or the stub that a key id of GoToSocial
// answers with: that has neither inbox nor outbox, so an empty Inbox marks it.
// The error is an *Error.
func ParseActor(raw []byte, rules iri.Rules) (*Actor, error) {
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
	return ReadActor(n, rules)
}

// ReadActor reads an actor inside a document that was already checked, such as
// the object of an Update.
func ReadActor(n *Node, rules iri.Rules) (*Actor, error) {
	if n.Kind() != Object {
		return nil, fault(CodeWrongType, n, "an actor is an object, not %s", n.Kind())
	}
	r := reader{rules: rules}
	a := &Actor{Raw: n.Raw(), Node: n, ID: r.id(n, "id"), HasProof: n.Get("proof") != nil}
	a.Type = typeOf(n, classActor)
	if !IsActorType(a.Type) {
		r.fail(CodeUnknownType, n.Get("type"), "%s is no actor type", excerpt(a.Type))
	}
	a.PreferredUsername, a.Name, a.Summary = r.str(n, "preferredUsername"), r.str(n, "name"), r.str(n, "summary")
	if s, ok := n.Get("url").Str(); ok { // others give a list of Links, of no use to us
		a.URL, _ = rules.Parse(s)
	}
	a.Inbox, a.Outbox = r.ref(n, "inbox", false), r.ref(n, "outbox", false)
	a.SharedInbox, a.Followers = sharedInbox(&r, n), r.ref(n, "followers", false)
	if a.Type == "Group" {
		a.Moderators = moderators(&r, n)
	}
	a.ManuallyApprovesFollowers, _ = n.Get("manuallyApprovesFollowers").Bool()
	r.actorKeys(n, a)
	a.Implements, a.InstanceActor = r.implements(n)
	a.KeyHistory, a.Offices = r.ref(n, "keyHistory", false), r.ref(n, "offices", false)
	a.Ceiling, a.Charter, a.CharterDigest = r.grade(n, "ceiling"), r.ref(n, "charter", false), r.str(n, "charterDigest")
	if a.Inbox == "" && len(a.RSA) == 0 && len(a.Multikeys) == 0 {
		r.fail(CodeMissing, n, "neither an inbox nor a key")
	}
	if r.err != nil {
		return nil, r.err
	}
	return a, nil
}

// actorKeys reads publicKey and assertionMethod. Keys given by id alone, and
// methods of other types, are left out: they prove nothing to us.
func (r *reader) actorKeys(n *Node, a *Actor) {
	publicKeys, methods := n.Get("publicKey"), n.Get("assertionMethod")
	count := 0
	for _, list := range [...]*Node{publicKeys, methods} {
		if list.Kind() == Array {
			count += list.Len()
		} else if list != nil {
			count++
		}
	}
	if count > MaxActorKeys {
		r.fail(CodeTooManyKeys, n, "%d keys, more than %d", count, MaxActorKeys)
		return
	}
	for item := range publicKeys.Each() {
		if item.kind == String {
			continue
		}
		if item.kind != Object {
			r.fail(CodeWrongType, item, "publicKey is %s", item.kind)
			return
		}
		a.RSA = append(a.RSA, RSAKey{ID: r.id(item, "id"), Owner: r.ref(item, "owner", true), PEM: r.need(item, "publicKeyPem")})
	}
	for item := range methods.Each() {
		if item.kind == String {
			continue
		}
		if item.kind != Object {
			r.fail(CodeWrongType, item, "assertionMethod holds %s", item.kind)
			return
		}
		if TypeOf(item) != "Multikey" {
			continue
		}
		a.Multikeys = append(a.Multikeys, Multikey{ID: r.id(item, "id"), Controller: r.ref(item, "controller", true),
			PublicKeyMultibase: r.need(item, "publicKeyMultibase")})
	}
}

// implements reads FEP-844e from the generator, or from the actor itself where
// it is the instance actor.
func (r *reader) implements(n *Node) (list []string, instance iri.IRI) {
	generator := n.Get("generator")
	if generator.Kind() == Object && generator.Get("id") != nil {
		instance = r.id(generator, "id")
	} else if generator.Kind() == String {
		instance = r.iri(generator, generator.text)
	}
	for _, source := range [...]*Node{generator.Get("implements"), n.Get("implements")} {
		for item := range source.Each() {
			href, ok := item.Str()
			if item.kind == Object {
				href, ok = item.Get("href").Str()
			}
			if ok && len(list) < 64 {
				list = append(list, href)
			}
		}
	}
	return list, instance
}

// HasImplements reports an advertised capability.
func (a *Actor) HasImplements(capability string) bool {
	for _, c := range a.Implements {
		if c == capability {
			return true
		}
	}
	return false
}
