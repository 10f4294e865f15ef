package serve_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"valise/federation/inbox"
	"valise/federation/keyring"
	"valise/models"
	"valise/models/iri"
)

const (
	ok   = http.StatusOK
	none = http.StatusNotFound
)

func TestTiers(t *testing.T) {
	i := world(t)
	cases := []struct {
		name string
		who  iri.IRI
		path string
		want int
		says string
	}{
		{"dispatch, its addressee", ben, "/d/direct", ok, `"version":"2"`},
		{"dispatch, an earlier version", ben, "/d/direct/v/1", ok, `"version":"1"`},
		{"dispatch, the accredited origin", embassyActor, "/d/direct", ok, `"version":"2"`},
		{"dispatch, a program there", bot, "/d/direct", none, ""},
		{"dispatch, another there", eve, "/d/direct", none, ""},
		{"dispatch, nobody", "", "/d/direct", none, ""},
		{"dispatch, a stranger", tom, "/d/direct", none, ""},
		{"dispatch, a suspended host", sue, "/d/direct", none, ""},
		{"dispatch, unknown", ben, "/d/nothing", none, ""},
		{"dispatch, version unknown", ben, "/d/direct/v/3", none, ""},
		{"dispatch, version written otherwise", ben, "/d/direct/v/01", none, ""},
		{"dispatch, classified", ben, "/d/secret", none, ""},
		{"dispatch, archive", ben, "/d/archive", none, ""},
		{"dispatch, lowered", ben, "/d/lowered", ok, `"version":"2"`},
		{"dispatch, before it was lowered", ben, "/d/lowered/v/1", none, ""},
		{"dispatch, NUL", ben, "/d/%00", none, ""},

		{"community, guest member", ida, "/d/posted", ok, "posted"},
		{"community, guest who is none", olga, "/d/posted", none, ""},
		{"community, guest instance actor", instituteActor, "/d/posted", none, ""},
		{"community, above her ceiling", ida, "/d/limited", none, ""},
		{"community, before her window", ida, "/d/old", none, ""},
		{"community, accredited origin", embassyActor, "/d/limited", ok, "limited"},
		{"community, Form B guest", max, "/d/posted", none, ""},
		{"community, Form B instance actor", microActor, "/d/posted", none, ""},
		{"comment, guest member", ida, "/c/1", ok, "c1"},
		{"comment, no member", eve, "/c/1", none, ""},

		{"withdrawn", ben, "/d/withdrawn", ok, `"disposition":"withdrawn"`},
		{"withdrawn, a version", ben, "/d/withdrawn/v/1", ok, `"disposition":"withdrawn"`},
		{"withdrawn, a version that never was", ben, "/d/withdrawn/v/2", none, ""},
		{"withdrawn, another", eve, "/d/withdrawn", none, ""},
		{"superseded", ben, "/d/superseded", ok, `"disposition":"superseded"`},
		{"superseded, a version", ben, "/d/superseded/v/1", ok, `"version":"1"`},

		{"activity, its addressee", ben, "/a/direct", ok, "created"},
		{"activity, another", eve, "/a/direct", none, ""},
		{"activity, before it was lowered", ben, "/a/lowered", none, ""},
		{"activity, after", ben, "/a/lowered2", ok, "updated"},
		{"activity, guest member", ida, "/a/posted", ok, "created"},
		{"activity, Form B guest", max, "/a/posted", none, ""},
		{"receipt, to whom it was sent", ben, "/a/accept", ok, "accepted"},
		{"receipt, the origin", embassyActor, "/a/accept", ok, "accepted"},
		{"receipt, another there", eve, "/a/accept", none, ""},
		{"receipt, another host", ida, "/a/accept", none, ""},
		{"receipt, cancelled", ben, "/a/cancelled", none, ""},
		{"activity, unknown", ben, "/a/nothing", none, ""},

		{"announcement, member", ida, "/g/r7/a/2", ok, "announced"},
		{"announcement, ceiling", ida, "/g/r7/a/3", none, ""},
		{"announcement, window", ida, "/g/r7/a/1", none, ""},
		{"announcement, higher then", ida, "/g/r7/a/5", none, ""},
		{"announcement, origin", embassyActor, "/g/r7/a/5", ok, "announced"},
		{"announcement, unknown", ben, "/g/r7/a/6", none, ""},

		{"bulletin, Form B guest", max, "/g/r7/b/2", ok, "by Update"},
		{"bulletin, its server", microActor, "/g/r7/b/2", ok, "@context"},
		{"bulletin, another host", ben, "/g/r7/b/2", none, ""},
		{"bulletin, deleted", max, "/g/r7/b/9", ok, "Tombstone"},
		{"bulletin, its activity", microActor, "/g/r7/b/2/Create/1", ok, "by Create"},
		{"bulletin, its activity elsewhere", embassyActor, "/g/r7/b/2/Create/1", none, ""},
		{"bulletin, unknown", max, "/g/r7/b/3", none, ""},

		{"outbox, member", ida, "/g/r7/outbox", ok, `"totalItems":5`},
		{"outbox, no member", eve, "/g/r7/outbox", none, ""},
		{"outbox, guest instance actor", instituteActor, "/g/r7/outbox", none, ""},
		{"outbox, Form B member", max, "/g/r7/outbox", none, ""},
		{"outbox, nobody", "", "/g/r7/outbox", none, ""},
		{"outbox page, nobody", "", "/g/r7/outbox/after/0", none, ""},
		{"outbox, unknown community", ben, "/g/r8/outbox", none, ""},
		{"office's outbox, nobody", "", "/o/desk/outbox", ok, `"totalItems":0`},
		{"office's outbox, guest", ida, "/o/desk/outbox", ok, `"totalItems":0`},
		{"office's outbox, accredited", ben, "/o/desk/outbox", ok, `"totalItems":5`},
		{"office's outbox, accredited, not in the audience", eve, "/o/desk/outbox", ok, `"totalItems":0`},
		{"outbox, no such office", "", "/o/none/outbox", none, ""},

		{"followers, accredited", eve, "/g/r7/followers", ok, `"totalItems":3`},
		{"followers, guest server", microActor, "/g/r7/followers", ok, `"totalItems":3`},
		{"followers, nobody", "", "/g/r7/followers", none, ""},
		{"followers, a stranger", tom, "/g/r7/followers", none, ""},
		{"is_follower, yes", embassyActor, "/g/r7/followers?is_follower=" + string(ida), ok, ""},
		{"is_follower, no", embassyActor, "/g/r7/followers?is_follower=" + string(olga), none, ""},
		{"is_follower, asked by no member", eve, "/g/r7/followers?is_follower=" + string(ida), none, ""},
		{"is_follower, Form B", microActor, "/g/r7/followers?is_follower=" + string(ida), none, ""},
		{"is_follower, nonsense", embassyActor, "/g/r7/followers?is_follower=x", none, ""},
		{"moderators, standing", microActor, "/g/r7/moderators", ok, string(person)},
		{"moderators, nobody", "", "/g/r7/moderators", none, ""},

		{"file, addressee", ben, "/f/" + annex, ok, "the annex"},
		{"file, another", eve, "/f/" + annex, none, ""},
		{"file, nobody", "", "/f/" + annex, none, ""},
		{"file, of a withdrawn dispatch", ben, "/f/" + gone, none, ""},
		{"file, of a received dispatch", ben, "/f/" + posted, none, ""},
		{"file, unknown", ben, "/f/zQmnothing", none, ""},
		{"community file, guest member", ida, "/g/r7/files/" + posted, ok, "the posted annex"},
		{"community file, guest server", instituteActor, "/g/r7/files/" + posted, none, ""},
		{"community file, Form B member", max, "/g/r7/files/" + posted, none, ""},
		{"community file, of another community", ida, "/g/r8/files/" + posted, none, ""},
		{"community file, of a direct dispatch", ben, "/g/r7/files/" + annex, none, ""},
	}
	refused := ""
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				w := i.ask(c.who, method, c.path)
				if w.Code != c.want || method == http.MethodGet && !strings.Contains(w.Body.String(), c.says) {
					t.Fatalf("%s %s: %d %s\nwant %d with %q\n%s", method, c.path, w.Code, w.Body, c.want, c.says, i.log)
				}
				if v := w.Header().Get("Vary"); v != "Accept, Signature, Signature-Input" {
					t.Errorf("Vary: %q", v)
				}
				if v := w.Header().Get("Cache-Control"); v != "private, no-store" {
					t.Errorf("Cache-Control: %q", v)
				}
				if w.Code == none {
					// Unknown and forbidden are one answer.
					answer := fmt.Sprintf("%v\n%s", w.Header(), w.Body)
					if refused == "" {
						refused = answer
					}
					if answer != refused {
						t.Fatalf("an answer of its own:\n%s\nothers get:\n%s", answer, refused)
					}
				}
			}
		})
	}
	if n := i.network.Load(); n != 0 {
		t.Errorf("%d requests were sent: all these keys are known", n)
	}
}

