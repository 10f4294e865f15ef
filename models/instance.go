package models

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/uptrace/bun"
)

// Instance is the one row that fixes whose database this is.
type Instance struct {
	bun.BaseModel `bun:"table:instance"`

	ID              int64 `bun:",pk"`
	Host            string
	CreatedAt       Time
	SealFingerprint string
	ConfigEpoch     int64
}

// ReadInstance returns the row, or NotFound when the database is fresh.
func ReadInstance(ctx context.Context, db bun.IDB) (*Instance, error) {
	row := new(Instance)
	if err := db.NewSelect().Model(row).Where("id = 1").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the instance row: %w", err)
	}
	return row, nil
}

// InsertInstance fixes the host name and the seal key's fingerprint, once.
func InsertInstance(ctx context.Context, db bun.IDB, row *Instance) error {
	row.ID, row.ConfigEpoch = 1, 1
	_, err := db.NewInsert().Model(row).Exec(ctx)
	return err
}

// policyWrites counts the policy changes that this process has begun to write.
var policyWrites atomic.Int64

// PolicyWrites changes before this process writes policy: a cache that has met another
// count is not to be used. What is read anew may still be from before the change, so
// who writes drops the caches after the commit too.
func PolicyWrites() int64 { return policyWrites.Load() }

// ConfigEpoch changes with every policy change by any process. It is 0 in a database that
// is nobody's yet.
func ConfigEpoch(ctx context.Context, db bun.IDB) (epoch int64, err error) {
	err = rawRow(ctx, db, `SELECT config_epoch FROM instance WHERE id = ?`, []any{1}, &epoch)
	if NotFound(err) {
		err = nil
	}
	return epoch, err
}

// BumpEpoch marks every policy change, so that caches are dropped.
func BumpEpoch(ctx context.Context, db bun.IDB) error {
	policyWrites.Add(1)
	_, err := db.NewRaw(`UPDATE instance SET config_epoch = config_epoch + 1 WHERE id = 1`).Exec(ctx)
	return err
}
