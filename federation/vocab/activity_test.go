package vocab

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"valise/models/iri"
)

func envelope() Envelope {
	return Envelope{ID: "https://b.example/act/01J", Actor: "https://b.example/m/paris",
		To: []iri.IRI{group, group + "/followers"}, Cc: []iri.IRI{"https://a.example/u/desk-europe"},
		Audience: group, Published: at("2026-09-01T08:00:00Z")}
}

func TestParseActivity(t *testing.T) {
	raw := Create{Envelope: envelope(), Object: sample().Encode()}.Encode()
	raw = AppendMember(raw, "proof", []byte(`{"type":"DataIntegrityProof"}`))
	a, err := ParseActivity(raw, production)
	if err != nil {
		t.Fatal(err)
	}
	if a.ID != "https://b.example/act/01J" || a.Type != "Create" || a.Actor != "https://b.example/m/paris" ||
		len(a.To) != 2 || len(a.Cc) != 1 || len(a.Audience) != 1 || a.Public || !a.HasProof ||
		a.ObjectID != "https://b.example/d/01J" || a.ObjectType != "Article" || a.Object == nil ||
		!a.Published.Equal(at("2026-09-01T08:00:00Z")) {
		t.Errorf("%+v", a)
	}
	if !bytes.Equal(a.Raw, raw) || !bytes.Equal(a.Object.Raw(), sample().Encode()) {
		t.Error("bytes changed")
	}
}

func TestParseActivityShapes(t *testing.T) {
	wrap := func(members string) string {
		return `{"@context":"` + ContextAS2 + `","id":"https://b.example/1","actor":"https://b.example/u",` + members + `}`
	}
	follow := func(more string) string { return wrap(`"type":"Follow","object":"https://a.example/g"` + more) }
	many := func(n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(`"https://a.example/u",`, n), ",") + "]"
	}
	cases := []struct{ name, in, code string }{
		{"plain", follow(``), ""},
		{"scalar to", follow(`,"to":"https://a.example/g"`), ""},
		{"object to", follow(`,"to":{"id":"https://a.example/g"}`), ""},
		{"most recipients", follow(`,"to":` + many(512)), ""},
		{"type in array", wrap(`"type":["x:Y","Follow"],"object":"https://a.example/g"`), ""},
		{"prefixed type", wrap(`"type":"as:Follow","object":"https://a.example/g"`), ""},
		{"full type", wrap(`"type":"https://www.w3.org/ns/activitystreams#Follow","object":"https://a.example/g"`), ""},
		{"object in list of one", wrap(`"type":"Like","object":["https://a.example/1"]`), ""},
		{"object without id", wrap(`"type":"Create","object":{"type":"Note"}`), ""},
		{"question", wrap(`"type":"Question"`), ""},
		{"empty bcc", follow(`,"bcc":[],"bto":null`), ""},
		{"recipient over http", follow(`,"to":["http://old.example/u"]`), ""},

		{"not an object", `["x"]`, CodeWrongType},
		{"no context", `{"id":"https://b.example/1"}`, CodeContext},
		{"id as array", `{"@context":"` + ContextAS2 + `","id":["https://b.example/1"],"type":"Follow","actor":"https://b.example/u","object":"https://a.example/g"}`, CodeWrongType},
		{"id as number", `{"@context":"` + ContextAS2 + `","id":1,"type":"Follow","actor":"https://b.example/u","object":"https://a.example/g"}`, CodeWrongType},
		{"id null", `{"@context":"` + ContextAS2 + `","id":null,"type":"Follow","actor":"https://b.example/u","object":"https://a.example/g"}`, CodeMissing},
		{"id empty", `{"@context":"` + ContextAS2 + `","id":"","type":"Follow","actor":"https://b.example/u","object":"https://a.example/g"}`, CodeInvalidIRI},
		{"id under localhost", `{"@context":"` + ContextAS2 + `","id":"http://b.localhost/1","type":"Follow","actor":"https://b.example/u","object":"https://a.example/g"}`, CodeInvalidIRI},
		{"NUL in id", `{"@context":"` + ContextAS2 + `","id":"https://b.example/\u0000"}`, CodeNUL},
		{"actor as array", `{"@context":"` + ContextAS2 + `","id":"https://b.example/1","type":"Follow","actor":["https://b.example/u"],"object":"https://a.example/g"}`, CodeWrongType},
		{"actor without id", `{"@context":"` + ContextAS2 + `","id":"https://b.example/1","type":"Follow","actor":{"type":"Person"},"object":"https://a.example/g"}`, CodeMissing},
		{"actor missing", `{"@context":"` + ContextAS2 + `","id":"https://b.example/1","type":"Follow","object":"https://a.example/g"}`, CodeMissing},
		{"type missing", wrap(`"object":"https://a.example/g"`), CodeMissing},
		{"type as object", wrap(`"type":{},"object":"https://a.example/g"`), CodeMissing},
		{"type as number in array", wrap(`"type":["Follow",1],"object":"https://a.example/g"`), ""},
		{"unknown type", wrap(`"type":"EmojiReact","object":"https://a.example/g"`), CodeUnknownType},
		{"object type as activity", wrap(`"type":"Note","object":"https://a.example/g"`), CodeUnknownType},
		{"object missing", wrap(`"type":"Follow"`), CodeMissing},
		{"object null", wrap(`"type":"Follow","object":null`), CodeMissing},
		{"object number", wrap(`"type":"Follow","object":7`), CodeWrongType},
		{"two objects", wrap(`"type":"Follow","object":["https://a.example/1","https://a.example/2"]`), CodeWrongType},
		{"object id as array", wrap(`"type":"Create","object":{"id":["https://a.example/1"]}`), CodeWrongType},
		{"too many recipients", follow(`,"cc":` + many(513)), CodeTooMany},
		{"number among recipients", follow(`,"to":["https://a.example/g",7]`), CodeWrongType},
		{"array among recipients", follow(`,"to":[["https://a.example/g"]]`), CodeWrongType},
		{"bto", follow(`,"bto":["https://a.example/u"]`), CodeBlind},
		{"bcc of the object", wrap(`"type":"Create","object":{"type":"Note","bcc":"https://a.example/u"}`), CodeBlind},
		{"published", follow(`,"published":"soon"`), CodeInvalidTime},
		{"published as array", follow(`,"published":["2026-09-01T08:00:00Z"]`), CodeInvalidTime},
	}
	for _, c := range cases {
		a, err := ParseActivity([]byte(c.in), production)
		if got := codeOf(t, err); got != c.code || (a == nil) != (c.code != "") {
			t.Errorf("%s: code %q, want %q (%v)", c.name, got, c.code, err)
		}
	}
}

