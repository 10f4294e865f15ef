package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"

	"valise/instance/archive"
	"valise/ui/machine"
)

// ImportCommands bring in what others have published.
type ImportCommands struct {
	TEI ImportTEI `cmd:"" name:"tei" help:"Import volumes and letters in TEI XML as archive records."`
}

// ImportTEI imports files.
type ImportTEI struct {
	Files     []string `arg:"" name:"file" help:"TEI files: volumes of documents, single letters, lists of letters."`
	Office    string   `required:"" help:"Office of ours that keeps the records." placeholder:"OFFICE"`
	Community string   `help:"Community of ours whose members may read them too." placeholder:"COMMUNITY"`
	DryRun    bool     `help:"Read the files and report, and keep nothing."`
}

// Help is shown by --help.
func (*ImportTEI) Help() string {
	return `Each document becomes one record with the marking that it once bore, shown as historical. It is
not sent to anybody, and nothing of ours is signed under it.

An import can be stopped at any moment and started again: what is here is passed over. What could
not be read is listed at the end, by file, document and element. The exit code is 1 when a file
could not be read to its end, and 0 when it could, also with documents left out.

A file with a document type declaration (DOCTYPE) is refused: entities can be declared there.`
}

// importResult is what the command prints as JSON.
type importResult struct {
	Files     []*archive.Report `json:"files"`
	Documents int               `json:"documents"`
	New       int               `json:"new"`
	Failed    int               `json:"failed"` // files
}

func (c *ImportTEI) Run(a *app) error {
	var total int64
	for _, path := range c.Files {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("import %s: it is no file", path)
		}
		total += info.Size()
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	p := newProgress(a.errs, total)
	defer p.end()
	result := importResult{}
	for _, path := range c.Files {
		r, err := c.file(a.ctx, client, path, p)
		if a.ctx.Err() != nil {
			p.end()
			return fmt.Errorf("import %s: stopped; what was read is kept. Run the same command again to go on", path)
		}
		if err != nil {
			p.end()
			return fmt.Errorf("import %s: %w", path, err)
		}
		p.done(r)
		result.Files = append(result.Files, r)
		result.Documents, result.New = result.Documents+r.Documents, result.New+r.New
		if r.Failed != "" {
			result.Failed++
		}
	}
	p.end()
	if err := a.show(result, func(p *printer) { p.imported(result, c.DryRun) }); err != nil {
		return err
	}
	if result.Failed > 0 {
		return fmt.Errorf("import: %d of %d files could not be read to their end", result.Failed, len(c.Files))
	}
	return nil
}

func (c *ImportTEI) file(ctx context.Context, client *machine.Client, path string, p *progress) (*archive.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	dry := ""
	if c.DryRun {
		dry = "true"
	}
	r := new(archive.Report)
	q := query{"office", c.Office, "community", c.Community, "file", filepath.Base(path), "dry", dry}
	return r, client.Upload(ctx, "/imports/tei"+q.String(), "application/tei+xml", io.TeeReader(f, p), r)
}

// imported prints what was read, then what was not.
func (p *printer) imported(result importResult, dry bool) {
	kept := "NEW"
	if dry {
		kept = "WOULD BE NEW"
	}
	rows := make([][]string, len(result.Files))
	for i, r := range result.Files {
		rows[i] = []string{r.File, r.Volume, fmt.Sprint(r.Documents), fmt.Sprint(r.New), fmt.Sprint(r.Known), fmt.Sprint(r.Skipped)}
	}
	p.table([]string{"FILE", "VOLUME", "DOCUMENTS", kept, "HERE BEFORE", "NOT READ"}, rows)
	var problems [][]string
	more := 0
	for _, r := range result.Files {
		if r.Failed != "" {
			problems = append(problems, []string{r.File, "", "", "FAILED: " + r.Failed})
		}
		for _, at := range r.Problems {
			what := "left out: "
			if at.Kept {
				what = "kept, but "
			}
			problems = append(problems, []string{r.File, at.Document, at.Element, what + at.Reason})
		}
		more += r.More
	}
	if len(problems) == 0 {
		return
	}
	p.gap()
	p.table([]string{"FILE", "DOCUMENT", "ELEMENT", "WHAT COULD NOT BE READ"}, problems)
	if more > 0 {
		p.linef("And %d more.", more)
	}
}

// progress tells how far an import is: a bar on a terminal, a line for each file and
// now and then elsewhere. It counts what is written to it.
type progress struct {
	w     io.Writer
	bar   *progressbar.ProgressBar // nil where w is no terminal
	total int64
	read  int64
	told  time.Time
}

// toldEvery is how often a log is told about a long import.
const toldEvery = 10 * time.Second

func newProgress(w io.Writer, total int64) *progress {
	p := &progress{w: w, total: total, told: time.Now()}
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.bar = progressbar.NewOptions64(max(total, 1), progressbar.OptionSetWriter(w), progressbar.OptionShowBytes(true), progressbar.OptionSetDescription("Reading"),
				progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
		}
	}
	return p
}

func (p *progress) Write(b []byte) (int, error) {
	p.read += int64(len(b))
	if p.bar != nil {
		_, _ = p.bar.Write(b) // a terminal that is gone must not end the import
		return len(b), nil
	}
	if time.Since(p.told) >= toldEvery {
		p.told = time.Now()
		fmt.Fprintf(p.w, "read %d of %d MiB\n", p.read>>20, p.total>>20)
	}
	return len(b), nil
}

func (p *progress) done(r *archive.Report) {
	if p.bar != nil {
		p.bar.Describe(line(r.File))
		return
	}
	fmt.Fprintln(p.w, line(fmt.Sprintf("%s: %d documents, %d new, %d not read", r.File, r.Documents, r.New, r.Skipped)))
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
		p.bar = nil
	}
}
