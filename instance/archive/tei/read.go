package tei

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds on what one document may take. The largest of the 13 volumes that the
// reader was written against has under 0.5 MiB and 12,000 nodes.
const (
	maxToken    = 1 << 20 // bytes of one tag or one run of text
	maxDocument = 8 << 20 // bytes of markup of one document with its enclosures
	maxNodes    = 200_000 // elements and runs of text in one document
	maxDepth    = 120     // elements inside each other
	maxProblems = 1_000   // kept in a Report
	maxAbout    = 10_000  // persons and terms of the volume's lists
)

// ErrRefused begins the reason of every file that is not read at all.
var ErrRefused = errors.New("the file is refused")

// Read calls fn for every document of a volume, in printed order; a document
// printed inside another's attachment follows the one that encloses it. A file that
// is one letter (a header with its correspondents, and text) is one document, and a
// list of letters one document without text for each.
//
// volume names the volume in Document.Volume and in references, unless the file
// names itself. A document that is malformed, or larger than the package's bounds, is
// noted in the Report and skipped; reading goes on at the next document's start tag.
// Read holds one document with its enclosures in memory, and the volume's list of
// persons and terms up to a bound.
//
// The error is the input's, or fn's, or wraps ErrRefused: the input is no XML, has an
// encoding other than UTF-8, or declares a document type, which is where entities are
// declared that expand without end or name other files. The Report is good up to
// that point.
func Read(r io.Reader, volume string, fn func(Document) error) (Report, error) {
	in, err := newInput(r)
	if err != nil {
		return Report{}, fmt.Errorf("reading volume %s: %w", volume, err)
	}
	v := &reader{in: in, volume: volume, fn: fn, last: "d0", about: map[string]string{}}
	v.report.Volume.ID = volume
	v.restart()
	err = v.run()
	if err == nil {
		err = v.letters(nil)
	}
	if err == nil && !v.rooted {
		err = fmt.Errorf("%w: it holds no XML", ErrRefused)
	}
	v.report.Bytes = in.offset
	if err != nil {
		return v.report, fmt.Errorf("reading volume %s: %w", volume, err)
	}
	return v.report, nil
}

type reader struct {
	in     *input
	dec    *xml.Decoder
	volume string
	fn     func(Document) error
	report Report

	depth    int // open elements outside documents
	resynced bool
	rooted   bool   // an element has begun
	last     string // id of the latest document that has one
	enclosed int    // documents without an id since then

	about    map[string]string // what the volume's lists say, by xml:id
	header   *node             // of a file of letters; nil in a volume
	lettered bool              // the letters of the header were handed over
}

// malformed is a fault of one document; reading can go on after it.
type malformed struct {
	id, element, reason string
	// next is set when the fault is that another document begins here.
	next *xml.StartElement
}

func (m *malformed) Error() string { return m.reason }

func (v *reader) restart() {
	v.dec = xml.NewDecoder(v.in)
}

