package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Kinds of mail.
const (
	// MailNotice says that something waits.
	MailNotice = "notice"
	// MailAddress asks whether an address is hers.
	MailAddress = "address"
)

// QueueMail makes a mail due.
func QueueMail(ctx context.Context, db bun.IDB, person iri.IRI, kind string, now Time) error {
	_, err := rawExec(ctx, db, `INSERT INTO mail_queue (person, kind, created_at) VALUES (?,?,?)`, string(person), kind, int64(now))
	return err
}

// DueMail is what one mail to a person stands for: all of a kind that waits, up to the
// row UpTo. One mail answers for all of it.
type DueMail struct {
	Person   iri.IRI
	Kind     string
	UpTo     int64
	Attempts int64 // failed ones before
}

// DueMails lists mails that may be sent now, who waits longest first.
func DueMails(ctx context.Context, db bun.IDB, now Time, limit int) ([]DueMail, error) {
	rows, err := raw(ctx, db, `SELECT q.person, q.kind, MAX(q.id), COALESCE(MAX(s.attempts), 0) FROM mail_queue AS q LEFT JOIN mail_state AS s ON s.person = q.person AND s.kind = q.kind
		WHERE COALESCE(s.next_at, 0) <= ? AND COALESCE(s.leased_until, 0) <= ? GROUP BY q.person, q.kind ORDER BY MIN(q.id) LIMIT ?`, int64(now), int64(now), int64(limit))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []DueMail
	for rows.Next() {
		var d DueMail
		if err := rows.Scan(&d.Person, &d.Kind, &d.UpTo, &d.Attempts); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// LeaseMail takes a due mail for one process; false where another has it.
func LeaseMail(ctx context.Context, db bun.IDB, d DueMail, now, until Time) (bool, error) {
	n, err := rawExec(ctx, db, `INSERT INTO mail_state (person, kind, leased_until) VALUES (?,?,?)
		ON CONFLICT (person, kind) DO UPDATE SET leased_until = EXCLUDED.leased_until WHERE mail_state.leased_until <= ? AND mail_state.next_at <= ?`,
		string(d.Person), d.Kind, int64(until), int64(now), int64(now))
	return n == 1, err
}

// MailSent ends what a mail stood for; the next of its kind may go at next.
func MailSent(ctx context.Context, tx bun.Tx, d DueMail, now, next Time) error {
	if _, err := rawExec(ctx, tx, `UPDATE mail_state SET sent_at = ?, next_at = ?, attempts = 0, reason = '', leased_until = 0 WHERE person = ? AND kind = ?`,
		int64(now), int64(next), string(d.Person), d.Kind); err != nil {
		return err
	}
	return dropMail(ctx, tx, d)
}

// MailFailed records a failure. Where over is set, nothing of it is tried again.
func MailFailed(ctx context.Context, tx bun.Tx, d DueMail, reason string, next Time, over bool) error {
	if _, err := rawExec(ctx, tx, `UPDATE mail_state SET next_at = ?, attempts = attempts + 1, reason = ?, leased_until = 0 WHERE person = ? AND kind = ?`,
		int64(next), clip(reason, 500), string(d.Person), d.Kind); err != nil || !over {
		return err
	}
	return dropMail(ctx, tx, d)
}

// MailNotNeeded ends what waited without a mail.
func MailNotNeeded(ctx context.Context, tx bun.Tx, d DueMail) error {
	if _, err := rawExec(ctx, tx, `UPDATE mail_state SET leased_until = 0 WHERE person = ? AND kind = ?`, string(d.Person), d.Kind); err != nil {
		return err
	}
	return dropMail(ctx, tx, d)
}

func dropMail(ctx context.Context, tx bun.Tx, d DueMail) error {
	_, err := rawExec(ctx, tx, `DELETE FROM mail_queue WHERE person = ? AND kind = ? AND id <= ?`, string(d.Person), d.Kind, d.UpTo)
	return err
}

// DropMails empties the queue, where mail is off.
func DropMails(ctx context.Context, db bun.IDB) error {
	_, err := rawExec(ctx, db, `DELETE FROM mail_queue`)
	return err
}

// MailTrouble is a person whom mails do not reach.
type MailTrouble struct {
	bun.BaseModel `bun:"table:mail_state"`

	Person   iri.IRI
	Kind     string
	Attempts int64
	Reason   string
	NextAt   Time
}

// MailTroubles lists persons whose last mail failed, by person after one.
func MailTroubles(ctx context.Context, db bun.IDB, after iri.IRI, limit int) ([]*MailTrouble, error) {
	var rows []*MailTrouble
	err := db.NewSelect().Model(&rows).Where("attempts > 0").Where("person > ?", after).OrderBy("person", bun.OrderAsc).OrderBy("kind", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// ClearMailState forgets the failures and the pace of a person's mails: her address has
// changed.
func ClearMailState(ctx context.Context, db bun.IDB, person iri.IRI) error {
	_, err := rawExec(ctx, db, `UPDATE mail_state SET next_at = 0, attempts = 0, reason = '' WHERE person = ?`, string(person))
	return err
}
