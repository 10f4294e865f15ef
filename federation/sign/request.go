package sign

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// maxHeader bounds each header read here, in bytes, all its lines together.
	maxHeader = 8 << 10
	// maxComponents bounds what one signature may cover.
	maxComponents = 32
	// maxKeyID bounds a key id, in bytes.
	maxKeyID = 2048
)

// Request is a request signature that was read and whose coverage is
// sufficient. Nothing is proved until CheckTime, CheckDigest and Verify have all
// returned nil. It keeps what it needs of the request and may outlive it. Verify
// may change it, so it is for one goroutine at a time.
type Request struct {
	Scheme    Scheme
	KeyID     string
	Signature []byte    // raw; (KeyID, Signature) identifies the request for a replay cache
	Created   time.Time // signed creation time, or for cavage the signed Date
	Expires   time.Time // zero if the signature sets none
	Covered   []string  // the signed components, in order, lower-case

	// QuerySigned reports, after Verify, whether the query string of the
	// request is part of what was signed. It is false only for cavage peers
	// that leave the query out.
	QuerySigned bool

	keyType KeyType // the key type that the alg parameter demands, "" if none

	digestCovered string   // "digest", "content-digest" or ""
	digest        []string // the Digest lines of the request
	contentDigest []string // the Content-Digest lines

	base   []byte         // RFC 9421 signature base
	cavage *cavageRequest // cavage
}

// Limits is how old and how far ahead a signature may be at Now.
type Limits struct {
	Now                      time.Time
	PastWindow, FutureWindow time.Duration
}

// ParseRequest reads the signature of an incoming request and refuses one that
// leaves out what PROTOCOL §2 demands: method and target always, the body digest
// for every method but GET and HEAD, and for cavage the host and a date.
// scheme ("http" or "https") and host (our own authority, lower-case, without
// the default port) are what the peer must have addressed; the request is not
// asked for them. A request with Signature-Input is read as RFC 9421 and as
// nothing else.
func ParseRequest(r *http.Request, scheme, host string) (*Request, error) {
	if len(r.Header["Signature-Input"]) == 0 && len(r.Header["Signature"]) == 0 {
		return nil, refuse(Missing, "request has no Signature header")
	}
	target, err := requestTarget(r)
	if err != nil {
		return nil, err
	}
	q := &Request{QuerySigned: true}
	if q.digest, err = headerLines(r, "Digest"); err != nil {
		return nil, err
	}
	if q.contentDigest, err = headerLines(r, "Content-Digest"); err != nil {
		return nil, err
	}
	in := incoming{r: r, method: method(r), target: target, scheme: scheme, host: host}
	if len(r.Header["Signature-Input"]) != 0 {
		q.Scheme = RFC9421
		err = q.parseRFC9421(in)
	} else {
		q.Scheme = Cavage
		err = q.parseCavage(in)
	}
	if err != nil {
		return nil, err
	}
	return q, nil
}

// incoming is the request as both schemes look at it.
type incoming struct {
	r            *http.Request
	method       string
	target       string // as on the request line, beginning with "/"
	scheme, host string // ours
}

// Check makes the checks that need no key: CheckTime and CheckDigest.
func (q *Request) Check(l Limits, body []byte) error {
	if err := q.CheckTime(l.Now, l.PastWindow, l.FutureWindow); err != nil {
		return err
	}
	return q.CheckDigest(body)
}

// CheckTime refuses a signature made more than past before now, more than
// future after it, or past its own expiry.
func (q *Request) CheckTime(now time.Time, past, future time.Duration) error {
	switch {
	case q.Created.Before(now.Add(-past)):
		return refuse(Stale, "signature by %s is of %s, more than %s ago", quote(q.KeyID), q.Created.UTC().Format(wireTime), past)
	case q.Created.After(now.Add(future)):
		return refuse(Future, "signature by %s is of %s, more than %s ahead", quote(q.KeyID), q.Created.UTC().Format(wireTime), future)
	case !q.Expires.IsZero() && now.After(q.Expires):
		return refuse(Stale, "signature by %s expired at %s", quote(q.KeyID), q.Expires.UTC().Format(wireTime))
	}
	return nil
}

