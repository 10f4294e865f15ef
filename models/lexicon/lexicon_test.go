package lexicon

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestFold(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"The Secretary-General's visit, 4:30 p.m.", "the secretary general s visit 4 30 p m"},
		{"PARIS 2026/000123", "paris 2026 000123"},
		{"L’ambassadeur à Genève : œuvre, cœur, aide-mémoire", "l ambassadeur a geneve oeuvre coeur aide memoire"},
		{"NÉGOCIATIONS négociations ne\u0301gociations", "negociations negociations negociations"},
		{"Straße STRASSE ﬁnal Łódź Þórshöfn İstanbul ısı", "strasse strasse final lodz thorshofn istanbul isi"},
		{"ｆｕｌｌ ｗｉｄｔｈ №5 x²", "full width 5 x2"},
		{"co\u00ADoperation zero\u200Bwidth", "cooperation zero width"},
		{"كِتَابٌ كتاب كـتـاب", "كتاب كتاب كتاب"},
		{"وزارة الوزارة والوزارة وزاره", "وزاره وزاره وزاره وزاره"},
		{"أحمد إحمد آحمد ٱحمد احمد", "احمد احمد احمد احمد احمد"},
		{"على علي مستشفى", "علي علي مستشفي"},
		{"مسؤول مسئول", "مسوول مسيول"},
		{"الله والله اللهم", "الله الله اللهم"},
		{"إلى الدم والد", "الي دم والد"},
		{"القرار رقم ٢٤٢ و ۳۳۸", "قرار رقم 242 و 338"},
		{"ﺍﻟﺴﻔﻴﺮ", "سفير"}, // presentation forms
		{"Άγκυρα ΟΔΌΣ οδός", "αγκυρα οδοσ οδοσ"},
		{"Ёлка й", "елка и"},
		{"", ""},
		{"— … ! \x00 \xff\xfe", ""},
		{"ab\xffcd", "ab cd"},
		{strings.Repeat("a", 100), strings.Repeat("a", longest)},
	} {
		if got := strings.Join(Fold(c.text), " "); got != c.want {
			t.Errorf("Fold(%q)\n got %q\nwant %q", c.text, got, c.want)
		}
	}
}

// A word's place is what was written, so that it can be shown as it was.
func TestWordsKeepTheirPlace(t *testing.T) {
	text := "Le «Traité» d’Élysée: الوِزارةُ, co\u00ADop"
	var got []string
	for w := range Words(text) {
		got = append(got, text[w.Start:w.End])
	}
	want := []string{"Le", "Traité", "d", "Élysée", "الوِزارةُ", "co\u00ADop"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Inflected forms that diplomats write meet in one stem.
func TestStem(t *testing.T) {
	for language, groups := range map[string][]string{
		"en":    {"negotiation negotiations negotiate negotiated negotiating", "treaty treaties", "embassy embassies", "withdraw withdraws withdrawing", "missile missiles"},
		"fr-FR": {"négociation négociations négocier négocié négociée négociées", "traité traités", "ambassadeur ambassadeurs", "général générale générales", "mission missions"},
		"de":    {"Vertrag vertrag"},
		"ar":    {"سفارة السفارة والسفارة"},
	} {
		for _, group := range groups {
			stems := map[string]bool{}
			for _, plain := range Fold(group) {
				stems[Stem(plain, language)] = true
			}
			if len(stems) != 1 {
				t.Errorf("%s %q has the stems %v", language, group, stems)
			}
		}
	}
	for _, apart := range [][3]string{{"en", "mission", "missile"}, {"en", "general", "generate"}, {"fr", "traite", "train"}, {"de", "vertrag", "vertrags"}, {"", "treaty", "treaties"}} {
		if a, b := Stem(apart[1], apart[0]), Stem(apart[2], apart[0]); a == b {
			t.Errorf("%s and %s are both %q", apart[1], apart[2], a)
		}
	}
	for plain, want := range map[string]string{"nations": "nations nation", "242": "242", "no": "no", "سفير": "سفير"} {
		if got := strings.Join(Stems(plain), " "); got != want {
			t.Errorf("Stems(%s) = %q, want %q", plain, got, want)
		}
	}
}

func TestGuess(t *testing.T) {
	for text, want := range map[string]string{
		"The Ambassador has the honour to refer to the note of the Ministry":     "en",
		"L’ambassade a l’honneur de se référer à la note que le ministère a été": "fr",
		"Die Botschaft beehrt sich": "",
		"تتشرف السفارة":             "",
		"":                          "",
	} {
		if got := Guess(text); got != want {
			t.Errorf("%q is taken for %q, want %q", text, got, want)
		}
	}
}

// Whatever is written: places are in order and inside the text, words hold letters and
// digits alone, and folding what is folded changes nothing but an article.
func FuzzWords(f *testing.F) {
	for _, s := range []string{"L’État", "الوِزارةُ وال ال", "ﷺ ﷲ ½ ㎏", "a\xffb\u0301\u0301", "ﬃ İİ ẞ", "\u200D\u0640\u0640", "Ǆ ǅ ŉ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		last := 0
		for w := range Words(text) {
			if w.Start < last || w.End <= w.Start || w.End > len(text) {
				t.Fatalf("%q: the place %d to %d comes after %d", text, w.Start, w.End, last)
			}
			last = w.End
			if w.Plain == "" || !utf8.ValidString(w.Plain) || utf8.RuneCountInString(w.Plain) > 4*longest {
				t.Fatalf("%q: %q is no word", text, w.Plain)
			}
			for _, r := range w.Plain {
				if !unicode.IsLetter(r) && !unicode.IsNumber(r) {
					t.Fatalf("%q: %q holds %U", text, w.Plain, r)
				}
			}
			for _, language := range []string{English, French, ""} {
				if s := Stem(w.Plain, language); s == "" || len(s) > len(w.Plain)+2 {
					t.Fatalf("the stem of %q is %q", w.Plain, s)
				}
			}
		}
	})
}

func BenchmarkWords(b *testing.B) {
	text := strings.Repeat("The Ambassador said that the negotiations on Cyprus, in his Government's view, had been delayed. ", 60)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		for w := range Words(text) {
			_ = w
		}
	}
}
