// Package remote speaks to other instances: it fetches their documents, finds
// their actors and posts to their inboxes. It is the only place from which an
// address named by a stranger is dialed (PROTOCOL §8: origin, SSRF, limits).
package remote

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"valise/models/iri"
)

// AcceptActivity asks for an ActivityStreams document (AP §3.2).
const AcceptActivity = `application/activity+json, application/ld+json; profile="` + profileAS2 + `"`

const (
	profileAS2   = "https://www.w3.org/ns/activitystreams"
	activityJSON = "application/activity+json"

	maxRedirects = 3
	maxDocument  = 1 << 20  // bytes of a document, after decompression
	maxIndex     = 64 << 10 // bytes of a WebFinger or NodeInfo answer
	maxRest      = 8 << 10  // bytes read of an answer whose body matters little
)

// SignFunc signs a request: it sets the headers that belong to the signature
// (Date, Digest, Signature, ...) and nothing else. It is called right before
// each request is sent, again after each redirect. body is nil for a GET.
type SignFunc func(r *http.Request, body []byte) error

// Client sends requests to other instances. It follows no cookie, no proxy and
// no environment variable. It is safe for concurrent use.
//
// Every failed request is reported as an *Error. The exceptions are faults of
// ours: a SignFunc's or an io.Writer's own error is wrapped as it is.
type Client struct {
	rules     iri.Rules
	userAgent string
	total     time.Duration
	transport http.RoundTripper

	documents *bulkhead // GETs of documents, per origin
	files     *bulkhead // GETs of files: slow by nature, and in nobody's way
}

// NewClient returns a client that dials what n allows and asks only for what
// rules admit. The error names the field of n that is wrong.
func NewClient(n Network, rules iri.Rules, userAgent string) (*Client, error) {
	if n.ConnectTimeout < 0 || n.TotalTimeout < 0 {
		return nil, fmt.Errorf("network: negative timeout (connect %s, total %s)", n.ConnectTimeout, n.TotalTimeout)
	}
	if n.ConnectTimeout == 0 {
		n.ConnectTimeout = defaultConnectTimeout
	}
	if n.TotalTimeout == 0 {
		n.TotalTimeout = defaultTotalTimeout
	}
	transport, err := newTransport(n, rules)
	if err != nil {
		return nil, err
	}
	return &Client{
		rules:     rules,
		userAgent: userAgent,
		total:     n.TotalTimeout,
		transport: transport,
		documents: newBulkhead(),
		files:     newBulkhead(),
	}, nil
}

// WithTransport returns a client that hands its requests to rt instead of
// dialing, such as to the handlers of a federation in one process. The address
// rules of Network then have nothing to apply to; all others hold.
func (c *Client) WithTransport(rt http.RoundTripper) *Client {
	d := *c
	d.transport = rt
	d.documents, d.files = newBulkhead(), newBulkhead()
	return &d
}

// CloseIdle closes the connections that no request uses.
func (c *Client) CloseIdle() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// admit is the last check of an IRI before it becomes a request, whoever made
// it: the rules of this instance, and no fragment.
func (c *Client) admit(id iri.IRI) (iri.IRI, error) {
	at, err := c.rules.Parse(string(id))
	if err != nil {
		return "", faultf(KindRefusedAddress, "%v", err)
	}
	return at.WithoutFragment(), nil
}

// send makes one round trip. The caller closes the body of the answer.
func (c *Client) send(ctx context.Context, method string, at iri.IRI, header http.Header, body []byte, sign SignFunc) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, string(at), content)
	if err != nil {
		return nil, faultf(KindRefusedAddress, "%v", err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("User-Agent", c.userAgent)
	if sign != nil {
		if err := sign(r, body); err != nil {
			return nil, &ownFault{"sign request to " + string(at), err}
		}
	}
	return c.transport.RoundTrip(r)
}

// discard reads the little that is left of an unwanted body, so that its
// connection can be used again, and closes it.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, maxRest)
	_ = body.Close()
}
