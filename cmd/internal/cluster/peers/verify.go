package peers

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"valise/models/iri"
)

// actor is a remote actor as fetched.
type actor struct {
	id, kind, inbox, shared, followers, name string
	key                                      *rsa.PublicKey
	keyID                                    string
}

var parameter = regexp.MustCompile(`(\w+)="([^"]*)"`)

// verify checks a draft-cavage signature and returns its actor. For a POST the digest
// must be signed and be that of the body. What has to be fetched is fetched for reader.
func (s *Server) verify(r *http.Request, body []byte, reader *Account) (*actor, error) {
	if r.Header.Get("Signature-Input") != "" {
		return nil, errors.New("RFC 9421 is not understood")
	}
	p := map[string]string{}
	for _, m := range parameter.FindAllStringSubmatch(r.Header.Get("Signature"), -1) {
		p[m[1]] = m[2]
	}
	covered := strings.Fields(p["headers"])
	must := []string{"(request-target)", "host", "date"}
	if r.Method == http.MethodPost {
		must = append(must, "digest")
		sum := sha256.Sum256(body)
		if r.Header.Get("Digest") != "SHA-256="+base64.StdEncoding.EncodeToString(sum[:]) {
			return nil, errors.New("the digest is not that of the body")
		}
	}
	for _, name := range must {
		if !slices.Contains(covered, name) {
			return nil, fmt.Errorf("%s is not signed", name)
		}
	}
	if a := p["algorithm"]; a != "" && a != "hs2019" && a != "rsa-sha256" {
		return nil, fmt.Errorf("algorithm %s", a)
	}
	date, err := http.ParseTime(r.Header.Get("Date"))
	if err != nil || !s.rules.fresh(date, s.now()) {
		return nil, fmt.Errorf("the date %q does not do", r.Header.Get("Date"))
	}
	var lines []string
	for _, name := range covered {
		switch name {
		case "(request-target)":
			lines = append(lines, name+": "+strings.ToLower(r.Method)+" "+r.URL.RequestURI())
		case "host":
			lines = append(lines, "host: "+r.Host)
		default:
			lines = append(lines, name+": "+r.Header.Get(name))
		}
	}
	signature, err := base64.StdEncoding.DecodeString(p["signature"])
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	check := func(a *actor) error {
		if a.keyID != p["keyId"] {
			return fmt.Errorf("the first key of %s is %s, not %s", a.id, a.keyID, p["keyId"])
		}
		return rsa.VerifyPKCS1v15(a.key, crypto.SHA256, sum[:], signature)
	}
	owner, _, _ := strings.Cut(p["keyId"], "#")
	s.mu.Lock()
	a := s.known[owner]
	s.mu.Unlock()
	if a != nil {
		if err := check(a); err == nil || s.rules.keepsKey() {
			return a, err
		}
	}
	if a, err = s.actor(owner, reader); err != nil {
		return nil, err
	}
	return a, check(a)
}

// actor fetches a remote actor and keeps it.
func (s *Server) actor(at string, reader *Account) (*actor, error) {
	if reader == nil {
		reader = s.service
	}
	status, body := s.get(at, s.rules.signsAs(s, reader))
	var doc object
	if err := json.Unmarshal(body, &doc); status != http.StatusOK || err != nil {
		return nil, fmt.Errorf("fetch %s: %d %v", at, status, err)
	}
	a, err := readActor(doc)
	if err != nil || a.id != at {
		return nil, fmt.Errorf("read %s: it is %q: %v", at, text(doc, "id"), err)
	}
	if s.rules.confirmHandle() {
		if found, err := s.finger(a.name + "@" + hostOf(a.id)); err != nil || found != a.id {
			return nil, fmt.Errorf("the handle of %s is not confirmed: %q %v", a.id, found, err)
		}
	}
	s.mu.Lock()
	if was := s.known[a.id]; was != nil && !was.key.Equal(a.key) {
		s.rekeyed = append(s.rekeyed, a.id)
	}
	s.known[a.id] = a
	s.mu.Unlock()
	return a, nil
}

