package portaltest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"valise/cmd/internal/cluster"
	"valise/cmd/internal/portaltest"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

// What somebody may not see answers her with the same bytes as what there never was, on
// every page and act that has an object in its address.
func TestHiddenIsUnknown(t *testing.T) {
	c := newCircle(t)
	c.open(t)
	c.join(t)
	c.share(t, "On the waters")
	n := c.Nodes[embassy]
	invited := func() iri.IRI {
		rows, err := models.Invitations(t.Context(), n.Store.R, c.community, "", 10)
		cluster.Must(t, err)
		return rows[0].IRI
	}()
	sent := func() iri.IRI {
		content := c.content("ROUTINE", 1)
		content.Action = []iri.IRI{c.state}
		digest, size, err := n.Files.Put(strings.NewReader("talking points"), 100, "")
		cluster.Must(t, err)
		content.Attachments = append(content.Attachments, attachment(digest, size))
		return c.Send(embassy, c.counsellor, c.ankara, content).IRI
	}()
	draft := c.e.Get("/drafts/new").Submit("main form").OK().Path
	eve, err := n.Accounts.AddPerson(t.Context(), "test", "eve", "Eve")
	cluster.Must(t, err)
	stranger := portaltest.SignIn(t, n, eve.IRI)
	c.e.Post("/search/saved", url.Values{"q": {"waters"}, "name": {"Waters"}}).OK()

	object := func(area string, id iri.IRI) [2]string {
		return [2]string{page.ObjectPath(area, id), page.ObjectPath(area, id[:len(id)-1]+"zz")}
	}
	zero := "01a00000-0000-7000-8000-000000000000"
	for _, k := range []struct {
		paths      [2]string
		gets, acts string
	}{
		{object("dispatches", sent), "; compare; seal; withdraw; file", "read register take forward retry comment withdraw download nothing"},
		{object("communities", c.community), "; members; member?who=" + url.QueryEscape(string(c.expert)) + "; invite; invitations; ceiling; ceiling?to=PUBLIC; moderation; comments; statistics; leave; remove?who=" + url.QueryEscape(string(c.expert)), "comment leave remove narrow invite lookup ceiling moderation commenting nothing"},
		{object("invitations", invited), "; revoke", "accept decline revoke nothing"},
		{object("guest-invitations", invited), "", "print withdraw nothing"},
		{[2]string{draft, "/drafts/" + zero}, "; preview; history; compare; compare?from=1; clear; check; discard; events; pulse; files/" + strings.Repeat("0", 64), "paragraph settle head comment address refer file presence ask clear discard"},
		{[2]string{strings.Replace(draft, "/drafts/", "/release/", 1), "/release/" + zero}, "", ""},
		{[2]string{"/search/saved/1", "/search/saved/999"}, "", "forget"},
		{[2]string{"/correspondence/ankara/action", "/correspondence/nowhere/action"}, "", ""},
		{[2]string{"/correspondence/ankara/drafts", "/correspondence/nowhere/drafts"}, "", ""},
		{[2]string{"/read/at" + strings.TrimPrefix(object("read", sent)[0], "/read"), "/read/at" + strings.TrimPrefix(object("read", sent)[1], "/read")}, "", "comment"},
		{[2]string{"/operator", "/nowhere"}, "; keys; queues; aside; refused; profiles; offices; people; trail; peers; peers/propose", ""},
	} {
		below := func(path, what string) string {
			if what = strings.TrimSpace(what); what == "" {
				return path
			}
			path, query, _ := strings.Cut(path, "?")
			what, more, _ := strings.Cut(what, "?")
			if query != "" && more != "" {
				query += "&"
			}
			if query += more; query != "" {
				query = "?" + query
			}
			return path + "/" + what + query
		}
		same := func(method, what, body string) {
			t.Helper()
			var got [2]*portaltest.Page
			for i, path := range k.paths {
				to := below(path, what)
				kind := ""
				if body != "" {
					kind = "application/x-www-form-urlencoded"
				}
				got[i] = stranger.Ask(method, to, kind, body)
				bare, _, _ := strings.Cut(to, "?")
				last := path[strings.LastIndexByte(path, '/'):] // of what a link is redirected to
				ends := regexp.MustCompile(regexp.QuoteMeta(last) + `(["?&#]|$)`)
				got[i].Body = ends.ReplaceAllString(strings.ReplaceAll(got[i].Body, bare, "HERE"), "/LAST$1")
			}
			seen, none := got[0], got[1]
			if seen.Status < 300 || seen.Status >= 500 {
				t.Errorf("%s %s is open to a stranger: %d", method, below(k.paths[0], what), seen.Status)
			}
			if seen.Status != none.Status || seen.Body != none.Body {
				t.Errorf("%s %s tells a stranger that it is there: %d, %d\n%s\n%s", method, below(k.paths[0], what), seen.Status, none.Status, seen.Words(), none.Words())
			}
		}
		for what := range strings.SplitSeq(k.gets, ";") {
			same(http.MethodGet, what, "")
		}
		form := url.Values{"who": {"@fellow@institute.localhost"}, "to": {"PUBLIC"}, "reason": {"x"}, "comment": {"x"}, "ceiling": {"PUBLIC"}, "part": {"p1"}, "text": {"x"}, "query": {"x"}, "role": {"action"}, "base": {"1"},
			"revision": {"1"}, "target": {"x"}, "office": {string(c.ankara)}, "number": {"7"}, "colleague": {string(eve.IRI)}, "digest": {strings.Repeat("0", 64)}, "how": {"both"}, "decision": {"agree"}}
		for _, what := range strings.Fields(k.acts) {
			same(http.MethodPost, what, form.Encode())
			same(http.MethodPost, what, "nothing=typed")
		}
		if k.acts != "" {
			same(http.MethodPost, "", form.Encode())
		}
	}
	upload := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nwords\r\n--b--\r\n"
	if a, b := stranger.Send(draft+"/files", "multipart/form-data; boundary=b", upload), stranger.Send("/drafts/"+zero+"/files", "multipart/form-data; boundary=b", upload); a.Status != 404 || a.Words() != b.Words() {
		t.Errorf("an upload to another's draft: %d %d", a.Status, b.Status)
	}
	// Nor do the answers to scripts tell.
	stranger.Header.Set("Accept", "application/json")
	var said [2]map[string]any
	for i, path := range []string{c.path, page.ObjectPath("communities", "http://embassy.localhost/g/nothing")} {
		cluster.Must(t, json.Unmarshal([]byte(stranger.Post(path+"/lookup", url.Values{"who": {"@fellow@institute.localhost"}}).Body), &said[i]))
	}
	if said[0]["code"] != "not-found" || said[0]["detail"] != said[1]["detail"] {
		t.Errorf("a script is told %v and %v", said[0], said[1])
	}
}

