package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

var schemes = []struct {
	name string
	sign func(*http.Request, []byte, time.Time) error
	key  func() PublicKey
}{
	{"cavage rsa", func(r *http.Request, b []byte, now time.Time) error { return SignCavage(r, b, rsaSign(), now) }, rsaPublic},
	{"rfc9421 rsa", func(r *http.Request, b []byte, now time.Time) error { return SignRFC9421(r, b, rsaSign(), now) }, rsaPublic},
	{"rfc9421 ed25519", func(r *http.Request, b []byte, now time.Time) error { return SignRFC9421(r, b, edSign(), now) }, edPublic},
}

func TestRoundTrip(t *testing.T) {
	for _, s := range schemes {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
			for _, url := range []string{
				"https://a.example/inbox", "https://a.example", "https://a.example/x?y=1&z=%C3%A9",
				"https://a.example/a%20b%2Fc", "https://a.example/é", "https://a.example//double", "https://a.example/?",
			} {
				var body []byte
				if method == "POST" || method == "PUT" {
					body = testBody
				}
				req := newRequest(t, method, url, body)
				if err := s.sign(req, body, signingTime); err != nil {
					t.Fatal(err)
				}
				r, got := arrive(t, req)
				q, err := accept(r, got, s.key())
				if err != nil {
					t.Errorf("%s %s %s: %v", s.name, method, url, err)
				} else if !q.QuerySigned {
					t.Errorf("%s %s %s: query is not signed", s.name, method, url)
				}
			}
		}
	}
}

// Every byte of the request line, of every signed header and of the body is
// flipped in turn. The arrival must fail, or be one that claims another key.
func TestTamperedRequest(t *testing.T) {
	for _, s := range schemes {
		t.Run(s.name, func(t *testing.T) {
			req := newRequest(t, "POST", "https://a.example/inbox?q=1", testBody)
			if err := s.sign(req, testBody, signingTime); err != nil {
				t.Fatal(err)
			}
			raw := wire(t, req)
			unsigned := map[string]bool{"User-Agent": true, "Accept-Encoding": true}
			if s.name != "cavage rsa" {
				unsigned["Host"] = true // the target URI is built from our own name
			}
			flipped := 0
			for i := 0; i < len(raw); i++ {
				lineStart := bytes.LastIndexByte(raw[:i], '\n') + 1
				name, _, _ := bytes.Cut(raw[lineStart:], []byte(":"))
				if unsigned[string(name)] || raw[i] == '\r' || raw[i] == '\n' {
					continue
				}
				bad := slices.Clone(raw)
				bad[i] ^= 1
				r, body, err := receive(bad)
				if err != nil {
					continue
				}
				flipped++
				q, err := accept(r, body, s.key())
				if err == nil && q.KeyID == s.key().ID && r.Proto == "HTTP/1.1" {
					t.Errorf("byte %d (%q in %q) changed and still accepted", i, bad[i], bad[lineStart:min(i+10, len(bad))])
				}
			}
			if flipped < 300 {
				t.Errorf("only %d flips reached the check", flipped)
			}
		})
	}
}

func TestRemovedAndAddedParts(t *testing.T) {
	for _, s := range schemes {
		t.Run(s.name, func(t *testing.T) {
			fresh := func() *http.Request {
				req := newRequest(t, "POST", "https://a.example/inbox", testBody)
				if err := s.sign(req, testBody, signingTime); err != nil {
					t.Fatal(err)
				}
				r, _ := arrive(t, req)
				return r
			}
			digestName := "Content-Digest"
			if s.name == "cavage rsa" {
				digestName = "Digest"
			}
			_, err := accept(fresh(), append(slices.Clone(testBody), ' '), s.key())
			wantKind(t, err, Digest)
			_, err = accept(fresh(), nil, s.key())
			wantKind(t, err, Digest)

			r := fresh()
			r.Header.Del(digestName)
			_, err = accept(r, testBody, s.key())
			wantKind(t, err, Malformed)

			// A second digest, true or false, cannot hide behind the signed one.
			r = fresh()
			r.Header.Add(digestName, r.Header.Get(digestName))
			if _, err = accept(r, testBody, s.key()); err == nil {
				t.Error("a doubled digest header was accepted")
			}

			r = fresh()
			r.Method = "PUT"
			_, err = accept(r, testBody, s.key())
			wantKind(t, err, BadSignature)

			// The digest header of the other scheme is unsigned, yet must not lie.
			r = fresh()
			other := sha256.Sum256([]byte("other"))
			encoded := base64.StdEncoding.EncodeToString(other[:])
			if digestName == "Digest" {
				r.Header.Set("Content-Digest", "sha-256=:"+encoded+":")
			} else {
				r.Header.Set("Digest", "SHA-256="+encoded)
			}
			_, err = accept(r, testBody, s.key())
			wantKind(t, err, Digest)
		})
	}
}

