package sign

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mr-tron/base58"
)

const testContext = `["https://www.w3.org/ns/activitystreams","https://w3id.org/security/data-integrity/v2","https://w3id.org/valise/v1"]`

// testDoc has spacing, escapes, an inner proof and a brace in a string, all of
// which the outline must step over.
const testDoc = `{
 "@context": ` + testContext + `,
 "id": "https://b.example/act/01J", "type":"Create","actor":"https://b.example/m/paris",
 "caf\u00e9": "a } b \" c \\", "to": ["https://a.example/g/r7"], "n": [1, {"x": [true, false]}],
 "object": {"@context": ` + testContext + `, "id": "https://b.example/d/01J", "content": "<p>né</p>",
   "proof": {"type": "DataIntegrityProof"}}
} `

func edKey() ed25519.PublicKey { return testEd25519().Public().(ed25519.PublicKey) }

func prove(t testing.TB, doc string) []byte {
	t.Helper()
	signed, err := Prove([]byte(doc), edSign(), signingTime)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestProve(t *testing.T) {
	signed := prove(t, testDoc)
	cut := strings.LastIndexByte(testDoc, '}')
	if !bytes.HasPrefix(signed, []byte(testDoc[:cut]+`,"proof":{"@context":`+testContext)) || !bytes.HasSuffix(signed, []byte(`"}`+testDoc[cut:])) {
		t.Errorf("bytes outside the proof changed:\n%s", signed)
	}
	if !json.Valid(signed) {
		t.Error("result is not JSON")
	}
	if err := VerifyProof(signed, edKey()); err != nil {
		t.Fatal(err)
	}
	p, err := ReadProof(signed)
	if err != nil {
		t.Fatal(err)
	}
	if p.VerificationMethod != edKeyID || !p.Created.Equal(signingTime) || p.Type != proofType ||
		p.Cryptosuite != cryptosuite || p.Purpose != proofPurpose || len(p.Value) != ed25519.SignatureSize {
		t.Errorf("read %+v", p)
	}
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32)).Public().(ed25519.PublicKey)
	wantKind(t, VerifyProof(signed, other), BadSignature)
	wantKind(t, VerifyProof(signed, make(ed25519.PublicKey, 32)), WeakKey)
	wantKind(t, VerifyProof(signed, nil), Malformed)
	wantKind(t, VerifyProof([]byte(testDoc), edKey()), Missing)
}

