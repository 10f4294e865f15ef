package cluster_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/node"
	"valise/federation/policy"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/instance/accreditation"
	"valise/models"
	"valise/models/iri"
)

const outlawHost iri.Host = "outlaw.example"

// outlaw is a host whose keys and documents the tests hold, and which obeys nothing.
type outlaw struct {
	t        testing.TB
	c        *cluster.Cluster
	host     iri.Host
	instance *figure

	mu      sync.Mutex
	figures map[string]*figure                 // by path
	pages   map[string]func() (string, []byte) // other GET addresses: type and body
	got     [][]byte                           // what was posted to it
}

// newOutlaw puts the host into the cluster, with its instance actor alone.
func newOutlaw(t testing.TB, c *cluster.Cluster, host iri.Host) *outlaw {
	o := &outlaw{t: t, c: c, host: host, figures: map[string]*figure{}, pages: map[string]func() (string, []byte){}}
	o.instance = o.figure(models.TypeApplication, "/actor")
	c.Foreign(host, o)
	return o
}

// figure is one actor of an outlaw. It signs with its current Ed25519 key.
type figure struct {
	o       *outlaw
	id      iri.IRI
	kind    string
	own     bool // claims to run our software
	keyID   string
	private ed25519.PrivateKey
	history [][]byte
	// endorser signs its document; nil for the instance actor's current key.
	endorser sign.Signer
	// edit changes its document before it is endorsed.
	edit func(d *vocab.ActorDoc)
}

func (o *outlaw) figure(kind, path string) *figure {
	f := &figure{o: o, id: o.at(path), kind: kind, own: true}
	f.rekey("1")
	o.mu.Lock()
	o.figures[path] = f
	o.mu.Unlock()
	return f
}

func (o *outlaw) at(path string) iri.IRI { return iri.IRI(o.host.Base() + path) }

// rekey gives the figure another key under another fragment, and returns the old one.
func (f *figure) rekey(fragment string) sign.Signer {
	old := *f
	_, private, err := ed25519.GenerateKey(rand.Reader)
	cluster.Must(f.o.t, err)
	f.private, f.keyID = private, string(f.id)+"#ed-"+fragment
	return &old
}

func (f *figure) KeyID() string                 { return f.keyID }
func (f *figure) Type() sign.KeyType            { return sign.Ed25519 }
func (f *figure) Sign(m []byte) ([]byte, error) { return ed25519.Sign(f.private, m), nil }
func (f *figure) public() ed25519.PublicKey     { return f.private.Public().(ed25519.PublicKey) }

func (f *figure) document() []byte {
	o := f.o
	d := vocab.ActorDoc{ID: f.id, Type: f.kind, PreferredUsername: f.id.Path()[strings.LastIndexByte(f.id.Path(), '/')+1:], Name: "Outlaw " + f.id.Path(),
		Inbox: f.id + "/inbox", Outbox: f.id + "/outbox", SharedInbox: o.at("/inbox"), Followers: f.id + "/followers", KeyHistory: f.id + "/keys", InstanceActor: o.at("/actor"),
		Multikeys: []vocab.Multikey{{ID: iri.IRI(f.keyID), Controller: f.id, PublicKeyMultibase: sign.EncodeEd25519(f.public())}}}
	if f.own {
		d.Implements = []string{vocab.CapabilityRFC9421, vocab.CapabilityEd25519, vocab.CapabilityValise}
	}
	if f.edit != nil {
		f.edit(&d)
	}
	by := f.endorser
	if by == nil {
		by = o.instance
	}
	return prove(o.t, by, d.Full(), o.c.Clock.Now())
}

func prove(t testing.TB, by sign.Signer, doc []byte, at time.Time) []byte {
	t.Helper()
	out, err := sign.Prove(doc, by, at)
	cluster.Must(t, err)
	return out
}

