package portaltest_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/instance/archive"
	"valise/models/iri"
	"valise/ui/page"
)

// printed is a volume of n letters, each of which refers to the next.
func printed(name string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<TEI><teiHeader><fileDesc><titleStmt><title type="complete">Letters &lt;of&gt; %s</title></titleStmt><publicationStmt><idno type="frus">%s</idno></publicationStmt></fileDesc></teiHeader><text><body>`, name, name)
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, `<div type="document" xml:id="d%d" n="%d"><head>%d. Letter From <persName type="from" corresp="#p_A">Ada</persName> to <persName type="to">Ben</persName><note n="1" type="source">Source: Drawer %d. Confidential.</note></head>
			<dateline><placeName>Paris</placeName>, <date when="1964-05-%02d">May</date></dateline><p>Dear Ben<note n="2">He was in Ankara.</note>, the herring is %d. See <ref target="#d%d">Document %d</ref>.</p></div>`, i, i, i, i, 1+i%28, i, i+1, i+1)
	}
	b.WriteString(`</body></text></TEI>`)
	return b.String()
}

// A historian goes from the volumes to a record with its apparatus, to its thread, and from
// a search to a record; live correspondence never stands among them.
func TestArchivePages(t *testing.T) {
	c := cluster.New(t, []iri.Host{ministry})
	office, anna := c.Office(ministry, "records", "RECORDS", "Records office", "anna")
	n := c.Nodes[ministry]
	b := portaltest.SignIn(t, n, anna)
	b.Get("/archive").OK().Sound().Says("No volume was imported yet")
	for _, v := range []string{"v1", "v2"} {
		_, err := n.Archive.ImportFile(t.Context(), archive.Target{By: "test", Office: office}, v+".xml", false, strings.NewReader(printed(v, 60)))
		cluster.Must(t, err)
	}
	c.Settle()
	cluster.Must(t, n.Search.Settle(t.Context(), 10*time.Second))

	volumes := b.Get("/archive").OK().Sound().Says("Letters <of> v1", "Letters <of> v2", "1964", "60")
	if got := volumes.Text(`.mast nav [aria-current]`); got != "Archive" {
		t.Errorf("the masthead stands at %q", got)
	}
	list := volumes.Follow(`.tab a`).OK().Sound().Says("In printed order", "v1/d1", "archive")
	if got := list.Find(".row").Length(); got != 50 {
		t.Errorf("%d rows", got)
	}
	last := list.Follow(`a[rel=next]`).OK().Sound().Says("v1/d60").Lacks("v1/d50<", "v2/")
	if got := last.Find(".row").Length(); got != 10 || last.Find(`a[rel=next]`).Length() != 0 {
		t.Errorf("%d rows on the last page", got)
	}
	byDate := b.Get("/archive/records?from=1964-05-03&until=1964-05-03").OK().Sound().Says("The oldest first", "v1/d2", "v2/d2").Lacks("v1/d3<", "v1/d1<")
	byDate.Submit(`form[action="/archive/records"]`, "from", "1964-13-40", "until", "").Is(422).Sound().Says("“1964-13-40” is no day").Has(`#from[aria-invalid][aria-describedby=why-from]`)
	b.Get("/archive/records?from=1990").OK().Sound().Says("No record fits")
	b.Get("/archive/records?volume=v9").Is(404)
	b.Get("/archive/records?after=nonsense").Is(422)

	id := archive.ID(ministry, "v1", "d2")
	at := page.ObjectPath("archive/at", id)
	record := list.Follow(`a[href="` + at + `"]`).OK().Sound()
	record.Says("Archive record", "Ada", "Ben", "the herring is 2", "Source: Drawer 2", "He was in Ankara", "Letters <of> v1", "document 2")
	record.Follow(`#mentions a`).OK().Says("the herring is 3")
	thread := record.Follow(`.jump a[href$="/thread"]`).OK().Sound().Says("This record", "v1/d1", "v1/d3", "refers to v1/d3").Lacks("v2/")
	if first := thread.Text(".row:first-child .row__from"); !strings.Contains(first, "v1/d1") {
		t.Errorf("the oldest is not first: %s", first)
	}
	live := b.Get(page.DispatchPath(id)).OK().Sound()
	live.Follow(`.notice a`).OK().Says("Source: Drawer 2")
	hits := b.Get("/search?q=" + url.QueryEscape("herring in:archive")).OK()
	if href := hits.Find(".row__subj a").First().AttrOr("href", ""); !strings.HasPrefix(href, "/archive/at/") {
		t.Errorf("a search leads to %s", href)
	}
	for _, path := range []string{page.ObjectPath("archive/at", archive.ID(ministry, "v1", "d999")), page.ObjectPath("archive/at", office), at + "/thread/thread", "/archive/at/x", page.ObjectPath("archive/at", archive.ID(ministry, "v1", "d999")) + "/thread"} {
		b.Get(path).Is(404)
	}
	for _, path := range []string{"/archive", "/archive/records?volume=v1", "/archive/records?from=1964", at, at + "/thread"} {
		b.Within(8, path).OK()
	}
	if p := portaltest.Open(t, n).Get(at); p.Path[:8] != "/sign-in" {
		t.Errorf("a stranger was led to %s", p.Path)
	}
	for _, lang := range []string{"fr", "ar"} {
		for _, path := range []string{"/archive", "/archive/records?volume=v1", at, at + "/thread"} {
			b.Get(path + map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "lang=" + lang).OK().Sound()
		}
	}
}
