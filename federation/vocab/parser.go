package vocab

import (
	"strconv"
	"strings"
)

type parser struct {
	doc   *[]byte
	s     string // a copy of the same bytes; strings without escapes alias it
	i     int
	nodes int
	arena []Node
}

func (p *parser) fail(code, detail string) *Error {
	return &Error{Code: code, Detail: detail, Offset: p.i}
}

func (p *parser) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// node takes the next Node of the arena: one allocation serves many values.
func (p *parser) node(kind Kind) (*Node, error) {
	if p.nodes++; p.nodes > MaxNodes {
		return nil, p.fail(CodeTooManyNodes, "more than "+strconv.Itoa(MaxNodes)+" values")
	}
	if len(p.arena) == 0 {
		p.arena = make([]Node, min(128, 4+(len(p.s)-p.i)/80))
	}
	n := &p.arena[0]
	p.arena = p.arena[1:]
	n.doc, n.start, n.kind = p.doc, int32(p.i), kind
	return n, nil
}

func (p *parser) value(depth int) (*Node, error) {
	if p.i == len(p.s) {
		return nil, p.fail(CodeSyntax, "the document ends early")
	}
	switch c := p.s[p.i]; c {
	case '{':
		return p.object(depth + 1)
	case '[':
		return p.array(depth + 1)
	case '"':
		n, err := p.node(String)
		if err != nil {
			return nil, err
		}
		if n.text, err = p.str(); err != nil {
			return nil, err
		}
		n.end = int32(p.i)
		return n, nil
	case 't':
		return p.word("true", Bool)
	case 'f':
		return p.word("false", Bool)
	case 'n':
		return p.word("null", Null)
	default:
		if c == '-' || '0' <= c && c <= '9' {
			return p.number()
		}
		return nil, p.fail(CodeSyntax, "no JSON value begins here")
	}
}

func (p *parser) word(word string, kind Kind) (*Node, error) {
	if !strings.HasPrefix(p.s[p.i:], word) {
		return nil, p.fail(CodeSyntax, "no JSON value begins here")
	}
	n, err := p.node(kind)
	if err != nil {
		return nil, err
	}
	p.i += len(word)
	n.text, n.end = word, int32(p.i)
	return n, nil
}

func (p *parser) number() (*Node, error) {
	n, err := p.node(Number)
	if err != nil {
		return nil, err
	}
	digits := func() bool {
		from := p.i
		for p.i < len(p.s) && '0' <= p.s[p.i] && p.s[p.i] <= '9' {
			p.i++
		}
		return p.i > from
	}
	if p.s[p.i] == '-' {
		p.i++
	}
	if p.i < len(p.s) && p.s[p.i] == '0' {
		p.i++
	} else if !digits() {
		return nil, p.fail(CodeSyntax, "malformed number")
	}
	if p.i < len(p.s) && p.s[p.i] == '.' {
		if p.i++; !digits() {
			return nil, p.fail(CodeSyntax, "malformed number")
		}
	}
	if p.i < len(p.s) && p.s[p.i]|0x20 == 'e' {
		if p.i++; p.i < len(p.s) && (p.s[p.i] == '+' || p.s[p.i] == '-') {
			p.i++
		}
		if !digits() {
			return nil, p.fail(CodeSyntax, "malformed number")
		}
	}
	n.end = int32(p.i)
	n.text = p.s[n.start:n.end]
	return n, nil
}

func (p *parser) array(depth int) (*Node, error) {
	if depth > MaxDepth {
		return nil, p.fail(CodeTooDeep, "nested deeper than "+strconv.Itoa(MaxDepth))
	}
	n, err := p.node(Array)
	if err != nil {
		return nil, err
	}
	p.i++
	if p.space(); p.i < len(p.s) && p.s[p.i] == ']' {
		p.i++
		n.end = int32(p.i)
		return n, nil
	}
	for tail := &n.first; ; {
		p.space()
		item, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		*tail, tail = item, &item.next
		n.count++
		more, err := p.comma(']')
		if err != nil {
			return nil, err
		}
		if !more {
			n.end = int32(p.i)
			return n, nil
		}
	}
}

// comma steps over what follows an item or member and reports whether another
// one must follow.
func (p *parser) comma(end byte) (more bool, err error) {
	if p.space(); p.i == len(p.s) {
		return false, p.fail(CodeSyntax, "the document ends early")
	}
	switch p.s[p.i] {
	case ',':
		p.i++
		return true, nil
	case end:
		p.i++
		return false, nil
	}
	return false, p.fail(CodeSyntax, "a comma or "+string(end)+" is missing")
}

func (p *parser) object(depth int) (*Node, error) {
	if depth > MaxDepth {
		return nil, p.fail(CodeTooDeep, "nested deeper than "+strconv.Itoa(MaxDepth))
	}
	n, err := p.node(Object)
	if err != nil {
		return nil, err
	}
	p.i++
	if p.space(); p.i < len(p.s) && p.s[p.i] == '}' {
		p.i++
		n.end = int32(p.i)
		return n, nil
	}
	var names nameSet
	for tail := &n.first; ; {
		if p.space(); p.i == len(p.s) || p.s[p.i] != '"' {
			return nil, p.fail(CodeSyntax, "a member name is missing")
		}
		at := p.i
		key, err := p.str()
		if err != nil {
			return nil, err
		}
		if twin, found := names.add(n, key); found {
			p.i = at
			if twin == key {
				return nil, p.fail(CodeDuplicateKey, "member "+excerpt(key)+" occurs twice")
			}
			return nil, p.fail(CodeCaseTwins, "members "+excerpt(twin)+" and "+excerpt(key)+" differ only by case")
		}
		if p.space(); p.i == len(p.s) || p.s[p.i] != ':' {
			return nil, p.fail(CodeSyntax, "a colon is missing")
		}
		p.i++
		p.space()
		m, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		m.key = key
		*tail, tail = m, &m.next
		n.count++
		more, err := p.comma('}')
		if err != nil {
			return nil, err
		}
		if !more {
			n.end = int32(p.i)
			return n, nil
		}
	}
}
