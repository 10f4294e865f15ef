package sign

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"
	"pgregory.net/rapid"
)

func TestIsCanonical(t *testing.T) {
	for doc, want := range map[string]bool{
		`{}`: true, `[]`: true, `{"":0}`: true, `[[],{},[1,-2,"x",true,false,null]]`: true,
		`{"A":1,"a":2,"aa":3,"b":4}`: true, `{"a":{"b":[{"c":"d"}]},"b":1}`: true,
		`{"a":9007199254740991,"b":-9007199254740991}`: true, `{"a":"\b\f\n\r\t\"\\\u0000\u001f/<>&é😀` + "\u2028\x7f" + `"}`: true,
		`{"é":1,"퟿":2}`: true,

		``: false, `"a"`: false, `1`: false, `null`: false, ` {}`: false, `{} `: false, `{ }`: false, `[ ]`: false, `[1, 2]`: false, `{"a": 1}`: false,
		`{"b":1,"a":2}`: false, `{"a":1,"a":2}`: false, `{"a":1,}`: false, `[1,]`: false, `[,1]`: false, `{"a"}`: false, `{"a":}`: false, `{a:1}`: false,
		`[1.0]`: false, `[1e3]`: false, `[01]`: false, `[-0]`: false, `[-]`: false, `[+1]`: false, `[9007199254740992]`: false, `[99999999999999999999999]`: false,
		`["\/"]`: false, `["\u0041"]`: false, `["\u000A"]`: false, `["\u000a"]`: false, `["\u001F"]`: false, `["\u0008"]`: false, `["\u007f"]`: false, `["\x"]`: false,
		"[\"\n\"]": false, "[\"\x00\"]": false, "[\"\xff\"]": false, "[\"\xed\xa0\x80\"]": false, `["a`: false, `["\`: false, `["\u00`: false, `[1`: false, `{"a":1`: false,
		`[tru]`: false, `[truex]`: false, `[nullnull]`: false, `{}{}`: false, `[1]1`: false, `{"a":1]`: false,
		// The order of these names in UTF-16 is not that of their bytes.
		`{"` + "\ue000" + `":1,"😀":2}`: false, `{"😀":1,"` + "\ue000" + `":2}`: false, `{"\u0001":1}`: false,
	} {
		if got := isCanonical([]byte(doc)); got != want {
			t.Errorf("%q: %v", doc, got)
		}
		if !want {
			continue
		}
		if form, err := jcs.Transform([]byte(doc)); err != nil || string(form) != doc {
			t.Errorf("%q is %q, %v", doc, form, err)
		}
	}
	deep := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	if !isCanonical(deep(canonicalDepth)) || isCanonical(deep(canonicalDepth+1)) || isCanonical(deep(1_000_000)) {
		t.Error("the depth is not bounded")
	}
}

// What is canonical is what the library makes of it, to the byte.
func holdToLibrary(t interface {
	Helper()
	Fatalf(string, ...any)
}, doc []byte) {
	t.Helper()
	library, err := jcs.Transform(doc)
	if isCanonical(doc) && (err != nil || !bytes.Equal(library, doc)) {
		t.Fatalf("%q counts as canonical, the library makes %q of it, %v", doc, library, err)
	}
	form, ferr := canonicalForm(doc)
	if (err == nil) != (ferr == nil) || !bytes.Equal(form, library) {
		t.Fatalf("%q: %q, %v; the library: %q, %v", doc, form, ferr, library, err)
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{`{"a":1,"b":[true,null,"x\n"]}`, `{"b":1,"a":2}`, `[1.5,-0,9007199254740993]`, `{"\u00e9":"é"}`, `["\ud83d\ude00","\u001f"]`, "[\"\u2028\x7f\"]", `{"":{"":[]}}`} {
		f.Add([]byte(s))
	}
	vectors, err := filepath.Glob("testdata/rfc8785/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range vectors {
		doc, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc []byte) { holdToLibrary(t, doc) })
}

// Documents of any shape, and the same with one byte changed.
func TestCanonicalAgreesWithLibrary(t *testing.T) {
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z\x00-\x1f"\\/\x7fé퀀-\x{E001}😀]{0,6}`))
		leaves := []*rapid.Generator[any]{text.AsAny(), rapid.Int64Range(-1<<55, 1<<55).AsAny(), rapid.Int64Range(-20, 20).AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil), rapid.Float64Range(-1e6, 1e6).AsAny()}
		if depth > 0 {
			leaves = append(leaves, rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[any] { return value(depth - 1) }), 0, 4).AsAny(),
				rapid.MapOfN(text, rapid.Deferred(func() *rapid.Generator[any] { return value(depth - 1) }), 0, 4).AsAny())
		}
		return rapid.OneOf(leaves...)
	}
	canonical := 0
	rapid.Check(t, func(t *rapid.T) {
		doc, err := json.Marshal([]any{value(4).Draw(t, "value")})
		if err != nil {
			t.Skip(err)
		}
		holdToLibrary(t, doc)
		form, err := jcs.Transform(doc)
		if err != nil {
			return
		}
		holdToLibrary(t, form)
		if isCanonical(form) {
			canonical++
		}
		i := rapid.IntRange(0, len(form)-1).Draw(t, "at")
		form[i] = rapid.SampledFrom([]byte("{}[]\",:\\ 0-1.eaz\x00\x1f\x80\xee")).Draw(t, "byte")
		holdToLibrary(t, form)
	})
	if canonical == 0 {
		t.Error("no canonical document was met")
	}
}

// What Prove makes of a canonical document is canonical, and so is what it signed.
func TestProveKeepsCanonicalForm(t *testing.T) {
	for _, doc := range []string{
		`{"@context":["https://www.w3.org/ns/activitystreams"],"id":"https://b.example/d/1","type":"Article"}`,
		`{"@context":["https://www.w3.org/ns/activitystreams"],"id":"https://b.example/d/1"}`,
		`{"@context":["https://www.w3.org/ns/activitystreams"]}`,
	} {
		signed, err := Prove([]byte(doc), edSign(), signingTime)
		if err != nil {
			t.Fatal(err)
		}
		if !isCanonical(signed) {
			t.Errorf("%s is not canonical", signed)
		}
		if err := VerifyProof(signed, edKey()); err != nil {
			t.Error(err)
		}
		p, err := parseProof(signed)
		if err != nil {
			t.Fatal(err)
		}
		if string(p.document) != doc || !isCanonical(p.options) {
			t.Errorf("signed were %s and %s", p.document, p.options)
		}
	}
}

func BenchmarkCanonicalForm(b *testing.B) {
	doc := []byte(`{"a":"` + strings.Repeat("The Embassy presents its compliments. ", 200) + `","b":[1,2,3],"c":{"d":"e"}}`)
	b.Run("canonical", func(b *testing.B) {
		for b.Loop() {
			if !isCanonical(doc) {
				b.Fatal("not canonical")
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		for b.Loop() {
			if _, err := jcs.Transform(doc); err != nil {
				b.Fatal(err)
			}
		}
	})
}
