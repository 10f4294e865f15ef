package peers

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
)

// Close closes an account: its document, its key and its inbox answer 410 from then on.
func (a *Account) Close() {
	a.server.mu.Lock()
	a.closed = true
	a.server.mu.Unlock()
}

// TellClosed sends the Delete of the account by itself to whomever it followed, as both do
// when they have closed one. signer is the account itself, or another of the server. It
// returns the statuses of the answers.
func (a *Account) TellClosed(signer *Account) []int {
	s := a.server
	body, err := json.Marshal(object{"@context": contextAS2, "id": a.ID + "#delete", "type": "Delete", "actor": a.ID, "to": []any{public}, "object": a.ID})
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	var inboxes []string
	for who := range a.follows {
		if to := s.known[who]; to != nil {
			inboxes = append(inboxes, to.inbox)
		}
	}
	s.mu.Unlock()
	var out []int
	for _, inbox := range inboxes {
		r, err := http.NewRequest(http.MethodPost, inbox, nil)
		if err != nil {
			panic(err)
		}
		r.Header.Set("Content-Type", "application/activity+json")
		signer.sign(r, body)
		status, _ := s.do(r)
		out = append(out, status)
	}
	return out
}

// LoseKey gives the account another key, of which nobody is told.
func (a *Account) LoseKey() {
	made, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	a.server.mu.Lock()
	a.key = made
	a.server.mu.Unlock()
}

// secret is the account's key.
func (a *Account) secret() *rsa.PrivateKey {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	if a.key != nil {
		return a.key
	}
	return keyOf(a.ID)
}
