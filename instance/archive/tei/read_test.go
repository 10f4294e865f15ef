package tei

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func readAll(t *testing.T, text, volume string) (map[string]Document, []string, Report) {
	t.Helper()
	documents := map[string]Document{}
	var order []string
	report, err := Read(strings.NewReader(text), volume, func(d Document) error {
		documents[d.ID] = d
		order = append(order, d.ID)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if report.Documents != len(order) {
		t.Errorf("the report counts %d documents, %d were handed over", report.Documents, len(order))
	}
	return documents, order, report
}

func readFile(t *testing.T, volume string) (map[string]Document, []string, Report) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + volume + ".xml")
	if err != nil {
		t.Fatal(err)
	}
	return readAll(t, string(text), volume)
}

// wrap puts documents into the frame of a volume.
func wrap(documents string) string {
	return `<TEI xmlns="http://www.tei-c.org/ns/1.0" xmlns:frus="http://history.state.gov/ns/1.0"><text><body>` +
		documents + `</body></text></TEI>`
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %#v\nwant %#v", what, got, want)
	}
}

func TestTelegram(t *testing.T) {
	documents, _, _ := readFile(t, "frus1964-68v16")
	d := documents["d10"]
	equal(t, "kind", d.Kind, KindTelegram)
	equal(t, "number", d.Number, "10")
	equal(t, "title", d.Title, "10. Telegram From the Embassy in Turkey to the Department of State")
	equal(t, "from", d.From, "Embassy in Turkey")
	equal(t, "to", d.To, "Department of State")
	equal(t, "place", d.Place, "Ankara")
	equal(t, "date", d.Date, "February 11, 1964, 6 p.m.")
	equal(t, "time", d.DateTime, time.Date(1964, 2, 11, 18, 0, 0, 0, time.UTC))
	equal(t, "precision", d.Precision, Minute)
	equal(t, "zoned", d.Zoned, false)
	equal(t, "message number", d.MessageNumber, "1017")
	equal(t, "classification", d.Classification, "Secret")
	equal(t, "precedence", d.Precedence, "Priority")
	equal(t, "handling", d.Handling, nil)
	if !strings.HasPrefix(d.SourceNote, "Source: Department of State, Central Files, POL 23–8 CYP. Secret; Priority. Repeated to Nicosia, London, USUN, and Athens.") {
		t.Errorf("source note: %q", d.SourceNote)
	}
	if len(d.Paragraphs) == 0 {
		t.Fatal("no text")
	}
	first := d.Paragraphs[0]
	if !strings.HasPrefix(first.Text, "1017. From Under Secretary. We met this morning first with Foreign Minister Erkin and") {
		t.Errorf("first paragraph: %q", first)
	}
	equal(t, "label of the message number", first.Label, "")
	equal(t, "language", first.Language, "en")
}

func TestTransmittedHeader(t *testing.T) {
	documents, _, _ := readFile(t, "frus1969-76ve14p1")
	d := documents["d60"]
	equal(t, "to", d.To, "All Diplomatic Posts")
	equal(t, "message number", d.MessageNumber, "230211")
	equal(t, "DTG", d.DTG, "R 220022Z NOV 73")
	equal(t, "precedence", d.Precedence, "Routine")
	equal(t, "FM", d.Sender, "SECSTATE WASHDC")
	equal(t, "TO", d.Action, []string{
		"ALL DIPLOMATIC POSTS", "AMEMBASSY BANJUL BY POUCH", "AMEMBASSY SUVA BY POUCH",
	})
	equal(t, "XMT", d.Except, []string{
		"AMEMBASSY SAIGON", "AMEMBASSY TAIPEI", "AMEMBASSY BERN", "USMISSION OECD PARIS", "AMEMBASSY PARIS", "AMEMBASSY BRUSSELS",
	})
	equal(t, "TAGS", d.Tags, []string{"PFOR", "UN", "KN", "KS"})
	equal(t, "subject", d.Subject, "KOREA IN THE UN -- SUCCESSFUL OUTCOME")
	equal(t, "summary", strings.HasPrefix(d.Summary, "The Department reported success"), true)
	equal(t, "first label", d.Paragraphs[0].Label, "1.")
	if !strings.HasPrefix(d.Paragraphs[0].Text, "GA FIRST COMMITTEE") {
		t.Errorf("first paragraph: %q", d.Paragraphs[0].Text)
	}
	equal(t, "last header line", d.Header[len(d.Header)-1], "SUBJECT: KOREA IN THE UN -- SUCCESSFUL OUTCOME")
}