func TestTheOperatorLearnsTheReason(t *testing.T) {
	i := world(t)
	for path, why := range map[string]string{
		"/d/direct": "neither addressee nor member", "/d/none": "is not known here", "/d/archive": "was not issued here", "/d/secret": "classified",
	} {
		i.log.Reset()
		i.ask(eve, http.MethodGet, path)
		if !strings.Contains(i.log.String(), why) {
			t.Errorf("%s: the log says %q, not %q", path, i.log, why)
		}
	}
}

func TestSignatures(t *testing.T) {
	i := world(t)
	forged := header("Signature", "sig1=:"+strings.Repeat("A", 86)+"==:")
	// The first looks whether the key has changed, in vain: come again. Whoever is told
	// so learns nothing, and is not asked for again soon.
	for n, want := range []int{http.StatusServiceUnavailable, none, none} {
		if w := i.ask(ben, http.MethodGet, "/d/direct", forged); w.Code != want || i.network.Load() != 1 {
			t.Errorf("forged signature %d: %d after %d requests", n, w.Code, i.network.Load())
		}
	}
	if w := i.ask(ben, http.MethodGet, "/d/direct", func(r *http.Request) { r.RequestURI = "/d/other" }); w.Code != none {
		t.Errorf("a signature over another address: %d", w.Code)
	}
	at := i.now
	stale := func(*http.Request) { i.now = at.Add(2 * time.Hour) }
	if w := i.ask(ben, http.MethodGet, "/d/direct", stale); w.Code != none {
		t.Errorf("a stale signature: %d", w.Code)
	}
	i.now = at

	if w := i.cavage(ben, "/d/direct"); w != ok {
		t.Errorf("draft-cavage: %d", w)
	}

	// A key that the pinned instance key does not endorse shows nothing yet.
	keys, err := models.KeysOf(t.Context(), i.Store.R, ben)
	i.must(err)
	for _, k := range keys {
		k.State = models.KeyHeld
		i.must(models.SetKeyState(t.Context(), i.Store.W, k))
	}
	i.Verify.Actors.Forget()
	if w := i.ask(ben, http.MethodGet, "/d/direct"); w.Code != none {
		t.Errorf("a held key: %d", w.Code)
	}
	if w := i.ask(ben, http.MethodGet, "/o/desk"); w.Code != ok || strings.Contains(w.Body.String(), "Paris") {
		t.Errorf("a held key gets %d %s, not the minimal actor", w.Code, w.Body)
	}
}

