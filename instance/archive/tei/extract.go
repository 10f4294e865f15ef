package tei

import (
	"fmt"
	"regexp"
	"strings"
)

// extract reads one document from its tree. ids names the documents nested in it.
func extract(root *node, volume, id string, ids map[*node]string) Document {
	d := Document{Volume: volume, ID: id, Number: root.attr("n")}
	head := root.child("head")
	heading := headingOf(head)
	d.Title = unmark.Replace(heading)
	readDate(&d, root, head)
	readNotes(&d, root, head)
	d.From, d.To = parties(heading, d.Place)
	d.Kind = kindOf(d.Title, d.FileNotes, d.To)

	body := *root
	body.children = nil
	for _, c := range root.children {
		if c != head {
			body.children = append(body.children, c)
		}
	}
	blocks := blocksOf(&body, false)
	kept := blocks[:0]
	for _, b := range blocks {
		if b.list == "participants" && d.Participants == nil {
			d.Participants = b.items
			continue
		}
		kept = append(kept, b)
	}
	h, text := readHeader(kept)
	d.Header, d.DTG, d.Sender = h.lines, h.dtg, h.sender
	d.Action, d.Info, d.Except, d.Tags, d.Subject = h.action, h.info, h.except, h.tags, h.subject
	if d.Precision == Undated {
		if _, at, _, ok := ParseDTG(d.DTG); ok {
			d.DateTime, d.Precision, d.Zoned = at, Minute, true
		}
	}
	readMarkings(&d)
	d.MessageNumber = messageNumber(d.Kind, d.Title, text, d.FileNotes)
	if d.Subject == "" {
		d.Subject = subjectIn(text)
	}
	d.Paragraphs = paragraphs(text, d.MessageNumber)
	d.References = references(root, volume)
	for _, ref := range h.refs {
		d.References = append(d.References, Reference{Kind: ToMessage, Text: ref})
	}
	d.Attachments = attachments(root, ids)
	for _, a := range d.Attachments {
		if a.Title == "" && a.Text == "" {
			d.warnings = append(d.warnings, Problem{Element: "attachment", Reason: "an enclosure has no text in the file: it is a picture, or was left out"})
		}
	}
	return d
}

// readDate takes the dateline's date, else the heading's, else the one that
// newer volumes give on the document itself.
func readDate(d *Document, root, head *node) {
	var line, date *node
	find := func(within *node) {
		within.each(func(c *node) bool {
			switch {
			case !own(c), c.name == "note":
				return false
			case c.name == "dateline" && line == nil:
				line = c
			case c.name == "date" && date == nil && line != nil && stamp(c).precision != Undated:
				date = c
			case c.name == "p", c.name == "closer":
				return false
			}
			return true
		})
	}
	find(root)
	var place *node
	for _, within := range []*node{line, head} {
		if within == nil {
			continue
		}
		within.each(func(c *node) bool {
			switch {
			case c.name == "note":
				return false
			case c.name == "placeName" && place == nil:
				place = c
			case c.name == "date" && date == nil:
				date = c
			}
			return true
		})
	}
	if place != nil {
		d.Place = strings.TrimRight(oneLine(place, ", "), " ,.;")
	}
	if line != nil {
		d.Dateline = oneLine(line, " ")
	}
	at := parseSpan(root.attr("doc-dateTime-min"), root.attr("doc-dateTime-max"))
	if date != nil {
		d.Date = strings.TrimRight(oneLine(date, " "), " ,")
		if m := stamp(date); m.precision != Undated {
			at = m
		}
		readSpan(d, date)
	} else if line != nil {
		d.Date = strings.TrimSpace(strings.TrimLeft(strings.TrimPrefix(oneLine(line, ", "), d.Place), " ,."))
	}
	d.DateTime, d.Precision, d.Zoned = at.time, at.precision, at.zoned
}

