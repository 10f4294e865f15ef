package vocab

import (
	"strconv"
	"time"

	"valise/models/iri"
)

// reader takes typed members from nodes. It keeps the first error; what is
// read after that is meaningless, so callers check err once, at the end.
type reader struct {
	rules iri.Rules
	err   *Error
}

func (r *reader) fail(code string, n *Node, format string, args ...any) {
	if r.err == nil {
		r.err = fault(code, n, format, args...)
	}
}

// iri parses s, which was read at n.
func (r *reader) iri(n *Node, s string) iri.IRI {
	id, err := r.rules.Parse(s)
	if err != nil {
		reason := err.Error()
		if e, ok := err.(*iri.Error); ok {
			reason = e.Reason
		}
		r.fail(CodeInvalidIRI, n, "%s: %s", excerpt(s), reason)
	}
	return id
}

// id reads a required member that is one string: never an array, never an
// embedded object.
func (r *reader) id(n *Node, key string) iri.IRI {
	m := n.Get(key)
	s, ok := m.Str()
	if m == nil {
		r.fail(CodeMissing, n, "%s is missing", key)
		return ""
	}
	if !ok {
		r.fail(CodeWrongType, m, "%s is %s, not a string", key, m.kind)
		return ""
	}
	return r.iri(m, s)
}

// ref reads one reference: a string, or an embedded object with an id.
func (r *reader) ref(n *Node, key string, required bool) iri.IRI {
	m := n.Get(key)
	switch m.Kind() {
	case None:
		if required {
			r.fail(CodeMissing, n, "%s is missing", key)
		}
		return ""
	case String:
		return r.iri(m, m.text)
	case Object:
		if m.Get("id") == nil && !required {
			return ""
		}
		return r.id(m, "id")
	}
	r.fail(CodeWrongType, m, "%s is %s, not one reference", key, m.kind)
	return ""
}

// refs reads a reference or a list of them.
func (r *reader) refs(n *Node, key string) []iri.IRI {
	m := n.Get(key)
	if m == nil {
		return nil
	}
	if m.Len() > MaxRecipients && m.kind == Array {
		r.fail(CodeTooMany, m, "%s names more than %d", key, MaxRecipients)
		return nil
	}
	ids := make([]iri.IRI, 0, m.Len())
	for item := range m.Each() {
		if item.kind == Object {
			ids = append(ids, r.id(item, "id"))
			continue
		}
		s, ok := item.Str()
		if !ok {
			r.fail(CodeWrongType, item, "%s holds %s", key, item.kind)
			return nil
		}
		ids = append(ids, r.iri(item, s))
	}
	return ids
}

// str reads an optional string; absent and null read as "".
func (r *reader) str(n *Node, key string) string {
	m := n.Get(key)
	s, ok := m.Str()
	if m != nil && !ok {
		r.fail(CodeWrongType, m, "%s is %s, not a string", key, m.kind)
	}
	return s
}

func (r *reader) need(n *Node, key string) string {
	s := r.str(n, key)
	if s == "" {
		r.fail(CodeMissing, n, "%s is missing or empty", key)
	}
	return s
}

func (r *reader) strs(n *Node, key string) []string {
	var list []string
	for item := range n.Get(key).Each() {
		s, ok := item.Str()
		if !ok {
			r.fail(CodeWrongType, item, "%s holds %s", key, item.kind)
			return nil
		}
		list = append(list, s)
	}
	return list
}

// size reads an optional integer that is not negative.
func (r *reader) size(n *Node, key string) int64 {
	m := n.Get(key)
	v, ok := m.Int()
	if m != nil && (!ok || v < 0 || v > maxSafeInteger) {
		r.fail(CodeInvalidValue, m, "%s is no integer from 0 to 2^53", key)
		return 0
	}
	return v
}

// decimal reads an optional positive number that travels as a string of
// decimal digits; absent reads as 0.
func (r *reader) decimal(n *Node, key string) int64 {
	m := n.Get(key)
	if m == nil {
		return 0
	}
	s, ok := m.Str()
	v, err := strconv.ParseInt(s, 10, 64)
	if !ok || err != nil || v < 1 || strconv.FormatInt(v, 10) != s {
		r.fail(CodeInvalidValue, m, "%s is no positive number in decimal digits", key)
		return 0
	}
	return v
}

func (r *reader) time(n *Node, key string) time.Time {
	m := n.Get(key)
	if m == nil {
		return time.Time{}
	}
	s, ok := m.Str()
	t, valid := parseTime(s)
	if !ok || !valid {
		r.fail(CodeInvalidTime, m, "%s is no time", key)
	}
	return t
}

type addressing struct {
	to, cc, audience []iri.IRI
	public           bool
	unread           int
}

// addressing reads to, cc and audience. Blind recipients are refused: bto and
// bcc never belong in a delivered document (ActivityPub §6). Empty lists of
// them are let through (Akkoma leaves them behind).
func (r *reader) addressing(n *Node) addressing {
	var a addressing
	for _, key := range [...]string{"bto", "bcc"} {
		if m := n.Get(key); m.Len() > 0 {
			r.fail(CodeBlind, m, "%s is present", key)
		}
	}
	a.to = r.recipients(n, "to", &a)
	a.cc = r.recipients(n, "cc", &a)
	a.audience = r.recipients(n, "audience", &a)
	return a
}

func (r *reader) recipients(n *Node, key string, a *addressing) []iri.IRI {
	m := n.Get(key)
	if m == nil {
		return nil
	}
	if m.kind == Array && m.count > MaxRecipients {
		r.fail(CodeTooMany, m, "%s names %d recipients, more than %d", key, m.count, MaxRecipients)
		return nil
	}
	var ids []iri.IRI
	if m.kind == Array {
		ids = make([]iri.IRI, 0, m.count)
	}
	for item := range m.Each() {
		if item.kind == Object {
			item = item.Get("id")
		}
		s, ok := item.Str()
		if !ok {
			r.fail(CodeWrongType, m, "%s holds %s", key, item.Kind())
			return nil
		}
		if IsPublic(s) {
			a.public = true
			continue
		}
		id, err := r.rules.Parse(s)
		if err != nil {
			a.unread++
			continue
		}
		if id == Public { // written otherwise: another case of the scheme or of the host
			a.public = true
			continue
		}
		ids = append(ids, id)
	}
	return ids
}
