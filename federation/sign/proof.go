package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/mr-tron/base58"
)

const (
	proofType    = "DataIntegrityProof"
	cryptosuite  = "eddsa-jcs-2022"
	proofPurpose = "assertionMethod"

	// wireTime is the only form of a time in signed JSON (PROTOCOL §3.2).
	wireTime = "2006-01-02T15:04:05Z"

	// maxProofValue is above the 89 characters that 64 bytes can need.
	maxProofValue = 96
	// maxMethod is the longest verificationMethod read, in bytes.
	maxMethod = 2048
)

// Proof is the proof member of a document. Value is the decoded Ed25519
// signature; Created has seconds precision and is in UTC.
type Proof struct {
	VerificationMethod string
	Created            time.Time
	Value              []byte
	Purpose            string
	Cryptosuite        string
	Type               string
}

// parsedProof keeps, beside the proof, the two texts whose hashes are signed,
// not yet in canonical form.
type parsedProof struct {
	proof    Proof
	document []byte // without its proof member
	options  []byte // the proof without its proofValue
}

// ReadProof reads the proof of a JSON object. It returns nil and no error if
// there is no proof member. It refuses a list of proofs, another type,
// cryptosuite or purpose, a proof without created, and a proof whose @context is
// not the document's. The signature is not checked, nor that the rest is JSON:
// see VerifyProof.
func ReadProof(doc []byte) (*Proof, error) {
	p, err := parseProof(doc)
	if p == nil || err != nil {
		return nil, err
	}
	return &p.proof, nil
}

// VerifyProof checks the eddsa-jcs-2022 proof of a document: the Ed25519
// signature over SHA-256(JCS(proof without proofValue)) followed by
// SHA-256(JCS(document without proof)). It makes the checks of ReadProof first;
// a document without a proof is refused as Missing. Whether the key belongs to
// the proof's verificationMethod and to the document's owner is the caller's
// question.
func VerifyProof(doc []byte, key ed25519.PublicKey) error {
	p, err := parseProof(doc)
	if err != nil {
		return err
	}
	if p == nil {
		return refuse(Missing, "document has no proof")
	}
	if err := CheckEd25519(key); err != nil {
		return err
	}
	message, err := proofMessage(p.options, p.document)
	if err != nil {
		return err
	}
	if !ed25519.Verify(key, message[:], p.proof.Value) {
		return refuse(BadSignature, "proof by %s does not match the document", quote(p.proof.VerificationMethod))
	}
	return nil
}

// Prove signs a JSON object that has an @context array and no proof. It returns
// the same bytes with a proof member put where JCS sorts it, so that a document in
// canonical form stays in it, or at the end of one that is not sorted. The signer must
// be of type ed25519. created is written in UTC, cut to seconds.
func Prove(doc []byte, s Signer, created time.Time) ([]byte, error) {
	if s.Type() != Ed25519 {
		return nil, refuse(WrongAlgorithm, "prove document: key %s is %s, not ed25519", quote(s.KeyID()), s.Type())
	}
	if err := checkKeyID(s.KeyID()); err != nil {
		return nil, err
	}
	o, err := outline(doc)
	if err != nil {
		return nil, err
	}
	var context []byte
	for _, m := range o.members {
		if strings.EqualFold(m.name, "proof") {
			return nil, refuse(Malformed, "prove document: it already has a proof")
		}
		if m.name == "@context" {
			context = m.value(doc)
		}
	}
	if len(context) == 0 || context[0] != '[' {
		return nil, refuse(Malformed, "prove document: @context is not an array")
	}

	options := make([]byte, 0, len(context)+len(s.KeyID())+256)
	options = append(options, `{"@context":`...)
	options = append(options, context...)
	options = append(options, `,"created":"`...)
	options = created.UTC().AppendFormat(options, wireTime)
	options = append(options, `","cryptosuite":"`+cryptosuite+`","proofPurpose":"`+proofPurpose+`"`...)
	cut := len(options) // the proofValue stands here
	options = append(options, `,"type":"`+proofType+`","verificationMethod":"`...)
	options = append(options, s.KeyID()...)
	options = append(options, `"}`...)
	message, err := proofMessage(options, doc)
	if err != nil {
		return nil, err
	}
	signature, err := s.Sign(message[:])
	if err != nil {
		return nil, err
	}
	if len(signature) != ed25519.SignatureSize {
		return nil, refuse(BadSignature, "prove document: key %s gave a signature of %d bytes", quote(s.KeyID()), len(signature))
	}
	value := base58.Encode(signature)

	at, last := o.close, true
	if slices.IsSortedFunc(o.members, func(a, b member) int { return strings.Compare(a.name, b.name) }) {
		for _, m := range o.members {
			if m.name > "proof" {
				at, last = m.start, false
				break
			}
		}
	}
	out := make([]byte, 0, len(doc)+len(options)+len(value)+32)
	out = append(out, doc[:at]...)
	if last {
		out = append(out, ',')
	}
	out = append(out, `"proof":`...)
	out = append(out, options[:cut]...)
	out = append(out, `,"proofValue":"z`...)
	out = append(out, value...)
	out = append(out, '"')
	out = append(out, options[cut:]...)
	if !last {
		out = append(out, ',')
	}
	return append(out, doc[at:]...), nil
}

