package vocab

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func fullActor() *ActorDoc {
	return &ActorDoc{ID: group, Type: "Group", PreferredUsername: "r7", Name: "Regional working group 7",
		Inbox: group + "/inbox", Outbox: group + "/outbox", SharedInbox: "https://a.example/inbox",
		Followers: group + "/followers", Moderators: group + "/moderators", ManuallyApprovesFollowers: true,
		Rows:          []Row{{"Post", "Working group"}},
		RSA:           &RSAKey{group + "#rsa", group, "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"},
		Multikeys:     []Multikey{{group + "#ed-2026a", group, "z6MkKey"}},
		KeyHistory:    group + "/keys",
		InstanceActor: "https://a.example/actor", Implements: []string{CapabilityRFC9421, CapabilityEd25519, CapabilityValise},
		Ceiling: Grade{"https://w3id.org/valise/marking/v1", "LIMITED", 3}, Charter: group + "/charter", CharterDigest: "zQmC"}
}

func TestActorDocuments(t *testing.T) {
	d := fullActor()
	golden(t, "actor-full", d.Full())
	golden(t, "actor-minimal", d.Minimal())
	for _, raw := range [][]byte{d.Full(), d.Minimal()} {
		a, err := ParseActor(raw, production)
		if err != nil {
			t.Fatal(err)
		}
		if a.ID != d.ID || a.Type != "Group" || a.PreferredUsername != "r7" || a.Inbox != d.Inbox ||
			a.SharedInbox != d.SharedInbox || a.Followers != d.Followers || a.KeyHistory != d.KeyHistory ||
			!reflect.DeepEqual(a.RSA, []RSAKey{*d.RSA}) || !reflect.DeepEqual(a.Multikeys, d.Multikeys) ||
			!reflect.DeepEqual(a.Implements, d.Implements) || a.InstanceActor != d.InstanceActor ||
			!a.ManuallyApprovesFollowers || !a.HasImplements(CapabilityValise) || a.HasImplements("x") {
			t.Errorf("%+v", a)
		}
		if err := Check(a.Node); err != nil {
			t.Error(err)
		}
	}
	full, _ := ParseActor(d.Full(), production)
	if full.Name != d.Name || full.Moderators != d.Moderators || full.Ceiling != d.Ceiling || full.Charter != d.Charter {
		t.Errorf("%+v", full)
	}
	for _, private := range []string{d.Name, "outbox", "moderators", "PropertyValue\",\"name", "LIMITED", "zQmC"} {
		if strings.Contains(string(d.Minimal()), private) {
			t.Errorf("the minimal document, open to everybody, shows %s", private)
		}
	}
	d.RSA = nil
	if a, err := ParseActor(d.Minimal(), production); err != nil || len(a.RSA) != 0 {
		t.Errorf("without RSA: %v", err)
	}
}

func TestParseActorRefuses(t *testing.T) {
	actor := func(members string) string {
		return `{"@context":"` + ContextAS2 + `","id":"https://a.example/u","type":"Person","inbox":"https://a.example/u/in"` + members + `}`
	}
	key := func(n int) string {
		return fmt.Sprintf(`{"id":"https://a.example/u#k%d","owner":"https://a.example/u","publicKeyPem":"p"}`, n)
	}
	multikey := `{"id":"https://a.example/u#e","type":"Multikey","controller":"https://a.example/u","publicKeyMultibase":"z6Mk"}`
	keys := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, key(i))
		}
		return strings.Join(list, ",")
	}
	cases := []struct{ name, in, code string }{
		{"plain", actor(``), ""},
		{"keys in array", actor(`,"publicKey":[` + keys(2) + `]`), ""},
		{"ten keys", actor(`,"publicKey":[` + keys(9) + `],"assertionMethod":` + multikey), ""},
		{"keys by id", actor(`,"publicKey":"https://a.example/u#k","assertionMethod":["https://a.example/u#e"]`), ""},
		{"url list", actor(`,"url":[{"type":"Link","href":"https://a.example/"}]`), ""},
		{"two types", strings.Replace(actor(``), `"Person"`, `["x:Bot","Service"]`, 1), ""},
		{"eleven keys", actor(`,"publicKey":[` + keys(10) + `],"assertionMethod":` + multikey), CodeTooManyKeys},
		{"key without owner", actor(`,"publicKey":{"id":"https://a.example/u#k","publicKeyPem":"p"}`), CodeMissing},
		{"key without value", actor(`,"publicKey":{"id":"https://a.example/u#k","owner":"https://a.example/u"}`), CodeMissing},
		{"key id as array", actor(`,"publicKey":{"id":["https://a.example/u#k"],"owner":"https://a.example/u","publicKeyPem":"p"}`), CodeWrongType},
		{"key as number", actor(`,"publicKey":7`), CodeWrongType},
		{"multikey as number", actor(`,"assertionMethod":[7]`), CodeWrongType},
		{"pem as array", actor(`,"publicKey":{"id":"https://a.example/u#k","owner":"https://a.example/u","publicKeyPem":["p"]}`), CodeWrongType},
		{"inbox over http", strings.Replace(actor(``), "https://a.example/u/in", "http://a.example/u/in", 1), CodeInvalidIRI},
		{"inbox as array", strings.Replace(actor(``), `"https://a.example/u/in"`, `["https://a.example/u/in"]`, 1), CodeWrongType},
		{"id as array", strings.Replace(actor(``), `"https://a.example/u"`, `["https://a.example/u"]`, 1), CodeWrongType},
		{"no actor", strings.Replace(actor(``), `"Person"`, `"Note"`, 1), CodeUnknownType},
		{"nothing to use", strings.Replace(actor(``), `,"inbox":"https://a.example/u/in"`, ``, 1), CodeMissing},
		{"name as array", actor(`,"name":["x"]`), CodeWrongType},
		{"no object", `[]`, CodeWrongType},
	}
	for _, c := range cases {
		a, err := ParseActor([]byte(c.in), production)
		if got := codeOf(t, err); got != c.code || (a == nil) != (c.code != "") {
			t.Errorf("%s: code %q, want %q (%v)", c.name, got, c.code, err)
		}
	}
}

