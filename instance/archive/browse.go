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

// Reader is a person of ours, as every list here asks for. Her offices are left out: every
// archive record is open to everybody of ours.
func (a *Archive) Reader(person iri.IRI) audience.Reader {
	return audience.Reader{Actor: person, Host: person.Host(), Local: true, Ceiling: a.Guard.Holds()}
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
	// VolumeTitle and Licence are of the one volume that was asked for, as printed.
	VolumeTitle, Licence string
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
	if f.Volume == "" || len(rows) == 0 {
		return p, nil
	}
	v, err := models.ArchiveVolumeOf(ctx, a.Store.R, f.Volume)
	if models.NotFound(err) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the volume %s: %w", f.Volume, err)
	}
	p.VolumeTitle, p.Licence = v.Title, v.Licence
	return p, nil
}

// Volumes lists the volumes that hold something which the reader may see, by name,
// after a name.
func (a *Archive) Volumes(ctx context.Context, r audience.Reader, office iri.IRI, after string, limit int) ([]*models.ArchiveVolumeCount, error) {
	limit = page(limit)
	return a.volumes.Get(a.Store, volumesOf{r.Actor, office, after, limit}, func() ([]*models.ArchiveVolumeCount, error) {
		cond, args := audience.Where(r, audience.Dispatches, models.At(a.Now()))
		rows, err := models.ArchiveVolumes(ctx, a.Store.R, cond, args, office, after, limit)
		if err != nil {
			return nil, fmt.Errorf("list archive volumes: %w", err)
		}
		return rows, nil
	})
}

// volumesOf names a list of volumes: to count what a reader may see of each costs more
// than the rest of the page.
type volumesOf struct {
	reader, office iri.IRI
	after          string
	limit          int
}

// View is a record with its text.
type View struct {
	Dispatch *models.Dispatch
	Record   *Record
	Position int64 // in its volume, from 1
	// VolumeTitle and Licence are as printed, "" where the volume does not say.
	VolumeTitle, Licence string
	// Here tells which of the records that it mentions, encloses or is enclosed in are
	// here and may be seen.
	Here map[iri.IRI]bool
}

// Show returns one record by id. What the reader may not see answers like what is not
// here.
func (a *Archive) Show(ctx context.Context, r audience.Reader, id iri.IRI) (*View, error) {
	cond, args := audience.Bound(r, audience.Dispatches, models.At(a.Now()))
	p, err := models.ArchiveText(ctx, a.Store.R, id, cond, args)
	if models.NotFound(err) {
		return nil, dispatches.NotFound("archive record")
	}
	if err != nil {
		return nil, fmt.Errorf("look up the archive record %s: %w", id, err)
	}
	v := &View{Dispatch: &p.Dispatch, Record: new(Record), Position: p.Position, VolumeTitle: p.Title, Licence: p.Licence}
	if err := json.Unmarshal(p.Document, v.Record); err != nil {
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
// and numbers quoted in REF lines and notes. It takes five statements.
func (a *Archive) Thread(ctx context.Context, r audience.Reader, id iri.IRI) (*Thread, error) {
	cond, args := audience.Where(r, audience.Dispatches, models.At(a.Now()))
	known := map[iri.IRI]*models.ArchivePlace{}
	links := map[models.ArchiveLink]bool{}
	for edge, step := []iri.IRI{id}, 1; len(edge) > 0; step++ {
		found, err := models.ArchiveLinks(ctx, a.Store.R, edge, threadLinks)
		if err != nil {
			return nil, fmt.Errorf("read a thread: %w", err)
		}
		next := []iri.IRI{}
		if step == 1 {
			next = append(next, id)
		}
		for _, l := range found {
			links[l] = true
			for _, end := range []iri.IRI{l.Source, l.Target} {
				if known[end] == nil && !slices.Contains(next, end) {
					next = append(next, end)
				}
			}
		}
		if step == threadSteps {
			break
		}
		// Only what the reader may see leads on: a thread must not show that two
		// records are joined by a third that she may not see.
		rows, err := models.ArchivePlacesOf(ctx, a.Store.R, cond, args, next)
		if err != nil {
			return nil, fmt.Errorf("read a thread: %w", err)
		}
		edge = nil
		for _, row := range rows {
			if row.IRI == id {
				known[id] = row
			} else if len(known) < threadRecords-1 {
				known[row.IRI] = row
				edge = append(edge, row.IRI)
			}
		}
		if known[id] == nil {
			return nil, dispatches.NotFound("archive record")
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
