package tei

import (
	"fmt"
	"regexp"
	"strings"
)

// readHeader takes the volume's name and title, and remembers the header of a file
// that says who wrote to whom: such a file is a letter, or a list of letters.
func (v *reader) readHeader(header *node) {
	file := header.child("fileDesc")
	if file == nil {
		return
	}
	title, series := "", ""
	for _, s := range []string{"titleStmt", "seriesStmt"} {
		at := file.child(s)
		if at == nil {
			continue
		}
		best := titleOf(at)
		if s == "titleStmt" {
			title = best
		} else {
			series = best
		}
	}
	v.report.Volume.Title = title
	if p := file.child("publicationStmt"); p != nil {
		if a := p.child("availability"); a != nil {
			v.report.Volume.Licence = oneLine(a, " ")
		}
		for _, c := range p.children {
			if c.name != "idno" {
				continue
			}
			switch id := strings.TrimSpace(oneLine(c, " ")); {
			case c.attr("type") == "frus" && id != "":
				v.volume = id
			case c.attr("type") == "PID" && id != "":
				v.last = strings.TrimPrefix(id, "o:")
			}
		}
	}
	if profile := header.child("profileDesc"); profile != nil && profile.child("correspDesc") != nil {
		v.header = header
		if m := collection.FindString(v.last); m != "" {
			v.volume = m
			if series != "" {
				v.report.Volume.Title = series
			}
		}
	}
	v.report.Volume.ID = v.volume
}

// collection is the part of a letter's id that it shares with the letters beside it:
// "vipa.l" of "vipa.l.hbg.17190528".
var collection = regexp.MustCompile(`^[^.]+\.[^.]+`)

// titleOf prefers the complete title, then the English one, then the first.
func titleOf(n *node) string {
	best, rank := "", 0
	for _, c := range n.children {
		if c.name != "title" {
			continue
		}
		r := 1
		switch {
		case c.attr("type") == "complete":
			r = 3
		case c.attr("lang") == "en":
			r = 2
		}
		if title := oneLine(c, " "); r > rank && title != "" {
			best, rank = title, r
		}
	}
	return best
}

// letters hands over what a header of letters describes: one letter with its text, if
// it has one, or each entry of a list. It does so once for a file.
func (v *reader) letters(text *node) error {
	if v.header == nil || v.lettered {
		return nil
	}
	v.lettered = true
	profile := v.header.child("profileDesc")
	var entries []*node
	for _, c := range profile.children {
		if c.name == "correspDesc" {
			entries = append(entries, c)
		}
	}
	if len(entries) == 1 {
		return v.hand(v.letter(entries[0], text))
	}
	for i, e := range entries {
		d := Document{Volume: v.volume, ID: fmt.Sprintf("%s-%d", v.last, i+1), Kind: KindLetter}
		readCorrespondents(&d, e)
		d.Title = d.From + " to " + d.To
		if ref := e.attr("ref"); ref != "" {
			d.References = []Reference{reference(ref, v.volume, ref)}
		}
		d.Names = names(e, nil)
		if err := v.hand(d); err != nil {
			return err
		}
	}
	return nil
}

func (v *reader) hand(d Document) error {
	for _, w := range d.warnings {
		w.ID, w.Kept = d.ID, true
		v.note(w)
	}
	v.report.Documents++
	return v.fn(d)
}

// letter reads a file that is one letter. Without text it is what the header says.
func (v *reader) letter(entry, text *node) Document {
	d := Document{Volume: v.volume, ID: v.last, Kind: KindLetter}
	file, profile := v.header.child("fileDesc"), v.header.child("profileDesc")
	if s := file.child("titleStmt"); s != nil {
		d.Title = titleOf(s)
	}
	if s := file.child("sourceDesc"); s != nil {
		d.SourceNote = oneLine(s, ", ")
	}
	var languages []string
	if l := profile.child("langUsage"); l != nil {
		for _, c := range l.children {
			if c.name == "language" {
				languages = append(languages, languageTag(c.attr("ident")))
			}
		}
	}
	if a := profile.child("abstract"); a != nil {
		d.Summary = plain(a)
	}
	if text != nil {
		readNotes(&d, text, nil)
		main := ""
		if len(languages) == 1 {
			main = languages[0]
		}
		d.Paragraphs = letterText(text, main)
		d.References = references(text, v.volume)
		d.Names = names(text, nil)
	}
	d.References = append(d.References, neighbours(entry)...)
	d.Names = append(names(entry, nil), d.Names...)
	readCorrespondents(&d, entry)
	if d.Title == "" {
		d.Title = d.From + " to " + d.To
	}
	return d
}

// letterText lays out each part of a letter (transcription, translation) in the
// language that it is tagged with.
func letterText(text *node, language string) []Paragraph {
	var out []Paragraph
	take := func(n *node, tagged string) {
		for _, p := range paragraphs(blocksOf(n, true), "") {
			if tagged != "" {
				p.Language = tagged
			}
			out = append(out, p)
		}
	}
	var parts []*node
	text.each(func(c *node) bool {
		if c.name == "div" && c.attr("lang") != "" {
			parts = append(parts, c)
			return false
		}
		return true
	})
	if len(parts) == 0 {
		take(text, language)
		return out
	}
	// What stands beside the tagged parts is taken with them, in its place.
	at := map[*node]bool{}
	for _, p := range parts {
		at[p] = true
	}
	var walk func(n *node)
	walk = func(n *node) {
		rest := &node{name: "div"}
		flush := func() {
			if len(rest.children) > 0 {
				take(rest, language)
				rest = &node{name: "div"}
			}
		}
		for _, c := range n.children {
			switch {
			case at[c]:
				flush()
				take(c, languageTag(c.attr("lang")))
			case c.name == "body" || c.name == "div":
				flush()
				walk(c)
			default:
				rest.children = append(rest.children, c)
			}
		}
		flush()
	}
	walk(text)
	return out
}

// languageTag shortens the three-letter codes that have a shorter form (BCP 47).
func languageTag(s string) string {
	if short, ok := map[string]string{"ita": "it", "deu": "de", "ger": "de", "lat": "la", "fra": "fr", "eng": "en"}[s]; ok {
		return short
	}
	return s
}

// readCorrespondents reads who sent a letter to whom, when and from where.
func readCorrespondents(d *Document, entry *node) {
	for _, action := range entry.children {
		if action.name != "correspAction" {
			continue
		}
		var who []string
		place := ""
		for _, c := range action.children {
			switch c.name {
			case "persName", "orgName", "name", "rs":
				who = append(who, oneLine(c, " "))
			case "placeName":
				if place == "" {
					place = oneLine(c, " ")
				}
			case "date":
				if action.attr("type") == "sent" && d.Precision == Undated {
					d.Date = oneLine(c, " ")
					m := stamp(c)
					d.DateTime, d.Precision, d.Zoned = m.time, m.precision, m.zoned
					readSpan(d, c)
				}
			}
		}
		switch action.attr("type") {
		case "sent":
			d.From, d.Place = strings.Join(who, "; "), place
		case "received":
			d.To = strings.Join(who, "; ")
		}
	}
}

// neighbours are the letters that a letter's header points to: the one before it
// between the same people, and the one that it is attached to. What came later is left
// to the later one.
func neighbours(entry *node) []Reference {
	var out []Reference
	entry.each(func(c *node) bool {
		if t := c.attr("type"); c.name == "ref" && (t == "prev" || t == "attachedTo") {
			out = append(out, reference(c.attr("target"), "", oneLine(c, " ")))
		}
		return true
	})
	return out
}
