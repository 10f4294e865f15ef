package vocab

import (
	"iter"
	"strconv"
	"unicode/utf8"
)

// Limits of a document (PROTOCOL §8).
const (
	MaxBytes = 1 << 20
	MaxDepth = 32
	MaxNodes = 20_000
)

// Kind is the JSON type of a Node.
type Kind uint8

const (
	None Kind = iota // no node
	Null
	Bool
	Number
	String
	Array
	Object
)

func (k Kind) String() string {
	return [...]string{"nothing", "null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// Node is one JSON value and the bytes it was read from. All methods accept a
// nil Node, which stands for an absent member, so that Get can be chained.
// A tree is immutable and safe for concurrent use. A string taken from it keeps
// the whole document in memory: clone what outlives the request.
type Node struct {
	doc         *[]byte // the whole document
	start, end  int32
	kind        Kind
	count       int32  // members or items
	key         string // name within the parent object
	text        string // decoded string, or the digits of a number
	first, next *Node
}

// ParseJSON reads one JSON value. It refuses, with an *Error: more than
// MaxBytes, MaxDepth or MaxNodes; invalid UTF-8, lone surrogates, NUL; a key
// twice in one object, also where the two differ only by case (Go's decoders
// would take either); anything after the value. The tree refers to raw, which
// must not be changed afterwards.
func ParseJSON(raw []byte) (*Node, error) {
	if len(raw) > MaxBytes {
		return nil, &Error{CodeTooLarge, "more than " + strconv.Itoa(MaxBytes) + " bytes", MaxBytes}
	}
	if at := invalidUTF8(raw); at >= 0 {
		return nil, &Error{CodeInvalidUTF8, "not UTF-8", at}
	}
	p := parser{doc: &raw, s: string(raw)}
	p.space()
	n, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.i < len(p.s) {
		return nil, p.fail(CodeTrailing, "bytes after the document")
	}
	return n, nil
}

func invalidUTF8(raw []byte) int {
	if utf8.Valid(raw) {
		return -1
	}
	for i := 0; ; {
		r, size := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
}

// Raw returns the bytes of the value as received.
func (n *Node) Raw() []byte {
	if n == nil {
		return nil
	}
	return (*n.doc)[n.start:n.end:n.end]
}

// Kind returns None for an absent member.
func (n *Node) Kind() Kind {
	if n == nil {
		return None
	}
	return n.kind
}

// Offset returns where the value begins in the document, or -1.
func (n *Node) Offset() int {
	if n == nil {
		return -1
	}
	return int(n.start)
}

// Get returns the member called key, or nil where n is no object or has none.
// A member whose value is null counts as absent, as it does in JSON-LD.
func (n *Node) Get(key string) *Node {
	if n.Kind() != Object {
		return nil
	}
	for m := n.first; m != nil; m = m.next {
		if m.key == key {
			if m.kind == Null {
				return nil
			}
			return m
		}
	}
	return nil
}

// Str returns the value of a string.
func (n *Node) Str() (string, bool) {
	if n.Kind() != String {
		return "", false
	}
	return n.text, true
}

// Int returns the value of a number written as an integer within 64 bits.
func (n *Node) Int() (int64, bool) {
	if n.Kind() != Number {
		return 0, false
	}
	v, err := strconv.ParseInt(n.text, 10, 64)
	return v, err == nil
}

// Bool returns the value of a boolean; ok is false for anything else.
func (n *Node) Bool() (value, ok bool) {
	if n.Kind() != Bool {
		return false, false
	}
	return n.text == "true", true
}

// Len returns the number of members or items; 1 for other values, 0 for none.
func (n *Node) Len() int {
	switch n.Kind() {
	case None, Null:
		return 0
	case Array, Object:
		return int(n.count)
	}
	return 1
}

// Each yields the items of an array. Anything else is a list of one, and
// nothing (or null) an empty list: JSON-LD does not tell them apart.
func (n *Node) Each() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		switch n.Kind() {
		case None, Null:
		case Array:
			for m := n.first; m != nil; m = m.next {
				if !yield(m) {
					return
				}
			}
		default:
			yield(n)
		}
	}
}

// Items returns what Each yields.
func (n *Node) Items() []*Node {
	var items []*Node
	if n.Kind() == Array {
		items = make([]*Node, 0, n.count)
	}
	for m := range n.Each() {
		items = append(items, m)
	}
	return items
}

// Members yields the members of an object in document order.
func (n *Node) Members() iter.Seq2[string, *Node] {
	return func(yield func(string, *Node) bool) {
		if n.Kind() != Object {
			return
		}
		for m := n.first; m != nil; m = m.next {
			if !yield(m.key, m) {
				return
			}
		}
	}
}

// Keys returns the names of the members in document order.
func (n *Node) Keys() []string {
	var keys []string
	for key := range n.Members() {
		keys = append(keys, key)
	}
	return keys
}

// number returns the value of a number as a double, as JSON-LD reads it.
func number(n *Node) float64 {
	v, _ := strconv.ParseFloat(n.text, 64)
	return v
}
