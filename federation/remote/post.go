package remote

import (
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"valise/models/iri"
)

// Answer is what an inbox said, whatever the status.
type Answer struct {
	Status     int
	RetryAfter time.Duration // zero if not asked for; a day at most
	Problem    *Problem      // the reason, where a 4xx or 5xx carries one
	Header     http.Header   // the fields of answerFields, where present
}

// OK reports an answer 2xx.
func (a *Answer) OK() bool { return a.Status >= 200 && a.Status < 300 }

var answerFields = []string{"Accept-Signature", "Content-Type", "Date", "Location", "Retry-After", "Signature-Input"}

// Problem is a machine-readable reason (RFC 9457). Its words are the peer's,
// cut to maxWords bytes each and free of control characters.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

// String returns "title: detail", or what there is of it.
func (p *Problem) String() string {
	switch {
	case p.Detail == "":
		return p.Title
	case p.Title == "":
		return p.Detail
	}
	return p.Title + ": " + p.Detail
}

const (
	maxWords      = 500
	maxRetryAfter = 24 * time.Hour
)

// Post sends an activity to an inbox. No redirect is followed: a 3xx is an
// answer like any other. An *Error means that no status was received, and
// whether the peer has the activity is then unknown, except for
// KindRefusedAddress.
//
// On a kept connection that turns out to be closed the same bytes are sent
// once more: an inbox knows an activity by its id.
func (c *Client) Post(ctx context.Context, inbox iri.IRI, body []byte, sign SignFunc) (*Answer, error) {
	const op = "post"
	ctx, cancel := context.WithTimeout(ctx, c.total)
	defer cancel()
	at, err := c.admit(inbox)
	if err != nil {
		return nil, explain(ctx, op, inbox, err)
	}
	if body == nil {
		body = []byte{}
	}
	header := http.Header{
		"Content-Type":    {activityJSON},
		"Accept":          {activityJSON + ", application/problem+json"},
		"Accept-Encoding": {"identity"},
		"Idempotency-Key": {}, // not sent: tells net/http that it may repeat the request
	}
	resp, err := c.send(ctx, http.MethodPost, at, header, body, sign)
	if err != nil {
		return nil, explain(ctx, op, inbox, err)
	}
	defer resp.Body.Close()
	a := &Answer{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header), Header: http.Header{}}
	for _, name := range answerFields {
		if v := resp.Header.Values(name); len(v) > 0 {
			a.Header[name] = v
		}
	}
	a.Problem = readProblem(resp)
	return a, nil
}

// readProblem reads at most maxRest bytes of the body and returns the reason
// that an answer 4xx or 5xx gives, or nil. Beside RFC 9457 it knows {"error": "..."}, the form of
// Mastodon, GoToSocial and Lemmy. A body that breaks off is no error: the
// status has been received.
func readProblem(resp *http.Response) *Problem {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRest))
	if err != nil || resp.StatusCode < 400 || encoding(resp) != "" {
		return nil
	}
	mediaType, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" && !strings.HasSuffix(mediaType, "+json") {
		return nil
	}
	var said struct {
		Problem
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &said) != nil {
		return nil
	}
	p := Problem{Type: cut(said.Type), Title: cut(said.Title), Detail: cut(said.Detail)}
	if p.Detail == "" {
		p.Detail = cut(said.Error)
	}
	if p == (Problem{}) {
		return nil
	}
	return &p
}

// retryAfter reads Retry-After in either form (RFC 9110 §10.2.3). A date is
// compared with the peer's own Date, so that its clock does not matter.
func retryAfter(h http.Header) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(v, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	until, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return min(max(until.Sub(now), 0), maxRetryAfter)
}

// cut makes a peer's words fit to be shown in one line.
func cut(s string) string {
	if len(s) > maxWords {
		s = s[:maxWords]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}