func TestCollectionsAndKeyHistory(t *testing.T) {
	retired := RetiredKey{Multikey: Multikey{group + "#ed-2025a", group, "z6MkOld"},
		Created: at("2025-01-01T00:00:00Z"), Revoked: at("2026-01-01T00:00:00Z"), Reason: RevokedRotation}
	golden(t, "retired-key", retired.Encode())
	n, _ := ParseJSON(retired.Encode())
	if back, err := ParseRetiredKey(n, production); err != nil || back != retired {
		t.Errorf("%+v, %v", back, err)
	}
	for _, change := range [][2]string{{`"revoked":"2026`, `"revoked":"2024`}, {`"rotation"`, `"boredom"`}, {`"created"`, `"creation"`}, {`"Multikey"`, `"Key"`}} {
		n, _ := ParseJSON([]byte(strings.Replace(string(retired.Encode()), change[0], change[1], 1)))
		if _, err := ParseRetiredKey(n, production); err == nil {
			t.Errorf("read a retired key with %s", change[1])
		}
	}
	history := Collection{ID: group + "/keys", AttributedTo: group, Total: 1, Items: [][]byte{retired.Encode()}}
	golden(t, "key-history", history.Encode())
	n, _ = ParseJSON(history.Encode())
	if items, next, err := ParsePage(n, production); err != nil || len(items) != 1 || next != "" || string(items[0].Raw()) != string(retired.Encode()) {
		t.Errorf("%v %v %v", items, next, err)
	}
	golden(t, "followers", Collection{ID: group + "/followers", Total: 12}.Encode())
	page := Page{ID: group + "/outbox/p/2", PartOf: group + "/outbox", Next: group + "/outbox/p/3", Items: [][]byte{ItemID("https://a.example/1")}}
	golden(t, "page", page.Encode())
	n, _ = ParseJSON(page.Encode())
	if items, next, err := ParsePage(n, production); err != nil || len(items) != 1 || next != page.Next {
		t.Errorf("%v %v %v", items, next, err)
	}
	n, _ = ParseJSON(Collection{ID: group + "/outbox", Total: 9, First: group + "/outbox/p/1"}.Encode())
	if items, next, err := ParsePage(n, production); err != nil || len(items) != 0 || next != group+"/outbox/p/1" {
		t.Errorf("%v %v %v", items, next, err)
	}
}

func FuzzParseActor(f *testing.F) {
	f.Add(fullActor().Full())
	f.Add(fullActor().Minimal())
	for _, s := range samples(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := ParseActor(raw, production)
		if err != nil {
			codeOf(t, err)
			return
		}
		if a.ID == "" || !IsActorType(a.Type) || len(a.RSA)+len(a.Multikeys) > MaxActorKeys {
			t.Fatalf("%+v", a)
		}
		for _, k := range a.RSA {
			if k.ID == "" || k.Owner == "" || k.PEM == "" {
				t.Fatalf("%+v", k)
			}
		}
		_ = Check(a.Node)
	})
}
