package vocab

import (
	"sort"
	"strings"
	"time"

	"valise/models/iri"
)

const mediaHTML = "text/html"

// mediaAS2 is the type of ActivityStreams documents in links (FEP-e232).
const mediaAS2 = `application/ld+json; profile="` + ContextAS2 + `"`

// Grade is a place in an ordered set: a precedence, a marking or a ceiling. The
// zero value is absent. Rank is -1 where the document gives none; a Grade of an
// unknown scheme is judged by its rank (PROTOCOL §5).
type Grade struct {
	Scheme, Level string
	Rank          int
}

// IsZero reports an absent grade.
func (g Grade) IsZero() bool { return g.Level == "" }

func (g Grade) obj() *Obj {
	if g.IsZero() {
		return nil
	}
	o := New().Str("scheme", g.Scheme).Str("level", g.Level)
	if g.Rank >= 0 {
		o.Int("rank", int64(g.Rank))
	}
	return o
}

// RefTag is a Link to another dispatch (FEP-e232). DigestMultibase, of the JCS
// form of what is referred to, is optional.
type RefTag struct {
	Name            string
	Href            iri.IRI
	DigestMultibase string
	// Answers says that the dispatch answers what it refers to. An Article must not
	// carry inReplyTo (PROTOCOL §4.3), so that the relation of the link says it.
	Answers bool
}

// Relations of a RefTag.
const (
	relRelated   = "related"
	relInReplyTo = "in-reply-to"
)

// Attachment is a file offered beside a document (FEP-1311). Size is in bytes.
type Attachment struct {
	Type            string // "Document", "Image" or "Link"; empty writes "Document"
	Name, MediaType string
	URL             iri.IRI
	DigestMultibase string
	Size            int64
}

// Paragraph is a numbered portion of a dispatch. Marking is the name of a level
// as written; judging it is policy.
type Paragraph struct {
	ID, Marking, Language, Content string
}

// Dispatch is the Article of PROTOCOL §3.1, without its proof.
type Dispatch struct {
	ID           iri.IRI
	AttributedTo iri.IRI
	To, Cc       []iri.IRI
	Audience     iri.IRI
	Public       bool // read only: the public collection is a recipient

	Name, Summary, Content string            // Summary and Content are HTML
	Translations           map[string]string // contentMap: language to HTML
	URL                    iri.IRI
	Published, Updated     time.Time
	Context                iri.IRI
	InReplyTo              iri.IRI // never set by us: only Notes may carry it
	RefTags                []RefTag
	Hashtags               []string // without the sign
	Attachments            []Attachment

	ReferenceNumber, DispatchType  string
	Precedence, Marking            Grade
	Paragraphs                     []Paragraph
	ActionAddressee, InfoAddressee []iri.IRI
	Signatory                      iri.IRI
	References                     []iri.IRI
	ReceiptRequested               []string
	ValidFrom, ValidUntil          time.Time
	Version                        int64 // 1 for the first; 0 where absent
	PreviousVersion                string
	ChangeNote                     string
	AuthenticLanguage              string
}

// Encode returns the JSON of the dispatch in the member order of PROTOCOL §3.1.
func (d *Dispatch) Encode() []byte {
	o := &Obj{b: make([]byte, 0, 2048+2*len(d.Content))}
	o.Raw("@context", []byte(CTX))
	o.IRI("id", d.ID).Str("type", "Article").IRI("attributedTo", d.AttributedTo)
	o.IRIs("to", d.To).IRIs("cc", d.Cc).IRI("audience", d.Audience)
	o.Str("name", d.Name).Str("summary", d.Summary).Str("content", d.Content)
	if len(d.Translations) > 0 {
		o.Obj("contentMap", languageMap(d.Translations))
	}
	o.Str("mediaType", mediaHTML).IRI("url", d.URL)
	o.Time("published", d.Published).Time("updated", d.Updated)
	o.IRI("context", d.Context).IRI("inReplyTo", d.InReplyTo)
	o.Objs("tag", append(refTagObjs(d.RefTags), hashtagObjs(d.Hashtags)...))
	o.Objs("attachment", attachmentObjs(d.Attachments))
	o.Str("referenceNumber", d.ReferenceNumber).Str("dispatchType", d.DispatchType)
	o.Obj("precedence", d.Precedence.obj()).Obj("marking", d.Marking.obj())
	var paragraphs []*Obj
	for _, p := range d.Paragraphs {
		paragraphs = append(paragraphs, New().Str("id", p.ID).Str("marking", p.Marking).
			Str("language", p.Language).Str("content", p.Content))
	}
	o.Objs("paragraphs", paragraphs)
	o.IRIs("actionAddressee", d.ActionAddressee).IRIs("infoAddressee", d.InfoAddressee)
	o.IRI("signatory", d.Signatory).IRIs("references", d.References)
	o.Strs("receiptRequested", d.ReceiptRequested)
	o.Time("validFrom", d.ValidFrom).Time("validUntil", d.ValidUntil)
	o.Decimal("version", d.Version).Str("previousVersion", d.PreviousVersion)
	o.Str("changeNote", d.ChangeNote).Str("authenticLanguage", d.AuthenticLanguage)
	return o.Bytes()
}

