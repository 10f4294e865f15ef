package verify

import (
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"testing"
	"time"

	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

const (
	office   iri.IRI = "https://b.example/o/paris"
	instance iri.IRI = "https://b.example/actor"
	reader   iri.IRI = "https://a.example/o/desk"
	host     iri.IRI = "https://a.example/actor"
	dispatch iri.IRI = "https://b.example/d/1"
)

// day is a moment of the story: day 1 is 1 September 2026.
func day(n int) time.Time { return time.Date(2026, 9, n, 8, 0, 0, 0, time.UTC) }

// pen is a key pair derived from its id.
type pen struct {
	id      iri.IRI
	private ed25519.PrivateKey
}

func newPen(id iri.IRI) pen {
	seed := sha256.Sum256([]byte(id))
	return pen{id, ed25519.NewKeyFromSeed(seed[:])}
}

func (p pen) KeyID() string                 { return string(p.id) }
func (p pen) Type() sign.KeyType            { return sign.Ed25519 }
func (p pen) Sign(m []byte) ([]byte, error) { return ed25519.Sign(p.private, m), nil }
func (p pen) public() string                { return sign.EncodeEd25519(p.private.Public().(ed25519.PublicKey)) }
func (p pen) multikey() vocab.Multikey {
	return vocab.Multikey{ID: p.id, Controller: p.id.WithoutFragment(), PublicKeyMultibase: p.public()}
}

func prove(t *testing.T, doc []byte, p pen, at time.Time) []byte {
	t.Helper()
	out, err := sign.Prove(doc, p, at)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func actorDoc(t *testing.T, id iri.IRI, kind string, inst iri.IRI, endorser pen, keys ...pen) string {
	d := vocab.ActorDoc{ID: id, Type: kind, PreferredUsername: "x", Inbox: id + "/inbox", Followers: id + "/followers", KeyHistory: id + "/keys", InstanceActor: inst}
	for _, k := range keys {
		d.Multikeys = append(d.Multikeys, k.multikey())
	}
	return string(prove(t, d.Minimal(), endorser, day(20)))
}

func historyEntry(t *testing.T, old, next, voucher pen, inst iri.IRI, from, to time.Time, reason string) string {
	e := vocab.RetiredKey{Multikey: old.multikey(), Created: from, Revoked: to, Reason: reason}.Encode()
	return string(prove(t, vocab.Vouched(inst, prove(t, e, next, to)), voucher, to))
}

// story is a dispatch of two versions. The office signed the first with a key that it
// retired on day 5, the second, on day 7, with its present one. The instance key was
// rotated on day 6. The addressee signed that both versions were delivered.
type story struct {
	old, now, instOld, inst, reader, host pen
	text                                  []byte
	bundle                                *dispatches.Bundle
}

// change alters a story before it is signed and put together.
type change struct {
	reason     string // of the retirement of the office's first key
	second     func(*vocab.Dispatch)
	firstPen   *pen // signs version 1
	firstAt    time.Time
	receiptPen *pen
	receiptAt  time.Time
	receipt    func(*vocab.Receipt)
	entryPen   *pen // the successor that signs the history entry
	// instancePen vouches for the entry of the instance's first key, instanceReason is why
	// that was retired.
	instancePen    *pen
	instanceReason string
}

func tell(t *testing.T, c change) *story {
	t.Helper()
	s := &story{old: newPen(office + "#ed-1"), now: newPen(office + "#ed-2"), instOld: newPen(instance + "#ed-1"), inst: newPen(instance + "#ed-2"),
		reader: newPen(reader + "#ed-1"), host: newPen(host + "#ed-1"), text: []byte("Annex, in full.")}
	or := func(p *pen, d pen) pen {
		if p != nil {
			return *p
		}
		return d
	}
	when := func(a, b time.Time) time.Time {
		if a.IsZero() {
			return b
		}
		return a
	}
	file := vocab.Attachment{Name: "Annex A", MediaType: "text/plain", Size: int64(len(s.text)), DigestMultibase: sign.BytesDigest(s.text), URL: "https://b.example/f/1"}
	one := &vocab.Dispatch{ID: dispatch, AttributedTo: office, To: []iri.IRI{reader}, Name: "Water sharing", Content: "<p>One.</p>", Published: day(2), ReferenceNumber: "PARIS 2026/000001",
		DispatchType: "cable", Precedence: vocab.Grade{Scheme: "https://w3id.org/valise/precedence/v1", Level: "ROUTINE", Rank: 1},
		Marking: vocab.Grade{Scheme: "https://w3id.org/valise/marking/v1", Level: "LIMITED", Rank: 3}, ActionAddressee: []iri.IRI{reader}, Version: 1, Attachments: []vocab.Attachment{file}}
	first := prove(t, one.Encode(), or(c.firstPen, s.old), when(c.firstAt, day(2)))
	digest, err := sign.ObjectDigest(first)
	if err != nil {
		t.Fatal(err)
	}
	two := *one
	two.Content, two.Version, two.PreviousVersion, two.Updated, two.ChangeNote = "<p>Two.</p>", 2, digest, day(7), "The date."
	if c.second != nil {
		c.second(&two)
	}
	second := prove(t, two.Encode(), s.now, day(7))
	digest2, err := sign.ObjectDigest(second)
	if err != nil {
		t.Fatal(err)
	}
	receiptFor := func(digest string, at time.Time) string {
		r := vocab.Receipt{Envelope: vocab.Envelope{ID: "https://a.example/a/1", Actor: reader, To: []iri.IRI{office}, Published: at}, Kind: vocab.ReceiptDelivered,
			Object: "https://b.example/a/1", ObjectDigest: digest}
		if c.receipt != nil {
			c.receipt(&r)
		}
		return string(prove(t, r.Encode(), or(c.receiptPen, s.reader), at))
	}
	s.bundle = &dispatches.Bundle{Dispatch: dispatch, Reference: "PARIS 2026/000001", SavedBy: "a.example", SavedAt: models.At(day(21)),
		Versions:    []dispatches.BundleVersion{{Version: 1, Document: string(first), Digest: digest}, {Version: 2, Document: string(second), Digest: digest2}},
		Attachments: []dispatches.BundleAttachment{{Name: "Annex A", MediaType: "text/plain", Size: int64(len(s.text)), Digest: file.DigestMultibase, Content: s.text}},
		Evidence: []dispatches.BundleEvidence{
			{Addressee: reader, Station: models.Submitted, At: models.At(day(2))},
			{Addressee: reader, Station: models.Delivered, At: models.At(when(c.receiptAt, day(3))), Document: receiptFor(digest, when(c.receiptAt, day(3)))},
			{Addressee: reader, Station: models.Delivered, At: models.At(day(8)), Document: receiptFor(digest2, day(8))}},
		Actors: []string{actorDoc(t, instance, "Application", "", s.inst, s.inst), actorDoc(t, office, "Organization", instance, s.inst, s.now),
			actorDoc(t, host, "Application", "", s.host, s.host), actorDoc(t, reader, "Organization", host, s.host, s.reader)},
		// The office's entry was vouched for by the instance key of its day.
		History: []string{historyEntry(t, s.old, or(c.entryPen, s.now), s.instOld, instance, day(1), day(5), cmp.Or(c.reason, vocab.RevokedRotation)),
			historyEntry(t, s.instOld, s.inst, or(c.instancePen, s.instOld), instance, day(1), day(6), cmp.Or(c.instanceReason, vocab.RevokedRotation))}}
	return s
}

func digestOf(t *testing.T, doc string) string {
	t.Helper()
	d, err := sign.ObjectDigest([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return d
}
