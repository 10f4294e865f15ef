package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Comment is a note in a community. For a guest on other software the Group writes
// it, and AttestedFor names her.
type Comment struct {
	bun.BaseModel `bun:"table:comments,alias:d"`

	IRI           iri.IRI `bun:",pk"`
	Community     iri.IRI
	Dispatch      iri.IRI
	Author        iri.IRI
	AttestedFor   iri.IRI
	Content       string
	Document      []byte
	MarkingRank   int64
	State         string // "shown" or "erased"
	PublishedAt   Time
	DistributedAt Time
}

// Bulletin is one Form B rendering at one inbox.
type Bulletin struct {
	bun.BaseModel `bun:"table:bulletins"`

	IRI         iri.IRI `bun:",pk"`
	Community   iri.IRI
	ObjectID    iri.IRI
	Host        iri.Host
	Inbox       iri.IRI
	CreateID    iri.IRI
	PublishedAt Time
	State       string // "sent" or "deleted"
}

// InsertComment adds a comment; one that is there stays as it is.
func InsertComment(ctx context.Context, db bun.IDB, c *Comment) (bool, error) {
	res, err := db.NewInsert().Model(c).On("CONFLICT (iri) DO NOTHING").Exec(ctx)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 || c.State != "shown" {
		return n == 1, err
	}
	return true, queueSearch(ctx, db, SearchComment, c.IRI)
}

// CommentByIRI returns one comment.
func CommentByIRI(ctx context.Context, db bun.IDB, id iri.IRI) (*Comment, error) {
	c := new(Comment)
	err := db.NewSelect().Model(c).Where("iri = ?", id).Scan(ctx)
	return c, err
}

// EraseComment erases a comment's text and keeps its row.
func EraseComment(ctx context.Context, db bun.IDB, id iri.IRI) error {
	if _, err := db.NewRaw(`UPDATE comments SET state = 'erased', content = '', document = NULL WHERE iri = ?`, id).Exec(ctx); err != nil {
		return err
	}
	return DropSearch(ctx, db, id)
}

// InsertBulletins adds renderings.
func InsertBulletins(ctx context.Context, db bun.IDB, rows []*Bulletin) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := db.NewInsert().Model(&rows).On("CONFLICT (iri) DO NOTHING").Exec(ctx)
	return err
}

// BulletinsOf lists the renderings of one object.
func BulletinsOf(ctx context.Context, db bun.IDB, object iri.IRI) ([]*Bulletin, error) {
	var rows []*Bulletin
	err := db.NewSelect().Model(&rows).Where("object_id = ?", object).Limit(10000).Scan(ctx)
	return rows, err
}

// BulletinDeliveries lists the deliveries of a community's own posts about an object
// (Form B), in any state, oldest first.
func BulletinDeliveries(ctx context.Context, db bun.IDB, object, community iri.IRI) ([]*Delivery, error) {
	var rows []*Delivery
	err := db.NewSelect().Model(&rows).Where("object_id = ?", object).Where("actor = ?", community).Where("type IN ('Create', 'Update', 'Delete')").
		OrderBy("id", bun.OrderAsc).Limit(100000).Scan(ctx)
	return rows, err
}

// CancelBulletins ends what has not left yet of a community's own posts about an object.
func CancelBulletins(ctx context.Context, db bun.IDB, object, community iri.IRI, reason string, now Time) error {
	_, err := db.NewRaw(`UPDATE deliveries SET state = 'cancelled', reason = ?, finished_at = ? WHERE object_id = ? AND actor = ? AND type IN ('Create', 'Update') AND state = 'pending'`,
		reason, now, object, community).Exec(ctx)
	return err
}

// BulletinByIRI returns one rendering.
func BulletinByIRI(ctx context.Context, db bun.IDB, id iri.IRI) (*Bulletin, error) {
	b := new(Bulletin)
	err := db.NewSelect().Model(b).Where("iri = ?", id).Scan(ctx)
	return b, err
}

// MarkBulletinsDeleted records that the deletion of an object's bulletins is queued.
func MarkBulletinsDeleted(ctx context.Context, db bun.IDB, object iri.IRI) error {
	_, err := db.NewRaw(`UPDATE bulletins SET state = 'deleted' WHERE object_id = ?`, object).Exec(ctx)
	return err
}

// CommentsOn lists the comments on one dispatch, oldest first.
func CommentsOn(ctx context.Context, db bun.IDB, dispatch iri.IRI, limit int) ([]*Comment, error) {
	var rows []*Comment
	err := db.NewSelect().Model(&rows).Where("dispatch = ?", dispatch).OrderBy("published_at", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// SameComment returns a comment of the author in the same words on the same thing, shown and
// made since a moment, or NotFound.
func SameComment(ctx context.Context, db bun.IDB, c *Comment, since Time) (*Comment, error) {
	same := new(Comment)
	err := db.NewSelect().Model(same).Where("community = ? AND dispatch = ? AND author = ? AND content = ? AND state = 'shown' AND published_at >= ?", c.Community, c.Dispatch, c.Author, c.Content, since).
		OrderBy("published_at", bun.OrderDesc).Limit(1).Scan(ctx)
	return same, err
}

// CommentsWhere lists comments that a condition of models/audience admits, oldest first.
func CommentsWhere(ctx context.Context, db bun.IDB, cond string, args []any, community iri.IRI, limit int) ([]*Comment, error) {
	var rows []*Comment
	err := db.NewSelect().Model(&rows).Where("d.community = ?", community).Where("d.state = 'shown'").Where(cond, args...).
		OrderBy("published_at", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}
