package refusals_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"valise/instance/refusals"
)

func TestRecent(t *testing.T) {
	var out bytes.Buffer
	r := &refusals.Recent{}
	log := slog.New(r.Watch(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}))).With("host", "a.example")
	log.Info("something else")
	for i := range 600 {
		log.Info("refused", "path", fmt.Sprint("/", i), "from", "192.0.2.1:1", "status", 401, "rule", []string{"stale-signature", "not-accredited"}[i%2], "why", errors.New("because"))
	}
	log.Warn("refused", "path", "/last", "rule", "unavailable", "status", 503)
	all := r.List("")
	if len(all) != 500 || all[0].Path != "/last" || all[1].Path != "/599" || all[1].Why != "because" || all[1].Status != 401 || all[499].Path != "/101" {
		t.Errorf("%d refusals; first %+v, %+v, last %+v", len(all), all[0], all[1], all[len(all)-1])
	}
	if some := r.List("stale-signature"); len(some) != 249 && len(some) != 250 {
		t.Errorf("%d of one rule", len(some))
	}
	if n := strings.Count(out.String(), "\n"); n != 1 {
		t.Errorf("the log of warnings holds %d lines:\n%s", n, out.String())
	}
}