func attachment(digest string, size int64) dispatches.Attachment {
	return dispatches.Attachment{Name: "points.txt", MediaType: "text/plain", Digest: digest, Size: size}
}

// A form that is sent twice, as by a double click, acts once.
func TestFormsSentTwice(t *testing.T) {
	c := newCircle(t)
	c.open(t)
	c.join(t)
	d := c.share(t, "On the waters")
	form := c.e.Get("/drafts/new").OK()
	first, second := form.Submit("main form").OK(), form.Submit("main form").OK()
	if first.Path != second.Path {
		t.Errorf("two drafts were begun: %s, %s", first.Path, second.Path)
	}
	if other := c.e.Get("/drafts/new").Submit("main form").OK(); other.Path == first.Path {
		t.Error("a second draft cannot be begun")
	}
	sent := make(chan int, 4)
	comment := func(path, part string, times int) {
		for range times {
			go func() {
				sent <- c.e.Ask("POST", path, "application/x-www-form-urlencoded", url.Values{"part": {part}, "comment": {"Is this agreed?"}}.Encode()).Status
			}()
		}
		for range times {
			if status := <-sent; status != 303 {
				t.Errorf("%s answered %d", path, status)
			}
		}
	}
	comment(first.Path+"/comment", "p1", 2)
	comment(c.path+"/comment", "", 2)
	comment(page.DispatchPath(d.IRI)+"/comment", "", 2)
	c.Settle()
	if n := strings.Count(c.e.Get(first.Path).OK().Text("#at-p1"), "Is this agreed?"); n != 1 {
		t.Errorf("a comment on a draft stands %d times", n)
	}
	for _, path := range []string{c.path + "/comments", page.DispatchPath(d.IRI)} {
		want := 2 // that of the dispatch stands among the community's too
		if strings.HasPrefix(path, "/dispatches/") {
			want = 1
		}
		if n := strings.Count(c.e.Get(path).OK().Words(), "Is this agreed?"); n != want {
			t.Errorf("%s holds the comment %d times, not %d", path, n, want)
		}
	}
}

// What is refused is said in the language of the page, and what was typed stays.
func TestRefusedInHerLanguage(t *testing.T) {
	c := newCircle(t)
	c.open(t)
	at := c.e.Get("/drafts/new").Submit("main form").OK().Path
	for lang, k := range map[string][5]string{
		"fr": {"n’est ni une adresse comme", "La langue est l’une de", "n’est pas une date", "contient le contrôle de direction U+202E", "Identifiant « water! »"},
		"ar": {"ليس عنوانًا مثل", "اللغة واحدة من", "ليس تاريخًا", "يحتوي محرف التحكم بالاتجاه", "اسم المستخدم"},
	} {
		c.e.Get("/communities?lang=" + lang).OK()
		p := c.e.Get(c.path+"/invite").Submit("main form[data-lookup]", "who", "nobody at all", "words", "Kind words").Is(422).Sound().Says(k[0])
		if p.Find("textarea[name=words]").Text() != "Kind words" {
			t.Errorf("what was typed is lost:\n%s", p.Words())
		}
		c.e.Post("/profile", url.Values{"language": {"tlh"}, "zone": {"UTC"}}).Is(422).Says(k[1], "tlh")
		c.e.Get("/search?q=" + url.QueryEscape("before:never")).Is(422).Says(k[2])
		p = c.e.Get(at).Submit("#headform form", "subject", "gnp\u202e.exe", "summary", "Typed with care").Is(422).Sound().Says(k[3])
		if p.Find("[name=summary]").Text()+p.Find("[name=summary]").AttrOr("value", "") != "Typed with care" || strings.Contains(p.Body, "\u202e") {
			t.Errorf("what was typed is lost, or turns the page round:\n%s", p.Words())
		}
		c.e.Get("/communities/new").Submit(`form[action="/communities/new"]`, "name", "Water", "username", "Water!", "charter", "Purpose.").Is(422).Sound().Says(k[4])
	}
}
