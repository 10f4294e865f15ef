package remote

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"valise/models/iri"
)

// Document is a fetched document, as received.
type Document struct {
	Body        []byte  // decompressed, at most 1 MiB
	URL         iri.IRI // where it was found, after redirects; same origin as the IRI asked for
	ContentType string  // media type, lower-case, without parameters
}

// Get fetches the ActivityStreams document at id, without its fragment.
// It follows at most three redirects, none to another origin. accept may be
// empty, which means AcceptActivity; sign may be nil. Whether the document is
// the one asked for is CheckID, or for a key document its owner, and is left
// to the caller.
func (c *Client) Get(ctx context.Context, id iri.IRI, accept string, sign SignFunc) (*Document, error) {
	if accept == "" {
		accept = AcceptActivity
	}
	return c.document(ctx, question{op: "get", target: id, accept: accept, is: isActivity, limit: maxDocument, sign: sign})
}

// question is one thing to GET.
type question struct {
	op       string
	target   iri.IRI
	accept   string
	is       func(mediaType string, params map[string]string) bool
	limit    int64 // bytes of a document
	sign     SignFunc
	anywhere bool // redirects may lead to another origin; never with sign
}

// document fetches a body of at most q.limit bytes whose type q.is admits.
func (c *Client) document(ctx context.Context, q question) (doc *Document, err error) {
	err = c.ask(ctx, c.documents, c.total, q, func(resp *http.Response, at iri.IRI) error {
		claim := resp.Header.Get("Content-Type")
		mediaType, params, err := mime.ParseMediaType(claim)
		if err != nil || !q.is(mediaType, params) {
			return faultf(KindContentType, "the answer is %q", cut(claim))
		}
		body, err := readBody(resp, q.limit)
		if err != nil {
			return err
		}
		doc = &Document{Body: body, URL: at, ContentType: mediaType}
		return nil
	})
	return doc, err
}

// ask sends q, follows redirects and hands an answer 200 to read. The time
// limit covers waiting for a slot, every hop and the body, however slowly it
// trickles.
func (c *Client) ask(ctx context.Context, b *bulkhead, limit time.Duration, q question, read func(*http.Response, iri.IRI) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	leave, err := b.enter(ctx, q.target.Origin())
	if err != nil {
		return explain(ctx, q.op, q.target, err)
	}
	defer leave()

	resp, at, err := c.follow(ctx, q)
	if err != nil {
		return explain(ctx, q.op, q.target, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return refusal(q, resp)
	}
	if err := read(resp, at); err != nil {
		return explain(ctx, q.op, q.target, err)
	}
	return nil
}

// follow returns the first answer that is no redirect, and where it came from.
func (c *Client) follow(ctx context.Context, q question) (*http.Response, iri.IRI, error) {
	at, err := c.admit(q.target)
	if err != nil {
		return nil, "", err
	}
	header := http.Header{"Accept": {q.accept}, "Accept-Encoding": {"identity"}}
	if q.limit > 0 {
		header.Set("Accept-Encoding", "gzip")
	}
	for hop := 0; ; hop++ {
		resp, err := c.send(ctx, http.MethodGet, at, header, nil, q.sign)
		if err != nil {
			return nil, "", err
		}
		switch resp.StatusCode {
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
			http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		default:
			return resp, at, nil
		}
		discard(resp.Body)
		if hop == maxRedirects {
			return nil, "", faultf(KindRedirect, "more than %d redirects", maxRedirects)
		}
		next, err := c.redirect(at, resp.Header.Get("Location"))
		if err != nil {
			return nil, "", err
		}
		// At every hop, not only the last: a signature must not be carried to
		// an origin that the caller did not choose.
		if !q.anywhere && !next.SameOrigin(at) {
			return nil, "", faultf(KindRedirect, "%s leads to another origin, %s", at, next)
		}
		at = next
	}
}

func (c *Client) redirect(at iri.IRI, location string) (iri.IRI, error) {
	base, err := url.Parse(string(at))
	if err != nil {
		return "", faultf(KindRedirect, "%v", err)
	}
	if location == "" || len(location) > iri.MaxLength {
		return "", faultf(KindRedirect, "%s leads nowhere: no usable Location", at)
	}
	to, err := base.Parse(location)
	if err != nil {
		return "", faultf(KindRedirect, "%s leads nowhere: %v", at, err)
	}
	next, err := c.rules.Parse(to.String())
	if err != nil {
		return "", faultf(KindRedirect, "%s leads where we may not follow: %v", at, err)
	}
	return next.WithoutFragment(), nil
}

// refusal is the error for an answer other than 200.
func refusal(q question, resp *http.Response) error {
	e := &Error{Kind: KindStatus, Op: q.op, URL: q.target, Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header)}
	switch resp.StatusCode {
	case http.StatusNotFound:
		e.Kind = KindNotFound
	case http.StatusGone:
		e.Kind = KindGone
	}
	if p := readProblem(resp); p != nil {
		e.Detail = p.String()
	}
	return e
}

// encoding returns the content encoding in lower case, "" for none.
func encoding(resp *http.Response) string {
	enc := strings.ToLower(strings.TrimSpace(strings.Join(resp.Header.Values("Content-Encoding"), ",")))
	if enc == "identity" {
		return ""
	}
	return enc
}

// readBody reads at most limit bytes, counted both as sent and decompressed:
// gzip can also be endless without ever yielding a byte.
func readBody(resp *http.Response, limit int64) ([]byte, error) {
	if resp.ContentLength > limit {
		return nil, faultf(KindTooLarge, "the answer has %d bytes, above %d", resp.ContentLength, limit)
	}
	sent := &io.LimitedReader{R: resp.Body, N: limit + 1}
	plain := io.Reader(sent)
	switch enc := encoding(resp); enc {
	case "":
	case "gzip":
		z, err := gzip.NewReader(sent)
		if err != nil {
			return nil, damaged(err)
		}
		plain = z
	default:
		return nil, faultf(KindContentType, "the answer is encoded as %q, which was not asked for", cut(enc))
	}
	body, err := io.ReadAll(io.LimitReader(plain, limit+1))
	if sent.N == 0 || int64(len(body)) > limit {
		return nil, faultf(KindTooLarge, "the answer has more than %d bytes", limit)
	}
	if err != nil {
		return nil, damaged(err)
	}
	return body, nil
}

// damaged tells broken gzip from a broken connection.
func damaged(err error) error {
	if _, corrupt := errors.AsType[flate.CorruptInputError](err); corrupt ||
		errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) {
		return faultf(KindContentType, "the answer is not the gzip it claims to be: %v", err)
	}
	return err
}

// isActivity admits the two types of AP §3.2. A charset is ignored: the body
// is JSON, hence UTF-8, or is refused when it is read.
func isActivity(mediaType string, params map[string]string) bool {
	switch mediaType {
	case activityJSON:
		return true
	case "application/ld+json":
		return slices.Contains(strings.Fields(params["profile"]), profileAS2)
	}
	return false
}