func (v *reader) run() error {
	for {
		token, err := v.token()
		if errors.Is(err, io.EOF) {
			if v.depth > 0 && !v.resynced {
				v.report.Truncated = true
			}
			return nil
		}
		var bad *malformed
		switch {
		case errors.As(err, &bad):
			err = v.skip(bad)
		case err == nil:
			switch token := token.(type) {
			case xml.StartElement:
				v.rooted = true
				err = v.outside(token)
			case xml.EndElement:
				v.depth--
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// outside takes an element that stands in no document.
func (v *reader) outside(start xml.StartElement) error {
	switch name := start.Name.Local; {
	case isDocument(start):
		return v.document(start)
	case name == "teiHeader" && v.report.Documents == 0,
		name == "item" && v.report.Documents == 0 && len(v.about) < maxAbout,
		name == "text" && v.header != nil && !v.lettered:
		root, err := v.tree(start)
		var bad *malformed
		switch {
		case errors.As(err, &bad) && bad.next != nil:
			v.note(Problem{Element: name, Reason: bad.reason})
			v.resynced = true
			return v.document(*bad.next)
		case err != nil:
			return err
		case name == "teiHeader":
			v.readHeader(root)
		case name == "item":
			v.readItem(root)
		default:
			return v.letters(root)
		}
		return nil
	}
	v.depth++
	return nil
}

// token reads one token. Syntax errors come back as *malformed; nesting is not
// checked here, so that reading can begin again in mid-volume.
func (v *reader) token() (xml.Token, error) {
	v.in.budget = maxToken
	token, err := v.dec.RawToken()
	if err == nil {
		if d, ok := token.(xml.Directive); ok && strings.HasPrefix(strings.ToUpper(string(d)), "DOCTYPE") {
			return nil, fmt.Errorf("%w: it declares a document type (DOCTYPE), which can declare entities; remove the declaration and write its entities out", ErrRefused)
		}
		return token, nil
	}
	var syntax *xml.SyntaxError
	switch {
	case !v.rooted && (errors.As(err, &syntax) || errors.Is(err, errTokenTooLong)):
		return nil, fmt.Errorf("%w: it does not begin as XML: %w", ErrRefused, err)
	case !v.rooted && strings.HasPrefix(err.Error(), "xml: encoding "):
		return nil, fmt.Errorf("%w: it declares another encoding; only UTF-8 is read", ErrRefused)
	case errors.As(err, &syntax):
		if strings.Contains(syntax.Msg, "unexpected EOF") {
			v.report.Truncated = true
		}
		return nil, &malformed{reason: syntax.Msg}
	case errors.Is(err, errTokenTooLong):
		return nil, &malformed{reason: err.Error()}
	}
	return nil, err
}

// skip notes a fault and moves to the next document. It returns io.EOF at the end.
func (v *reader) skip(bad *malformed) error {
	v.resynced = true
	v.note(Problem{ID: bad.id, Element: bad.element, Reason: bad.reason})
	if err := v.in.seekDocument(); err != nil {
		return err
	}
	v.restart()
	return nil
}

func (v *reader) note(p Problem) {
	if !p.Kept {
		v.report.Skipped++
	}
	if len(v.report.Problems) == maxProblems {
		v.report.Dropped++
		return
	}
	p.Offset = v.in.offset
	v.report.Problems = append(v.report.Problems, p)
}

// document reads from a start tag to its end tag and hands over what it finds.
func (v *reader) document(start xml.StartElement) error {
	for {
		root, err := v.tree(start)
		var bad *malformed
		switch {
		case errors.As(err, &bad) && bad.next != nil:
			v.note(Problem{ID: bad.id, Element: bad.element, Reason: bad.reason})
			v.resynced = true
			start = *bad.next
			continue
		case errors.As(err, &bad):
			return v.skip(bad)
		case err != nil:
			return err
		}
		return v.emit(root, "")
	}
}

// tree builds one document. encoding/xml's own nesting check is not in use, so
// end tags are matched here.
func (v *reader) tree(start xml.StartElement) (*node, error) {
	root := element(start)
	id := root.attr("id")
	stack := []*node{root}
	begin, nodes, attachments := v.in.offset, 1, 0
	for len(stack) > 0 {
		token, err := v.token()
		var bad *malformed
		switch {
		case errors.As(err, &bad):
			bad.id, bad.element = id, stack[len(stack)-1].name
			return nil, bad
		case errors.Is(err, io.EOF):
			v.report.Truncated = true
			return nil, &malformed{id: id, element: stack[len(stack)-1].name, reason: "the volume ends inside the document"}
		case err != nil:
			return nil, err
		}
		top := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.CharData:
			nodes++
			top.children = append(top.children, &node{text: string(token)})
		case xml.StartElement:
			if isDocument(token) && attachments == 0 && attr(token.Attr, "id") != "" {
				return nil, &malformed{id: id, element: top.name, reason: "the document is not closed before the next begins", next: new(token.Copy())}
			}
			child := element(token)
			nodes++
			if child.name == "attachment" {
				attachments++
			}
			top.children = append(top.children, child)
			stack = append(stack, child)
			switch {
			case len(stack) > maxDepth:
				return nil, &malformed{id: id, element: child.name, reason: fmt.Sprintf("elements are nested over %d deep", maxDepth)}
			case nodes > maxNodes, v.in.offset-begin > maxDocument:
				return nil, &malformed{id: id, element: child.name, reason: fmt.Sprintf("the document is over %d bytes or %d nodes", maxDocument, maxNodes)}
			}
		case xml.EndElement:
			if token.Name.Local != top.name {
				return nil, &malformed{id: id, element: top.name, reason: fmt.Sprintf("</%s> closes <%s>", token.Name.Local, top.name)}
			}
			if top.name == "attachment" {
				attachments--
			}
			stack = stack[:len(stack)-1]
		}
	}
	return root, nil
}

// emit hands over one document and then those printed inside it.
func (v *reader) emit(root *node, parent string) error {
	id := root.attr("id")
	if id != "" {
		v.last, v.enclosed = id, 0
	} else {
		v.enclosed++
		id = fmt.Sprintf("%s-enc%d", v.last, v.enclosed)
	}
	nested := root.nested()
	ids := make(map[*node]string, len(nested))
	last, enclosed := v.last, v.enclosed
	for _, n := range nested {
		number(n, &last, &enclosed, ids)
	}
	doc := extract(root, v.volume, id, ids)
	doc.NestedIn = parent
	doc.Names = names(root, v.about)
	for _, w := range doc.warnings {
		w.ID, w.Kept = id, true
		v.note(w)
	}
	v.report.Documents++
	if parent != "" || root.attr("id") == "" {
		v.report.Nested++
	}
	if err := v.fn(doc); err != nil {
		return err
	}
	for _, n := range nested {
		if err := v.emit(n, id); err != nil {
			return err
		}
	}
	return nil
}

// number foresees the ids that emit will give to n and what it encloses.
func number(n *node, last *string, enclosed *int, ids map[*node]string) {
	id := n.attr("id")
	if id != "" {
		*last, *enclosed = id, 0
	} else {
		*enclosed++
		id = fmt.Sprintf("%s-enc%d", *last, *enclosed)
	}
	ids[n] = id
	for _, child := range n.nested() {
		number(child, last, enclosed, ids)
	}
}

func isDocument(e xml.StartElement) bool {
	return e.Name.Local == "div" && attr(e.Attr, "type") == "document"
}
