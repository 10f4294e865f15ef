package vocab

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
)

func TestContextDocumentIsPinned(t *testing.T) {
	sum := sha256.Sum256(ContextDocument)
	if got := hex.EncodeToString(sum[:]); got != ContextDigest {
		t.Fatalf("the context document has digest %s, pinned is %s: a published context never changes", got, ContextDigest)
	}
	var doc struct {
		Context map[string]any `json:"@context"`
	}
	if err := json.Unmarshal(ContextDocument, &doc); err != nil {
		t.Fatal(err)
	}
	for _, term := range strings.Fields(`referenceNumber dispatchType precedence marking paragraphs actionAddressee
		infoAddressee signatory references receiptRequested validFrom validUntil version previousVersion changeNote
		authenticLanguage receiptType registryNumber objectDigest sequence previousDigest salt withheld attestedFor
		receivedDigest receivedAt keyHistory revocationReason disposition supersededBy sponsor role ceiling
		charterDigest charter fingerprint affiliation contact size retained historyFrom reason scheme level rank
		accreditation digest`) {
		if doc.Context[term] == nil {
			t.Errorf("term %s is not in the context document", term)
		}
	}
	for term := range doc.Context {
		if as2Members[term] || KnownType(term) {
			t.Errorf("the context document redefines %s of AS2", term)
		}
	}
}

func TestCheckContext(t *testing.T) {
	with := func(context string) string { return `{"@context":` + context + `,"type":"Note"}` }
	as2 := `"` + ContextAS2 + `"`
	cases := []struct{ name, in, code string }{
		{"string", with(as2), ""},
		{"array", with(CTX), ""},
		{"embedded contexts", `{"@context":` + CTX + `,"object":{"@context":` + CTX + `,"proof":{"@context":` + CTX + `}}}`, ""},
		{"foreign terms", with(`[` + as2 + `,"https://w3id.org/security/v1",{"toot":"http://joinmastodon.org/ns#","sensitive":"as:sensitive","featured":{"@id":"toot:featured","@type":"@id"}}]`), ""},
		{"language", with(`[` + as2 + `,{"@language":"und"}]`), ""},
		{"same meaning", with(`[` + as2 + `,{"content":"as:content","id":"@id","type":"@type","object":{"@id":"https://www.w3.org/ns/activitystreams#object","@type":"@id"},"inbox":"ldp:inbox"}]`), ""},
		{"size of PeerTube", with(`[` + as2 + `,{"pt":"https://joinpeertube.org/ns#","size":{"@id":"pt:size"}}]`), ""},
		{"our actors", with(actorContext), ""},

		{"none", `{"type":"Note"}`, CodeContext},
		{"null", `{"@context":null,"type":"Note"}`, CodeContext},
		{"other", with(`"https://schema.org"`), CodeContext},
		{"object only", with(`{"as":"https://www.w3.org/ns/activitystreams#"}`), CodeContext},
		{"null after AS2", with(`[` + as2 + `,null]`), CodeContextRedefines},
		{"embedded null context", `{"@context":` + as2 + `,"object":{"@context":null}}`, CodeContextRedefines},
		{"nested array", with(`[` + as2 + `,[{"content":"x:y"}]]`), CodeContextRedefines},
		{"redefined", with(`[` + as2 + `,{"content":"https://evil.example/#content"}]`), CodeContextRedefines},
		{"redefined type", with(`[` + as2 + `,{"Note":"as:Tombstone"}]`), CodeContextRedefines},
		{"redefined by null", with(`[` + as2 + `,{"attributedTo":null}]`), CodeContextRedefines},
		{"redefined prefix", with(`[` + as2 + `,{"as":"https://evil.example/#"}]`), CodeContextRedefines},
		{"redefined deep", `{"@context":` + as2 + `,"object":{"tag":[{"@context":{"actor":"x:y"}}]}}`, CodeContextRedefines},
		{"alias of id", with(`[` + as2 + `,{"url":"@id"}]`), CodeContextRedefines},
		{"foreign alias", with(`[` + as2 + `,{"x":"@graph"}]`), CodeContextRedefines},
		{"scoped context", with(`[` + as2 + `,{"Thing":{"@id":"x:Thing","@context":{"content":"x:y"}}}]`), CodeContextRedefines},
		{"base", with(`[` + as2 + `,{"@base":"https://evil.example/"}]`), CodeContextRedefines},
		{"ours redefined", with(`[` + as2 + `,"` + ContextValise + `",{"marking":"x:marking"}]`), CodeContextRedefines},
		{"graph", `{"@context":` + as2 + `,"@graph":[]}`, CodeKeyword},
		{"included deep", `{"@context":` + as2 + `,"object":{"tag":[{"@included":[]}]}}`, CodeKeyword},
		{"reverse", `{"@context":` + as2 + `,"@reverse":{}}`, CodeKeyword},
		{"reverse term", with(`[` + as2 + `,{"x":{"@reverse":"as:object"}}]`), CodeKeyword},
		{"graph container", with(`[` + as2 + `,{"x":{"@id":"x:y","@container":["@graph"]}}]`), CodeKeyword},
		{"second id", `{"@context":` + as2 + `,"id":"https://a.example/1","@id":"https://b.example/1"}`, CodeKeyword},
	}
	for _, c := range cases {
		n, err := ParseJSON([]byte(c.in))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := codeOf(t, n.CheckContext()); got != c.code {
			t.Errorf("%s: code %q, want %q", c.name, got, c.code)
		}
	}
}
