package remote

import (
	"context"
	"io"
	"net/http"
	"time"

	"valise/models/iri"
)

// fileRate is the slowest link, in bytes per second, over which a file of the
// greatest permitted size still arrives in time.
const fileRate = 64 << 10

// GetFile writes the body found at id to w: at most maxBytes, of which none
// beyond that is written, and n tells how many were. Redirects are those of
// Get. The content type is the sender's claim and is not looked at; the caller
// checks size and digest. The total timeout is extended by maxBytes at 64 KiB
// a second.
func (c *Client) GetFile(ctx context.Context, id iri.IRI, sign SignFunc, maxBytes int64, w io.Writer) (n int64, err error) {
	q := question{op: "get file", target: id, accept: "*/*", sign: sign}
	slow := time.Duration(maxBytes/fileRate) * time.Second
	err = c.ask(ctx, c.files, c.total+slow, q, func(resp *http.Response, _ iri.IRI) error {
		if enc := encoding(resp); enc != "" {
			return faultf(KindContentType, "the file is encoded as %s, which was not asked for", enc)
		}
		if resp.ContentLength > maxBytes {
			return faultf(KindTooLarge, "the file has %d bytes, above %d", resp.ContentLength, maxBytes)
		}
		out := &ownWriter{w: w}
		n, err = io.CopyN(out, resp.Body, maxBytes)
		switch {
		case out.err != nil:
			return &ownFault{"write file fetched from " + string(id), out.err}
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != io.EOF {
			if err != nil {
				return err
			}
			return faultf(KindTooLarge, "the file has more than %d bytes", maxBytes)
		}
		return nil
	})
	return n, err
}

// ownWriter remembers that it was w that failed, not the peer.
type ownWriter struct {
	w   io.Writer
	err error
}

func (o *ownWriter) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.err = err
	return n, err
}
