package remote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"valise/federation/sign"
	"valise/models"
	"valise/models/iri"
)

// ProofFault says why a document proof was not believed. Temporary faults are ours or
// the network's: the document may verify later.
type ProofFault struct {
	Code      string // "unproven", "bad-proof", "foreign-key", "retired-key", "compromised-key", "key-not-endorsed", "key-unavailable"
	Detail    string
	Temporary bool
}

// NotEndorsed is the code of a proof by a new key of an accredited peer, for which its
// pinned instance key does not speak: a person decides.
const NotEndorsed = "key-not-endorsed"

func (e *ProofFault) Error() string { return e.Code + ": " + e.Detail }

// VerifyProof checks a document's FEP-8b32 proof against a key of its owner. recorded
// is the moment at which this host, or the Group's sequenced announcement, recorded
// the document: a compromised key vouches for nothing recorded later (PROTOCOL §1.1).
func (a *Actors) VerifyProof(ctx context.Context, doc []byte, owner iri.IRI, recorded time.Time) error {
	proof, err := sign.ReadProof(doc)
	if err != nil {
		return &ProofFault{Code: "bad-proof", Detail: err.Error()}
	}
	if proof == nil {
		return &ProofFault{Code: "unproven", Detail: "the document carries no proof"}
	}
	method, err := a.rules.Parse(proof.VerificationMethod)
	if err != nil {
		return &ProofFault{Code: "bad-proof", Detail: "its verificationMethod: " + err.Error()}
	}
	if method.WithoutFragment() != owner {
		return &ProofFault{Code: "foreign-key", Detail: fmt.Sprintf("the key %s does not belong to %s", method, owner)}
	}
	known, err := a.Key(ctx, method)
	if err != nil {
		var e *Error
		if errors.As(err, &e) && !e.Temporary() {
			return &ProofFault{Code: "key-unavailable", Detail: err.Error()}
		}
		return &ProofFault{Code: "key-unavailable", Detail: err.Error(), Temporary: true}
	}
	if known.Actor != owner {
		return &ProofFault{Code: "foreign-key", Detail: fmt.Sprintf("the key %s belongs to %s", method, known.Actor)}
	}
	fault := &ProofFault{Code: "bad-proof", Detail: "no key of " + string(owner) + " fits"}
	for _, c := range known.Candidates {
		if c.Type != sign.Ed25519 {
			continue
		}
		if err := sign.VerifyProof(doc, edKey(c)); err != nil {
			fault = &ProofFault{Code: "bad-proof", Detail: err.Error()}
			continue
		}
		if c.State == models.KeyHeld {
			// Its endorsement may be there by now; once in five minutes it is looked for.
			if again, err := a.Refetch(ctx, method, "endorsement"); again && err == nil {
				if known, err = a.Key(ctx, method); err == nil {
					for _, now := range known.Candidates {
						if now.ID == c.ID && now.Type == sign.Ed25519 && sign.VerifyProof(doc, edKey(now)) == nil {
							c = now
						}
					}
				}
			}
		}
		return checkLifetime(c, proof.Created, recorded, a.now())
	}
	return fault
}

// Recorded is the moment at which a Group's numbered announcement counts as having
// recorded what it announces: what the Group says, but neither after it came here nor
// before the entry that it follows, so that nobody can date it back along a chain that
// is here. The word of a Group whose host no operator has compared keys with vouches for
// nothing that lies before its arrival.
func (a *Actors) Recorded(ctx context.Context, group iri.IRI, sequence int64, said, received time.Time) (time.Time, error) {
	if said.After(received) {
		return received, nil
	}
	peer, err := models.PeerByHost(ctx, a.store.R, group.Host())
	if models.NotFound(err) || err == nil && peer.State != models.PeerAccredited {
		return received, nil
	}
	if err != nil {
		return received, err
	}
	before, err := models.LogBefore(ctx, a.store.R, group, sequence)
	if err != nil {
		return received, err
	}
	if before != nil && before.At.Time().After(said) {
		said = before.At.Time()
	}
	if said.After(received) {
		said = received
	}
	return said, nil
}

// checkLifetime holds a proof to the lifetime of the key that made it.
func checkLifetime(c Candidate, created, recorded, now time.Time) error {
	if created.After(now.Add(5 * time.Minute)) {
		return &ProofFault{Code: "bad-proof", Detail: "it is dated in the future: " + created.Format(time.RFC3339)}
	}
	switch c.State {
	case models.KeyHeld:
		return &ProofFault{Code: NotEndorsed, Detail: "the key " + c.ID + " is not endorsed by the pinned instance key"}
	case models.KeyRetired:
		if c.Unexplained {
			if !recorded.Before(c.Revoked) {
				return &ProofFault{Code: "retired-key", Detail: fmt.Sprintf("its owner no longer lists the key, last seen before %s, and no key history says how long it lived", c.Revoked.Format(time.RFC3339))}
			}
			return nil
		}
		if created.Before(c.Created) || created.After(c.Revoked) {
			return &ProofFault{Code: "retired-key", Detail: fmt.Sprintf("the proof of %s lies outside the key's lifetime, %s to %s",
				created.Format(time.RFC3339), c.Created.Format(time.RFC3339), c.Revoked.Format(time.RFC3339))}
		}
	case models.KeyCompromised:
		if !recorded.Before(c.Revoked) || created.After(c.Revoked) {
			return &ProofFault{Code: "compromised-key", Detail: fmt.Sprintf("the key was compromised on %s and the document was not recorded before",
				c.Revoked.Format(time.RFC3339))}
		}
	}
	return nil
}
