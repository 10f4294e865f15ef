package vocab

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gowebpki/jcs"

	"valise/models/iri"
)

var update = flag.Bool("update", false, "rewrite golden files")

var production = iri.Rules{}

func at(s string) time.Time {
	t, ok := ParseWireTime(s)
	if !ok {
		panic(s)
	}
	return t
}

// golden compares wire bytes with the file kept in testdata/golden. What
// changes there changes what peers receive.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	n, err := ParseJSON(got)
	if err != nil {
		t.Fatalf("%s: not strict JSON: %v\n%s", name, err, got)
	}
	if err := n.CheckSigned(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	// An actor's context is written for other software, and an announced activity stays
	// as its author wrote it.
	asGiven := strings.HasPrefix(name, "actor-") || name == "form-a"
	if form, err := jcs.Transform(got); err != nil || !asGiven && !bytes.Equal(form, got) {
		t.Errorf("%s is not in canonical form: %v\n%s", name, err, got)
	}
	path := filepath.Join("testdata", "golden", name+".json")
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(append(bytes.Clone(got), '\n'), want) {
		t.Errorf("%s differs\n got %s\nwant %s", name, got, want)
	}
}

const group = iri.IRI("https://a.example/g/r7")

func sample() *Dispatch {
	return &Dispatch{
		ID: "https://b.example/d/01J", AttributedTo: "https://b.example/m/paris",
		To: []iri.IRI{group, group + "/followers"}, Cc: []iri.IRI{"https://a.example/u/desk-europe"}, Audience: group,
		Name:    "Consultations on water sharing",
		Summary: "<p>Proposes 14-15 October; reply requested by 20 September.</p>",
		Content: "<p>The Embassy presents its compliments…</p><p>\"Second\" \\ point & <b>more</b>.</p>",
		URL:     "https://b.example/read/01J", Published: at("2026-09-01T08:00:00Z"),
		Translations: map[string]string{"fr": "<p>L’Ambassade…</p>", "de": "<p>Die Botschaft…</p>"},
		Context:      "https://a.example/g/r7/threads/42",
		RefTags:      []RefTag{{Name: "EUROPE DESK 2026/000101", Href: "https://a.example/d/77", DigestMultibase: "zQmRef"}},
		Attachments: []Attachment{{Type: "Document", Name: "Annex A", MediaType: "application/pdf",
			URL: "https://media.b.example/f/01J-a", DigestMultibase: "zQmFile", Size: 48213}},
		ReferenceNumber: "PARIS 2026/000118", DispatchType: "noteVerbale",
		Precedence: Grade{"https://w3id.org/valise/precedence/v1", "PRIORITY", 2},
		Marking:    Grade{"https://w3id.org/valise/marking/v1", "LIMITED", 3},
		Paragraphs: []Paragraph{
			{"1", "UNCLASSIFIED", "en", "<p>The Embassy presents its compliments…</p>"},
			{"2", "LIMITED", "en", "<p>\"Second\" \\ point & <b>more</b>.</p>"}},
		ActionAddressee: []iri.IRI{"https://a.example/u/desk-europe"}, InfoAddressee: []iri.IRI{group},
		Signatory: "https://b.example/u/counsellor", References: []iri.IRI{"https://a.example/d/77"},
		ReceiptRequested: []string{"delivered", "registered", "read", "taken"},
		ValidFrom:        at("2026-09-01T00:00:00Z"), ValidUntil: at("2026-09-20T23:59:59Z"),
		Version: 2, PreviousVersion: "zQmOld", ChangeNote: "Date corrected", Updated: at("2026-09-02T08:00:00Z"),
		AuthenticLanguage: "en",
	}
}

func TestDispatchGoldenAndRoundTrip(t *testing.T) {
	d := sample()
	raw := d.Encode()
	golden(t, "dispatch", raw)
	n, err := ParseJSON(raw)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseDispatch(n, production)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, d) {
		t.Errorf("read back\n%+v\nwant\n%+v", back, d)
	}
	if err := Check(n); err != nil {
		t.Errorf("go-fed cannot type our dispatch: %v", err)
	}
	small := &Dispatch{ID: "https://b.example/d/1", AttributedTo: "https://b.example/m/paris", Content: "<p>x</p>", Version: 1}
	golden(t, "dispatch-smallest", small.Encode())
}

