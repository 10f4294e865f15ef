package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"valise/cmd/internal/browser"
)

func TestPerson(t *testing.T) {
	b := browser.Open(t)
	said := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			said = r.FormValue("word")
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="data:,"><main><h1>Hello %s</h1><form method="post"><label for="word">Word</label><input id="word" name="word" value="old"><button>Send</button></form></main>`, said)
	}))
	defer server.Close()
	p := b.Person(t, server.URL, 800, 600)
	p.Go("/")
	p.Fill("#word", "world")
	p.Follow("button")
	p.Sees("Hello world")
	p.Lacks("old")
	p.Looks("browser")
	if said != "world" || p.Text("h1") != "Hello world" || p.At() != "/" {
		t.Errorf("the server heard %q; the page says %q at %s", said, p.Text("h1"), p.At())
	}
}
