// Package iri holds the names by which instances know each other's things:
// IRIs, hosts, origins and handles. Each is parsed once, at the edge, into its
// canonical form; two values name the same thing exactly when they are equal.
package iri

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxLength is the longest IRI accepted, in bytes.
const MaxLength = 2048

const (
	maxHostLength = 253 // RFC 1035 §2.3.4, without the root dot
	maxLabel      = 63
	maxName       = 128
	loopbackTLD   = "localhost"
)

// IRI is an absolute identifier in canonical form: "https" (or, in loopback
// mode, "http"), a lower-case host without user information or default port, a
// path that begins with a slash, and RFC 3986 characters only. Query and
// fragment are kept as given. A fragment occurs in key ids ("…#ed-2026a") and
// in the activity ids of Mastodon ("…#follows/7/undo"); what is fetched is
// always WithoutFragment. The zero value is no IRI; its methods return zero
// values.
type IRI string

// Host is a lower-case host name, followed by ":port" where the port is not
// the default one of its scheme.
type Host string

// Origin is "scheme://host" or "scheme://host:port" (FEP-fe34).
type Origin string

// Error says why a name was refused. Input is cut to 120 bytes.
type Error struct {
	What   string // "IRI", "host" or "handle"
	Input  string
	Reason string
}

func (e *Error) Error() string {
	return fmt.Sprintf("parse %s %q: %s", e.What, e.Input, e.Reason)
}

func refuse(what, input, reason string) error {
	if len(input) > 120 {
		input = input[:120]
	}
	return &Error{What: what, Input: strings.Clone(input), Reason: reason}
}

// Rules says which names parse. The zero value is production: https only, and
// no name under .localhost.
type Rules struct {
	// Loopback admits names under .localhost, over http and with any port
	// (PROTOCOL §8). It is true only where the instance's own name is one.
	Loopback bool
}

// RulesFor returns the rules of an instance called own.
func RulesFor(own Host) Rules { return Rules{Loopback: own.IsLoopback()} }

// Parse returns the canonical form of s. The error is an *Error. A canonical s
// is returned as it is, without a copy.
func (r Rules) Parse(s string) (IRI, error) {
	bad := func(reason string) (IRI, error) { return "", refuse("IRI", s, reason) }
	if s == "" {
		return bad("empty")
	}
	if len(s) > MaxLength {
		return bad("longer than 2048 bytes")
	}
	colon := strings.Index(s, "://")
	if colon < 0 {
		return bad("not absolute")
	}
	scheme := lower(s[:colon])
	if scheme != "https" && scheme != "http" {
		return bad("scheme is not https")
	}
	rest := s[colon+3:]
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, tail := rest[:end], rest[end:]
	host, reason := canonicalHost(authority, scheme)
	if reason != "" {
		return bad(reason)
	}
	if reason := r.admits(scheme, host); reason != "" {
		return bad(reason)
	}
	if reason := checkTail(tail); reason != "" {
		return bad(reason)
	}
	if tail == "" || tail[0] != '/' {
		return IRI(scheme + "://" + host + "/" + tail), nil
	}
	if scheme == s[:colon] && host == authority {
		return IRI(s), nil
	}
	return IRI(scheme + "://" + host + tail), nil
}

// ParseHost returns the canonical form of "host" or "host:port". The error is
// an *Error.
func (r Rules) ParseHost(s string) (Host, error) {
	scheme := "https"
	if r.Loopback && Host(lower(s)).IsLoopback() {
		scheme = "http"
	}
	host, reason := canonicalHost(s, scheme)
	if reason == "" {
		reason = r.admits(scheme, host)
	}
	if reason != "" {
		return "", refuse("host", s, reason)
	}
	return Host(host), nil
}

func (r Rules) admits(scheme, host string) string {
	local := Host(host).IsLoopback()
	switch {
	case local && !r.Loopback:
		return "a name under .localhost, and this instance is not one"
	case scheme == "http" && !local:
		return "scheme is not https"
	}
	return ""
}

