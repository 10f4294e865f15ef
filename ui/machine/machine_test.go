package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"valise/instance/access"
	"valise/instance/accounts"
	"valise/instance/directory"
	"valise/instance/dispatches"
	"valise/instance/queues"
	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

const own iri.Host = "ministry.example"

// desk is the API over a store with one person, anna, and what was logged.
func desk(t *testing.T) (http.Handler, *models.Store, *bytes.Buffer) {
	t.Helper()
	gin.SetMode(gin.TestMode)
	store := modeltest.DB(t)
	now := func() time.Time { return time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC) }
	rules := iri.RulesFor(own)
	anna := accounts.Actor(own, models.TypePerson, "anna", "Anna Desk", now())
	if err := models.InsertActor(t.Context(), store.W, anna); err != nil {
		t.Fatal(err)
	}
	logged := &bytes.Buffer{}
	log := slog.New(slog.NewTextHandler(logged, nil))
	h := Handler(Services{Own: own, Access: &access.Access{Options: access.Options{Store: store}}, Queues: &queues.Queues{Store: store, Now: now}, Directory: &directory.Directory{Store: store, Own: own, Rules: rules, Now: now},
		Dispatches: &dispatches.Dispatches{Store: store, Own: own, Rules: rules, Now: now, Log: log}}, log)
	return h, store, logged
}

func send(h http.Handler, method, path, kind, body string) (*httptest.ResponseRecorder, Problem) {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	var p Problem
	if strings.HasPrefix(w.Header().Get("Content-Type"), "application/problem+json") {
		_ = json.Unmarshal(w.Body.Bytes(), &p)
	}
	return w, p
}

func TestRefusals(t *testing.T) {
	h, _, _ := desk(t)
	const j = "application/json"
	for _, c := range []struct {
		name, method, path, kind, body string
		status                         int
		title, detail                  string
	}{
		{"unknown resource", "GET", "/nothing", "", "", 404, "not-found", "no such resource"},
		{"unknown method", "DELETE", "/offices", "", "", 405, "wrong-method", "DELETE"},
		{"no type", "POST", "/persons", "", "{}", 415, "content-type", "application/json"},
		{"form", "POST", "/persons", "application/x-www-form-urlencoded", "username=x", 415, "content-type", ""},
		{"no JSON", "POST", "/persons", j, "{", 400, "malformed", ""},
		{"nothing", "POST", "/persons", j, "", 400, "malformed", ""},
		{"wrong type", "POST", "/persons", j, `{"username":["x"]}`, 400, "malformed", "username"},
		{"unknown member", "POST", "/persons", j, `{"username":"x","admin":true}`, 400, "malformed", "admin"},
		{"two values", "POST", "/persons", j, `{"username":"x"} {}`, 400, "malformed", "follows"},
		{"too large", "POST", "/persons", j, `{"username":"` + strings.Repeat("x", maxInput) + `"}`, 413, "too-large", "4194304"},
		{"limit", "GET", "/queue?limit=201", "", "", 422, "invalid", "1 to 200"},
		{"limit 0", "GET", "/queue?limit=0", "", "", 422, "invalid", "1 to 200"},
		{"cursor", "GET", "/queue?after=-1", "", "", 422, "invalid", "whole number"},
		{"state", "GET", "/queue?state=gone", "", "", 422, "invalid", "handed-over"},
		{"row", "POST", "/queue/x/retry", "", "", 422, "invalid", "no number"},
		{"nobody acts", "GET", "/dispatches", "", "", 422, "invalid", "in whose name"},
		{"unknown person", "GET", "/dispatches?as=eve", "", "", 422, "invalid", `"eve"`},
		{"foreign person", "GET", "/dispatches?as=https://other.example/u/eve", "", "", 422, "invalid", "no person here"},
		{"hidden dispatch", "GET", "/dispatch?as=anna&name=PARIS%202026/000001", "", "", 404, "not-found", "that you may see"},
		{"reasonless", "POST", "/peers/other.example/suspend", j, `{}`, 422, "invalid", "needs a reason"},
		{"too much", "POST", "/peers/other.example/pin", j, `{"fingerprint":"ab","ceiling":"SECRET"}`, 422, "invalid", "nothing else"},
		{"unknown office", "PUT", "/offices/none/rules", j, `{"minClearances":1,"nobodyAlone":true}`, 422, "invalid", `"none"`},
	} {
		w, p := send(h, c.method, c.path, c.kind, c.body)
		if w.Code != c.status || p.Status != c.status || p.Title != c.title || !strings.Contains(p.Detail, c.detail) || !strings.HasSuffix(p.Type, "/"+c.title) {
			t.Errorf("%s: %d %+v; want %d %s with %q", c.name, w.Code, p, c.status, c.title, c.detail)
		}
	}
}

