package sign

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestSignRFC9421(t *testing.T) {
	created := signingTime.Unix()
	digest := contentDigest(sha256.Sum256(testBody))
	tests := []struct {
		name, method, url string
		body              []byte
		s                 Signer
		input             string
		lines             []string
	}{
		{"post ed25519", "POST", "https://a.example/inbox", testBody, edSign(),
			fmt.Sprintf(`("@method" "@target-uri" "content-digest");created=%d;keyid="%s";alg="ed25519"`, created, edKeyID),
			[]string{`"@method": POST`, `"@target-uri": https://a.example/inbox`, `"content-digest": ` + digest}},
		{"get ed25519", "GET", "https://A.example:443/a%20b?x=1", nil, edSign(),
			fmt.Sprintf(`("@method" "@target-uri");created=%d;keyid="%s";alg="ed25519"`, created, edKeyID),
			[]string{`"@method": GET`, `"@target-uri": https://a.example/a%20b?x=1`}},
		{"post rsa", "POST", "https://a.example/inbox", testBody, rsaSign(),
			fmt.Sprintf(`("@method" "@target-uri" "content-digest");created=%d;keyid="%s";alg="rsa-v1_5-sha256"`, created, rsaKeyID),
			[]string{`"@method": POST`, `"@target-uri": https://a.example/inbox`, `"content-digest": ` + digest}},
		{"no path, loopback", "GET", "http://a.localhost:8080", nil, edSign(),
			fmt.Sprintf(`("@method" "@target-uri");created=%d;keyid="%s";alg="ed25519"`, created, edKeyID),
			[]string{`"@method": GET`, `"@target-uri": http://a.localhost:8080/`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := newRequest(t, tt.method, tt.url, tt.body)
			if err := SignRFC9421(req, tt.body, tt.s, signingTime); err != nil {
				t.Fatal(err)
			}
			if got := req.Header.Get("Signature-Input"); got != "sig1="+tt.input {
				t.Errorf("Signature-Input is\n%s, want\nsig1=%s", got, tt.input)
			}
			encoded := strings.TrimSuffix(strings.TrimPrefix(req.Header.Get("Signature"), "sig1=:"), ":")
			signature, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				t.Fatal(err)
			}
			base := strings.Join(append(tt.lines, `"@signature-params": `+tt.input), "\n")
			ok := ed25519.Verify(testEd25519().Public().(ed25519.PublicKey), []byte(base), signature)
			if tt.s.Type() == RSA {
				sum := sha256.Sum256([]byte(base))
				ok = rsa.VerifyPKCS1v15(&testRSA().PublicKey, crypto.SHA256, sum[:], signature) == nil
			}
			if !ok {
				t.Errorf("signature is not over\n%s", base)
			}
		})
	}
}

