package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// foreign HOST STATUS serves software that is not ours under a name of loopback: one
// person, @eva@HOST, whose inbox answers every request with the status.
func foreign(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: foreign HOST STATUS")
	}
	base, person := "http://"+args[0], "http://"+args[0]+"/users/eva"
	status, err := strconv.Atoi(args[1])
	ts.Check(err)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	ts.Check(err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	ts.Check(err)
	page := func(w http.ResponseWriter, kind string, doc any) {
		w.Header().Set("Content-Type", kind)
		json.NewEncoder(w).Encode(doc)
	}
	type object = map[string]any
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/webfinger", func(w http.ResponseWriter, r *http.Request) {
		page(w, "application/jrd+json", object{"subject": "acct:eva@" + args[0], "links": []object{{"rel": "self", "type": "application/activity+json", "href": person}}})
	})
	mux.HandleFunc("GET /users/eva", func(w http.ResponseWriter, r *http.Request) {
		page(w, "application/activity+json", object{"@context": []string{"https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"}, "id": person, "type": "Person",
			"preferredUsername": "eva", "inbox": base + "/inbox", "followers": person + "/followers",
			"publicKey": object{"id": person + "#main-key", "owner": person, "publicKeyPem": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}})
	})
	mux.HandleFunc("POST /inbox", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })
	_, port, err := net.SplitHostPort(args[0])
	ts.Check(err)
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	ts.Check(err)
	server := &http.Server{Handler: mux}
	go server.Serve(l)
	ts.Defer(func() { server.Close() })
}
