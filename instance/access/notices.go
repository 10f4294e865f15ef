package access

import (
	"context"

	"github.com/uptrace/bun"

	"valise/instance/accounts"
	"valise/models"
	"valise/models/iri"
)

// noticesPage is the longest page of notices.
const noticesPage = 200

// Notices lists what is for a person (hers, those of the offices that she may read for,
// and the operator's where she is one), newest first, before an id (0: from the newest).
func (a *Access) Notices(ctx context.Context, person iri.IRI, unreadOnly bool, before int64, limit int) ([]models.HerNotice, error) {
	return models.NoticesFor(ctx, a.Store.R, person, unreadOnly, before, min(max(limit, 1), noticesPage), a.now())
}

// ReadNotices marks notices as read by her alone. Those that are not for her are left.
func (a *Access) ReadNotices(ctx context.Context, person iri.IRI, ids ...int64) error {
	if len(ids) > noticesPage {
		return accounts.Invalid("at most %d notices can be marked at once", noticesPage)
	}
	return a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return models.ReadNotices(ctx, tx, person, ids, a.now())
	})
}

// ReadAllNotices marks everything up to an id, the newest that she was shown, as read.
func (a *Access) ReadAllNotices(ctx context.Context, person iri.IRI, upTo int64) error {
	return a.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return models.ReadAllNotices(ctx, tx, person, upTo)
	})
}
