package models

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"
)

// againMost bounds how often a transaction is begun that PostgreSQL ended for another's sake.
const againMost = 5

// InTxAgain is InTx for what must not be lost to a deadlock: where PostgreSQL ends the
// transaction so that another can go on (40P01, 40001), fn runs again from its beginning. fn
// must leave nothing behind but what it writes through tx.
func (s *Store) InTxAgain(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	for try := 1; ; try++ {
		err := s.InTx(ctx, fn)
		var pe *pgconn.PgError
		if try == againMost || ctx.Err() != nil || !errors.As(err, &pe) || pe.Code != "40P01" && pe.Code != "40001" {
			return err
		}
	}
}
