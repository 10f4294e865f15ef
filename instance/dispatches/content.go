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

	"valise/federation/policy"
	"valise/federation/vocab"
	"valise/instance/accounts"
	"valise/models/iri"
)

// Kinds of dispatch.
var Kinds = []string{"cable", "noteVerbale", "circularNote", "aideMemoire", "nonPaper", "demarche"}

// Limits of a draft, checked at drafting so that nothing fails at release.
const (
	maxSubject     = 500
	maxParagraphs  = 500
	maxText        = 400 << 10 // bytes of all paragraphs; a released dispatch must stay below 1 MiB
	maxAddressees  = 256
	maxReferences  = 100
	maxCollectives = 20
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
	Tags        []string     `json:"tags,omitempty"` // as ReadTags makes them
	// Collectives are collective addresses of the office; release puts their members
	// beside Action and Info.
	Collectives []Collective `json:"collectives,omitempty"`
	// Head is the version of all that is no paragraph, and Last the highest number that a
	// paragraph's id has had. Both are the store's own.
	Head int64 `json:"head,omitempty"`
	Last int64 `json:"last,omitempty"`
	// Erased stands in the place of words that went with the withdrawal of the dispatch.
	Erased *Erasure `json:"erased,omitempty"`
}

// Erasure says when the words of a draft were erased, and who withdrew the dispatch.
type Erasure struct {
	At time.Time `json:"at"`
	By iri.IRI   `json:"by"`
}

// Gone refuses to go on with a draft whose words were erased.
func (c *Content) Gone() error {
	if c.Erased == nil {
		return nil
	}
	return &policy.Refusal{Code: "erased", Status: 410, Detail: fmt.Sprintf("the text was erased when %s withdrew the dispatch on %s; who wrote and cleared which revision stays", c.Erased.By, c.Erased.At.Format("2 January 2006, 15:04 MST"))}
}

// Collective names a collective address in a draft.
type Collective struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role string `json:"role"` // models.RoleAction or models.RoleInfo
}

// Paragraph is one numbered paragraph in Markdown. ID stays the same while the draft
// lives and is never used again; Version rises with each change of it.
type Paragraph struct {
	ID       string `json:"id,omitempty"`
	Version  int64  `json:"version,omitempty"`
	Marking  string `json:"marking,omitempty"` // portion marking; "" is the whole's
	Language string `json:"language,omitempty"`
	Text     string `json:"text"`
}

// Reference points at another dispatch, with the digest that it had when it was cited.
type Reference struct {
	Target  iri.IRI `json:"target"`
	Label   string  `json:"label"`
	Digest  string  `json:"digest,omitempty"`
	Answers bool    `json:"answers,omitempty"` // this dispatch answers the target
}

// Attachment is a file that is kept here by digest.
type Attachment struct {
	Name      string `json:"name"`
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
	Marking   string `json:"marking,omitempty"` // "" is the whole's
}

// ParseContent reads stored content.
func ParseContent(b []byte) (*Content, error) {
	c := new(Content)
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("read a draft's content: %w", err)
	}
	return c, nil
}

// check refuses what could not be released, with words for the drafter.
func (c *Content) check() error {
	if err := c.checkForm(); err != nil {
		return err
	}
	if c.Subject == "" {
		return policy.About("subject", accounts.Invalid("a subject of 1 to %d bytes is needed", maxSubject))
	}
	if len(c.Paragraphs) == 0 {
		return accounts.Invalid("a dispatch has 1 to %d paragraphs, not 0", maxParagraphs)
	}
	for i, p := range c.Paragraphs {
		if strings.TrimSpace(p.Text) == "" {
			return accounts.Invalid("paragraph %d is empty", i+1)
		}
	}
	return nil
}

// checkForm refuses what may not even be kept as a draft. What is missing may still come.
func (c *Content) checkForm() error {
	c.Subject = strings.TrimSpace(c.Subject)
	switch {
	case !slices.Contains(Kinds, c.Kind):
		return policy.About("kind", accounts.Invalid("kind %q: use one of %s", c.Kind, strings.Join(Kinds, ", ")))
	case len(c.Subject) > maxSubject:
		return policy.About("subject", accounts.Invalid("a subject of 1 to %d bytes is needed", maxSubject))
	case len(c.Paragraphs) > maxParagraphs:
		return accounts.Invalid("a dispatch has 1 to %d paragraphs, not %d", maxParagraphs, len(c.Paragraphs))
	case len(c.Collectives) > maxCollectives:
		return accounts.Invalid("at most %d collective addresses, not %d", maxCollectives, len(c.Collectives))
	case len(c.Action)+len(c.Info) > maxAddressees:
		return accounts.Invalid("at most %d addressees, not %d", maxAddressees, len(c.Action)+len(c.Info))
	case len(c.References) > maxReferences:
		return accounts.Invalid("at most %d references, not %d", maxReferences, len(c.References))
	}
	tags, err := ReadTags(strings.Join(c.Tags, ","))
	if err != nil {
		return err
	}
	c.Tags = tags
	size := 0
	for i, p := range c.Paragraphs {
		size += len(p.Text)
		if why := Unfit(p.Text); why != "" {
			return accounts.Invalid("paragraph %d %s", i+1, why)
		}
	}
	if size > maxText {
		return accounts.Invalid("the text has %d bytes; at most %d fit into one dispatch. Put the rest into an attachment", size, maxText)
	}
	for _, f := range []struct{ field, name, text string }{{"subject", "the subject", c.Subject}, {"summary", "the summary", c.Summary}, {"changeNote", "the change note", c.ChangeNote}} {
		if why := Unfit(f.text); why != "" {
			return policy.About(f.field, accounts.Invalid("%s %s", f.name, why))
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

// Unfit says what is wrong with a text: bytes that are no text, or characters that
// reverse the order of what is read after them.
func Unfit(s string) string {
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

// Excerpt is the first words of a text in HTML, without markup, for lists.
func Excerpt(markup string) string {
	const enough = 300 // bytes
	if len(markup) > 8*enough {
		markup = markup[:8*enough]
	}
	text := strings.Join(strings.Fields(Plain(strings.ToValidUTF8(markup, ""))), " ")
	if len(text) <= enough {
		return text
	}
	cut := strings.LastIndexByte(text[:enough], ' ')
	if cut < enough/2 {
		cut = enough
	}
	return strings.ToValidUTF8(text[:cut], "") + "…"
}

var noTags = bluemonday.StrictPolicy()

// Plain returns the text of sanitised HTML without its tags.
func Plain(markup string) string {
	text := noTags.Sanitize(strings.ReplaceAll(markup, "</p>", "</p>\n"))
	return strings.TrimSpace(html.UnescapeString(text))
}
