package dispatches

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"

	"valise/federation/vocab"
	"valise/instance/accounts"
	"valise/models/iri"
)

// Kinds of dispatch.
var Kinds = []string{"cable", "noteVerbale", "circularNote", "aideMemoire", "nonPaper", "demarche"}

// Limits of a draft, checked at drafting so that nothing fails at release.
const (
	maxSubject    = 500
	maxParagraphs = 500
	maxText       = 400 << 10 // bytes of all paragraphs; a released dispatch must stay below 1 MiB
	maxAddressees = 256
	maxReferences = 100
)

// Content is what people write: a draft's text and headers.
type Content struct {
	Kind        string       `json:"kind"`
	Subject     string       `json:"subject"`
	Summary     string       `json:"summary,omitempty"`
	Precedence  string       `json:"precedence"`
	Marking     string       `json:"marking"`
	Language    string       `json:"language,omitempty"`
	Action      []iri.IRI    `json:"action,omitempty"`
	Info        []iri.IRI    `json:"info,omitempty"`
	Community   iri.IRI      `json:"community,omitempty"`
	Paragraphs  []Paragraph  `json:"paragraphs"`
	References  []Reference  `json:"references,omitempty"`
	Attachments []Attachment `json:"attachments,omitempty"`
	ValidUntil  *time.Time   `json:"validUntil,omitempty"`
	ChangeNote  string       `json:"changeNote,omitempty"`
}

// Paragraph is one numbered paragraph in Markdown.
type Paragraph struct {
	Marking  string `json:"marking,omitempty"` // portion marking; "" is the whole's
	Language string `json:"language,omitempty"`
	Text     string `json:"text"`
}

// Reference points at another dispatch, with the digest that it had when it was cited.
type Reference struct {
	Target iri.IRI `json:"target"`
	Label  string  `json:"label"`
	Digest string  `json:"digest,omitempty"`
}

// Attachment is a file that is kept here by digest.
type Attachment struct {
	Name      string `json:"name"`
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// parseContent reads stored content.
func parseContent(b []byte) (*Content, error) {
	c := new(Content)
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("read a draft's content: %w", err)
	}
	return c, nil
}

// check refuses what could not be released, with words for the drafter.
func (c *Content) check() error {
	c.Subject = strings.TrimSpace(c.Subject)
	switch {
	case !slices.Contains(Kinds, c.Kind):
		return accounts.Invalid("kind %q: use one of %s", c.Kind, strings.Join(Kinds, ", "))
	case c.Subject == "" || len(c.Subject) > maxSubject:
		return accounts.Invalid("a subject of 1 to %d bytes is needed", maxSubject)
	case len(c.Paragraphs) == 0 || len(c.Paragraphs) > maxParagraphs:
		return accounts.Invalid("a dispatch has 1 to %d paragraphs, not %d", maxParagraphs, len(c.Paragraphs))
	case len(c.Action)+len(c.Info) > maxAddressees:
		return accounts.Invalid("at most %d addressees, not %d", maxAddressees, len(c.Action)+len(c.Info))
	case len(c.References) > maxReferences:
		return accounts.Invalid("at most %d references, not %d", maxReferences, len(c.References))
	}
	size := 0
	for i, p := range c.Paragraphs {
		size += len(p.Text)
		if strings.TrimSpace(p.Text) == "" {
			return accounts.Invalid("paragraph %d is empty", i+1)
		}
		if why := unfit(p.Text); why != "" {
			return accounts.Invalid("paragraph %d %s", i+1, why)
		}
	}
	if size > maxText {
		return accounts.Invalid("the text has %d bytes; at most %d fit into one dispatch. Put the rest into an attachment", size, maxText)
	}
	for name, s := range map[string]string{"the subject": c.Subject, "the summary": c.Summary, "the change note": c.ChangeNote} {
		if why := unfit(s); why != "" {
			return accounts.Invalid("%s %s", name, why)
		}
	}
	seen := map[iri.IRI]bool{}
	for _, id := range slices.Concat(c.Action, c.Info) {
		if seen[id] {
			return accounts.Invalid("%s is named twice", id)
		}
		seen[id] = true
	}
	return nil
}

// unfit says what is wrong with a text: bytes that are no text, or characters that
// reverse the order of what is read after them.
func unfit(s string) string {
	if !utf8.ValidString(s) {
		return "is not valid UTF-8"
	}
	for _, r := range s {
		switch {
		case r == 0:
			return "holds a NUL character"
		case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
			return fmt.Sprintf("holds the direction control U+%04X, which can make a text read as another", r)
		case unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r':
			return fmt.Sprintf("holds the control character U+%04X", r)
		}
	}
	return ""
}

var (
	markdown = goldmark.New()
	// allowed is what the HTML of a dispatch may hold; it is applied when a text is
	// written and again when one is shown.
	allowed = func() *bluemonday.Policy {
		p := bluemonday.NewPolicy()
		p.AllowElements("p", "br", "em", "strong", "ul", "ol", "li", "blockquote", "code", "pre", "h3", "h4", "h5", "h6", "hr", "sub", "sup", "table", "thead", "tbody", "tr", "th", "td")
		p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
		p.AllowStandardURLs()
		p.AllowURLSchemes("https", "mailto")
		p.AllowAttrs("href").OnElements("a")
		p.RequireNoFollowOnLinks(true)
		return p
	}()
)

// Sanitise returns HTML that is safe to show. Signed bytes are never changed: this is
// a copy for readers.
func Sanitise(unsafe string) string { return allowed.Sanitize(unsafe) }

// HTML renders one paragraph of Markdown.
func (p Paragraph) HTML() (string, error) {
	var b bytes.Buffer
	if err := markdown.Convert([]byte(p.Text), &b); err != nil {
		return "", fmt.Errorf("render a paragraph: %w", err)
	}
	return strings.TrimSpace(allowed.Sanitize(b.String())), nil
}

// render returns the paragraphs as on the wire and their concatenation, the authentic
// text.
func (c *Content) render(whole string) (ps []vocab.Paragraph, content string, err error) {
	var all strings.Builder
	for i, p := range c.Paragraphs {
		h, err := p.HTML()
		if err != nil {
			return nil, "", err
		}
		if h == "" {
			return nil, "", accounts.Invalid("paragraph %d holds nothing that may be shown", i+1)
		}
		language := p.Language
		if language == "" {
			language = c.Language
		}
		marking := p.Marking
		if marking == "" {
			marking = whole
		}
		ps = append(ps, vocab.Paragraph{ID: fmt.Sprint(i + 1), Marking: marking, Language: language, Content: h})
		all.WriteString(h)
	}
	return ps, all.String(), nil
}

// Plain returns the text of sanitised HTML without its tags.
func Plain(markup string) string {
	text := bluemonday.StrictPolicy().Sanitize(strings.ReplaceAll(markup, "</p>", "</p>\n"))
	return strings.TrimSpace(html.UnescapeString(text))
}
