package access_test

import (
	"strings"
	"testing"

	"valise/instance/access"
	"valise/models/iri"
)

// Passkeys and links work on a federation of one machine too: the host name without its
// port is what authenticators know, the port is part of the origin.
func TestNamesOfThisInstance(t *testing.T) {
	for _, name := range []iri.Host{"ministry.example", "ministry.example:8443", "ministry.localhost:8101", "valise.localhost:8080"} {
		a, err := access.New(access.Options{Own: name, Keys: simple(t).Keys, Now: simple(t).Now})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		options, _, err := a.BeginSignIn()
		if err != nil || !strings.Contains(string(options), `"rpId":"`+name.Name()+`"`) {
			t.Errorf("%s: %s %v", name, options, err)
		}
	}
}
