package vocab

import (
	"time"

	"valise/models/iri"
)

// Envelope is what every activity of ours has. Plain writes the AS2 context
// alone, for software that would load ours over the network (Fedify); such an
// activity carries no proof.
type Envelope struct {
	Plain     bool
	ID, Actor iri.IRI
	To, Cc    []iri.IRI
	Audience  iri.IRI
	Published time.Time
}

func (e Envelope) begin(kind string) *Obj {
	o := New()
	if e.Plain {
		o.Raw("@context", []byte(contextPlain))
	} else {
		o.Raw("@context", []byte(CTX))
	}
	return o.IRI("id", e.ID).Str("type", kind).IRI("actor", e.Actor).
		IRIs("to", e.To).IRIs("cc", e.Cc).IRI("audience", e.Audience).Time("published", e.Published)
}

// Subject is the object of an activity: embedded JSON, written unchanged, or
// a bare id.
type Subject struct {
	Raw []byte
	ID  iri.IRI
}

func (s Subject) write(o *Obj) *Obj {
	if len(s.Raw) > 0 {
		return o.Raw("object", s.Raw)
	}
	return o.IRI("object", s.ID)
}

// Create publishes an object that is already proven.
type Create struct {
	Envelope
	Object []byte
}

func (c Create) Encode() []byte { return c.begin("Create").Raw("object", c.Object).Bytes() }

// Update replaces an object, or, with an actor document, an actor.
type Update struct {
	Envelope
	Object []byte
}

func (u Update) Encode() []byte { return u.begin("Update").Raw("object", u.Object).Bytes() }

// Delete withdraws an object.
type Delete struct {
	Envelope
	Tombstone Tombstone
}

func (d Delete) Encode() []byte {
	return d.begin("Delete").Obj("object", d.Tombstone.obj(New())).Bytes()
}

// Remove takes what another wrote out of what a Group distributes: Target is the Group,
// which alone has authority over that. Summary says why, to people.
type Remove struct {
	Envelope
	Object, Target iri.IRI
	Summary        string
}

func (r Remove) Encode() []byte {
	return r.begin("Remove").IRI("object", r.Object).IRI("target", r.Target).Str("summary", r.Summary).Bytes()
}

// Announce is Form A: a Group distributes an activity, whose bytes stay as
// received. Sequence begins at 1. Salt keeps the digest of an entry that is
// withheld from somebody from being guessed.
type Announce struct {
	Envelope
	Sequence       int64
	PreviousDigest string
	Salt           string
	Object         []byte
}

func (a Announce) Encode() []byte {
	return a.begin("Announce").Decimal("sequence", a.Sequence).Str("previousDigest", a.PreviousDigest).
		Str("salt", a.Salt).Raw("object", a.Object).Bytes()
}

// WithheldEntry is what an outbox shows to those from whom an Announce is
// withheld: that it exists, and nothing of what it says.
type WithheldEntry struct {
	Sequence int64
	Digest   string
}

func (w WithheldEntry) Encode() []byte {
	return New().Decimal("sequence", w.Sequence).Str("digest", w.Digest).Bool("withheld", true).Bytes()
}

// Answer accepts or rejects. Reason, of a rejection, is a stable code for
// programs; Summary says it to people.
type Answer struct {
	Envelope
	Subject
	Reason, Summary string
}

func (a Answer) Accept() []byte { return a.encode("Accept") }
func (a Answer) Reject() []byte { return a.encode("Reject") }

func (a Answer) encode(kind string) []byte {
	o := a.begin(kind).Str("summary", a.Summary).Str("reason", a.Reason)
	return a.write(o).Bytes()
}

// Follow asks for membership of Object. Invitation is the id of the Invite that
// was accepted (member "instrument"); empty towards foreign groups.
type Follow struct {
	Envelope
	Object     iri.IRI
	Invitation iri.IRI
}

func (f Follow) Encode() []byte {
	return f.begin("Follow").IRI("object", f.Object).IRI("instrument", f.Invitation).Bytes()
}

// Undo takes back an activity, embedded wherever it is known: GoToSocial
// ignores a bare id.
type Undo struct {
	Envelope
	Subject
}

func (u Undo) Encode() []byte { return u.write(u.begin("Undo")).Bytes() }

// Block is sent by a Group to end a follow that GoToSocial would keep
// (PROTOCOL §4.2).
type Block struct {
	Envelope
	Object iri.IRI
}

func (b Block) Encode() []byte { return b.begin("Block").IRI("object", b.Object).Bytes() }

// Kinds of Receipt. ReceiptRead travels as Read, the others as Accept.
const (
	ReceiptDelivered  = "delivered"
	ReceiptRegistered = "registered"
	ReceiptTaken      = "taken"
	ReceiptErased     = "erased"
	ReceiptRead       = "read"
)

// Receipt is evidence about one activity, signed by the recipient's instance.
// Object is the id of the Create (or of the Delete, for erased); ObjectDigest
// is of the object's JCS form. Retained lists what an erasure could not reach
// yet, for example "legal-hold" or "backup".
type Receipt struct {
	Envelope
	Kind           string
	Object         iri.IRI
	ObjectDigest   string
	RegistryNumber string
	Retained       []string
}

func (r Receipt) Encode() []byte {
	kind, receiptType := "Accept", r.Kind
	if r.Kind == ReceiptRead {
		kind, receiptType = "Read", ""
	}
	return r.begin(kind).IRI("object", r.Object).Str("receiptType", receiptType).
		Str("registryNumber", r.RegistryNumber).Str("objectDigest", r.ObjectDigest).
		Strs("retained", r.Retained).Bytes()
}

// ParseReceipt reads the receipt carried by an Accept or a Read; ok is false
// for an Accept that answers something else.
func ParseReceipt(a *Activity) (receipt Receipt, ok bool, err error) {
	r := reader{}
	receipt = Receipt{Envelope: a.envelope(), Object: a.ObjectID, Kind: r.str(a.Node, "receiptType"),
		ObjectDigest: r.str(a.Node, "objectDigest"), RegistryNumber: r.str(a.Node, "registryNumber"),
		Retained: r.strs(a.Node, "retained")}
	switch {
	case a.Type == "Read":
		receipt.Kind = ReceiptRead
	case a.Type != "Accept" || receipt.Kind == "" && r.err == nil:
		return Receipt{}, false, nil
	case r.err != nil:
	case receipt.Kind != ReceiptDelivered && receipt.Kind != ReceiptRegistered &&
		receipt.Kind != ReceiptTaken && receipt.Kind != ReceiptErased:
		r.fail(CodeInvalidValue, a.Node.Get("receiptType"), "unknown receiptType %s", excerpt(receipt.Kind))
	}
	if receipt.Object == "" {
		r.fail(CodeMissing, a.Node, "a receipt names its object by id")
	}
	if r.err != nil {
		return Receipt{}, false, r.err
	}
	return receipt, true, nil
}

// envelope returns what an activity was sent with; of several audiences the
// first.
func (a *Activity) envelope() Envelope {
	e := Envelope{ID: a.ID, Actor: a.Actor, To: a.To, Cc: a.Cc, Published: a.Published}
	if len(a.Audience) > 0 {
		e.Audience = a.Audience[0]
	}
	return e
}
