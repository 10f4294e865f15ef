package models

import (
	"context"
	"strings"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Operator is the recipient of notices that are for whoever runs the instance.
const Operator iri.IRI = "operator"

// Notice is what a person, an office or the operator must see. It says that
// something happened and to what, never the text of a dispatch.
type Notice struct {
	bun.BaseModel `bun:"table:notices"`

	ID        int64 `bun:",pk,autoincrement"`
	Recipient iri.IRI
	Kind      string
	Subject   string // what it is about: an id or a host
	Detail    string
	CreatedAt Time
	// ReadAt is when somebody whom it is for first opened it; whether it is read for one
	// person is told by NoticesFor.
	ReadAt Time
}

const insertNotice = `INSERT INTO notices (recipient, kind, subject, detail, created_at, read_at) VALUES (?,?,?,?,?,?)`

// queueNotice makes a mail due to each person whom a notice is for and who wants one.
const queueNotice = `INSERT INTO mail_queue (person, kind, created_at)
	SELECT p.person, 'notice', CAST(? AS BIGINT) FROM preferences AS p WHERE p.notify AND p.email_at > 0 AND ` + notBlocked + `p.person) AND p.person IN (
		SELECT CAST(? AS TEXT) UNION SELECT m.person FROM mandates AS m WHERE m.office = ? AND m.revoked_at = 0 AND (m.ends_at = 0 OR m.ends_at > ?)
		UNION SELECT o.person FROM operators AS o WHERE CAST(? AS TEXT) = 'operator')`

// InsertNotice adds one, and in the same transaction what makes a mail to each person
// whom it is for and who wants one.
func InsertNotice(ctx context.Context, db bun.IDB, n *Notice) error {
	n.Detail = clip(n.Detail, 2000)
	notice := []any{string(n.Recipient), n.Kind, storable(n.Subject), n.Detail, int64(n.CreatedAt), int64(n.ReadAt)}
	queue := []any{int64(n.CreatedAt), string(n.Recipient), string(n.Recipient), int64(n.CreatedAt), string(n.Recipient)}
	if isPG(db) { // one journey for both
		_, err := rawExec(ctx, db, `WITH added AS (`+insertNotice+`) `+queueNotice, append(notice, queue...)...)
		return err
	}
	if _, err := rawExec(ctx, db, insertNotice, notice...); err != nil {
		return err
	}
	_, err := rawExec(ctx, db, queueNotice, queue...)
	return err
}

// Notices lists a recipient's notices, newest first.
func Notices(ctx context.Context, db bun.IDB, recipient iri.IRI, before int64, limit int) ([]*Notice, error) {
	var rows []*Notice
	q := db.NewSelect().Model(&rows).Where("recipient = ?", recipient).OrderBy("id", bun.OrderDesc).Limit(int64(limit))
	if before > 0 {
		q = q.Where("id < ?", before)
	}
	err := q.Scan(ctx)
	return rows, err
}

// herNotices is the condition on notices n that they are for a person: herself, an
// office that she may read for, the operator where she is one. Its arguments are
// herself, herself, now, herself.
const herNotices = `n.recipient IN (SELECT CAST(? AS TEXT) UNION SELECT m.office FROM mandates AS m WHERE m.person = ? AND m.revoked_at = 0 AND (m.ends_at = 0 OR m.ends_at > ?)
	UNION SELECT 'operator' FROM operators AS o WHERE o.person = ?)`

func her(person iri.IRI, now Time) []any {
	return []any{string(person), string(person), int64(now), string(person)}
}

// unread is the condition that a person has not read a notice n; its arguments are
// herself twice.
const unread = `n.id > COALESCE((SELECT p.notices_read FROM preferences AS p WHERE p.person = ?), 0) AND NOT EXISTS (SELECT 1 FROM notice_reads AS r WHERE r.person = ? AND r.notice = n.id)`

// UnreadMost bounds the count of unread notices: beyond it there are simply many.
const UnreadMost = 1000

// UnreadNotices counts what a person has not read, up to UnreadMost.
func UnreadNotices(ctx context.Context, db bun.IDB, person iri.IRI, now Time) (n int64, err error) {
	args := append(her(person, now), string(person), string(person), int64(UnreadMost))
	err = rawRow(ctx, db, `SELECT COUNT(*) FROM (SELECT 1 AS one FROM notices AS n WHERE `+herNotices+` AND `+unread+` LIMIT ?) AS x`, args, &n)
	return n, err
}

// HerNotice is a notice as one person sees it.
type HerNotice struct {
	Notice
	Unread bool
}

// NoticesFor lists what is for a person, newest first, before an id (0: from the
// newest), all of it or only what is unread.
func NoticesFor(ctx context.Context, db bun.IDB, person iri.IRI, unreadOnly bool, before int64, limit int, now Time) ([]HerNotice, error) {
	if before <= 0 {
		before = 1 << 62
	}
	args := append([]any{string(person), string(person)}, her(person, now)...)
	args = append(args, before)
	only := ""
	if unreadOnly {
		only = " AND " + unread
		args = append(args, string(person), string(person))
	}
	rows, err := raw(ctx, db, `SELECT n.id, n.recipient, n.kind, n.subject, n.detail, n.created_at, n.read_at, CASE WHEN `+unread+` THEN 1 ELSE 0 END
		FROM notices AS n WHERE `+herNotices+` AND n.id < ?`+only+` ORDER BY n.id DESC LIMIT ?`, append(args, int64(limit))...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []HerNotice
	for rows.Next() {
		var n HerNotice
		if err := rows.Scan(&n.ID, &n.Recipient, &n.Kind, &n.Subject, &n.Detail, &n.CreatedAt, &n.ReadAt, &n.Unread); err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, rows.Err()
}

// ReadNotices marks notices as read by a person. Ids that are not for her are left alone.
func ReadNotices(ctx context.Context, tx bun.Tx, person iri.IRI, ids []int64, now Time) error {
	if len(ids) == 0 {
		return nil
	}
	list := strings.TrimSuffix(strings.Repeat("?,", len(ids)), ",")
	args := []any{string(person), int64(now)}
	for _, id := range ids {
		args = append(args, id)
	}
	args = append(args, her(person, now)...)
	if _, err := rawExec(ctx, tx, `INSERT INTO notice_reads (person, notice, at) SELECT CAST(? AS TEXT), n.id, CAST(? AS BIGINT) FROM notices AS n WHERE n.id IN (`+list+`) AND `+herNotices+` ON CONFLICT (person, notice) DO NOTHING`, args...); err != nil {
		return err
	}
	_, err := rawExec(ctx, tx, `UPDATE notices AS n SET read_at = ? WHERE n.id IN (`+list+`) AND n.read_at = 0 AND `+herNotices, args[1:]...)
	return err
}

// ReadNoticesAbout marks as read by a person what is for her and about one thing, in one
// statement.
func ReadNoticesAbout(ctx context.Context, db bun.IDB, person iri.IRI, subject string, now Time) error {
	args := append([]any{string(person), int64(now), subject}, her(person, now)...)
	_, err := rawExec(ctx, db, `INSERT INTO notice_reads (person, notice, at) SELECT CAST(? AS TEXT), n.id, CAST(? AS BIGINT) FROM notices AS n WHERE n.subject = ? AND `+herNotices+` ON CONFLICT (person, notice) DO NOTHING`, args...)
	return err
}

// ReadAllNotices marks everything up to an id as read by a person.
func ReadAllNotices(ctx context.Context, tx bun.Tx, person iri.IRI, upTo int64) error {
	if _, err := rawExec(ctx, tx, `INSERT INTO preferences (person, notices_read) VALUES (?, ?)
		ON CONFLICT (person) DO UPDATE SET notices_read = EXCLUDED.notices_read WHERE preferences.notices_read < EXCLUDED.notices_read`, string(person), upTo); err != nil {
		return err
	}
	_, err := rawExec(ctx, tx, `DELETE FROM notice_reads WHERE person = ? AND notice <= ?`, string(person), upTo)
	return err
}