// CheckDigest recomputes the SHA-256 of the raw body and compares it with every
// sha-256 of the Digest and Content-Digest headers, signed or not. The signed
// header must hold one. A request without a signed digest must have no body.
func (q *Request) CheckDigest(body []byte) error {
	if q.digestCovered == "" && len(body) > 0 {
		return refuse(NotCovered, "signature by %s covers no digest of the body", quote(q.KeyID))
	}
	sum := sha256.Sum256(body)
	old, err := checkDigestHeader(q.digest, sum)
	if err != nil {
		return err
	}
	current, err := checkContentDigest(q.contentDigest, sum)
	if err != nil {
		return err
	}
	if q.digestCovered == "digest" && old == 0 || q.digestCovered == "content-digest" && current == 0 {
		return refuse(Digest, "signed %s header holds no sha-256", q.digestCovered)
	}
	return nil
}

// Verify checks the signature with the key that the caller found for KeyID. The
// key's type decides the algorithm; a signature that names another one is
// refused. A cavage signature is tried over the request target with its query
// and, if that fails, without it (see QuerySigned).
func (q *Request) Verify(key PublicKey) error {
	if q.keyType != "" && q.keyType != key.Type {
		return refuse(WrongAlgorithm, "signature by %s names an algorithm for %s, the key is %s", quote(q.KeyID), q.keyType, quote(string(key.Type)))
	}
	if q.Scheme == Cavage {
		return q.verifyCavage(key)
	}
	switch key.Type {
	case Ed25519:
		pub, err := key.ed25519Key()
		if err != nil {
			return err
		}
		if !ed25519.Verify(pub, q.base, q.Signature) {
			return q.badSignature()
		}
	case RSA:
		pub, err := key.rsaKey()
		if err != nil {
			return err
		}
		sum := sha256.Sum256(q.base)
		if rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], q.Signature) != nil {
			return q.badSignature()
		}
	default:
		return refuse(WrongAlgorithm, "key %s is of type %s", quote(key.ID), quote(string(key.Type)))
	}
	return nil
}

func (q *Request) badSignature() error {
	return refuse(BadSignature, "%s signature by %s does not match the request", q.Scheme, quote(q.KeyID))
}

// cover records the signed components; each may appear once.
func (q *Request) cover(names []string) error {
	if len(names) > maxComponents {
		return refuse(Malformed, "signature covers %d components, at most %d are read", len(names), maxComponents)
	}
	for i, name := range names {
		for _, before := range names[:i] {
			if name == before {
				return refuse(Malformed, "signature covers %s twice", quote(name))
			}
		}
	}
	q.Covered = names
	return nil
}

func (q *Request) covers(name string) bool {
	for _, covered := range q.Covered {
		if covered == name {
			return true
		}
	}
	return false
}

// require refuses, as NotCovered, the first of names that is not signed.
func (q *Request) require(in incoming, names ...string) error {
	for _, name := range names {
		if !q.covers(name) {
			return refuse(NotCovered, "%s signature of this %s request must cover %s", q.Scheme, quote(in.method), name)
		}
	}
	return nil
}

// hasBody reports whether a method needs a signed digest. An unknown method does.
func hasBody(method string) bool { return method != http.MethodGet && method != http.MethodHead }

func method(r *http.Request) string {
	if r.Method == "" {
		return http.MethodGet
	}
	return r.Method
}

// requestTarget is the target in the form of the request line. A server's
// request has it verbatim; for a client's it is computed.
func requestTarget(r *http.Request) (string, error) {
	target := r.RequestURI
	if target == "" && r.URL != nil {
		target = r.URL.RequestURI()
	}
	if !strings.HasPrefix(target, "/") || len(target) > maxHeader {
		return "", refuse(Malformed, "request target %s is not a path of at most %d bytes", quote(target), maxHeader)
	}
	if !printable(target) {
		return "", refuse(Malformed, "request target %s holds control characters", quote(target))
	}
	return target, nil
}

