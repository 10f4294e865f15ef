package drafting

import (
	"bufio"
	"context"
	"errors"
	"io"
	"mime"
	"path"
	"slices"
	"strings"

	"github.com/gabriel-vasile/mimetype"
	"github.com/uptrace/bun"

	"valise/instance/dispatches"
	"valise/models/iri"
)

// sniffed is how much of a file tells its type. An office document is a ZIP whose first
// entries name it.
const sniffed = 64 << 10

func init() { mimetype.SetLimit(sniffed) }

// byName is the media type that a file's name promises.
var byName = map[string]string{
	".pdf": "application/pdf", ".txt": "text/plain", ".csv": "text/csv", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
	".odt": "application/vnd.oasis.opendocument.text", ".ods": "application/vnd.oasis.opendocument.spreadsheet", ".odp": "application/vnd.oasis.opendocument.presentation",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation", ".tif": "image/tiff", ".tiff": "image/tiff", ".xml": "application/xml", ".json": "application/json", ".zip": "application/zip",
}

// plainTexts are what a text or a table may look like to the sniffer.
var plainTexts = []string{"text/plain", "text/csv", "text/tab-separated-values"}

// Attach keeps a file and attaches it to a draft, under a marking ("" for that of the
// whole). Its content must be what its name says, and of a type that is allowed here. The
// same file under the same name is attached once.
func (s *Drafting) Attach(ctx context.Context, person iri.IRI, draft, name, marking string, r io.Reader) (dispatches.Attachment, error) {
	name = path.Base(strings.ReplaceAll(strings.TrimSpace(name), "\\", "/"))
	if name == "." || name == "/" || len(name) > 255 || dispatches.Unfit(name) != "" {
		return dispatches.Attachment{}, invalid("a file needs a plain name of at most 255 bytes")
	}
	if _, err := s.office(ctx, person, draft); err != nil {
		return dispatches.Attachment{}, err
	}
	head := bufio.NewReaderSize(r, sniffed)
	first, err := head.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return dispatches.Attachment{}, err
	}
	if len(first) == 0 {
		return dispatches.Attachment{}, invalid("%s is empty", name)
	}
	media, err := s.mediaType(name, first)
	if err != nil {
		return dispatches.Attachment{}, err
	}
	a, err := s.Dispatches.Upload(ctx, name, media, head)
	if err != nil {
		return a, err
	}
	a.Marking = marking
	_, _, err = s.Dispatches.ChangeDraft(ctx, person, draft, func(ctx context.Context, tx bun.Tx, c *dispatches.Content) error {
		c.Attachments = slices.DeleteFunc(c.Attachments, func(o dispatches.Attachment) bool { return o.Digest == a.Digest })
		if slices.ContainsFunc(c.Attachments, func(o dispatches.Attachment) bool { return o.Name == a.Name }) {
			return invalid("another file is attached as %s already; give this one another name, or take the other out", a.Name)
		}
		c.Attachments = append(c.Attachments, a)
		return nil
	})
	return a, err
}

// mediaType compares what a file's name says with what it holds.
func (s *Drafting) mediaType(name string, first []byte) (string, error) {
	ext := strings.ToLower(path.Ext(name))
	want, known := byName[ext]
	if !known || !slices.Contains(s.Dispatches.Limits.Types, want) {
		return "", invalid("%s: files of this kind are not allowed here. Allowed are %s", name, strings.Join(s.Extensions(), ", "))
	}
	got := mimetype.Detect(first)
	if got.Is(want) {
		return want, nil
	}
	if plain, _, _ := mime.ParseMediaType(got.String()); slices.Contains(plainTexts, plain) && slices.Contains(plainTexts, want) {
		return want, nil
	}
	return "", invalid("%s says by its name that it is %s, and it holds %s. Give it the name that fits, or save it in the right format", name, want, got.String())
}

// Extensions are the ends of file names that may be attached here.
func (s *Drafting) Extensions() []string {
	var out []string
	for ext, media := range byName {
		if slices.Contains(s.Dispatches.Limits.Types, media) {
			out = append(out, ext)
		}
	}
	slices.Sort(out)
	return out
}

// Detach takes a file out of a draft.
func (s *Drafting) Detach(ctx context.Context, person iri.IRI, draft, digest string) error {
	_, _, err := s.Dispatches.ChangeDraft(ctx, person, draft, func(ctx context.Context, tx bun.Tx, c *dispatches.Content) error {
		c.Attachments = slices.DeleteFunc(c.Attachments, func(a dispatches.Attachment) bool { return a.Digest == digest })
		return nil
	})
	return err
}

// MarkFile gives an attachment another marking.
func (s *Drafting) MarkFile(ctx context.Context, person iri.IRI, draft, digest, marking string) error {
	_, _, err := s.Dispatches.ChangeDraft(ctx, person, draft, func(ctx context.Context, tx bun.Tx, c *dispatches.Content) error {
		for i := range c.Attachments {
			if c.Attachments[i].Digest == digest {
				c.Attachments[i].Marking = marking
			}
		}
		return nil
	})
	return err
}

// OpenFile opens a file of a draft for somebody who may read the draft.
func (s *Drafting) OpenFile(ctx context.Context, person iri.IRI, draft, digest string) (dispatches.Attachment, io.ReadSeekCloser, error) {
	_, c, err := s.read(ctx, person, draft)
	if err != nil {
		return dispatches.Attachment{}, nil, err
	}
	for _, a := range c.Attachments {
		if a.Digest == digest {
			f, err := s.Dispatches.Files.Open(digest)
			return a, f, err
		}
	}
	return dispatches.Attachment{}, nil, dispatches.NotFound("file")
}
