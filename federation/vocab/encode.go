package vocab

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"valise/models/iri"
)

// Obj writes one JSON object, its members sorted as JCS sorts them (RFC 8785): what it
// is given in canonical form stays in it, so that a proof or digest needs no other
// form of the bytes. Names are ASCII, and each is written once. It never writes null,
// an empty array or an empty string: a member without a value is left out (PROTOCOL
// §3.2). Bytes given to Raw stay as they are.
type Obj struct {
	b       []byte // each member with the comma or brace before it
	members []memberAt
}

// memberAt is where one member begins in the bytes of its Obj.
type memberAt struct {
	name  string
	start int
}

// New begins an object.
func New() *Obj { return &Obj{b: make([]byte, 0, 512), members: make([]memberAt, 0, 16)} }

// Bytes ends the object. The Obj must not be used afterwards.
func (o *Obj) Bytes() []byte {
	if len(o.b) == 0 {
		return []byte("{}")
	}
	if slices.IsSortedFunc(o.members, byName) {
		return append(o.b, '}')
	}
	ends := make(map[int]int, len(o.members)) // of the members, by where they begin
	for i, m := range o.members {
		ends[m.start] = len(o.b)
		if i > 0 {
			ends[o.members[i-1].start] = m.start
		}
	}
	slices.SortFunc(o.members, byName)
	out := make([]byte, 0, len(o.b)+1)
	for _, m := range o.members {
		out = append(out, o.b[m.start:ends[m.start]]...)
		out[len(out)-(ends[m.start]-m.start)] = ','
	}
	out[0] = '{'
	return append(out, '}')
}

func byName(a, b memberAt) int { return strings.Compare(a.name, b.name) }

func (o *Obj) empty() bool { return o == nil || len(o.b) == 0 }

func (o *Obj) key(key string) {
	o.members = append(o.members, memberAt{key, len(o.b)})
	if len(o.b) == 0 {
		o.b = append(o.b, '{')
	} else {
		o.b = append(o.b, ',')
	}
	o.b = append(appendString(o.b, key), ':')
}

// Str writes a string.
func (o *Obj) Str(key, value string) *Obj {
	if value != "" {
		o.key(key)
		o.b = appendString(o.b, value)
	}
	return o
}

// IRI writes an id.
func (o *Obj) IRI(key string, id iri.IRI) *Obj { return o.Str(key, string(id)) }

// Strs writes an array, also for a single item.
func (o *Obj) Strs(key string, values []string) *Obj { return writeStrs(o, key, values) }

// IRIs writes an array of ids, also for a single one.
func (o *Obj) IRIs(key string, ids []iri.IRI) *Obj { return writeStrs(o, key, ids) }

func writeStrs[S ~string](o *Obj, key string, values []S) *Obj {
	if len(values) == 0 {
		return o
	}
	o.key(key)
	for i, v := range values {
		o.b = append(o.b, "[,"[min(i, 1)])
		o.b = appendString(o.b, string(v))
	}
	o.b = append(o.b, ']')
	return o
}

// Int writes an integer, also zero.
func (o *Obj) Int(key string, value int64) *Obj {
	o.key(key)
	o.b = strconv.AppendInt(o.b, value, 10)
	return o
}

// Decimal writes a positive integer as a string of digits; zero is left out.
func (o *Obj) Decimal(key string, value int64) *Obj {
	if value == 0 {
		return o
	}
	return o.Str(key, strconv.FormatInt(value, 10))
}

// Bool writes a boolean, also false.
func (o *Obj) Bool(key string, value bool) *Obj {
	o.key(key)
	o.b = strconv.AppendBool(o.b, value)
	return o
}

// Time writes whole seconds in UTC; the zero time is left out.
func (o *Obj) Time(key string, value time.Time) *Obj {
	if value.IsZero() {
		return o
	}
	return o.Str(key, value.UTC().Format(TimeLayout))
}

// Raw writes JSON as it is: the caller vouches for it. Empty is left out.
func (o *Obj) Raw(key string, json []byte) *Obj {
	if len(json) > 0 {
		o.key(key)
		o.b = append(o.b, json...)
	}
	return o
}

// Obj writes an object; nil and one without members are left out.
func (o *Obj) Obj(key string, value *Obj) *Obj {
	if value.empty() {
		return o
	}
	return o.Raw(key, value.Bytes())
}

// Objs writes an array of objects; an empty one is left out.
func (o *Obj) Objs(key string, values []*Obj) *Obj {
	if len(values) == 0 {
		return o
	}
	o.key(key)
	for i, v := range values {
		o.b = append(o.b, "[,"[min(i, 1)])
		o.b = append(o.b, v.Bytes()...)
	}
	o.b = append(o.b, ']')
	return o
}

// Raws writes an array of values that are JSON already.
func (o *Obj) Raws(key string, values [][]byte) *Obj {
	if len(values) == 0 {
		return o
	}
	o.key(key)
	for i, v := range values {
		o.b = append(o.b, "[,"[min(i, 1)])
		o.b = append(o.b, v...)
	}
	o.b = append(o.b, ']')
	return o
}

// AppendMember returns the bytes of the object doc with one member more at its
// end. Nothing else of doc changes, so a digest of its JCS form without that
// member stays the same: this is how a proof is attached.
func AppendMember(doc []byte, key string, json []byte) []byte {
	end := len(doc)
	for end > 0 && doc[end-1] != '}' {
		end--
	}
	if end == 0 {
		return nil
	}
	out := make([]byte, 0, len(doc)+len(key)+len(json)+8)
	out = append(out, doc[:end-1]...)
	if trimmed := strings.TrimRight(string(out), " \t\r\n"); !strings.HasSuffix(trimmed, "{") {
		out = append(out, ',')
	}
	out = append(appendString(out, key), ':')
	out = append(out, json...)
	return append(out, doc[end-1:]...)
}

// appendString writes s as a JSON string with the escapes that RFC 8259
// demands and no others, each in the form of RFC 8785. Invalid UTF-8 and NUL, which ParseJSON would refuse,
// become U+FFFD.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			c = 0
		}
		b = append(b, s[from:i]...)
		switch c {
		case 0:
			b = append(b, "\uFFFD"...)
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i += size
		from = i
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}
