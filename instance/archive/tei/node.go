package tei

import (
	"encoding/xml"
	"strings"
)

// node is an element, or a run of text when name is empty.
type node struct {
	name     string // local name
	attrs    []xml.Attr
	text     string
	children []*node
}

func element(e xml.StartElement) *node {
	return &node{name: e.Name.Local, attrs: e.Attr}
}

// attr returns the value of the attribute with the local name, trimmed.
func (n *node) attr(local string) string { return attr(n.attrs, local) }

func attr(attrs []xml.Attr, local string) string {
	for _, a := range attrs {
		if a.Name.Local == local && a.Name.Space != "xmlns" {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

func (n *node) isDocument() bool { return n.name == "div" && n.attr("type") == "document" }

// child returns the first child element with the name, or nil.
func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// each visits the elements below n in order. It goes below an element only when
// visit returns true for it.
func (n *node) each(visit func(*node) bool) {
	for _, c := range n.children {
		if c.name != "" && visit(c) {
			c.each(visit)
		}
	}
}

// nested returns the outermost documents below n.
func (n *node) nested() []*node {
	var found []*node
	n.each(func(c *node) bool {
		if c.isDocument() {
			found = append(found, c)
			return false
		}
		return true
	})
	return found
}

// own reports whether walking a document should go below c: enclosures and
// nested documents belong to themselves.
func own(c *node) bool { return c.name != "attachment" && !c.isDocument() }
