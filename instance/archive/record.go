package archive

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"valise/federation/sign"
	"valise/instance/archive/tei"
	"valise/models"
	"valise/models/iri"
)

// Record is what is kept of a document, as JSON in its row. Its first members are
// those of dispatches.Content, so that what reads any text reads this too.
type Record struct {
	Kind       string      `json:"kind"` // of paper: "telegram", "editorial-note", …
	Subject    string      `json:"subject"`
	Summary    string      `json:"summary,omitempty"`
	Precedence string      `json:"precedence"` // historical
	Marking    string      `json:"marking"`    // historical
	Language   string      `json:"language,omitempty"`
	Paragraphs []Paragraph `json:"paragraphs"`

	Volume    string   `json:"volume"`
	ID        string   `json:"id"`     // stable inside the volume
	Number    string   `json:"number"` // as printed
	Title     string   `json:"title"`
	Date      string   `json:"date,omitempty"`      // as printed
	Dateline  string   `json:"dateline,omitempty"`  // as printed
	DateTime  string   `json:"dateTime,omitempty"`  // RFC 3339; without zone where the paper names none
	Until     string   `json:"until,omitempty"`     // end of a span
	Precision string   `json:"precision"`           // "undated", "year", "month", "day", "minute"
	Uncertain bool     `json:"uncertain,omitempty"` // inferred by the editors
	Place     string   `json:"place,omitempty"`
	From      string   `json:"from,omitempty"`
	To        string   `json:"to,omitempty"`
	Message   string   `json:"messageNumber,omitempty"`
	Handling  []string `json:"handling,omitempty"` // historical captions

	DTG          string   `json:"dateTimeGroup,omitempty"`
	Sender       string   `json:"sender,omitempty"` // of the transmitted header
	Action       []string `json:"transmittedTo,omitempty"`
	Info         []string `json:"transmittedInfo,omitempty"`
	Except       []string `json:"transmittedExcept,omitempty"`
	Tags         []string `json:"tags,omitempty"`
	Header       []string `json:"header,omitempty"` // as printed
	Participants []string `json:"participants,omitempty"`

	SourceNote string      `json:"sourceNote,omitempty"`
	FileNotes  []string    `json:"fileNotes,omitempty"`
	Footnotes  []Footnote  `json:"footnotes,omitempty"`
	Mentions   []Mention   `json:"mentions,omitempty"` // every reference, as printed
	Names      []Name      `json:"names,omitempty"`
	Enclosures []Enclosure `json:"enclosures,omitempty"`
	EnclosedIn iri.IRI     `json:"enclosedIn,omitempty"`
}

// Paragraph is one block of text as printed; Label is the number that Text begins with.
type Paragraph struct {
	Label    string `json:"label,omitempty"`
	Language string `json:"language,omitempty"`
	Text     string `json:"text"`
}

// Footnote is a note to the text; Number is empty for one in the margin.
type Footnote struct {
	Number string `json:"number,omitempty"`
	Text   string `json:"text"`
}

// Mention is a reference as printed. Record is its target where that is one document,
// imported or not.
type Mention struct {
	Kind   string  `json:"kind"` // "document", "footnote", "page", "volume", "message", "other"
	Text   string  `json:"text"`
	Target string  `json:"target,omitempty"`
	Record iri.IRI `json:"record,omitempty"`
}

// Name is a person, place, office or term that the editors have tagged.
type Name struct {
	Kind  string `json:"kind"`
	Text  string `json:"text"`
	Key   string `json:"key,omitempty"`
	About string `json:"about,omitempty"`
}

// Enclosure is a paper that is printed with its document. Record is set where it is
// also a record of its own.
type Enclosure struct {
	Title  string     `json:"title,omitempty"`
	Text   string     `json:"text"`
	Notes  []Footnote `json:"notes,omitempty"`
	Record iri.IRI    `json:"record,omitempty"`
}

// ID is the id of a document's record. It is made from volume and document alone, so
// that it is the same at every import and known before the document is imported.
func ID(own iri.Host, volume, document string) iri.IRI {
	sum := sha256.Sum256([]byte(volume + "/" + document))
	return iri.IRI(fmt.Sprintf("%s/r/%x", own.Base(), sum[:12]))
}

