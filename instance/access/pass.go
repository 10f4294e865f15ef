package access

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
)

// secretLength is the length of a one-time secret in bytes: 128 bits.
const secretLength = 16

// pass makes a secret that is good once, for one kind of thing, within a time.
func (a *Access) pass(ctx context.Context, tx bun.IDB, kind string, person iri.IRI, data, by string, within time.Duration) (string, error) {
	secret, err := a.token(secretLength)
	if err != nil {
		return "", err
	}
	now := a.now()
	err = models.InsertPass(ctx, tx, &models.Pass{Hash: digest(secret), Kind: kind, Person: person, Data: data, MadeBy: by, CreatedAt: now, ExpiresAt: now.Add(within)})
	if err != nil {
		return "", fmt.Errorf("keep a %s: %w", kind, err)
	}
	return secret, nil
}