// readSpan reads how certain the date is, and when a span ends.
func readSpan(d *Document, date *node) {
	for _, name := range []string{"when", "from", "notBefore", "to", "notAfter"} {
		if v := date.attr(name); v != "" && parseMoment(v).precision == Undated {
			d.warnings = append(d.warnings, Problem{Element: "date", Reason: fmt.Sprintf("%s=%q is no date; the printed date is kept", name, clip(v, 40))})
		}
	}
	cert := date.attr("cert")
	d.Uncertain = cert != "" && cert != "high" || date.attr("when") == "" && date.attr("notBefore")+date.attr("notAfter") != ""
	if date.attr("when") != "" {
		return
	}
	for _, name := range []string{"to", "notAfter"} {
		if m := parseMoment(date.attr(name)); m.precision != Undated {
			d.Until = m.time
			return
		}
	}
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

func stamp(date *node) moment {
	for _, name := range []string{"when", "from", "notBefore", "to", "notAfter"} {
		if m := parseMoment(date.attr(name)); m.precision != Undated {
			return m
		}
	}
	return moment{}
}

// readNotes sorts the document's notes into source note, summary, file notes,
// footnotes and margin notes.
func readNotes(d *Document, root, head *node) {
	inHead := func(yield func(*node) bool) {
		if head != nil {
			head.each(yield)
		}
	}
	headNotes := make(map[*node]bool)
	inHead(func(c *node) bool { headNotes[c] = c.name == "note"; return true })
	root.each(func(c *node) bool {
		switch {
		case !own(c):
			return false
		case c.name == "seg" && c.attr("type") == "margin":
			d.Footnotes = append(d.Footnotes, Footnote{Text: plain(c), Margin: true})
			return false
		case c.name == "graphic":
			d.warnings = append(d.warnings, Problem{Element: "graphic", Reason: fmt.Sprintf("the picture %q is no part of the file", clip(c.attr("url"), 80))})
			return false
		case c.name != "note":
			return true
		}
		text := plain(c)
		switch {
		case c.attr("rend") == "inline":
			if text != "" {
				d.FileNotes = append(d.FileNotes, text)
			}
		case c.attr("type") == "summary":
			d.Summary = text
		case d.SourceNote == "" && (c.attr("type") == "source" || headNotes[c] && strings.HasPrefix(text, "Source:")):
			d.SourceNote = text
		default:
			d.Footnotes = append(d.Footnotes, Footnote{ID: c.attr("id"), Number: c.attr("n"), Text: text})
		}
		return true
	})
	// One volume prints the summary as the first paragraph of the source note.
	if line, rest, ok := strings.Cut(d.SourceNote, "\n"); ok && strings.HasPrefix(line, "Summary:") {
		d.Summary = strings.TrimSpace(strings.TrimPrefix(line, "Summary:"))
		d.SourceNote = rest
	}
}

func readMarkings(d *Document) {
	d.Classification, d.Precedence, d.Handling = historicalMarkings(d.SourceNote)
	if d.Precedence == "" && d.DTG != "" {
		_, _, d.Precedence, _ = ParseDTG(d.DTG)
	}
}

var (
	inlineSubject = regexp.MustCompile(`(?i)\bsubj(?:ect)?: *(.+)`)
	inlineRefs    = regexp.MustCompile(`(?i)[.;]? *\b(?:refs?|references?|reftels?)[:.]+ .*$`)
)

// longSubject is about twice the longest subject line, in bytes, that the
// volumes print as a line of its own.
const longSubject = 220

// subjectIn finds "Subject: …" at the top of the running text.
func subjectIn(blocks []block) string {
	for i, b := range blocks[:min(len(blocks), 10)] {
		if b.list == "subject" && !isReference(b.head) {
			return strings.Join(b.items, "; ")
		}
		m := inlineSubject.FindStringSubmatchIndex(b.text)
		if m == nil || m[0] > 40 || m[0] > 0 && i > 1 {
			continue
		}
		s := inlineRefs.ReplaceAllString(b.text[m[2]:m[3]], "")
		if len(s) > longSubject {
			// No break was printed after the subject: its first sentence.
			if s, _, _ = strings.Cut(s, ". "); len(s) > longSubject {
				return ""
			}
		}
		return strings.TrimRight(s, " .")
	}
	return ""
}

var paragraphLabel = regexp.MustCompile(`^(\d{1,2}\.|\(?(?:\d{1,2}|[a-zA-Z]|[ivx]{1,4})\))\s+(\S)`)

// paragraphs turns blocks into paragraphs and takes printed numbers off their
// front. The message number, which looks the same, stays in the text.
func paragraphs(blocks []block, message string) []Paragraph {
	out := make([]Paragraph, 0, len(blocks))
	for i, b := range blocks {
		p := Paragraph{Label: b.label, Text: b.text}
		if b.list != "" {
			p.Text = strings.Join(b.lines(), "\n")
		}
		if m := paragraphLabel.FindStringSubmatchIndex(p.Text); m != nil && p.Label == "" {
			if label := p.Text[m[2]:m[3]]; i > 0 || label != message+"." {
				p.Label, p.Text = label, p.Text[m[4]:]
			}
		}
		p.Language = guessLanguage(p.Text)
		out = append(out, p)
	}
	return out
}

var (
	toLetter   = regexp.MustCompile(`^(?:https?://[^/]+/|/)?o:(([^./#]+\.[^./#]+)[^/#]*)$`)
	toDocument = regexp.MustCompile(`^d\d+[a-z]?$`)
	toFootnote = regexp.MustCompile(`^d\d+[a-z]?fn\d+$`)
	toPage     = regexp.MustCompile(`^(?:d\d+[_-])?(?:pg_?)[\divxlc]+$`)
)

// references lists the editors' references of the document, notes included, in
// printed order.
func references(root *node, volume string) []Reference {
	var refs []Reference
	root.each(func(c *node) bool {
		if !own(c) {
			return false
		}
		if target := c.attr("target"); c.name == "ref" && target != "" {
			refs = append(refs, reference(target, volume, oneLine(c, " ")))
		}
		return true
	})
	return refs
}

func reference(target, volume, text string) Reference {
	r := Reference{Kind: ToOther, Target: target, Text: text}
	if m := toLetter.FindStringSubmatch(target); m != nil {
		return Reference{Kind: ToDocument, Target: m[2] + "#" + m[1], Text: text}
	}
	if strings.Contains(target, "://") {
		return r
	}
	in, at, ok := strings.Cut(target, "#")
	if in == "" {
		in = volume
	}
	r.Target = in
	if !ok {
		if strings.HasPrefix(in, "frus") {
			r.Kind = ToVolume
		}
		return r
	}
	r.Target += "#" + at
	switch {
	case toDocument.MatchString(at):
		r.Kind = ToDocument
	case toFootnote.MatchString(at):
		r.Kind = ToFootnote
	case toPage.MatchString(at):
		r.Kind = ToPage
	}
	return r
}

// attachments lists the enclosures below root in printed order, those inside
// other enclosures too; a nested document's own are left to that document.
func attachments(root *node, ids map[*node]string) []Attachment {
	var out []Attachment
	root.each(func(c *node) bool {
		if c.isDocument() {
			return false
		}
		if c.name != "attachment" {
			return true
		}
		from := c
		var a Attachment
		for _, n := range c.children {
			if n.isDocument() {
				from = n
				a.Document = ids[n]
				break
			}
		}
		a.Title = headingText(from.child("head"))
		a.Text = plain(from)
		a.Notes = notesIn(from)
		out = append(out, a)
		return true
	})
	return out
}

// notesIn lists the notes of an enclosure, not those of enclosures and documents in it.
func notesIn(n *node) []Footnote {
	var out []Footnote
	n.each(func(c *node) bool {
		switch {
		case !own(c):
			return false
		case c.name == "seg" && c.attr("type") == "margin":
			out = append(out, Footnote{Text: plain(c), Margin: true})
			return false
		case c.name == "note":
			if text := plain(c); text != "" {
				out = append(out, Footnote{ID: c.attr("id"), Number: c.attr("n"), Text: text})
			}
			return false
		}
		return true
	})
	return out
}

func headingText(head *node) string { return unmark.Replace(headingOf(head)) }
