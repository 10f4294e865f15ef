package iri

import "strings"

// split returns the index after "scheme://" and the index where the path
// begins. Both are zero for a value that did not come from Parse.
func (i IRI) split() (host, path int) {
	s := string(i)
	colon := strings.Index(s, "://")
	if colon < 0 {
		return 0, 0
	}
	host = colon + 3
	if end := strings.IndexAny(s[host:], "/?#"); end >= 0 {
		return host, host + end
	}
	return host, len(s)
}

func (i IRI) String() string { return string(i) }

// Host returns the host, with its port where it is not the default.
func (i IRI) Host() Host {
	host, path := i.split()
	return Host(i[host:path])
}

// Origin returns scheme, host and port.
func (i IRI) Origin() Origin {
	_, path := i.split()
	return Origin(i[:path])
}

// Path returns the path, which begins with a slash, without query and fragment.
func (i IRI) Path() string {
	_, path := i.split()
	s := string(i[path:])
	if end := strings.IndexAny(s, "?#"); end >= 0 {
		s = s[:end]
	}
	return s
}

// WithoutFragment returns what is fetched when i is dereferenced.
func (i IRI) WithoutFragment() IRI {
	if at := strings.IndexByte(string(i), '#'); at >= 0 {
		return i[:at]
	}
	return i
}

// Fragment returns what follows the "#", or nothing.
func (i IRI) Fragment() string {
	if at := strings.IndexByte(string(i), '#'); at >= 0 {
		return string(i[at+1:])
	}
	return ""
}

// SameOrigin reports whether both have one scheme, host and port. An empty IRI
// has no origin and shares it with none.
func (i IRI) SameOrigin(other IRI) bool {
	o := i.Origin()
	return o != "" && o == other.Origin()
}

func (h Host) String() string { return string(h) }

// Name returns the host name without its port.
func (h Host) Name() string {
	name, _, _ := strings.Cut(string(h), ":")
	return name
}

// IsLoopback reports a name under .localhost (RFC 6761 §6.3), or that name
// itself.
func (h Host) IsLoopback() bool {
	name := h.Name()
	return name == loopbackTLD || strings.HasSuffix(name, "."+loopbackTLD)
}

// Base returns the origin under which an instance of this name serves: http
// for loopback names, else https. No slash follows.
func (h Host) Base() string {
	if h.IsLoopback() {
		return "http://" + string(h)
	}
	return "https://" + string(h)
}

// Origin returns Base as an Origin.
func (h Host) Origin() Origin { return Origin(h.Base()) }

func (o Origin) String() string { return string(o) }

// Host returns the host of the origin, with its port where not the default.
func (o Origin) Host() Host { return IRI(o).Host() }
