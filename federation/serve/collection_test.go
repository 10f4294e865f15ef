package serve_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

func items(t *testing.T, i *instance, who iri.IRI, path string) ([]*vocab.Node, iri.IRI) {
	t.Helper()
	w := i.ask(who, http.MethodGet, path)
	if w.Code != ok {
		t.Fatalf("%s: %d %s\n%s", path, w.Code, w.Body, i.log)
	}
	n, err := vocab.ParseJSON(w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	list, next, err := vocab.ParsePage(n, i.Rules)
	if err != nil {
		t.Fatal(err)
	}
	return list, next
}

func TestOutboxWithholds(t *testing.T) {
	i := world(t)
	if list, next := items(t, i, ida, "/g/r7/outbox"); len(list) != 0 || next != group+"/outbox/after/0" {
		t.Fatalf("the outbox holds %d items and begins at %q", len(list), next)
	}
	list, next := items(t, i, ida, "/g/r7/outbox/after/0")
	if next != "" {
		t.Errorf("a page follows the last: %s", next)
	}
	var got []string
	for _, e := range list {
		got = append(got, string(e.Raw()))
	}
	announced := func(n int) string {
		return fmt.Sprintf(`{"id":"%s/a/%d","type":"Announce","text":"announced"}`, group, n)
	}
	withheld := func(n int) string {
		return fmt.Sprintf(`{"digest":"zQmdigest%d","sequence":"%d","withheld":true}`, n, n)
	}
	want := []string{withheld(1), announced(2), withheld(3), announced(4), withheld(5)}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("ida reads\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if list, _ := items(t, i, embassyActor, "/g/r7/outbox/after/3"); len(list) != 2 || string(list[1].Raw()) != announced(5) {
		t.Errorf("the embassy reads %d entries after 3", len(list))
	}

	// What was withdrawn keeps its place.
	i.must(models.EraseActivityBytes(t.Context(), i.Store.W, []iri.IRI{base + "/d/posted"}))
	list, _ = items(t, i, embassyActor, "/g/r7/outbox/after/1")
	if string(list[0].Raw()) != withheld(2) {
		t.Errorf("an erased entry reads %s", list[0].Raw())
	}
}

func TestOutboxPages(t *testing.T) {
	i := world(t)
	big := strings.Repeat("x", 400<<10)
	for n := int64(6); n <= 120; n++ {
		id := group + iri.IRI(fmt.Sprintf("/a/%d", n))
		text := ""
		switch n {
		case 10, 11, 12:
			text = big
		case 20:
			text = big + big + big
		}
		i.activity(id, group, "Announce", base+"/d/posted", `{"id":"`+string(id)+`","t":"`+text+`"}`)
		i.must(models.InsertLogEntry(t.Context(), i.Store.W, &models.LogEntry{Community: group, Sequence: n, Activity: id, Digest: "zQm", ObjectID: base + "/d/posted", MarkingRank: 2}))
	}
	g, err := models.CommunityByIRI(t.Context(), i.Store.R, group)
	i.must(err)
	g.Sequence = 120
	i.must(models.SaveCommunity(t.Context(), i.Store.W, g))

	seen, pages := 0, 0
	for next := iri.IRI("/outbox/after/0"); next != ""; pages++ {
		path := "/g/r7" + strings.TrimPrefix(string(next), string(group))
		w := i.ask(embassyActor, http.MethodGet, path)
		if w.Body.Len() > 1<<20 {
			t.Errorf("%s has %d bytes, more than an instance reads", path, w.Body.Len())
		}
		var list []*vocab.Node
		list, next = items(t, i, embassyActor, path)
		if len(list) == 0 || len(list) > 50 {
			t.Fatalf("%s has %d entries", path, len(list))
		}
		for _, e := range list {
			seen++
			want := fmt.Sprintf("%s/a/%d", group, seen)
			id, isID := e.Str()
			if isID != (seen == 20) {
				t.Errorf("entry %d by its id alone: %v", seen, isID)
			}
			if !isID {
				id, _ = e.Get("id").Str()
			}
			if id != want {
				t.Fatalf("entry %d is %s", seen, id)
			}
		}
	}
	if seen != 120 || pages < 4 {
		t.Errorf("%d entries on %d pages", seen, pages)
	}
}

func TestFiles(t *testing.T) {
	i := world(t)
	w := i.ask(ben, http.MethodGet, "/f/"+annex)
	for name, want := range map[string]string{
		"Content-Type": "application/pdf", "Content-Length": "9", "X-Content-Type-Options": "nosniff", "Accept-Ranges": "bytes",
		"Content-Disposition": `attachment; filename="an_\"nex\".pdf"`, "Content-Security-Policy": "default-src 'none'; sandbox",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if w = i.ask(ben, http.MethodGet, "/f/"+annex, header("Range", "bytes=4-")); w.Code != http.StatusPartialContent || w.Body.String() != "annex" {
		t.Errorf("a range: %d %q", w.Code, w.Body)
	}

	// One digest, two dispatches: either lets its reader have the file.
	i.dispatch(models.Dispatch{IRI: base + "/d/second", MarkingRank: 2}, eve)
	if w = i.ask(eve, http.MethodGet, "/f/"+annex); w.Code != none {
		t.Fatalf("before it is attached: %d", w.Code)
	}
	i.attach(base+"/d/second", annex, "the annex", models.AttachmentMissing)
	if w = i.ask(eve, http.MethodGet, "/f/"+annex); w.Code != none {
		t.Errorf("while it is missing: %d", w.Code)
	}
	_, err := i.Store.W.NewRaw(`UPDATE attachments SET state = 'here'`).Exec(t.Context())
	i.must(err)
	if w = i.ask(eve, http.MethodGet, "/f/"+annex); w.Code != ok {
		t.Errorf("by the second dispatch: %d\n%s", w.Code, i.log)
	}

	// A file of another size than its row says is a fault of ours.
	i.files[annex] = "short"
	if w = i.ask(ben, http.MethodGet, "/f/"+annex); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a damaged file: %d", w.Code)
	}
}