func languageMap(m map[string]string) *Obj {
	languages := make([]string, 0, len(m))
	for l := range m {
		languages = append(languages, l)
	}
	sort.Strings(languages)
	o := New()
	for _, l := range languages {
		o.Str(l, m[l])
	}
	return o
}

func refTagObjs(tags []RefTag) []*Obj {
	var list []*Obj
	for _, t := range tags {
		rel := relRelated
		if t.Answers {
			rel = relInReplyTo
		}
		list = append(list, New().Str("type", "Link").Str("rel", rel).Str("name", t.Name).
			Str("mediaType", mediaAS2).IRI("href", t.Href).Str("digestMultibase", t.DigestMultibase))
	}
	return list
}

func hashtagObjs(names []string) []*Obj {
	var list []*Obj
	for _, name := range names {
		list = append(list, New().Str("type", "Hashtag").Str("name", "#"+name))
	}
	return list
}

func attachmentObjs(files []Attachment) []*Obj {
	var list []*Obj
	for _, f := range files {
		kind := f.Type
		if kind == "" {
			kind = "Document"
		}
		o := New().Str("type", kind).Str("mediaType", f.MediaType).Str("name", f.Name).
			IRI("url", f.URL).Str("digestMultibase", f.DigestMultibase)
		if f.Size > 0 {
			o.Int("size", f.Size)
		}
		list = append(list, o)
	}
	return list
}

// ParseDispatch reads a dispatch: an Article with one owner, HTML content, and,
// where paragraphs are given, content that is exactly their concatenation. The
// error is an *Error. Origins, proof, ceilings and recipients are judged by
// the caller.
func ParseDispatch(n *Node, rules iri.Rules) (*Dispatch, error) {
	if n.Kind() != Object {
		return nil, fault(CodeWrongType, n, "a dispatch is an object, not %s", n.Kind())
	}
	r := reader{rules: rules}
	if name := TypeOf(n); name != "Article" {
		return nil, fault(CodeUnknownType, n.Get("type"), "%s is no Article", excerpt(name))
	}
	d := &Dispatch{ID: r.id(n, "id"), AttributedTo: r.id(n, "attributedTo")}
	to := r.addressing(n)
	d.To, d.Cc, d.Public = to.to, to.cc, to.public
	if len(to.audience) > 1 {
		r.fail(CodeWrongType, n.Get("audience"), "audience names several collections")
	} else if len(to.audience) == 1 {
		d.Audience = to.audience[0]
	}
	d.Name, d.Summary, d.Content = r.str(n, "name"), r.str(n, "summary"), r.need(n, "content")
	d.Translations = r.languages(n, "contentMap")
	if m := r.str(n, "mediaType"); m != "" && m != mediaHTML {
		r.fail(CodeInvalidValue, n.Get("mediaType"), "mediaType is %s, not %s", excerpt(m), mediaHTML)
	}
	d.URL, d.Context, d.InReplyTo = r.ref(n, "url", false), r.ref(n, "context", false), r.ref(n, "inReplyTo", false)
	d.Published, d.Updated = r.time(n, "published"), r.time(n, "updated")
	for tag := range n.Get("tag").Each() {
		if TypeOf(tag) == "Hashtag" {
			if name := strings.TrimPrefix(r.str(tag, "name"), "#"); name != "" {
				d.Hashtags = append(d.Hashtags, name)
			}
		}
		if TypeOf(tag) == "Link" {
			t := RefTag{Name: r.str(tag, "name"), Href: r.id(tag, "href"), DigestMultibase: r.str(tag, "digestMultibase")}
			for rel := range tag.Get("rel").Each() {
				s, _ := rel.Str()
				t.Answers = t.Answers || s == relInReplyTo
			}
			d.RefTags = append(d.RefTags, t)
		}
	}
	d.Attachments = r.attachments(n)
	d.ReferenceNumber, d.DispatchType = r.str(n, "referenceNumber"), r.str(n, "dispatchType")
	d.Precedence, d.Marking = r.grade(n, "precedence"), r.grade(n, "marking")
	d.ActionAddressee, d.InfoAddressee = r.refs(n, "actionAddressee"), r.refs(n, "infoAddressee")
	d.Signatory, d.References = r.ref(n, "signatory", false), r.refs(n, "references")
	d.ReceiptRequested = r.strs(n, "receiptRequested")
	d.ValidFrom, d.ValidUntil = r.time(n, "validFrom"), r.time(n, "validUntil")
	d.Version, d.PreviousVersion = r.decimal(n, "version"), r.str(n, "previousVersion")
	d.ChangeNote, d.AuthenticLanguage = r.str(n, "changeNote"), r.str(n, "authenticLanguage")
	r.paragraphs(n, d)
	if r.err != nil {
		return nil, r.err
	}
	return d, nil
}

