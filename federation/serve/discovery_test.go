package serve_test

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"valise/federation/sign"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

func TestWebFinger(t *testing.T) {
	i := world(t)
	loop := open(t, "ministry.localhost:8101")
	loop.local(models.TypePerson, "http://ministry.localhost:8101/u/anna", "anna")
	cases := []struct {
		name  string
		i     *instance
		query string
		want  int
		href  string
	}{
		{"handle", i, "resource=acct:desk@ministry.example", ok, base + "/o/desk"},
		{"letter case", i, "resource=acct:Desk@Ministry.Example", ok, base + "/o/desk"},
		{"id", i, "resource=" + url.QueryEscape(string(group)), ok, base + "/g/r7"},
		{"the host", i, "resource=https://ministry.example/", ok, base + "/actor"},
		{"the host without slash", i, "resource=https://ministry.example", ok, base + "/actor"},
		{"instance actor", i, "resource=acct:ministry.example@ministry.example", ok, base + "/actor"},
		{"unknown", i, "resource=acct:none@ministry.example", none, ""},
		{"another host", i, "resource=acct:desk@other.example", none, ""},
		{"a remote actor", i, "resource=" + url.QueryEscape(string(ben)), none, ""},
		{"other port", i, "resource=acct:desk@ministry.example:8443", none, ""},
		{"no resource", i, "", 400, ""},
		{"empty", i, "resource=", 400, ""},
		{"two", i, "resource=acct:desk@ministry.example&resource=acct:anna@ministry.example", 400, ""},
		{"nonsense", i, "resource=%00", 400, ""},
		{"bad escape", i, "resource=%zz", 400, ""},
		{"bad id", i, "resource=ftp://ministry.example/", 400, ""},
		{"loopback", loop, "resource=acct:anna@ministry.localhost:8101", ok, "http://ministry.localhost:8101/u/anna"},
		{"loopback without port", loop, "resource=acct:anna@ministry.localhost", none, ""},
		{"loopback host", loop, "resource=http://ministry.localhost:8101/", ok, "http://ministry.localhost:8101/actor"},
		{"loopback instance actor", loop, "resource=acct:ministry.localhost@ministry.localhost:8101", ok, "http://ministry.localhost:8101/actor"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := c.i.ask("", http.MethodGet, "/.well-known/webfinger?"+c.query)
			if w.Code != c.want {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if w.Code != ok {
				if kind := w.Header().Get("Content-Type"); kind != "application/problem+json" {
					t.Errorf("refused with %s", kind)
				}
				return
			}
			var doc struct {
				Subject string
				Links   []struct{ Rel, Type, Href string }
			}
			c.i.must(json.Unmarshal(w.Body.Bytes(), &doc))
			if w.Header().Get("Content-Type") != "application/jrd+json" || w.Header().Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("headers: %v", w.Header())
			}
			if len(doc.Links) != 1 || doc.Links[0].Href != c.href || doc.Links[0].Type != "application/activity+json" {
				t.Fatalf("links: %s", w.Body)
			}
			rel, subject := "self", "acct:"
			if strings.Contains(c.name, "host") {
				rel, subject = "https://www.w3.org/ns/activitystreams#Service", c.i.Own.Base()+"/"
			}
			if doc.Links[0].Rel != rel || !strings.HasPrefix(doc.Subject, subject) {
				t.Errorf("rel %s of %s", doc.Links[0].Rel, doc.Subject)
			}
		})
	}
	if w := i.ask("", http.MethodGet, "/.well-known/webfinger?resource=acct:desk@ministry.example&rel=avatar"); !strings.Contains(w.Body.String(), `"links":[]`) {
		t.Errorf("rel does not filter: %s", w.Body)
	}
}

func TestNodeInfo(t *testing.T) {
	i := world(t)
	w := i.ask("", http.MethodGet, "/.well-known/nodeinfo")
	want := `{"links":[{"rel":"http://nodeinfo.diaspora.software/ns/schema/2.1","href":"https://ministry.example/nodeinfo/2.1"},` +
		`{"rel":"https://www.w3.org/ns/activitystreams#Application","href":"https://ministry.example/actor"}]}`
	if w.Code != ok || w.Body.String() != want || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("the index: %d %s", w.Code, w.Body)
	}
	w = i.ask("", http.MethodGet, "/nodeinfo/2.1")
	var got, should any
	i.must(json.Unmarshal(w.Body.Bytes(), &got))
	i.must(json.Unmarshal([]byte(`{"version":"2.1","software":{"name":"valise","version":"1.2.3"},"protocols":["activitypub"],
		"services":{"inbound":[],"outbound":[]},"openRegistrations":false,"usage":{"users":{}},"metadata":{}}`), &should))
	if !reflect.DeepEqual(got, should) {
		t.Errorf("NodeInfo: %s", w.Body)
	}
	if kind := w.Header().Get("Content-Type"); !strings.Contains(kind, `profile="http://nodeinfo.diaspora.software/ns/schema/2.1#"`) {
		t.Errorf("its type: %s", kind)
	}
	if cache := w.Header().Get("Cache-Control"); !strings.HasPrefix(cache, "public") {
		t.Errorf("its caching: %s", cache)
	}
}