func (i *instance) cavage(who iri.IRI, path string) int {
	signed, err := http.NewRequest(http.MethodGet, base+path, nil)
	i.must(err)
	i.must(i.Keys.SignRequest(i.t.Context(), who, keyring.SchemeCavage, signed, nil, i.now))
	return i.ask("", http.MethodGet, path, func(r *http.Request) { r.Header = signed.Header }).Code
}

// An unknown key is fetched for a host with a standing only, and for an actor document
// never: two instances that verify each other would wait for each other.
func TestKeysFetched(t *testing.T) {
	i := world(t)
	unknown := func(host iri.Host) change {
		return func(r *http.Request) {
			r.Header.Set("Signature-Input", strings.ReplaceAll(r.Header.Get("Signature-Input"), string(ben), host.Base()+"/u/new"))
		}
	}
	steps := []struct {
		host    iri.Host
		path    string
		want    int
		network int64
	}{
		{embassy, "/o/desk", ok, 0},
		{embassy, "/o/desk/keys", ok, 0},
		{stranger, "/d/direct", none, 0},
		{suspended, "/d/direct", none, 0},
		// Fetched in vain: come again. What is asked for does not matter.
		{embassy, "/d/direct", http.StatusServiceUnavailable, 1},
		{embassy, "/d/nothing", http.StatusServiceUnavailable, 2},
	}
	for _, s := range steps {
		w := i.ask(ben, http.MethodGet, s.path, unknown(s.host))
		if w.Code != s.want || i.network.Load() != s.network {
			t.Errorf("%s for %s: %d after %d requests, want %d after %d\n%s", s.path, s.host, w.Code, i.network.Load(), s.want, s.network, i.log)
		}
	}
}

func TestRates(t *testing.T) {
	i := world(t)
	i.Box.Limits = inbox.NewLimits(1, 2, 1, 1, 1)
	if w := i.ask(ben, http.MethodGet, "/d/direct"); w.Code != ok {
		t.Fatalf("the first: %d", w.Code)
	}
	if w := i.ask(ben, http.MethodGet, "/d/direct"); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("the second with one key: %d", w.Code)
	}
	codes := map[int]int{}
	for range 20 {
		codes[i.ask("", http.MethodGet, "/.well-known/nodeinfo").Code]++
	}
	if codes[ok] == 0 || codes[http.StatusTooManyRequests] == 0 {
		t.Errorf("one address asks 20 times: %v", codes)
	}
}

func TestMembershipEnds(t *testing.T) {
	i := world(t)
	for _, who := range []iri.IRI{ida, max} {
		m, err := models.MemberOf(t.Context(), i.Store.R, group, who)
		i.must(err)
		m.State, m.LeftAt = models.MemberRemoved, i.day(0)
		i.must(models.SaveMember(t.Context(), i.Store.W, m))
	}
	for path, who := range map[string]iri.IRI{"/d/posted": ida, "/g/r7/outbox": ida, "/g/r7/a/2": ida, "/g/r7/files/" + posted: ida, "/g/r7/b/2": max} {
		if w := i.ask(who, http.MethodGet, path); w.Code != none {
			t.Errorf("%s after the removal: %d", path, w.Code)
		}
	}
}
