package vocab

import (
	"context"
	"fmt"

	"github.com/go-fed/activity/streams"
	av "github.com/go-fed/activity/streams/vocab"
)

// Check reads a foreign document through go-fed/activity, which knows the range
// of every AS2 property, and refuses what it cannot type. It costs twice what
// ParseActivity does, and eight times the allocations (BenchmarkCheck), so it
// is for software that is not ours. A panic of the library is an *Error too.
func Check(n *Node) error {
	_, err := Typed(n)
	return err
}

// Typed returns n as a value of the AS2 vocabulary. Its serialisation is not
// the document: never sign it, store it or send it.
func Typed(n *Node) (t av.Type, err error) {
	if n.Kind() != Object {
		return nil, fault(CodeWrongType, n, "the document is %s, not an object", n.Kind())
	}
	if !KnownType(TypeOf(n)) {
		return nil, fault(CodeUnknownType, n, "%s is no type of ActivityStreams", excerpt(TypeOf(n)))
	}
	defer func() {
		if p := recover(); p != nil {
			t, err = nil, fault(CodeVocabulary, n, "go-fed/activity panicked: %s", excerpt(fmt.Sprint(p)))
		}
	}()
	m, _ := plain(n).(map[string]any)
	t, err = streams.ToType(context.Background(), m)
	if err != nil {
		return nil, fault(CodeVocabulary, n, "%s", excerpt(err.Error()))
	}
	return t, nil
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
