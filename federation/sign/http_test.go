package sign

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var testBody = []byte(`{"id":"https://b.example/act/01J","type":"Create"}`)

const signedDate = "Tue, 01 Sep 2026 08:00:00 GMT"

func TestSignCavage(t *testing.T) {
	sum := sha256.Sum256(testBody)
	digest := "SHA-256=" + base64.StdEncoding.EncodeToString(sum[:])
	tests := []struct {
		name, method, url string
		body              []byte
		covered           string
		lines             []string
	}{
		{"post", "POST", "https://a.example/inbox", testBody, "(request-target) host date digest",
			[]string{"(request-target): post /inbox", "host: a.example", "date: " + signedDate, "digest: " + digest}},
		{"get", "GET", "https://a.example/u/x", nil, "(request-target) host date",
			[]string{"(request-target): get /u/x", "host: a.example", "date: " + signedDate}},
		{"query", "GET", "https://a.example/o?page=2&x=%20", nil, "(request-target) host date",
			[]string{"(request-target): get /o?page=2&x=%20", "host: a.example", "date: " + signedDate}},
		{"escaped path", "GET", "https://a.example/a%20b/c%2Fd", nil, "(request-target) host date",
			[]string{"(request-target): get /a%20b/c%2Fd", "host: a.example", "date: " + signedDate}},
		{"no path", "GET", "https://a.example", nil, "(request-target) host date",
			[]string{"(request-target): get /", "host: a.example", "date: " + signedDate}},
		{"empty query", "GET", "https://a.example/o?", nil, "(request-target) host date",
			[]string{"(request-target): get /o?", "host: a.example", "date: " + signedDate}},
		{"port", "GET", "https://a.example:8443/o", nil, "(request-target) host date",
			[]string{"(request-target): get /o", "host: a.example:8443", "date: " + signedDate}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := newRequest(t, tt.method, tt.url, tt.body)
			if err := SignCavage(req, tt.body, rsaSign(), signingTime); err != nil {
				t.Fatal(err)
			}
			r, _ := arrive(t, req)
			header := r.Header.Get("Signature")
			prefix := `keyId="` + rsaKeyID + `",algorithm="hs2019",headers="` + tt.covered + `",signature="`
			encoded, ok := strings.CutPrefix(header, prefix)
			if !ok {
				t.Fatalf("Signature is %s, want it to begin with %s", header, prefix)
			}
			signature, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(encoded, `"`))
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256([]byte(strings.Join(tt.lines, "\n")))
			if err := rsa.VerifyPKCS1v15(&testRSA().PublicKey, crypto.SHA256, sum[:], signature); err != nil {
				t.Errorf("signature is not over %q", tt.lines)
			}
			if got := r.Header.Get("Date"); got != signedDate {
				t.Errorf("Date is %q", got)
			}
			if got := r.Header.Get("Digest"); tt.body != nil && got != digest {
				t.Errorf("Digest is %q", got)
			}
		})
	}
}

func TestSignCavageRefuses(t *testing.T) {
	req := newRequest(t, "GET", "https://a.example/", nil)
	wantKind(t, SignCavage(req, nil, edSign(), signingTime), WrongAlgorithm)
	if err := SignCavage(req, nil, brokenSigner{RSA}, signingTime); !errors.Is(err, errKeyring) {
		t.Errorf("the keyring's error is lost: %v", err)
	}
	wantKind(t, SignCavage(newRequest(t, "GET", "/relative", nil), nil, rsaSign(), signingTime), Malformed)
	if req.Header.Get("Signature") != "" {
		t.Error("a failed attempt left a signature")
	}
}

// A second knock with the other scheme leaves one signature.
func TestSchemesReplaceEachOther(t *testing.T) {
	req := newRequest(t, "POST", "https://a.example/inbox", testBody)
	for range 2 {
		if err := SignCavage(req, testBody, rsaSign(), signingTime); err != nil {
			t.Fatal(err)
		}
		if req.Header.Get("Signature-Input") != "" || req.Header.Get("Content-Digest") != "" || len(req.Header["Signature"]) != 1 {
			t.Errorf("cavage left %v", req.Header)
		}
		if err := SignRFC9421(req, testBody, edSign(), signingTime); err != nil {
			t.Fatal(err)
		}
		if req.Header.Get("Digest") != "" || len(req.Header["Signature"]) != 1 {
			t.Errorf("RFC 9421 left %v", req.Header)
		}
	}
	r, body := arrive(t, req)
	if _, err := accept(r, body, edPublic()); err != nil {
		t.Error(err)
	}
}

