package iri

import "strings"

// Handle is the name by which people know an actor: "@name@host". Name keeps
// its letters as written; servers compare it without regard to case, so that
// lookups use Key.
type Handle struct {
	Name string
	Host Host
}

// String returns "@name@host".
func (h Handle) String() string { return "@" + h.Name + "@" + string(h.Host) }

// Acct returns "acct:name@host" (RFC 7565), the subject of WebFinger.
func (h Handle) Acct() string { return "acct:" + h.Name + "@" + string(h.Host) }

// Key returns "name@host" in lower case: equal for handles of one actor.
func (h Handle) Key() string { return lower(h.Name) + "@" + string(h.Host) }

// IsZero reports a handle that names nobody.
func (h Handle) IsZero() bool { return h == Handle{} }

// ParseHandle reads "@name@host", "name@host" and "acct:name@host". The error
// is an *Error.
func (r Rules) ParseHandle(s string) (Handle, error) {
	bad := func(reason string) (Handle, error) { return Handle{}, refuse("handle", s, reason) }
	rest, isAcct := strings.CutPrefix(s, "acct:")
	if !isAcct {
		rest = strings.TrimPrefix(rest, "@")
	}
	name, host, found := strings.Cut(rest, "@")
	if !found || name == "" {
		return bad("not of the form @name@host")
	}
	if len(name) > maxName {
		return bad("name longer than 128 bytes")
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case c == '_':
		case (c == '-' || c == '.' || c == '~') && i > 0 && i < len(name)-1:
		default:
			return bad("name has a character that is not allowed there")
		}
	}
	h, err := r.ParseHost(host)
	if err != nil {
		return bad("invalid host: " + err.(*Error).Reason)
	}
	return Handle{Name: name, Host: h}, nil
}

// ParseHandle reads a handle where the caller has no rules at hand, such as a
// command line: names under .localhost are admitted.
func ParseHandle(s string) (Handle, error) { return Rules{Loopback: true}.ParseHandle(s) }