// canonicalHost returns the lower-case authority without its default port, or
// the reason why it is none. User information, literal addresses and names
// outside letters, digits and hyphens are refused: an internationalised name
// travels as its A-labels.
func canonicalHost(s, scheme string) (host, reason string) {
	if s == "" {
		return "", "no host"
	}
	if strings.IndexByte(s, '@') >= 0 {
		return "", "user information in the host"
	}
	if s[0] == '[' {
		return "", "literal address as host"
	}
	name, port := s, ""
	if i := strings.IndexByte(s, ':'); i >= 0 {
		name, port = s[:i], s[i+1:]
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || port[0] == '0' || port[0] == '+' {
			return "", "invalid port"
		}
		if scheme == "https" && n == 443 || scheme == "http" && n == 80 {
			port, s = "", name
		}
	}
	if len(name) > maxHostLength {
		return "", "host name longer than 253 bytes"
	}
	start, numeric := 0, true
	for i := 0; i <= len(name); i++ {
		if i == len(name) || name[i] == '.' {
			if i == start || i-start > maxLabel || name[start] == '-' || name[i-1] == '-' {
				return "", "invalid host name"
			}
			if i < len(name) {
				start, numeric = i+1, true
			}
			continue
		}
		c := name[i]
		switch {
		case '0' <= c && c <= '9':
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '-':
			numeric = false
		default:
			return "", "invalid host name"
		}
	}
	if last := name[start:]; numeric || isHexNumber(last) {
		return "", "literal address as host"
	}
	if port == "" {
		return lower(name), ""
	}
	return lower(s), ""
}

// isHexNumber reports a last label that URL parsers read as part of an IPv4
// address ("0x7f").
func isHexNumber(label string) bool {
	if len(label) < 2 || label[0] != '0' || label[1] != 'x' && label[1] != 'X' {
		return false
	}
	for i := 2; i < len(label); i++ {
		if unhex(label[i]) < 0 {
			return false
		}
	}
	return true
}

// checkTail checks path, query and fragment: RFC 3986 characters, whole
// percent-escapes that hide no control character, no dot segments.
func checkTail(s string) string {
	inPath, fragment, segment := true, false, 0
	for i := 0; i <= len(s); i++ {
		if inPath && (i == len(s) || s[i] == '/' || s[i] == '?' || s[i] == '#') {
			if isDots(s[segment:i]) {
				return "dot segment in the path"
			}
			segment = i + 1
		}
		if i == len(s) {
			break
		}
		c := s[i]
		switch {
		case c == '%':
			if i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0 {
				return "broken percent-escape"
			}
			if v := unhex(s[i+1])<<4 | unhex(s[i+2]); v < 0x20 || v == 0x7f {
				return "escaped control character"
			}
		case c == '#':
			if fragment {
				return "two fragments"
			}
			if i == len(s)-1 {
				return "empty fragment"
			}
			inPath, fragment = false, true
		case c == '?':
			inPath = false
		case c <= ' ' || c == 0x7f:
			return "control character or space"
		case c > 0x7f:
			return "character outside ASCII"
		case c == '\\' || c == '"' || c == '<' || c == '>' || c == '^' || c == '`' ||
			c == '{' || c == '|' || c == '}' || c == '[' || c == ']':
			return "character not allowed in an IRI"
		}
	}
	return ""
}

// isDots reports "." and "..", written plainly or with escaped dots.
func isDots(segment string) bool {
	if segment == "" || len(segment) > 6 {
		return false
	}
	dots := 0
	for i := 0; i < len(segment); dots++ {
		switch {
		case segment[i] == '.':
			i++
		case i+2 < len(segment) && segment[i] == '%' && segment[i+1] == '2' && segment[i+2]|0x20 == 'e':
			i += 3
		default:
			return false
		}
	}
	return dots <= 2
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// lower folds ASCII only, so that no other letter becomes one of a host name.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
