package desk

import (
	"context"
	"fmt"
	"slices"

	"valise/instance/dispatches"
	"valise/instance/redline"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

// Fates of a paragraph between two versions.
const (
	ParagraphSame    = "same"
	ParagraphChanged = "changed"
	ParagraphAdded   = "added"
	ParagraphRemoved = "removed"
)

// ChangedParagraph is one paragraph of either version, in the order of the later one.
type ChangedParagraph struct {
	Fate     string
	Before   string // its number in the earlier version, "" where it is new
	After    string // in the later one, "" where it is gone
	Language string
	Pieces   []redline.Piece
	// MarkBefore and MarkAfter are portion markings that differ.
	MarkBefore, MarkAfter string
}

// Difference is what leads from one version to another.
type Difference struct {
	Dispatch   *models.Dispatch // the latest version that was compared
	From, To   *models.Dispatch
	Subject    []redline.Piece // nil where it is the same
	Paragraphs []ChangedParagraph
	Changed    int // paragraphs that are not the same
	Words      int // added or removed
}

// Compare returns the difference between two versions of a dispatch, from the earlier to
// the later whatever the order in which they are named.
func (s *Desk) Compare(ctx context.Context, person, id iri.IRI, a, b int64) (*Difference, error) {
	r, err := s.reader(ctx, person)
	if err != nil {
		return nil, err
	}
	cond, args := audience.Bound(r.Reader, audience.Dispatches, s.now())
	rows, err := models.VersionsWhere(ctx, s.Store.R, id, []int64{a, b}, cond, args)
	if err != nil {
		return nil, fmt.Errorf("read versions %d and %d of %s: %w", a, b, id, err)
	}
	if a == b || len(rows) != 2 || rows[0].Document == nil || rows[1].Document == nil || rows[0].Origin == models.OriginArchive {
		return nil, dispatches.NotFound("version")
	}
	out := &Difference{Dispatch: rows[1], From: rows[0], To: rows[1]}
	from, err := s.portions(rows[0])
	if err != nil {
		return nil, err
	}
	to, err := s.portions(rows[1])
	if err != nil {
		return nil, err
	}
	if rows[0].Subject != rows[1].Subject {
		out.Subject = redline.Compare(rows[0].Subject, rows[1].Subject)
		out.Words += redline.Count(out.Subject)
	}
	out.Paragraphs = align(from, to)
	for _, p := range out.Paragraphs {
		if p.Fate != ParagraphSame {
			out.Changed++
			out.Words += redline.Count(p.Pieces)
		}
	}
	return out, nil
}

// portion is a paragraph as plain text.
type portion struct{ id, marking, language, text string }

func (s *Desk) portions(d *models.Dispatch) ([]portion, error) {
	wire, err := s.Dispatches.Text(d)
	if err != nil || wire == nil {
		return nil, err
	}
	var out []portion
	for _, p := range wire.Paragraphs {
		out = append(out, portion{p.ID, p.Marking, p.Language, dispatches.Plain(p.Content)})
	}
	if len(out) == 0 {
		out = []portion{{"1", "", d.Language, dispatches.Plain(wire.Content)}}
	}
	return out, nil
}

// align pairs paragraphs: those that are the same in both, in order, then what lies
// between them one by one.
func align(from, to []portion) []ChangedParagraph {
	// longest[i][j] is how many paragraphs of from[i:] and to[j:] can be paired as they are.
	longest := make([][]int, len(from)+1)
	for i := range longest {
		longest[i] = make([]int, len(to)+1)
	}
	for i, f := range slices.Backward(from) {
		for j, t := range slices.Backward(to) {
			if f.text == t.text {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	var out []ChangedParagraph
	var gone, fresh []portion
	flush := func() {
		for len(gone) > 0 || len(fresh) > 0 {
			switch {
			case len(gone) > 0 && len(fresh) > 0:
				out = append(out, change(gone[0], fresh[0]))
				gone, fresh = gone[1:], fresh[1:]
			case len(gone) > 0:
				out = append(out, ChangedParagraph{Fate: ParagraphRemoved, Before: gone[0].id, Language: gone[0].language, Pieces: []redline.Piece{{Op: redline.Removed, Text: gone[0].text}}})
				gone = gone[1:]
			default:
				out = append(out, ChangedParagraph{Fate: ParagraphAdded, After: fresh[0].id, Language: fresh[0].language, Pieces: []redline.Piece{{Op: redline.Added, Text: fresh[0].text}}})
				fresh = fresh[1:]
			}
		}
	}
	for i, j := 0, 0; i < len(from) || j < len(to); {
		switch {
		case i < len(from) && j < len(to) && from[i].text == to[j].text:
			flush()
			out = append(out, change(from[i], to[j]))
			i, j = i+1, j+1
		case j == len(to) || i < len(from) && longest[i+1][j] >= longest[i][j+1]:
			gone = append(gone, from[i])
			i++
		default:
			fresh = append(fresh, to[j])
			j++
		}
	}
	flush()
	return out
}

func change(f, t portion) ChangedParagraph {
	p := ChangedParagraph{Fate: ParagraphSame, Before: f.id, After: t.id, Language: t.language, Pieces: redline.Compare(f.text, t.text)}
	if f.text != t.text {
		p.Fate = ParagraphChanged
	}
	if f.marking != t.marking {
		p.Fate, p.MarkBefore, p.MarkAfter = ParagraphChanged, f.marking, t.marking
	}
	return p
}
