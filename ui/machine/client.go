package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// Client speaks to an API, at a socket or in this process. It is safe for concurrent
// use.
type Client struct{ http http.Client }

// ErrNobody says that no process answers at the socket.
var ErrNobody = errors.New("no instance is running there")

// Dial returns a client of the socket, or ErrNobody.
func Dial(path string) (*Client, error) {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, ErrNobody
	}
	if err != nil {
		return nil, fmt.Errorf("reach the admin socket: %w", err)
	}
	conn.Close()
	var d net.Dialer
	return &Client{http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", path) },
	}}}, nil
}

// InProcess returns a client that hands requests to a handler.
func InProcess(h http.Handler) *Client { return &Client{http.Client{Transport: direct{h}}} }

// Problem is a refusal as the API told it.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func (p *Problem) Error() string { return fmt.Sprintf("%s (%s)", p.Detail, p.Title) }

// Do sends in as JSON (nothing if it is nil) and reads the answer into out (which may
// be nil). A refusal is a *Problem.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: write the request: %w", method, path, err)
		}
		body = bytes.NewReader(text)
	}
	return c.send(ctx, method, path, "application/json", body, out)
}

// Upload posts a file as it is.
func (c *Client) Upload(ctx context.Context, path, mediaType string, file io.Reader, out any) error {
	return c.send(ctx, http.MethodPost, path, mediaType, file, out)
}

func (c *Client) send(ctx context.Context, method, path, kind string, body io.Reader, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://valise"+path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the instance: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read the instance's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		p := &Problem{}
		if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") || json.Unmarshal(text, p) != nil {
			return fmt.Errorf("%s %s: the instance answered %s", method, path, resp.Status)
		}
		return p
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	return nil
}

// direct is a transport that calls the handler.
type direct struct{ h http.Handler }

func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	if req.Body == nil {
		req.Body = http.NoBody
	}
	defer req.Body.Close()
	w := &answer{header: http.Header{}, status: http.StatusOK}
	d.h.ServeHTTP(w, req)
	return &http.Response{StatusCode: w.status, Status: http.StatusText(w.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.header,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: req}, nil
}

// answer is a response in memory.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
