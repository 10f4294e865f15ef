// Package dispatchfile reads a dispatch as people write it in a file: a block of
// headers, a blank line, paragraphs in Markdown.
//
//	Subject: Consultations on water sharing
//	Marking: LIMITED
//	Precedence: PRIORITY
//	To: @desk-europe@ministry.example
//	Cc: @institute@institute.example, legal
//	Reference: EUROPE DESK 2026/000101
//	Tags: WATER, TREATY
//	Attach: annex-a.pdf; name=Annex A
//
//	1. (U) The Embassy presents its compliments.
//
//	2. (L) It proposes 14 and 15 October.
//
// A file that begins with "{" is JSON of the same content.
package dispatchfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"valise/instance/dispatches"
	"valise/ui/machine"
)

// Help says how a file is written.
const Help = `A dispatch file has headers, a blank line, and paragraphs in Markdown.

Headers ("Name: value"; a line that begins with a blank continues the one before it):
  Subject      required
  Marking      required, such as LIMITED, or its abbreviation
  Kind         cable (default), noteVerbale, circularNote, aideMemoire, nonPaper, demarche
  Precedence   default: the lowest
  To, Cc       ACTION and INFO addressees: user name, @name@host or id, separated by commas
  Community    the community to distribute in
  From         the office that issues it, where the drafter drafts for several
  Reference    reference number or id of another dispatch; one a line
  Attach       path, from the file's own folder; then, if wanted, "; name=Annex A; type=application/pdf"
  Language     such as en or fr
  Summary, Valid-Until (2026-09-20T23:59:59Z or 2026-09-20), Change-Note (of a correction)

Paragraphs: if the first one begins with "1.", each one begins with its number, and
what has no number belongs to the one before it (lists, tables). Otherwise a blank line
ends a paragraph. "(L) " in capitals at its beginning is its portion marking; a
paragraph that really begins so is written "\(L) ".

A file that begins with "{" is the same content as JSON.`

// MaxFile is the largest dispatch file, in bytes.
const MaxFile = 2 << 20

// maxHeader is the longest continued header, in bytes: room for a few hundred addressees.
const maxHeader = 64 << 10

// Attachment is a file to be uploaded. Path is as written. Name and MediaType are never
// empty.
type Attachment struct{ Path, Name, MediaType string }

// File is what was read. Content has no attachments of a text file yet: those named in
// Attach come by upload.
type File struct {
	Office  string
	Content machine.Content
	Attach  []Attachment
}

// Error says what is wrong, and in which line (0: in none).
type Error struct {
	Line   int
	Reason string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
}

func fault(line int, format string, args ...any) error {
	return &Error{line, fmt.Sprintf(format, args...)}
}

