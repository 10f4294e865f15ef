package remote

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"valise/models/iri"
)

// jrd answers about subject, whatever was asked.
func jrd(subject, actor string) http.HandlerFunc {
	return raw("application/jrd+json; charset=utf-8", fmt.Sprintf(`{"subject":%q,"aliases":["x"],"links":[
		{"rel":"http://webfinger.net/rel/profile-page","type":"text/html","href":"https://a.example/@desk"},
		{"rel":"self","type":"text/html","href":"https://wrong.example/"},
		{"rel":"self","type":"application/activity+json","href":%q},
		{"rel":"self","type":"application/activity+json","href":"https://second.example/"}]}`, subject, actor))
}

func raw(mediaType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		_, _ = io.WriteString(w, body)
	}
}

func moved(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, to+r.URL.RequestURI(), http.StatusFound)
	}
}

func TestWebFinger(t *testing.T) {
	const (
		actor  = "https://a.example/u/desk"
		social = "https://social.a.example/users/desk"
	)
	selfless := raw("application/jrd+json", `{"subject":"acct:desk@a.example","links":[{"rel":"self","type":"text/html","href":"https://a.example/"}]}`)
	for name, c := range map[string]struct {
		hosts  fleet
		ask    string
		handle string
		actor  iri.IRI
		kind   Kind
	}{
		"one host":                     {fleet{"a.example": jrd("acct:desk@a.example", actor)}, "@desk@a.example", "@desk@a.example", actor, ""},
		"letter case":                  {fleet{"a.example": jrd("acct:desk@a.example", actor)}, "@Desk@a.example", "@desk@a.example", actor, ""},
		"plain JSON":                   {fleet{"a.example": raw("application/json", `{"subject":"acct:desk@a.example","links":[{"rel":"self","type":"application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"","href":"`+actor+`"}]}`)}, "@desk@a.example", "@desk@a.example", actor, ""},
		"split domain":                 {fleet{"a.example": moved("https://social.a.example"), "social.a.example": jrd("acct:desk@a.example", social)}, "@desk@a.example", "@desk@a.example", social, ""},
		"asked behind":                 {fleet{"a.example": moved("https://social.a.example"), "social.a.example": jrd("acct:desk@a.example", social)}, "@desk@social.a.example", "@desk@a.example", social, ""},
		"foreign actor":                {fleet{"evil.example": jrd("acct:desk@evil.example", actor), "a.example": jrd("acct:desk@a.example", actor)}, "@desk@evil.example", "", "", KindWrongID},
		"foreign actor, host silent":   {fleet{"evil.example": jrd("acct:desk@evil.example", actor)}, "@desk@evil.example", "", "", KindUnreachable},
		"foreign subject":              {fleet{"evil.example": jrd("acct:desk@a.example", "https://evil.example/u/1"), "a.example": jrd("acct:desk@a.example", actor)}, "@desk@evil.example", "", "", KindWrongID},
		"foreign subject, host silent": {fleet{"evil.example": jrd("acct:desk@a.example", "https://evil.example/u/1")}, "@desk@evil.example", "", "", KindUnreachable},
		"third host":                   {fleet{"evil.example": jrd("acct:desk@b.example", actor), "b.example": jrd("acct:desk@b.example", actor), "a.example": jrd("acct:desk@a.example", actor)}, "@desk@evil.example", "", "", KindWrongID},
		"points at a true actor":       {fleet{"b.example": moved("https://a.example"), "a.example": jrd("acct:desk@a.example", actor)}, "@desk@b.example", "@desk@a.example", actor, ""},
		"other name":                   {fleet{"a.example": jrd("acct:other@a.example", actor)}, "@desk@a.example", "", "", KindWrongID},
		"subject is no handle":         {fleet{"a.example": jrd(actor, actor)}, "@desk@a.example", "", "", KindMalformed},
		"subject without scheme":       {fleet{"a.example": jrd("@desk@a.example", actor)}, "@desk@a.example", "", "", KindMalformed},
		"subject is empty":             {fleet{"a.example": jrd("", actor)}, "@desk@a.example", "", "", KindMalformed},
		"http actor":                   {fleet{"a.example": jrd("acct:desk@a.example", "http://a.example/u/desk")}, "@desk@a.example", "", "", KindMalformed},
		"loopback actor":               {fleet{"a.example": jrd("acct:desk@a.example", "http://peer.localhost/u/desk")}, "@desk@a.example", "", "", KindMalformed},
		"no actor":                     {fleet{"a.example": selfless}, "@desk@a.example", "", "", KindNotFound},
		"unknown":                      {fleet{"a.example": http.NotFound}, "@desk@a.example", "", "", KindNotFound},
		"page":                         {fleet{"a.example": raw("text/html", "<p>")}, "@desk@a.example", "", "", KindContentType},
		"no JSON":                      {fleet{"a.example": raw("application/jrd+json", "<p>")}, "@desk@a.example", "", "", KindMalformed},
		"arrays":                       {fleet{"a.example": raw("application/jrd+json", `{"subject":["acct:desk@a.example"]}`)}, "@desk@a.example", "", "", KindMalformed},
		"huge":                         {fleet{"a.example": raw("application/jrd+json", strings.Repeat(" ", maxIndex)+"{}")}, "@desk@a.example", "", "", KindTooLarge},
		"redirect without end":         {fleet{"a.example": moved("https://a.example")}, "@desk@a.example", "", "", KindRedirect},
		"redirect to http":             {fleet{"a.example": moved("http://a.example")}, "@desk@a.example", "", "", KindRedirect},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := iri.Rules{}.ParseHandle(c.ask)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.hosts.client(t).WebFinger(t.Context(), h)
			if c.kind != "" {
				wantKind(t, err, c.kind)
				return
			}
			if err != nil || got.Handle.String() != c.handle || got.Actor != c.actor {
				t.Fatalf("%+v, %v", got, err)
			}
		})
	}
}

