// Package sign makes and checks the signatures of the federation: HTTP request
// signatures (draft-cavage-http-signatures-12 and RFC 9421), document proofs
// (FEP-8b32, eddsa-jcs-2022), digests and key encodings.
//
// It holds no state and opens no connection. Time, keys and bodies come from
// the caller. Every refusal is an *Error whose Kind is stable enough to be sent
// to the peer.
package sign

import (
	"errors"
	"fmt"
)

// Kind classifies a refusal. The values appear on the wire, as the last part of
// a problem type, and never change their meaning.
type Kind string

const (
	// Missing: there is no signature or proof to check.
	Missing Kind = "signature-missing"
	// Malformed: the signature, proof, digest or key cannot be read, or goes
	// beyond a limit of this package.
	Malformed Kind = "signature-malformed"
	// NotCovered: the signature is readable but leaves out something that it
	// must cover.
	NotCovered Kind = "signature-not-covered"
	// Stale: signed before the accepted window, or past its own expiry.
	Stale Kind = "signature-stale"
	// Future: signed after the accepted window.
	Future Kind = "signature-future"
	// Digest: the body is not the one whose digest was signed.
	Digest Kind = "digest-mismatch"
	// BadSignature: the cryptographic check failed.
	BadSignature Kind = "signature-invalid"
	// WrongAlgorithm: the algorithm is not accepted, or is not the one that
	// belongs to the key.
	WrongAlgorithm Kind = "signature-algorithm"
	// WeakKey: the key is too small, too large or degenerate.
	WeakKey Kind = "key-unacceptable"
	// Misdirected: the signed Host header names another host than ours.
	Misdirected Kind = "request-misdirected"
)

// Error is a refusal. Detail is for logs and for the peer's operator; text
// chosen by the peer is quoted and shortened in it.
type Error struct {
	Kind   Kind
	Detail string
}

func (e *Error) Error() string { return string(e.Kind) + ": " + e.Detail }

// Is makes errors.Is(err, &Error{Kind: k}) true for every error of kind k.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind && (t.Detail == "" || t.Detail == e.Detail)
}

// KindOf returns the kind of the *Error in err's chain, or "" if it has none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

func refuse(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Detail: fmt.Sprintf(format, args...)}
}

// maxQuoted is the number of bytes of a peer's text that an error may repeat.
const maxQuoted = 80

func quote[T string | []byte](s T) string {
	if len(s) > maxQuoted {
		return fmt.Sprintf("%q… (%d bytes)", string(s[:maxQuoted]), len(s))
	}
	return fmt.Sprintf("%q", string(s))
}
