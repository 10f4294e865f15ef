package vocab

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// realSize is a signed Create of about 6 KB, with twelve numbered paragraphs:
// what a cable of a page and a half weighs.
func realSize() []byte {
	d := sample()
	d.Content, d.Paragraphs = "", nil
	for i := range 12 {
		text := fmt.Sprintf("<p>%d. The Minister said that \"questions of water\" would be raised at the next meeting; he hoped that the delegations would come with proposals, and regretted the delay.</p>\n", i+1)
		d.Paragraphs = append(d.Paragraphs, Paragraph{fmt.Sprint(i + 1), "LIMITED", "en", text})
		d.Content += text
	}
	proof := []byte(`{"@context":` + CTX + `,"type":"DataIntegrityProof","cryptosuite":"eddsa-jcs-2022","created":"2026-09-01T08:00:00Z",` +
		`"verificationMethod":"https://b.example/m/paris#ed-2026a","proofPurpose":"assertionMethod","proofValue":"z` + strings.Repeat("5", 87) + `"}`)
	object := AppendMember(d.Encode(), "proof", proof)
	return AppendMember(Create{Envelope: envelope(), Object: object}.Encode(), "proof", proof)
}

func BenchmarkParseJSON(b *testing.B) {
	raw := realSize()
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseJSON(raw); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncodingJSON is the yardstick: the same bytes into a map, without
// any of the refusals.
func BenchmarkEncodingJSON(b *testing.B) {
	raw := realSize()
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		var m map[string]any
		if err := json.Unmarshal(raw, &m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseActivity(b *testing.B) {
	raw := realSize()
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseActivity(raw, production); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkArrival is what one arrival asks of this package: activity, signed
// rules, dispatch.
func BenchmarkArrival(b *testing.B) {
	raw := realSize()
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		a, err := ParseActivity(raw, production)
		if err != nil {
			b.Fatal(err)
		}
		if err := a.Node.CheckSigned(); err != nil {
			b.Fatal(err)
		}
		if _, err := ParseDispatch(a.Object, production); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeDispatch(b *testing.B) {
	d := sample()
	b.ReportAllocs()
	for b.Loop() {
		d.Encode()
	}
}

// BenchmarkCheck measures go-fed/activity on the same activity.
func BenchmarkCheck(b *testing.B) {
	n, err := ParseJSON(realSize())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := Check(n); err != nil {
			b.Fatal(err)
		}
	}
}

// Hostile documents cost in proportion to their size: no kind of nesting or
// naming makes the reader quadratic. One MiB stays under a second even on a
// loaded machine; a quadratic reader would need minutes.
func TestHostileDocumentsAreLinear(t *testing.T) {
	var names strings.Builder
	names.WriteString("{")
	for i := range MaxNodes - 2 {
		fmt.Fprintf(&names, `"\u00e9%x":1,`, i)
	}
	names.WriteString(`"z":1}`)
	for name, doc := range map[string]string{
		"escapes":     `["` + strings.Repeat(`\u0041`, 170_000) + `"]`,
		"short cuts":  `[` + strings.Repeat(`"\n",`, MaxNodes-2) + `1]`,
		"many names":  names.String(),
		"quoted text": `["` + strings.Repeat(`\"`, 500_000) + `"]`,
	} {
		start := time.Now()
		if _, err := ParseJSON([]byte(doc)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}
