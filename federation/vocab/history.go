package vocab

import "valise/models/iri"

// Vouched wraps a key-history entry, which carries its successor's proof, so that the
// instance actor can add its own: one proof an object (FEP-8b32).
func Vouched(instance iri.IRI, entry []byte) []byte {
	return New().Raw("@context", []byte(CTX)).Str("type", "Object").IRI("attributedTo", instance).Raw("object", entry).Bytes()
}
