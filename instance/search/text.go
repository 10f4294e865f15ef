package search

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"valise/federation/vocab"
	"valise/instance/archive"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
	"valise/models/lexicon"
)

// Limits of what is indexed of one object.
const (
	placedMost = 16000 // words that phrases are found among; later ones are found alone
	aboutMost  = 40    // words that a text is held to be about
	aboutLeast = 3     // times that it says them
)

// part is a piece of a text in one language, "" to be guessed.
type part struct {
	text     string
	language string
}

// writing is a text with what it is found by beside its words.
type writing struct {
	title []part // of a dispatch: its subject and reference
	parts []part
	marks []string
}

func (s *Search) entry(j models.SearchJob, from *models.SearchSources) *entry {
	e := &entry{job: j}
	if d := from.Dispatches[j.Object]; d != nil && j.Source == models.SearchDispatch {
		s.dispatch(e, d, from)
	} else if c := from.Comments[j.Object]; c != nil && j.Source == models.SearchComment {
		s.comment(e, c, from)
	}
	return e
}

func (s *Search) dispatch(e *entry, d *models.Dispatch, from *models.SearchSources) {
	archived := d.Origin == models.OriginArchive
	tags := slices.Clone(from.Tags[d.IRI])
	w := writing{title: []part{{d.Subject, d.Language}, {d.Reference, ""}}}
	e.at = d.DistributedAt
	if archived {
		e.at = d.PublishedAt
		r := record(d)
		w.parts, tags = r.parts(), append(tags, r.Tags...)
		w.names(fromName, r.From, r.Sender)
		w.names(toName, append([]string{r.To}, append(r.Action, r.Info...)...)...)
	} else {
		w.parts = s.wire(d)
	}
	slices.Sort(tags)
	tags = slices.Compact(tags)
	for _, t := range tags {
		if words := lexicon.Fold(t); len(words) > 0 {
			w.mark(wholeMark(tagName, words))
		}
		w.title = append(w.title, part{t, ""})
	}
	if archived { // whoever imported it has not written it
		w.mark(idMark(fromName, d.Author), idMark(forActor, d.Author))
	} else {
		w.actor(fromName, d.Author, from)
	}
	w.actor(inName, d.Community, from)
	for _, to := range from.Addressees[d.IRI] {
		w.actor(toName, to, from)
	}
	for _, word := range lexicon.Fold(d.Reference) {
		w.mark(refWord+word, refWord+strings.TrimLeft(word, "0"))
	}
	language := language(d.Language)
	w.mark(wholeMark(kindName, lexicon.Fold(d.Kind)), wholeMark(markingName, lexicon.Fold(d.Marking)), wholeMark(urgencyName, lexicon.Fold(d.Precedence)), languageName+language)
	w.mark(inPart + map[bool]string{false: partLive, true: partArchive}[archived])
	var best string
	e.text, best = w.index()
	e.row = &models.SearchEntry{Object: d.IRI, Source: models.SearchDispatch, Row: d.ID, Version: d.Version, Lexicon: lexicon.Revision, Office: d.Author, Peer: d.AuthorHost, Kind: d.Kind, Marking: d.Marking,
		Precedence: d.Precedence, Language: language, Year: year(e.at), Archive: archived, Tags: tags, Best: best}
}

func (s *Search) comment(e *entry, c *models.Comment, from *models.SearchSources) {
	author := cmp.Or(c.AttestedFor, c.Author)
	w := writing{parts: []part{{dispatches.Plain(c.Content), ""}}}
	w.actor(fromName, c.Author, from)
	if author != c.Author {
		w.actor(fromName, author, from)
	}
	w.actor(inName, c.Community, from)
	marking := s.Guard.Name(c.MarkingRank)
	w.mark(inPart+partComments, inPart+partLive, kindName+models.SearchComment, wholeMark(markingName, lexicon.Fold(marking)))
	e.at = c.DistributedAt
	var best string
	e.text, best = w.index()
	e.row = &models.SearchEntry{Object: c.IRI, Source: models.SearchComment, Version: 1, Lexicon: lexicon.Revision, Office: author, Peer: author.Host(), Kind: models.SearchComment, Marking: marking, Year: year(e.at), Best: best}
}

func year(at models.Time) int64 {
	if at == 0 {
		return 0
	}
	return int64(at.Time().Year())
}

// language is the first part of a language tag, as filters and facets name it.
func language(tag string) string {
	tag, _, _ = strings.Cut(tag, "-")
	return strings.Join(lexicon.Fold(tag), gap)
}

