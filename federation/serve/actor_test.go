package serve_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/keyring"
	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

func (i *instance) parseActor(doc []byte) *vocab.Actor {
	i.t.Helper()
	a, err := vocab.ParseActor(doc, i.Rules)
	if err != nil {
		i.t.Fatalf("%v\n%s", err, doc)
	}
	return a
}

// endorsedBy checks the document's proof against a key of the instance actor.
func (i *instance) endorsedBy(doc []byte, key *models.Key) {
	i.t.Helper()
	public, err := sign.DecodeMultikey(key.Public)
	i.must(err)
	p, err := sign.ReadProof(doc)
	i.must(err)
	if p == nil || p.VerificationMethod != string(key.KeyID) {
		i.t.Fatalf("the proof is %+v, not by %s", p, key.KeyID)
	}
	i.must(sign.VerifyProof(doc, public))
}

func (i *instance) active(actor iri.IRI) *models.Key {
	k, err := models.ActiveKey(i.t.Context(), i.Store.R, actor, string(sign.Ed25519))
	i.must(err)
	return k
}

func TestActorDocuments(t *testing.T) {
	i := world(t)
	instanceKey := i.active(base + "/actor")
	cases := []struct {
		name string
		who  iri.IRI
		path string
		full bool
	}{
		{"nobody", "", "/o/desk", false},
		{"a stranger", tom, "/o/desk", false},
		{"a suspended host", sue, "/o/desk", false},
		{"accredited", eve, "/o/desk", true},
		{"accredited origin", embassyActor, "/u/anna", true},
		{"guest, Form A", instituteActor, "/g/r7", true},
		{"guest, Form B", max, "/g/r7", true},
		{"nobody, community", "", "/g/r7", false},
		{"nobody, person", "", "/u/anna", false},
		{"nobody, instance actor", "", "/actor", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := i.ask(c.who, http.MethodGet, c.path)
			if w.Code != ok || w.Header().Get("Content-Type") != "application/activity+json" {
				t.Fatalf("%d %v", w.Code, w.Header())
			}
			i.endorsedBy(w.Body.Bytes(), instanceKey)
			a := i.parseActor(w.Body.Bytes())
			id := iri.IRI(base + c.path)
			if a.ID != id || a.Inbox != id+"/inbox" || a.Followers != id+"/followers" || a.KeyHistory != id+"/keys" ||
				a.SharedInbox != base+"/inbox" || len(a.Multikeys) != 1 || a.InstanceActor != base+"/actor" || !a.HasImplements(vocab.CapabilityValise) {
				t.Errorf("the document lacks what verification needs: %s", a.Raw)
			}
			if full := a.Name != "" && a.Outbox != ""; full != c.full {
				t.Errorf("full is %v: %s", full, a.Raw)
			}
			if c.path == "/g/r7" && c.full && (a.Ceiling.Level != "LIMITED" || a.CharterDigest != "zQmcharter" || a.Moderators != group+"/moderators") {
				t.Errorf("the community tells %s", a.Raw)
			}
			if !c.full && (a.Ceiling.Level != "" || a.CharterDigest != "" || a.Moderators != "") {
				t.Errorf("the minimal document tells too much: %s", a.Raw)
			}
		})
	}
	for _, path := range []string{"/o/nobody", "/u/desk", "/o/DESK", "/g/r7/x"} {
		if w := i.ask(ben, http.MethodGet, path); w.Code != none {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if i.network.Load() != 0 {
		t.Error("an actor document waited for the network")
	}
}

func TestActorDocumentCache(t *testing.T) {
	i := world(t)
	get := func() []byte { return i.ask(eve, http.MethodGet, "/o/desk").Body.Bytes() }
	first := get()
	i.now = i.now.Add(time.Minute)
	if !bytes.Equal(get(), first) {
		t.Error("the document was proven again though nothing changed")
	}
	i.Forget()
	if bytes.Equal(get(), first) {
		t.Error("the document survived Forget")
	}

	// The RSA key is made when first needed; a peer that looks for it must find it.
	_, err := i.Keys.Signer(t.Context(), nil, office, sign.RSA, i.now)
	i.must(err)
	if a := i.parseActor(get()); len(a.RSA) != 1 || a.RSA[0].ID != office+"#rsa" {
		t.Errorf("the new RSA key is not shown: %s", a.Raw)
	}
}

func TestRotation(t *testing.T) {
	i := world(t)
	i.ask(eve, http.MethodGet, "/o/desk")
	old, instanceKey := i.active(office), i.active(base+"/actor")
	row, err := models.ActorByIRI(t.Context(), i.Store.R, office)
	i.must(err)
	var inside []byte
	for n := range 2 {
		i.now = i.now.Add(time.Hour)
		i.tx(func(ctx context.Context, tx bun.Tx) error {
			if _, err := i.Keys.Rotate(ctx, tx, office, base+"/actor", "due", n == 1, i.now.Add(-time.Minute), i.now); err != nil {
				return err
			}
			inside, err = i.ActorDocument(ctx, tx, row, true)
			return err
		})
		i.Keys.Forget()
		i.Forget()
	}
	fresh := i.active(office)
	for _, doc := range [][]byte{inside, i.ask("", http.MethodGet, "/o/desk").Body.Bytes()} {
		i.endorsedBy(doc, instanceKey)
		if a := i.parseActor(doc); len(a.Multikeys) != 1 || a.Multikeys[0].ID != fresh.KeyID {
			t.Errorf("the document lists %v, not the new key", a.Multikeys)
		}
	}

	w := i.ask("", http.MethodGet, "/o/desk/keys")
	if id, _ := mustNode(t, w.Body.Bytes()).Get("id").Str(); w.Code != ok || id != string(office)+"/keys" {
		t.Fatalf("the key history: %d %s", w.Code, w.Body)
	}
	list, _ := items(t, i, "", "/o/desk/keys")
	if len(list) != 2 {
		t.Fatalf("%d entries in the key history", len(list))
	}
	newest, err := vocab.ParseRetiredKey(list[0].Get("object"), i.Rules)
	i.must(err)
	oldest, err := vocab.ParseRetiredKey(list[1].Get("object"), i.Rules)
	i.must(err)
	if oldest.ID != old.KeyID || oldest.Reason != vocab.RevokedRotation || newest.Reason != vocab.RevokedCompromise {
		t.Errorf("the history is not newest first: %v, %v", newest, oldest)
	}
	for _, e := range list {
		i.endorsedBy(e.Raw(), instanceKey)
	}
	i.endorsedBy(list[0].Get("object").Raw(), fresh)
}

func TestInstanceKeyRotation(t *testing.T) {
	i := world(t)
	old := i.active(base + "/actor")
	row, err := models.ActorByIRI(t.Context(), i.Store.R, base+"/actor")
	i.must(err)
	var endorsed []byte
	i.now = i.now.Add(time.Hour)
	i.tx(func(ctx context.Context, tx bun.Tx) error {
		var turn *keyring.Rotation
		if turn, err = i.Keys.Rotate(ctx, tx, row.IRI, row.IRI, "due", false, i.now, i.now); err != nil {
			return err
		}
		plain, err := i.UnprovenActorDocument(ctx, tx, row, true)
		if err != nil {
			return err
		}
		endorsed, err = turn.Endorse(plain)
		return err
	})
	i.endorsedBy(endorsed, old)
	i.Keys.Forget()
	i.Forget()
	fresh := i.active(base + "/actor")
	if a := i.parseActor(endorsed); len(a.Multikeys) != 1 || a.Multikeys[0].ID != fresh.KeyID {
		t.Errorf("the old key endorsed %v", a.Multikeys)
	}
	i.endorsedBy(i.ask("", http.MethodGet, "/o/desk").Body.Bytes(), fresh)
}

func mustNode(t *testing.T, doc []byte) *vocab.Node {
	t.Helper()
	n, err := vocab.ParseJSON(doc)
	if err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	return n
}