// Bounds of what is kept beside the text, for pages and lists.
const (
	maxSubject = 500 // bytes
	maxExcerpt = 280 // bytes
	maxLinks   = 200 // references and quoted numbers of one record
)

// entry is all rows of one document.
type entry struct {
	row        *models.Dispatch
	place      models.ArchiveRecord
	references []models.DispatchReference
	citations  []models.ArchiveCitation
}

func (a *Archive) entry(t Target, d tei.Document, position int64) (entry, error) {
	id := ID(a.Own, d.Volume, d.ID)
	r := a.record(d)
	body, err := json.Marshal(r)
	if err != nil {
		return entry{}, err
	}
	now := models.At(a.Now())
	from, until := span(d)
	// The order of lists is by the time of writing; in a community, whose members have
	// windows of history, it is by the time when the record came there.
	published, distributed := models.Time(0), models.Time(-1)
	if d.Precision != tei.Undated {
		published = from
		distributed = from
		if distributed >= 0 {
			distributed = max(distributed, 1)
		}
	}
	if t.Community != "" {
		distributed = now
	}
	marking := d.Classification
	if marking == "" {
		marking = "no marking"
	}
	e := entry{
		row: &models.Dispatch{IRI: id, Version: 1, Latest: true, Origin: models.OriginArchive, Author: t.Office, AuthorHost: a.Own, Community: t.Community,
			Reference: d.Volume + "/" + d.ID, Kind: string(d.Kind), Subject: r.Subject, Precedence: r.Precedence, Marking: marking, MarkingRank: a.Guard.Lowest(),
			Language: r.Language, Activity: id, Document: body, Digest: sign.BytesDigest(body), State: models.DispatchInForce, PublishedAt: published, DistributedAt: distributed,
			Excerpt: excerpt(r), CreatedAt: now},
		place: models.ArchiveRecord{Dispatch: id, Office: t.Office, Volume: d.Volume, Position: position, DatedFrom: from, DatedUntil: until, Message: messageOf(d)},
	}
	seen := map[iri.IRI]bool{id: true}
	for _, m := range r.Mentions {
		if m.Record == "" || seen[m.Record] || len(e.references) == maxLinks {
			continue
		}
		seen[m.Record] = true
		e.references = append(e.references, models.DispatchReference{Dispatch: id, Target: m.Record, Label: clip(m.Text, maxSubject)})
	}
	if r.EnclosedIn != "" && !seen[r.EnclosedIn] {
		e.references = append(e.references, models.DispatchReference{Dispatch: id, Target: r.EnclosedIn, Label: "enclosed in " + d.NestedIn})
	}
	for _, c := range citationsOf(d) {
		if len(e.citations) < maxLinks && c.message != e.place.Message {
			e.citations = append(e.citations, models.ArchiveCitation{Dispatch: id, Message: c.message, Label: clip(c.label, maxSubject)})
		}
	}
	return e, nil
}

