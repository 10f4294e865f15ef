package tei

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
)

// errTokenTooLong is what a token longer than maxToken ends in. encoding/xml
// holds a whole token in memory, so the bound has to be on its input.
var errTokenTooLong = errors.New("a tag or run of text is too long")

// input hands bytes to the XML decoder one at a time, so that the decoder never
// reads ahead and the place where it stopped is known. It can put bytes back.
type input struct {
	r      *bufio.Reader
	back   []byte
	budget int // bytes that the current token may still take
	offset int64
	last   byte
}

func newInput(r io.Reader) (*input, error) {
	in := &input{r: bufio.NewReaderSize(r, 64<<10), budget: maxToken}
	head, err := in.r.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.Equal(head, []byte("\xef\xbb\xbf")):
		in.r.Discard(3)
		in.offset = 3
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return nil, fmt.Errorf("%w: it is UTF-16; only UTF-8 is read", ErrRefused)
	}
	return in, nil
}

func (in *input) ReadByte() (byte, error) {
	if in.budget <= 0 {
		return 0, errTokenTooLong
	}
	in.budget--
	if n := len(in.back); n > 0 {
		in.last = in.back[n-1]
		in.back = in.back[:n-1]
		in.offset++
		return in.last, nil
	}
	b, err := in.r.ReadByte()
	if err != nil {
		return 0, err
	}
	in.offset++
	in.last = b
	return b, nil
}

// Read exists because xml.NewDecoder wants an io.Reader; the decoder uses ReadByte.
func (in *input) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := in.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	return 1, nil
}

// unread puts b back, to be read next.
func (in *input) unread(b []byte) {
	for i := len(b) - 1; i >= 0; i-- {
		in.back = append(in.back, b[i])
	}
	in.offset -= int64(len(b))
}

// maxTag is far above the longest document tag that is printed anywhere.
const maxTag = 4 << 10

var documentTag = regexp.MustCompile(`^<(?:[A-Za-z_][\w.-]*:)?div\s(?:[^<]*\s)?type\s*=\s*["']document["'][^<]*>$`)

// seekDocument moves to the next start tag of a document, whatever stands
// before it. It returns io.EOF when there is none.
func (in *input) seekDocument() error {
	open := in.last == '<' // the decoder may have looked one byte ahead
	for {
		if !open {
			in.budget = maxToken
			b, err := in.ReadByte()
			if err != nil {
				return err
			}
			open = b == '<'
			continue
		}
		tag := []byte{'<'}
		open = false
		for len(tag) < maxTag {
			in.budget = maxToken
			b, err := in.ReadByte()
			if err != nil {
				return err
			}
			if b == '<' {
				open = true
				break
			}
			tag = append(tag, b)
			if b == '>' {
				break
			}
		}
		if !open && documentTag.Match(tag) {
			in.unread(tag)
			return nil
		}
	}
}
