package sign

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"
)

// Values of the alg parameter (RFC 9421 section 6.2.2).
const (
	algEd25519 = "ed25519"
	algRSA     = "rsa-v1_5-sha256"
)

// label names our signature in both dictionaries.
const label = "sig1"

// SignRFC9421 signs a request: "@method" "@target-uri", and "content-digest" for
// every method but GET and HEAD, with created, keyid and the alg of the key. It
// sets the Content-Digest, Signature-Input and Signature headers, in place of
// those of an earlier attempt. body is the exact body that will be sent.
func SignRFC9421(req *http.Request, body []byte, s Signer, now time.Time) error {
	return SignRFC9421Sum(req, sha256.Sum256(body), s, now)
}

// SignRFC9421Sum is SignRFC9421 for a body whose SHA-256 is known, as when one body
// goes to many.
func SignRFC9421Sum(req *http.Request, body [sha256.Size]byte, s Signer, now time.Time) error {
	if err := checkKeyID(s.KeyID()); err != nil {
		return err
	}
	var alg string
	switch s.Type() {
	case Ed25519:
		alg = algEd25519
	case RSA:
		alg = algRSA
	default:
		return refuse(WrongAlgorithm, "sign request: key %s is of type %s", quote(s.KeyID()), quote(string(s.Type())))
	}
	host, target, err := wireTarget(req)
	if err != nil {
		return err
	}
	if req.Header == nil {
		req.Header = make(http.Header)
	}
	dropSignature(req.Header)

	in := incoming{
		r: req, method: method(req), target: target,
		scheme: req.URL.Scheme, host: authority(host, req.URL.Scheme),
	}
	names := []string{"@method", "@target-uri"}
	if hasBody(in.method) {
		req.Header["Content-Digest"] = []string{contentDigest(body)}
		names = append(names, "content-digest")
	}
	list := httpsfv.InnerList{Params: httpsfv.NewParams()}
	for _, name := range names {
		list.Items = append(list.Items, httpsfv.NewItem(name))
	}
	list.Params.Add("created", now.Unix())
	list.Params.Add("keyid", s.KeyID())
	list.Params.Add("alg", alg)
	params, err := httpsfv.Marshal(list)
	if err != nil {
		return refuse(Malformed, "sign request as %s: %v", quote(s.KeyID()), err)
	}
	base, err := signatureBase(in, names, params)
	if err != nil {
		return err
	}
	signature, err := s.Sign(base)
	if err != nil {
		return err
	}
	req.Header["Signature-Input"] = []string{label + "=" + params}
	req.Header["Signature"] = []string{label + "=:" + base64.StdEncoding.EncodeToString(signature) + ":"}
	return nil
}

func (q *Request) parseRFC9421(in incoming) error {
	names, params, err := q.readRFC9421(in)
	if err != nil {
		return err
	}
	if err := q.require(in, "@method", "@target-uri"); err != nil {
		return err
	}
	if hasBody(in.method) {
		if err := q.require(in, "content-digest"); err != nil {
			return err
		}
	}
	if q.covers("content-digest") {
		q.digestCovered = "content-digest"
	}
	q.base, err = signatureBase(in, names, params)
	return err
}

// readRFC9421 reads Signature-Input and Signature, whatever they cover. It
// returns the components and the value of the @signature-params line.
//
// Both headers must be in the one serialisation that RFC 8941 section 4.1
// prescribes. httpsfv lets the last of several equal names win; a repeated label
// or parameter is seen here by its absence from the text written anew.
func (q *Request) readRFC9421(in incoming) (names []string, params string, err error) {
	inputLine, err := oneLine(in.r, "Signature-Input")
	if err != nil {
		return nil, "", err
	}
	signatureLine, err := oneLine(in.r, "Signature")
	if err != nil {
		return nil, "", err
	}
	inputLine = strings.Trim(inputLine, " \t")
	dict, err := httpsfv.UnmarshalDictionary([]string{inputLine})
	if err != nil {
		return nil, "", refuse(Malformed, "Signature-Input %s: %v", quote(inputLine), err)
	}
	if len(dict.Names()) != 1 {
		return nil, "", refuse(Malformed, "Signature-Input holds %d signatures, not one", len(dict.Names()))
	}
	name := dict.Names()[0]
	m, _ := dict.Get(name)
	list, ok := m.(httpsfv.InnerList)
	if !ok {
		return nil, "", refuse(Malformed, "Signature-Input %s is not a list of components", quote(inputLine))
	}
	if names, err = componentNames(list); err != nil {
		return nil, "", err
	}
	if err := q.cover(names); err != nil {
		return nil, "", err
	}
	if err := q.readParams(list.Params); err != nil {
		return nil, "", err
	}
	if params, err = httpsfv.Marshal(list); err != nil {
		return nil, "", refuse(Malformed, "Signature-Input %s: %v", quote(inputLine), err)
	}
	if inputLine != name+"="+params {
		return nil, "", refuse(Malformed, "Signature-Input %s repeats something or is not in canonical form", quote(inputLine))
	}

	encoded, ok := strings.CutPrefix(strings.Trim(signatureLine, " \t"), name+"=:")
	if ok {
		encoded, ok = strings.CutSuffix(encoded, ":")
	}
	if !ok {
		return nil, "", refuse(Malformed, "Signature %s is not one byte sequence with the label %s", quote(signatureLine), quote(name))
	}
	q.Signature, err = base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(q.Signature) == 0 {
		return nil, "", refuse(Malformed, "signature by %s is not base64", quote(q.KeyID))
	}
	return names, params, nil
}

