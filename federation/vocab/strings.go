package vocab

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// str reads the string that begins at the quote p.i. Without escapes the
// result aliases the document.
func (p *parser) str() (string, error) {
	p.i++
	from := p.i
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			s := p.s[from:p.i]
			p.i++
			return s, nil
		case c == '\\':
			return p.escaped(from)
		case c == 0:
			return "", p.fail(CodeNUL, "NUL in a string")
		case c < ' ':
			return "", p.fail(CodeSyntax, "control character in a string")
		}
		p.i++
	}
	return "", p.fail(CodeSyntax, "the document ends inside a string")
}

// escaped reads on from the first escape of the string that begins at from. It
// looks for the closing quote first: no escape decodes to more bytes than it
// has, so one allocation of that length is enough.
func (p *parser) escaped(from int) (string, error) {
	end := p.i
	for end < len(p.s) && p.s[end] != '"' {
		if p.s[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(p.s) {
		return "", p.fail(CodeSyntax, "the document ends inside a string")
	}
	var b strings.Builder
	b.Grow(end - from)
	for {
		b.WriteString(p.s[from:p.i])
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return b.String(), nil
		case c == 0:
			return "", p.fail(CodeNUL, "NUL in a string")
		case c < ' ':
			return "", p.fail(CodeSyntax, "control character in a string")
		}
		r, err := p.escape()
		if err != nil {
			return "", err
		}
		b.WriteRune(r)
		for from = p.i; p.i < end && p.s[p.i] != '\\' && p.s[p.i] >= ' '; {
			p.i++
		}
	}
}

// escape reads the escape at the backslash p.i.
func (p *parser) escape() (rune, error) {
	if p.i+1 >= len(p.s) {
		return 0, p.fail(CodeSyntax, "the document ends inside a string")
	}
	c := p.s[p.i+1]
	if c == 'u' {
		return p.unicode()
	}
	at := strings.IndexByte(`"\/bfnrt`, c)
	if at < 0 {
		return 0, p.fail(CodeSyntax, "unknown escape")
	}
	p.i += 2
	return rune("\"\\/\b\f\n\r\t"[at]), nil
}

func (p *parser) unicode() (rune, error) {
	r, ok := hex4(p.s, p.i+2)
	if !ok {
		return 0, p.fail(CodeSyntax, "malformed \\u escape")
	}
	size := 6
	if utf16.IsSurrogate(r) {
		low, ok := rune(0), false
		if strings.HasPrefix(p.s[p.i+6:], `\u`) {
			low, ok = hex4(p.s, p.i+8)
		}
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return 0, p.fail(CodeInvalidUTF8, "lone surrogate")
		}
		size = 12
	}
	if r == 0 {
		return 0, p.fail(CodeNUL, "NUL in a string")
	}
	p.i += size
	return r, nil
}

func hex4(s string, i int) (rune, bool) {
	if i+4 > len(s) {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[i : i+4]) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
