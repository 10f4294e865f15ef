package vocab

import (
	"time"

	"valise/models/iri"
)

// Dispositions of a Tombstone.
const (
	Withdrawn  = "withdrawn"
	Superseded = "superseded"
)

// Tombstone stands where an object was (FEP-4f05, PROTOCOL §5).
type Tombstone struct {
	ID           iri.IRI
	FormerType   string
	Deleted      time.Time
	Context      iri.IRI // of what was deleted: it keeps its place in the conversation
	Disposition  string  // Withdrawn, Superseded or empty
	SupersededBy iri.IRI // the dispatch that takes its place
}

// Encode returns the document that the object's id answers with from then on.
func (t Tombstone) Encode() []byte { return t.obj(New().Raw("@context", []byte(CTX))).Bytes() }

// EncodePlain returns the document for software that would load our contexts.
func (t Tombstone) EncodePlain() []byte {
	return t.obj(New().Raw("@context", []byte("["+contextPlain+"]"))).Bytes()
}

func (t Tombstone) obj(o *Obj) *Obj {
	return o.IRI("id", t.ID).Str("type", "Tombstone").Str("formerType", t.FormerType).IRI("context", t.Context).
		Time("deleted", t.Deleted).Str("disposition", t.Disposition).IRI("supersededBy", t.SupersededBy)
}

// ParseTombstone reads the object of a Delete. A bare id (Mastodon deletes
// actors that way) reads as a Tombstone with nothing but that id.
func ParseTombstone(a *Activity, rules iri.Rules) (Tombstone, error) {
	if a.Object == nil {
		return Tombstone{ID: a.ObjectID}, nil
	}
	r := reader{rules: rules}
	n := a.Object
	t := Tombstone{ID: r.id(n, "id"), FormerType: r.str(n, "formerType"), Deleted: r.time(n, "deleted"),
		Disposition: r.str(n, "disposition"), SupersededBy: r.ref(n, "supersededBy", false)}
	if t.Disposition != "" && t.Disposition != Withdrawn && t.Disposition != Superseded {
		r.fail(CodeInvalidValue, n, "unknown disposition %s", excerpt(t.Disposition))
	}
	if r.err != nil {
		return Tombstone{}, r.err
	}
	return t, nil
}
