package communities

import (
	"crypto/sha256"
	"encoding/hex"

	"valise/models/iri"
)

// shortID names a server or an inbox in the id of a bulletin without giving it away;
// ids differ from one to the next and stay the same over retries.
func shortID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:6])
}

// attestedID is the Group's id for what a guest wrote under an id of her own server: the
// same words are distributed once, and her deletion finds them.
func (s *Communities) attestedID(author, note iri.IRI) iri.IRI {
	sum := sha256.Sum256([]byte(string(author) + " " + string(note)))
	return iri.IRI(s.Own.Base() + "/c/" + hex.EncodeToString(sum[:16]))
}
