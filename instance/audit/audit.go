// Package audit keeps the append-only trail of every act of power. Each entry hashes
// the one before it.
package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"valise/models"
)

// LocalOperator is the actor of what is done through the admin socket or the command
// line.
const LocalOperator = "local operator"

// Append adds an entry in the caller's transaction, so that the act and its record
// stand or fall together. detail is written as JSON and never holds a secret or text
// of a dispatch.
func Append(ctx context.Context, tx bun.Tx, now time.Time, actor, act, object string, detail map[string]any) error {
	text := []byte("{}")
	if len(detail) > 0 {
		var err error
		if text, err = json.Marshal(detail); err != nil {
			return fmt.Errorf("audit %s: %w", act, err)
		}
	}
	last, err := models.LastAudit(ctx, tx)
	if err != nil && !models.NotFound(err) {
		return fmt.Errorf("audit %s: %w", act, err)
	}
	e := &models.AuditEntry{At: models.At(now), Actor: actor, Act: act, Object: object, Detail: string(text)}
	if err == nil {
		e.Previous = last.Hash
	}
	e.Hash = hash(e)
	if err := models.InsertAudit(ctx, tx, e); err != nil {
		return fmt.Errorf("audit %s: %w", act, err)
	}
	return nil
}

func hash(e *models.AuditEntry) string {
	h := sha256.New()
	for _, part := range []string{e.Previous, fmt.Sprint(int64(e.At)), e.Actor, e.Act, e.Object, e.Detail} {
		fmt.Fprintf(h, "%d:%s,", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Verify walks the whole chain and returns how many entries hold, and the first fault.
func Verify(ctx context.Context, db bun.IDB) (int, error) {
	n, after, previous := 0, int64(0), ""
	for {
		rows, err := models.AuditAfter(ctx, db, after, "", "", 500)
		if err != nil {
			return n, err
		}
		for _, e := range rows {
			if e.Previous != previous || e.Hash != hash(e) {
				return n, fmt.Errorf("audit entry %d (%s on %s) does not follow from the one before it: the trail was changed", e.ID, e.Act, e.Object)
			}
			previous, after = e.Hash, e.ID
			n++
		}
		if len(rows) < 500 {
			return n, nil
		}
	}
}
