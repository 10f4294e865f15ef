// Package checks holds the whole state of an instance against the invariants of the
// design: `valise check` and the tests run it after everything they do.
package checks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"valise/federation/policy"
	"valise/federation/remote"
	"valise/federation/sign"
	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
)

// Checks is the service.
type Checks struct {
	Store  *models.Store
	Actors *remote.Actors
	Guard  policy.Guard
	Own    iri.Host
	Now    func() time.Time
}

// Finding is one violation: of which invariant, by what, and how.
type Finding struct {
	Invariant string `json:"invariant"`
	Subject   string `json:"subject"`
	Problem   string `json:"problem"`
}

// Run walks the whole state. It reads, and changes nothing.
func (c *Checks) Run(ctx context.Context) ([]Finding, error) {
	var out []Finding
	for _, q := range models.InvariantQueries {
		rows, err := models.Violations(ctx, c.Store.R, q, c.Guard.Federates())
		if err != nil {
			return out, fmt.Errorf("check %q: %w", q.Invariant, err)
		}
		for _, subject := range rows {
			out = append(out, Finding{q.Invariant, subject, q.Problem})
		}
	}
	found, err := c.proofs(ctx)
	if err != nil {
		return out, err
	}
	out = append(out, found...)
	if n, err := audit.Verify(ctx, c.Store.R); err != nil {
		out = append(out, Finding{"every act of power is recorded", fmt.Sprint("entry ", n+1), err.Error()})
	}
	return out, nil
}

// proofs verifies the digest and the seal of every dispatch in force, page by page.
func (c *Checks) proofs(ctx context.Context) ([]Finding, error) {
	var out []Finding
	for after := int64(0); ; {
		rows, err := models.DispatchesAfter(ctx, c.Store.R, after, 200)
		if err != nil {
			return out, err
		}
		for _, d := range rows {
			after = d.ID
			if d.Document == nil || d.Origin == models.OriginArchive {
				continue
			}
			digest, err := sign.ObjectDigest(d.Document)
			if err != nil || digest != d.Digest {
				out = append(out, Finding{"sealed by its author", string(d.IRI), fmt.Sprintf("the digest of version %d is %s, recorded is %s", d.Version, digest, d.Digest)})
				continue
			}
			proof, err := sign.ReadProof(d.Document)
			if err != nil || proof == nil {
				out = append(out, Finding{"sealed by its author", string(d.IRI), "it carries no proof that can be read"})
				continue
			}
			known, err := c.Actors.Seen(ctx, iri.IRI(proof.VerificationMethod))
			if err != nil {
				return out, err
			}
			if known == nil {
				out = append(out, Finding{"sealed by its author", string(d.IRI), "its key " + proof.VerificationMethod + " is not known here"})
				continue
			}
			recorded := d.CreatedAt
			if d.Community != "" {
				recorded = min(recorded, d.DistributedAt) // by the Group's announcement
			}
			var fault *remote.ProofFault
			// That a key was compromised later changes what a seal proves, not whether the
			// state is whole.
			if err := c.Actors.VerifyProof(ctx, d.Document, d.Author, recorded.Time()); err != nil && !(errors.As(err, &fault) && fault.Code == "compromised-key") {
				out = append(out, Finding{"sealed by its author", string(d.IRI), err.Error()})
			}
		}
		if len(rows) < 200 {
			return out, nil
		}
	}
}
