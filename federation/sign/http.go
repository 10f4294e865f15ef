package sign

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-fed/httpsig"
	"golang.org/x/crypto/ssh"
)

// go-fed/httpsig builds the cavage signing string and calls the RSA primitive.
// What it leaves to its caller is done here: which components must be signed,
// the Host header, the age of the signature, the digest of the body, strict
// reading of the header. It is always given a request made for it, whose path
// is the whole request target: on its own it signs the decoded path, which
// differs from the request line as soon as a path holds an escape.

const requestTargetName = "(request-target)"

var (
	cavageGET  = []string{httpsig.RequestTarget, "host", "date"}
	cavagePOST = []string{httpsig.RequestTarget, "host", "date", "digest"}
)

// SignCavage signs a request with an RSA key: (request-target) host date, and
// digest for every method but GET and HEAD. It sets the Date, Host, Digest and
// Signature headers, in place of those of an earlier attempt. body is the exact
// body that will be sent.
func SignCavage(req *http.Request, body []byte, s Signer, now time.Time) error {
	if s.Type() != RSA {
		return refuse(WrongAlgorithm, "sign request: cavage needs an rsa key, %s is %s", quote(s.KeyID()), s.Type())
	}
	if err := checkKeyID(s.KeyID()); err != nil {
		return err
	}
	host, target, err := wireTarget(req)
	if err != nil {
		return err
	}
	if req.Header == nil {
		req.Header = make(http.Header)
	}
	dropSignature(req.Header)
	req.Header.Set("Host", host)
	req.Header.Set("Date", now.UTC().Format(http.TimeFormat))

	covered := cavageGET
	if hasBody(method(req)) {
		covered = cavagePOST
		if body == nil {
			body = []byte{} // a nil body makes httpsig leave out the Digest
		}
	} else {
		body = nil
	}
	signer, _, err := httpsig.NewSSHSigner(signerDoor{s}, httpsig.DigestSha256, covered, httpsig.Signature, 0)
	if err != nil {
		return err
	}
	door := &http.Request{Method: method(req), URL: &url.URL{Path: target}, Header: req.Header}
	return signer.SignRequest(s.KeyID(), door, body)
}

// signerDoor shows a Signer to httpsig as an ssh.Signer. httpsig takes an RSA
// key only as *rsa.PrivateKey or as ssh.Signer; the second leaves the key in the
// keyring. For an ssh.Signer of type "ssh-rsa" it passes the signing string
// whole and uses the returned blob as it is, so the hash is the Signer's
// (SHA-256) and no SSH format reaches the wire.
type signerDoor struct{ s Signer }

func (d signerDoor) PublicKey() ssh.PublicKey { return sshRSA{} }

func (d signerDoor) Sign(_ io.Reader, message []byte) (*ssh.Signature, error) {
	blob, err := d.s.Sign(message)
	if err != nil {
		return nil, err
	}
	return &ssh.Signature{Format: ssh.KeyAlgoRSASHA256, Blob: blob}, nil
}

// sshRSA is a key that has a type and nothing else: httpsig asks for no more.
type sshRSA struct{}

func (sshRSA) Type() string    { return ssh.KeyAlgoRSA }
func (sshRSA) Marshal() []byte { return nil }
func (sshRSA) Verify([]byte, *ssh.Signature) error {
	return refuse(BadSignature, "key of a signer cannot verify")
}

// cavageRequest is a request with the signed headers and nothing else, in the
// shape that httpsig verifies.
type cavageRequest struct {
	method string
	target string
	header http.Header
}

// cavageParams is the content of a Signature header.
type cavageParams struct {
	keyID, algorithm, headers, signature string
	created, expires                     string
}