// Over a real connection: the question as RFC 7033 §4.1 has it, and a port in
// the host.
func TestWebFingerOnLoopback(t *testing.T) {
	base, c := loopbackPeer(t, never, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/webfinger" || r.URL.Query().Get("resource") != "acct:desk@"+r.Host || r.Header.Get("Signature") != "" {
			t.Errorf("asked %s", r.URL)
		}
		jrd("acct:desk@"+r.Host, "http://"+r.Host+"/u/desk")(w, r)
	})
	got, err := c.WebFinger(t.Context(), iri.Handle{Name: "desk", Host: iri.IRI(base).Host()})
	if err != nil || got.Actor != iri.IRI(base+"/u/desk") {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestNodeInfo(t *testing.T) {
	index := func(links string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/.well-known/nodeinfo":
				raw("application/json", `{"links":[`+links+`]}`)(w, r)
			case "/2.0":
				raw("application/json", `{"software":{"name":"old","version":"0"}}`)(w, r)
			case "/2.1":
				raw(`application/json; profile="http://nodeinfo.diaspora.software/ns/schema/2.1#"`, `{"software":{"name":"Valise","version":"1\n"}}`)(w, r)
			default:
				http.NotFound(w, r)
			}
		}
	}
	const (
		two1  = `{"rel":"http://nodeinfo.diaspora.software/ns/schema/2.1","href":"https://a.example/2.1"}`
		two0  = `{"rel":"http://nodeinfo.diaspora.software/ns/schema/2.0","href":"https://a.example/2.0"}`
		away  = `{"rel":"http://nodeinfo.diaspora.software/ns/schema/2.1","href":"https://b.example/2.1"}`
		later = `{"rel":"http://nodeinfo.diaspora.software/ns/schema/2.9","href":"https://a.example/2.9"}`
		app   = `{"rel":"https://www.w3.org/ns/activitystreams#Application","href":"https://a.example/actor"}`
		appB  = `{"rel":"https://www.w3.org/ns/activitystreams#Application","href":"https://b.example/actor"}`
	)
	for links, want := range map[string]NodeInfo{
		two0 + "," + two1 + "," + app:   {"valise", "1 ", "https://a.example/actor"},
		two1 + "," + two0 + "," + later: {"valise", "1 ", ""},
		away + "," + two0 + "," + appB:  {"old", "0", ""},
		app:                             {"", "", "https://a.example/actor"},
		``:                              {},
	} {
		got, err := fleet{"a.example": index(links)}.client(t).NodeInfo(t.Context(), "a.example")
		if err != nil || *got != want {
			t.Errorf("%s: %+v, %v", links, got, err)
		}
	}
	for kind, h := range map[Kind]http.HandlerFunc{
		KindMalformed: raw("application/json", "[]"),
		KindNotFound:  http.NotFound,
		KindTooLarge:  raw("application/json", strings.Repeat(" ", maxIndex+1)),
		KindRedirect:  moved("https://b.example"),
	} {
		_, err := fleet{"a.example": h}.client(t).NodeInfo(t.Context(), "a.example")
		wantKind(t, err, kind)
	}
}
