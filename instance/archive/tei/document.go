// Package tei reads printed diplomatic correspondence from TEI P5 volumes of
// the kind that Foreign Relations of the United States (FRUS) is published in.
//
// It is pure: it reads from an [io.Reader], holds one document at a time, and
// knows neither the store nor the network. Elements are matched by local name,
// since the volumes bind the prefix "frus" to two different namespaces.
//
// Every marking it reports is historical. It is what the printed page said, not
// a marking that this instance applies.
package tei

import "time"

// Kind is the sort of paper that a document is.
type Kind string

const (
	KindTelegram      Kind = "telegram"
	KindAirgram       Kind = "airgram"
	KindMemorandum    Kind = "memorandum"
	KindLetter        Kind = "letter"
	KindNote          Kind = "note"
	KindMessage       Kind = "message"
	KindDespatch      Kind = "despatch"
	KindReport        Kind = "report"
	KindEditorialNote Kind = "editorial-note"
	KindOther         Kind = "other"
)

// Precision says how much of a DateTime was given.
type Precision int

const (
	Undated Precision = iota // no machine-readable date; DateTime is zero
	Year
	Month
	Day
	Minute
)

func (p Precision) String() string {
	return [...]string{"undated", "year", "month", "day", "minute"}[p]
}

// Volume is what a file says of itself before its documents.
type Volume struct {
	// ID names the volume in every Document: the file's own name for itself where it
	// has one (idno type="frus"), else what was given to Read.
	ID      string
	Title   string
	Licence string // as printed, empty where the file has none
}

// NameKind is the sort of thing that a Name names.
type NameKind string

const (
	NamePerson NameKind = "person"
	NamePlace  NameKind = "place"
	NameOffice NameKind = "office"
	NameTerm   NameKind = "term"
)

// Name is a person, place, office or term that the editors have tagged in the text.
type Name struct {
	Kind NameKind
	Text string
	// Key is stable inside the volume ("p_AD1"), or a URL of an authority file; empty
	// where the editors gave none.
	Key   string
	About string // what the volume's own list says: "former Secretary of State"
}

// Document is one printed document. Text fields hold single-spaced text in
// which "\n" is a printed line break; they never hold markup.
type Document struct {
	Volume string // as given to Read, for example "frus1964-68v16"
	// ID is stable inside the volume: the xml:id, or for a document without one
	// the id of the document before it and a count ("d12-enc1"; "d0-enc1" when
	// none came before).
	ID     string
	Number string // printed number, empty where there is none
	Kind   Kind
	Title  string // heading as printed, without its notes

	Date     string // as printed
	Dateline string // the whole line that has place and date, as printed: "Paris, May 2. [Received May 3.]"
	// DateTime is in UTC when Zoned. Otherwise it carries the printed clock time,
	// mostly local to Place, labelled UTC: order by Number, not by DateTime.
	DateTime  time.Time
	Precision Precision
	Zoned     bool
	// Until is when a span of time ends, for papers that are dated "May 1 to 3" or "not
	// before"; zero for one moment, day or month, which Precision bounds.
	Until time.Time
	// Uncertain says that the editors have inferred the date.
	Uncertain bool
	Place     string

	From, To      string // from the heading's wording, else from its typed names
	MessageNumber string // telegram, airgram or despatch number, for example "1017" or "A-82"
	Subject       string

	Classification string   // historical, as printed: "Secret", "No classification marking", …
	Precedence     string   // historical, as printed: "Priority", "Niact Immediate", …
	Handling       []string // historical captions: "Nodis", "Eyes Only", …

	// The transmitted header, where the volume prints it as sent.
	DTG          string // date-time group: "R 162300Z AUG 73"
	Sender       string // FM
	Action, Info []string
	Except       []string // XMT: posts left out of a collective address
	Tags         []string
	Header       []string // every header and memorandum line, as printed, in order

	Participants []string
	SourceNote   string   // where the paper is held, with its markings
	FileNotes    []string // bracketed notes up to 1936: "File No. 861.51/189", "[Telegram]"
	Summary      string   // the editors' summary
	Paragraphs   []Paragraph
	Footnotes    []Footnote
	References   []Reference
	Names        []Name // in the order of their first mention, each once
	Attachments  []Attachment
	NestedIn     string // ID of the document in whose attachment this one is printed

	warnings []Problem // what of it could not be read
}

// Paragraph is one block of running text. Footnotes, page breaks, enclosures
// and the transmitted header are not in it.
type Paragraph struct {
	Label    string // printed number or letter, as printed: "1.", "(a)"; else empty
	Text     string // without Label
	Language string // guess: "en", "fr", "de", "es", "it", "la", or "" when unsure
}

// String gives the paragraph as printed.
func (p Paragraph) String() string {
	if p.Label == "" {
		return p.Text
	}
	if p.Text == "" {
		return p.Label
	}
	return p.Label + " " + p.Text
}

// Footnote is a note to the text. Margin notes have neither ID nor Number.
type Footnote struct {
	ID     string // "d10fn2"
	Number string
	Text   string
	Margin bool // a side note, printed beside the text
}

// ReferenceKind is the sort of thing a reference points at.
type ReferenceKind string

const (
	ToDocument ReferenceKind = "document"
	ToFootnote ReferenceKind = "footnote"
	ToPage     ReferenceKind = "page"
	ToVolume   ReferenceKind = "volume"
	ToMessage  ReferenceKind = "message" // a message number in a printed REF line; no Target
	ToOther    ReferenceKind = "other"
)

// Reference is an editor's cross-reference, or one entry of a printed REF line.
type Reference struct {
	Kind   ReferenceKind
	Target string // "frus1964-68v16#d8"; a volume alone, or a URL, where the volume gives one
	Text   string // words that were printed
}

// Attachment is an enclosure printed with its document (volumes up to 1936;
// later ones run enclosures into the text).
type Attachment struct {
	Title    string
	Text     string
	Notes    []Footnote
	Document string // ID, where the enclosure is also read as a document of its own
}

// Report says what Read met.
type Report struct {
	Volume    Volume
	Documents int // documents handed to the caller
	Nested    int // of those, printed inside another's attachment or without an id of their own
	Problems  []Problem
	// Dropped counts problems beyond the first maxProblems, which are kept.
	Dropped int
	Skipped int // documents or pieces that could not be read at all, Dropped ones too
	// Truncated is set when the input ended inside an element.
	Truncated bool
	Bytes     int64 // read from the input
}

// Problem is a document, or a piece between documents, that could not be read.
type Problem struct {
	ID      string // of the document, empty when unknown
	Element string // innermost open element, empty when unknown
	Offset  int64  // bytes from the start of the input where it was noticed
	Reason  string
	Kept    bool // the document was read without what the reason names
}