func (q *Request) parseCavage(in incoming) error {
	line, err := oneLine(in.r, "Signature")
	if err != nil {
		return err
	}
	p, err := parseCavageParams(line)
	if err != nil {
		return err
	}
	if err := checkKeyID(p.keyID); err != nil {
		return err
	}
	q.KeyID = p.keyID
	switch p.algorithm {
	case "", "hs2019", "rsa-sha256":
		q.keyType = RSA
	default:
		return refuse(WrongAlgorithm, "signature by %s has algorithm %s", quote(q.KeyID), quote(p.algorithm))
	}
	if q.Signature, err = base64.StdEncoding.Strict().DecodeString(p.signature); err != nil || len(q.Signature) == 0 {
		return refuse(Malformed, "signature by %s is not base64", quote(q.KeyID))
	}
	if p.headers == "" {
		p.headers = "date" // cavage section 2.1.6, for the draft versions that peers implement
	}
	if err := q.cover(strings.Split(strings.ToLower(p.headers), " ")); err != nil {
		return err
	}
	if err := q.require(in, requestTargetName, "host"); err != nil {
		return err
	}
	if !q.covers("(created)") {
		if err := q.require(in, "date"); err != nil {
			return err
		}
	}
	if hasBody(in.method) {
		if err := q.require(in, "digest"); err != nil {
			return err
		}
	}
	if q.covers("digest") {
		q.digestCovered = "digest"
	}
	if got := authority(in.r.Host, in.scheme); got != in.host {
		return refuse(Misdirected, "request is signed for host %s, this is %s", quote(got), in.host)
	}
	header, err := q.cavageHeader(in, p)
	if err != nil {
		return err
	}
	q.cavage = &cavageRequest{method: in.method, target: in.target, header: header}
	return nil
}

// cavageHeader collects the signed headers, takes the times from them, and adds
// a Signature header written anew: httpsig splits that header at every comma
// and passes over what it does not know, so it must not see the peer's.
func (q *Request) cavageHeader(in incoming, p cavageParams) (http.Header, error) {
	header := make(http.Header, len(q.Covered)+1)
	var err error
	for _, name := range q.Covered {
		switch name {
		case requestTargetName:
		case "(created)":
			if p.algorithm == "rsa-sha256" || p.created == "" {
				return nil, refuse(Malformed, "signature covers (created) without created or with rsa-sha256")
			}
			if q.Created, err = unixTime("created", p.created); err != nil {
				return nil, err
			}
		case "(expires)":
			if p.algorithm == "rsa-sha256" || p.expires == "" {
				return nil, refuse(Malformed, "signature covers (expires) without expires or with rsa-sha256")
			}
			if q.Expires, err = unixTime("expires", p.expires); err != nil {
				return nil, err
			}
		case "signature":
			return nil, refuse(Malformed, "signature covers itself")
		default:
			if !isFieldName(name) {
				return nil, refuse(Malformed, "signature covers %s, which is no header", quote(name))
			}
			value, err := fieldValue(in.r, name)
			if err != nil {
				return nil, err
			}
			header[textproto.CanonicalMIMEHeaderKey(name)] = []string{value}
		}
	}
	if !q.covers("(created)") {
		line, err := oneLine(in.r, "Date")
		if err != nil {
			return nil, err
		}
		if q.Created, err = http.ParseTime(strings.Trim(line, " \t")); err != nil {
			return nil, refuse(Malformed, "Date %s is not an HTTP date", quote(line))
		}
	}
	if !q.Expires.IsZero() && q.Expires.Before(q.Created) {
		return nil, refuse(Malformed, "signature by %s expires before it is made", quote(q.KeyID))
	}

	var b strings.Builder
	b.WriteString(`keyId="k",`)
	if q.covers("(created)") {
		b.WriteString("created=" + strconv.FormatInt(q.Created.Unix(), 10) + ",")
	}
	if q.covers("(expires)") {
		b.WriteString("expires=" + strconv.FormatInt(q.Expires.Unix(), 10) + ",")
	}
	b.WriteString(`headers="` + strings.Join(q.Covered, " ") + `",signature="` + p.signature + `"`)
	header["Signature"] = []string{b.String()}
	return header, nil
}

