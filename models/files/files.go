// Package files keeps attachments by digest in a folder. A file is there whole or not
// at all.
package files

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mr-tron/base58"
)

// Folder is a local folder of files named by digest.
type Folder struct{ path string }

// ErrTooLarge says that the content goes beyond the caller's limit; nothing was kept.
var ErrTooLarge = errors.New("the file is larger than allowed")

// ErrDigest says that the content is not what its digest says; nothing was kept.
var ErrDigest = errors.New("the content does not have the digest that was announced")

// Open makes the folder with mode 0700 if it is missing.
func Open(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("open the folder of attachments: %w", err)
	}
	return &Folder{path}, nil
}

// Digest is the multibase form of a SHA-256 multihash, "zQm…".
func Digest(sum [32]byte) string {
	return "z" + base58.Encode(append([]byte{0x12, 0x20}, sum[:]...))
}

// Put keeps what r holds, at most limit bytes, and returns its digest and size. With
// want not empty, content of another digest is refused.
func (f *Folder) Put(r io.Reader, limit int64, want string) (digest string, size int64, err error) {
	return f.Fill(limit, want, func(w io.Writer) error {
		_, err := io.Copy(w, io.LimitReader(r, limit+1))
		return err
	})
}

// Fill is Put for content that is written by a function.
func (f *Folder) Fill(limit int64, want string, fill func(io.Writer) error) (digest string, size int64, err error) {
	tmp, err := os.CreateTemp(f.path, "new-*")
	if err != nil {
		return "", 0, fmt.Errorf("keep a file: %w", err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	h := sha256.New()
	counted := &counter{w: io.MultiWriter(tmp, h), limit: limit}
	if err := fill(counted); err != nil {
		return "", counted.n, err
	}
	if counted.n > limit {
		return "", counted.n, ErrTooLarge
	}
	digest = Digest([32]byte(h.Sum(nil)))
	if want != "" && digest != want {
		return digest, counted.n, ErrDigest
	}
	if err := errors.Join(tmp.Sync(), tmp.Close()); err != nil {
		return "", 0, fmt.Errorf("keep a file: %w", err)
	}
	path, err := f.name(digest)
	if err != nil {
		return "", 0, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", 0, fmt.Errorf("keep a file: %w", err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return "", 0, fmt.Errorf("keep a file: %w", err)
	}
	return digest, counted.n, nil
}

// Open returns the file with that digest, or fs.ErrNotExist.
func (f *Folder) Open(digest string) (io.ReadSeekCloser, error) {
	path, err := f.name(digest)
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// Has tells whether the file is here.
func (f *Folder) Has(digest string) bool {
	path, err := f.name(digest)
	if err != nil {
		return false
	}
	_, err = os.Stat(path)
	return err == nil
}

// Delete erases the file; one that is not here is no error.
func (f *Folder) Delete(digest string) error {
	path, err := f.name(digest)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("erase a file: %w", err)
	}
	return nil
}

func (f *Folder) name(digest string) (string, error) {
	if len(digest) < 40 || len(digest) > 60 || !strings.HasPrefix(digest, "zQm") || strings.ContainsAny(digest, "/\\.\x00") {
		return "", fmt.Errorf("%w: %q is no digest", fs.ErrNotExist, digest)
	}
	return filepath.Join(f.path, digest[3:5], digest), nil
}

type counter struct {
	w        io.Writer
	n, limit int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	if c.n > c.limit {
		return 0, ErrTooLarge
	}
	return c.w.Write(p)
}