func TestHeaderInLists(t *testing.T) {
	documents, _, _ := readAll(t, wrap(`<div type="document" xml:id="d4" n="4"><head>4. Telegram 9 From the Embassy in Iran to the Department of State</head>
		<p>TELEGRAM<lb/> Department of State<lb/> TEHRAN 9<lb/> P R 250800Z MAY 70</p>
		<list type="from"><head>FM</head><item>AMEMBASSY TEHRAN</item></list>
		<list type="to  "><head>TO</head><item>SECSTATE WASHDC PRIORITY 1308</item><item>INFO AMEMBASSY BEIRUT</item><item>AMCONSUL DHAHRAN</item></list>
		<list type="subject"><head>SUBJ:</head><item>ABU MUSA</item></list>
		<list type="subject"><head>REF:</head><item>(A) TEHRAN 3704 AND 3740, MAY 2 (B) STATE 79456</item></list>
		<p>SUMMARY: ALL IS WELL.</p></div>`), "v")
	d := documents["d4"]
	equal(t, "DTG", d.DTG, "P R 250800Z MAY 70")
	equal(t, "moment from the DTG", d.DateTime, time.Date(1970, 5, 25, 8, 0, 0, 0, time.UTC))
	equal(t, "zoned", d.Zoned, true)
	equal(t, "precedence", d.Precedence, "Priority")
	equal(t, "FM", d.Sender, "AMEMBASSY TEHRAN")
	equal(t, "TO", d.Action, []string{"SECSTATE WASHDC PRIORITY 1308"})
	equal(t, "INFO", d.Info, []string{"AMEMBASSY BEIRUT", "AMCONSUL DHAHRAN"})
	equal(t, "subject", d.Subject, "ABU MUSA")
	equal(t, "references", d.References, []Reference{
		{Kind: ToMessage, Text: "TEHRAN 3704"}, {Kind: ToMessage, Text: "TEHRAN 3740"}, {Kind: ToMessage, Text: "STATE 79456"},
	})
	equal(t, "text", d.Paragraphs, []Paragraph{{Text: "SUMMARY: ALL IS WELL."}})
}

func TestSourceNoteWithoutType(t *testing.T) {
	documents, _, _ := readFile(t, "frus1961-63v06")
	d := documents["d2"]
	equal(t, "kind", d.Kind, KindMessage)
	equal(t, "from", d.From, "President-elect Kennedy")
	equal(t, "to", d.To, "Chairman Khrushchev")
	equal(t, "classification", d.Classification, "No classification marking")
	if !strings.HasPrefix(d.SourceNote, "Source:American Foreign Policy") {
		t.Errorf("source note: %q", d.SourceNote)
	}
	equal(t, "footnotes", d.Footnotes, []Footnote{
		{ID: "d2fn1", Number: "1", Text: "Document 1."}, {ID: "d2fn2", Number: "2", Text: "Printed from an unsigned copy."},
	})
	equal(t, "references", d.References, []Reference{{Kind: ToDocument, Target: "frus1961-63v06#d1", Text: "Document 1"}})
	if strings.Contains(d.Paragraphs[0].Text, "unsigned") || !strings.Contains(d.Paragraphs[0].Text, "congratulations. The achievement") {
		t.Errorf("a note is in the running text: %q", d.Paragraphs[0].Text)
	}
}