// verifyCavage asks httpsig, first with the query, then without it. A (created)
// more than 10 s ahead of the system clock, or an (expires) more than 10 s behind
// it, is refused by httpsig whatever CheckTime was told.
func (q *Request) verifyCavage(key PublicKey) error {
	pub, err := key.rsaKey()
	if err != nil {
		return err
	}
	path, _, hasQuery := strings.Cut(q.cavage.target, "?")
	q.QuerySigned = true
	if err = q.verifyTarget(pub, q.cavage.target); err == nil || !hasQuery || KindOf(err) != BadSignature {
		return err
	}
	if err = q.verifyTarget(pub, path); err == nil {
		q.QuerySigned = false
	}
	return err
}

func (q *Request) verifyTarget(pub any, target string) error {
	v, err := httpsig.NewVerifier(&http.Request{
		Method: q.cavage.method,
		URL:    &url.URL{Path: target},
		Header: q.cavage.header,
	})
	if err != nil {
		switch now := time.Now(); {
		case q.covers("(created)") && q.Created.After(now):
			return refuse(Future, "signature by %s: %v", quote(q.KeyID), err)
		case !q.Expires.IsZero() && q.Expires.Before(now):
			return refuse(Stale, "signature by %s: %v", quote(q.KeyID), err)
		}
		return refuse(Malformed, "signature by %s: %v", quote(q.KeyID), err)
	}
	if v.Verify(pub, httpsig.RSA_SHA256) != nil {
		return q.badSignature()
	}
	return nil
}

// parseCavageParams reads name=value pairs separated by commas. Strings are
// quoted and have no escapes; created and expires are integers, with or without
// quotes. Repeated and unknown names are refused.
func parseCavageParams(line string) (p cavageParams, err error) {
	rest := strings.Trim(line, " \t")
	for {
		name, after, ok := strings.Cut(rest, "=")
		if !ok {
			return p, refuse(Malformed, "Signature header: no = after %s", quote(rest))
		}
		var into *string
		switch name {
		case "keyId":
			into = &p.keyID
		case "algorithm":
			into = &p.algorithm
		case "headers":
			into = &p.headers
		case "signature":
			into = &p.signature
		case "created":
			into = &p.created
		case "expires":
			into = &p.expires
		default:
			return p, refuse(Malformed, "Signature header: unknown parameter %s", quote(name))
		}
		if *into != "" {
			return p, refuse(Malformed, "Signature header: %s is repeated", name)
		}
		var value string
		if strings.HasPrefix(after, `"`) {
			if value, rest, ok = strings.Cut(after[1:], `"`); !ok {
				return p, refuse(Malformed, "Signature header: %s is not closed", name)
			}
		} else {
			if name != "created" && name != "expires" {
				return p, refuse(Malformed, "Signature header: %s is not quoted", name)
			}
			end := strings.IndexAny(after, ", \t")
			if end < 0 {
				end = len(after)
			}
			value, rest = after[:end], after[end:]
		}
		if value == "" || strings.ContainsRune(value, '\\') {
			return p, refuse(Malformed, "Signature header: %s is empty or has escapes", name)
		}
		*into = value
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" {
			break
		}
		if rest[0] != ',' {
			return p, refuse(Malformed, "Signature header: no comma after %s", name)
		}
		rest = strings.TrimLeft(rest[1:], " \t")
	}
	if p.keyID == "" || p.signature == "" {
		return p, refuse(Malformed, "Signature header lacks keyId or signature")
	}
	return p, nil
}

// maxUnix is the last second of the year 9999.
const maxUnix = 253402300799

func unixTime(name, digits string) (time.Time, error) {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > maxUnix {
		return time.Time{}, refuse(Malformed, "signature has %s %s, not a time in seconds", name, quote(digits))
	}
	return time.Unix(n, 0).UTC(), nil
}
