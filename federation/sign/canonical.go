package sign

import (
	"bytes"
	"unicode/utf8"

	"github.com/gowebpki/jcs"
)

// canonicalForm returns the JCS form (RFC 8785) of a JSON object or array: the bytes
// themselves where they have it already, as what our own software writes does.
func canonicalForm(doc []byte) ([]byte, error) {
	if isCanonical(doc) {
		return doc, nil
	}
	return jcs.Transform(doc)
}

// canonicalDepth bounds how deep isCanonical looks.
const canonicalDepth = 64

// isCanonical tells whether doc is an object or array that jcs.Transform would return
// unchanged. It may say no of one that is: of numbers that are not whole or beyond
// 2^53-1, of member names with escapes or with characters from U+E000 on, whose order
// in UTF-16 is not that of their bytes, and of what is nested deeper than canonicalDepth.
func isCanonical(doc []byte) bool {
	if len(doc) == 0 || doc[0] != '{' && doc[0] != '[' {
		return false
	}
	return canonicalValue(doc, 0, canonicalDepth) == len(doc)
}

// canonicalValue returns the offset after the value that begins at b[i], or -1.
func canonicalValue(b []byte, i, depth int) int {
	if i >= len(b) || depth == 0 {
		return -1
	}
	switch c := b[i]; {
	case c == '"':
		end, _ := canonicalString(b, i)
		return end
	case c == '{':
		return canonicalObject(b, i+1, depth-1)
	case c == '[':
		return canonicalArray(b, i+1, depth-1)
	case c == '-' || c >= '0' && c <= '9':
		return canonicalInteger(b, i)
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if bytes.HasPrefix(b[i:], []byte(word)) {
			return i + len(word)
		}
	}
	return -1
}

func canonicalArray(b []byte, i, depth int) int {
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = canonicalValue(b, i, depth); i < 0 || i >= len(b) {
			return -1
		}
		switch b[i] {
		case ']':
			return i + 1
		case ',':
			i++
		default:
			return -1
		}
	}
}

func canonicalObject(b []byte, i, depth int) int {
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	var before []byte
	for first := true; ; first = false {
		if i >= len(b) || b[i] != '"' {
			return -1
		}
		end, plain := canonicalString(b, i)
		if end < 0 || !plain || end >= len(b) || b[end] != ':' {
			return -1
		}
		name := b[i+1 : end-1]
		if !first && bytes.Compare(before, name) >= 0 {
			return -1
		}
		before = name
		if i = canonicalValue(b, end+1, depth); i < 0 || i >= len(b) {
			return -1
		}
		switch b[i] {
		case '}':
			return i + 1
		case ',':
			i++
		default:
			return -1
		}
	}
}

// maxInteger is the largest integer that IEEE 754 holds exactly with all below it.
const maxInteger = 1<<53 - 1

func canonicalInteger(b []byte, i int) int {
	start := i
	if b[i] == '-' {
		i++
	}
	digits := i
	var n uint64
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		if n = n*10 + uint64(b[i]-'0'); n > maxInteger {
			return -1
		}
	}
	switch {
	case i == digits, b[digits] == '0' && i > digits+1, n == 0 && digits > start:
		return -1
	case i < len(b) && (b[i] == '.' || b[i] == 'e' || b[i] == 'E'):
		return -1
	}
	return i
}

// Classes of bytes in a string.
const (
	textPlain = iota
	textHigh  // part of a character beyond ASCII
	textLate  // the first byte of one from U+E000 on
	textStop  // quote, backslash or control
)

var textClass = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c < ' ' || c == '"' || c == '\\':
			t[c] = textStop
		case c >= 0xEE:
			t[c] = textLate
		case c >= utf8.RuneSelf:
			t[c] = textHigh
		}
	}
	return t
}()

// canonicalString returns the offset after the string that begins at b[i], or -1, and
// whether its bytes sort as JCS sorts names: no escapes, no character from U+E000 on.
func canonicalString(b []byte, i int) (end int, plain bool) {
	plain = true
	start := i + 1
	var seen uint8
	for i = start; i < len(b); {
		class := textClass[b[i]]
		if class != textStop {
			seen |= class
			i++
			continue
		}
		switch b[i] {
		case '"':
			if seen != 0 && !utf8.Valid(b[start:i]) {
				return -1, false
			}
			return i + 1, plain && seen&textLate == 0
		case '\\':
			n := canonicalEscape(b[i:])
			if n == 0 {
				return -1, false
			}
			plain = false
			i += n
		default:
			return -1, false
		}
	}
	return -1, false
}

// canonicalEscape returns the length of the escape that b begins with, or 0 if RFC 8785
// section 3.2.2.2 would write the character otherwise.
func canonicalEscape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
	default:
		return 0
	}
	if len(b) < 6 || b[2] != '0' || b[3] != '0' || b[4] != '0' && b[4] != '1' {
		return 0
	}
	low := b[5]
	if (low < '0' || low > '9') && (low < 'a' || low > 'f') {
		return 0
	}
	if b[4] == '0' && (low == '8' || low == '9' || low == 'a' || low == 'c' || low == 'd') {
		return 0 // these have a short form
	}
	return 6
}
