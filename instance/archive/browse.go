package archive

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"valise/instance/dispatches"
	"valise/models"
	"valise/models/audience"
	"valise/models/iri"
)

// PageMost is the longest page of any list here.
const PageMost = 200

func page(limit int) int { return min(max(limit, 1), PageMost) }

// Reader is a person of ours with her offices, as every list here asks for.
func (a *Archive) Reader(ctx context.Context, person iri.IRI) (audience.Reader, error) {
	return audience.LocalReader(ctx, a.Store.R, person, a.Guard.Holds(), models.At(a.Now()))
}

// Filter narrows a list of records. The zero value is all that the reader may see.
type Filter struct {
	Office    iri.IRI
	Community iri.IRI
	Volume    string
	From      models.Time // that may have been written at From or later
	Until     models.Time // that may have been written before Until
}

// Cursor is where a list goes on; the zero value is its beginning.
type Cursor = models.ArchiveCursor

// Page is one page of a list. Next is the zero value on the last page.
type Page struct {
	Records []*models.ArchivePlace
	Next    Cursor
}

// List returns records that the reader may see: those of one volume in printed order,
// else the oldest first and the undated last.
func (a *Archive) List(ctx context.Context, r audience.Reader, f Filter, after Cursor, limit int) (*Page, error) {
	cond, args := audience.Where(r, audience.Dispatches, models.At(a.Now()))
	limit = page(limit)
	rows, err := models.ArchivePlaces(ctx, a.Store.R, models.ArchiveQuery{Cond: cond, Args: args, Office: f.Office, Community: f.Community, Volume: f.Volume,
		From: f.From, Until: f.Until, After: after, Limit: limit + 1})
	if err != nil {
		return nil, fmt.Errorf("list archive records: %w", err)
	}
	p := &Page{Records: rows}
	if len(rows) > limit {
		p.Records = rows[:limit]
		last := rows[limit-1]
		p.Next = Cursor{At: int64(last.DatedFrom), Dispatch: last.IRI}
		if f.Volume != "" {
			p.Next.At = last.Position
		}
	}
	return p, nil
}

// Volumes lists the volumes that hold something which the reader may see, by name,
// after a name.
func (a *Archive) Volumes(ctx context.Context, r audience.Reader, office iri.IRI, after string, limit int) ([]*models.ArchiveVolumeCount, error) {
	cond, args := audience.Where(r, audience.Dispatches, models.At(a.Now()))
	rows, err := models.ArchiveVolumes(ctx, a.Store.R, cond, args, office, after, page(limit))
	if err != nil {
		return nil, fmt.Errorf("list archive volumes: %w", err)
	}
	return rows, nil
}

// View is a record with its text.
type View struct {
	Dispatch *models.Dispatch
	Record   *Record
	// Here tells which of the records that it mentions, encloses or is enclosed in are
	// here and may be seen.
	Here map[iri.IRI]bool
}

// Show returns one record by id. What the reader may not see answers like what is not
// here.
func (a *Archive) Show(ctx context.Context, r audience.Reader, id iri.IRI) (*View, error) {
	d, err := a.find(ctx, r, id)
	if err != nil {
		return nil, err
	}
	v := &View{Dispatch: d, Record: new(Record)}
	if err := json.Unmarshal(d.Document, v.Record); err != nil {
		return nil, fmt.Errorf("read the archive record %s: %w", id, err)
	}
	var ids []iri.IRI
	for _, m := range v.Record.Mentions {
		ids = append(ids, m.Record)
	}
	for _, e := range v.Record.Enclosures {
		ids = append(ids, e.Record)
	}
	ids = append(ids, v.Record.EnclosedIn)
	slices.Sort(ids)
	ids = slices.DeleteFunc(slices.Compact(ids), func(id iri.IRI) bool { return id == "" })
	if len(ids) > 1000 {
		ids = ids[:1000]
	}
	v.Here, err = audience.Allowed(ctx, a.Store.R, r, audience.Dispatches, ids, models.At(a.Now()))
	return v, err
}

func (a *Archive) find(ctx context.Context, r audience.Reader, id iri.IRI) (*models.Dispatch, error) {
	d, err := models.DispatchByIRI(ctx, a.Store.R, id)
	if models.NotFound(err) || err == nil && d.Origin != models.OriginArchive {
		return nil, dispatches.NotFound("archive record")
	}
	if err != nil {
		return nil, fmt.Errorf("look up the archive record %s: %w", id, err)
	}
	o, members, err := audience.Load(ctx, a.Store.R, r, d)
	if err != nil {
		return nil, err
	}
	if !audience.May(r, o, members, models.At(a.Now())).May {
		return nil, dispatches.NotFound("archive record")
	}
	return d, nil
}

// Thread is the correspondence that a record belongs to, oldest first, with the record
// itself. Links are between records of the thread alone.
type Thread struct {
	Records []*models.ArchivePlace
	Links   []models.ArchiveLink
}

// Bounds of a thread: how far from the record it reaches, and how wide.
const (
	threadSteps   = 3
	threadRecords = 100
	threadLinks   = 500
)

// Thread follows references both ways: what the editors point at, what encloses what,
// and numbers quoted in REF lines and notes.
func (a *Archive) Thread(ctx context.Context, r audience.Reader, id iri.IRI) (*Thread, error) {
	if _, err := a.find(ctx, r, id); err != nil {
		return nil, err
	}
	cond, args := audience.Where(r, audience.Dispatches, models.At(a.Now()))
	known := map[iri.IRI]*models.ArchivePlace{}
	links := map[models.ArchiveLink]bool{}
	edge := []iri.IRI{id}
	for range threadSteps {
		// Only what the reader may see leads on: a thread must not show that two
		// records are joined by a third that she may not see.
		rows, err := models.ArchivePlacesOf(ctx, a.Store.R, cond, args, edge)
		if err != nil {
			return nil, fmt.Errorf("read a thread: %w", err)
		}
		edge = nil
		for _, row := range rows {
			if len(known) < threadRecords {
				known[row.IRI] = row
				edge = append(edge, row.IRI)
			}
		}
		if len(edge) == 0 {
			break
		}
		found, err := models.ArchiveLinks(ctx, a.Store.R, edge, threadLinks)
		if err != nil {
			return nil, fmt.Errorf("read a thread: %w", err)
		}
		edge = nil
		for _, l := range found {
			links[l] = true
			for _, end := range []iri.IRI{l.Source, l.Target} {
				if known[end] == nil && !slices.Contains(edge, end) {
					edge = append(edge, end)
				}
			}
		}
	}
	t := &Thread{}
	for _, row := range known {
		t.Records = append(t.Records, row)
	}
	slices.SortFunc(t.Records, func(a, b *models.ArchivePlace) int {
		return cmp.Or(cmp.Compare(a.DatedFrom, b.DatedFrom), cmp.Compare(a.Volume, b.Volume), cmp.Compare(a.Position, b.Position), cmp.Compare(a.IRI, b.IRI))
	})
	for l := range links {
		if known[l.Source] != nil && known[l.Target] != nil {
			t.Links = append(t.Links, l)
		}
	}
	slices.SortFunc(t.Links, func(a, b models.ArchiveLink) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Target, b.Target), cmp.Compare(a.Label, b.Label))
	})
	return t, nil
}