// A fault of ours is told to the log, and to nobody else.
func TestFault(t *testing.T) {
	h, store, logged := desk(t)
	if _, err := store.W.Exec("DROP TABLE deliveries"); err != nil {
		t.Fatal(err)
	}
	w, p := send(h, "GET", "/queue", "", "")
	if w.Code != 500 || p.Title != "internal" || strings.Contains(w.Body.String(), "deliveries") {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	if !strings.Contains(logged.String(), "no such table: deliveries") {
		t.Errorf("logged %s", logged)
	}
	// A service that is missing is a panic, which ends the request alone.
	if w, p := send(h, "POST", "/persons", "application/json", `{"username":"bert","name":"Bert"}`); w.Code != 500 || p.Title != "internal" {
		t.Errorf("a panic answered %d %s", w.Code, w.Body)
	}
}

// What is done in a person's name is recorded as the operator's, before it is done and
// whatever becomes of it; reading is not.
func TestActingIsAudited(t *testing.T) {
	h, store, _ := desk(t)
	send(h, "GET", "/dispatch?as=anna&name=x", "", "")
	if w, _ := send(h, "POST", "/dispatch/take", "application/json", `{"as":"@anna@ministry.example","name":"PARIS 2026/000001"}`); w.Code != 404 {
		t.Fatalf("answered %d %s", w.Code, w.Body)
	}
	rows, err := models.AuditAfter(t.Context(), store.R, 0, "", "", 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1 || rows[0].Actor != "local operator" || rows[0].Act != "acts as" || rows[0].Object != "https://ministry.example/u/anna" || !strings.Contains(rows[0].Detail, "POST /dispatch/take") {
		t.Errorf("the trail holds %+v", rows)
	}
}

func TestPages(t *testing.T) {
	h, store, _ := desk(t)
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	for _, name := range []string{"bert", "carl", "dora"} {
		if err := models.InsertActor(t.Context(), store.W, accounts.Actor(own, models.TypePerson, name, name, now)); err != nil {
			t.Fatal(err)
		}
	}
	c := InProcess(h)
	var names []string
	for after, pages := "", 0; ; pages++ {
		var l List[Person]
		if err := c.Do(t.Context(), "GET", "/persons?limit=3&after="+after, nil, &l); err != nil {
			t.Fatal(err)
		}
		for _, p := range l.Items {
			names = append(names, p.Username)
		}
		if after = l.Next; after == "" || pages > 5 {
			break
		}
	}
	if got := strings.Join(names, " "); got != "anna bert carl dora" {
		t.Errorf("the pages hold %q", got)
	}
	var l List[Delivery]
	if err := c.Do(t.Context(), "GET", "/queue", nil, &l); err != nil || l.Items == nil {
		t.Errorf("an empty list is %+v, %v", l, err)
	}
}

func TestClientTellsProblems(t *testing.T) {
	h, _, _ := desk(t)
	err := InProcess(h).Do(t.Context(), "GET", "/dispatches?as=eve", nil, nil)
	var p *Problem
	if !errors.As(err, &p) || p.Status != 422 || err.Error() != `"eve" is nobody here; write @name@host for an actor elsewhere (invalid)` {
		t.Errorf("told %v", err)
	}
	plain := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	if err := InProcess(plain).Do(t.Context(), "GET", "/x", nil, nil); err == nil || errors.As(err, new(*Problem)) || !strings.Contains(err.Error(), "Bad Gateway") {
		t.Errorf("told %v", err)
	}
}

// A client in the process hands over body and headers as they are.
func TestInProcess(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_ = json.NewEncoder(w).Encode([]string{r.Method, r.URL.Path, r.Header.Get("Content-Type"), string(body)})
	})
	var out []string
	if err := InProcess(echo).Upload(context.Background(), "/files", "text/plain", strings.NewReader("Annex"), &out); err != nil || strings.Join(out, "|") != "POST|/files|text/plain|Annex" {
		t.Errorf("%q, %v", out, err)
	}
}
