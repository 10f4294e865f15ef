package peers

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"valise/models/iri"
)

// network passes requests between servers.
type network map[string]http.Handler

func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	h := n[r.URL.Host]
	if h == nil {
		return nil, fmt.Errorf("no such host: %s", r.URL.Host)
	}
	in := httptest.NewRequest(r.Method, r.URL.RequestURI(), r.Body)
	in.Header, in.Host = r.Header, r.URL.Host
	w := httptest.NewRecorder()
	h.ServeHTTP(w, in)
	return w.Result(), nil
}

var noon = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)

// stage is a server under test, somebody there, and an author elsewhere who sends it
// whatever the test writes.
type stage struct {
	t      *testing.T
	s      *Server
	expert *Account
	author *Account
	n      int
}

func newStage(t *testing.T, open func(iri.Host, http.RoundTripper, func() time.Time) *Server) *stage {
	n := network{}
	now := func() time.Time { return noon }
	s, other := open("social.example", n, now), Mastodon("author.example", n, now)
	n["social.example"], n["author.example"] = s, other
	return &stage{t: t, s: s, expert: s.Account("expert"), author: other.Account("author")}
}

// send posts an activity to the expert's inbox and returns the answer.
func (g *stage) send(kind string, doc any) int {
	g.t.Helper()
	g.n++
	a := object{"@context": contextAS2, "id": fmt.Sprintf("%s/a/%d", g.author.ID, g.n), "type": kind, "actor": g.author.ID, "object": doc}
	if o, ok := doc.(object); ok && o["activity"] != nil {
		a["id"] = o["activity"]
	}
	before := len(g.s.Received())
	g.author.send(&actor{inbox: g.expert.ID + "/inbox"}, false, a)
	got := g.s.Received()
	if len(got) == before {
		g.t.Fatalf("%s did not pass the door", kind)
	}
	return got[len(got)-1].Status
}

// note is a post of the author's with some members changed.
func (g *stage) note(n int, change object) object {
	o := object{"id": fmt.Sprintf("%s/%d", g.author.ID, n), "type": "Note", "attributedTo": g.author.ID, "to": []any{g.author.ID + "/followers"}, "published": "2026-09-01T12:00:00Z", "content": "one"}
	for k, v := range change {
		o[k] = v
	}
	return o
}

func (g *stage) follow() {
	g.t.Helper()
	id, err := g.expert.Follow(g.author.Handle())
	if err != nil {
		g.t.Fatal(err)
	}
	g.send("Accept", object{"id": g.expert.follows[id], "type": "Follow", "actor": g.expert.ID, "object": id})
	if !g.expert.Follows(id) {
		g.t.Fatal("the follow was not accepted")
	}
}

func (g *stage) home() string {
	var out []string
	for _, p := range g.expert.Home() {
		out = append(out, fmt.Sprintf("%s %s %d", p.Visibility, p.Content, p.Edits))
	}
	return strings.Join(out, ", ")
}

func (g *stage) want(what, want string) {
	g.t.Helper()
	if got := g.home(); got != want {
		g.t.Errorf("%s: her home is %q, want %q", what, got, want)
	}
}

func TestGoToSocialRules(t *testing.T) {
	g := newStage(t, GoToSocial)
	me := []any{object{"type": "Mention", "href": g.expert.ID}}
	g.send("Create", g.note(1, nil))
	g.want("nobody followed", "")
	g.follow()
	g.send("Create", g.note(2, object{"activity": "https://author.example/users/author/a/x"}))
	g.want("followed", "private one 0")
	g.send("Create", g.note(3, object{"activity": "https://author.example/users/author/a/x"}))
	g.want("an id seen", "private one 0")
	g.send("Create", g.note(2, object{"content": "again"}))
	g.want("created again", "private one 0")
	g.send("Create", g.note(4, object{"inReplyTo": "https://author.example/unknown"}))
	g.want("an orphan", "private one 0")
	g.send("Update", g.note(2, object{"content": "two", "published": "2026-09-01T13:00:00Z", "updated": "2026-09-01T13:00:00Z"}))
	g.want("another published", "private one 0")
	g.send("Update", g.note(2, object{"content": "two"}))
	g.want("no updated", "private two 0")
	g.send("Update", g.note(2, object{"content": "three", "updated": "2026-09-01T13:00:00Z"}))
	g.want("updated", "private three 1")
	g.send("Delete", object{"id": g.note(2, nil)["id"], "type": "Tombstone"})
	g.want("deleted", "")
	g.send("Create", g.note(2, nil))
	g.want("revived", "private one 0")
	g.send("Create", g.note(5, object{"to": []any{g.expert.ID}}))
	g.send("Create", g.note(6, object{"to": []any{g.expert.ID}, "tag": me}))
	if got := g.expert.Direct(); len(got) != 1 || got[0].ID != g.author.ID+"/6" {
		t.Errorf("private mentions: %+v", got)
	}
	for kind, want := range map[string]int{"Invite": 500, "Read": 500, "Offer": 500, "Like": 202} {
		if got := g.send(kind, "https://author.example/x"); got != want {
			t.Errorf("%s is answered %d", kind, got)
		}
	}
	follow := object{"id": g.expert.follows[g.author.ID], "type": "Follow", "actor": g.expert.ID, "object": g.author.ID}
	g.send("Reject", follow)
	g.want("rejected", "private one 0")
	block := object{"id": g.author.ID + "/block", "type": "Block", "actor": g.author.ID, "object": g.expert.ID}
	g.send("Block", g.expert.ID)
	if g.expert.Follows(g.author.ID) || !g.expert.Blocked(g.author.ID) {
		t.Error("Block did not end the follow")
	}
	g.send("Undo", block["id"])
	if !g.expert.Blocked(g.author.ID) {
		t.Error("a bare id lifted the Block")
	}
	g.send("Undo", block)
	if g.expert.Blocked(g.author.ID) {
		t.Error("an embedded Block was not lifted")
	}
	g.follow()
	g.want("a returning follower", "private one 0")
	g.send("Announce", object{"id": g.author.ID + "/a/y", "type": "Create", "actor": g.author.ID})
	if got := g.s.Fetches(); len(got) != 1 {
		t.Errorf("an announcement made it fetch %v", got)
	}
	note, err := g.expert.Reply(g.author.Handle(), "", "hello", MentionedOnly)
	if err != nil {
		t.Fatal(err)
	}
	g.send("Reject", note)
	for _, p := range g.s.Posts() {
		if p.ID == note {
			t.Error("a rejected note is still there")
		}
	}
}

