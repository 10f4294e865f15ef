package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/instance/archive/tei"
	"valise/instance/audit"
	"valise/models"
)

// Report says what an import of one file did.
type Report struct {
	File      string    `json:"file"`
	Volume    string    `json:"volume,omitempty"`
	Title     string    `json:"title,omitempty"`
	Bytes     int64     `json:"bytes"` // read
	Documents int       `json:"documents"`
	New       int       `json:"new"`
	Known     int       `json:"known"`              // were here before
	Attached  int       `json:"attached,omitempty"` // of those, put into the community now
	Skipped   int       `json:"skipped,omitempty"`  // could not be read
	Problems  []Problem `json:"problems,omitempty"`
	More      int       `json:"more,omitempty"` // problems beyond those listed
	Truncated bool      `json:"truncated,omitempty"`
	DryRun    bool      `json:"dryRun,omitempty"`
	// Failed is why the file was not read to its end; "" if it was. What was kept
	// before stays.
	Failed string `json:"failed,omitempty"`
}

// Problem is a thing that could not be read. Kept says that its document was imported
// without it.
type Problem struct {
	Document string `json:"document,omitempty"`
	Element  string `json:"element,omitempty"`
	Offset   int64  `json:"offset"` // bytes from the start of the file
	Reason   string `json:"reason"`
	Kept     bool   `json:"kept"`
}

var filed = regexp.MustCompile(`^(frus\w+(?:-\w+)*?)-d\d+\w*$`)

// volumeOf names a volume after its file, for files that do not name themselves.
func volumeOf(file string) string {
	name := strings.TrimSuffix(path.Base(strings.ReplaceAll(file, `\`, "/")), ".xml")
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".fragment"), ".part")
	if m := filed.FindStringSubmatch(name); m != nil {
		name = m[1]
	}
	return clip(strings.Map(func(r rune) rune {
		if r == '#' || r == '/' || r <= ' ' {
			return '-'
		}
		return r
	}, strings.ToValidUTF8(name, "-")), 100)
}

// source remembers that reading failed, and not what was read.
type source struct {
	r      io.Reader
	failed error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed = err
	}
	return n, err
}

// ImportFile reads one TEI file as a stream and keeps its documents. What cannot be
// read is in the report; the error is for what has nothing to do with the file's
// content: the target, the store, the stream. An import that ended early is repeated
// from the start: what is here is passed over. With dry set nothing is written.
func (a *Archive) ImportFile(ctx context.Context, t Target, file string, dry bool, r io.Reader) (*Report, error) {
	if !a.importing.TryLock() {
		return nil, &policy.Refusal{Code: "busy", Status: 409, Detail: "another import is running; try again when it has ended"}
	}
	defer a.importing.Unlock()
	if err := a.check(ctx, t); err != nil {
		return nil, err
	}
	out := &Report{File: file, DryRun: dry}
	b := &batch{a: a, target: t, dry: dry, size: batchFirst}
	if !dry {
		if err := a.audit(ctx, t, "import begun", map[string]any{"file": file}); err != nil {
			return nil, err
		}
	}
	var position int64
	var stop error // ends reading for a reason that is not the file's
	in := &source{r: r}
	read, err := tei.Read(in, volumeOf(file), func(d tei.Document) error {
		position++
		if stop = ctx.Err(); stop == nil {
			stop = b.add(ctx, d, position)
		}
		return stop
	})
	if stop == nil && in.failed == nil {
		stop = b.flush(ctx)
	}
	out.fill(read, b)
	switch {
	case stop != nil:
		return out, fmt.Errorf("import %s: %w", file, stop)
	case in.failed != nil:
		return out, fmt.Errorf("import %s: read the file: %w", file, in.failed)
	case err != nil:
		out.Failed = reason(err)
	case out.Truncated:
		out.Failed = "it ends inside an element: it is not whole"
	case out.Documents == 0 && out.Skipped == 0:
		out.Failed = "it has no document: neither a div of type document nor a letter with its correspondents"
	}
	if dry {
		return out, nil
	}
	if out.Documents > 0 {
		now := models.At(a.Now())
		err := a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			return models.SaveArchiveVolume(ctx, tx, &models.ArchiveVolume{Volume: read.Volume.ID, Title: clip(read.Volume.Title, maxSubject), Licence: clip(read.Volume.Licence, maxSubject), ImportedAt: now})
		})
		if err != nil {
			return out, fmt.Errorf("import %s: keep the volume: %w", file, err)
		}
	}
	detail := map[string]any{"file": file, "documents": out.Documents, "new": out.New, "skipped": out.Skipped}
	if t.Community != "" {
		detail["community"], detail["attached"] = string(t.Community), out.Attached
	}
	if out.Failed != "" {
		detail["failed"] = out.Failed
	}
	return out, a.audit(ctx, t, "imported", detail)
}

func (a *Archive) audit(ctx context.Context, t Target, act string, detail map[string]any) error {
	return a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return audit.Append(ctx, tx, a.Now(), t.By, act, string(t.Office), detail)
	})
}

// reason is what a reader has said of a file, without what it says of itself.
func reason(err error) string {
	text := err.Error()
	if _, after, ok := strings.Cut(text, ": "); ok && strings.HasPrefix(text, "reading volume ") {
		return after
	}
	return text
}

func (r *Report) fill(read tei.Report, b *batch) {
	r.Volume, r.Title = read.Volume.ID, read.Volume.Title
	r.Bytes, r.Documents, r.Skipped, r.More, r.Truncated = read.Bytes, read.Documents, read.Skipped, read.Dropped, read.Truncated
	r.New, r.Known, r.Attached = b.fresh, b.known, b.attached
	for _, p := range read.Problems {
		r.add(Problem{Document: p.ID, Element: p.Element, Offset: p.Offset, Reason: clip(string(bytes.ToValidUTF8([]byte(p.Reason), []byte("?"))), maxSubject), Kept: p.Kept})
	}
	for _, reference := range b.differ {
		r.Skipped++
		r.add(Problem{Document: strings.TrimPrefix(reference, r.Volume+"/"), Reason: "another text is here under its id, from this file or an earlier one, and stays"})
	}

}

// maxProblems bounds the list in a report.
const maxProblems = 1000

func (r *Report) add(p Problem) {
	if len(r.Problems) == maxProblems {
		r.More++
		return
	}
	r.Problems = append(r.Problems, p)
}