func TestProveTimes(t *testing.T) {
	east := time.FixedZone("", 3*3600)
	signed, err := Prove([]byte(testDoc), edSign(), signingTime.In(east).Add(999*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(signed, []byte(`"created":"2026-09-01T08:00:00Z"`)) {
		t.Errorf("created is not in UTC and seconds: %s", signed)
	}
}

func TestProveRefuses(t *testing.T) {
	tests := []struct {
		name, doc string
		want      Kind
	}{
		{"has a proof", `{"@context":["x"],"proof":{}}`, Malformed},
		{"has a Proof", `{"@context":["x"],"Proof":1}`, Malformed},
		{"has an escaped proof", `{"@context":["x"],"pro\u006ff":1}`, Malformed},
		{"no context", `{"id":"x"}`, Malformed},
		{"context is a string", `{"@context":"x"}`, Malformed},
		{"no object", `[]`, Malformed},
		{"empty", ``, Malformed},
		{"duplicate key", `{"@context":["x"],"a":1,"a":2}`, Malformed},
		{"two contexts", `{"@context":["x"],"@context":["y"]}`, Malformed},
		{"inner duplicate key", `{"@context":["x"],"a":{"b":1,"b":1}}`, Malformed},
		{"bad UTF-8", "{\"@context\":[\"x\"],\"a\":\"\xff\"}", Malformed},
		{"lone surrogate", `{"@context":["x"],"a":"\ud800"}`, Malformed},
		{"bad number", `{"@context":["x"],"a":01}`, Malformed},
		{"mismatched brackets", `{"@context":["x"],"a":[}]}`, Malformed},
		{"trailing text", `{"@context":["x"]}{}`, Malformed},
		{"trailing comma", `{"@context":["x"],}`, Malformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Prove([]byte(tt.doc), edSign(), signingTime)
			wantKind(t, err, tt.want)
		})
	}
	_, err := Prove([]byte(testDoc), rsaSign(), signingTime)
	wantKind(t, err, WrongAlgorithm)
	_, err = Prove([]byte(testDoc), edSigner{`x"y`, testEd25519()}, signingTime)
	wantKind(t, err, Malformed)
	if _, err = Prove([]byte(testDoc), brokenSigner{Ed25519}, signingTime); !errors.Is(err, errKeyring) {
		t.Errorf("the keyring's error is lost: %v", err)
	}
}

func TestTamperedDocument(t *testing.T) {
	signed := prove(t, testDoc)
	for i := range signed {
		for _, mask := range []byte{0x01, 0x20, 0x80} {
			bad := slices.Clone(signed)
			bad[i] ^= mask
			if VerifyProof(bad, edKey()) == nil && !bytes.Contains(bad, []byte(`\u00E9`)) {
				t.Errorf("byte %d %q changed to %q and still valid", i, signed[i], bad[i])
			}
		}
	}
	for i := range signed {
		bad := slices.Delete(slices.Clone(signed), i, i+1)
		if VerifyProof(bad, edKey()) == nil && !isSpace(signed[i]) {
			t.Errorf("byte %d %q removed and still valid", i, signed[i])
		}
	}
}

// A proof survives what JCS ignores: spacing, order, escapes, and the place of
// the proof member.
func TestProofSurvivesRewriting(t *testing.T) {
	signed := prove(t, testDoc)
	var value map[string]any
	if err := json.Unmarshal(signed, &value); err != nil {
		t.Fatal(err)
	}
	indented, err := json.MarshalIndent(value, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	proof, _ := json.Marshal(value["proof"])
	delete(value, "proof")
	rest, _ := json.Marshal(value)
	forms := map[string][]byte{
		"indented and sorted": indented,
		"proof first":         []byte(`{ "proof" : ` + string(proof) + ` , ` + string(rest[1:])),
		"escaped name":        bytes.Replace(signed, []byte(`,"proof":{"@context"`), []byte(`,"p\u0072oof":{"@context"`), 1),
		"escaped value name":  bytes.Replace(signed, []byte(`"proofValue"`), []byte(`"proofValu\u0065"`), 1),
		"escaped context":     bytes.Replace(signed, []byte(`"proof":{"@context":["https:`), []byte(`"proof":{"@context":[ "https\u003a`), 1),
	}
	for name, form := range forms {
		if bytes.Equal(form, signed) {
			t.Errorf("%s: nothing was rewritten", name)
		}
		if err := VerifyProof(form, edKey()); err != nil {
			t.Errorf("%s: %v\n%s", name, err, form)
		}
	}
	one, err := ObjectDigest(signed)
	if err != nil {
		t.Fatal(err)
	}
	two, err := ObjectDigest(indented)
	if err != nil {
		t.Fatal(err)
	}
	if one != two || BytesDigest(signed) == BytesDigest(indented) {
		t.Errorf("object digests %s and %s", one, two)
	}
}

func TestReadProofRefuses(t *testing.T) {
	const ctx = `["x"]`
	value := "z" + base58.Encode(bytes.Repeat([]byte{9}, ed25519.SignatureSize))
	member := func(name, value string) string { return fmt.Sprintf("%q:%s", name, value) }
	full := map[string]string{
		"@context": ctx, "type": `"DataIntegrityProof"`, "cryptosuite": `"eddsa-jcs-2022"`, "created": `"2026-09-01T08:00:00Z"`,
		"verificationMethod": `"https://b.example/m/paris#ed"`, "proofPurpose": `"assertionMethod"`, "proofValue": `"` + value + `"`,
	}
	with := func(name, value string) string {
		var parts []string
		for _, n := range []string{"@context", "type", "cryptosuite", "created", "verificationMethod", "proofPurpose", "proofValue"} {
			switch {
			case n != name:
				parts = append(parts, member(n, full[n]))
			case value != "":
				parts = append(parts, member(n, value))
			}
		}
		if _, known := full[name]; !known && name != "" {
			parts = append(parts, member(name, value))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	doc := func(proof string) string { return `{"@context":` + ctx + `,"id":"x","proof":` + proof + `}` }

	tests := []struct {
		name, doc string
		want      Kind
	}{
		{"good", doc(with("", "")), ""},
		{"unknown member", doc(with("nonce", `"n"`)), ""},
		{"list", doc("[" + with("", "") + "]"), Malformed},
		{"two in a list", doc("[" + with("", "") + "," + with("", "") + "]"), Malformed},
		{"string", doc(`"x"`), Malformed},
		{"null", doc(`null`), Malformed},
		{"empty", doc(`{}`), Malformed},
		{"two members", `{"@context":["x"],"proof":` + with("", "") + `,"proof":` + with("", "") + `}`, Malformed},
		{"two members, one escaped", `{"@context":["x"],"proof":` + with("", "") + `,"pr\u006fof":` + with("", "") + `}`, Malformed},
		{"case twin", `{"@context":["x"],"proof":` + with("", "") + `,"Proof":` + with("", "") + `}`, Malformed},
		{"only a case twin", `{"@context":["x"],"PROOF":` + with("", "") + `}`, Malformed},
		{"two contexts", `{"@context":["x"],"@context":["x"],"proof":` + with("", "") + `}`, Malformed},
		{"no type", doc(with("type", "")), Malformed},
		{"other type", doc(with("type", `"RsaSignature2017"`)), Malformed},
		{"type list", doc(with("type", `["DataIntegrityProof"]`)), Malformed},
		{"no cryptosuite", doc(with("cryptosuite", "")), WrongAlgorithm},
		{"other cryptosuite", doc(with("cryptosuite", `"eddsa-rdfc-2022"`)), WrongAlgorithm},
		{"old cryptosuite name", doc(with("cryptosuite", `"jcs-eddsa-2022"`)), WrongAlgorithm},
		{"other purpose", doc(with("proofPurpose", `"authentication"`)), Malformed},
		{"no created", doc(with("created", "")), Malformed},
		{"created with fraction", doc(with("created", `"2026-09-01T08:00:00.5Z"`)), Malformed},
		{"created with offset", doc(with("created", `"2026-09-01T08:00:00+00:00"`)), Malformed},
		{"created number", doc(with("created", `1788249600`)), Malformed},
		{"created impossible", doc(with("created", `"2026-02-30T08:00:00Z"`)), Malformed},
		{"no method", doc(with("verificationMethod", "")), Malformed},
		{"method empty", doc(with("verificationMethod", `""`)), Malformed},
		{"method object", doc(with("verificationMethod", `{"id":"x"}`)), Malformed},
		{"method long", doc(with("verificationMethod", `"`+strings.Repeat("x", 2049)+`"`)), Malformed},
		{"no value", doc(with("proofValue", "")), Malformed},
		{"value base64url", doc(with("proofValue", `"u`+strings.Repeat("A", 86)+`"`)), Malformed},
		{"value short", doc(with("proofValue", `"z2"`)), Malformed},
		{"value long", doc(with("proofValue", `"z`+strings.Repeat("2", 5000)+`"`)), Malformed},
		{"value with zero digit", doc(with("proofValue", `"z0`+strings.Repeat("2", 86)+`"`)), Malformed},
		{"no context", doc(with("@context", "")), Malformed},
		{"shorter context", `{"@context":["x","y"],"proof":` + with("", "") + `}`, Malformed},
		{"other order", `{"@context":["y","x"],"proof":` + with("@context", `["x","y"]`) + `}`, Malformed},
		{"document without context", `{"proof":` + with("", "") + `}`, Malformed},
		{"context strings", `{"@context":"x","proof":` + with("@context", `"x"`) + `}`, Malformed},
		{"expires", doc(with("expires", `"2030-01-01T00:00:00Z"`)), Malformed},
		{"domain", doc(with("domain", `"x"`)), Malformed},
		{"previous proof", doc(with("previousProof", `"x"`)), Malformed},
		{"repeated member", doc(strings.TrimSuffix(with("", ""), "}") + `,"created":"2020-01-01T00:00:00Z"}`), Malformed},
		{"repeated value", doc(strings.TrimSuffix(with("", ""), "}") + `,"proofV\u0061lue":"z2"}`), Malformed},
		{"not closed", `{"@context":["x"],"proof":{`, Malformed},
		{"no document", `null`, Malformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadProof([]byte(tt.doc))
			wantKind(t, err, tt.want)
			if err := VerifyProof([]byte(tt.doc), edKey()); err == nil {
				t.Error("verified")
			}
		})
	}
	p, err := ReadProof([]byte(testDoc))
	if p != nil || err != nil {
		t.Errorf("document without proof: %v, %v", p, err)
	}
}

// Depth costs neither stack nor more than linear time in the outline.
func TestHostileDepth(t *testing.T) {
	for _, open := range []string{"[", `{"a":`} {
		deep := strings.Repeat(open, 1<<20/len(open))
		for _, doc := range []string{`{"@context":["x"],"proof":` + deep, `{"a":` + deep + `,"proof":{}}`, deep} {
			start := time.Now()
			_, err := ReadProof([]byte(doc))
			wantKind(t, err, Malformed)
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("1 MiB of nesting took %s", took)
			}
		}
	}
	deep := strings.Repeat("[", 20000) + strings.Repeat("]", 20000)
	_, err := Prove([]byte(`{"@context":["x"],"a":`+deep+`}`), edSign(), signingTime)
	wantKind(t, err, Malformed)
}

func TestObjectDigest(t *testing.T) {
	for _, doc := range []string{``, `[]`, `"x"`, `{"a":1,"a":1}`, `{"a":`} {
		_, err := ObjectDigest([]byte(doc))
		wantKind(t, err, Malformed)
	}
	digest, err := ObjectDigest([]byte(` { "b" : 1.0, "a" : "\u00e9" } `))
	if err != nil {
		t.Fatal(err)
	}
	if want := BytesDigest([]byte(`{"a":"é","b":1}`)); digest != want {
		t.Errorf("digest %s, want %s", digest, want)
	}
}
