package sample

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"valise/instance/archive/tei"
)

func TestDocumentsAreWhole(t *testing.T) {
	count := map[string]int{}
	for _, d := range Documents() {
		count[d.Volume]++
		if d.Title == "" || len(d.Paragraphs) == 0 {
			t.Errorf("%s/%s has no title or no text", d.Volume, d.ID)
		}
	}
	if want := map[string]int{Kennedy: 120, Cyprus: 60, UN: 42}; !reflect.DeepEqual(count, want) {
		t.Errorf("documents per volume: %v, want %v", count, want)
	}
}

func TestDocument(t *testing.T) {
	d, ok := Document(Cyprus, "d10")
	if !ok || d.MessageNumber != "1017" || d.From != "Embassy in Turkey" || d.Precedence != "Priority" {
		t.Errorf("d10: %v, %+v", ok, d)
	}
	if d.Kind != tei.KindTelegram {
		t.Errorf("d10 is a %s", d.Kind)
	}
	if _, ok := Document(Cyprus, "d9999"); ok {
		t.Error("a document that does not exist was found")
	}
}

func TestUNVolumeHasHeaders(t *testing.T) {
	circulars := 0
	for _, d := range Documents() {
		if d.Volume != UN {
			continue
		}
		if d.DTG == "" || len(d.Tags) == 0 || d.Sender == "" || len(d.Action) == 0 {
			t.Errorf("%s: DTG %q, tags %v, FM %q, TO %v", d.ID, d.DTG, d.Tags, d.Sender, d.Action)
		}
		if slices.ContainsFunc(d.Action, func(to string) bool { return strings.Contains(to, "ALL DIPLOMATIC") }) {
			circulars++
		}
	}
	if circulars < 10 {
		t.Errorf("%d circulars to all posts, want 10 or more", circulars)
	}
}

func TestDirectory(t *testing.T) {
	posts := Posts()
	if len(posts) < 100 {
		t.Errorf("%d posts, want about 120", len(posts))
	}
	for _, name := range []string{"Moscow", "Ankara", "Athens", "Nicosia", "London", "Paris"} {
		if !slices.ContainsFunc(posts, func(p Post) bool { return p.Name == "Embassy "+name && (!p.Located || p.Lat > 30) }) {
			t.Errorf("no Embassy %s", name)
		}
	}
	names := map[string]bool{}
	for _, p := range posts {
		if strings.HasPrefix(p.Name, " ") || names[p.Name+p.Country] {
			t.Errorf("post without type, or twice: %+v", p)
		}
		names[p.Name+p.Country] = true
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	first := slices.Collect(Generate(300, 7))
	if again := slices.Collect(Generate(500, 7))[:300]; !reflect.DeepEqual(first, again) {
		t.Error("the same seed gave other dispatches")
	}
	if other := slices.Collect(Generate(300, 8)); reflect.DeepEqual(first, other) {
		t.Error("another seed gave the same dispatches")
	}
	levels := map[string]int{}
	for i, d := range first {
		levels[d.Precedence]++
		if d.Subject == "" || len(d.Paragraphs) == 0 || d.From == d.To {
			t.Errorf("dispatch %d: %+v", i, d)
		}
		if d.Marking != "UNCLASSIFIED" && d.Marking != "LIMITED" {
			t.Errorf("dispatch %d is marked %s", i, d.Marking)
		}
	}
	if len(levels) != 4 || levels["ROUTINE"] < levels["FLASH"] {
		t.Errorf("precedences: %v", levels)
	}
}

func TestGenerateStops(t *testing.T) {
	seen := 0
	for range Generate(1000, 1) {
		if seen++; seen == 3 {
			break
		}
	}
	if seen != 3 {
		t.Errorf("saw %d dispatches", seen)
	}
}
