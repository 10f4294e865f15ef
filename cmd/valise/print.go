package main

import (
	"bytes"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"valise/models"
)

// printer writes text for people. Everything goes through line or block: what other
// instances wrote must not steer a terminal or change the order of what is read.
type printer struct{ text bytes.Buffer }

func (p *printer) linef(format string, args ...any) {
	fmt.Fprintln(&p.text, line(fmt.Sprintf(format, args...)))
}

// table aligns rows under their heads.
func (p *printer) table(heads []string, rows [][]string) {
	if len(rows) == 0 {
		p.linef("(none)")
		return
	}
	w := tabwriter.NewWriter(&p.text, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{heads}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = line(cell); cells[i] == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	w.Flush()
}

// fields aligns names and values; empty values are left out.
func (p *printer) fields(pairs ...string) {
	w := tabwriter.NewWriter(&p.text, 0, 0, 2, ' ', 0)
	for i := 0; i+1 < len(pairs); i += 2 {
		if v := line(pairs[i+1]); v != "" {
			fmt.Fprintf(w, "%s\t%s\n", pairs[i], v)
		}
	}
	w.Flush()
}

// block writes text of several lines, each after the indent.
func (p *printer) block(indent, text string) {
	for l := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		fmt.Fprintln(&p.text, strings.TrimRight(indent+line(l), " "))
	}
}

func (p *printer) gap() { p.text.WriteByte('\n') }

// line makes s safe in one line of a terminal: no control characters (escape sequences
// begin with one), no direction controls.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r':
			return ' '
		case unicode.IsControl(r), r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0x200E, r == 0x200F:
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// zulu writes a time for people, in UTC to the minute.
func zulu(t models.Time) string {
	if t == 0 {
		return ""
	}
	return t.Time().Format("2006-01-02 15:04Z")
}

// yes writes a flag.
func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// moment is a time on the command line: 2006-01-02T15:04:05Z, or a date, which stands
// for its last second.
type moment struct{ time.Time }

func (m *moment) UnmarshalText(b []byte) error {
	at, err := parseMoment(string(b))
	m.Time = at
	return err
}

// set is the time, or nil where none was given.
func (m moment) set() *time.Time {
	if m.IsZero() {
		return nil
	}
	return &m.Time
}
