package models

import (
	"context"
	"fmt"

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

// BumpEpoch marks every policy change, so that other processes drop their caches.
func BumpEpoch(ctx context.Context, db bun.IDB) error {
	_, err := db.NewRaw(`UPDATE instance SET config_epoch = config_epoch + 1 WHERE id = 1`).Exec(ctx)
	return err
}
