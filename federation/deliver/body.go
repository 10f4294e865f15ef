package deliver

import (
	"context"
	"crypto/sha256"
	"fmt"

	"valise/models"
	"valise/models/iri"
)

// body is what is posted, the same to every host. bytes is nil once it was erased.
type body struct {
	bytes []byte
	sum   [sha256.Size]byte
}

// shortBody is the longest body that is read together with others, in bytes.
const shortBody = 64 << 10

// fetchBodies reads together what the rows post, as far as it is short.
func (c *Courier) fetchBodies(ctx context.Context, rows []*models.Delivery) error {
	var missing []iri.IRI
	for _, d := range rows {
		if _, ok := c.bodies.GetIfPresent(d.Activity); !ok {
			missing = append(missing, d.Activity)
		}
	}
	if len(missing) < 2 {
		return nil
	}
	found, err := models.ShortActivities(ctx, c.Store.R, missing, shortBody)
	if err != nil {
		return fmt.Errorf("read activities: %w", err)
	}
	for id, b := range found {
		c.bodies.Set(id, body{b, sha256.Sum256(b)})
	}
	return nil
}

func (c *Courier) body(ctx context.Context, activity iri.IRI) (body, error) {
	if b, ok := c.bodies.GetIfPresent(activity); ok {
		return b, nil
	}
	a, err := models.ActivityByIRI(ctx, c.Store.R, activity)
	if err != nil {
		return body{}, fmt.Errorf("read the activity: %w", err)
	}
	b := body{a.Bytes, sha256.Sum256(a.Bytes)}
	if a.Bytes != nil {
		c.bodies.Set(activity, b)
	}
	return b, nil
}

// ForgetBody drops cached bytes of an activity that was erased.
func (c *Courier) ForgetBodies() {
	c.init()
	c.bodies.InvalidateAll()
}