func TestParseDispatchRefuses(t *testing.T) {
	good := string(sample().Encode())
	cases := []struct{ name, old, new, code string }{
		{"other type", `"type":"Article"`, `"type":"Note"`, CodeUnknownType},
		{"id as array", `"id":"https://b.example/d/01J"`, `"id":["https://b.example/d/01J"]`, CodeWrongType},
		{"id missing", `"id":"https://b.example/d/01J",`, ``, CodeMissing},
		{"id over http", `"id":"https://b.example/d/01J"`, `"id":"http://b.example/d/01J"`, CodeInvalidIRI},
		{"two owners", `"attributedTo":"https://b.example/m/paris"`, `"attributedTo":["https://b.example/m/paris"]`, CodeWrongType},
		{"owner embedded", `"attributedTo":"https://b.example/m/paris"`, `"attributedTo":{"id":"https://b.example/m/paris"}`, CodeWrongType},
		{"content as array", `"content":"<p>The`, `"content":["x"],"x":"<p>The`, CodeWrongType},
		{"name as object", `"name":"Consultations on water sharing"`, `"name":{}`, CodeWrongType},
		{"media type", `"mediaType":"text/html"`, `"mediaType":"text/plain"`, CodeInvalidValue},
		{"paragraph changed", `{"content":"<p>\"Second`, `{"content":"<p>!\"Second`, CodeParagraphs},
		{"content longer", `<b>more</b>.</p>","contentMap"`, `<b>more</b>.</p>!","contentMap"`, CodeParagraphs},
		{"no paragraphs in list", `"paragraphs":[`, `"paragraphs":[],"x":[`, CodeParagraphs},
		{"paragraph twice", `"id":"2","language"`, `"id":"1","language"`, CodeInvalidValue},
		{"paragraph as string", `"paragraphs":[`, `"paragraphs":["x",`, CodeWrongType},
		{"version as number", `"version":"2"`, `"version":2`, CodeInvalidValue},
		{"version zero", `"version":"2"`, `"version":"0"`, CodeInvalidValue},
		{"version padded", `"version":"2"`, `"version":"02"`, CodeInvalidValue},
		{"marking as string", `"marking":{`, `"marking":"SECRET","x":{`, CodeWrongType},
		{"rank as string", `"rank":3`, `"rank":"3"`, CodeInvalidValue},
		{"rank negative", `"rank":3`, `"rank":-3`, CodeInvalidValue},
		{"level missing", `"level":"LIMITED",`, ``, CodeMissing},
		{"published", `"published":"2026-09-01T08:00:00Z"`, `"published":"yesterday"`, CodeInvalidTime},
		{"size negative", `"size":48213`, `"size":-1`, CodeInvalidValue},
		{"attachment url", `"url":"https://media.b.example/f/01J-a"`, `"url":"file:///etc/passwd"`, CodeInvalidIRI},
		{"blind", `"audience":`, `"bto":["https://b.example/u/1"],"audience":`, CodeBlind},
		{"two audiences", `"audience":"https://a.example/g/r7"`, `"audience":["https://a.example/g/r7","https://a.example/g/r8"]`, CodeWrongType},
	}
	for _, c := range cases {
		in := strings.Replace(good, c.old, c.new, 1)
		if in == good {
			t.Fatalf("%s: the case changes nothing", c.name)
		}
		n, err := ParseJSON([]byte(in))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		d, err := ParseDispatch(n, production)
		if got := codeOf(t, err); got != c.code || d != nil {
			t.Errorf("%s: code %q, want %q (%v)", c.name, got, c.code, err)
		}
	}
	rankless := strings.Replace(good, `,"rank":3`, ``, 1)
	n, _ := ParseJSON([]byte(rankless))
	if d, err := ParseDispatch(n, production); err != nil || d.Marking.Rank != -1 || d.Marking.Level != "LIMITED" {
		t.Errorf("a marking without rank: %+v, %v", d, err)
	}
}

// A dispatch that parses encodes to one that reads the same.
func FuzzParseDispatch(f *testing.F) {
	f.Add(sample().Encode())
	f.Add([]byte(`{"id":"https://a.example/1","type":["Article","x:Y"],"attributedTo":"https://a.example/u","content":"x","to":"as:Public"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, err := ParseJSON(raw)
		if err != nil {
			return
		}
		d, err := ParseDispatch(n, production)
		if err != nil {
			codeOf(t, err)
			return
		}
		again, err := ParseJSON(d.Encode())
		if err != nil {
			if codeOf(t, err) == CodeTooLarge {
				return
			}
			t.Fatalf("encoded: %v", err)
		}
		if err := again.CheckSigned(); err != nil {
			t.Fatalf("encoded: %v", err)
		}
		d2, err := ParseDispatch(again, production)
		if err != nil {
			t.Fatalf("read again: %v", err)
		}
		if d2.ID != d.ID || d2.Content != d.Content || d2.Name != d.Name || d2.Marking.Level != d.Marking.Level || len(d2.Paragraphs) != len(d.Paragraphs) {
			t.Fatalf("changed on the way: %+v, then %+v", d, d2)
		}
	})
}
