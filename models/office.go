package models

import (
	"context"
	"database/sql/driver"
	"encoding/json"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// Office is what an Organization actor of ours has beside its actor row.
type Office struct {
	bun.BaseModel `bun:"table:offices"`

	IRI       iri.IRI `bun:",pk"`
	Code      string  // begins its reference numbers: "PARIS"
	Title     string
	Post      string // the city of the post, "" for a directorate
	Rules     Rules
	CreatedAt Time
}

// Rules say who must clear what in an office. The zero value asks for nothing.
type Rules struct {
	// Clearers must each agree to the exact revision before release.
	Clearers []iri.IRI `json:"clearers,omitempty"`
	// MinClearances is how many agreements by people other than the drafter are
	// needed, beside those of Clearers.
	MinClearances int `json:"minClearances,omitempty"`
	// NobodyAlone forbids that one person drafts and releases, or that the
	// drafter's or releaser's own clearance counts.
	NobodyAlone bool `json:"nobodyAlone,omitempty"`
}

// Value keeps the rules as JSON text, in both databases.
func (r Rules) Value() (driver.Value, error) {
	j, err := json.Marshal(plainRules(r))
	return string(j), err
}

// Scan reads what was kept.
func (r *Rules) Scan(src any) error {
	switch v := src.(type) {
	case string:
		return json.Unmarshal([]byte(v), (*plainRules)(r))
	case []byte:
		return json.Unmarshal(v, (*plainRules)(r))
	}
	return nil
}

type plainRules Rules

// Acts that a mandate gives the right to.
const (
	ActDraft   = "draft"
	ActClear   = "clear"
	ActRelease = "release"
	// ActRead lets a person read, register and acknowledge for the office.
	ActRead = "read"
)

// Mandate is a person's right to one act for an office.
type Mandate struct {
	bun.BaseModel `bun:"table:mandates"`

	ID        int64 `bun:",pk,autoincrement"`
	Office    iri.IRI
	Person    iri.IRI
	Act       string
	GrantedAt Time
	GrantedBy string
	EndsAt    Time // 0: without term
	RevokedAt Time
}

// OfficeByIRI returns one office of ours.
func OfficeByIRI(ctx context.Context, db bun.IDB, id iri.IRI) (*Office, error) {
	o := new(Office)
	err := db.NewSelect().Model(o).Where("iri = ?", id).Scan(ctx)
	return o, err
}

// Offices lists ours by code.
func Offices(ctx context.Context, db bun.IDB, after string, limit int) ([]*Office, error) {
	var rows []*Office
	err := db.NewSelect().Model(&rows).Where("code > ?", after).OrderBy("code", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// InsertOffice adds one; a taken code is IsConflict.
func InsertOffice(ctx context.Context, db bun.IDB, o *Office) error {
	if _, err := db.NewInsert().Model(o).Exec(ctx); err != nil {
		return err
	}
	return indexOffice(ctx, db, o)
}

// SetOfficeRules replaces the clearance rules.
func SetOfficeRules(ctx context.Context, db bun.IDB, office iri.IRI, r Rules) error {
	j, err := json.Marshal(plainRules(r))
	if err != nil {
		return err
	}
	_, err = db.NewRaw(`UPDATE offices SET rules = ? WHERE iri = ?`, string(j), office).Exec(ctx)
	return err
}

// GrantMandate gives or renews a right.
func GrantMandate(ctx context.Context, db bun.IDB, m *Mandate) error {
	_, err := db.NewInsert().Model(m).On("CONFLICT (office, person, act) DO UPDATE").
		Set("granted_at = EXCLUDED.granted_at, granted_by = EXCLUDED.granted_by, ends_at = EXCLUDED.ends_at, revoked_at = 0").Exec(ctx)
	return err
}

// RevokeMandate ends a right; it tells whether there was one.
func RevokeMandate(ctx context.Context, db bun.IDB, office, person iri.IRI, act string, now Time) (bool, error) {
	n, err := rawExec(ctx, db, `UPDATE mandates SET revoked_at = ? WHERE office = ? AND person = ? AND act = ? AND revoked_at = 0`, int64(now), string(office), string(person), act)
	return n == 1, err
}

// HasMandate tells whether the person may do the act for the office now. Any act
// includes reading; somebody who is blocked exercises none.
func HasMandate(ctx context.Context, db bun.IDB, person, office iri.IRI, act string, now Time) (bool, error) {
	q := db.NewSelect().Model((*Mandate)(nil)).Where("person = ?", person).Where("office = ?", office).
		Where("revoked_at = 0").Where("ends_at = 0 OR ends_at > ?", now).Where(notBlocked + "mandate.person)")
	if act != ActRead {
		q = q.Where("act = ?", act)
	}
	return q.Exists(ctx)
}

// Mandates lists those in force, of an office or of a person ("" for any).
func Mandates(ctx context.Context, db bun.IDB, office, person iri.IRI, now Time, limit int) ([]*Mandate, error) {
	var rows []*Mandate
	q := db.NewSelect().Model(&rows).Where("revoked_at = 0").Where("ends_at = 0 OR ends_at > ?", now).OrderBy("id", bun.OrderAsc).Limit(int64(limit))
	if office != "" {
		q = q.Where("office = ?", office)
	}
	if person != "" {
		q = q.Where("person = ?", person)
	}
	err := q.Scan(ctx)
	return rows, err
}

// officesMost bounds the offices that one person acts for.
const officesMost = 1000

// MandatedOffices returns the offices that a person holds any mandate for, each once.
func MandatedOffices(ctx context.Context, db bun.IDB, person iri.IRI, now Time) ([]iri.IRI, error) {
	rows, err := raw(ctx, db, `SELECT DISTINCT office FROM mandates WHERE person = ? AND revoked_at = 0 AND (ends_at = 0 OR ends_at > ?) ORDER BY office LIMIT ?`, string(person), int64(now), officesMost)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []iri.IRI
	for rows.Next() {
		var office iri.IRI
		if err := rows.Scan(&office); err != nil {
			return nil, err
		}
		out = append(out, office)
	}
	return out, rows.Err()
}

// NextReference draws the next number of an office and UTC year. Numbers have no
// gaps since the row is updated in the transaction that uses the number.
func NextReference(ctx context.Context, tx bun.Tx, office iri.IRI, year int) (int64, error) {
	var n int64
	err := tx.NewRaw(`INSERT INTO reference_counters (office, year, last) VALUES (?, ?, 1)
		ON CONFLICT (office, year) DO UPDATE SET last = reference_counters.last + 1 RETURNING last`, office, year).Scan(ctx, &n)
	return n, err
}
