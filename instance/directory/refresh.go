package directory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/deliver"
	"valise/federation/vocab"
	"valise/models"
	"valise/models/iri"
)

const (
	// refreshEvery is how old the known offices of a peer may become, as every actor
	// document may.
	refreshEvery = 24 * time.Hour
	// refreshMost bounds the peers that are read at once.
	refreshMost = 4
	// writeMost bounds the offices that one transaction writes.
	writeMost = 100
)

// Refresh reads the offices of accredited peers: soon after their accreditation, then
// daily. A peer that does not answer, or does not yet hold us as accredited, is asked
// again after pauses that grow. It returns how many were asked.
func (d *Directory) Refresh(ctx context.Context) (int, error) {
	if err := d.index(ctx); err != nil {
		return 0, err
	}
	due, err := models.DueDirectories(ctx, d.Store.R, models.At(d.Now()), refreshMost)
	if err != nil {
		return 0, fmt.Errorf("look for peers whose offices are to be read: %w", err)
	}
	var wg sync.WaitGroup
	failed := make([]error, len(due))
	for i, p := range due {
		wg.Go(func() { failed[i] = d.refresh(ctx, p) })
	}
	wg.Wait()
	return len(due), errors.Join(failed...)
}

// index makes our offices found that were opened before there was an index, once in the
// life of a process.
func (d *Directory) index(ctx context.Context) error {
	for !d.indexed.Load() {
		n := 0
		if err := d.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
			n, err = models.IndexOffices(ctx, tx, writeMost)
			return err
		}); err != nil {
			return fmt.Errorf("index our offices: %w", err)
		}
		d.indexed.Store(n < writeMost)
	}
	return nil
}

// refresh reads one peer's offices and records when that was. An error is a fault of
// ours; one of the peer's is recorded.
func (d *Directory) refresh(ctx context.Context, p *models.Peer) error {
	now := models.At(d.Now())
	row, err := models.PeerDirectoryOf(ctx, d.Store.R, p.Host)
	if models.NotFound(err) {
		row = &models.PeerDirectory{Host: p.Host}
	} else if err != nil {
		return err
	}
	items, err := d.Actors.Offices(ctx, p.InstanceActor)
	if err == nil {
		if err := d.keep(ctx, p.Host, items, now); err != nil {
			return fmt.Errorf("keep the offices of %s: %w", p.Host, err)
		}
		row.FetchedAt, row.NextAt, row.Failures, row.Reason = now, now.Add(refreshEvery), 0, ""
	} else {
		row.Failures++
		row.NextAt, row.Reason = now.Add(deliver.Wait(row.Failures, 0)), err.Error()
	}
	return models.SavePeerDirectory(ctx, d.Store.W, row)
}

// keep writes what differs from what is known of a host's offices.
func (d *Directory) keep(ctx context.Context, host iri.Host, items []vocab.OfficeItem, now models.Time) error {
	known := map[iri.IRI]*models.PeerOffice{}
	for after := iri.IRI(""); ; {
		rows, err := models.PeerOffices(ctx, d.Store.R, host, after, 1000)
		if err != nil {
			return err
		}
		for _, o := range rows {
			known[o.IRI], after = o, o.IRI
		}
		if len(rows) < 1000 {
			break
		}
	}
	var changed []*models.PeerOffice
	listed := map[iri.IRI]bool{}
	for _, item := range items {
		o := &models.PeerOffice{IRI: item.ID, Host: host, Username: vocab.Clip(item.PreferredUsername, 100), Name: vocab.Clip(item.Name, 500), Code: vocab.Clip(item.Code, 100), Post: vocab.Clip(item.Post, 200), SeenAt: now}
		have := known[o.IRI]
		if !listed[o.IRI] && (have == nil || have.Username != o.Username || have.Name != o.Name || have.Code != o.Code || have.Post != o.Post) {
			changed = append(changed, o)
		}
		listed[o.IRI] = true
	}
	var gone []iri.IRI
	for id := range known {
		if !listed[id] {
			gone = append(gone, id)
		}
	}
	for len(changed) > 0 || len(gone) > 0 {
		n, m := min(len(changed), writeMost), min(len(gone), writeMost)
		if err := d.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			if err := models.SavePeerOffices(ctx, tx, changed[:n]); err != nil {
				return err
			}
			return models.DropPeerOffices(ctx, tx, gone[:m])
		}); err != nil {
			return err
		}
		changed, gone = changed[n:], gone[m:]
	}
	return nil
}

// PeerOffices lists the known offices of a peer by id, after an id.
func (d *Directory) PeerOffices(ctx context.Context, hostname string, after iri.IRI, limit int) ([]*models.PeerOffice, error) {
	p, err := d.find(ctx, hostname)
	if err != nil {
		return nil, err
	}
	return models.PeerOffices(ctx, d.Store.R, p.Host, after, page(limit))
}