func TestPublicAndUnread(t *testing.T) {
	for _, public := range []string{"Public", "as:Public", string(Public), "htTps://WWW.w3.org/ns/activitystreams#Public", "https://www.w3.org:443/ns/activitystreams#Public"} {
		for _, where := range []string{`"to":["%s","https://a.example/g"]`, `"to":"https://a.example/g","cc":"%s"`,
			`"to":"https://a.example/g","audience":{"id":"%s"}`,
			`"to":"https://a.example/g","object":{"id":"https://b.example/2","type":"Create","object":{"type":"Note","to":["%s"]}}`} {
			members := fmt.Sprintf(where, public)
			if !strings.Contains(members, `"object"`) {
				members += `,"object":"https://b.example/2"`
			}
			a, err := ParseActivity([]byte(`{"@context":"`+ContextAS2+`","id":"https://b.example/1","type":"Announce","actor":"https://b.example/u",`+members+`}`), production)
			if err != nil {
				t.Fatal(err)
			}
			if !a.Public || !reflect.DeepEqual(a.To, []iri.IRI{"https://a.example/g"}) || len(a.Cc)+len(a.Audience) != 0 {
				t.Errorf("%s: public %v to %v cc %v audience %v", members, a.Public, a.To, a.Cc, a.Audience)
			}
		}
	}
	a, err := ParseActivity([]byte(`{"@context":"`+ContextAS2+`","id":"https://b.example/1","type":"Like","actor":{"id":"https://b.example/u"},"object":"https://b.example/2","to":["http://old.example/u","https://a.example/g"]}`), production)
	if err != nil || a.Unread != 1 || len(a.To) != 1 || a.Actor != "https://b.example/u" {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestLoopbackRules(t *testing.T) {
	raw := []byte(`{"@context":"` + ContextAS2 + `","id":"http://b.localhost:7002/1","type":"Follow","actor":"http://b.localhost:7002/u","object":"http://a.localhost:7001/g"}`)
	if _, err := ParseActivity(raw, iri.Rules{Loopback: true}); err != nil {
		t.Error(err)
	}
	if _, err := ParseActivity(raw, production); codeOf(t, err) != CodeInvalidIRI {
		t.Error("a production instance read ids under .localhost")
	}
}

func FuzzParseActivity(f *testing.F) {
	f.Add(Create{Envelope: envelope(), Object: sample().Encode()}.Encode())
	f.Add(Announce{Envelope: envelope(), Sequence: 1, Object: Create{Envelope: envelope(), Object: sample().Encode()}.Encode()}.Encode())
	for _, s := range samples(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := ParseActivity(raw, production)
		if err != nil {
			codeOf(t, err)
			return
		}
		if a.ID == "" || a.Actor == "" || types[a.Type] != classActivity {
			t.Fatalf("incomplete: %+v", a)
		}
		for _, list := range [][]iri.IRI{a.To, a.Cc, a.Audience} {
			if len(list) > MaxRecipients {
				t.Fatal("too many recipients")
			}
			for _, id := range list {
				if id == "" || IsPublic(string(id)) {
					t.Fatalf("recipient %q", id)
				}
			}
		}
		_, _ = a.Inner(production)
		_, _, _ = a.Sequence()
		_, _, _ = ParseReceipt(a)
		_, _ = ParseInvite(a, production)
		_, _ = ParseOffer(a, production)
		_, _ = ParseTombstone(a, production)
		_, _ = ParseNote(a.Object, production)
		if a.Object != nil {
			_, _ = ReadActor(a.Object, production)
		}
		_ = Check(a.Node)
	})
}
