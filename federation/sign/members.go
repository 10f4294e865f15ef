package sign

import (
	"bytes"
	"encoding/json"
)

// member is one member of a JSON object, as offsets into the object's bytes.
type member struct {
	name       string // decoded
	start, end int    // from the key's opening quote to the value's last byte
	valueStart int
	prevEnd    int // end of the member before, or 0 for the first
	nextStart  int // start of the member after, or 0 for the last
}

func (m member) value(obj []byte) []byte { return obj[m.valueStart:m.end] }

// object is the outline of a JSON object: members finds where each of its own
// members begins and ends, without looking inside their values.
//
// The outline checks the punctuation of the object itself and the strings and
// bracket counts of what it skips. It does not check that skipped values are
// JSON. Callers hand every piece to canonicalForm afterwards; if all pieces are
// JSON then so was the whole, and the pieces are its true members.
type object struct {
	raw     []byte
	members []member
	close   int // offset of the closing brace
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

func isObject(b []byte) bool {
	i := skipSpace(b, 0)
	return i < len(b) && b[i] == '{'
}

// outline reads the members of the JSON object that raw consists of, spacing
// around it allowed. It uses no recursion.
func outline(raw []byte) (*object, error) {
	i := skipSpace(raw, 0)
	if i >= len(raw) || raw[i] != '{' {
		return nil, refuse(Malformed, "not a JSON object")
	}
	o := &object{raw: raw, members: make([]member, 0, 32)}
	i = skipSpace(raw, i+1)
	for first := true; ; first = false {
		if i >= len(raw) {
			return nil, refuse(Malformed, "JSON object is not closed")
		}
		if raw[i] == '}' && first {
			break
		}
		m := member{start: i}
		if raw[i] != '"' {
			return nil, refuse(Malformed, "JSON object: no member name at byte %d", i)
		}
		keyEnd, escaped := skipString(raw, i)
		if keyEnd < 0 {
			return nil, refuse(Malformed, "JSON object: string at byte %d is not closed", i)
		}
		name, ok := decodeString(raw[i:keyEnd], escaped)
		if !ok {
			return nil, refuse(Malformed, "JSON object: bad member name at byte %d", i)
		}
		m.name = name
		i = skipSpace(raw, keyEnd)
		if i >= len(raw) || raw[i] != ':' {
			return nil, refuse(Malformed, "JSON object: no colon at byte %d", i)
		}
		m.valueStart = skipSpace(raw, i+1)
		m.end = skipValue(raw, m.valueStart)
		if m.end < 0 {
			return nil, refuse(Malformed, "JSON object: no complete value at byte %d", m.valueStart)
		}
		if !first {
			last := &o.members[len(o.members)-1]
			last.nextStart = m.start
			m.prevEnd = last.end
		}
		o.members = append(o.members, m)
		i = skipSpace(raw, m.end)
		if i >= len(raw) {
			return nil, refuse(Malformed, "JSON object is not closed")
		}
		if raw[i] == '}' {
			break
		}
		if raw[i] != ',' {
			return nil, refuse(Malformed, "JSON object: no comma at byte %d", i)
		}
		i = skipSpace(raw, i+1)
	}
	o.close = i
	if skipSpace(raw, i+1) != len(raw) {
		return nil, refuse(Malformed, "JSON object is followed by other text at byte %d", i+1)
	}
	return o, nil
}

// without returns a copy of the object's bytes without one member and its comma.
func (o *object) without(m member) []byte {
	from, to := m.start, m.end
	switch {
	case m.nextStart != 0:
		to = m.nextStart
	case m.prevEnd != 0:
		from = m.prevEnd
	}
	out := make([]byte, 0, len(o.raw)-(to-from))
	return append(append(out, o.raw[:from]...), o.raw[to:]...)
}

// skipString returns the offset after the string that begins at b[i], or -1,
// and whether it holds an escape.
// The next quote is looked for again only once it is behind, so the time is
// linear however many escapes there are.
func skipString(b []byte, i int) (end int, escaped bool) {
	quote := i
	for i++; i < len(b); {
		if quote < i {
			n := bytes.IndexByte(b[i:], '"')
			if n < 0 {
				return -1, escaped
			}
			quote = i + n
		}
		n := bytes.IndexByte(b[i:quote], '\\')
		if n < 0 {
			return quote + 1, escaped
		}
		escaped = true
		i += n + 2
	}
	return -1, escaped
}

// skipValue returns the offset after the value that begins at b[i], or -1.
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch c := b[i]; c {
		case '"':
			end, _ := skipString(b, i)
			if end < 0 {
				return -1
			}
			i = end
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			if depth == 0 {
				return -1
			}
			depth--
			i++
		case ',', ':':
			if depth == 0 {
				return -1
			}
			i++
			continue
		default:
			if isSpace(c) {
				i++
				continue
			}
			for i < len(b) && !isSpace(b[i]) && !isPunct(b[i]) {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
	return -1
}

func isPunct(c byte) bool {
	switch c {
	case '{', '}', '[', ']', ',', ':', '"':
		return true
	}
	return false
}

// decodeString returns the text of a quoted JSON string.
func decodeString(quoted []byte, escaped bool) (string, bool) {
	if !escaped {
		return string(quoted[1 : len(quoted)-1]), true
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return "", false
	}
	return s, true
}

// stringValue returns the text of a value that is one JSON string.
func stringValue(value []byte) (string, bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	end, escaped := skipString(value, 0)
	if end != len(value) {
		return "", false
	}
	return decodeString(value, escaped)
}