func TestMastodonRules(t *testing.T) {
	g := newStage(t, Mastodon)
	g.follow()
	g.send("Create", g.note(1, nil))
	g.send("Create", g.note(2, object{"to": []any{"https://author.example/followers"}}))
	g.want("to another collection", "private one 0")
	g.send("Update", g.note(1, object{"content": "two"}))
	g.want("no updated", "private one 0")
	g.send("Update", g.note(1, object{"content": "two", "updated": "2026-09-01T12:00:01Z"}))
	g.send("Update", g.note(1, object{"content": "old", "updated": "2026-09-01T12:00:01Z"}))
	g.want("updated", "private two 1")
	g.send("Update", g.note(7, object{"content": "new", "updated": "2026-09-01T12:00:01Z"}))
	g.want("an update of what is not here", "private two 1")
	g.send("Delete", object{"id": g.note(1, nil)["id"], "type": "Tombstone"})
	g.send("Create", g.note(1, nil))
	g.want("the id of a deleted post", "")
	g.send("Create", g.note(5, object{"to": []any{g.expert.ID}}))
	if got := g.expert.Direct(); len(got) != 0 {
		t.Errorf("without a Mention: %+v", got)
	}
	if got := g.send("Invite", "https://author.example/x"); got != 202 {
		t.Errorf("Invite is answered %d", got)
	}
	g.send("Reject", object{"id": "https://author.example/other", "type": "Follow", "actor": g.expert.ID, "object": g.author.ID})
	if g.expert.Follows(g.author.ID) {
		t.Error("Reject did not end the follow")
	}
}

func TestDoors(t *testing.T) {
	for name, open := range map[string]func(iri.Host, http.RoundTripper, func() time.Time) *Server{"Mastodon": Mastodon, "GoToSocial": GoToSocial} {
		g := newStage(t, open)
		post := func(change func(*http.Request)) int {
			body := fmt.Sprintf(`{"id":"%s/a/1","type":"Like","actor":"%s","object":"https://social.example/x"}`, g.author.ID, g.author.ID)
			r := httptest.NewRequest(http.MethodPost, g.expert.ID+"/inbox", nil)
			g.author.sign(r, []byte(body))
			r.RequestURI = "/users/expert/inbox"
			change(r)
			w := httptest.NewRecorder()
			g.s.ServeHTTP(w, r)
			return w.Code
		}
		if got := post(func(*http.Request) {}); got != http.StatusAccepted {
			t.Errorf("%s: a valid request is answered %d", name, got)
		}
		for what, change := range map[string]func(*http.Request){
			"RFC 9421":       func(r *http.Request) { r.Header.Set("Signature-Input", "sig1=()") },
			"another digest": func(r *http.Request) { r.Header.Set("Digest", "SHA-256=AAAA") },
			"another target": func(r *http.Request) { r.URL.RawQuery = "x" },
			"unsigned":       func(r *http.Request) { r.Header.Del("Signature") },
			"digest not signed": func(r *http.Request) {
				r.Header.Set("Signature", strings.Replace(r.Header.Get("Signature"), " digest", "", 1))
			},
		} {
			if got := post(change); got != http.StatusUnauthorized {
				t.Errorf("%s: %s is answered %d", name, what, got)
			}
		}
		w := httptest.NewRecorder()
		g.s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, g.expert.ID, nil))
		if want := map[string]int{"Mastodon": 200, "GoToSocial": 401}[name]; w.Code != want {
			t.Errorf("%s shows an actor unsigned: %d", name, w.Code)
		}
		w = httptest.NewRecorder()
		g.s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, g.expert.ID+"/main-key", nil))
		if want := map[string]int{"Mastodon": 404, "GoToSocial": 200}[name]; w.Code != want || want == 200 && strings.Contains(w.Body.String(), "inbox") {
			t.Errorf("%s, the key by its path: %d %s", name, w.Code, w.Body)
		}
	}
}
