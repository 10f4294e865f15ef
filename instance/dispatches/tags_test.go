package dispatches

import (
	"slices"
	"strings"
	"testing"
)

func TestReadTags(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{" , ;\t", ""},
		{"trade, Trade TRADE #trade", "TRADE"},
		{"santé،العراق arms-control", "SANTÉ العراق ARMS-CONTROL"},
		{strings.Repeat("é", maxTag), strings.ToUpper(strings.Repeat("é", maxTag))},
		{"a b c d e f g h i j", "A B C D E F G H I J"},
	} {
		got, err := ReadTags(c.text)
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%q: %q, %v", c.text, got, err)
		}
		if again, err := ReadTags(strings.Join(got, ", ")); err != nil || !slices.Equal(got, again) {
			t.Errorf("%q read again: %q, %v", c.text, again, err)
		}
	}
	for _, bad := range []string{"a b c d e f g h i j k", strings.Repeat("é", maxTag+1), "two.words", "<b>", "a\u202eb", "#", "a#b"} {
		if got, err := ReadTags(bad); err == nil {
			t.Errorf("%q: taken as %q", bad, got)
		}
	}
}

// What a peer names and could not be a tag of ours is left out; the rest stays.
func TestReadableTags(t *testing.T) {
	many := strings.Split("#a #b #c #d #e #f #g #h #i #j #k #l", " ")
	for _, c := range []struct {
		names []string
		want  string
	}{
		{nil, ""},
		{[]string{"#Trade", "trade", "#Santé"}, "TRADE SANTÉ"},
		{[]string{"two words", "a,b", "", "#", "<script>", strings.Repeat("x", maxTag+1), "#kept"}, "KEPT"},
		{many, "A B C D E F G H I J"},
	} {
		if got := readableTags(c.names); strings.Join(got, " ") != c.want {
			t.Errorf("%q: %q", c.names, got)
		}
	}
}
