// Package archive keeps imported correspondence beside the live one: historical marking
// shown, effective marking the lowest, no proof of ours, never sent as new.
package archive

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"html"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"valise/federation/policy"
	"valise/federation/sign"
	"valise/instance/archive/tei"
	"valise/instance/audit"
	"valise/instance/dispatches"
	"valise/models"
	"valise/models/iri"
)

// Archive is the service.
type Archive struct {
	Store *models.Store
	Guard policy.Guard
	Own   iri.Host
	Now   func() time.Time
}

// batch is how many records share one transaction: no write lasts over 50 ms.
const batch = 50

// Import keeps documents as records of an office. A document that is here already
// stays as it is, so that an import can be repeated. It returns how many are new.
func (a *Archive) Import(ctx context.Context, by string, office iri.IRI, docs []tei.Document) (int, error) {
	fresh := 0
	for start := 0; start < len(docs); start += batch {
		part := docs[start:min(start+batch, len(docs))]
		rows := make([]*models.Dispatch, len(part))
		for i, d := range part {
			row, err := a.record(office, d)
			if err != nil {
				return fresh, fmt.Errorf("import %s/%s: %w", d.Volume, d.ID, err)
			}
			rows[i] = row
		}
		err := a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			n := 0
			for _, row := range rows {
				ok, err := models.InsertDispatch(ctx, tx, row)
				if err != nil {
					return err
				}
				if ok {
					n++
				}
			}
			fresh += n
			return nil
		})
		if err != nil {
			return fresh, fmt.Errorf("import records: %w", err)
		}
	}
	return fresh, a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return audit.Append(ctx, tx, a.Now(), by, "imported", string(office), map[string]any{"documents": len(docs), "new": fresh})
	})
}

// record makes the row of one document. Its id is made from volume and document, so
// that it is the same at every import.
func (a *Archive) record(office iri.IRI, d tei.Document) (*models.Dispatch, error) {
	c := dispatches.Content{Kind: "archive", Subject: d.Title, Summary: d.Summary, Precedence: strings.ToUpper(d.Precedence), Marking: d.Classification}
	if d.Subject != "" {
		c.Subject = d.Subject
	}
	for _, p := range d.Paragraphs {
		c.Paragraphs = append(c.Paragraphs, dispatches.Paragraph{Language: p.Language, Text: p.String()})
	}
	body, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(d.Volume + "/" + d.ID))
	lowest := a.Guard.Lowest()
	at := models.At(d.DateTime)
	if at <= 0 {
		at = -1 // before 1970, or undated: order is by volume and number
	}
	marking := d.Classification
	if marking == "" {
		marking = "no marking"
	}
	id := iri.IRI(fmt.Sprintf("%s/r/%x", a.Own.Base(), sum[:12]))
	return &models.Dispatch{IRI: id, Version: 1, Latest: true, Origin: models.OriginArchive, Author: office, AuthorHost: a.Own, Reference: d.Volume + "/" + d.ID, Kind: string(d.Kind),
		Subject: html.UnescapeString(c.Subject), Precedence: c.Precedence, Marking: marking, MarkingRank: lowest, Activity: id, Document: body, Digest: sign.BytesDigest(body),
		State: models.DispatchInForce, PublishedAt: models.At(d.DateTime), DistributedAt: at, CreatedAt: models.At(a.Now())}, nil
}