func TestQuirks(t *testing.T) {
	documents, order, report := readFile(t, "quirks")
	equal(t, "order", order, []string{"d0-enc1", "d1", "d1-enc1", "d1-enc2", "d2"})
	equal(t, "nested", report.Nested, 3)
	equal(t, "problems", report.Problems, nil)
	equal(t, "truncated", report.Truncated, false)

	d := documents["d1"]
	equal(t, "title", d.Title, "Mr. Harvey (Minister) to Mr. Seward.")
	equal(t, "from", d.From, "Mr. Harvey (Minister)")
	equal(t, "to", d.To, "Mr. Seward")
	equal(t, "kind", d.Kind, KindLetter)
	equal(t, "place", d.Place, "Lisbon")
	equal(t, "date", d.Date, "July 29, 1861")
	equal(t, "precision", d.Precision, Day)
	equal(t, "message number", d.MessageNumber, "6")
	equal(t, "file notes", d.FileNotes, []string{"[Extract.]"})
	var text []string
	for _, p := range d.Paragraphs {
		text = append(text, p.String())
	}
	equal(t, "text", text, []string{
		"No. 6.]", "Sir: I inclose two papers. They say:\nnothing new.", "Points", "1. First point.", "2. Second point.",
		"More of it.", "Lisbon | 12", "JAMES E. HARVEY.",
	})
	equal(t, "references", d.References, []Reference{
		{Kind: ToDocument, Target: "quirks#d2", Text: "printed"}, {Kind: ToDocument, Target: "frus1955-57v24#d32", Text: "another volume"},
	})
	equal(t, "attachments", len(d.Attachments), 2)
	equal(t, "nested attachment", d.Attachments[0].Document, "d1-enc1")
	equal(t, "nested attachment's title", d.Attachments[0].Title, "Mr. Harvey to Mr. d’Avila.")
	equal(t, "plain attachment", d.Attachments[1], Attachment{Title: "A plain inclosure.", Text: "A plain inclosure.\nIts text."})

	n := documents["d1-enc1"]
	equal(t, "nested in", n.NestedIn, "d1")
	equal(t, "month", n.Precision, Month)
	equal(t, "language", n.Paragraphs[0].Language, "fr")
	equal(t, "innermost", documents["d1-enc2"].NestedIn, "d1-enc1")

	u := documents["d2"]
	equal(t, "day of a span with a zone", u.DateTime, time.Date(1871, 12, 28, 0, 0, 0, 0, time.UTC))
	equal(t, "precision of the span", u.Precision, Day)
	equal(t, "margin note", u.Footnotes, []Footnote{{Text: "A side note.", Margin: true}})
	equal(t, "text without the margin note", u.Paragraphs[0].Text, "Text.")
}

func TestMalformedDocumentsAreSkipped(t *testing.T) {
	good := func(id string) string {
		return `<div type="document" xml:id="` + id + `"><head>` + id + `</head><p>Text.</p></div>`
	}
	for _, c := range []struct {
		name, bad string
		id        string // of the document in the report
		want      []string
	}{
		{"mismatched end tag", `<div type="document" xml:id="d2"><p>x</div>`, "d2", []string{"d1", "d3", "d4"}},
		{"unknown entity", `<div type="document" xml:id="d2"><p>a&nbsp;b</p></div>`, "d2", []string{"d1", "d3", "d4"}},
		{"bare ampersand before a tag", `<div type="document" xml:id="d2"><p>AT&`, "d2", []string{"d1", "d3", "d4"}},
		{"invalid UTF-8", "<div type=\"document\" xml:id=\"d2\"><p>\xff\xfe</p></div>", "d2", []string{"d1", "d3", "d4"}},
		{"control character", "<div type=\"document\" xml:id=\"d2\"><p>\x00</p></div>", "d2", []string{"d1", "d3", "d4"}},
		{"never closed", `<div type="document" xml:id="d2"><head>x</head>`, "d2", []string{"d1", "d3", "d4"}},
		{"broken tag", `<div type="document" xml:id="d2"><p a=></p></div>`, "d2", []string{"d1", "d3", "d4"}},
		{"deep nesting", `<div type="document" xml:id="d2">` + strings.Repeat("<hi>", maxDepth+1), "d2", []string{"d1", "d3", "d4"}},
		{"long text", `<div type="document" xml:id="d2"><p>` + strings.Repeat("a", maxToken+1) + `</p></div>`, "d2", []string{"d1", "d3", "d4"}},
		{"many nodes", `<div type="document" xml:id="d2"><p>` + strings.Repeat("<lb/>", maxNodes) + `</p></div>`, "d2", []string{"d1", "d3", "d4"}},
		{"between documents", `<head>&broken;</head>`, "", []string{"d1", "d3", "d4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, order, report := readAll(t, wrap(good("d1")+c.bad+good("d3")+good("d4")), "v")
			equal(t, "documents", order, c.want)
			if len(report.Problems) != 1 || report.Problems[0].ID != c.id || report.Problems[0].Reason == "" {
				t.Errorf("problems: %+v", report.Problems)
			}
		})
	}
}

