// Package archive keeps imported correspondence beside the live one: historical marking
// shown, effective marking the lowest, no proof of ours, never sent as new.
package archive

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/instance/accounts"
	"valise/instance/archive/tei"
	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
)

// Archive is the service.
type Archive struct {
	Store *models.Store
	Guard policy.Guard
	Own   iri.Host
	Now   func() time.Time

	volumes   models.UntilWritten[volumesOf, []*models.ArchiveVolumeCount]
	importing sync.Mutex // one file at a time: more would only wait for each other
}

// Bounds of one write transaction. It is meant to take half of the 50 ms that no write
// lasts over; a batch grows and shrinks with what the batches before it took.
const (
	batchFirst = 8
	batchMost  = 64
	batchBytes = 1 << 20 // of text
	batchShort = 10 * time.Millisecond
	batchLong  = 25 * time.Millisecond
)

// Target is where records go.
type Target struct {
	By        string  // who imports, for the audit trail
	Office    iri.IRI // of ours
	Community iri.IRI // of ours, or ""
}

// check refuses what is not ours. A community must admit the lowest marking, which
// every ceiling does.
func (a *Archive) check(ctx context.Context, t Target) error {
	if _, err := models.OfficeByIRI(ctx, a.Store.R, t.Office); models.NotFound(err) {
		return accounts.Invalid("%s is no office here", t.Office)
	} else if err != nil {
		return fmt.Errorf("import: look up the office: %w", err)
	}
	if t.Community == "" {
		return nil
	}
	c, err := models.CommunityByIRI(ctx, a.Store.R, t.Community)
	if models.NotFound(err) || err == nil && !c.Local {
		return accounts.Invalid("%s is no community of ours; records go to members of our own communities alone", t.Community)
	}
	if err != nil {
		return fmt.Errorf("import: look up the community: %w", err)
	}
	return nil
}

// Import keeps documents as records. One that is here already stays as it is, so that
// an import can be repeated. It returns how many are new.
func (a *Archive) Import(ctx context.Context, by string, office iri.IRI, docs []tei.Document) (int, error) {
	b := &batch{a: a, target: Target{By: by, Office: office}, size: batchFirst}
	positions := map[string]int64{}
	for _, d := range docs {
		positions[d.Volume]++
		if err := b.add(ctx, d, positions[d.Volume]); err != nil {
			return b.fresh, err
		}
	}
	if err := b.flush(ctx); err != nil {
		return b.fresh, err
	}
	return b.fresh, a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return audit.Append(ctx, tx, a.Now(), by, "imported", string(office), map[string]any{"documents": len(docs), "new": b.fresh})
	})
}

// batch gathers records and writes them, a bounded number in one transaction. What was
// written stands; an import that died goes on with the first record that is not here.
type batch struct {
	a      *Archive
	target Target
	dry    bool

	entries []entry
	bytes   int
	size    int // records of the next transaction

	fresh, known, attached int
	differ                 []string // references of those whose id has another text here
}

func (b *batch) add(ctx context.Context, d tei.Document, position int64) error {
	e, err := b.a.entry(b.target, d, position)
	if err != nil {
		return fmt.Errorf("import %s/%s: %w", d.Volume, d.ID, err)
	}
	b.entries = append(b.entries, e)
	b.bytes += len(e.row.Document)
	if len(b.entries) >= b.size || b.bytes >= batchBytes {
		return b.flush(ctx)
	}
	return nil
}

// flush writes what was gathered.
func (b *batch) flush(ctx context.Context) error {
	entries := b.entries
	b.entries, b.bytes = nil, 0
	if len(entries) == 0 {
		return nil
	}
	ids := make([]iri.IRI, len(entries))
	for i, e := range entries {
		ids[i] = e.row.IRI
	}
	here, err := models.KnownArchive(ctx, b.a.Store.R, ids)
	if err != nil {
		return fmt.Errorf("look for records that are here: %w", err)
	}
	var write []entry
	var attach []iri.IRI
	for _, e := range entries {
		have, known := here[e.row.IRI]
		here[e.row.IRI] = models.ArchiveKnown{IRI: e.row.IRI, Community: e.row.Community, Digest: e.row.Digest}
		switch {
		case !known:
			write = append(write, e)
		case have.Digest != e.row.Digest:
			here[e.row.IRI] = have
			b.differ = append(b.differ, e.row.Reference)
		case b.target.Community != "" && have.Community == "":
			attach = append(attach, e.row.IRI)
			b.known++
		default:
			b.known++
		}
	}
	if b.dry {
		b.fresh, b.attached = b.fresh+len(write), b.attached+len(attach)
		return nil
	}
	if len(write)+len(attach) == 0 {
		return nil
	}
	fresh := 0
	began := time.Now()
	err = b.a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		fresh, err = b.write(ctx, tx, write, attach)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep %d records: %w", len(write), err)
	}
	switch took := time.Since(began); {
	case took > batchLong:
		b.size = max(b.size/2, 1)
	case took < batchShort:
		b.size = min(b.size*2, batchMost)
	}
	b.fresh, b.known, b.attached = b.fresh+fresh, b.known+len(write)-fresh, b.attached+len(attach)
	return nil
}

func (b *batch) write(ctx context.Context, tx bun.Tx, write []entry, attach []iri.IRI) (fresh int, err error) {
	var places []models.ArchiveRecord
	var references []models.DispatchReference
	var citations []models.ArchiveCitation
	for _, e := range write {
		ok, err := models.InsertDispatch(ctx, tx, e.row)
		if err != nil {
			return 0, err
		}
		if !ok {
			continue
		}
		fresh++
		places = append(places, e.place)
		references = append(references, e.references...)
		citations = append(citations, e.citations...)
	}
	if err := models.InsertArchiveRecords(ctx, tx, places); err != nil {
		return 0, err
	}
	if err := models.InsertReferences(ctx, tx, references); err != nil {
		return 0, err
	}
	if err := models.InsertArchiveCitations(ctx, tx, citations); err != nil {
		return 0, err
	}
	now := models.At(b.a.Now())
	for _, id := range attach {
		if err := models.AttachArchive(ctx, tx, id, b.target.Community, now); err != nil {
			return 0, err
		}
	}
	return fresh, nil
}
