package models

import (
	"context"
	"database/sql"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Preferences are a person's. The zero value is that of somebody who has set none.
type Preferences struct {
	bun.BaseModel `bun:"table:preferences"`

	Person   iri.IRI `bun:",pk"`
	Language string  // "", en, fr or ar
	Zone     string  // IANA name, "" for UTC
	Theme    string  // "" as the system, light or dark
	Email    string
	EmailAt  Time // when she proved that the address is hers; 0: not yet
	Notify   bool
	Feed     string // SHA-256 of her feed's token, "" for none
	FeedAt   Time
	// NoticesRead is the id up to which every notice is read.
	NoticesRead int64
}

const preferenceColumns = `person, language, zone, theme, email, email_at, notify, feed, feed_at, notices_read`

func (p *Preferences) places() []any {
	return []any{&p.Person, &p.Language, &p.Zone, &p.Theme, &p.Email, &p.EmailAt, &p.Notify, &p.Feed, &p.FeedAt, &p.NoticesRead}
}

// PreferencesOf returns a person's; the zero value with her name where she has set none.
func PreferencesOf(ctx context.Context, db bun.IDB, person iri.IRI) (*Preferences, error) {
	p := &Preferences{}
	err := rawRow(ctx, db, `SELECT `+preferenceColumns+` FROM preferences WHERE person = ?`, []any{string(person)}, p.places()...)
	if NotFound(err) {
		return &Preferences{Person: person}, nil
	}
	return p, err
}

// SetPreferences keeps language, zone, theme and whether to notify.
func SetPreferences(ctx context.Context, db bun.IDB, p *Preferences) error {
	_, err := rawExec(ctx, db, `INSERT INTO preferences (person, language, zone, theme, notify) VALUES (?,?,?,?,?)
		ON CONFLICT (person) DO UPDATE SET language = EXCLUDED.language, zone = EXCLUDED.zone, theme = EXCLUDED.theme, notify = EXCLUDED.notify`,
		string(p.Person), p.Language, p.Zone, p.Theme, p.Notify)
	return err
}

// SetEmail keeps an address that is not proved yet.
func SetEmail(ctx context.Context, db bun.IDB, person iri.IRI, email string) error {
	_, err := rawExec(ctx, db, `INSERT INTO preferences (person, email) VALUES (?,?) ON CONFLICT (person) DO UPDATE SET email = EXCLUDED.email, email_at = 0`, string(person), email)
	return err
}

// ProveEmail records that the address is hers; false where it was changed meanwhile.
func ProveEmail(ctx context.Context, db bun.IDB, person iri.IRI, email string, now Time) (bool, error) {
	n, err := rawExec(ctx, db, `UPDATE preferences SET email_at = ? WHERE person = ? AND email = ? AND email <> ''`, int64(now), string(person), email)
	return n == 1, err
}

// SetFeed keeps the hash of her feed's token; "" ends it.
func SetFeed(ctx context.Context, db bun.IDB, person iri.IRI, hash string, now Time) error {
	_, err := rawExec(ctx, db, `INSERT INTO preferences (person, feed, feed_at) VALUES (?,?,?) ON CONFLICT (person) DO UPDATE SET feed = EXCLUDED.feed, feed_at = EXCLUDED.feed_at`,
		string(person), hash, int64(now))
	return err
}

// PreferencesByFeed finds whose feed a token's hash opens.
func PreferencesByFeed(ctx context.Context, db bun.IDB, hash string) (*Preferences, error) {
	p := &Preferences{}
	err := rawRow(ctx, db, `SELECT `+preferenceColumns+` FROM preferences WHERE feed = ? AND feed <> ''`, []any{hash}, p.places()...)
	return p, err
}

// Profile is what a page must know of a person, in one query.
type Profile struct {
	Username, Name string
	Operator       bool
	Preferences    Preferences
}

// ProfileOf returns it, or NotFound for anybody but a person of ours.
func ProfileOf(ctx context.Context, db bun.IDB, person iri.IRI) (*Profile, error) {
	out := &Profile{Preferences: Preferences{Person: person}}
	var language, zone, theme, email, feed sql.NullString
	var emailAt, feedAt, read sql.NullInt64
	var notify sql.NullBool
	err := rawRow(ctx, db, `SELECT a.username, a.name, EXISTS (SELECT 1 FROM operators AS o WHERE o.person = a.iri),
		p.language, p.zone, p.theme, p.email, p.email_at, p.notify, p.feed, p.feed_at, p.notices_read
		FROM actors AS a LEFT JOIN preferences AS p ON p.person = a.iri WHERE a.iri = ? AND a.local AND a.type = ?`, []any{string(person), TypePerson},
		&out.Username, &out.Name, &out.Operator, &language, &zone, &theme, &email, &emailAt, &notify, &feed, &feedAt, &read)
	p := &out.Preferences
	p.Language, p.Zone, p.Theme, p.Email, p.Feed = language.String, zone.String, theme.String, email.String, feed.String
	p.EmailAt, p.FeedAt, p.NoticesRead, p.Notify = Time(emailAt.Int64), Time(feedAt.Int64), read.Int64, notify.Bool
	return out, err
}

// Administrator is a person who may administer the instance.
type Administrator struct {
	bun.BaseModel `bun:"table:operators"`

	Person    iri.IRI `bun:",pk"`
	GrantedAt Time
	GrantedBy string
}

// IsOperator tells whether a person may administer the instance.
func IsOperator(ctx context.Context, db bun.IDB, person iri.IRI) (bool, error) {
	return db.NewSelect().Model((*Administrator)(nil)).Where("person = ?", person).Exists(ctx)
}

// operatorsMost bounds the list of operators.
const operatorsMost = 200

// Operators lists them, first named first.
func Operators(ctx context.Context, db bun.IDB) ([]*Administrator, error) {
	var rows []*Administrator
	err := db.NewSelect().Model(&rows).OrderBy("granted_at", bun.OrderAsc).OrderBy("person", bun.OrderAsc).Limit(operatorsMost).Scan(ctx)
	return rows, err
}

// OperatorBeside tells whether an operator other than this person may come in. On PostgreSQL
// the operators stay locked until the transaction ends: of two who take the role from each
// other at once, the second sees what the first has done.
func OperatorBeside(ctx context.Context, tx bun.Tx, person iri.IRI) (bool, error) {
	if isPG(tx) {
		if _, err := rawExec(ctx, tx, `SELECT person FROM operators ORDER BY person FOR UPDATE`); err != nil {
			return false, err
		}
	}
	return tx.NewSelect().Model((*Administrator)(nil)).Where("person <> ?", person).Where(notBlocked + "administrator.person)").Exists(ctx)
}

// GrantOperator names one; false where she was one already.
func GrantOperator(ctx context.Context, db bun.IDB, person iri.IRI, by string, now Time) (bool, error) {
	n, err := rawExec(ctx, db, `INSERT INTO operators (person, granted_at, granted_by) VALUES (?,?,?) ON CONFLICT (person) DO NOTHING`, string(person), int64(now), by)
	return n == 1, err
}

// RevokeOperator ends the role; false where she had none.
func RevokeOperator(ctx context.Context, db bun.IDB, person iri.IRI) (bool, error) {
	n, err := rawExec(ctx, db, `DELETE FROM operators WHERE person = ?`, string(person))
	return n == 1, err
}

// DoubtEmail takes the proof of an address back: its server says that there is no such
// address. Nothing more is sent to it.
func DoubtEmail(ctx context.Context, db bun.IDB, person iri.IRI) error {
	_, err := rawExec(ctx, db, `UPDATE preferences SET email_at = 0 WHERE person = ?`, string(person))
	return err
}