func TestGetWithBody(t *testing.T) {
	for _, s := range schemes {
		req := newRequest(t, "GET", "https://a.example/x", nil)
		if err := s.sign(req, nil, signingTime); err != nil {
			t.Fatal(err)
		}
		r, _ := arrive(t, req)
		_, err := accept(r, []byte("smuggled"), s.key())
		wantKind(t, err, NotCovered)
	}
}

func TestCheckTime(t *testing.T) {
	for _, s := range schemes {
		req := newRequest(t, "GET", "https://a.example/x", nil)
		if err := s.sign(req, nil, signingTime); err != nil {
			t.Fatal(err)
		}
		r, _ := arrive(t, req)
		q, err := ParseRequest(r, "https", ourHost)
		if err != nil {
			t.Fatal(err)
		}
		tests := []struct {
			after time.Duration
			want  Kind
		}{
			{0, ""}, {5 * time.Minute, ""}, {5*time.Minute + time.Second, Stale}, {720 * time.Hour, Stale},
			{-time.Minute, ""}, {-time.Minute - time.Second, Future},
		}
		for _, tt := range tests {
			wantKind(t, q.CheckTime(signingTime.Add(tt.after), 5*time.Minute, time.Minute), tt.want)
		}
	}
}

func TestVerifyKeys(t *testing.T) {
	signed := func(i int) *Request {
		req := newRequest(t, "GET", "https://a.example/x", nil)
		if err := schemes[i].sign(req, nil, signingTime); err != nil {
			t.Fatal(err)
		}
		r, _ := arrive(t, req)
		q, err := ParseRequest(r, "https", ourHost)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	number := func(bits int) *big.Int {
		n := new(big.Int).SetBit(new(big.Int), bits-1, 1)
		return n.SetBit(n, 0, 1)
	}
	modulus := testRSA().N
	otherEd := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32)).Public()
	tests := []struct {
		name   string
		scheme int
		key    PublicKey
		want   Kind
	}{
		{"cavage, ed25519 key", 0, edPublic(), WrongAlgorithm},
		{"rsa, ed25519 key", 1, edPublic(), WrongAlgorithm},
		{"ed25519, rsa key", 2, rsaPublic(), WrongAlgorithm},
		{"type lies", 1, PublicKey{Type: RSA, Key: edPublic().Key}, WrongAlgorithm},
		{"type lies", 2, PublicKey{Type: Ed25519, Key: rsaPublic().Key}, WrongAlgorithm},
		{"no key", 0, PublicKey{Type: RSA}, WrongAlgorithm},
		{"nil key", 0, PublicKey{Type: RSA, Key: (*rsa.PublicKey)(nil)}, WrongAlgorithm},
		{"empty key", 0, PublicKey{Type: RSA, Key: &rsa.PublicKey{}}, WeakKey},
		{"rsa 1024", 0, PublicKey{Type: RSA, Key: &rsa.PublicKey{N: number(1024), E: 65537}}, WeakKey},
		{"rsa 2047", 1, PublicKey{Type: RSA, Key: &rsa.PublicKey{N: number(2047), E: 65537}}, WeakKey},
		{"rsa 8193", 0, PublicKey{Type: RSA, Key: &rsa.PublicKey{N: number(8193), E: 65537}}, WeakKey},
		{"exponent 1", 0, PublicKey{Type: RSA, Key: &rsa.PublicKey{N: modulus, E: 1}}, WeakKey},
		{"exponent even", 1, PublicKey{Type: RSA, Key: &rsa.PublicKey{N: modulus, E: 65536}}, WeakKey},
		{"rsa other", 0, PublicKey{Type: RSA, Key: &rsa.PublicKey{N: number(2048), E: 65537}}, BadSignature},
		{"rsa other", 1, PublicKey{Type: RSA, Key: &rsa.PublicKey{N: number(2048), E: 65537}}, BadSignature},
		{"rsa larger", 1, PublicKey{Type: RSA, Key: &rsa.PublicKey{N: number(8192), E: 65537}}, BadSignature},
		{"ed25519 other", 2, PublicKey{Type: Ed25519, Key: otherEd}, BadSignature},
		{"ed25519 short", 2, PublicKey{Type: Ed25519, Key: ed25519.PublicKey{1, 2}}, Malformed},
		{"ed25519 zero", 2, PublicKey{Type: Ed25519, Key: make(ed25519.PublicKey, 32)}, WeakKey},
		{"unknown type", 2, PublicKey{Type: "dsa"}, WrongAlgorithm},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantKind(t, signed(tt.scheme).Verify(tt.key), tt.want) })
	}
}