// wire is the text of a dispatch as it was signed. One that cannot be read any more is
// found by its headers.
func (s *Search) wire(d *models.Dispatch) []part {
	node, err := vocab.ParseJSON(d.Document)
	if err != nil {
		s.Log.Warn("a dispatch is found by its headers alone: its text cannot be read", "dispatch", d.IRI, "err", err)
		return nil
	}
	w, err := vocab.ParseDispatch(node, s.Rules)
	if err != nil {
		s.Log.Warn("a dispatch is found by its headers alone: its text cannot be read", "dispatch", d.IRI, "err", err)
		return nil
	}
	var out []part
	if w.Summary != "" {
		out = append(out, part{dispatches.Plain(w.Summary), d.Language})
	}
	for _, p := range w.Paragraphs {
		out = append(out, part{dispatches.Plain(p.Content), cmp.Or(p.Language, d.Language)})
	}
	if len(w.Paragraphs) == 0 {
		out = append(out, part{dispatches.Plain(w.Content), d.Language})
	}
	for _, l := range slices.Sorted(maps.Keys(w.Translations)) {
		out = append(out, part{dispatches.Plain(w.Translations[l]), l})
	}
	for _, a := range w.Attachments {
		out = append(out, part{a.Name, d.Language})
	}
	return out
}

// recorded is an archive record; one that cannot be read has its headers alone.
type recorded struct{ archive.Record }

func record(d *models.Dispatch) recorded {
	var r recorded
	if json.Unmarshal(d.Document, &r.Record) != nil {
		return recorded{}
	}
	return r
}

// parts are the text as printed, then the notes and names around it.
func (r recorded) parts() []part {
	var out []part
	add := func(language string, texts ...string) {
		for _, t := range texts {
			if t != "" {
				out = append(out, part{t, language})
			}
		}
	}
	add("", r.Summary)
	for _, p := range r.Paragraphs {
		add(p.Language, p.Text)
	}
	for _, e := range r.Enclosures {
		add("", e.Title, e.Text)
		for _, n := range e.Notes {
			add("", n.Text)
		}
	}
	if r.Title != r.Subject {
		add("", r.Title)
	}
	add("", r.Dateline, r.From, r.To, r.Message, r.DTG, r.Sender)
	add("", r.Header...)
	add("", r.Participants...)
	add("", r.SourceNote)
	add("", r.FileNotes...)
	for _, n := range r.Footnotes {
		add("", n.Text)
	}
	for _, n := range r.Names {
		add("", n.Text)
	}
	return out
}

func (w *writing) mark(marks ...string) { w.marks = append(w.marks, marks...) }

// names marks each word of some names.
func (w *writing) names(mark string, names ...string) {
	for _, n := range names {
		for _, word := range lexicon.Fold(n) {
			w.mark(mark + word)
		}
	}
}

// actor marks who is named, by id and by every word of her names, and that she may be a
// reader.
func (w *writing) actor(mark string, id iri.IRI, from *models.SearchSources) {
	if id == "" {
		return
	}
	w.mark(idMark(mark, id), idMark(forActor, id))
	n := from.Names[id]
	w.names(mark, n.Username, n.Name, n.Code, string(cmp.Or(n.Host, id.Host())))
	if n.Username == "" {
		w.names(mark, string(id))
	}
}

// index folds the text: its words in order, a gap between parts, as marks the other forms
// of each word, and as the best the words of the subject and those that it says often.
func (w *writing) index() (t models.SearchText, best string) {
	var body strings.Builder
	forms, subject, said := map[string]bool{}, map[string]bool{}, map[string]int{}
	form := func(mark string) {
		if !forms[mark] {
			forms[mark] = true
			w.mark(mark)
		}
	}
	add := func(p part, title bool) {
		language := p.language
		if language == "" {
			language = lexicon.Guess(p.text)
		}
		for word := range lexicon.Words(p.text) {
			stem := lexicon.Stem(word.Plain, language)
			if len(t.Words) < placedMost {
				t.Words = append(t.Words, stem)
			} else {
				form(stem)
			}
			if stem != word.Plain {
				form(otherForm + word.Plain)
			}
			if title {
				subject[inSubject+stem], subject[inSubject+word.Plain] = true, true
			} else if !lexicon.Common(word.Plain) {
				said[stem]++
			}
		}
		if len(t.Words) < placedMost {
			t.Words = append(t.Words, gap)
		}
	}
	for _, p := range w.title {
		add(p, true)
	}
	for _, p := range w.parts {
		add(p, false)
		if body.Len() > 0 {
			body.WriteByte('\n')
		}
		body.WriteString(p.text)
	}
	ranking := slices.Sorted(maps.Keys(subject))
	for _, stem := range about(said) {
		ranking = append(ranking, isAbout+stem)
	}
	slices.Sort(w.marks)
	t.Marks, t.Body = slices.Compact(w.marks), body.String()
	for _, m := range t.Marks {
		if strings.HasPrefix(m, forActor) || m == inPart+partArchive {
			t.Readers = append(t.Readers, m)
		}
	}
	return t, " " + strings.Join(ranking, " ") + " "
}

// about are the words that a text says most often.
func about(said map[string]int) []string {
	var often []string
	for word, n := range said {
		if n >= aboutLeast {
			often = append(often, word)
		}
	}
	slices.SortFunc(often, func(a, b string) int { return cmp.Or(said[b]-said[a], strings.Compare(a, b)) })
	return often[:min(len(often), aboutMost)]
}
