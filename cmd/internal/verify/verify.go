// Package verify checks a saved dispatch offline: what is in the file proves, and what
// it does not. It believes nothing that the file says of itself; all that it cannot
// derive from signatures ends as "not proven".
package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"valise/federation/sign"
	"valise/instance/dispatches"
	"valise/models/iri"
)

// Verdicts of a finding.
const (
	Proven   = "proven"
	Unproven = "not proven"
	Failed   = "failed"
)

// Finding is one statement about the file.
type Finding struct {
	Verdict string `json:"verdict"`
	Text    string `json:"text"`
}

// Anchor is an instance key on which what is proven rests. Its fingerprint is to be
// compared with the operator of the host.
type Anchor struct {
	Host        iri.Host `json:"host"`
	KeyID       iri.IRI  `json:"keyId"`
	Fingerprint string   `json:"fingerprint"`
	Retired     bool     `json:"retired"`
}

// Report is the result.
type Report struct {
	Dispatch  iri.IRI   `json:"dispatch"`
	Reference string    `json:"reference"`
	Verified  bool      `json:"verified"` // nothing that is claimed has failed
	Findings  []Finding `json:"findings"`
	Anchors   []Anchor  `json:"anchors"`
}

// Read reads a file. A member that is not known here could claim something that nobody
// checks, and is refused.
func Read(data []byte) (*dispatches.Bundle, error) {
	b := new(dispatches.Bundle)
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(b); err != nil {
		return nil, fmt.Errorf("read the saved dispatch: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("read the saved dispatch: something follows it in the file")
	}
	if b.Dispatch == "" {
		return nil, errors.New("read the saved dispatch: it names no dispatch; save one with valise dispatch save")
	}
	return b, nil
}

// checker holds what is known while a file is checked.
type checker struct {
	bundle *dispatches.Bundle
	rules  iri.Rules
	keys   map[iri.IRI][]*key // by key id
	actors map[iri.IRI]*actor
	report *Report
	// versions that were read, by digest as recomputed.
	versions map[string]*version
	// recorded is when another origin first signed that it had a digest.
	recorded map[string]time.Time
}

// Bundle checks a saved dispatch.
func Bundle(b *dispatches.Bundle) *Report {
	c := &checker{bundle: b, rules: iri.RulesFor(b.Dispatch.Host()), keys: map[iri.IRI][]*key{}, actors: map[iri.IRI]*actor{},
		report: &Report{Dispatch: b.Dispatch, Reference: b.Reference}, versions: map[string]*version{}, recorded: map[string]time.Time{}}
	if id, err := c.rules.Parse(string(b.Dispatch)); err != nil || id != b.Dispatch {
		c.fail("The dispatch's id %q is no id: %v.", b.Dispatch, err)
	}
	c.readActors()
	c.readHistory()
	c.endorsements()
	vs := c.readVersions()
	c.evidence()
	c.checkVersions(vs)
	c.attachments(vs)
	c.tombstone(vs)
	c.limits()
	c.report.Verified = !slices.ContainsFunc(c.report.Findings, func(f Finding) bool { return f.Verdict == Failed })
	return c.report
}

func (c *checker) add(verdict, format string, args ...any) {
	c.report.Findings = append(c.report.Findings, Finding{verdict, fmt.Sprintf(format, args...)})
}
func (c *checker) prove(format string, args ...any) { c.add(Proven, format, args...) }
func (c *checker) leave(format string, args ...any) { c.add(Unproven, format, args...) }
func (c *checker) fail(format string, args ...any)  { c.add(Failed, format, args...) }

// seal is a proof that was verified.
type seal struct {
	key     *key
	created time.Time
}

// proof verifies a document's proof by a key of its owner, within the key's lifetime.
// A proof by a compromised key is returned with errCompromised: it counts only where
// somebody else recorded the document before.
func (c *checker) proof(doc []byte, owner iri.IRI) (*seal, error) {
	p, err := sign.ReadProof(doc)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, errors.New("it carries no proof")
	}
	method, err := c.rules.Parse(p.VerificationMethod)
	if err != nil {
		return nil, fmt.Errorf("its key id: %w", err)
	}
	if method.WithoutFragment() != owner {
		return nil, fmt.Errorf("the key %s is not one of %s", method, owner)
	}
	candidates := c.keys[method]
	if len(candidates) == 0 {
		return nil, fmt.Errorf("the file holds no actor document and no key history with the key %s", method)
	}
	for _, k := range candidates {
		if err = provenBy(doc, k.public); err == nil {
			return k.at(p.Created)
		}
	}
	return nil, err
}

var errCompromised = errors.New("its key was compromised")

// at holds a proof to the lifetime of its key.
func (k *key) at(created time.Time) (*seal, error) {
	s := &seal{k, created}
	if k.revoked.IsZero() {
		return s, nil
	}
	if created.Before(k.created) || created.After(k.revoked) {
		return nil, fmt.Errorf("it is dated %s, outside the lifetime of its key, %s to %s", zulu(created), zulu(k.created), zulu(k.revoked))
	}
	if k.compromised {
		return s, fmt.Errorf("%w: from %s on whoever has the key can sign, with any date", errCompromised, zulu(k.revoked))
	}
	return s, nil
}

func zulu(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// limits says what no file can prove.
func (c *checker) limits() {
	if len(c.report.Anchors) == 0 {
		c.leave("That the keys belong to %s: no instance key in the file vouches for them. Compare the author's key with its instance.", c.bundle.Dispatch.Host())
	}
	for _, a := range c.report.Anchors {
		if a.Retired {
			c.leave("That the retired instance key %s belonged to %s; whoever compared it then can compare this instead: %s", a.KeyID, a.Host, a.Fingerprint)
			continue
		}
		c.leave("That the instance key %s belongs to the government or body behind %s: compare its fingerprint with that host's operator, by another way than this file: %s", a.KeyID, a.Host, a.Fingerprint)
	}
	c.leave("The dates: each is the word of whoever signed it.")
	c.leave("That no key was reported as compromised after the file was saved: the key history at %s/keys tells, while the instance exists.", c.author())
	c.leave("By whom and when the file was saved (%s, %s): it says so itself.", c.bundle.SavedBy, c.bundle.SavedAt)
}

func (c *checker) author() iri.IRI {
	for _, v := range c.versions {
		return v.wire.AttributedTo
	}
	return iri.IRI(strings.TrimSuffix(c.bundle.Dispatch.Host().Base(), "/") + "/actor")
}