func TestDigestHeaders(t *testing.T) {
	sum := sha256.Sum256(testBody)
	good := base64.StdEncoding.EncodeToString(sum[:])
	bad := base64.StdEncoding.EncodeToString(make([]byte, 32))
	old := []struct {
		name  string
		lines []string
		found int
		want  Kind
	}{
		{"usual", []string{"SHA-256=" + good}, 1, ""},
		{"lower case", []string{"sha-256=" + good}, 1, ""},
		{"beside others", []string{"MD5=abc, SHA-256=" + good + ",unixsum=1"}, 1, ""},
		{"only others", []string{"SHA-512=abc"}, 0, ""},
		{"second is wrong", []string{"SHA-256=" + good + ",sha-256=" + bad}, 1, Digest},
		{"second line is wrong", []string{"SHA-256=" + good, "SHA-256=" + bad}, 1, Digest},
		{"wrong", []string{"SHA-256=" + bad}, 0, Digest},
		{"no base64", []string{"SHA-256=?"}, 0, Malformed},
		{"short", []string{"SHA-256=aaaa"}, 0, Malformed},
		{"url-safe", []string{"SHA-256=" + strings.NewReplacer("+", "-", "/", "_").Replace(strings.Repeat("+/", 21)+"8=")}, 0, Malformed},
		{"no value", []string{"SHA-256"}, 0, Malformed},
	}
	for _, tt := range old {
		t.Run("Digest "+tt.name, func(t *testing.T) {
			found, err := checkDigestHeader(tt.lines, sum)
			if found != tt.found {
				t.Errorf("found %d, want %d", found, tt.found)
			}
			wantKind(t, err, tt.want)
		})
	}
	current := []struct {
		name  string
		lines []string
		found int
		want  Kind
	}{
		{"usual", []string{"sha-256=:" + good + ":"}, 1, ""},
		{"beside others", []string{"sha-512=:YWJj:, sha-256=:" + good + ":"}, 1, ""},
		{"two lines", []string{"sha-512=:YWJj:", "sha-256=:" + good + ":"}, 1, ""},
		{"only others", []string{"sha-512=:YWJj:"}, 0, ""},
		{"wrong", []string{"sha-256=:" + bad + ":"}, 0, Digest},
		{"repeated, wrong first", []string{"sha-256=:" + bad + ":, sha-256=:" + good + ":"}, 0, Malformed},
		{"repeated in two lines", []string{"sha-256=:" + bad + ":", "sha-256=:" + good + ":"}, 0, Malformed},
		{"upper case", []string{"SHA-256=:" + good + ":"}, 0, Malformed},
		{"old form", []string{"sha-256=" + good}, 0, Malformed},
		{"list", []string{"sha-256=(:" + good + ":)"}, 0, Malformed},
		{"boolean", []string{"sha-256"}, 0, Malformed},
		{"string", []string{`sha-256="` + good + `"`}, 0, Malformed},
		{"short", []string{"sha-256=:YWJj:"}, 0, Malformed},
		{"none", nil, 0, ""},
	}
	for _, tt := range current {
		t.Run("Content-Digest "+tt.name, func(t *testing.T) {
			found, err := checkContentDigest(tt.lines, sum)
			if found != tt.found {
				t.Errorf("found %d, want %d", found, tt.found)
			}
			wantKind(t, err, tt.want)
		})
	}
}

func TestSignedDigestWithoutSHA256(t *testing.T) {
	q := &Request{digestCovered: "digest", digest: []string{"SHA-512=abc"}}
	wantKind(t, q.CheckDigest(testBody), Digest)
	q = &Request{digestCovered: "content-digest", contentDigest: []string{"sha-512=:YWJj:"}}
	wantKind(t, q.CheckDigest(testBody), Digest)
}
