package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"valise/models/modeltest"
)

func TestMain(m *testing.M) {
	if Main() {
		return
	}
	os.Exit(m.Run())
}

// figures of one measure that must not be missing.
var expected = map[string][]string{
	"memory":         {"rss_mib", "start_ms"},
	"ingest":         {"rate", "limit_rate", "ratio", "p50_ms", "p95_ms", "p99_ms", "cpu_s_per_1000", "rss_mib", "n"},
	"apply":          {"rate", "limit_rate", "burst_accept_s", "burst_applied_s"},
	"apply-50k":      {"rate", "rows_before", "rate_to_apply"},
	"fanout-ed25519": {"rate", "limit_rate", "ratio", "hosts"},
	"fanout-rsa":     {"rate", "limit_rate", "ratio"},
	"fanout-faulty":  {"rate", "p50_ms", "p50_all_healthy_ms"},
	"fetch":          {"rate", "limit_rate", "ratio"},
	"list-action":    {"rate", "p95_ms", "statements", "kilobytes"},
	"dispatch":       {"rate", "p95_ms", "statements", "kilobytes"},
	"search-word":    {"rate", "p95_ms", "statements", "kilobytes"},
}

func measures(t *testing.T, o Options) map[string]map[string]any {
	t.Helper()
	var out bytes.Buffer
	o.Out, o.JSON = &out, true
	if err := Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	got := map[string]map[string]any{}
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got[m["name"].(string)] = m
	}
	return got
}

func TestEveryMeasureIsTaken(t *testing.T) {
	got := measures(t, Options{N: 40})
	for name, fields := range expected {
		for _, f := range fields {
			if v, ok := got[name][f].(float64); !ok || v <= 0 {
				t.Errorf("%s: %s is %v", name, f, got[name][f])
			}
		}
	}
}

func TestPostgres(t *testing.T) {
	got := measures(t, Options{Names: []string{"fetch"}, N: 20, DB: modeltest.Postgres(t)})
	if len(got) != 1 || got["fetch"]["ratio"] == 0.0 {
		t.Errorf("measured %v", got)
	}
}

func TestPagesAskedFor(t *testing.T) {
	all := []sheet{{name: "list-action"}, {name: "list-deep"}, {name: "seal"}, {name: "search-word"}}
	for _, c := range []struct{ pages, want string }{
		{"", "list-action list-deep seal search-word"}, {"list-*", "list-action list-deep"}, {"s* seal", "seal search-word"},
	} {
		b := &bench{Options: Options{Pages: strings.Fields(c.pages)}}
		got, err := b.asked(all)
		var names []string
		for _, s := range got {
			names = append(names, s.name)
		}
		if err != nil || strings.Join(names, " ") != c.want {
			t.Errorf("%q opens %v (%v)", c.pages, names, err)
		}
	}
	for _, wrong := range []string{"front", "["} {
		if got, err := (&bench{Options: Options{Pages: []string{wrong}}}).asked(all); err == nil || !strings.Contains(err.Error(), "--page "+wrong) {
			t.Errorf("%q opens %v (%v)", wrong, got, err)
		}
	}
}

func TestUnknownMeasureIsRefused(t *testing.T) {
	if err := Run(context.Background(), Options{Names: []string{"ingest", "speed"}}); err == nil || !strings.Contains(err.Error(), `"speed"`) {
		t.Errorf("got %v", err)
	}
}