// componentNames returns the covered components. Component parameters (sf, bs,
// key, req, tr, name) are refused: the profile of PROTOCOL §2 has no use for them.
func componentNames(list httpsfv.InnerList) ([]string, error) {
	if len(list.Items) > maxComponents {
		return nil, refuse(Malformed, "signature covers %d components, at most %d are read", len(list.Items), maxComponents)
	}
	names := make([]string, len(list.Items))
	for i, item := range list.Items {
		name, ok := item.Value.(string)
		if !ok || (len(item.Params.Names()) != 0) {
			return nil, refuse(Malformed, "signature component %d is not a plain string", i+1)
		}
		names[i] = name
	}
	return names, nil
}

// readParams reads the signature parameters: created and keyid are required;
// expires, alg and nonce may be there; others are refused. tag is among these:
// it marks a signature as made for another application.
func (q *Request) readParams(params *httpsfv.Params) error {
	for _, name := range params.Names() {
		value, _ := params.Get(name)
		var ok bool
		switch name {
		case "created", "expires":
			var n int64
			n, ok = value.(int64)
			if ok = ok && n > 0 && n <= maxUnix; ok && name == "created" {
				q.Created = time.Unix(n, 0).UTC()
			} else if ok {
				q.Expires = time.Unix(n, 0).UTC()
			}
		case "keyid":
			q.KeyID, ok = value.(string)
			if ok {
				if err := checkKeyID(q.KeyID); err != nil {
					return err
				}
			}
		case "nonce":
			_, ok = value.(string)
		case "alg":
			var alg string
			if alg, ok = value.(string); ok {
				switch alg {
				case algEd25519:
					q.keyType = Ed25519
				case algRSA:
					q.keyType = RSA
				default:
					return refuse(WrongAlgorithm, "signature has alg %s", quote(alg))
				}
			}
		default:
			return refuse(Malformed, "signature has unknown parameter %s", quote(name))
		}
		if !ok {
			return refuse(Malformed, "signature parameter %s has a value of the wrong kind", quote(name))
		}
	}
	switch {
	case q.KeyID == "":
		return refuse(Malformed, "signature has no keyid")
	case q.Created.IsZero():
		return refuse(Malformed, "signature by %s has no created", quote(q.KeyID))
	case !q.Expires.IsZero() && q.Expires.Before(q.Created):
		return refuse(Malformed, "signature by %s expires before it is made", quote(q.KeyID))
	}
	return nil
}

// signatureBase is RFC 9421 section 2.5.
func signatureBase(in incoming, names []string, params string) ([]byte, error) {
	b := make([]byte, 0, 512)
	for _, name := range names {
		value, err := componentValue(in, name)
		if err != nil {
			return nil, err
		}
		b = append(b, '"')
		b = append(b, name...)
		b = append(b, `": `...)
		b = append(b, value...)
		b = append(b, '\n')
	}
	b = append(b, `"@signature-params": `...)
	return append(b, params...), nil
}

// componentValue is the value of a derived component (RFC 9421 section 2.2) or
// of a header. Scheme and authority are ours, never the request's.
func componentValue(in incoming, name string) (string, error) {
	path, query, _ := strings.Cut(in.target, "?")
	switch name {
	case "@method":
		return in.method, nil
	case "@target-uri":
		return in.scheme + "://" + in.host + in.target, nil
	case "@authority":
		return in.host, nil
	case "@scheme":
		return in.scheme, nil
	case "@request-target":
		return in.target, nil
	case "@path":
		return path, nil
	case "@query":
		return "?" + query, nil
	}
	if !isFieldName(name) || name == "signature" || name == "signature-input" {
		return "", refuse(Malformed, "signature covers %s, which cannot be signed", quote(name))
	}
	return fieldValue(in.r, name)
}
