package tei

import (
	"strings"
	"unicode"
)

// block is one printed block: a paragraph, a list item, a heading, a table row,
// a signature, or a whole list that has a type.
type block struct {
	label string
	text  string
	list  string   // type of the list ("subject", "to"); then head and items are set, not text
	head  string   // the list's heading
	items []string // its items, one line each
}

// lines gives the block as printed lines.
func (b block) lines() []string {
	if b.list == "" {
		return strings.Split(Paragraph{Label: b.label, Text: b.text}.String(), "\n")
	}
	if b.head == "" {
		return b.items
	}
	if len(b.items) == 0 {
		return []string{b.head}
	}
	return append([]string{b.head + " " + b.items[0]}, b.items[1:]...)
}

// layout turns markup into blocks. Runs of blanks, no-break spaces too, become
// one space; notes, page breaks and enclosures are left out.
type layout struct {
	blocks    []block
	buf       strings.Builder
	blank     bool // a space is due before the next word
	label     string
	datelines bool // print datelines; a document's own is a field instead
}

// blocksOf lays out what is inside n.
func blocksOf(n *node, datelines bool) []block {
	w := &layout{datelines: datelines}
	w.flow(n)
	w.flush()
	if w.label != "" {
		w.blocks = append(w.blocks, block{text: w.label})
	}
	return w.blocks
}

// plain is what is inside n as one text, a line for each printed line.
func plain(n *node) string {
	var lines []string
	for _, b := range blocksOf(n, true) {
		lines = append(lines, b.lines()...)
	}
	return strings.Join(lines, "\n")
}

// oneLine is plain with its lines joined by separator, unless the line before
// ends in punctuation or the separator is a blank.
func oneLine(n *node, separator string) string {
	var out strings.Builder
	for line := range strings.SplitSeq(plain(n), "\n") {
		if out.Len() > 0 {
			if strings.HasSuffix(out.String(), ",") {
				out.WriteByte(' ')
			} else {
				out.WriteString(separator)
			}
		}
		out.WriteString(line)
	}
	return out.String()
}

func (w *layout) flow(n *node) {
	for _, c := range n.children {
		w.element(c)
	}
}

func (w *layout) element(c *node) {
	if !own(c) {
		w.flush()
		return
	}
	switch c.name {
	case "":
		w.text(c.text)
	case "note", "pb", "cb", "fw", "graphic", "metamark", "del":
	case "seg":
		if c.attr("type") != "margin" {
			w.flow(c)
		}
	case "choice":
		w.choice(c)
	case "supplied":
		w.text("[")
		w.flow(c)
		w.text("]")
	case "gap":
		w.text("[…]")
	case "lb":
		w.line()
	case "signed", "l":
		w.line()
		w.flow(c)
	case "dateline":
		if w.datelines {
			w.paragraph(c)
		}
	case "list":
		w.list(c)
	case "row":
		w.row(c)
	case "p", "ab", "head", "item", "closer", "opener", "postscript", "salute", "quote", "lg", "table",
		"figure", "div", "trailer", "byline", "floatingText", "body", "sp", "titlePage":
		w.paragraph(c)
	default:
		w.flow(c)
	}
}

// choice takes the editors' reading where they print two.
func (w *layout) choice(n *node) {
	for _, name := range []string{"reg", "expan", "corr"} {
		if c := n.child(name); c != nil {
			w.flow(c)
			return
		}
	}
	for _, c := range n.children {
		if c.name != "" {
			w.flow(c)
			return
		}
	}
}

func (w *layout) paragraph(n *node) {
	w.flush()
	w.flow(n)
	w.flush()
}

func (w *layout) list(n *node) {
	w.flush()
	if kind := n.attr("type"); kind != "" && kind != "simple" && kind != "index" {
		w.typed(n, kind)
		return
	}
	for _, c := range n.children {
		if c.name == "label" {
			w.flush()
			w.label = strings.TrimSpace(w.label + " " + oneLine(c, " "))
			continue
		}
		w.element(c)
	}
	w.flush()
}

func (w *layout) typed(n *node, kind string) {
	b := block{list: kind}
	for _, c := range n.children {
		switch c.name {
		case "head":
			b.head = oneLine(c, " ")
		case "item":
			if item := oneLine(c, " "); item != "" {
				b.items = append(b.items, item)
			}
		}
	}
	if b.head != "" || len(b.items) > 0 {
		w.blocks = append(w.blocks, b)
	}
}

// row lays out a table row with its cells parted by bars.
func (w *layout) row(n *node) {
	w.flush()
	var cells []string
	for _, c := range n.children {
		if c.name == "cell" {
			cells = append(cells, oneLine(c, " "))
		}
	}
	if line := strings.Join(cells, " | "); strings.Trim(line, " |") != "" {
		w.blocks = append(w.blocks, block{text: line})
	}
}

func (w *layout) text(s string) {
	for _, r := range s {
		if unicode.IsSpace(r) {
			w.blank = true
			continue
		}
		if w.blank && w.buf.Len() > 0 && !strings.HasSuffix(w.buf.String(), "\n") {
			w.buf.WriteByte(' ')
		}
		w.blank = false
		w.buf.WriteRune(r)
	}
}

func (w *layout) line() {
	if s := w.buf.String(); s != "" && !strings.HasSuffix(s, "\n") {
		w.buf.WriteByte('\n')
	}
	w.blank = false
}

func (w *layout) flush() {
	s := strings.TrimSpace(w.buf.String())
	w.buf.Reset()
	w.blank = false
	if strings.Trim(s, ".,;:") == "" {
		return
	}
	w.blocks = append(w.blocks, block{label: w.label, text: s})
	w.label = ""
}
