package demo_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"valise/cmd/internal/demo"
)

// TestOnce plays the whole story, as `valise demo --once` does.
func TestOnce(t *testing.T) {
	var out bytes.Buffer
	err := demo.Run(context.Background(), demo.Options{Once: true, Dir: t.TempDir(), Out: &out})
	t.Log("\n" + out.String())
	if err != nil {
		t.Fatal(err)
	}
}

// screen is what the demo has printed so far.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

// await returns what the first group of a pattern is, once it is printed.
func (s *screen) await(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		s.mu.Lock()
		m := re.FindStringSubmatch(s.buf.String())
		s.mu.Unlock()
		if m != nil {
			return m[1]
		}
	}
	t.Fatalf("not printed: %s\n%s", pattern, s.buf.String())
	return ""
}

// browser keeps cookies and reaches every name at this machine.
func browser(t *testing.T) func(method, at string, form url.Values) string {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(address)
		return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port)
	}}}
	return func(method, at string, form url.Values) string {
		t.Helper()
		r, err := http.NewRequest(method, at, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %d %v", method, at, res.StatusCode, err)
		}
		return string(b)
	}
}

// Every role has a sign-in that works while the demo is up: staff the password, the guest
// her printed link and a code that is shown.
func TestSignIns(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var out screen
	done := make(chan error, 1)
	go func() { done <- demo.Run(ctx, demo.Options{Dir: t.TempDir(), Out: &out}) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	link := out.await(t, `(http://\S+/guest/invitation/\S+)`)
	embassy := link[:strings.Index(link, "/guest/")]
	reader := out.await(t, `(@reader@\S+)\s+Reader`)
	const subject = "General Assembly: the count of votes"
	if p := browser(t)(http.MethodPost, link, nil); !strings.Contains(p, subject) {
		t.Errorf("the printed link shows no %q", subject)
	}
	coded := browser(t)
	coded(http.MethodPost, embassy+"/guest/ask", url.Values{"handle": {reader}})
	code := out.await(t, `her code is (\S+)`)
	if p := coded(http.MethodPost, embassy+"/guest/code", url.Values{"code": {code}}); !strings.Contains(p, subject) {
		t.Errorf("the code shows no %q", subject)
	}
	password := out.await(t, `the password "([^"]+)"`)
	out.mu.Lock()
	staff := regexp.MustCompile(`  @([a-z-]+)@((?:ministry|embassy|institute)\.localhost:\d+)  `).FindAllStringSubmatch(out.buf.String(), -1)
	out.mu.Unlock()
	if len(staff) != 5 {
		t.Errorf("%d people are named", len(staff))
	}
	for _, m := range staff {
		if p := browser(t)(http.MethodPost, "http://"+m[2]+"/sign-in", url.Values{"name": {m[1]}, "password": {password}}); !strings.Contains(p, "/sign-out") {
			t.Errorf("%s is not signed in at %s", m[1], m[2])
		}
	}
}
