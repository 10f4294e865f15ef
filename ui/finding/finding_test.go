package finding

import (
	"testing"

	"valise/instance/search"
	"valise/ui/page"
)

// What a search shows of foreign words cannot turn the row round, nor leave its element.
func TestMarked(t *testing.T) {
	text := "Water \u202e<b>levels\u202c\nnow"
	start := len("Water \u202e<b>")
	var m page.Markup
	marked(&m, text, []search.Range{{Start: start, End: start + len("levels")}})
	got := string(m.HTML())
	if want := "Water &lt;b&gt;<mark>levels</mark> now"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
