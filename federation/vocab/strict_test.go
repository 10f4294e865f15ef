package vocab

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func codeOf(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error of type %T: %v", err, err)
	}
	if e.Code == "" || e.Detail == "" {
		t.Fatalf("error without code or detail: %#v", e)
	}
	return e.Code
}

func manyKeys(n int, last string) string {
	var b strings.Builder
	b.WriteString("{")
	for i := range n {
		fmt.Fprintf(&b, `"k%d":1,`, i)
	}
	return b.String() + `"` + last + `":1}`
}

func TestParseJSONRefuses(t *testing.T) {
	cases := []struct{ name, in, code string }{
		{"empty", "", CodeSyntax},
		{"only space", " \n", CodeSyntax},
		{"byte order mark", "\uFEFF{}", CodeSyntax},
		{"trailing", "{} x", CodeTrailing},
		{"two documents", "{}{}", CodeTrailing},
		{"trailing NUL", "{}\x00", CodeTrailing},
		{"trailing comma", `{"a":1,}`, CodeSyntax},
		{"trailing comma in array", `[1,]`, CodeSyntax},
		{"single quotes", `{'a':1}`, CodeSyntax},
		{"comment", `{/**/}`, CodeSyntax},
		{"cut", `{"a":`, CodeSyntax},
		{"cut string", `{"a":"b`, CodeSyntax},
		{"cut after escape", `"a\`, CodeSyntax},
		{"leading zero", `[01]`, CodeSyntax},
		{"plus", `[+1]`, CodeSyntax},
		{"bare point", `[1.]`, CodeSyntax},
		{"bare exponent", `[1e]`, CodeSyntax},
		{"bare minus", `[-]`, CodeSyntax},
		{"NaN", `[NaN]`, CodeSyntax},
		{"capital True", `[True]`, CodeSyntax},
		{"control character", "\"a\nb\"", CodeSyntax},
		{"control after escape", "\"\\n\nb\"", CodeSyntax},
		{"unknown escape", `"\x41"`, CodeSyntax},
		{"short unicode", `"\u12"`, CodeSyntax},
		{"invalid UTF-8", "\"\xff\"", CodeInvalidUTF8},
		{"overlong", "\"\xc0\xaf\"", CodeInvalidUTF8},
		{"encoded surrogate", "\"\xed\xa0\x80\"", CodeInvalidUTF8},
		{"lone high surrogate", `"\ud800"`, CodeInvalidUTF8},
		{"lone low surrogate", `"\udc00x"`, CodeInvalidUTF8},
		{"high then high", `"\ud800\ud800"`, CodeInvalidUTF8},
		{"NUL", "\"a\x00b\"", CodeNUL},
		{"NUL after escape", "\"\\na\x00b\"", CodeNUL},
		{"escaped NUL", `"a\u0000b"`, CodeNUL},
		{"NUL in a key", `{"a\u0000":1}`, CodeNUL},
		{"duplicate", `{"a":1,"a":2}`, CodeDuplicateKey},
		{"duplicate by escape", `{"a":1,"\u0061":2}`, CodeDuplicateKey},
		{"duplicate deep", `{"x":[{"a":1,"b":1,"a":2}]}`, CodeDuplicateKey},
		{"twins", `{"content":1,"Content":2}`, CodeCaseTwins},
		{"twins by Kelvin sign", `{"ok":1,"o\u212a":2}`, CodeCaseTwins},
		{"twins by long s", `{"\u017fize":1,"size":2}`, CodeCaseTwins},
		{"twins beyond ASCII", `{"é":1,"É":2}`, CodeCaseTwins},
		{"duplicate among many", manyKeys(200, "k7"), CodeDuplicateKey},
		{"twins among many", manyKeys(200, "K7"), CodeCaseTwins},
		{"Kelvin twins among many", manyKeys(200, "\u212a7"), CodeCaseTwins},
		{"too deep", strings.Repeat("[", 33) + strings.Repeat("]", 33), CodeTooDeep},
		{"far too deep", strings.Repeat(`{"a":`, 100_000), CodeTooDeep},
		{"too many", "[" + strings.Repeat("1,", MaxNodes) + "1]", CodeTooManyNodes},
		{"too large", `"` + strings.Repeat("x", MaxBytes) + `"`, CodeTooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			n, err := ParseJSON([]byte(c.in))
			if got := codeOf(t, err); got != c.code || n != nil {
				t.Fatalf("code %q, want %q (%v)", got, c.code, err)
			}
		})
	}
}

func TestParseJSONReads(t *testing.T) {
	in := ` {"s":"a\"\\\/\b\f\n\r\té\u00e9\ud83d\ude00<&>","n":-12.5e+3,"i":42,"t":true,"f":false,"z":null,` +
		`"l":[1,[2],{"k":"v"}],"o":{"a":{"b":"deep"}},"e":{},"el":[],"":"empty key"} `
	n, err := ParseJSON([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := n.Get("s").Str(); !ok || s != "a\"\\/\b\f\n\r\téé😀<&>" {
		t.Errorf("s = %q", s)
	}
	if v, ok := n.Get("i").Int(); !ok || v != 42 {
		t.Errorf("i = %v", v)
	}
	if _, ok := n.Get("n").Int(); ok || string(n.Get("n").Raw()) != "-12.5e+3" {
		t.Errorf("n = %s", n.Get("n").Raw())
	}
	if v, ok := n.Get("t").Bool(); !v || !ok {
		t.Error("t")
	}
	if v, ok := n.Get("f").Bool(); v || !ok {
		t.Error("f")
	}
	if n.Get("z") != nil {
		t.Error("null must read as absent")
	}
	if s, _ := n.Get("o").Get("a").Get("b").Str(); s != "deep" {
		t.Errorf("deep = %q", s)
	}
	if n.Get("o").Get("x").Get("b").Kind() != None || n.Get("s").Get("x") != nil {
		t.Error("chains through absent members must stay nil")
	}
	if got := string(n.Get("l").Raw()); got != `[1,[2],{"k":"v"}]` {
		t.Errorf("raw = %s", got)
	}
	if len(n.Get("l").Items()) != 3 || len(n.Get("o").Items()) != 1 || len(n.Get("s").Items()) != 1 ||
		len(n.Get("absent").Items()) != 0 || len(n.Get("el").Items()) != 0 {
		t.Error("Items")
	}
	if got := strings.Join(n.Keys(), ","); got != "s,n,i,t,f,z,l,o,e,el," {
		t.Errorf("keys = %s", got)
	}
	if n.Offset() != 1 || (*Node)(nil).Offset() != -1 {
		t.Error("offset")
	}
	raw := n.Get("l").Raw()
	if cap(raw) != len(raw) {
		t.Error("an append to Raw would write into the document")
	}
	deepest := strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)
	if _, err := ParseJSON([]byte(deepest)); err != nil {
		t.Errorf("depth %d refused: %v", MaxDepth, err)
	}
	if _, err := ParseJSON([]byte(manyKeys(200, "other"))); err != nil {
		t.Errorf("200 distinct keys refused: %v", err)
	}
}

func TestCheckSigned(t *testing.T) {
	cases := []struct{ name, in, code string }{
		{"clean", `{"published":"2026-09-01T08:00:00Z","size":9007199254740992,"a":["x"],"b":true,"c":{}}`, ""},
		{"null", `{"a":{"b":null}}`, CodeNull},
		{"null in array", `{"a":[null]}`, CodeNull},
		{"null time", `{"published":null}`, CodeNull},
		{"empty array", `{"a":[]}`, CodeEmptyArray},
		{"fraction", `{"a":1.5}`, CodeNumber},
		{"fraction of zero", `{"a":1.0}`, CodeNumber},
		{"exponent", `{"a":1e3}`, CodeNumber},
		{"beyond 2^53", `{"a":9007199254740993}`, CodeNumber},
		{"beyond -2^53", `{"a":-9007199254740993}`, CodeNumber},
		{"beyond 64 bits", `{"a":12345678901234567890}`, CodeNumber},
		{"minus zero", `{"a":-0}`, CodeNumber},
		{"time with fraction", `{"published":"2026-09-01T08:00:00.1Z"}`, CodeInvalidTime},
		{"time with offset", `{"proof":{"created":"2026-09-01T08:00:00+00:00"}}`, CodeInvalidTime},
		{"time without seconds", `{"updated":"2026-09-01T08:00Z"}`, CodeInvalidTime},
		{"no such day", `{"validUntil":"2026-02-30T08:00:00Z"}`, CodeInvalidTime},
		{"time as number", `{"published":1}`, CodeInvalidTime},
		{"definition of a time", `{"@context":[{"expires":"as:endTime"}]}`, ""},
	}
	for _, c := range cases {
		n, err := ParseJSON([]byte(c.in))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := codeOf(t, n.CheckSigned()); got != c.code {
			t.Errorf("%s: code %q, want %q", c.name, got, c.code)
		}
	}
}

// What the strict reader takes, encoding/json must read to the same values.
func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e-3,"x\u00e9\ud83d\ude00",true,null]}`, `{"k":1,"K":2}`, "\"\xff\"",
		strings.Repeat("[", 40), `"\ud800"`, `[-0,0.0,1E5]`, `{"@context":{"a":{"@id":"b"}}}`, manyKeys(30, "k1")} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, err := ParseJSON(raw)
		if err != nil {
			codeOf(t, err)
			return
		}
		if !json.Valid(raw) {
			t.Fatalf("took what is no JSON: %q", raw)
		}
		var want any
		if err := json.Unmarshal(raw, &want); err != nil && !strings.Contains(err.Error(), "cannot unmarshal number") {
			t.Fatal(err)
		} else if err == nil {
			compare(t, n, want)
		}
		_ = n.CheckSigned()
		_ = n.CheckContext()
	})
}

func compare(t *testing.T, n *Node, want any) {
	t.Helper()
	switch want := want.(type) {
	case nil:
		if n.Kind() != Null {
			t.Fatalf("%s: want null", n.Raw())
		}
	case bool:
		if got, ok := n.Bool(); !ok || got != want {
			t.Fatalf("%s: want %v", n.Raw(), want)
		}
	case float64:
		if n.Kind() != Number || number(n) != want {
			t.Fatalf("%s: want %v", n.Raw(), want)
		}
	case string:
		if got, ok := n.Str(); !ok || got != want {
			t.Fatalf("%q: want %q", got, want)
		}
	case []any:
		if n.Kind() != Array || n.Len() != len(want) {
			t.Fatalf("%s: want %d items", n.Raw(), len(want))
		}
		for i, item := range n.Items() {
			compare(t, item, want[i])
		}
	case map[string]any:
		if n.Kind() != Object || n.Len() != len(want) {
			t.Fatalf("%s: want %d members", n.Raw(), len(want))
		}
		for key, m := range n.Members() {
			compare(t, m, want[key])
		}
	}
}