func TestHostMetaAndContext(t *testing.T) {
	i := world(t)
	w := i.ask("", http.MethodGet, "/.well-known/host-meta")
	var xrd struct {
		XMLName xml.Name `xml:"http://docs.oasis-open.org/ns/xri/xrd-1.0 XRD"`
		Link    struct {
			Rel      string `xml:"rel,attr"`
			Template string `xml:"template,attr"`
		}
	}
	i.must(xml.Unmarshal(w.Body.Bytes(), &xrd))
	if w.Header().Get("Content-Type") != "application/xrd+xml" || xrd.Link.Rel != "lrdd" ||
		xrd.Link.Template != base+"/.well-known/webfinger?resource={uri}" {
		t.Errorf("host-meta: %s", w.Body)
	}
	w = i.ask("", http.MethodGet, "/context/v1")
	if w.Code != ok || w.Header().Get("Content-Type") != "application/ld+json" || w.Body.String() != string(vocab.ContextDocument) ||
		!strings.HasPrefix(w.Header().Get("Cache-Control"), "public") {
		t.Errorf("the context: %d %v", w.Code, w.Header())
	}
}

func TestNegotiation(t *testing.T) {
	i := world(t)
	for kinds, want := range map[string]int{
		"application/activity+json": ok, `application/ld+json; profile="https://www.w3.org/ns/activitystreams"`: ok, "*/*": ok,
		"text/html, application/xhtml+xml, */*;q=0.8": ok, "text/html": 406, "text/html, application/activity+json;q=0": 406, "image/png": 406,
	} {
		for _, path := range []string{"/o/desk", "/d/direct", "/d/nothing"} {
			want := want
			if want == ok && path == "/d/nothing" {
				want = none
			}
			if w := i.ask(ben, http.MethodGet, path, accept(kinds)); w.Code != want {
				t.Errorf("%s as %s: %d, want %d", path, kinds, w.Code, want)
			}
		}
	}
}

func TestMethods(t *testing.T) {
	i := world(t)
	for path, allow := range map[string]string{"/o/desk": "GET, HEAD", "/d/nothing": "GET, HEAD", "/o/none/inbox": "POST", "/inbox": "POST", "/g/r7/outbox": "GET, HEAD"} {
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, http.MethodGet, http.MethodPost} {
			if strings.Contains(allow, method) {
				continue
			}
			if w := i.ask("", method, path); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != allow {
				t.Errorf("%s %s: %d, Allow %q", method, path, w.Code, w.Header().Get("Allow"))
			}
		}
	}
}

func TestInboxes(t *testing.T) {
	i := world(t)
	post := func(path string) int {
		return i.ask("", http.MethodPost, path, header("Content-Type", "application/activity+json")).Code
	}
	for path, want := range map[string]int{
		"/o/none/inbox": none, "/u/desk/inbox": none, // no such actor
		"/o/desk/inbox": 401, "/actor/inbox": 401, "/g/r7/inbox": 401, "/inbox": 401, // the box wants a signature
	} {
		if got := post(path); got != want {
			t.Errorf("POST %s: %d, want %d", path, got, want)
		}
	}

	body := []byte(`{"@context":["https://www.w3.org/ns/activitystreams"],"id":"` + string(ben) + `/f/1","type":"Follow","actor":"` + string(ben) +
		`","to":["` + string(group) + `"],"object":"` + string(group) + `"}`)
	signed, err := http.NewRequest(http.MethodPost, base+"/g/r7/inbox", nil)
	i.must(err)
	signed.Header.Set("Content-Type", "application/activity+json")
	s, err := i.Keys.Signer(t.Context(), nil, ben, sign.Ed25519, i.now)
	i.must(err)
	i.must(sign.SignRFC9421(signed, body, s, i.now))
	w := i.postSigned("/g/r7/inbox", body, signed.Header)
	if w != http.StatusAccepted {
		t.Fatalf("a signed Follow: %d\n%s", w, i.log)
	}
	rows, err := models.Arrivals(t.Context(), i.Store.R, models.ArrivalPending, 0, 10)
	i.must(err)
	if len(rows) != 1 || rows[0].Inbox != group+"/inbox" || rows[0].Activity != iri.IRI(string(ben)+"/f/1") {
		t.Errorf("kept: %v", rows)
	}
}
