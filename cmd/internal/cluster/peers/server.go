package peers

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"valise/models/iri"
)

// software is what differs between the two.
type software interface {
	// keyPath follows an account's id in the id of its key.
	keyPath() string
	// sharedInbox is offered in actor documents; "" for none.
	sharedInbox(host iri.Host) string
	// needsSignature tells whether actors are shown to signed requests alone.
	needsSignature() bool
	// signsAs is the account that signs what the server fetches for another.
	signsAs(s *Server, a *Account) *Account
	// fresh judges the Date of a signed request.
	fresh(date, now time.Time) bool
	// keepsKey tells that a key once seen is not fetched again.
	keepsKey() bool
	// confirmHandle tells that an actor counts only if WebFinger confirms its name.
	confirmHandle() bool
	understands(kind string) bool
	// receive applies a verified activity, under the server's lock, and returns the
	// status of the answer. owner is nil for the shared inbox.
	receive(s *Server, in *Activity, owner *Account) int
	// finalAnswer tells whether a status of ours ends the sending of an activity.
	finalAnswer(status int) bool
	triesMost() int
}

// Server is one foreign server.
type Server struct {
	Host iri.Host

	rules   software
	now     func() time.Time
	network http.RoundTripper
	service *Account // the instance actor

	mu       sync.Mutex
	accounts map[string]*Account
	known    map[string]*actor // remote actors, by id
	posts    []*Post
	seen     map[string]bool // activity ids
	gone     map[string]bool // ids of deleted posts
	received []*Activity
	rekeyed  []string // actors whose key was found changed without an Update
	fetches  []string // URLs that a received activity made the server fetch
	waiting  []*letter
	dropped  []*letter
	fail     func(*Activity) int
	number   int
}

// Activity is one that arrived at an inbox with a valid signature, and its answer.
type Activity struct {
	Type, ID, Actor string
	Object          string // its id
	ObjectType      string
	Inbox           string
	Raw             []byte
	Status          int
	doc             object
}

func newServer(host iri.Host, rules software, network http.RoundTripper, now func() time.Time) *Server {
	s := &Server{Host: host, rules: rules, now: now, network: network, accounts: map[string]*Account{}, known: map[string]*actor{}, seen: map[string]bool{}, gone: map[string]bool{}}
	s.service = &Account{server: s, Name: string(host), ID: host.Base() + "/actor", kind: "Application"}
	return s
}

// Account opens an account, or returns the one of that name.
func (s *Server) Account(name string) *Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[name]
	if a == nil {
		a = &Account{server: s, Name: name, ID: s.Host.Base() + "/users/" + name, kind: "Person", follows: map[string]string{}, blockedBy: map[string]bool{}}
		s.accounts[name] = a
	}
	return a
}

// Fail makes the server answer some activities with an error of its own, before it has
// looked at them: f returns the status, or 0. nil ends it.
func (s *Server) Fail(f func(*Activity) int) {
	s.mu.Lock()
	s.fail = f
	s.mu.Unlock()
}

// Received lists what came with a valid signature, in order, repetitions too.
func (s *Server) Received() []*Activity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.received)
}

// Fetches lists what received activities made the server fetch.
func (s *Server) Fetches() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.fetches)
}

// Rekeyed lists actors whose key the server found changed when it fetched them, without
// an Update that the key before had signed.
func (s *Server) Rekeyed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rekeyed)
}

// Posts lists what is stored, whoever may see it.
func (s *Server) Posts() []Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Post
	for _, p := range s.posts {
		out = append(out, *p)
	}
	return out
}

// keys holds one key for each account of the test binary: making one takes a good part
// of a second.
var keys sync.Map

func keyOf(id string) *rsa.PrivateKey {
	if k, ok := keys.Load(id); ok {
		return k.(*rsa.PrivateKey)
	}
	made, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	k, _ := keys.LoadOrStore(id, made)
	return k.(*rsa.PrivateKey)
}

func (a *Account) publicKey() object {
	der, err := x509.MarshalPKIXPublicKey(&a.secret().PublicKey)
	if err != nil {
		panic(err)
	}
	return object{"id": a.keyID(), "owner": a.ID, "publicKeyPem": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}
}

func (a *Account) keyID() string { return a.ID + a.server.rules.keyPath() }

