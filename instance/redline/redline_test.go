package redline

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func join(pieces []Piece, without Op) string {
	s := ""
	for _, p := range pieces {
		if p.Op != without {
			s += p.Text
		}
	}
	return s
}

func TestCompareByWords(t *testing.T) {
	got := fmt.Sprint(Compare("The committee we are seeking will greatly assist.", "The committee which the Assembly may set up will greatly assist."))
	if want := fmt.Sprint([]Piece{{Same, "The committee "}, {Removed, "we are seeking"}, {Added, "which the Assembly may set up"}, {Same, " will greatly assist."}}); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if n := Count(Compare("one two three", "one 2 three four")); n != 2 {
		t.Errorf("%d words", n)
	}
	if p := Compare("same", "same"); len(p) != 1 || p[0].Op != Same || Count(p) != 0 {
		t.Errorf("%v", p)
	}
	// A combining mark stays with its letter.
	for _, p := range Compare("كِتَابٌ جديد", "كِتَابٌ قديم") {
		if p.Op == Same && strings.TrimSpace(p.Text) != "كِتَابٌ" {
			t.Errorf("same is %q", p.Text)
		}
	}
}

// Whatever the texts, the pieces make up both of them again.
func TestCompareLosesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		var b strings.Builder
		for range r.IntN(40) {
			b.WriteString([]string{"peace", "paix", "سلام", " ", "  ", "\n", ", ", "\U0001F54A", "l’accord", "x"}[r.IntN(10)])
		}
		return b.String()
	}
	for range 2000 {
		a, b := text(), text()
		p := Compare(a, b)
		if join(p, Added) != a || join(p, Removed) != b {
			t.Fatalf("%q to %q: %v", a, b, p)
		}
	}
}

func TestMerge(t *testing.T) {
	const base = "The Embassy proposes a meeting on Tuesday in Nicosia."
	for _, c := range []struct {
		name, mine, theirs, want string
		clash                    bool
	}{
		{"one side alone", "The Embassy proposes a meeting on Friday in Nicosia.", base, "The Embassy proposes a meeting on Friday in Nicosia.", false},
		{"the same twice", "The Embassy proposes a meeting on Friday in Nicosia.", "The Embassy proposes a meeting on Friday in Nicosia.", "The Embassy proposes a meeting on Friday in Nicosia.", false},
		{"different words", "The Embassy proposes a meeting on Friday in Nicosia.", "The Embassy suggests a meeting on Tuesday in Nicosia.", "The Embassy suggests a meeting on Friday in Nicosia.", false},
		{"begin and end", "Confidentially: " + base, base + " It asks for an answer.", "Confidentially: " + base + " It asks for an answer.", false},
		{"the same word", "The Embassy proposes a meeting on Friday in Nicosia.", "The Embassy proposes a meeting on Monday in Nicosia.", "", true},
		{"both at the end", base + " Mine.", base + " Theirs.", "", true},
		{"taken out and changed", "The Embassy proposes a meeting.", "The Embassy proposes a meeting on Tuesday in Geneva.", "", true},
		{"taken out twice", "The Embassy proposes a meeting in Nicosia.", "The Embassy proposes a meeting in Nicosia.", "The Embassy proposes a meeting in Nicosia.", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, turn := range [][2]string{{c.mine, c.theirs}, {c.theirs, c.mine}} {
				got, ok := Merge(base, turn[0], turn[1])
				if ok == c.clash || got != c.want {
					t.Errorf("got %q, %v", got, ok)
				}
			}
		})
	}
}

// A merge holds every word that either side added.
func TestMergeKeepsWords(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	merged := 0
	for range 3000 {
		words := strings.Fields("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu")
		side := func(mark string) (string, []string) {
			out, added := []string{}, []string{}
			for i, w := range words {
				switch r.IntN(8) {
				case 0:
					n := fmt.Sprint(mark, i)
					out, added = append(out, n), append(added, n)
				case 1:
				default:
					out = append(out, w)
				}
			}
			return strings.Join(out, " "), added
		}
		mine, addedMine := side("m")
		theirs, addedTheirs := side("t")
		got, ok := Merge(strings.Join(words, " "), mine, theirs)
		if !ok {
			continue
		}
		merged++
		for _, w := range append(addedMine, addedTheirs...) {
			if !strings.Contains(" "+got+" ", " "+w+" ") {
				t.Fatalf("%q and %q became %q: %q is lost", mine, theirs, got, w)
			}
		}
	}
	if merged < 20 {
		t.Errorf("only %d merges", merged)
	}
}

func BenchmarkCompareLong(b *testing.B) {
	long := strings.Repeat("The Embassy has the honour to inform the Ministry of the following matter. ", 500)
	other := strings.ReplaceAll(long, "honour", "privilege")
	for b.Loop() {
		Compare(long, other)
	}
}
