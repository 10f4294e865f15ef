package main

import (
	"fmt"
	"os"

	"valise/cmd/internal/node"
	"valise/cmd/internal/verify"
)

// Verify checks a saved dispatch.
type Verify struct {
	File string `arg:"" help:"What valise dispatch save has written."`
}

// Help is shown by --help.
func (*Verify) Help() string {
	return `Works without an instance and without a network. It prints what the file proves, what no
file can prove, and what does not hold; with the last, the exit code is 1.`
}

// maxBundle bounds a saved dispatch, in bytes: attachments are inside, in base64.
const maxBundle = 256 << 20

func (c *Verify) Run(a *app) error {
	info, err := os.Stat(c.File)
	if err == nil && info.Size() > maxBundle {
		err = fmt.Errorf("%s has %d bytes; a saved dispatch has at most %d", c.File, info.Size(), maxBundle)
	}
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	data, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	b, err := verify.Read(data)
	if err != nil {
		return fmt.Errorf("verify %s: %w", c.File, err)
	}
	r := verify.Bundle(b)
	failed := 0
	if err := a.show(r, func(p *printer) {
		p.fields("Dispatch", r.Reference, "Id", string(r.Dispatch))
		for _, verdict := range []struct{ verdict, head string }{{verify.Proven, "Proven"}, {verify.Unproven, "Not proven"}, {verify.Failed, "FAILED"}} {
			first := true
			for _, f := range r.Findings {
				if f.Verdict != verdict.verdict {
					continue
				}
				if first {
					p.gap()
					p.linef("%s:", verdict.head)
					first = false
				}
				p.block("  - ", f.Text)
			}
		}
	}); err != nil {
		return err
	}
	for _, f := range r.Findings {
		if f.Verdict == verify.Failed {
			failed++
		}
	}
	if !r.Verified {
		return fmt.Errorf("verify %s: %d of its claims do not hold; do not rely on it", c.File, failed)
	}
	return nil
}

// Version prints the version.
type Version struct{}

func (*Version) Run(a *app) error {
	v := struct {
		Version string `json:"version"`
	}{node.Version()}
	return a.show(v, func(p *printer) { p.linef("valise %s", v.Version) })
}