// stub is what a key id that is a path answers with.
func (a *Account) stub() object {
	return object{"@context": []any{contextAS2, contextKeys}, "id": a.ID, "type": a.kind, "preferredUsername": a.Name, "publicKey": a.publicKey()}
}

func (a *Account) document() object {
	doc := a.stub()
	doc["inbox"], doc["outbox"], doc["followers"] = a.ID+"/inbox", a.ID+"/outbox", a.ID+"/followers"
	if shared := a.server.rules.sharedInbox(a.server.Host); shared != "" {
		doc["endpoints"] = object{"sharedInbox": shared}
	}
	return doc
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		answer(w, http.StatusBadRequest, nil)
		return
	}
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/users/"), "/")
	s.mu.Lock()
	account := s.accounts[name]
	closed := account != nil && account.closed
	s.mu.Unlock()
	if r.URL.Path == "/actor" {
		account, rest = s.service, ""
	}
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/.well-known/webfinger":
		s.webFinger(w, r)
	case r.Method == http.MethodPost && s.Host.Base()+r.URL.Path == s.rules.sharedInbox(s.Host):
		s.inbox(w, r, body, nil)
	case closed:
		answer(w, http.StatusGone, nil)
	case account == nil || !strings.HasPrefix(r.URL.Path, "/users/") && account != s.service:
		answer(w, http.StatusNotFound, nil)
	case r.Method == http.MethodPost && rest == "inbox":
		s.inbox(w, r, body, account)
	case r.Method == http.MethodGet && rest != "" && "/"+rest == s.rules.keyPath():
		answer(w, http.StatusOK, account.stub())
	case r.Method == http.MethodGet && rest == "":
		if s.rules.needsSignature() {
			if _, err := s.verify(r, nil, account); err != nil {
				answer(w, http.StatusUnauthorized, object{"error": err.Error()})
				return
			}
		}
		answer(w, http.StatusOK, account.document())
	default:
		answer(w, http.StatusNotFound, nil)
	}
}

func answer(w http.ResponseWriter, status int, doc object) {
	kind := "application/activity+json"
	if status >= 400 {
		kind = "application/json"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	if doc != nil {
		json.NewEncoder(w).Encode(doc)
	}
}

func (s *Server) webFinger(w http.ResponseWriter, r *http.Request) {
	handle := strings.TrimPrefix(r.URL.Query().Get("resource"), "acct:")
	name, host, _ := strings.Cut(handle, "@")
	s.mu.Lock()
	a := s.accounts[name]
	s.mu.Unlock()
	if a == nil || host != string(s.Host) {
		answer(w, http.StatusNotFound, nil)
		return
	}
	w.Header().Set("Content-Type", "application/jrd+json")
	json.NewEncoder(w).Encode(object{"subject": "acct:" + handle, "links": []any{object{"rel": "self", "type": "application/activity+json", "href": a.ID}}})
}

// inbox verifies, reads and applies one activity.
func (s *Server) inbox(w http.ResponseWriter, r *http.Request, body []byte, owner *Account) {
	signer, err := s.verify(r, body, owner)
	if err != nil {
		answer(w, http.StatusUnauthorized, object{"error": err.Error()})
		return
	}
	var doc object
	if err := json.Unmarshal(body, &doc); err != nil {
		answer(w, http.StatusBadRequest, object{"error": err.Error()})
		return
	}
	in := &Activity{Type: text(doc, "type"), ID: text(doc, "id"), Actor: id(doc["actor"]), Object: id(doc["object"]), ObjectType: text(embedded(doc, "object"), "type"),
		Inbox: s.Host.Base() + r.URL.Path, Raw: body, doc: doc}
	s.mu.Lock()
	s.received = append(s.received, in)
	switch {
	case s.fail != nil && s.fail(in) != 0:
		in.Status = s.fail(in)
	case in.Actor != signer.id:
		in.Status = http.StatusForbidden
	default:
		in.Status = s.rules.receive(s, in, owner)
	}
	status, announced := in.Status, in.Type == "Announce"
	s.mu.Unlock()
	if announced && status < 300 {
		s.announced(in, owner)
	}
	answer(w, status, nil)
}

// announced: both fetch what a Group announces, once, and show none of it.
func (s *Server) announced(in *Activity, owner *Account) {
	if owner == nil {
		owner = s.service
	}
	s.mu.Lock()
	s.fetches = append(s.fetches, in.Object)
	s.mu.Unlock()
	s.get(in.Object, s.rules.signsAs(s, owner))
}
