package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"valise/cmd/internal/dispatchfile"
	"valise/instance/dispatches"
	"valise/ui/machine"
)

// file reads a dispatch file and uploads what it attaches in a person's name.
func (a *app) file(path, as string) (*dispatchfile.File, error) {
	var r io.Reader = a.in
	dir := "."
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read the dispatch: %w", err)
		}
		defer f.Close()
		r, dir = f, filepath.Dir(path)
	}
	text, err := io.ReadAll(io.LimitReader(r, dispatchfile.MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the dispatch %s: %w", path, err)
	}
	f, err := dispatchfile.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("read the dispatch %s: %w; see valise dispatch new --help", path, err)
	}
	for _, at := range f.Attach {
		kept, err := a.upload(dir, at, as)
		if err != nil {
			return nil, fmt.Errorf("attach %s: %w", at.Path, err)
		}
		f.Content.Attachments = append(f.Content.Attachments, kept)
	}
	return f, nil
}

func (a *app) upload(dir string, at dispatchfile.Attachment, as string) (kept dispatches.Attachment, err error) {
	path := at.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return kept, err
	}
	defer f.Close()
	c, err := a.client()
	if err != nil {
		return kept, err
	}
	return kept, c.Upload(a.ctx, "/files"+query{"as", as, "name", at.Name}.String(), at.MediaType, f, &kept)
}

// showDraft prints a draft with what is to be done next.
func (a *app) showDraft(d machine.Draft) error {
	return a.show(d, func(p *printer) {
		p.fields("Draft", d.ID, "Revision", fmt.Sprint(d.Revision), "State", d.State, "Office", string(d.Office), "Drafter", string(d.Drafter),
			"Corrects", string(d.Corrects), "Released as", string(d.Dispatch), "Changed", zulu(d.UpdatedAt))
		if c := d.Content; c != nil {
			p.fields("Subject", c.Subject, "Kind", c.Kind, "Marking", c.Marking, "Precedence", c.Precedence, "Community", string(c.Community), "Change note", c.ChangeNote)
			for _, to := range c.Action {
				p.fields("ACTION", string(to))
			}
			for _, to := range c.Info {
				p.fields("INFO", string(to))
			}
			for _, r := range c.References {
				p.fields("Reference", r.Label+" "+string(r.Target))
			}
			for _, f := range c.Attachments {
				p.fields("Attachment", fmt.Sprintf("%s (%s, %d bytes)", f.Name, f.MediaType, f.Size))
			}
			p.gap()
			for i, para := range c.Paragraphs {
				p.paragraph(fmt.Sprint(i+1), para.Marking, para.Text)
			}
		}
		if len(d.Clearances) > 0 {
			rows := make([][]string, len(d.Clearances))
			for i, c := range d.Clearances {
				rows[i] = []string{string(c.Clearer), c.Decision, zulu(c.DecidedAt), c.Note}
			}
			p.table([]string{"CLEARER", "DECISION", "DATE", "NOTE"}, rows)
		}
	})
}

func (p *printer) paragraph(id, marking, text string) {
	if marking != "" {
		text = "(" + marking + ") " + text
	}
	p.block("", id+". "+text)
	p.gap()
}

// dispatch prints a dispatch like a telegram: heads, text, then what happened to it.
func (p *printer) dispatch(v machine.DispatchView) {
	p.fields("Reference", v.Reference, "Id", string(v.ID), "State", v.State, "Version", fmt.Sprint(v.Version), "From", string(v.Author), "Signed by", string(v.Signatory),
		"Date", zulu(v.PublishedAt), "Corrected", zulu(v.UpdatedAt), "Withdrawn", zulu(v.WithdrawnAt), "Superseded by", string(v.SupersededBy), "Acknowledge by", zulu(v.DueAt),
		"Marking", v.Marking, "Precedence", v.Precedence, "Kind", v.Kind, "Community", string(v.Community), "Subject", v.Subject, "Change note", v.ChangeNote, "Digest", v.Digest)
	p.gap()
	rows := make([][]string, len(v.Addressees))
	for i, t := range v.Addressees {
		rows[i] = []string{t.Role, string(t.Actor)}
	}
	p.table([]string{"ROLE", "ADDRESSEE"}, rows)
	p.gap()
	if v.Summary != "" {
		p.block("", v.Summary)
		p.gap()
	}
	for _, part := range v.Paragraphs {
		p.paragraph(part.ID, part.Marking, part.Text)
	}
	if len(v.References) > 0 {
		rows = nil
		for _, r := range v.References {
			answers := ""
			if r.Answers {
				answers = "answered"
			}
			rows = append(rows, []string{r.Label, answers, r.Check, r.Target})
		}
		p.table([]string{"REFERENCE", "ROLE", "HERE", "ID"}, rows)
		p.gap()
	}
	if len(v.Attachments) > 0 {
		rows = nil
		for _, f := range v.Attachments {
			rows = append(rows, []string{f.Name, f.MediaType, fmt.Sprint(f.Size), f.State, f.Digest})
		}
		p.table([]string{"ATTACHMENT", "TYPE", "BYTES", "STATE", "DIGEST"}, rows)
		p.gap()
	}
	if len(v.Comments) > 0 {
		for _, c := range v.Comments {
			p.block("  ", fmt.Sprintf("%s, %s:\n%s", c.Author, zulu(c.PublishedAt), c.Text))
		}
		p.gap()
	}
	rows = nil
	for _, e := range v.Evidence {
		rows = append(rows, []string{zulu(e.At), string(e.Addressee), e.Station, fmt.Sprint(e.Version), yes(e.Signed), e.Detail})
	}
	p.table([]string{"DATE", "ADDRESSEE", "EVIDENCE", "V", "SIGNED", "DETAIL"}, rows)
}
