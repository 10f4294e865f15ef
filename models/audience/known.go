package audience

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/iri"
)

const (
	// knownFor is how long what May asks of a dispatch is believed.
	knownFor = 500 * time.Millisecond
	// knownMost bounds how many dispatches are known at once.
	knownMost = 4096
)

// Known answers Allowed for many readers of the same dispatches, as a distribution to many
// hosts asks: what May needs of a dispatch is read once for all of them, the reader's
// memberships each time. What a yes rests on of a dispatch was read at most knownFor before, and
// after the newest row of dispatches; of several that another process commits together, out of the order of
// their numbers, it may be knownFor behind. Every no is that of Allowed. Its zero value is ready.
type Known struct {
	mu      sync.Mutex
	newest  int64 // row of dispatches when the objects were read
	objects map[iri.IRI]known
}

type known struct {
	Object
	at time.Time
}

// Allowed is the function Allowed; only of dispatches is anything known.
func (k *Known) Allowed(ctx context.Context, db bun.IDB, r Reader, t Table, ids []iri.IRI, now models.Time) (map[iri.IRI]bool, error) {
	if t != Dispatches {
		return Allowed(ctx, db, r, t, ids, now)
	}
	objects, err := k.read(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	var communities []iri.IRI
	for _, o := range objects {
		if o.Community != "" && !slices.Contains(communities, o.Community) {
			communities = append(communities, o.Community)
		}
	}
	members, err := memberships(ctx, db, r, communities)
	if err != nil {
		return nil, err
	}
	out := make(map[iri.IRI]bool, len(ids))
	var doubted []iri.IRI
	for _, id := range ids {
		if o, ok := objects[id]; ok && May(r, o, members, now).May {
			out[id] = true
		} else {
			doubted = append(doubted, id)
		}
	}
	confirmed, err := Allowed(ctx, db, r, Dispatches, doubted, now)
	maps.Copy(out, confirmed)
	return out, err
}

// read returns the objects that there are.
func (k *Known) read(ctx context.Context, db bun.IDB, ids []iri.IRI) (map[iri.IRI]Object, error) {
	newest, err := models.NewestDispatch(ctx, db)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	out := make(map[iri.IRI]Object, len(ids))
	var missing []iri.IRI
	k.mu.Lock()
	if newest != k.newest || len(k.objects) > knownMost {
		k.newest, k.objects = newest, map[iri.IRI]known{}
	}
	for _, id := range ids {
		if o, ok := k.objects[id]; ok && began.Sub(o.at) < knownFor {
			out[id] = o.Object
		} else {
			missing = append(missing, id)
		}
	}
	k.mu.Unlock()
	if len(missing) == 0 {
		return out, nil
	}
	found, err := models.AudienceOf(ctx, db, missing)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range found {
		d := &found[i]
		o := objectOf(&d.Dispatch, d.Addressees)
		out[d.IRI] = o
		if newest == k.newest {
			k.objects[d.IRI] = known{o, began}
		}
	}
	return out, nil
}

func objectOf(d *models.Dispatch, to []models.Addressee) Object {
	return Object{Author: d.Author, AuthorHost: d.AuthorHost, Addressees: to, Community: d.Community, MarkingRank: d.MarkingRank,
		DistributedAt: d.DistributedAt, Archive: d.Origin == models.OriginArchive}
}
