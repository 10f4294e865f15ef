package drafting

import (
	"context"
	"fmt"
	"slices"

	"valise/instance/dispatches"
	"valise/instance/redline"
	"valise/models"
	"valise/models/iri"
)

// Fates of a paragraph between two revisions.
const (
	FateSame    = "same"
	FateChanged = "changed"
	FateAdded   = "added"
	FateRemoved = "removed"
)

// Change is one paragraph of either revision. Before and After are its numbers, 0 where
// it is not there.
type Change struct {
	Fate          string
	Before, After int
	Moved         bool
	Language      string
	Pieces        []redline.Piece
	// MarkBefore and MarkAfter differ where its portion marking was changed.
	MarkBefore, MarkAfter string
}

// FieldChange is a field of the head that differs.
type FieldChange struct {
	Field  string
	Pieces []redline.Piece
}

// Difference is what leads from one content to another.
type Difference struct {
	Fields     []FieldChange
	Paragraphs []Change
	// Words is how many were added or removed, whichever is more, in each place.
	Words int
	// Changed counts fields and paragraphs that are not the same.
	Changed int
}

// Compare compares two contents of one draft, paragraph by paragraph.
func Compare(before, after *dispatches.Content) Difference {
	var out Difference
	field := func(name, a, b string) {
		if a == b {
			return
		}
		f := FieldChange{name, redline.Compare(a, b)}
		out.Fields = append(out.Fields, f)
		out.Words += max(redline.Count(f.Pieces), 1)
		out.Changed++
	}
	a, b := HeadOf(before), HeadOf(after)
	for _, name := range headFields {
		field(name, a.field(name), b.field(name))
	}
	field("action", ids(before.Action), ids(after.Action))
	field("info", ids(before.Info), ids(after.Info))
	field("community", string(before.Community), string(after.Community))
	field("collectives", collectives(before), collectives(after))
	field("references", references(before), references(after))
	field("attachments", attachments(before), attachments(after))
	out.paragraphs(before, after)
	return out
}

func (d *Difference) paragraphs(before, after *dispatches.Content) {
	old := map[string]int{}
	for i, p := range before.Paragraphs {
		old[key(p, i)] = i
	}
	used := map[int]bool{}
	last := -1
	for j, p := range after.Paragraphs {
		i, ok := old[key(p, j)]
		if !ok {
			d.add(Change{Fate: FateAdded, After: j + 1, Language: p.Language, Pieces: redline.Compare("", p.Text), MarkAfter: p.Marking})
			continue
		}
		used[i] = true
		was := before.Paragraphs[i]
		c := Change{Fate: FateSame, Before: i + 1, After: j + 1, Language: p.Language, Moved: i < last, Pieces: redline.Compare(was.Text, p.Text)}
		last = max(last, i)
		if was.Marking != p.Marking {
			c.MarkBefore, c.MarkAfter = was.Marking, p.Marking
		}
		if was.Text != p.Text || was.Marking != p.Marking || was.Language != p.Language || c.Moved {
			c.Fate = FateChanged
		}
		d.add(c)
	}
	for i, p := range before.Paragraphs {
		if !used[i] {
			c := Change{Fate: FateRemoved, Before: i + 1, Language: p.Language, Pieces: redline.Compare(p.Text, ""), MarkBefore: p.Marking}
			at := slices.IndexFunc(d.Paragraphs, func(c Change) bool { return c.Before > i+1 })
			if at < 0 {
				at = len(d.Paragraphs)
			}
			d.Paragraphs = slices.Insert(d.Paragraphs, at, c)
			d.count(c)
		}
	}
}

// key finds a paragraph again; one from before paragraphs had ids by its place.
func key(p dispatches.Paragraph, i int) string {
	if p.ID != "" {
		return p.ID
	}
	return fmt.Sprint("#", i)
}

func (d *Difference) add(c Change) {
	d.Paragraphs = append(d.Paragraphs, c)
	d.count(c)
}

func (d *Difference) count(c Change) {
	if c.Fate == FateSame {
		return
	}
	d.Changed++
	d.Words += max(redline.Count(c.Pieces), 1)
}

func ids(list []iri.IRI) string {
	out := ""
	for _, id := range list {
		out += string(id) + "\n"
	}
	return out
}

func collectives(c *dispatches.Content) string {
	out := ""
	for _, u := range c.Collectives {
		out += u.Name + " (" + u.Role + ")\n"
	}
	return out
}

func references(c *dispatches.Content) string {
	out := ""
	for _, r := range c.References {
		out += r.Label + "\n"
	}
	return out
}

func attachments(c *dispatches.Content) string {
	out := ""
	for _, a := range c.Attachments {
		out += a.Name + " " + a.Marking + " " + a.Digest + "\n"
	}
	return out
}

// History is a page of a draft's revisions.
type History struct {
	Draft   *models.Draft
	Entries []models.RevisionEntry
	Next    int64 // the revision before which the next page begins; 0 for none
}

const historyPage = 50

// History lists the revisions of a draft, newest first.
func (s *Drafting) History(ctx context.Context, person iri.IRI, draft string, before int64) (*History, error) {
	d, _, err := s.read(ctx, person, draft)
	if err != nil {
		return nil, err
	}
	rows, err := models.DraftHistory(ctx, s.Store.R, draft, before, historyPage+1)
	if err != nil {
		return nil, err
	}
	out := &History{Draft: d, Entries: rows}
	if len(rows) > historyPage {
		out.Entries = rows[:historyPage]
		out.Next = rows[historyPage-1].Revision
	}
	return out, nil
}

// Compared is the difference between two revisions.
type Compared struct {
	Difference
	Draft    *models.Draft
	From, To *models.DraftRevision
	Names    map[iri.IRI]string
	Content  *dispatches.Content // of To
}

// CompareRevisions compares two revisions that are kept; to 0 is the latest.
func (s *Drafting) CompareRevisions(ctx context.Context, person iri.IRI, draft string, from, to int64) (*Compared, error) {
	d, _, err := s.read(ctx, person, draft)
	if err != nil {
		return nil, err
	}
	if to == 0 {
		to = d.Revision
	}
	rows, err := models.RevisionsOf(ctx, s.Store.R, draft, []int64{from, to})
	if err != nil {
		return nil, err
	}
	out := &Compared{Draft: d, From: rows[from], To: rows[to], Names: map[iri.IRI]string{}}
	if out.From == nil || out.To == nil {
		return nil, dispatches.NotFound("revision")
	}
	a, err := dispatches.ParseContent(out.From.Content)
	if err != nil {
		return nil, err
	}
	if out.Content, err = dispatches.ParseContent(out.To.Content); err != nil {
		return nil, err
	}
	if err := out.Content.Gone(); err != nil {
		return nil, err
	}
	actors, err := models.ActorsByIRI(ctx, s.Store.R, []iri.IRI{out.From.Author, out.To.Author})
	for _, x := range actors {
		out.Names[x.IRI] = x.Name
	}
	out.Difference = Compare(a, out.Content)
	return out, err
}