// record is the document as it is kept.
func (a *Archive) record(d tei.Document) *Record {
	r := &Record{Kind: string(d.Kind), Subject: d.Subject, Summary: d.Summary, Precedence: strings.ToUpper(d.Precedence), Marking: d.Classification,
		Paragraphs: make([]Paragraph, 0, len(d.Paragraphs)),
		Volume:     d.Volume, ID: d.ID, Number: d.Number, Title: d.Title, Date: d.Date, Dateline: d.Dateline, Precision: d.Precision.String(), Uncertain: d.Uncertain,
		Place: d.Place, From: d.From, To: d.To, Message: d.MessageNumber, Handling: d.Handling,
		DTG: d.DTG, Sender: d.Sender, Action: d.Action, Info: d.Info, Except: d.Except, Tags: d.Tags, Header: d.Header, Participants: d.Participants,
		SourceNote: d.SourceNote, FileNotes: d.FileNotes, Footnotes: footnotes(d.Footnotes)}
	if r.Subject == "" {
		r.Subject = d.Title
	}
	if r.Subject == "" {
		r.Subject = d.Volume + " " + d.ID
	}
	r.Subject = clip(strings.ReplaceAll(r.Subject, "\n", " "), maxSubject)
	if d.Precision != tei.Undated {
		layout := "2006-01-02T15:04:05"
		if d.Zoned {
			layout += "Z07:00"
		}
		r.DateTime = d.DateTime.Format(layout)
	}
	if !d.Until.IsZero() {
		r.Until = d.Until.Format("2006-01-02")
	}
	for _, p := range d.Paragraphs {
		r.Paragraphs = append(r.Paragraphs, Paragraph{Label: p.Label, Language: p.Language, Text: p.String()})
	}
	r.Language = language(d.Paragraphs)
	for _, ref := range d.References {
		m := Mention{Kind: string(ref.Kind), Text: ref.Text, Target: ref.Target}
		if volume, document, ok := target(ref); ok {
			m.Record = ID(a.Own, volume, document)
		}
		r.Mentions = append(r.Mentions, m)
	}
	for _, n := range d.Names {
		r.Names = append(r.Names, Name{Kind: string(n.Kind), Text: n.Text, Key: n.Key, About: n.About})
	}
	for _, at := range d.Attachments {
		e := Enclosure{Title: at.Title, Text: at.Text, Notes: footnotes(at.Notes)}
		if at.Document != "" {
			e.Record = ID(a.Own, d.Volume, at.Document)
		}
		r.Enclosures = append(r.Enclosures, e)
	}
	if d.NestedIn != "" {
		r.EnclosedIn = ID(a.Own, d.Volume, d.NestedIn)
	}
	return r
}

func footnotes(notes []tei.Footnote) []Footnote {
	var out []Footnote
	for _, n := range notes {
		out = append(out, Footnote{Number: n.Number, Text: n.Text})
	}
	return out
}

// target is the document that a reference points at, or at a footnote of.
func target(ref tei.Reference) (volume, document string, ok bool) {
	if ref.Kind != tei.ToDocument && ref.Kind != tei.ToFootnote {
		return "", "", false
	}
	volume, document, ok = strings.Cut(ref.Target, "#")
	if ref.Kind == tei.ToFootnote {
		document, _, _ = strings.Cut(document, "fn")
	}
	return volume, document, ok && volume != "" && document != ""
}

// language is that of most of the text, "" where no paragraph's is known.
func language(paragraphs []tei.Paragraph) string {
	size := map[string]int{}
	best := ""
	for _, p := range paragraphs {
		if p.Language == "" {
			continue
		}
		size[p.Language] += len(p.Text)
		if size[p.Language] > size[best] {
			best = p.Language
		}
	}
	return best
}

// excerpt is the first words of the text.
func excerpt(r *Record) string {
	text := r.Summary
	for _, p := range r.Paragraphs {
		if len(text) >= maxExcerpt {
			break
		}
		text += " " + p.Text
	}
	return clip(strings.Join(strings.Fields(clip(text, 4*maxExcerpt)), " "), maxExcerpt)
}

// clip cuts s to at most n bytes, at a rune and if possible at a word.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	s = s[:n]
	if at := strings.LastIndexByte(s, ' '); at > n/2 {
		s = s[:at]
	}
	return s
}

// span bounds the time of writing by how much of the date is known.
func span(d tei.Document) (from, until models.Time) {
	if d.Precision == tei.Undated {
		return models.ArchiveUndated, models.ArchiveUndated
	}
	start, end := d.DateTime, d.DateTime
	if !d.Until.IsZero() && d.Until.After(end) {
		end = d.Until
	}
	switch d.Precision {
	case tei.Year:
		end = end.AddDate(1, 0, 0)
	case tei.Month:
		end = end.AddDate(0, 1, 0)
	case tei.Day:
		end = end.AddDate(0, 0, 1)
	default:
		end = end.Add(time.Minute)
	}
	return at(start), at(end)
}

// at is models.At for any moment: the first one of 1970 is not "not set".
func at(t time.Time) models.Time {
	if m := models.At(t); m != 0 {
		return m
	}
	return 1
}
