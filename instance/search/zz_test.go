package search

import (
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"testing"
	"time"

	"valise/config"
	"valise/federation/policy"
	"valise/models"
	"valise/models/iri"
)

func zcpu() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func zmeasure(name string, n int, f func()) {
	f()
	f()
	best := 1e9
	for range 4 {
		c := zcpu()
		for range n {
			f()
		}
		best = min(best, float64((zcpu()-c).Microseconds())/1000/float64(n))
	}
	fmt.Printf("%-46s %7.3f ms\n", name, best)
}

func TestZZ(t *testing.T) {
	ctx := t.Context()
	st, err := models.Open(ctx, os.Getenv("ZZ"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	host := iri.Host("bench.localhost:" + os.Getenv("ZPORT"))
	s := &Search{Store: st, Guard: policy.NewGuard(config.Defaults()), Rules: iri.RulesFor(host), Log: slog.New(slog.DiscardHandler), Now: time.Now}
	person := iri.IRI(host.Base() + "/u/officer-kabul")
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"harbour", "delegation", "Secretary", `"Soviet Union"`, `"the Secretary"`, "negoti*", "econom*", "from:kabul agreement", "before:2025-06-01 meeting", "in:archive Moscow"} {
		q, err := Parse(text)
		must(err)
		q.Ranked = true
		sc, err := s.scope(ctx, person)
		must(err)
		sc.Ahead, err = s.ahead(ctx, sc)
		must(err)
		sc.Expr = q.expr()
		sc.From, sc.To = q.span()
		found, err := models.SearchCandidates(ctx, st.R, sc.SearchScope, true, CountMost+1)
		must(err)
		pl := q.places(found)
		pl = pl[:min(len(pl), 20)]
		zmeasure(text+" find", 20, func() { _, err := s.Find(ctx, person, q, "", 20); must(err) })
		zmeasure(text+" candidates", 20, func() { _, err := models.SearchCandidates(ctx, st.R, sc.SearchScope, true, CountMost+1); must(err) })
		zmeasure(text+" hits", 20, func() { _, err := s.hits(ctx, sc, q, pl); must(err) })
		ids := []int64{}
		for _, p := range pl {
			ids = append(ids, p.id)
		}
		zmeasure(text+" readhits", 20, func() { _, err := models.SearchHits(ctx, st.R, sc.SearchScope, ids); must(err) })
		zmeasure(text+" facets+places", 20, func() { facets(found); q.places(found) })
		zmeasure(text+" scope+ahead", 20, func() { sc, err := s.scope(ctx, person); must(err); _, err = s.ahead(ctx, sc); must(err) })
	}
}
