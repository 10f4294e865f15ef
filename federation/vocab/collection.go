package vocab

import (
	"time"

	"valise/models/iri"
)

// Collection is an OrderedCollection. Items holds its items where it is small;
// First is the page to begin with where it is not; neither where only the
// number of items is shown.
type Collection struct {
	ID           iri.IRI
	AttributedTo iri.IRI
	Total        int64
	First        iri.IRI
	Items        [][]byte // JSON
}

func (c Collection) Encode() []byte {
	return New().Raw("@context", []byte(CTX)).IRI("id", c.ID).Str("type", "OrderedCollection").
		IRI("attributedTo", c.AttributedTo).Int("totalItems", c.Total).IRI("first", c.First).
		Raws("orderedItems", c.Items).Bytes()
}

// Page is one page of a Collection.
type Page struct {
	ID, PartOf, Next, Prev iri.IRI
	Items                  [][]byte // JSON
	// Profiles says that the items are pieces of actor documents, with their context.
	Profiles bool
}

func (p Page) Encode() []byte {
	context := CTX
	if p.Profiles {
		context = actorContext
	}
	return New().Raw("@context", []byte(context)).IRI("id", p.ID).Str("type", "OrderedCollectionPage").
		IRI("partOf", p.PartOf).IRI("next", p.Next).IRI("prev", p.Prev).Raws("orderedItems", p.Items).Bytes()
}

// ItemID returns an id as an item of a collection.
func ItemID(id iri.IRI) []byte { return appendString(nil, string(id)) }

// ParsePage reads a collection or a page of one: its items in order, and where
// to go on ("first" of a collection without items, "next" of a page).
func ParsePage(n *Node, rules iri.Rules) (items []*Node, next iri.IRI, err error) {
	r := reader{rules: rules}
	if types[TypeOf(n)] != classCollection {
		return nil, "", fault(CodeUnknownType, n, "%s is no collection", excerpt(TypeOf(n)))
	}
	items = n.Get("orderedItems").Items()
	if items == nil {
		items = n.Get("items").Items()
	}
	if next = r.ref(n, "next", false); next == "" && len(items) == 0 {
		next = r.ref(n, "first", false)
	}
	if r.err != nil {
		return nil, "", r.err
	}
	return items, next, nil
}

// RetiredKey is an entry of a key history: a Multikey with its lifetime. Its
// successor signs the bytes of Encode; the instance actor then signs the
// Vouched wrapper around them.
type RetiredKey struct {
	Multikey
	Created, Revoked time.Time
	Reason           string // RevokedRotation or RevokedCompromise
}

// Reasons of revocation.
const (
	RevokedRotation   = "rotation"
	RevokedCompromise = "compromise"
)

func (k RetiredKey) Encode() []byte {
	o := New().Raw("@context", []byte(CTX)).IRI("id", k.ID).Str("type", "Multikey").
		IRI("controller", k.Controller).Str("publicKeyMultibase", k.PublicKeyMultibase)
	return o.Time("created", k.Created).Time("revoked", k.Revoked).Str("revocationReason", k.Reason).Bytes()
}

// ParseRetiredKey reads an entry of a key history. Its proofs are the caller's
// to verify, over n.Raw().
func ParseRetiredKey(n *Node, rules iri.Rules) (RetiredKey, error) {
	r := reader{rules: rules}
	if TypeOf(n) != "Multikey" {
		return RetiredKey{}, fault(CodeUnknownType, n, "%s is no Multikey", excerpt(TypeOf(n)))
	}
	k := RetiredKey{Multikey: Multikey{ID: r.id(n, "id"), Controller: r.id(n, "controller"),
		PublicKeyMultibase: r.need(n, "publicKeyMultibase")},
		Created: r.time(n, "created"), Revoked: r.time(n, "revoked"), Reason: r.str(n, "revocationReason")}
	if k.Created.IsZero() || k.Revoked.IsZero() {
		r.fail(CodeMissing, n, "created or revoked is missing")
	} else if k.Revoked.Before(k.Created) {
		r.fail(CodeInvalidTime, n, "revoked lies before created")
	}
	if k.Reason != RevokedRotation && k.Reason != RevokedCompromise {
		r.fail(CodeInvalidValue, n, "unknown revocationReason %s", excerpt(k.Reason))
	}
	if r.err != nil {
		return RetiredKey{}, r.err
	}
	return k, nil
}