// Parse reads a file. It refuses what it does not understand; whether marking, kind and
// addressees exist is the instance's question.
func Parse(text []byte) (*File, error) {
	if len(text) > MaxFile {
		return nil, fault(0, "%d bytes; a dispatch file has at most %d", len(text), MaxFile)
	}
	if !utf8.Valid(text) {
		return nil, fault(0, "it is not UTF-8 text")
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if bytes.HasPrefix(bytes.TrimLeft(text, " \t\n"), []byte("{")) {
		return parseJSON(text)
	}
	lines := strings.Split(string(text), "\n")
	headers, rest, err := readHeaders(lines)
	if err != nil {
		return nil, err
	}
	f := &File{}
	for _, h := range headers {
		if err := f.set(h); err != nil {
			return nil, err
		}
	}
	switch {
	case f.Content.Subject == "":
		return nil, fault(0, "the header Subject is missing")
	case f.Content.Marking == "":
		return nil, fault(0, "the header Marking is missing")
	}
	if f.Content.Paragraphs, err = paragraphs(lines[rest:], rest+1); err != nil {
		return nil, err
	}
	return f, nil
}

func parseJSON(text []byte) (*File, error) {
	f := &File{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f.Content); err != nil {
		return nil, fault(0, "read it as JSON: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fault(0, "read it as JSON: something follows the object")
	}
	return f, nil
}

type header struct {
	line        int // counted from 1
	name, value string
}

// readHeaders returns the header block and the index of the first line after it.
func readHeaders(lines []string) ([]header, int, error) {
	var out []header
	for i, line := range lines {
		if strings.TrimSpace(line) == "" {
			if len(out) == 0 {
				continue
			}
			return out, i + 1, nil
		}
		if line[0] == ' ' || line[0] == '\t' {
			if len(out) == 0 {
				return nil, 0, fault(i+1, "a continued line without a header before it")
			}
			last := &out[len(out)-1]
			if last.value += " " + strings.TrimSpace(line); len(last.value) > maxHeader {
				return nil, 0, fault(i+1, "%s has more than %d bytes", clip(last.name), maxHeader)
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, 0, fault(i+1, "%q is no header; headers end with a blank line", clip(line))
		}
		out = append(out, header{i + 1, strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	return nil, 0, fault(0, "no text follows the headers")
}

// set takes one header. To, Cc, Tags, Reference and Attach may be repeated, the others not.
func (f *File) set(h header) error {
	c := &f.Content
	if h.value == "" {
		return fault(h.line, "%s has no value; leave the line out", h.name)
	}
	single := map[string]*string{"subject": &c.Subject, "kind": &c.Kind, "precedence": &c.Precedence, "marking": &c.Marking, "community": &c.Community,
		"language": &c.Language, "summary": &c.Summary, "change-note": &c.ChangeNote, "from": &f.Office}
	name := strings.ToLower(h.name)
	if into, ok := single[name]; ok {
		if *into != "" {
			return fault(h.line, "%s is there twice", h.name)
		}
		*into = h.value
		return nil
	}
	switch name {
	case "to", "cc":
		for who := range strings.SplitSeq(h.value, ",") {
			if who = strings.TrimSpace(who); who == "" {
				return fault(h.line, "%s has an empty name between commas", h.name)
			}
			if name == "to" {
				c.Action = append(c.Action, who)
			} else {
				c.Info = append(c.Info, who)
			}
		}
	case "tags":
		c.Tags = append(c.Tags, h.value)
	case "reference":
		c.References = append(c.References, machine.Reference{Target: h.value})
	case "attach":
		a, err := attachment(h)
		if err != nil {
			return err
		}
		f.Attach = append(f.Attach, a)
	case "valid-until":
		if c.ValidUntil != nil {
			return fault(h.line, "%s is there twice", h.name)
		}
		at, err := Moment(h.value)
		if err != nil {
			return fault(h.line, "%v", err)
		}
		c.ValidUntil = &at
	default:
		return fault(h.line, "%q is no header that is known here", clip(h.name))
	}
	return nil
}

// Moment reads a time in UTC, or a date, which stands for its last second.
func Moment(s string) (time.Time, error) {
	if at, err := time.Parse("2006-01-02T15:04:05Z", s); err == nil {
		return at, nil
	}
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time; write 2026-09-20T23:59:59Z or 2026-09-20", clip(s))
	}
	return at.Add(24*time.Hour - time.Second), nil
}

var (
	numbered = regexp.MustCompile(`^([0-9]{1,4})[.)][ \t]+`)
	portion  = regexp.MustCompile(`^\(([A-Z][A-Z0-9 -]{0,40})\)(?:[ \t]+|\n|$)`)
)

// paragraphs divides the text. first is the number of its first line.
func paragraphs(lines []string, first int) ([]dispatches.Paragraph, error) {
	type block struct {
		line int
		text string
	}
	var blocks []block
	var open []string
	for i, line := range append(lines, "") {
		if strings.TrimSpace(line) != "" {
			open = append(open, strings.TrimRight(line, " \t"))
			continue
		}
		if len(open) > 0 {
			blocks = append(blocks, block{first + i - len(open), strings.Join(open, "\n")})
			open = nil
		}
	}
	if len(blocks) == 0 {
		return nil, fault(0, "no text follows the headers")
	}
	counts := strings.HasPrefix(blocks[0].text, "1.") || strings.HasPrefix(blocks[0].text, "1)")
	var out []dispatches.Paragraph
	var parts []string // of the paragraph that is open
	end := func() {
		if len(parts) > 0 {
			out[len(out)-1].Text = strings.Join(parts, "\n\n")
		}
	}
	for _, b := range blocks {
		text := b.text
		if counts {
			m := numbered.FindStringSubmatch(text)
			if m == nil || m[1] != strconv.Itoa(len(out)+1) {
				if len(out) == 0 {
					return nil, fault(b.line, "the first paragraph is numbered, but no blank follows its number")
				}
				parts = append(parts, text)
				continue
			}
			text = text[len(m[0]):]
		}
		var p dispatches.Paragraph
		if m := portion.FindStringSubmatch(text); m != nil {
			p.Marking, text = m[1], text[len(m[0]):]
		}
		if strings.TrimSpace(text) == "" {
			return nil, fault(b.line, "paragraph %d has no text", len(out)+1)
		}
		end()
		out, parts = append(out, p), []string{text}
	}
	end()
	return out, nil
}

// clip shortens what an error repeats.
func clip(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