func TestParseRFC9421(t *testing.T) {
	ed := fmt.Sprintf(`;created=%d;keyid="%s"`, signingTime.Unix(), edKeyID)
	get := func(t *testing.T) *http.Request {
		r, _ := arrive(t, newRequest(t, "GET", "https://a.example/x?y=1", nil))
		return r
	}
	t.Run("every component", func(t *testing.T) {
		r := get(t)
		r.Header["X-List"] = []string{" a ", "b"}
		peer9421(r, `("@method" "@target-uri" "@authority" "@scheme" "@request-target" "@path" "@query" "host" "x-list")`+ed+`;nonce="n";alg="ed25519"`,
			`"@method": GET`, `"@target-uri": https://a.example/x?y=1`, `"@authority": a.example`, `"@scheme": https`,
			`"@request-target": /x?y=1`, `"@path": /x`, `"@query": ?y=1`, `"host": a.example`, `"x-list": a, b`)
		q, err := accept(r, nil, edPublic())
		if err != nil {
			t.Fatal(err)
		}
		if q.KeyID != edKeyID || q.Scheme != RFC9421 || !q.Created.Equal(signingTime) || len(q.Covered) != 9 {
			t.Errorf("read %+v", q)
		}
	})
	t.Run("alg of another key type", func(t *testing.T) {
		r := get(t)
		peer9421(r, `("@method" "@target-uri")`+ed+`;alg="rsa-v1_5-sha256"`, `"@method": GET`, `"@target-uri": https://a.example/x?y=1`)
		_, err := accept(r, nil, edPublic())
		wantKind(t, err, WrongAlgorithm)
	})
	t.Run("no quirk for the query", func(t *testing.T) {
		r := get(t)
		peer9421(r, `("@method" "@target-uri")`+ed, `"@method": GET`, `"@target-uri": https://a.example/x`)
		_, err := accept(r, nil, edPublic())
		wantKind(t, err, BadSignature)
	})
	t.Run("made for another host", func(t *testing.T) {
		r := get(t)
		r.Host = "victim.example"
		peer9421(r, `("@method" "@target-uri")`+ed, `"@method": GET`, `"@target-uri": https://victim.example/x?y=1`)
		_, err := accept(r, nil, edPublic())
		wantKind(t, err, BadSignature)
	})
	t.Run("expired", func(t *testing.T) {
		r := get(t)
		peer9421(r, `("@method" "@target-uri")`+ed+fmt.Sprintf(";expires=%d", signingTime.Unix()), `"@method": GET`, `"@target-uri": https://a.example/x?y=1`)
		q, err := ParseRequest(r, "https", ourHost)
		if err != nil {
			t.Fatal(err)
		}
		if err := q.CheckTime(signingTime, time.Minute, time.Minute); err != nil {
			t.Error(err)
		}
		wantKind(t, q.CheckTime(signingTime.Add(time.Second), time.Minute, time.Minute), Stale)
	})
	// A good cavage signature does not help a request that has Signature-Input.
	t.Run("no fallback", func(t *testing.T) {
		req := newRequest(t, "GET", "https://a.example/x", nil)
		if err := SignCavage(req, nil, rsaSign(), signingTime); err != nil {
			t.Fatal(err)
		}
		r, _ := arrive(t, req)
		r.Header["Signature-Input"] = []string{""}
		_, err := accept(r, nil, rsaPublic())
		wantKind(t, err, Malformed)
	})
}

