package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"code.dny.dev/ssrf"

	"valise/models/iri"
)

// Kind is the class of a failed request.
type Kind string

const (
	KindRefusedAddress Kind = "refused-address" // our rules forbid dialing it; nothing was sent
	KindRedirect       Kind = "redirect"        // too many, broken, or to another origin
	KindTooLarge       Kind = "too-large"       // body above its limit, as sent or decompressed
	KindContentType    Kind = "content-type"    // not the type asked for, or an unreadable encoding
	KindMalformed      Kind = "malformed"       // not the document it claims to be
	KindTimeout        Kind = "timeout"         // no complete answer in time
	KindUnreachable    Kind = "unreachable"     // no such name, refused, reset, TLS failure
	KindBusy           Kind = "busy"            // too many of our own requests wait for this origin
	KindCanceled       Kind = "canceled"        // our caller gave up; says nothing about the peer
	KindStatus         Kind = "status"          // an answer other than 200, 404 and 410; see Error.Status
	KindNotFound       Kind = "not-found"       // 404, or a handle or link that its host does not know
	KindGone           Kind = "gone"            // 410
	KindWrongID        Kind = "wrong-id"        // the document is not the one asked for
)

// Error says what was attempted, on what, and why it failed.
type Error struct {
	Kind   Kind
	Op     string // "get", "get file", "post", "webfinger", "nodeinfo"
	URL    iri.IRI
	Status int    // HTTP status, where there was an answer
	Detail string // for the operator; a peer's own words are cut to maxWords bytes

	// RetryAfter is the peer's wish in an answer 429 or 503, else zero.
	RetryAfter time.Duration
	Err        error // cause, or nil
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %s", e.Op, e.URL, e.Kind)
	if e.Kind == KindStatus {
		s += fmt.Sprintf(" %d", e.Status)
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same request may succeed later without anyone
// changing it.
func (e *Error) Temporary() bool {
	switch e.Kind {
	case KindTimeout, KindUnreachable, KindBusy, KindCanceled:
		return true
	case KindStatus:
		return e.Status >= 500 || e.Status == http.StatusRequestTimeout ||
			e.Status == http.StatusTooEarly || e.Status == http.StatusTooManyRequests
	}
	return false
}

// KindOf returns the kind of the *Error in err, or "".
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// fault is a failure that does not yet know its request.
type fault struct {
	kind   Kind
	detail string
}

func (f *fault) Error() string { return f.detail }

func faultf(kind Kind, format string, args ...any) error {
	return &fault{kind, fmt.Sprintf(format, args...)}
}

// ownFault is a failure on our side: the peer has no part in it, and explain
// leaves it alone.
type ownFault struct {
	what string
	err  error
}

func (e *ownFault) Error() string { return e.what + ": " + e.err.Error() }
func (e *ownFault) Unwrap() error { return e.err }

// explain turns err, met while op was under way on url, into an *Error. An
// *Error passes through; op and url are then those of the inner request.
func explain(ctx context.Context, op string, url iri.IRI, err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if _, ok := errors.AsType[*ownFault](err); ok {
		return err
	}
	e := &Error{Op: op, URL: url, Detail: err.Error(), Err: err}
	timeout, isNet := errors.AsType[net.Error](err)
	switch f, ok := errors.AsType[*fault](err); {
	case ok:
		e.Kind, e.Detail, e.Err = f.kind, f.detail, nil
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedPort), errors.Is(err, ssrf.ErrProhibitedNetwork):
		e.Kind = KindRefusedAddress
	case errors.Is(ctx.Err(), context.Canceled), errors.Is(err, context.Canceled):
		e.Kind = KindCanceled
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded), isNet && timeout.Timeout():
		e.Kind = KindTimeout
	default:
		e.Kind = KindUnreachable
	}
	return e
}
