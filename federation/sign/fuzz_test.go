package sign

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gowebpki/jcs"
)

// What is accepted covers what it must; what verifies is what was signed.
func FuzzParseRequest(f *testing.F) {
	type seed struct{ method, target, host, input, signature, date, digest, contentDigest string }
	var signed []seed
	for _, s := range schemes {
		for _, method := range []string{"GET", "POST"} {
			var body []byte
			if method == "POST" {
				body = testBody
			}
			req := newRequest(f, method, "https://a.example/inbox?x=1", body)
			if err := s.sign(req, body, signingTime); err != nil {
				f.Fatal(err)
			}
			get := req.Header.Get
			one := seed{method, "/inbox?x=1", "a.example", get("Signature-Input"), get("Signature"), get("Date"), get("Digest"), get("Content-Digest")}
			signed = append(signed, one)
			f.Add(one.method, one.target, one.host, one.input, one.signature, one.date, one.digest, one.contentDigest)
		}
	}
	f.Add("POST", "/", "a.example", "", `keyId="k",created=1,expires=2,headers="(request-target) host (created) (expires) digest",signature="aaaa"`, "", "SHA-256=x", "")
	f.Fuzz(func(t *testing.T, method, target, host, input, signature, date, digest, contentDigest string) {
		r := &http.Request{Method: method, RequestURI: target, Host: host, Header: http.Header{}}
		for name, value := range map[string]string{
			"Signature-Input": input, "Signature": signature, "Date": date, "Digest": digest, "Content-Digest": contentDigest,
		} {
			if value != "" {
				r.Header[name] = []string{value}
			}
		}
		q, err := ParseRequest(r, "https", ourHost)
		if err != nil {
			if KindOf(err) == "" {
				t.Fatalf("error without a kind: %v", err)
			}
			return
		}
		need := []string{"@method", "@target-uri"}
		if q.Scheme == Cavage {
			need = []string{"(request-target)", "host"}
			if !slices.Contains(q.Covered, "(created)") {
				need = append(need, "date")
			}
		}
		if method != "GET" && method != "HEAD" && method != "" {
			need = append(need, map[Scheme]string{Cavage: "digest", RFC9421: "content-digest"}[q.Scheme])
		}
		for _, name := range need {
			if !slices.Contains(q.Covered, name) {
				t.Fatalf("accepted without %s: %q", name, q.Covered)
			}
		}
		if q.KeyID == "" || len(q.Signature) == 0 || q.Created.IsZero() || len(q.Covered) > maxComponents {
			t.Fatalf("accepted %+v", q)
		}
		_ = q.Check(fiveMinutes, testBody)
		for _, key := range []PublicKey{rsaPublic(), edPublic()} {
			if q.Verify(key) != nil {
				continue
			}
			genuine := slices.ContainsFunc(signed, func(s seed) bool {
				return (method == s.method || q.Scheme == Cavage) && (target == s.target || q.Scheme == Cavage && !q.QuerySigned)
			})
			if !genuine {
				t.Fatalf("verified %s %s, which nobody signed", method, target)
			}
		}
	})
}

// referenceMessage computes what a proof signs in the slow way, through
// encoding/json, to compare the cutting of raw bytes with.
func referenceMessage(doc []byte) ([]byte, bool) {
	var whole, proof map[string]json.RawMessage
	if json.Unmarshal(doc, &whole) != nil || json.Unmarshal(whole["proof"], &proof) != nil {
		return nil, false
	}
	delete(whole, "proof")
	delete(proof, "proofValue")
	a, errA := json.Marshal(proof)
	b, errB := json.Marshal(whole)
	if errA != nil || errB != nil {
		return nil, false
	}
	message, err := proofMessage(a, b)
	return message[:], err == nil
}

func FuzzVerifyProof(f *testing.F) {
	f.Add(prove(f, testDoc))
	f.Add(prove(f, `{"@context":["x"]}`))
	f.Add(prove(f, `{"a":1,"@context":[ "x",{"y":[]} ],"b":"\u00e9\\\"}"}`))
	f.Add(readTestdata(f, "w3c-eddsa-jcs-2022.json"))
	f.Add(readTestdata(f, "fep-8b32.json"))
	f.Add([]byte(testDoc))
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := ReadProof(doc)
		if err != nil && (KindOf(err) == "" || p != nil) {
			t.Fatalf("%v, %v", p, err)
		}
		verdict := VerifyProof(doc, edKey())
		if err != nil || p == nil {
			if verdict == nil {
				t.Fatal("verified what cannot be read")
			}
			return
		}
		parts, err := parseProof(doc)
		if err != nil {
			t.Fatal(err)
		}
		message, err := proofMessage(parts.options, parts.document)
		if err != nil {
			if verdict == nil {
				t.Fatal("verified what has no canonical form")
			}
			return
		}
		// Both pieces are JSON, so the whole must be, with these as its parts.
		if _, err := jcs.Transform(doc); err != nil {
			t.Fatalf("pieces are JSON but the document is not: %v", err)
		}
		want, ok := referenceMessage(doc)
		if !ok || !bytes.Equal(want, message[:]) {
			t.Fatalf("signed message differs from the reference (%v)", ok)
		}
	})
}

func FuzzProve(f *testing.F) {
	f.Add([]byte(testDoc))
	f.Add([]byte(`{"@context":["x"]}`))
	f.Add([]byte(" {\t\"a\" : 1e3 , \"@context\":[ ] }\n"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		signed, err := Prove(doc, edSign(), signingTime.Add(time.Hour))
		if err != nil {
			return
		}
		if err := VerifyProof(signed, edKey()); err != nil {
			t.Fatalf("own proof fails: %v\n%s", err, signed)
		}
		end := bytes.LastIndexByte(doc, '}')
		if !bytes.HasPrefix(signed, doc[:end]) || !bytes.HasSuffix(signed, doc[end:]) {
			t.Fatalf("bytes outside the proof changed\n%s\n%s", signed, doc)
		}
	})
}