func TestSignConcurrently(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			req := newRequest(t, "POST", "https://a.example/inbox", testBody)
			if err := SignCavage(req, testBody, rsaSign(), signingTime); err != nil {
				t.Error(err)
				return
			}
			r, body := arrive(t, req)
			if _, err := accept(r, body, rsaPublic()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// Peers' forms, signed by hand.
func TestParseCavage(t *testing.T) {
	const host, date = "host: a.example", "date: " + signedDate
	get := func(t *testing.T, target string) *http.Request {
		r, _ := arrive(t, newRequest(t, "GET", "https://a.example"+target, nil))
		r.Header.Set("Date", signedDate)
		return r
	}
	params := func(headers, rest string) string {
		return `keyId="https://gts.example/users/x/main-key",headers="` + headers + `"` + rest
	}
	created := strconv.FormatInt(signingTime.Unix(), 10)

	t.Run("mastodon order", func(t *testing.T) {
		r := get(t, "/x")
		peerCavage(t, r, params("date host (request-target)", `,algorithm="rsa-sha256"`), date, host, "(request-target): get /x")
		q, err := accept(r, nil, rsaPublic())
		if err != nil {
			t.Fatal(err)
		}
		if q.KeyID != "https://gts.example/users/x/main-key" || !q.Created.Equal(signingTime) || !q.QuerySigned {
			t.Errorf("read %+v", q)
		}
	})
	t.Run("spaces, upper case", func(t *testing.T) {
		r := get(t, "/x")
		peerCavage(t, r, ` keyId="k:1" , headers="(request-target) Host Date"`, "(request-target): get /x", host, date)
		if _, err := accept(r, nil, rsaPublic()); err != nil {
			t.Error(err)
		}
	})
	t.Run("query left out by the peer", func(t *testing.T) {
		r := get(t, "/x?page=1")
		peerCavage(t, r, params("(request-target) host date", ""), "(request-target): get /x", host, date)
		q, err := accept(r, nil, rsaPublic())
		if err != nil || q.QuerySigned {
			t.Errorf("error %v, query signed %v", err, q.QuerySigned)
		}
	})
	t.Run("other query", func(t *testing.T) {
		r := get(t, "/x?page=1")
		peerCavage(t, r, params("(request-target) host date", ""), "(request-target): get /x?page=2", host, date)
		_, err := accept(r, nil, rsaPublic())
		wantKind(t, err, BadSignature)
	})
	t.Run("created instead of date", func(t *testing.T) {
		r := get(t, "/x")
		r.Header.Del("Date")
		peerCavage(t, r, params("(request-target) (created) host", ",created="+created),
			"(request-target): get /x", "(created): "+created, host)
		q, err := ParseRequest(r, "https", ourHost)
		if err != nil {
			t.Fatal(err)
		}
		if !q.Created.Equal(signingTime) {
			t.Errorf("created is %s", q.Created)
		}
		// httpsig compares (created) with the system clock, so the verdict
		// depends on today; it must be one of the two.
		if err := q.Verify(rsaPublic()); time.Now().Before(signingTime.Add(-10*time.Second)) != (KindOf(err) == Future) {
			t.Error(err)
		}
	})
	t.Run("created a minute ahead", func(t *testing.T) {
		ahead := strconv.FormatInt(time.Now().Add(time.Minute).Unix(), 10)
		r := get(t, "/x")
		peerCavage(t, r, params("(request-target) (created) host", ",created="+ahead),
			"(request-target): get /x", "(created): "+ahead, host)
		q, err := ParseRequest(r, "https", ourHost)
		if err != nil {
			t.Fatal(err)
		}
		wantKind(t, q.Verify(rsaPublic()), Future)
	})
	t.Run("expired", func(t *testing.T) {
		now := time.Now()
		c, e := strconv.FormatInt(now.Unix()-100, 10), strconv.FormatInt(now.Unix()-50, 10)
		r := get(t, "/x")
		peerCavage(t, r, params("(request-target) (created) (expires) host", ",created="+c+",expires="+e),
			"(request-target): get /x", "(created): "+c, "(expires): "+e, host)
		q, err := ParseRequest(r, "https", ourHost)
		if err != nil {
			t.Fatal(err)
		}
		wantKind(t, q.CheckTime(now, time.Hour, time.Hour), Stale)
		wantKind(t, q.Verify(rsaPublic()), Stale)
	})
	// Over HTTP/2 a request may carry a "host" header beside its :authority.
	t.Run("second host", func(t *testing.T) {
		r := get(t, "/x")
		r.Header["Host"] = []string{"victim.example"}
		peerCavage(t, r, params("(request-target) host date", ""), "(request-target): get /x", "host: victim.example", date)
		_, err := accept(r, nil, rsaPublic())
		wantKind(t, err, BadSignature)
	})
	t.Run("other host", func(t *testing.T) {
		r := get(t, "/x")
		r.Host = "victim.example"
		peerCavage(t, r, params("(request-target) host date", ""), "(request-target): get /x", "host: victim.example", date)
		_, err := accept(r, nil, rsaPublic())
		wantKind(t, err, Misdirected)
	})
	t.Run("host with default port", func(t *testing.T) {
		r := get(t, "/x")
		r.Host = "A.example:443"
		peerCavage(t, r, params("(request-target) host date", ""), "(request-target): get /x", "host: A.example:443", date)
		if _, err := accept(r, nil, rsaPublic()); err != nil {
			t.Error(err)
		}
	})
	t.Run("line break in a signed value", func(t *testing.T) {
		r := get(t, "/x")
		r.Header["X-Note"] = []string{"a\ndate: " + signedDate}
		peerCavage(t, r, params("(request-target) host date x-note", ""), "(request-target): get /x", host, date, "x-note: a", date)
		_, err := accept(r, nil, rsaPublic())
		wantKind(t, err, Malformed)
	})
	t.Run("request is left alone", func(t *testing.T) {
		r := get(t, "/x?y")
		peerCavage(t, r, params("(request-target) host date", ""), "(request-target): get /x?y", host, date)
		before := r.Header.Clone()
		if _, err := accept(r, nil, rsaPublic()); err != nil {
			t.Fatal(err)
		}
		if len(before) != len(r.Header) || r.URL.Path != "/x" || r.RequestURI != "/x?y" {
			t.Errorf("verification changed the request: %v", r)
		}
	})
}

func TestParseCavageRefuses(t *testing.T) {
	const all = `headers="(request-target) host date digest"`
	tests := []struct {
		name, header string
		want         Kind
	}{
		{"no keyId", all + `,signature="aaaa"`, Malformed},
		{"no signature", `keyId="k",` + all, Malformed},
		{"empty signature", `keyId="k",` + all + `,signature=""`, Malformed},
		{"not base64", `keyId="k",` + all + `,signature="!!!"`, Malformed},
		{"loose base64", `keyId="k",` + all + `,signature="aaaaab=="`, Malformed},
		{"unknown parameter", `keyId="k",opaque="x",` + all + `,signature="aaaa"`, Malformed},
		{"repeated parameter", `keyId="k",keyId="l",` + all + `,signature="aaaa"`, Malformed},
		{"two signatures", `keyId="k",` + all + `,signature="aaaa",signature="bbbb"`, Malformed},
		{"unquoted", `keyId=k,` + all + `,signature="aaaa"`, Malformed},
		{"not closed", `keyId="k",` + all + `,signature="aaaa`, Malformed},
		{"escape", `keyId="k\"",` + all + `,signature="aaaa"`, Malformed},
		{"trailing comma", `keyId="k",` + all + `,signature="aaaa",`, Malformed},
		{"no comma", `keyId="k" ` + all + `,signature="aaaa"`, Malformed},
		{"key id with space", `keyId="k l",` + all + `,signature="aaaa"`, Malformed},
		{"long key id", `keyId="` + strings.Repeat("k", 2049) + `",` + all + `,signature="aaaa"`, Malformed},
		{"oversize", `keyId="k",` + all + `,signature="` + strings.Repeat("a", 8192) + `"`, Malformed},
		{"algorithm sha1", `keyId="k",algorithm="rsa-sha1",` + all + `,signature="aaaa"`, WrongAlgorithm},
		{"algorithm hmac", `keyId="k",algorithm="hmac-sha256",` + all + `,signature="aaaa"`, WrongAlgorithm},
		{"algorithm ed25519", `keyId="k",algorithm="ed25519",` + all + `,signature="aaaa"`, WrongAlgorithm},
		{"no headers parameter", `keyId="k",signature="aaaa"`, NotCovered},
		{"no target", `keyId="k",headers="host date digest",signature="aaaa"`, NotCovered},
		{"no host", `keyId="k",headers="(request-target) date digest",signature="aaaa"`, NotCovered},
		{"no date", `keyId="k",headers="(request-target) host digest",signature="aaaa"`, NotCovered},
		{"no digest", `keyId="k",headers="(request-target) host date",signature="aaaa"`, NotCovered},
		{"content-digest instead", `keyId="k",headers="(request-target) host date content-digest",signature="aaaa"`, NotCovered},
		{"double space", `keyId="k",headers="(request-target) host date  digest",signature="aaaa"`, Malformed},
		{"repeated header", `keyId="k",headers="(request-target) host date digest date",signature="aaaa"`, Malformed},
		{"absent header", `keyId="k",headers="(request-target) host date digest x-none",signature="aaaa"`, Malformed},
		{"signature header", `keyId="k",headers="(request-target) host date digest signature",signature="aaaa"`, Malformed},
		{"unknown pseudo-header", `keyId="k",headers="(request-target) host date digest (x)",signature="aaaa"`, Malformed},
		{"many headers", `keyId="k",headers="(request-target) host date digest` + strings.Repeat(" x", 30) + `",signature="aaaa"`, Malformed},
		{"created missing", `keyId="k",headers="(request-target) host (created) digest",signature="aaaa"`, Malformed},
		{"created with rsa-sha256", `keyId="k",algorithm="rsa-sha256",created=1788249600,headers="(request-target) host (created) digest",signature="aaaa"`, Malformed},
		{"created negative", `keyId="k",created=-1,headers="(request-target) host (created) digest",signature="aaaa"`, Malformed},
		{"created huge", `keyId="k",created=99999999999999999999,headers="(request-target) host (created) digest",signature="aaaa"`, Malformed},
		{"expires first", `keyId="k",created=1788249600,expires=1788249599,headers="(request-target) host (created) (expires) digest",signature="aaaa"`, Malformed},
		{"empty", ``, Malformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := arrive(t, newRequest(t, "POST", "https://a.example/inbox", testBody))
			r.Header.Set("Date", signedDate)
			r.Header.Set("Digest", "SHA-256=x")
			r.Header.Set("Content-Digest", contentDigest(sha256.Sum256(testBody)))
			r.Header["Signature"] = []string{tt.header}
			_, err := ParseRequest(r, "https", ourHost)
			wantKind(t, err, tt.want)
		})
	}
	t.Run("two headers", func(t *testing.T) {
		r, _ := arrive(t, newRequest(t, "GET", "https://a.example/x", nil))
		r.Header["Signature"] = []string{`keyId="k",signature="aaaa"`, `keyId="k",signature="aaaa"`}
		_, err := ParseRequest(r, "https", ourHost)
		wantKind(t, err, Malformed)
	})
	t.Run("two dates", func(t *testing.T) {
		r, _ := arrive(t, newRequest(t, "GET", "https://a.example/x", nil))
		r.Header["Date"] = []string{signedDate, signedDate}
		r.Header["Signature"] = []string{`keyId="k",headers="(request-target) host date",signature="aaaa"`}
		_, err := ParseRequest(r, "https", ourHost)
		wantKind(t, err, Malformed)
	})
	t.Run("none", func(t *testing.T) {
		r, _ := arrive(t, newRequest(t, "GET", "https://a.example/x", nil))
		_, err := ParseRequest(r, "https", ourHost)
		wantKind(t, err, Missing)
	})
}