func readActor(doc object) (*actor, error) {
	a := &actor{id: text(doc, "id"), kind: text(doc, "type"), inbox: text(doc, "inbox"), shared: text(embedded(doc, "endpoints"), "sharedInbox"), followers: text(doc, "followers"), name: text(doc, "preferredUsername")}
	if a.inbox == "" || a.name == "" {
		return nil, errors.New("inbox or preferredUsername is missing")
	}
	return a, a.firstKey(doc)
}

// firstKey takes the first publicKey, however many there are.
func (a *actor) firstKey(doc object) error {
	all := each(doc["publicKey"])
	if len(all) == 0 {
		return errors.New("no publicKey")
	}
	first, _ := all[0].(object)
	block, _ := pem.Decode([]byte(text(first, "publicKeyPem")))
	if block == nil || text(first, "owner") != a.id {
		return errors.New("the first publicKey is unfit")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return err
	}
	var ok bool
	a.keyID = text(first, "id")
	if a.key, ok = key.(*rsa.PublicKey); !ok {
		return errors.New("the first publicKey is no RSA key")
	}
	return nil
}

// finger asks WebFinger for the actor behind "name@host".
func (s *Server) finger(handle string) (string, error) {
	_, host, _ := strings.Cut(handle, "@")
	status, body := s.get(iri.Host(host).Base()+"/.well-known/webfinger?resource="+url.QueryEscape("acct:"+handle), nil)
	var doc object
	if err := json.Unmarshal(body, &doc); status != http.StatusOK || err != nil {
		return "", fmt.Errorf("webfinger %s: %d %v", handle, status, err)
	}
	for _, l := range each(doc["links"]) {
		if link, ok := l.(object); ok && text(link, "rel") == "self" && text(link, "type") == "application/activity+json" {
			return text(link, "href"), nil
		}
	}
	return "", fmt.Errorf("webfinger %s: no actor", handle)
}

// get fetches, signed by an account or, with nil, unsigned. Without an answer the
// status is 0.
func (s *Server) get(at string, as *Account) (int, []byte) {
	r, err := http.NewRequest(http.MethodGet, at, nil)
	if err != nil {
		return 0, nil
	}
	r.Header.Set("Accept", `application/activity+json, application/ld+json; profile="https://www.w3.org/ns/activitystreams"`)
	if strings.Contains(at, "/.well-known/") {
		r.Header.Set("Accept", "application/jrd+json")
	}
	if as != nil {
		as.sign(r, nil)
	}
	return s.do(r)
}

func (s *Server) do(r *http.Request) (int, []byte) {
	res, err := s.network.RoundTrip(r)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil
	}
	return res.StatusCode, body
}

// sign writes the draft-cavage signature that both send: (request-target) host date,
// and the digest of a body.
func (a *Account) sign(r *http.Request, body []byte) {
	r.Header.Set("Date", a.server.now().UTC().Format(http.TimeFormat))
	covered := []string{"(request-target)", "host", "date"}
	lines := []string{"(request-target): " + strings.ToLower(r.Method) + " " + r.URL.RequestURI(), "host: " + r.URL.Host, "date: " + r.Header.Get("Date")}
	if r.Method == http.MethodPost {
		sum := sha256.Sum256(body)
		r.Header.Set("Digest", "SHA-256="+base64.StdEncoding.EncodeToString(sum[:]))
		covered, lines = append(covered, "digest"), append(lines, "digest: "+r.Header.Get("Digest"))
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	signature, err := rsa.SignPKCS1v15(nil, a.secret(), crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	r.Header.Set("Signature", fmt.Sprintf(`keyId="%s",algorithm="hs2019",headers="%s",signature="%s"`, a.keyID(), strings.Join(covered, " "), base64.StdEncoding.EncodeToString(signature)))
}
