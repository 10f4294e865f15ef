package search

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"valise/instance/refusals"
	"valise/models"
	"valise/models/lexicon"
)

// What cannot be read says where and why, as a fault of the asker.
func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		``:                                   "character 1: write at least one word, phrase or filter to look for",
		`  — ? `:                             "character 1: write at least one word, phrase or filter to look for",
		`water "sharing`:                     "character 7: the quotation mark is not closed",
		`« traité`:                           "character 1: the quotation mark is not closed",
		`sender:paris`:                       `character 1: "sender:" is no filter; use one of from: to:`,
		`بحر sender:paris`:                   `character 5: "sender:" is no filter`,
		`from:`:                              "character 1: from: needs something after the colon",
		`cyprus tag: `:                       "character 8: tag: needs something after the colon",
		`from:--`:                            "character 6: from: needs letters or digits",
		`ab*`:                                "character 1: write at least 3 letters before the *",
		`x *`:                                "character 3: write at least 3 letters before the *",
		`before:soon`:                        `character 8: "soon" is no date; write 2026, 2026-05 or 2026-05-17`,
		`after:2026-02-30`:                   `character 7: "2026-02-30" is no date`,
		`-before:2026`:                       "character 2: turn before: round",
		"a\xffb":                             "character 1: the question is not valid UTF-8",
		strings.Repeat("é", queryMost+1):     fmt.Sprintf("character %d: a question has at most %d characters, not %d", queryMost+1, queryMost, queryMost+1),
		strings.Repeat("word ", termsMost+1): fmt.Sprintf("character %d: a question has at most %d words", 5*termsMost+1, termsMost),
	} {
		_, err := Parse(text)
		var q *QueryError
		if !errors.As(err, &q) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
			continue
		}
		if r, ok := refusals.Of(err); !ok || r.Status != 422 || r.Code != "invalid-query" || r.Detail != err.Error() {
			t.Errorf("%q is answered with %+v", text, r)
		}
	}
}

func TestParseForgives(t *testing.T) {
	for _, text := range []string{`Re: visit`, `https://ministry.example/d/1`, `12:30`, `"sender:paris"`, `-`, `- x`, `C*B`, `FROM:paris`, "a\tb\x00c", `l'État c"est`, `“smart”`, `„deutsch“`, `in:https://ministry.example/g/x`} {
		if text == "-" {
			continue
		}
		if _, err := Parse(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Whatever is typed: the place of an error lies in the question, a question matches or
// not, and marks lie in their extract.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`a "b c" -d e* from:x tag:"y z" before:2020`, `"`, `-"x`, `*`, `:`, `"a" "`, `' OR 1=1 --`, `NEAR(a b) AND NOT {words}: ^x`, `كتاب* «b»`, "\x00\u202Ea"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text)
		if err != nil {
			var e *QueryError
			if !errors.As(err, &e) || e.At < 1 || e.At > utf8.RuneCountInString(text)+1 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		doc := models.SearchText{Words: lexicon.Fold(text)}.Doc()
		q.matches(doc)
		q.better()
		for _, e := range q.marker().extracts(text) {
			for _, m := range e.Marks {
				if m.Start < 0 || m.End > len(e.Text) || m.Start >= m.End {
					t.Fatalf("%q: the mark %v of %q", text, m, e.Text)
				}
			}
		}
	})
}

func TestExtracts(t *testing.T) {
	long := "First paragraph says nothing.\n" + strings.Repeat("Filling words stand here. ", 20) + "Then the negotiations on water began in Genève. " + strings.Repeat("More filling words. ", 30) + "\nAt last they negotiated again."
	for _, c := range []struct{ query, text, want string }{
		{"negotiation geneve", long, "… words stand here. Filling words stand here. Filling words stand here. Then the [negotiations] on water began in [Genève]. More filling words. More filling words. More filling words. More filling words. More filling words. More filling words. … | … At last they [negotiated] again."},
		{`"water began"`, "The water began. Water did not begin.", "The [water began]. Water did not begin."},
		{"وزارة", "تهدي الوِزارةُ تحياتها", "تهدي [الوِزارةُ] تحياتها"},
		{"fil*", "Filling and refilling", "[Filling] and refilling"},
		{"from:paris", "Only a beginning.", "Only a beginning."},
		{"-x y", "x alone", "x alone"},
		{"absent", "", ""},
		{"a b", "a b", "[a] [b]"},
		{"l'état", "l'état et l’Etat", "[l'état] et [l’Etat]"},
	} {
		q, err := Parse(c.query)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range q.marker().extracts(c.text) {
			text := marked(e.Text, e.Marks)
			if e.Before {
				text = "… " + text
			}
			if e.After {
				text += " …"
			}
			got = append(got, text)
		}
		if s := strings.Join(got, " | "); s != c.want {
			t.Errorf("%s\n got %q\nwant %q", c.query, s, c.want)
		}
	}
}

func marked(text string, marks []Range) string {
	for i := len(marks) - 1; i >= 0; i-- {
		m := marks[i]
		text = text[:m.Start] + "[" + text[m.Start:m.End] + "]" + text[m.End:]
	}
	return text
}

// A word is looked at only if it begins as what is asked for; none that fits is left out.
func TestStemsBeginAsTheirWords(t *testing.T) {
	for _, word := range strings.Fields("dying lying tying skies ayant oyez payer essuyer yeux ny a y dies die idly gently news howe eyed oyee aye éyry негодяй אבגד") {
		for _, plain := range lexicon.Fold(word) {
			for _, stem := range lexicon.Stems(plain) {
				if len(stem) > 1 && head(stem) != head(plain) {
					t.Errorf("%q begins as %q, its stem %q as %q", plain, head(plain), stem, head(stem))
				}
			}
		}
	}
	for asked, text := range map[string]string{"dying": "They were dying.", "sky": "The skies are clear.", `"the sky"`: "Under the skies.", "yse*": "by the Yser"} {
		q, err := Parse(asked)
		if err != nil {
			t.Fatal(err)
		}
		if len(q.marker().marks(text)) != 1 {
			t.Errorf("%s is not marked in %q", asked, text)
		}
	}
}
