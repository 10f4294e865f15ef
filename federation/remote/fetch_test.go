package remote

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"valise/models/iri"
)

func TestGetObject(t *testing.T) {
	var agent, accept string
	base, c := loopbackPeer(t, never, func(w http.ResponseWriter, r *http.Request) {
		agent, accept = r.UserAgent(), r.Header.Get("Accept")
		activity(w, ` {"type":"Note","id":"http://`+r.Host+`/n/1","x":{"id":"y"}} `)
	})
	doc, err := c.Get(t.Context(), iri.IRI(base+"/n/1#fragment"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if doc.URL != iri.IRI(base+"/n/1") || doc.ContentType != "application/activity+json" || !strings.HasPrefix(string(doc.Body), ` {"type"`) {
		t.Errorf("document is %s, %s, %s", doc.URL, doc.ContentType, doc.Body)
	}
	if agent != "valise-test" || accept != AcceptActivity {
		t.Errorf("asked as %q for %q", agent, accept)
	}
}

func TestRedirects(t *testing.T) {
	var served atomic.Int32
	var elsewhere string
	mux := http.NewServeMux()
	to := func(path, location string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			served.Add(1)
			if r.Header.Get("Signature") != r.URL.Path {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			w.Header()["Location"] = []string{strings.ReplaceAll(location, "ELSEWHERE", elsewhere)}
			w.WriteHeader(http.StatusFound)
		})
	}
	to("/forever", "/forever")
	to("/3", "/2")
	to("/4", "/3")
	to("/2", "1#x")
	to("/1", "/end")
	to("/away", "ELSEWHERE/end")
	to("/and-back", "ELSEWHERE/back")
	to("/tls", "https://peer.localhost/end")
	to("/production", "http://a.example/end")
	to("/file", "file:///etc/passwd")
	to("/nowhere", "")
	mux.HandleFunc("/end", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Signature") != r.URL.Path {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		activity(w, `{"id":"http://`+r.Host+`/end"}`)
	})
	home := httptest.NewServer(mux)
	defer home.Close()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("a signed request reached another origin: %s, %v", r.URL, r.Header)
	}))
	defer other.Close()
	hosts := []iri.Host{iri.Host("peer.localhost:" + portOf(t, home.URL)), iri.Host("other.localhost:" + portOf(t, other.URL))}
	elsewhere = hosts[1].Base()
	c, err := NewClient(Network{Loopback: hosts, TotalTimeout: never}, iri.Rules{Loopback: true}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseIdle()
	base := hosts[0].Base()
	// A signature that fits one path only: each hop must be signed anew.
	sign := func(r *http.Request, body []byte) error {
		if body != nil {
			t.Error("a GET is signed with a body")
		}
		r.Header.Set("Signature", r.URL.Path)
		return nil
	}
	get := func(path string) (*Document, error) { return c.Get(t.Context(), iri.IRI(base+path), "", sign) }

	doc, err := get("/3")
	if err != nil || doc.URL != iri.IRI(base+"/end") {
		t.Fatalf("three redirects: %v, %v", doc, err)
	}
	if err := c.CheckID(doc, iri.IRI(base+"/3")); err != nil {
		t.Errorf("final id: %v", err)
	}
	for _, path := range []string{"/4", "/away", "/and-back", "/tls", "/production", "/file", "/nowhere"} {
		_, err := get(path)
		wantKind(t, err, KindRedirect)
	}
	served.Store(0)
	_, err = get("/forever")
	wantKind(t, err, KindRedirect)
	if served.Load() != maxRedirects+1 {
		t.Errorf("%d requests for a redirect without end", served.Load())
	}
	_, err = c.GetFile(t.Context(), iri.IRI(base+"/away"), sign, 10, io.Discard)
	wantKind(t, err, KindRedirect)
}