func TestParseRFC9421Refuses(t *testing.T) {
	const ok = `("@method" "@target-uri" "content-digest")`
	const params = `;created=1788249600;keyid="k"`
	tests := []struct {
		name, input, signature string
		want                   Kind
	}{
		{"good", "sig1=" + ok + params, "sig1=:aaaa:", ""},
		{"no method", `sig1=("@target-uri" "content-digest")` + params, "sig1=:aaaa:", NotCovered},
		{"no target", `sig1=("@method" "content-digest")` + params, "sig1=:aaaa:", NotCovered},
		{"path instead of target", `sig1=("@method" "@path" "content-digest")` + params, "sig1=:aaaa:", NotCovered},
		{"no digest", `sig1=("@method" "@target-uri")` + params, "sig1=:aaaa:", NotCovered},
		{"digest instead", `sig1=("@method" "@target-uri" "digest")` + params, "sig1=:aaaa:", NotCovered},
		{"nothing covered", `sig1=()` + params, "sig1=:aaaa:", NotCovered},
		{"two signatures", "sig1=" + ok + params + ", sig2=" + ok + params, "sig1=:aaaa:, sig2=:aaaa:", Malformed},
		{"label repeated", "sig1=" + ok + params + ", sig1=" + ok + params, "sig1=:aaaa:", Malformed},
		{"signature repeated", "sig1=" + ok + params, "sig1=:aaaa:, sig1=:bbbb:", Malformed},
		{"other label", "sig1=" + ok + params, "sig2=:aaaa:", Malformed},
		{"signature with parameter", "sig1=" + ok + params, "sig1=:aaaa:;x", Malformed},
		{"signature as string", "sig1=" + ok + params, `sig1="aaaa"`, Malformed},
		{"signature empty", "sig1=" + ok + params, "sig1=::", Malformed},
		{"signature loose base64", "sig1=" + ok + params, "sig1=:aaaaab==:", Malformed},
		{"not a list", `sig1="x"`, "sig1=:aaaa:", Malformed},
		{"no dictionary", `(((`, "sig1=:aaaa:", Malformed},
		{"token component", `sig1=(method)` + params, "sig1=:aaaa:", Malformed},
		{"component parameter", `sig1=("@method" "@target-uri" "content-digest";sf)` + params, "sig1=:aaaa:", Malformed},
		{"request component", `sig1=("@method";req "@target-uri" "content-digest")` + params, "sig1=:aaaa:", Malformed},
		{"component repeated", `sig1=("@method" "@target-uri" "content-digest" "@method")` + params, "sig1=:aaaa:", Malformed},
		{"unknown derived", `sig1=("@method" "@target-uri" "content-digest" "@status")` + params, "sig1=:aaaa:", Malformed},
		{"upper-case header", `sig1=("@method" "@target-uri" "content-digest" "Host")` + params, "sig1=:aaaa:", Malformed},
		{"absent header", `sig1=("@method" "@target-uri" "content-digest" "x-none")` + params, "sig1=:aaaa:", Malformed},
		{"covers signature", `sig1=("@method" "@target-uri" "content-digest" "signature")` + params, "sig1=:aaaa:", Malformed},
		{"many components", `sig1=("@method" "@target-uri" "content-digest"` + strings.Repeat(` "x"`, 30) + `)` + params, "sig1=:aaaa:", Malformed},
		{"no created", "sig1=" + ok + `;keyid="k"`, "sig1=:aaaa:", Malformed},
		{"no keyid", "sig1=" + ok + `;created=1788249600`, "sig1=:aaaa:", Malformed},
		{"keyid token", "sig1=" + ok + `;created=1788249600;keyid=k`, "sig1=:aaaa:", Malformed},
		{"keyid with quote", "sig1=" + ok + `;created=1788249600;keyid="k\""`, "sig1=:aaaa:", Malformed},
		{"created decimal", "sig1=" + ok + `;created=1788249600.5;keyid="k"`, "sig1=:aaaa:", Malformed},
		{"created date", "sig1=" + ok + `;created=@1788249600;keyid="k"`, "sig1=:aaaa:", Malformed},
		{"created negative", "sig1=" + ok + `;created=-5;keyid="k"`, "sig1=:aaaa:", Malformed},
		{"created repeated", "sig1=" + ok + `;created=1;created=1788249600;keyid="k"`, "sig1=:aaaa:", Malformed},
		{"expires first", "sig1=" + ok + params + ";expires=1788249599", "sig1=:aaaa:", Malformed},
		{"unknown parameter", "sig1=" + ok + params + ";x=1", "sig1=:aaaa:", Malformed},
		{"tag", "sig1=" + ok + params + `;tag="web-bot-auth"`, "sig1=:aaaa:", Malformed},
		{"alg pss", "sig1=" + ok + params + `;alg="rsa-pss-sha512"`, "sig1=:aaaa:", WrongAlgorithm},
		{"alg hmac", "sig1=" + ok + params + `;alg="hmac-sha256"`, "sig1=:aaaa:", WrongAlgorithm},
		{"alg token", "sig1=" + ok + params + `;alg=ed25519`, "sig1=:aaaa:", Malformed},
		{"not canonical", `sig1=( "@method" "@target-uri" "content-digest")` + params, "sig1=:aaaa:", Malformed},
		{"oversize", "sig1=" + ok + params + `;nonce="` + strings.Repeat("n", 8192) + `"`, "sig1=:aaaa:", Malformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := arrive(t, newRequest(t, "POST", "https://a.example/inbox", testBody))
			r.Header.Set("Content-Digest", contentDigest(sha256.Sum256(testBody)))
			r.Header.Set("Digest", "SHA-256=x")
			r.Header["Signature-Input"] = []string{tt.input}
			r.Header["Signature"] = []string{tt.signature}
			_, err := ParseRequest(r, "https", ourHost)
			wantKind(t, err, tt.want)
		})
	}
}

func TestRequestTargetForms(t *testing.T) {
	for _, target := range []string{"*", "https://a.example/x", "x", "/a\nb", "/" + strings.Repeat("x", 9000)} {
		r := newRequest(t, "GET", "https://a.example/x", nil)
		r.Header.Set("Signature", "x")
		r.RequestURI = target
		_, err := ParseRequest(r, "https", ourHost)
		wantKind(t, err, Malformed)
	}
}
