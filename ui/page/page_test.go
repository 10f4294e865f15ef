package page_test

import (
	"context"
	"embed"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gin-gonic/gin"

	"valise/ui/page"
)

//go:embed testdata
var testdata embed.FS

func TestFrame(t *testing.T) {
	sub, err := fs.Sub(testdata, "testdata/area")
	if err != nil {
		t.Fatal(err)
	}
	sessions := scs.New()
	sessions.Cookie.Name = page.CookieName(false)
	viewer := &page.Viewer{Person: "http://a.localhost/u/claire", Name: "Claire \u202eAshdown", Language: "ar"}
	site, err := page.New(page.Options{Own: "a.localhost", Name: func() string { return "Embassy" }, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Date(2026, 11, 9, 15, 48, 0, 0, time.UTC) },
		Sessions: sessions, Who: func(q *http.Request) (*page.Viewer, error) {
			if q.Header.Get("X-Nobody") != "" {
				return nil, nil
			}
			return viewer, nil
		},
		Rail:       func(*http.Request, *page.Viewer, bool) (page.Rail, error) { return page.Rail{Unread: 4}, nil },
		Marking:    func(rank int64) page.Mark { return page.Mark{Name: "LIMITED", Level: 2} },
		Precedence: func(rank int64) page.Mark { return page.Mark{Name: "FLASH", Level: 3} },
		Changed:    func() {}, Refused: func(error) *page.Problem { return nil },
	}, page.Area{Name: "sample", Files: sub, Mount: func(r *page.Routes) {
		r.Signed("GET", "/sample", func(r *page.Request) error {
			return r.Render(page.Page{Name: "sample/one", Title: r.T("sample.title"), Highest: 3, Data: "<b>x</b>"})
		})
		r.Signed("POST", "/sample", func(r *page.Request) error { return page.Invalid("no %s", r.Field("word")) })
		r.Signed("GET", "/turned", func(r *page.Request) error {
			return r.Render(page.Page{Name: "sample/one", Title: "gnp\u202e.exe", Data: "a – b\u2067c\u2069 … \u200fd\u202c"})
		})
		r.Signed("GET", "/fault", func(r *page.Request) error { return context.DeadlineExceeded })
	}})
	if err != nil {
		t.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	g := gin.New()
	site.Mount(g)
	ask := func(method, path, body string, header ...string) *httptest.ResponseRecorder {
		q := httptest.NewRequest(method, "http://a.localhost"+path, strings.NewReader(body))
		if body != "" {
			q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for i := 0; i+1 < len(header); i += 2 {
			q.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, q)
		return w
	}
	w := ask("GET", "/sample", "")
	for _, want := range []string{`<html lang="ar" dir="rtl">`, "حتى", "LIMITED", "Claire Ashdown", "&lt;b&gt;", "9 نوفمبر 2026", "4 جديدة"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page lacks %q:\n%s", want, w.Body)
		}
	}
	if w.Code != 200 || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := ask("GET", "/sample?lang=fr", ""); !strings.Contains(w.Body.String(), `lang="fr"`) || w.Header().Get("Set-Cookie") == "" {
		t.Errorf("a language asked for is not taken: %v", w.Header())
	}
	if w := ask("GET", "/sample", "", "X-Nobody", "1"); w.Code != 303 || w.Header().Get("Location") != "/sign-in?next=%2Fsample" {
		t.Errorf("nobody got %d %s", w.Code, w.Header().Get("Location"))
	}
	if w := ask("POST", "/sample", "word=<i>&text="+strings.Repeat("long+words+", 10), "Sec-Fetch-Site", "same-origin"); w.Code != 422 ||
		!strings.Contains(w.Body.String(), "No &lt;i&gt;") || !strings.Contains(w.Body.String(), "long words") {
		t.Errorf("bad input: %d\n%s", w.Code, w.Body)
	}
	if w := ask("GET", "/turned", ""); strings.ContainsAny(w.Body.String(), "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") || !strings.Contains(w.Body.String(), "a – bc … \u200fd") || !strings.Contains(w.Body.String(), "gnp.exe") {
		t.Errorf("text that turns round what is beside it: %q", w.Body)
	}
	// A short word is kept too; what lists and hidden fields hold is not shown.
	if w := ask("POST", "/sample", "comment=Agreed.&role=member&id=https://a.localhost/g/x&b="+strings.Repeat("b", 200_001), "Sec-Fetch-Site", "same-origin"); w.Code != 413 ||
		!strings.Contains(w.Body.String(), ">Agreed.</textarea>") || !strings.Contains(w.Body.String(), strings.Repeat("b", 200_001)) || strings.Contains(w.Body.String(), ">member<") || strings.Contains(w.Body.String(), "/g/x") {
		t.Errorf("a field that is too long: %d, %d bytes", w.Code, w.Body.Len())
	}
	if w := ask("POST", "/sample", "word=1", "Sec-Fetch-Site", "cross-site"); w.Code != 403 {
		t.Errorf("a form of another site: %d", w.Code)
	}
	if w := ask("GET", "/fault", ""); w.Code != 500 || strings.Contains(w.Body.String(), "deadline") {
		t.Errorf("a fault: %d\n%s", w.Code, w.Body)
	}
	css := ask("GET", "/sample", "").Body.String()
	i := strings.Index(css, "/static/valise.")
	if w := ask("GET", css[i:strings.Index(css[i:], `"`)+i], ""); w.Code != 200 || strings.Contains(w.Body.String(), `url("text-`) || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("the sheet: %d %v", w.Code, w.Header())
	}
}

// An upload that is too large is read to its end, so that its browser reads the answer.
func TestTooLarge(t *testing.T) {
	site, err := page.New(page.Options{Own: "a.localhost", Name: func() string { return "" }, Log: slog.New(slog.DiscardHandler), Now: time.Now, Sessions: scs.New(),
		Who: func(*http.Request) (*page.Viewer, error) {
			return &page.Viewer{Person: "http://a.localhost/u/claire"}, nil
		},
		Rail: func(*http.Request, *page.Viewer, bool) (page.Rail, error) { return page.Rail{}, nil }, Changed: func() {},
	}, page.Area{Name: "sample", Files: os.DirFS("testdata/area"), Mount: func(r *page.Routes) {
		r.Upload("/file", 1000, func(*page.Request) error { return nil })
	}})
	if err != nil {
		t.Fatal(err)
	}
	g := gin.New()
	site.Mount(g)
	server := httptest.NewServer(g)
	defer server.Close()
	body := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n" + strings.Repeat("a", 20<<20) + "\r\n--b--\r\n"
	q, err := http.NewRequest("POST", server.URL+"/file", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if said, err := io.ReadAll(res.Body); res.StatusCode != 413 || err != nil || !strings.Contains(string(said), "too large") {
		t.Errorf("%d %v\n%s", res.StatusCode, err, said)
	}
}
