package communities

import (
	"crypto/sha256"
	"encoding/hex"

	"valise/models/iri"
)

// shortID names an inbox in the id of a bulletin without giving it away; ids differ
// from inbox to inbox and stay the same over retries.
func shortID(inbox iri.IRI) string {
	sum := sha256.Sum256([]byte(inbox))
	return hex.EncodeToString(sum[:6])
}
