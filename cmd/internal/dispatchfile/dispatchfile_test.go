package dispatchfile

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"valise/instance/dispatches"
	"valise/ui/machine"
)

const full = "\ufeffSubject: Consultations on\r\n  water sharing\r\n" + `Kind: noteVerbale
Precedence: PRIORITY
Marking: LIMITED
From: paris
To: @desk-europe@ministry.example, legal
to: https://a.example/o/third
Cc: @institute@institute.example
Community: r7
Language: fr
Summary: Asks for a date.
Reference: EUROPE DESK 2026/000101
Reference: https://a.example/d/77
Valid-Until: 2026-09-20
Attach: annexes/a.PDF; name=Annex A
Attach: table.bin; type=text/csv
Change-Note: none: it is the first

1. (U) The Embassy presents
its compliments: no header.

2) (L)
Two dates are proposed:

- 14 October

- 15 October

4. is not the next number.

3. \(L) begins so.
`

func TestParse(t *testing.T) {
	f, err := Parse([]byte(full))
	if err != nil {
		t.Fatal(err)
	}
	until := time.Date(2026, 9, 20, 23, 59, 59, 0, time.UTC)
	want := &File{
		Office: "paris",
		Content: machine.Content{Kind: "noteVerbale", Subject: "Consultations on water sharing", Summary: "Asks for a date.", Precedence: "PRIORITY", Marking: "LIMITED", Language: "fr",
			Action: []string{"@desk-europe@ministry.example", "legal", "https://a.example/o/third"}, Info: []string{"@institute@institute.example"}, Community: "r7",
			References: []machine.Reference{{Target: "EUROPE DESK 2026/000101"}, {Target: "https://a.example/d/77"}}, ValidUntil: &until, ChangeNote: "none: it is the first",
			Paragraphs: []dispatches.Paragraph{
				{Marking: "U", Text: "The Embassy presents\nits compliments: no header."},
				{Marking: "L", Text: "Two dates are proposed:\n\n- 14 October\n\n- 15 October\n\n4. is not the next number."},
				{Text: `\(L) begins so.`},
			}},
		Attach: []Attachment{{"annexes/a.PDF", "Annex A", "application/pdf"}, {"table.bin", "table.bin", "text/csv"}},
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
}

func TestParseParagraphs(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []dispatches.Paragraph
	}{
		{"without numbers", "One.\nStill one.\n\n\n2. is text.\n", []dispatches.Paragraph{{Text: "One.\nStill one."}, {Text: "2. is text."}}},
		{"marked", "(UNCLASSIFIED) One.\n\n(see below) Two.", []dispatches.Paragraph{{Marking: "UNCLASSIFIED", Text: "One."}, {Text: "(see below) Two."}}},
		{"no blank after the mark", "(EU)-wide rules.", []dispatches.Paragraph{{Text: "(EU)-wide rules."}}},
		{"number with mark", "1.\t(L) One.", []dispatches.Paragraph{{Marking: "L", Text: "One."}}},
	} {
		f, err := Parse([]byte("Subject: s\nMarking: PUBLIC\n\n" + c.text))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, f.Content.Paragraphs); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestParseJSON(t *testing.T) {
	f, err := Parse([]byte(` {"subject":"s","marking":"PUBLIC","action":["legal"],"paragraphs":[{"text":"One."}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if f.Content.Subject != "s" || len(f.Content.Action) != 1 || f.Content.Paragraphs[0].Text != "One." {
		t.Errorf("got %+v", f.Content)
	}
}

func TestParseRefuses(t *testing.T) {
	const head = "Subject: s\nMarking: PUBLIC\n"
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "no text follows"},
		{"no text", head + "\n \n", "no text follows"},
		{"no blank line", head, "no text follows"},
		{"no subject", "Marking: PUBLIC\n\nText", "Subject is missing"},
		{"no marking", "Subject: s\n\nText", "Marking is missing"},
		{"twice", head + "Subject: t\n\nText", "line 3: Subject is there twice"},
		{"unknown", head + "Bcc: x\n\nText", `line 3: "Bcc" is no header`},
		{"text at once", "Dear colleagues\n\nText", "line 1"},
		{"empty", head + "To:\n\nText", "line 3: To has no value"},
		{"empty name", head + "To: a,,b\n\nText", "line 3: To has an empty name"},
		{"continued", " x\nSubject: s\n\nText", "line 1: a continued line"},
		{"time", head + "Valid-Until: soon\n\nText", "line 3"},
		{"type", head + "Attach: x.exe\n\nText", "line 3: the type of x.exe"},
		{"option", head + "Attach: x.pdf; size=3\n\nText", `line 3: "size"`},
		{"no file", head + "Attach: ; name=x\n\nText", "line 3: Attach names no file"},
		{"only a mark", head + "\nText\n\n(L)\n", "line 6: paragraph 2 has no text"},
		{"only a number", head + "\n1.\n", "line 4"},
		{"not UTF-8", head + "\n\xff", "not UTF-8"},
		{"long header", head + "To: a\n" + strings.Repeat(" bbbbbbbbbbbbbbb\n", 5000) + "\nText", "has more than"},
		{"JSON member", `{"subject":"s","bcc":[]}`, "bcc"},
		{"JSON twice", `{"subject":"s"} {}`, "something follows"},
		{"large", strings.Repeat("x", MaxFile+1), "at most"},
	} {
		f, err := Parse([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %+v, %v; want an error with %q", c.name, f, err, c.want)
		}
	}
}

// The parser refuses or gives a whole dispatch, and never loses text.
func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("Subject: s\nMarking: PUBLIC\n\n1. (L) One\n\n2. Two"))
	f.Add([]byte(`{"subject":"s"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := Parse(text)
		if err != nil {
			return
		}
		if strings.HasPrefix(strings.TrimLeft(strings.TrimPrefix(string(text), "\ufeff"), " \t\r\n"), "{") {
			return
		}
		if got.Content.Subject == "" || got.Content.Marking == "" || len(got.Content.Paragraphs) == 0 {
			t.Fatalf("half a dispatch: %+v", got)
		}
		for i, p := range got.Content.Paragraphs {
			if strings.TrimSpace(p.Text) == "" {
				t.Fatalf("paragraph %d is empty", i+1)
			}
			for line := range strings.SplitSeq(p.Text, "\n") {
				if !strings.Contains(string(text), line) {
					t.Fatalf("paragraph %d: %q is not in the file", i+1, line)
				}
			}
		}
		for _, a := range got.Attach {
			if a.Path == "" || a.Name == "" || a.MediaType == "" {
				t.Fatalf("half an attachment: %+v", a)
			}
		}
	})
}