// headerLines returns the lines of a header, refusing more than maxHeader bytes.
func headerLines(r *http.Request, canonicalName string) ([]string, error) {
	lines := r.Header[canonicalName]
	total := 0
	for _, line := range lines {
		total += len(line) + 1
	}
	if total > maxHeader {
		return nil, refuse(Malformed, "%s header has %d bytes, at most %d are read", quote(canonicalName), total, maxHeader)
	}
	return lines, nil
}

// oneLine returns the only line of a header.
func oneLine(r *http.Request, canonicalName string) (string, error) {
	lines, err := headerLines(r, canonicalName)
	if err != nil {
		return "", err
	}
	if len(lines) != 1 {
		return "", refuse(Malformed, "request has %d %s headers, not one", len(lines), canonicalName)
	}
	return lines[0], nil
}

// fieldValue is the value of a signed header: its lines trimmed and joined with
// ", " (RFC 9421 section 2.1, cavage section 2.3). Go keeps Host, and for a
// request that it sends itself Content-Length, outside the header map; a "host"
// inside the map is not the one that routed the request and is not looked at.
func fieldValue(r *http.Request, name string) (string, error) {
	if name == "host" {
		return r.Host, nil
	}
	lines, err := headerLines(r, http.CanonicalHeaderKey(name))
	if err != nil {
		return "", err
	}
	if len(lines) == 0 && name == "content-length" && r.ContentLength >= 0 {
		return strconv.FormatInt(r.ContentLength, 10), nil
	}
	if len(lines) == 0 {
		return "", refuse(Malformed, "signed header %s is absent", quote(name))
	}
	trimmed := make([]string, len(lines))
	for i, line := range lines {
		trimmed[i] = strings.Trim(line, " \t")
	}
	value := strings.Join(trimmed, ", ")
	if !printable(value) {
		return "", refuse(Malformed, "signed header %s holds control characters", quote(name))
	}
	return value, nil
}

// printable reports that s cannot break out of its line in a signature base.
func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if (s[i] < ' ' && s[i] != '\t') || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// isFieldName reports a lower-case header name (RFC 9110 token).
func isFieldName(s string) bool {
	if s == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return true
}

// checkKeyID keeps out what would need quoting in a header or in JSON.
func checkKeyID(id string) error {
	if id == "" || len(id) > maxKeyID {
		return refuse(Malformed, "key id %s has %d bytes, accepted are 1 to %d", quote(id), len(id), maxKeyID)
	}
	for i := 0; i < len(id); i++ {
		if id[i] <= ' ' || id[i] >= 0x7f || id[i] == '"' || id[i] == '\\' {
			return refuse(Malformed, "key id %s holds characters that no IRI has", quote(id))
		}
	}
	return nil
}

// authority lower-cases a host and drops the default port of its scheme.
func authority(host, scheme string) string {
	host = strings.ToLower(host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return host
}

// wireTarget checks a request that we are about to sign and returns its Host
// header and request target as net/http will send them.
func wireTarget(req *http.Request) (host, target string, err error) {
	if req.URL == nil || req.URL.Opaque != "" || (req.URL.Scheme != "https" && req.URL.Scheme != "http") {
		return "", "", refuse(Malformed, "sign request: the URL is not an absolute http or https URL")
	}
	if host = req.Host; host == "" {
		host = req.URL.Host
	}
	if host == "" {
		return "", "", refuse(Malformed, "sign request to %s: no host", quote(req.URL.String()))
	}
	return host, req.URL.RequestURI(), nil
}

// dropSignature removes what an earlier attempt with either scheme left, so that
// no request carries both.
func dropSignature(h http.Header) {
	for _, name := range [...]string{"Signature", "Signature-Input", "Digest", "Content-Digest"} {
		h.Del(name)
	}
}