// retire puts the key into the figure's history as the protocol wants it: signed by its
// successor, vouched for by the instance actor.
func (f *figure) retire(old sign.Signer, created, revoked time.Time, reason string) {
	entry := vocab.RetiredKey{Multikey: vocab.Multikey{ID: iri.IRI(old.KeyID()), Controller: f.id, PublicKeyMultibase: sign.EncodeEd25519(old.(*figure).public())},
		Created: created, Revoked: revoked, Reason: reason}.Encode()
	entry = prove(f.o.t, f, entry, revoked)
	by := sign.Signer(f.o.instance)
	if f == f.o.instance {
		by = old
	}
	f.history = append([][]byte{prove(f.o.t, by, vocab.Vouched(f.o.instance.id, entry), revoked)}, f.history...)
}

func (o *outlaw) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		body, _ := io.ReadAll(r.Body)
		o.mu.Lock()
		o.got = append(o.got, body)
		o.mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
		return
	}
	o.mu.Lock()
	f, page, past := o.figures[r.URL.Path], o.pages[r.URL.Path], o.figures[strings.TrimSuffix(r.URL.Path, "/keys")]
	o.mu.Unlock()
	kind, body := "application/activity+json", []byte(nil)
	switch {
	case page != nil:
		kind, body = page()
	case f != nil:
		body = f.document()
	case past != nil:
		body = vocab.Collection{ID: past.id + "/keys", AttributedTo: past.id, Total: int64(len(past.history)), Items: past.history}.Encode()
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Write(body)
}

// received tells whether something that holds the text was posted to the outlaw.
func (o *outlaw) received(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, b := range o.got {
		if bytes.Contains(b, []byte(text)) {
			return true
		}
	}
	return false
}

// accredit has an instance of the cluster propose to the outlaw, which accepts.
func (o *outlaw) accredit(h iri.Host) {
	o.t.Helper()
	ctx := context.Background()
	n := o.c.Nodes[h]
	_, err := n.Accreditation.Propose(ctx, "test", string(o.host), accreditation.Terms{Fingerprint: sign.Fingerprint(o.instance.public())})
	cluster.Must(o.t, err)
	o.c.Settle()
	peer, err := models.PeerByHost(ctx, n.Store.R, o.host)
	cluster.Must(o.t, err)
	accept := vocab.Answer{Envelope: o.envelope(o.instance, n.Own.Base()+"/actor"), Subject: vocab.Subject{ID: peer.OfferID}}.Accept()
	o.send(o.instance, iri.IRI(n.Own.Base()+"/actor/inbox"), prove(o.t, o.instance, accept, o.c.Clock.Now())).mustBe(o.t, 202, "")
	o.c.Settle()
	if peer, err = models.PeerByHost(ctx, n.Store.R, o.host); err != nil || peer.State != models.PeerAccredited {
		o.t.Fatalf("the outlaw is %v at %s: %v", peer, h, err)
	}
}

var serial struct {
	sync.Mutex
	n int
}

// next is an id that nobody has used.
func (o *outlaw) next(segment string) iri.IRI {
	serial.Lock()
	defer serial.Unlock()
	serial.n++
	return o.at(fmt.Sprintf("/%s/%04d", segment, serial.n))
}

func (o *outlaw) envelope(by *figure, to ...string) vocab.Envelope {
	e := vocab.Envelope{ID: o.next("a"), Actor: by.id, Published: o.c.Clock.Now()}
	for _, t := range to {
		e.To = append(e.To, iri.IRI(t))
	}
	return e
}

// article is a dispatch that would be accepted: edit makes it one that is not.
func (o *outlaw) article(by *figure, to iri.IRI, edit func(*vocab.Dispatch)) *vocab.Dispatch {
	d := &vocab.Dispatch{ID: o.next("d"), AttributedTo: by.id, To: []iri.IRI{to}, Name: "Forged " + string(to), Content: "<p>Secret of the outlaw.</p>", Published: o.c.Clock.Now(),
		ReferenceNumber: "OUTLAW 2026/000001", DispatchType: "cable", Precedence: vocab.Grade{Scheme: "https://w3id.org/valise/precedence/v1", Level: "PRIORITY", Rank: 2},
		Marking: vocab.Grade{Scheme: "https://w3id.org/valise/marking/v1", Level: "LIMITED", Rank: 3}, ActionAddressee: []iri.IRI{to}, Version: 1, AuthenticLanguage: "en"}
	if edit != nil {
		edit(d)
	}
	return d
}

