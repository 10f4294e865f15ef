package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gowebpki/jcs"
	"github.com/mr-tron/base58"
)

// Key test-key-ed25519 of RFC 9421, appendix B.1.4: seed and public key.
const (
	rfcSeed   = "9f8362f87a484a954e6e740c5b4c0e84229139a20aa8ab56ff66586f6a7d29c5"
	rfcPublic = "26b40b8f93fff3d897112f7ebc582b232dbd72517d082fe83cfb30ddce43d1bb"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectorRFC9421B26(t *testing.T) {
	r, _, err := receive(readTestdata(t, "rfc9421-b26.http"))
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(unhex(t, rfcSeed))
	if !bytes.Equal(key.Public().(ed25519.PublicKey), unhex(t, rfcPublic)) {
		t.Fatal("the vector's keys do not belong together")
	}

	in := incoming{r: r, method: "POST", target: r.RequestURI, scheme: "https", host: "example.com"}
	q := &Request{Scheme: RFC9421}
	names, params, err := q.readRFC9421(in)
	if err != nil {
		t.Fatal(err)
	}
	if q.base, err = signatureBase(in, names, params); err != nil {
		t.Fatal(err)
	}
	want := bytes.TrimSuffix(readTestdata(t, "rfc9421-b26.base"), []byte("\n"))
	if !bytes.Equal(q.base, want) {
		t.Errorf("signature base is\n%s\nwant\n%s", q.base, want)
	}
	if err := q.Verify(PublicKey{Type: Ed25519, Key: key.Public()}); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(ed25519.Sign(key, q.base), q.Signature) {
		t.Error("signing the base anew gives another signature")
	}
	if q.KeyID != "test-key-ed25519" || q.Created.Unix() != 1618884473 {
		t.Errorf("read %+v", q)
	}
	// The example covers neither the target URI nor the digest.
	_, err = ParseRequest(r, "https", "example.com")
	wantKind(t, err, NotCovered)
}

// vectorSigner is the key of the W3C and FEP-8b32 examples.
func vectorSigner(t testing.TB, id string) edSigner {
	t.Helper()
	const secret = "z3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq"
	raw, err := base58.Decode(secret[1:])
	if err != nil {
		t.Fatal(err)
	}
	codec, n := binary.Uvarint(raw)
	if codec != 0x1300 {
		t.Fatalf("secret has codec 0x%x", codec)
	}
	return edSigner{id, ed25519.NewKeyFromSeed(raw[n:])}
}

func TestVectorProofs(t *testing.T) {
	public, err := DecodeMultikey("z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ file, method, hash string }{
		{
			"w3c-eddsa-jcs-2022.json",
			"did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2#z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2",
			"66ab154f5c2890a140cb8388a22a160454f80575f6eae09e5a097cabe539a1db59b7cb6251b8991add1ce0bc83107e3db9dbbab5bd2c28f687db1a03abc92f19",
		},
		{"fep-8b32.json", "https://server.example/users/alice#ed25519-key", ""},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			doc := readTestdata(t, tt.file)
			if err := VerifyProof(doc, public); err != nil {
				t.Fatal(err)
			}
			p, err := parseProof(doc)
			if err != nil {
				t.Fatal(err)
			}
			message, err := proofMessage(p.options, p.document)
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(message[:]); tt.hash != "" && got != tt.hash {
				t.Errorf("hash data %s, want %s", got, tt.hash)
			}
			if p.proof.VerificationMethod != tt.method {
				t.Errorf("method %s", p.proof.VerificationMethod)
			}
			// Signing the document anew must give the published value.
			created, _ := time.Parse(wireTime, "2023-02-24T23:36:38Z")
			again, err := Prove(p.document, vectorSigner(t, tt.method), created)
			if err != nil {
				t.Fatal(err)
			}
			q, err := ReadProof(again)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(q.Value, p.proof.Value) {
				t.Errorf("proofValue %s, want %s", base58.Encode(q.Value), base58.Encode(p.proof.Value))
			}
			bad := bytes.Replace(doc, []byte("2023"), []byte("2024"), 1)
			wantKind(t, VerifyProof(bad, public), BadSignature)
		})
	}
}

func TestVectorFEP521a(t *testing.T) {
	var v struct {
		Ed25519 struct{ Hex, Multibase string }
		RSA     struct {
			PKCS1Hex  string `json:"pkcs1Hex"`
			Multibase string
		}
	}
	if err := json.Unmarshal(readTestdata(t, "fep-521a.json"), &v); err != nil {
		t.Fatal(err)
	}
	pub := ed25519.PublicKey(unhex(t, v.Ed25519.Hex))
	if got := EncodeEd25519(pub); got != v.Ed25519.Multibase {
		t.Errorf("Multikey %s, want %s", got, v.Ed25519.Multibase)
	}
	back, err := DecodeMultikey(v.Ed25519.Multibase)
	if err != nil || !back.Equal(pub) {
		t.Errorf("%x, %v", back, err)
	}
	var refusal *Error
	if _, err = DecodeMultikey(v.RSA.Multibase); !errors.As(err, &refusal) || refusal.Kind != WrongAlgorithm || !strings.Contains(refusal.Detail, "rsa") {
		t.Errorf("RSA Multikey: %v", err)
	}
	// The RSA example is the PKCS #1 key that publicKeyPem would carry.
	der := unhex(t, v.RSA.PKCS1Hex)
	want, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		t.Fatal(err)
	}
	text := "-----BEGIN RSA PUBLIC KEY-----\n" + base64.StdEncoding.EncodeToString(der) + "\n-----END RSA PUBLIC KEY-----\n"
	if key, err := DecodeRSA(text); err != nil || !key.Equal(want) {
		t.Errorf("RSA key: %v", err)
	}
}

func TestVectorRFC8785(t *testing.T) {
	inputs, err := filepath.Glob("testdata/rfc8785/*.in.json")
	if err != nil || len(inputs) != 6 {
		t.Fatalf("%d samples, %v", len(inputs), err)
	}
	for _, name := range inputs {
		name = strings.TrimPrefix(strings.TrimSuffix(name, ".in.json"), "testdata/")
		in, out := readTestdata(t, name+".in.json"), readTestdata(t, name+".out.json")
		got, err := jcs.Transform(in)
		if err != nil || !bytes.Equal(got, out) {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, out)
		}
		if !isObject(in) {
			continue
		}
		digest, err := ObjectDigest(in)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if sum, err := ParseDigest(digest); err != nil || sum != sha256.Sum256(out) {
			t.Errorf("%s: digest %s, %v", name, digest, err)
		}
	}
}
