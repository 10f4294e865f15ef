// Package bench measures one instance against the bare limit of the same work. Both run
// in processes of their own on loopback, in turns, so that a machine that drifts bears
// on both alike; the figures are medians of the turns.
//
// VALISE_BENCH_PROFILE names a folder for CPU and allocation profiles of the instance.
package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Names are the measures that can be asked for.
var Names = []string{"ingest", "fanout", "fetch", "import", "read"}

// Options say what is measured, and on what.
type Options struct {
	Names []string // of Names; none means all
	DB    string   // "" or "sqlite": SQLite in a folder that is removed; else the URL of a PostgreSQL server where databases may be created
	N     int      // requests or deliveries of each turn; 0: as many as give stable figures
	// Dir keeps the instance of read with its corpus for the next run; "" for none.
	Dir   string
	Pages []string // kinds of pages of read, * for any letters; none means all
	JSON  bool     // one JSON object a line instead of a table
	Out   io.Writer
}

const (
	defaultN    = 5000
	connections = 32
	// turns is how often limit and instance take turns.
	turns = 3
)

// Run prints each measure as soon as it is taken.
func Run(ctx context.Context, o Options) error {
	names := o.Names
	if len(names) == 0 {
		names = Names
	}
	for _, name := range names {
		if !slices.Contains(Names, name) {
			return fmt.Errorf("bench %q: the measures are %s", name, strings.Join(Names, ", "))
		}
	}
	if o.N < 0 {
		return fmt.Errorf("bench: %d requests make no measure", o.N)
	}
	if o.N == 0 {
		o.N = defaultN
	}
	dir, err := os.MkdirTemp("", "valise-bench-")
	if err != nil {
		return fmt.Errorf("bench: make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	b := &bench{Options: o, dir: dir, report: &report{out: o.Out, json: o.JSON}}
	defer b.dropDatabases()
	if b.sink, err = newSink(); err != nil {
		return err
	}
	defer b.sink.close()
	measures := map[string]func(context.Context) error{"ingest": b.ingest, "fanout": b.fanout, "fetch": b.fetch, "import": b.imports, "read": b.read}
	for _, name := range Names {
		if !slices.Contains(names, name) {
			continue
		}
		if err := measures[name](ctx); err != nil {
			return fmt.Errorf("bench %s: %w", name, err)
		}
	}
	return nil
}

// bench is one run.
type bench struct {
	Options
	dir       string
	report    *report
	sink      *sink
	databases []string
	folders   int
	cold      *distribution // the first of the fan-out that was measured last
}
