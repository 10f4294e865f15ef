package vocab

import (
	"context"
	"fmt"

	"github.com/go-fed/activity/streams"
)

// Check reads a document through go-fed/activity, which knows the range of every
// AS2 property, and refuses what it cannot type. What is sent here, and what other
// software was seen to send, is held to it; an inbox does not ask it, since it costs
// twice what ParseActivity does, and eight times the allocations (BenchmarkCheck). A
// panic of the library is an *Error too.
func Check(n *Node) (err error) {
	if n.Kind() != Object {
		return fault(CodeWrongType, n, "the document is %s, not an object", n.Kind())
	}
	if !KnownType(TypeOf(n)) {
		return fault(CodeUnknownType, n, "%s is no type of ActivityStreams", excerpt(TypeOf(n)))
	}
	defer func() {
		if p := recover(); p != nil {
			err = fault(CodeVocabulary, n, "go-fed/activity panicked: %s", excerpt(fmt.Sprint(p)))
		}
	}()
	m, _ := plain(n).(map[string]any)
	if _, err := streams.ToType(context.Background(), m); err != nil {
		return fault(CodeVocabulary, n, "%s", excerpt(err.Error()))
	}
	return nil
}

// plain turns a tree into what encoding/json would give, with the members
// changed that the library errs on: null is left out; of several types, and of
// "as:" names, the one that it knows stays; "as:Public" and "Public", which are
// no IRIs to it, become the full id; contexts are not its business.
func plain(n *Node) any {
	switch n.Kind() {
	case Bool:
		return n.text == "true"
	case Number:
		return number(n)
	case String:
		return n.text
	case Array:
		list := make([]any, 0, n.count)
		for m := n.first; m != nil; m = m.next {
			if m.kind != Null {
				list = append(list, plain(m))
			}
		}
		return list
	case Object:
		m := make(map[string]any, n.count)
		for member := n.first; member != nil; member = member.next {
			switch key := member.key; {
			case member.kind == Null:
			case key == "@context":
				m[key] = ContextAS2
			case key == "type" && KnownType(TypeOf(n)):
				m[key] = TypeOf(n)
			case key == "to" || key == "cc" || key == "audience":
				m[key] = fullPublic(plain(member))
			default:
				m[key] = plain(member)
			}
		}
		return m
	}
	return nil
}

func fullPublic(v any) any {
	switch v := v.(type) {
	case string:
		if IsPublic(v) {
			return string(Public)
		}
	case []any:
		for i := range v {
			if s, ok := v[i].(string); ok && IsPublic(s) {
				v[i] = string(Public)
			}
		}
	}
	return v
}