// proofMessage is what an eddsa-jcs-2022 proof signs.
func proofMessage(options, document []byte) (message [2 * sha256.Size]byte, err error) {
	canonical, err := canonicalForm(options)
	if err != nil {
		return message, refuse(Malformed, "canonical form of proof: %v", err)
	}
	sum := sha256.Sum256(canonical)
	copy(message[:], sum[:])
	if canonical, err = canonicalForm(document); err != nil {
		return message, refuse(Malformed, "canonical form of document: %v", err)
	}
	sum = sha256.Sum256(canonical)
	copy(message[sha256.Size:], sum[:])
	return message, nil
}

// parseProof separates a document from its proof. It returns nil, nil if there
// is none. A member whose name is "proof" but for its case is refused, for a
// reader that ignores case would take it for the proof.
func parseProof(doc []byte) (*parsedProof, error) {
	o, err := outline(doc)
	if err != nil {
		return nil, err
	}
	var context []byte
	var own *member
	for i := range o.members {
		m := &o.members[i]
		switch {
		case m.name == "@context" && context == nil:
			context = m.value(doc)
		case m.name == "proof" && own == nil:
			own = m
		case m.name == "@context", strings.EqualFold(m.name, "proof"):
			return nil, refuse(Malformed, "document has a second or misspelt member %s", quote(m.name))
		}
	}
	if own == nil {
		return nil, nil
	}
	raw := own.value(doc)
	if raw[0] != '{' {
		return nil, refuse(Malformed, "proof is not one object")
	}
	inner, err := outline(raw)
	if err != nil {
		return nil, refuse(Malformed, "proof: %v", err)
	}
	p := &parsedProof{}
	valueMember, proofContext, err := p.proof.fill(inner)
	if err != nil {
		return nil, err
	}
	if err := sameContext(context, proofContext); err != nil {
		return nil, err
	}
	p.document = o.without(*own)
	p.options = inner.without(valueMember)
	return p, nil
}

// fill reads the members of a proof. Each may appear once. The members that
// restrict a proof to a time, verifier or earlier proof are refused, because
// nothing here could honour them; other unknown members are only signed.
func (p *Proof) fill(o *object) (value member, context []byte, err error) {
	seen := make(map[string]bool, len(o.members))
	var created, encoded string
	for _, m := range o.members {
		if seen[m.name] {
			return value, nil, refuse(Malformed, "proof repeats %s", quote(m.name))
		}
		seen[m.name] = true
		var into *string
		switch m.name {
		case "@context":
			context = m.value(o.raw)
			continue
		case "type":
			into = &p.Type
		case "cryptosuite":
			into = &p.Cryptosuite
		case "proofPurpose":
			into = &p.Purpose
		case "verificationMethod":
			into = &p.VerificationMethod
		case "created":
			into = &created
		case "proofValue":
			into, value = &encoded, m
		case "expires", "domain", "challenge", "previousProof":
			return value, nil, refuse(Malformed, "proof has %s, which is not supported", m.name)
		default:
			continue
		}
		text, ok := stringValue(m.value(o.raw))
		if !ok || text == "" {
			return value, nil, refuse(Malformed, "proof: %s is not a string with text", m.name)
		}
		*into = text
	}
	switch {
	case p.Type != proofType:
		return value, nil, refuse(Malformed, "proof has type %s, not %s", quote(p.Type), proofType)
	case p.Cryptosuite != cryptosuite:
		return value, nil, refuse(WrongAlgorithm, "proof has cryptosuite %s, not %s", quote(p.Cryptosuite), cryptosuite)
	case p.Purpose != proofPurpose:
		return value, nil, refuse(Malformed, "proof has purpose %s, not %s", quote(p.Purpose), proofPurpose)
	case p.VerificationMethod == "" || len(p.VerificationMethod) > maxMethod:
		return value, nil, refuse(Malformed, "proof has no verificationMethod of 1 to %d bytes", maxMethod)
	case created == "":
		return value, nil, refuse(Malformed, "proof has no created")
	case encoded == "":
		return value, nil, refuse(Malformed, "proof has no proofValue")
	}
	// time.Parse accepts a fraction that the layout does not have.
	if p.Created, err = time.Parse(wireTime, created); err != nil || len(created) != len(wireTime) {
		return value, nil, refuse(Malformed, "proof has created %s, not YYYY-MM-DDThh:mm:ssZ", quote(created))
	}
	body, ok := strings.CutPrefix(encoded, "z")
	if !ok || len(encoded) > maxProofValue {
		return value, nil, refuse(Malformed, "proofValue %s is not a base58btc Ed25519 signature", quote(encoded))
	}
	p.Value, err = base58.Decode(body)
	if err != nil || len(p.Value) != ed25519.SignatureSize {
		return value, nil, refuse(Malformed, "proofValue %s is not a base58btc Ed25519 signature", quote(encoded))
	}
	return value, context, nil
}

// sameContext requires the two contexts to be equal arrays, compared in
// canonical form.
func sameContext(document, proof []byte) error {
	if len(document) == 0 || document[0] != '[' {
		return refuse(Malformed, "document with a proof has no @context array")
	}
	if len(proof) == 0 {
		return refuse(Malformed, "proof has no @context")
	}
	if bytes.Equal(document, proof) {
		return nil
	}
	a, err := canonicalForm(document)
	if err != nil {
		return refuse(Malformed, "@context of document: %v", err)
	}
	b, err := canonicalForm(proof)
	if err != nil {
		return refuse(Malformed, "@context of proof: %v", err)
	}
	if !bytes.Equal(a, b) {
		return refuse(Malformed, "@context of proof is not that of the document")
	}
	return nil
}
