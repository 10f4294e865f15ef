package remote

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"valise/models/iri"
)

func TestGetFile(t *testing.T) {
	const size = 100_000
	file := bytes.Repeat([]byte("0123456789"), size/10)
	base, c := loopbackPeer(t, never, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Signature") == "" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		switch r.URL.Path {
		case "/declared":
			w.Header().Set("Content-Length", strconv.Itoa(size))
		case "/encoded":
			w.Header().Set("Content-Encoding", "gzip")
		case "/cut":
			w.Header().Set("Content-Length", strconv.Itoa(size+1))
		default:
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = w.Write(file)
	})
	sign := func(r *http.Request, _ []byte) error { r.Header.Set("Signature", "x"); return nil }
	get := func(path string, limit int64) ([]byte, error) {
		var b bytes.Buffer
		n, err := c.GetFile(t.Context(), iri.IRI(base+path), sign, limit, &b)
		if n != int64(b.Len()) || n > limit {
			t.Errorf("%s: %d bytes written, %d reported, %d allowed", path, b.Len(), n, limit)
		}
		return b.Bytes(), err
	}
	for _, path := range []string{"/declared", "/streamed"} {
		for _, limit := range []int64{size, size + 1} {
			if got, err := get(path, limit); err != nil || !bytes.Equal(got, file) {
				t.Errorf("%s, limit %d: %d bytes, %v", path, limit, len(got), err)
			}
		}
		for _, limit := range []int64{0, 1, size - 1} {
			_, err := get(path, limit)
			wantKind(t, err, KindTooLarge)
		}
	}
	_, err := get("/encoded", size)
	wantKind(t, err, KindContentType)
	_, err = get("/cut", 2*size)
	wantKind(t, err, KindUnreachable)
	_, err = c.GetFile(t.Context(), iri.IRI(base+"/declared"), nil, size, io.Discard)
	wantKind(t, err, KindNotFound)
}

type fullDisk struct{}

var errFull = errors.New("no space left on device")

func (fullDisk) Write(p []byte) (int, error) { return 0, errFull }

// A full disk is not the peer's fault.
func TestGetFileWriterFails(t *testing.T) {
	base, c := loopbackPeer(t, never, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 1000))
	})
	_, err := c.GetFile(t.Context(), iri.IRI(base+"/f"), nil, 2000, fullDisk{})
	if !errors.Is(err, errFull) || KindOf(err) != "" {
		t.Errorf("error is %v", err)
	}
}
