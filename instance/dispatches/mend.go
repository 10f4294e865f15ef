package dispatches

import (
	"context"
	"fmt"
	"math"

	"github.com/uptrace/bun"

	"valise/instance/audit"
	"valise/models"
	"valise/models/iri"
)

const (
	// mendMost bounds the withdrawals that one turn mends, each in a transaction.
	mendMost  = 20
	mendedAll = math.MaxInt64
)

// Mend erases the words of drafts whose dispatch was withdrawn by a program that left them.
// One turn is bounded, the next goes on; after a pass from the first to the last it does
// nothing until the next start.
func (s *Dispatches) Mend(ctx context.Context) error {
	if s.mended == mendedAll {
		return nil
	}
	rows, err := models.WithdrawnWithWords(ctx, s.Store.R, s.mended, mendMost)
	if err != nil {
		return fmt.Errorf("look for words of withdrawn dispatches: %w", err)
	}
	for _, d := range rows {
		by, err := s.withdrawer(ctx, d)
		if err != nil {
			return err
		}
		err = s.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			drafts, err := s.eraseDrafts(ctx, tx, d, by, d.WithdrawnAt.Time())
			if err != nil {
				return err
			}
			return audit.Append(ctx, tx, s.Now(), "the instance", "withdrawal completed", string(d.IRI), map[string]any{"erasedDrafts": len(drafts)})
		})
		if err != nil {
			return err
		}
		s.mended = d.ID
	}
	if len(rows) < mendMost {
		s.mended = mendedAll
	}
	return nil
}

// withdrawer is whom the audit trail names; the office where it names nobody.
func (s *Dispatches) withdrawer(ctx context.Context, d *models.Dispatch) (iri.IRI, error) {
	rows, err := models.AuditAfter(ctx, s.Store.R, 0, string(d.IRI), "withdrawn", 1)
	if err != nil {
		return "", fmt.Errorf("read who withdrew %s: %w", d.IRI, err)
	}
	if len(rows) == 0 {
		return d.Author, nil
	}
	return iri.IRI(rows[0].Actor), nil
}