func (r *reader) paragraphs(n *Node, d *Dispatch) {
	list := n.Get("paragraphs")
	if list == nil {
		return
	}
	rest, same := d.Content, true
	ids := map[string]bool{}
	for item := range list.Each() {
		if item.kind != Object {
			r.fail(CodeWrongType, item, "a paragraph is %s", item.kind)
			return
		}
		p := Paragraph{ID: r.need(item, "id"), Marking: r.str(item, "marking"),
			Language: r.str(item, "language"), Content: r.need(item, "content")}
		if ids[p.ID] {
			r.fail(CodeInvalidValue, item, "paragraph %s occurs twice", excerpt(p.ID))
		}
		ids[p.ID] = true
		if same = same && len(rest) >= len(p.Content) && rest[:len(p.Content)] == p.Content; same {
			rest = rest[len(p.Content):]
		}
		d.Paragraphs = append(d.Paragraphs, p)
	}
	if !same || rest != "" {
		r.fail(CodeParagraphs, list, "content is not the concatenation of the paragraphs")
	}
}

func (r *reader) grade(n *Node, key string) Grade {
	m := n.Get(key)
	if m == nil {
		return Grade{}
	}
	if m.kind != Object {
		r.fail(CodeWrongType, m, "%s is %s, not an object", key, m.kind)
		return Grade{}
	}
	g := Grade{Scheme: r.str(m, "scheme"), Level: r.need(m, "level"), Rank: -1}
	if m.Get("rank") != nil {
		rank := r.size(m, "rank")
		if rank > 1000 {
			r.fail(CodeInvalidValue, m, "rank of %s is above 1000", key)
		}
		g.Rank = int(rank)
	}
	return g
}

func (r *reader) languages(n *Node, key string) map[string]string {
	m := n.Get(key)
	if m == nil {
		return nil
	}
	if m.kind != Object {
		r.fail(CodeWrongType, m, "%s is %s, not an object", key, m.kind)
		return nil
	}
	byLanguage := make(map[string]string, m.count)
	for language, text := range m.Members() {
		s, ok := text.Str()
		if !ok {
			r.fail(CodeWrongType, text, "%s holds %s", key, text.kind)
			return nil
		}
		byLanguage[language] = s
	}
	return byLanguage
}

func (r *reader) attachments(n *Node) []Attachment {
	var files []Attachment
	for item := range n.Get("attachment").Each() {
		if item.kind != Object {
			r.fail(CodeWrongType, item, "an attachment is %s", item.kind)
			return nil
		}
		url := attachmentURL(item)
		s, ok := url.Str()
		if !ok {
			continue // a PropertyValue or another thing that is no file
		}
		files = append(files, Attachment{Type: TypeOf(item), Name: r.str(item, "name"),
			MediaType: r.str(item, "mediaType"), URL: r.iri(url, s),
			DigestMultibase: r.str(item, "digestMultibase"), Size: r.size(item, "size")})
	}
	return files
}
