package bench

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"time"

	"valise/cmd/internal/sample"
	"valise/instance/archive"
)

// volumes are the embedded volumes again and again, under other names, until they hold n
// documents or a little more.
func volumes(n int) func(yield func(name string, text []byte) bool) {
	return func(yield func(string, []byte) bool) {
		for copies := 1; n > 0; copies++ {
			for _, v := range sample.Volumes() {
				name := fmt.Sprintf("%s-copy%d", v.Name, copies)
				text := bytes.Replace(v.XML, []byte(`<idno type="frus">`+v.Name+`</idno>`), []byte(`<idno type="frus">`+name+`</idno>`), 1)
				if n -= v.Documents; !yield(name, text) || n <= 0 {
					return
				}
			}
		}
	}
}

type importArgs struct{ N int }

// imported is what an import has taken: all of it, and each file.
type imported struct {
	Documents int
	Took      time.Duration
	Files     []time.Duration
}

// importing keeps n documents as archive records of the desk.
func (i *instance) importing(ctx context.Context, a importArgs) (any, error) {
	var out imported
	began := time.Now()
	for name, text := range volumes(a.N) {
		at := time.Now()
		r, err := i.node.Archive.ImportFile(ctx, archive.Target{By: "bench", Office: i.office}, name+".xml", false, bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		if r.Failed != "" || r.New != r.Documents {
			return nil, fmt.Errorf("%s: %d of %d documents are new, %d were not read; %s", name, r.New, r.Documents, r.Skipped, r.Failed)
		}
		out.Documents += r.Documents
		out.Files = append(out.Files, time.Since(at))
	}
	out.Took = time.Since(began)
	return out, nil
}

// parsed is the bare limit of an import: the same bytes through encoding/xml alone.
func parsed(n int) (perSecond float64, err error) {
	documents := 0
	began := time.Now()
	for name, text := range volumes(n) {
		dec := xml.NewDecoder(bytes.NewReader(text))
		for {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return 0, fmt.Errorf("%s: %w", name, err)
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "div" {
				for _, a := range e.Attr {
					if a.Name.Local == "type" && a.Value == "document" {
						documents++
					}
				}
			}
		}
	}
	return float64(documents) / time.Since(began).Seconds(), nil
}

// importDefault is how many documents one turn imports.
const importDefault = 2000

// imports measures how quickly printed volumes become archive records. The percentiles
// are of files of 40 to 120 documents.
func (b *bench) imports(ctx context.Context) error {
	n := b.N
	if n == defaultN {
		n = importDefault
	}
	m := &measure{Name: "import", N: n}
	var rates, limits, cpu, peak []float64
	var files []time.Duration
	for turn := range turns {
		if err := b.importTurn(ctx, n, turn, func(limit float64, got imported, used usage) {
			limits, rates = append(limits, limit), append(rates, float64(got.Documents)/got.Took.Seconds())
			cpu, peak = append(cpu, used.CPU*1000/float64(got.Documents)), append(peak, used.Peak)
			files = append(files, got.Files...)
		}); err != nil {
			return err
		}
	}
	m.Rate, m.LimitRate, m.CPUPer1000, m.RSS = median(rates), median(limits), median(cpu), median(peak)
	m.percentiles(files)
	return b.report.print(m)
}

// importTurn imports into a fresh instance.
func (b *bench) importTurn(ctx context.Context, n, turn int, took func(float64, imported, usage)) (err error) {
	limit, err := parsed(n)
	if err != nil {
		return fmt.Errorf("bare limit: %w", err)
	}
	var o openArgs
	if o.Dir, o.DB, err = b.storage(ctx); err != nil {
		return err
	}
	c, _, err := b.instanceChild(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	return c.profiling(fmt.Sprintf("import-%d", turn), func() error {
		var before, after usage
		var got imported
		if err := c.call("usage", usageArgs{Reset: true}, &before); err != nil {
			return err
		}
		if err := c.call("import", importArgs{n}, &got); err != nil {
			return err
		}
		if err := c.call("usage", usageArgs{}, &after); err != nil {
			return err
		}
		took(limit, got, usage{CPU: after.CPU - before.CPU, Peak: after.Peak})
		return nil
	})
}