// create is the signed Create of a signed dispatch.
func (o *outlaw) create(by *figure, d *vocab.Dispatch) []byte {
	now := o.c.Clock.Now()
	c := vocab.Create{Envelope: vocab.Envelope{ID: o.next("a"), Actor: by.id, To: d.To, Cc: d.Cc, Audience: d.Audience, Published: now}, Object: prove(o.t, by, d.Encode(), now)}
	return prove(o.t, by, c.Encode(), now)
}

// request is a POST that is not signed yet.
func request(t testing.TB, to iri.IRI, body []byte) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, string(to), bytes.NewReader(body))
	cluster.Must(t, err)
	r.Header.Set("Content-Type", "application/activity+json")
	return r
}

// send posts a body, signed as our own software signs.
func (o *outlaw) send(by sign.Signer, to iri.IRI, body []byte) answer {
	o.t.Helper()
	r := request(o.t, to, body)
	cluster.Must(o.t, sign.SignRFC9421(r, body, by, o.c.Clock.Now()))
	return o.do(r)
}

func (o *outlaw) do(r *http.Request) answer {
	o.t.Helper()
	res, err := o.c.Transport(o.host).RoundTrip(r)
	cluster.Must(o.t, err)
	body, err := io.ReadAll(res.Body)
	cluster.Must(o.t, err)
	a := answer{status: res.StatusCode, body: body, header: res.Header}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") {
		var p struct {
			Type, Title, Detail string
			Status              int
		}
		if err := json.Unmarshal(body, &p); err != nil || p.Status != res.StatusCode || p.Detail == "" {
			o.t.Errorf("the problem document is broken: %s", body)
		}
		a.code = strings.TrimPrefix(p.Type, policy.ProblemBase)
	}
	return a
}

// answer is what a sender sees.
type answer struct {
	status int
	code   string // last part of the problem's type
	body   []byte
	header http.Header
}

func (a answer) mustBe(t testing.TB, status int, code string) {
	t.Helper()
	if a.status != status || a.code != code {
		t.Errorf("answered %d %q, wanted %d %q: %s", a.status, a.code, status, code, a.body)
	}
}

// journal is what the operators see in their logs.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) since(mark int) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()[mark:]
}

func (j *journal) mark() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Len()
}

// kept are the tables that a refusal must leave as they are. What it may change: keys
// and documents that were fetched to find out, and how hosts answer.
var kept = strings.Fields(`arrivals dispatches addressees attachments evidence dispatch_references registrations communities members invitations
	community_log comments bulletins notices peers activities deliveries offices mandates drafts draft_revisions clearances reference_counters audit`)

// state is a digest of each kept table.
func state(t testing.TB, n *node.Node) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, table := range kept {
		rows, err := n.Store.R.QueryContext(context.Background(), "SELECT * FROM "+table+" ORDER BY 1, 2")
		cluster.Must(t, err)
		columns, err := rows.Columns()
		cluster.Must(t, err)
		sum, count := sha256.New(), 0
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			cluster.Must(t, rows.Scan(values...))
			for _, v := range values {
				fmt.Fprintf(sum, "%v|", *v.(*any))
			}
			count++
		}
		cluster.Must(t, rows.Err())
		rows.Close()
		out[table] = fmt.Sprintf("%d rows %x", count, sum.Sum(nil)[:6])
	}
	return out
}

func same(t testing.TB, before, after map[string]string) {
	t.Helper()
	for _, table := range kept {
		if before[table] != after[table] {
			t.Errorf("%s changed: %s, before %s", table, after[table], before[table])
		}
	}
}

// refused holds one act to a refusal: the answer with its reason, nothing changed at the
// instance then or after everything has settled, and a line for the operator.
func (o *outlaw) refused(t testing.TB, j *journal, h iri.Host, status int, code string, act func() answer) {
	t.Helper()
	before, mark := state(t, o.c.Nodes[h]), j.mark()
	a := act()
	a.mustBe(t, status, code)
	if !strings.Contains(j.since(mark), "rule="+code) {
		t.Errorf("the operator's log does not name the rule %s: %s", code, j.since(mark))
	}
	o.c.Settle()
	same(t, before, state(t, o.c.Nodes[h]))
	if a.status == 503 && a.header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
}

// rsaKey is shared: making one takes a good part of a second.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})
