package machine

import (
	"time"

	"valise/instance/checks"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// List is one page. Next, if not empty, is the cursor of the page that follows.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// Done is the answer of an act that has nothing else to tell.
type Done struct {
	Done bool `json:"done"`
}

// Acting names the person in whose name a write is done: user name, handle or id.
type Acting struct {
	As string `json:"as"`
}

// Office is an office of ours. Rules say who must clear what.
type Office struct {
	ID        iri.IRI     `json:"id"`
	Username  string      `json:"username"`
	Code      string      `json:"code"`
	Title     string      `json:"title"`
	Post      string      `json:"post,omitempty"`
	Rules     Rules       `json:"rules"`
	CreatedAt models.Time `json:"createdAt"`
}

// NewOffice opens an office. Code begins its reference numbers.
type NewOffice struct {
	Username string `json:"username"`
	Code     string `json:"code"`
	Title    string `json:"title"`
	Post     string `json:"post,omitempty"`
}

// Rules of clearance. Clearers are persons, by any name on the way in and by id on the
// way out.
type Rules struct {
	Clearers      []string `json:"clearers,omitempty"`
	MinClearances int      `json:"minClearances"`
	NobodyAlone   bool     `json:"nobodyAlone"`
}

// Person is a person of ours.
type Person struct {
	ID        iri.IRI     `json:"id"`
	Username  string      `json:"username"`
	Name      string      `json:"name"`
	CreatedAt models.Time `json:"createdAt"`
	Blocked   bool        `json:"blocked,omitempty"`
}

// NewPerson adds a person.
type NewPerson struct {
	Username string `json:"username"`
	Name     string `json:"name"`
}

// Mandate is one right in force.
type Mandate struct {
	Office    iri.IRI     `json:"office"`
	Person    iri.IRI     `json:"person"`
	Act       string      `json:"act"`
	GrantedAt models.Time `json:"grantedAt"`
	GrantedBy string      `json:"grantedBy"`
	EndsAt    models.Time `json:"endsAt,omitzero"`
}

// MandateChange grants or revokes rights. Ends is the end of what is granted; without
// it there is no term.
type MandateChange struct {
	Office string     `json:"office"`
	Person string     `json:"person"`
	Acts   []string   `json:"acts"`
	Ends   *time.Time `json:"ends,omitempty"`
}

// Content is a draft's text and headers as people write them: dispatches.Content in
// which every actor may stand by user name, handle or id, and the target of a
// reference by reference number or id.
type Content struct {
	Kind        string                  `json:"kind,omitempty"` // "" is cable
	Subject     string                  `json:"subject"`
	Summary     string                  `json:"summary,omitempty"`
	Precedence  string                  `json:"precedence,omitempty"` // "" is the lowest
	Marking     string                  `json:"marking"`
	Language    string                  `json:"language,omitempty"`
	Action      []string                `json:"action,omitempty"`
	Info        []string                `json:"info,omitempty"`
	Community   string                  `json:"community,omitempty"`
	Paragraphs  []dispatches.Paragraph  `json:"paragraphs"`
	References  []Reference             `json:"references,omitempty"`
	Attachments []dispatches.Attachment `json:"attachments,omitempty"` // uploaded before, by digest
	ValidUntil  *time.Time              `json:"validUntil,omitempty"`
	ChangeNote  string                  `json:"changeNote,omitempty"`
	Tags        []string                `json:"tags,omitempty"`
}

// Reference points at another dispatch. Label and Digest are filled where the dispatch
// is here and may be seen.
type Reference struct {
	Target  string `json:"target"`
	Label   string `json:"label,omitempty"`
	Digest  string `json:"digest,omitempty"`
	Answers bool   `json:"answers,omitempty"` // the dispatch answers the target
}

// NewDraft starts a draft. Office may be left out where the person drafts for one
// alone. At most one of ReplyTo and Corrects names another dispatch.
type NewDraft struct {
	Acting
	Office   string  `json:"office,omitempty"`
	ReplyTo  string  `json:"replyTo,omitempty"`
	Corrects string  `json:"corrects,omitempty"`
	Content  Content `json:"content"`
}

// Edit saves the next revision of a draft; Revision is the one that the editor has seen.
type Edit struct {
	Acting
	Revision int64   `json:"revision"`
	Content  Content `json:"content"`
}

// Step is what is done with one exact revision of a draft: asked (Clearers), cleared
// (Agree, or a Note that asks for a change) or released.
type Step struct {
	Acting
	Revision int64    `json:"revision"`
	Clearers []string `json:"clearers,omitempty"`
	Agree    bool     `json:"agree,omitempty"`
	Note     string   `json:"note,omitempty"`
}

// Draft is a draft. Content and Clearances are left out where only its state changed.
type Draft struct {
	ID         string              `json:"id"`
	Office     iri.IRI             `json:"office"`
	Drafter    iri.IRI             `json:"drafter"`
	Revision   int64               `json:"revision"`
	State      string              `json:"state"`
	Corrects   iri.IRI             `json:"corrects,omitempty"`
	Dispatch   iri.IRI             `json:"dispatch,omitempty"`
	CreatedAt  models.Time         `json:"createdAt"`
	UpdatedAt  models.Time         `json:"updatedAt"`
	Content    *dispatches.Content `json:"content,omitempty"`
	Clearances []Clearance         `json:"clearances,omitempty"`
}

// DraftEntry is an open draft in a list.
type DraftEntry struct {
	Draft
	Subject string `json:"subject"`
	Marking string `json:"marking"`
}

// Clearance is one clearer's decision on the draft's present revision.
type Clearance struct {
	Clearer     iri.IRI     `json:"clearer"`
	Decision    string      `json:"decision"`
	Note        string      `json:"note,omitempty"`
	RequestedAt models.Time `json:"requestedAt,omitzero"`
	DecidedAt   models.Time `json:"decidedAt,omitzero"`
}

// Dispatch is the latest version of a dispatch, without its text.
type Dispatch struct {
	ID           iri.IRI     `json:"id"`
	Version      int64       `json:"version"`
	Origin       string      `json:"origin"`
	Author       iri.IRI     `json:"author"`
	Community    iri.IRI     `json:"community,omitempty"`
	Reference    string      `json:"reference"`
	Kind         string      `json:"kind"`
	Subject      string      `json:"subject"`
	Precedence   string      `json:"precedence"`
	Marking      string      `json:"marking"`
	Language     string      `json:"language,omitempty"`
	State        string      `json:"state"`
	Digest       string      `json:"digest"`
	Signatory    iri.IRI     `json:"signatory,omitempty"`
	ChangeNote   string      `json:"changeNote,omitempty"`
	SupersededBy iri.IRI     `json:"supersededBy,omitempty"`
	PublishedAt  models.Time `json:"publishedAt"`
	UpdatedAt    models.Time `json:"updatedAt,omitzero"`
	WithdrawnAt  models.Time `json:"withdrawnAt,omitzero"`
	DueAt        models.Time `json:"dueAt,omitzero"`
}

// DispatchView is a dispatch with everything about it that the reader may see.
type DispatchView struct {
	Dispatch
	Summary     string          `json:"summary,omitempty"`
	Tags        []string        `json:"tags,omitempty"`
	Paragraphs  []ShownPart     `json:"paragraphs,omitempty"` // none once withdrawn
	Addressees  []Addressee     `json:"addressees"`
	References  []ReferenceView `json:"references,omitempty"`
	Attachments []FileView      `json:"attachments,omitempty"`
	Evidence    []Evidence      `json:"evidence,omitempty"`
	Versions    []Version       `json:"versions"`
	Comments    []Comment       `json:"comments,omitempty"`
}

// ShownPart is one paragraph: sanitised HTML and its plain text.
type ShownPart struct {
	ID       string `json:"id"`
	Marking  string `json:"marking,omitempty"`
	Language string `json:"language,omitempty"`
	HTML     string `json:"html"`
	Text     string `json:"text"`
}

// ThreadEntry is one dispatch of a thread. Answers are those of the thread that it
// answers; Depth is 0 for the one that was asked about, below 0 for what that answers.
type ThreadEntry struct {
	Dispatch
	Answers []iri.IRI `json:"answers,omitempty"`
	Depth   int       `json:"depth"`
}

// Addressee is one addressee, "action" or "info".
type Addressee struct {
	Actor iri.IRI `json:"actor"`
	Role  string  `json:"role"`
}

// ReferenceView is a reference with what became of it here: "fits", "differs", "not
// here" or "withdrawn".
type ReferenceView struct {
	Reference
	Check string `json:"check"`
}

// FileView is an attachment and whether it is here.
type FileView struct {
	dispatches.Attachment
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
}

// Evidence is one line of the evidence board. Signed says that another instance's
// signed receipt is kept for it.
type Evidence struct {
	Version   int64       `json:"version"`
	Addressee iri.IRI     `json:"addressee"`
	Station   string      `json:"station"`
	At        models.Time `json:"at"`
	By        iri.IRI     `json:"by"`
	Detail    string      `json:"detail,omitempty"`
	Signed    bool        `json:"signed"`
}

// Version is one version of a dispatch.
type Version struct {
	Version    int64       `json:"version"`
	Digest     string      `json:"digest"`
	ChangeNote string      `json:"changeNote,omitempty"`
	At         models.Time `json:"at"`
}

// Comment is a comment as text.
type Comment struct {
	ID          iri.IRI     `json:"id"`
	Community   iri.IRI     `json:"community"`
	Dispatch    iri.IRI     `json:"dispatch,omitempty"`
	Author      iri.IRI     `json:"author"`
	AttestedFor iri.IRI     `json:"attestedFor,omitempty"`
	Text        string      `json:"text"`
	PublishedAt models.Time `json:"publishedAt"`
}

// Handling is what a person does with a dispatch that is here. Name is its reference
// number or id; Number the registry number; SupersededBy what replaces a withdrawn one.
type Handling struct {
	Acting
	Name         string `json:"name"`
	Number       string `json:"number,omitempty"`
	SupersededBy string `json:"supersededBy,omitempty"`
}

// Status is the instance in a few numbers.
type Status struct {
	Host              iri.Host `json:"host"`
	Federates         bool     `json:"federates"`
	Fingerprint       string   `json:"fingerprint"`
	DeliveriesPending int64    `json:"deliveriesPending"`
	DeliveriesFailed  int64    `json:"deliveriesFailed"`
	ArrivalsPending   int64    `json:"arrivalsPending"`
	ArrivalsSetAside  int64    `json:"arrivalsSetAside"`
}

// CheckResult is what the whole-state check has found; none means that all holds.
type CheckResult struct {
	Findings []checks.Finding `json:"findings"`
}
