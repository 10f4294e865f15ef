package sign

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	rsaKeyID = "https://b.example/m/paris#rsa"
	edKeyID  = "https://b.example/m/paris#ed-2026a"
	ourHost  = "a.example"
)

// signingTime is the moment at which tests sign and, unless they say otherwise,
// verify.
var signingTime = time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)

var testRSA = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

var testEd25519 = sync.OnceValue(func() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
})

type rsaSigner struct{ key *rsa.PrivateKey }

func (s rsaSigner) KeyID() string { return rsaKeyID }
func (s rsaSigner) Type() KeyType { return RSA }
func (s rsaSigner) Sign(message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return rsa.SignPKCS1v15(nil, s.key, crypto.SHA256, sum[:])
}

type edSigner struct {
	id  string
	key ed25519.PrivateKey
}

func (s edSigner) KeyID() string                       { return s.id }
func (s edSigner) Type() KeyType                       { return Ed25519 }
func (s edSigner) Sign(message []byte) ([]byte, error) { return ed25519.Sign(s.key, message), nil }

// brokenSigner cannot reach its key.
type brokenSigner struct{ typ KeyType }

var errKeyring = errors.New("keyring is closed")

func (s brokenSigner) KeyID() string               { return rsaKeyID }
func (s brokenSigner) Type() KeyType               { return s.typ }
func (s brokenSigner) Sign([]byte) ([]byte, error) { return nil, errKeyring }

func rsaSign() Signer { return rsaSigner{testRSA()} }
func edSign() Signer  { return edSigner{edKeyID, testEd25519()} }

func rsaPublic() PublicKey {
	return PublicKey{ID: rsaKeyID, Owner: "https://b.example/m/paris", Type: RSA, Key: &testRSA().PublicKey}
}

func edPublic() PublicKey {
	return PublicKey{ID: edKeyID, Owner: "https://b.example/m/paris", Type: Ed25519, Key: testEd25519().Public()}
}

func newRequest(t testing.TB, method, url string, body []byte) *http.Request {
	t.Helper()
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequest(method, url, reader)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// wire writes a request as net/http sends it over HTTP/1.1.
func wire(t testing.TB, req *http.Request) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := req.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// receive reads a request as the server does.
func receive(raw []byte) (*http.Request, []byte, error) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(r.Body)
	return r, body, err
}

func arrive(t testing.TB, req *http.Request) (*http.Request, []byte) {
	t.Helper()
	r, body, err := receive(wire(t, req))
	if err != nil {
		t.Fatal(err)
	}
	return r, body
}

var fiveMinutes = Limits{Now: signingTime, PastWindow: 5 * time.Minute, FutureWindow: 5 * time.Minute}

// accept runs every check of an arrival.
func accept(r *http.Request, body []byte, key PublicKey) (*Request, error) {
	q, err := ParseRequest(r, "https", ourHost)
	if err != nil {
		return nil, err
	}
	if err := q.Check(fiveMinutes, body); err != nil {
		return q, err
	}
	return q, q.Verify(key)
}

func wantKind(t testing.TB, err error, want Kind) {
	t.Helper()
	if got := KindOf(err); got != want {
		t.Errorf("error %v has kind %q, want %q", err, got, want)
	}
}

func readTestdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// peerCavage signs as a peer would that shares no code with us: lines is the
// signing string, params the Signature header before its signature.
func peerCavage(t testing.TB, r *http.Request, params string, lines ...string) {
	t.Helper()
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	signature, err := rsa.SignPKCS1v15(nil, testRSA(), crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Signature", params+`,signature="`+base64.StdEncoding.EncodeToString(signature)+`"`)
}

// peer9421 does the same for RFC 9421 with the Ed25519 key.
func peer9421(r *http.Request, input string, lines ...string) {
	base := strings.Join(append(lines, `"@signature-params": `+input), "\n")
	signature := ed25519.Sign(testEd25519(), []byte(base))
	r.Header.Set("Signature-Input", "sig1="+input)
	r.Header.Set("Signature", "sig1=:"+base64.StdEncoding.EncodeToString(signature)+":")
}

func TestErrorKinds(t *testing.T) {
	err := error(refuse(Stale, "too old"))
	if !errors.Is(err, &Error{Kind: Stale}) || errors.Is(err, &Error{Kind: Future}) {
		t.Error("errors.Is does not go by kind")
	}
	if KindOf(errKeyring) != "" {
		t.Error("a foreign error has a kind")
	}
	if got := quote(strings.Repeat("x", 5000)); len(got) > 200 {
		t.Errorf("quoted text has %d bytes", len(got))
	}
}