func TestTruncatedVolume(t *testing.T) {
	whole := wrap(`<div type="document" xml:id="d1"><p>One.</p></div><div type="document" xml:id="d2"><p>Two.</p></div>`)
	_, order, report := readAll(t, whole[:strings.Index(whole, "Two")], "v")
	equal(t, "documents", order, []string{"d1"})
	equal(t, "truncated", report.Truncated, true)
	_, order, report = readAll(t, whole[:strings.LastIndex(whole, "</body>")], "v")
	equal(t, "documents of the second", order, []string{"d1", "d2"})
	equal(t, "second truncated", report.Truncated, true)
}

func TestProblemsAreBounded(t *testing.T) {
	bad := strings.Repeat(`<div type="document" xml:id="d2"><p>x</div>`, maxProblems+5)
	_, _, report := readAll(t, wrap(bad), "v")
	equal(t, "kept", len(report.Problems), maxProblems)
	equal(t, "dropped", report.Dropped, 5)
}

func TestErrorsStopReading(t *testing.T) {
	text := wrap(strings.Repeat(`<div type="document"><p>x</p></div>`, 3))
	stop := errors.New("stop")
	seen := 0
	if _, err := Read(strings.NewReader(text), "v", func(Document) error { seen++; return stop }); !errors.Is(err, stop) || seen != 1 {
		t.Errorf("after %d documents: %v", seen, err)
	}
	broken := io.MultiReader(strings.NewReader(text[:len(text)/2]), iotest.ErrReader(stop))
	if _, err := Read(broken, "v", func(Document) error { return nil }); !errors.Is(err, stop) {
		t.Errorf("a failing input gave %v", err)
	}
	if _, err := Read(bytes.NewReader([]byte{0xff, 0xfe, '<', 0}), "v", nil); err == nil {
		t.Error("UTF-16 was read")
	}
	if _, err := Read(strings.NewReader(`<?xml version="1.0" encoding="ISO-8859-1"?><TEI/>`), "v", nil); err == nil {
		t.Error("ISO-8859-1 was read")
	}
}

// TestOneDocumentAtATime reads a long volume from a source that makes it up, and
// looks at how far the source is ahead when each document arrives.
func TestOneDocumentAtATime(t *testing.T) {
	const n = 2000
	in, out := io.Pipe()
	go func() {
		for i := range n {
			fmt.Fprintf(out, `<div type="document" xml:id="d%d"><p>%s</p></div>`, i, strings.Repeat("text ", 100))
		}
		out.Close()
	}()
	var counted counter
	most := int64(0)
	seen := int64(0)
	_, err := Read(io.TeeReader(in, &counted), "v", func(Document) error {
		seen++
		most = max(most, int64(counted)-seen*500)
		return nil
	})
	if err != nil || seen != n {
		t.Fatalf("%d documents, %v", seen, err)
	}
	if most > 256<<10 {
		t.Errorf("%d bytes were read ahead of a document", most)
	}
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

func FuzzRead(f *testing.F) {
	for _, name := range []string{"frus1961-63v06", "frus1964-68v16", "frus1969-76ve14p1", "frus1861.excerpt", "frus1936v03.excerpt", "letter", "letter-list", "quirks"} {
		text, err := os.ReadFile("testdata/" + name + ".xml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`<div type="document"><head>1. Telegram 5 From the X to Y to Z</head><p>1. a</p></div>`))
	f.Add([]byte(`<div type="document" doc-dateTime-min="1871-12-28T00:00:00Z" doc-dateTime-max="2" xml:id="d1"><div type='document'/></div`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var ids []string
		report, err := Read(bytes.NewReader(text), "v", func(d Document) error {
			ids = append(ids, d.ID)
			for _, p := range d.Paragraphs {
				if strings.ContainsAny(p.Text, "\x01\x02\x03\x04\t\r") {
					t.Errorf("control characters in %q", p.Text)
				}
			}
			if strings.ContainsAny(d.Title+d.From+d.To, "\x01\x02\x03\x04") {
				t.Errorf("marks are left in %q, %q, %q", d.Title, d.From, d.To)
			}
			if (d.Precision == Undated) != d.DateTime.IsZero() && d.DateTime.Year() != 1 {
				t.Errorf("precision %v of %v", d.Precision, d.DateTime)
			}
			return nil
		})
		if err == nil && report.Documents != len(ids) {
			t.Errorf("%d documents, %d in the report", len(ids), report.Documents)
		}
		if report.Bytes > int64(len(text)) {
			t.Errorf("%d bytes read of %d", report.Bytes, len(text))
		}
		if len(ids) > 0 && slices.Contains(ids, "") {
			t.Error("a document without an id")
		}
	})
}