func TestSlowServers(t *testing.T) {
	stall := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	trickle := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/activity+json")
		pace := time.NewTicker(soon / 10)
		defer pace.Stop()
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
			<-pace.C
		}
	}
	stalledBody := func(w http.ResponseWriter, r *http.Request) {
		activity(w, `{"id":`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	stalledRedirect := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/next")
		w.WriteHeader(http.StatusFound)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	for name, h := range map[string]http.HandlerFunc{"stall": stall, "trickle": trickle,
		"stalled body": stalledBody, "stalled redirect": stalledRedirect} {
		t.Run(name, func(t *testing.T) {
			base, c := loopbackPeer(t, soon, h)
			_, err := c.Get(t.Context(), iri.IRI(base+"/key"), "", nil)
			if e := wantKind(t, err, KindTimeout); !e.Temporary() {
				t.Errorf("%v is not temporary", err)
			}
			_, err = c.GetFile(t.Context(), iri.IRI(base+"/f"), nil, 1000, io.Discard)
			wantKind(t, err, KindTimeout)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err = c.Get(ctx, iri.IRI(base+"/key"), "", nil)
			wantKind(t, err, KindCanceled)
		})
	}
}

func zipped(t *testing.T, parts ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for _, p := range parts {
		if _, err := z.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBodyLimits(t *testing.T) {
	object := func(size int) []byte {
		b := append([]byte(`{"id":"x"}`), bytes.Repeat([]byte(" "), size)...)
		return b[:size]
	}
	bomb := zipped(t, make([]byte, 8<<20))
	empty := zipped(t)
	for _, c := range []struct {
		name     string
		encoding string
		body     []byte
		kind     Kind
	}{
		{"at the limit", "", object(maxDocument), ""},
		{"above the limit", "", object(maxDocument + 1), KindTooLarge},
		{"huge", "", object(8 << 20), KindTooLarge},
		{"gzip at the limit", "gzip", zipped(t, object(maxDocument)), ""},
		{"gzip above the limit", "gzip", zipped(t, object(maxDocument+1)), KindTooLarge},
		{"gzip bomb", "gzip", bomb, KindTooLarge},
		{"gzip without yield", "gzip", bytes.Repeat(empty, maxDocument/len(empty)+2), KindTooLarge},
		{"no gzip", "gzip", []byte(`{"id":"x"} and more`), KindContentType},
		{"damaged gzip", "gzip", damage(zipped(t, object(500))), KindContentType},
		{"cut gzip", "gzip", zipped(t, object(500))[:20], KindUnreachable},
		{"gzip twice", "gzip, gzip", zipped(t, zipped(t, object(500))), KindContentType},
		{"other encoding", "br", object(500), KindContentType},
		{"identity", "identity", object(500), ""},
	} {
		for _, declared := range []bool{true, false} {
			t.Run(c.name, func(t *testing.T) {
				base, client := loopbackPeer(t, never, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "application/activity+json")
					if c.encoding != "" {
						w.Header().Set("Content-Encoding", c.encoding)
					}
					if !declared {
						_ = http.NewResponseController(w).Flush() // hence no Content-Length
					}
					_, _ = w.Write(c.body)
				})
				doc, err := client.Get(t.Context(), iri.IRI(base+"/"), "", nil)
				if c.kind != "" {
					wantKind(t, err, c.kind)
					return
				}
				if err != nil || !bytes.HasPrefix(doc.Body, []byte(`{"id":"x"}`)) {
					t.Fatalf("%v", err)
				}
			})
		}
	}
}

func damage(b []byte) []byte {
	b[len(b)-8] ^= 0xff // the checksum
	return b
}

func TestHeaderLimit(t *testing.T) {
	base, c := loopbackPeer(t, never, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Filler", strings.Repeat("x", 2*maxHeaderBytes))
		activity(w, `{}`)
	})
	_, err := c.Get(t.Context(), iri.IRI(base+"/"), "", nil)
	wantKind(t, err, KindUnreachable)
}

func TestContentTypes(t *testing.T) {
	for claim, ok := range map[string]bool{
		`application/activity+json`:                                                                true,
		`Application/Activity+JSON; Charset=UTF-8`:                                                 true,
		`application/ld+json; profile="https://www.w3.org/ns/activitystreams"`:                     true,
		`application/ld+json; profile="https://a.example/p https://www.w3.org/ns/activitystreams"`: true,
		`application/ld+json`:                                                                      false,
		`application/ld+json; profile="https://www.w3.org/ns/activitystreams.evil"`:                false,
		`application/json`:                     false,
		`text/html`:                            false,
		`text/html, application/activity+json`: false,
		`application/activity+json; charset="`: false,
		`image/svg+xml`:                        false,
		``:                                     false,
	} {
		base, c := loopbackPeer(t, never, func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = []string{claim}
			_, _ = io.WriteString(w, `{"id":"x"}`)
		})
		_, err := c.Get(t.Context(), iri.IRI(base+"/"), "", nil)
		if !ok {
			wantKind(t, err, KindContentType)
		} else if err != nil {
			t.Errorf("%q: %v", claim, err)
		}
	}
}

func TestStatus(t *testing.T) {
	var status atomic.Int32
	base, c := loopbackPeer(t, never, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(int(status.Load()))
		if status.Load() >= 300 && status.Load() != 304 {
			_, _ = io.WriteString(w, `{"title":"no standing","id":"x"}`)
		}
	})
	for code, kind := range map[int32]Kind{202: KindStatus, 204: KindStatus, 304: KindStatus, 401: KindStatus, 403: KindStatus,
		404: KindNotFound, 410: KindGone, 429: KindStatus, 500: KindStatus, 503: KindStatus} {
		status.Store(code)
		_, err := c.Get(t.Context(), iri.IRI(base+"/"), "", nil)
		e := wantKind(t, err, kind)
		if e.Status != int(code) || e.RetryAfter.Seconds() != 7 {
			t.Errorf("%d: %+v", code, e)
		}
		if code >= 400 && !strings.Contains(e.Error(), "no standing") {
			t.Errorf("%d: the peer's reason is missing: %v", code, e)
		}
	}
}

func TestUnreachable(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	base, c := clientOf(t, server, never)
	server.Close()
	_, err := c.Get(t.Context(), iri.IRI(base+"/"), "", nil)
	wantKind(t, err, KindUnreachable)
	_, err = c.Post(t.Context(), iri.IRI(base+"/"), nil, nil)
	wantKind(t, err, KindUnreachable)
}

// A signer that fails is our fault, not the peer's, and nothing is sent.
func TestSignerFails(t *testing.T) {
	base, c := loopbackPeer(t, never, func(http.ResponseWriter, *http.Request) { t.Error("sent without a signature") })
	sealed := errors.New("the key is sealed")
	sign := func(*http.Request, []byte) error { return sealed }
	_, err := c.Get(t.Context(), iri.IRI(base+"/"), "", sign)
	_, err2 := c.Post(t.Context(), iri.IRI(base+"/"), nil, sign)
	for _, err := range []error{err, err2} {
		if !errors.Is(err, sealed) || KindOf(err) != "" {
			t.Errorf("error is %v", err)
		}
	}
}
