package vocab

import (
	"fmt"
	"strconv"
)

// Codes of Error. They go to senders in problem documents and are stable.
const (
	CodeSyntax           = "syntax"
	CodeInvalidUTF8      = "invalid-utf8"
	CodeNUL              = "nul"
	CodeTooDeep          = "too-deep"
	CodeTooLarge         = "too-large"
	CodeTooManyNodes     = "too-many-nodes"
	CodeDuplicateKey     = "duplicate-key"
	CodeCaseTwins        = "case-twins"
	CodeTrailing         = "trailing-bytes"
	CodeWrongType        = "wrong-type"
	CodeMissing          = "missing-member"
	CodeInvalidIRI       = "invalid-iri"
	CodeInvalidTime      = "invalid-time"
	CodeInvalidValue     = "invalid-value"
	CodeUnknownType      = "unknown-type"
	CodeTooMany          = "too-many-recipients"
	CodeTooManyKeys      = "too-many-keys"
	CodeBlind            = "blind-recipients"
	CodeContext          = "context-missing"
	CodeContextRedefines = "context-redefines"
	CodeKeyword          = "json-ld-keyword"
	CodeNull             = "signed-null"
	CodeEmptyArray       = "signed-empty-array"
	CodeNumber           = "signed-number"
	CodeParagraphs       = "paragraphs-differ"
	CodeVocabulary       = "vocabulary"
)

// Error is why a document was refused. Detail is for people and quotes at most
// a few words of the document; Offset is the byte where the fault lies, or -1.
type Error struct {
	Code   string
	Detail string
	Offset int
}

func (e *Error) Error() string {
	if e.Offset < 0 {
		return "read document: " + e.Code + ": " + e.Detail
	}
	return fmt.Sprintf("read document: %s at byte %d: %s", e.Code, e.Offset, e.Detail)
}

func fault(code string, n *Node, format string, args ...any) *Error {
	offset := -1
	if n != nil {
		offset = int(n.start)
	}
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...), Offset: offset}
}

// excerpt quotes s in at most 60 bytes of plain ASCII.
func excerpt(s string) string {
	if len(s) > 60 {
		s = s[:60] + "..."
	}
	return strconv.QuoteToASCII(s)
}

// Clip shortens what another instance wrote to at most n bytes of whole characters.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
