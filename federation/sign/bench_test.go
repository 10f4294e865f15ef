package sign

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"
)

// benchDoc is a Create with a dispatch of about 4 KiB.
var benchDoc = `{"@context":` + testContext + `,"id":"https://b.example/act/01J","type":"Create","actor":"https://b.example/m/paris",` +
	`"to":["https://a.example/g/r7","https://a.example/g/r7/followers"],"cc":["https://a.example/u/desk-europe"],"audience":"https://a.example/g/r7",` +
	`"published":"2026-09-01T08:00:00Z","object":{"@context":` + testContext + `,"id":"https://b.example/d/01J","type":"Article",` +
	`"attributedTo":"https://b.example/m/paris","to":["https://a.example/g/r7"],"name":"Consultations on water sharing",` +
	`"content":"` + strings.Repeat(`<p>The Embassy presents its compliments to the Ministry.</p>`, 50) + `","mediaType":"text/html",` +
	`"precedence":{"scheme":"https://w3id.org/valise/precedence/v1","level":"PRIORITY","rank":2},"version":"1"}}`

func benchSign(b *testing.B, sign func(*http.Request, []byte) error) {
	body := []byte(benchDoc)
	req := newRequest(b, "POST", "https://a.example/inbox", body)
	b.ReportAllocs()
	for b.Loop() {
		if err := sign(req, body); err != nil {
			b.Fatal(err)
		}
	}
}

func benchVerify(b *testing.B, sign func(*http.Request, []byte) error, key PublicKey) {
	body := []byte(benchDoc)
	req := newRequest(b, "POST", "https://a.example/inbox", body)
	if err := sign(req, body); err != nil {
		b.Fatal(err)
	}
	r, body := arrive(b, req)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := accept(r, body, key); err != nil {
			b.Fatal(err)
		}
	}
}

func cavage(r *http.Request, body []byte) error { return SignCavage(r, body, rsaSign(), signingTime) }
func rfcRSA(r *http.Request, body []byte) error { return SignRFC9421(r, body, rsaSign(), signingTime) }
func rfcEd(r *http.Request, body []byte) error  { return SignRFC9421(r, body, edSign(), signingTime) }

func BenchmarkSignCavage(b *testing.B)    { benchSign(b, cavage) }
func BenchmarkSign9421RSA(b *testing.B)   { benchSign(b, rfcRSA) }
func BenchmarkSign9421(b *testing.B)      { benchSign(b, rfcEd) }
func BenchmarkVerifyCavage(b *testing.B)  { benchVerify(b, cavage, rsaPublic()) }
func BenchmarkVerify9421RSA(b *testing.B) { benchVerify(b, rfcRSA, rsaPublic()) }
func BenchmarkVerify9421(b *testing.B)    { benchVerify(b, rfcEd, edPublic()) }

// The bare primitives, to compare the above with.

func BenchmarkBareRSA(b *testing.B) {
	sum := sha256.Sum256([]byte(benchDoc))
	signature, err := rsaSign().Sign([]byte(benchDoc))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if rsa.VerifyPKCS1v15(&testRSA().PublicKey, crypto.SHA256, sum[:], signature) != nil {
			b.Fatal("bad signature")
		}
	}
}

func BenchmarkBareEd25519(b *testing.B) {
	message := make([]byte, 64)
	signature := ed25519.Sign(testEd25519(), message)
	for b.Loop() {
		if !ed25519.Verify(edKey(), message, signature) {
			b.Fatal("bad signature")
		}
	}
}

func BenchmarkProve(b *testing.B) {
	doc := []byte(benchDoc)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Prove(doc, edSign(), signingTime); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyProof(b *testing.B) {
	doc := prove(b, benchDoc)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if err := VerifyProof(doc, edKey()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadProof(b *testing.B) {
	doc := prove(b, benchDoc)
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if _, err := ReadProof(doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkObjectDigest(b *testing.B) {
	doc := prove(b, benchDoc)
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if _, err := ObjectDigest(doc); err != nil {
			b.Fatal(err)
		}
	}
}
