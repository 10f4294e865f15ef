package remote

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"valise/models/iri"
)

func TestPost(t *testing.T) {
	activityBody := []byte(`{"type":"Create"}`)
	base, c := loopbackPeer(t, never, func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || !bytes.Equal(got, activityBody) || r.Header.Get("Digest") != "17" ||
			r.Header.Get("Content-Type") != activityJSON || r.ContentLength != int64(len(got)) {
			t.Errorf("received %s %q, %v", r.Method, got, r.Header)
		}
		if _, sent := r.Header["Idempotency-Key"]; sent {
			t.Error("the mark for net/http went over the wire")
		}
		w.Header().Set("Accept-Signature", `sig1=("@method")`)
		w.Header().Set("Set-Cookie", "a=b")
		w.WriteHeader(http.StatusAccepted)
	})
	a, err := c.Post(t.Context(), iri.IRI(base+"/inbox"), activityBody, func(r *http.Request, body []byte) error {
		if !bytes.Equal(body, activityBody) {
			t.Errorf("signed %q", body)
		}
		r.Header.Set("Digest", "17")
		return nil
	})
	if err != nil || a.Status != http.StatusAccepted || !a.OK() || a.Problem != nil || a.RetryAfter != 0 {
		t.Fatalf("%+v, %v", a, err)
	}
	if a.Header.Get("Accept-Signature") == "" || a.Header.Get("Set-Cookie") != "" {
		t.Errorf("header kept: %v", a.Header)
	}
}

func TestPostAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		mime    string
		body    string
		problem string // of String
	}{
		"problem":          {403, "application/problem+json", `{"type":"about:x","title":"no standing","detail":"ask first"}`, "no standing: ask first"},
		"title only":       {403, "application/problem+json; charset=utf-8", `{"title":"no standing"}`, "no standing"},
		"mastodon":         {401, "application/json", `{"error":"Verification failed"}`, "Verification failed"},
		"control bytes":    {400, "application/problem+json", `{"title":"a\nb\u202ec\u0000d"}`, "a b c d"},
		"long":             {400, "application/problem+json", `{"title":"` + strings.Repeat("x", 2000) + `"}`, strings.Repeat("x", maxWords)},
		"too long to read": {400, "application/problem+json", `{"title":"` + strings.Repeat("x", 1<<20) + `"}`, ""},
		"wrong shape":      {400, "application/problem+json", `{"title":["a"]}`, ""},
		"array":            {400, "application/problem+json", `["a"]`, ""},
		"empty object":     {400, "application/problem+json", `{}`, ""},
		"page":             {500, "text/html", `<title>oops</title>`, ""},
		"accepted":         {202, "application/json", `{"title":"fine"}`, ""},
		"redirect":         {307, "text/plain", ``, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			base, client := loopbackPeer(t, never, func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				w.Header().Set("Content-Type", c.mime)
				w.Header().Set("Location", "/other")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			a, err := client.Post(t.Context(), iri.IRI(base+"/inbox"), []byte(`{}`), nil)
			if err != nil || a.Status != c.status {
				t.Fatalf("%+v, %v", a, err)
			}
			if got := a.Problem; (got == nil) != (c.problem == "") || got != nil && got.String() != c.problem {
				t.Errorf("problem is %+v", got)
			}
			if requests.Load() != 1 {
				t.Errorf("%d requests", requests.Load())
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	const now = "Sun, 22 Nov 2026 10:00:00 GMT"
	for said, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"120":                           2 * time.Minute,
		" 120 ":                         2 * time.Minute,
		"-5":                            0,
		"1.5":                           0,
		"soon":                          0,
		"9999999":                       maxRetryAfter,
		"99999999999999999999":          0,
		"Sun, 22 Nov 2026 10:05:00 GMT": 5 * time.Minute,
		"Sun, 22 Nov 2026 09:00:00 GMT": 0,
		"Mon, 22 Nov 2027 10:00:00 GMT": maxRetryAfter,
	} {
		if got := retryAfter(http.Header{"Retry-After": {said}, "Date": {now}}); got != want {
			t.Errorf("%q: %s, want %s", said, got, want)
		}
	}
	if got := retryAfter(http.Header{"Retry-After": {now}}); got != 0 {
		t.Errorf("a date beside no date: %s", got)
	}
}

// The status counts, even where the body after it never ends.
func TestPostStalledBody(t *testing.T) {
	base, c := loopbackPeer(t, soon, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/stall" {
			<-r.Context().Done()
			return
		}
		w.WriteHeader(http.StatusAccepted)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	a, err := c.Post(t.Context(), iri.IRI(base+"/inbox"), []byte(`{}`), nil)
	if err != nil || a.Status != http.StatusAccepted {
		t.Fatalf("%+v, %v", a, err)
	}
	_, err = c.Post(t.Context(), iri.IRI(base+"/stall"), []byte(`{}`), nil)
	wantKind(t, err, KindTimeout)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Post(ctx, iri.IRI(base+"/stall"), []byte(`{}`), nil)
	wantKind(t, err, KindCanceled)
}

func TestConnectionReuse(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch r.URL.Path {
		case "/moved":
			w.Header().Set("Location", "/doc")
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusFound)
			_, _ = io.WriteString(w, strings.Repeat("moved", 100))
		case "/doc":
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Content-Type", activityJSON)
			_, _ = w.Write(zipped(t, []byte(`{"id":"x"}`)))
		case "/inbox":
			w.WriteHeader(http.StatusAccepted)
		default:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"title":"no"}`)
		}
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	base, c := clientOf(t, server, never)
	for range 5 {
		for _, path := range []string{"/inbox", "/refused"} {
			if _, err := c.Post(t.Context(), iri.IRI(base+path), []byte(`{}`), nil); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Get(t.Context(), iri.IRI(base+"/moved"), "", nil); err != nil {
			t.Fatal(err)
		}
		_, err := c.Get(t.Context(), iri.IRI(base+"/refused"), "", nil)
		wantKind(t, err, KindStatus)
		if _, err := c.GetFile(t.Context(), iri.IRI(base+"/inbox"), nil, 10, io.Discard); KindOf(err) != KindStatus {
			t.Fatal(err)
		}
	}
	if opened.Load() != 1 {
		t.Errorf("%d connections for requests one after another", opened.Load())
	}
}

// A peer that closes a kept connection just as the next post arrives gets the
// same bytes again over a new one.
func TestPostOnStaleConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	received := make(chan string, 10)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for n := 1; ; n++ {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					body, _ := io.ReadAll(r.Body)
					received <- string(body)
					if n == 2 {
						return
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
				}
			}()
		}
	}()
	host := iri.Host("peer.localhost:" + portOf(t, "http://"+listener.Addr().String()))
	c, err := NewClient(Network{Loopback: []iri.Host{host}, TotalTimeout: never}, iri.Rules{Loopback: true}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseIdle()
	for _, body := range []string{"first", "second"} {
		a, err := c.Post(t.Context(), iri.IRI(host.Base()+"/inbox"), []byte(body), nil)
		if err != nil || a.Status != http.StatusAccepted {
			t.Fatalf("%s: %+v, %v", body, a, err)
		}
	}
	for _, want := range []string{"first", "second", "second"} {
		if got := <-received; got != want {
			t.Errorf("received %q, want %q", got, want)
		}
	}
}
