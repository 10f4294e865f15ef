package models

import (
	"context"

	"github.com/uptrace/bun"

	"valise/models/iri"
)

// SavedSearch is a question that a person keeps. While it is armed, the next dispatch
// that matches raises one notice and disarms it; opening it arms it again.
type SavedSearch struct {
	bun.BaseModel `bun:"table:saved_searches"`

	ID        int64 `bun:",pk,autoincrement"`
	Person    iri.IRI
	Name      string
	Query     string
	Armed     bool
	CreatedAt Time
	SeenAt    Time // when she last opened it
	MatchedAt Time // of the last notice; 0 for none
}

// InsertSavedSearch adds one, unless the person has most already: then it tells false. A
// name that she uses already is IsConflict.
func InsertSavedSearch(ctx context.Context, tx bun.Tx, s *SavedSearch, most int) (bool, error) {
	var n int
	if err := rawRow(ctx, tx, `SELECT COUNT(*) FROM saved_searches WHERE person = ?`, []any{string(s.Person)}, &n); err != nil || n >= most {
		return false, err
	}
	_, err := tx.NewInsert().Model(s).Returning("id").Exec(ctx)
	return err == nil, err
}

// SavedSearches lists a person's, by name.
func SavedSearches(ctx context.Context, db bun.IDB, person iri.IRI, limit int) ([]*SavedSearch, error) {
	var rows []*SavedSearch
	err := db.NewSelect().Model(&rows).Where("person = ?", person).OrderBy("name", bun.OrderAsc).Limit(int64(limit)).Scan(ctx)
	return rows, err
}

// SavedSearchOf returns one of a person's; another's is NotFound.
func SavedSearchOf(ctx context.Context, db bun.IDB, person iri.IRI, id int64) (*SavedSearch, error) {
	s := new(SavedSearch)
	err := db.NewSelect().Model(s).Where("id = ?", id).Where("person = ?", person).Scan(ctx)
	return s, err
}

// DeleteSavedSearch tells whether there was one.
func DeleteSavedSearch(ctx context.Context, db bun.IDB, person iri.IRI, id int64) (bool, error) {
	n, err := rawExec(ctx, db, `DELETE FROM saved_searches WHERE id = ? AND person = ?`, id, string(person))
	return n == 1, err
}

// ArmSavedSearch records that she opened it, and arms it.
func ArmSavedSearch(ctx context.Context, db bun.IDB, person iri.IRI, id int64, now Time) error {
	_, err := rawExec(ctx, db, `UPDATE saved_searches SET armed = TRUE, seen_at = ? WHERE id = ? AND person = ?`, int64(now), id, string(person))
	return err
}

// ArmedSearches walks those of all persons that wait for a match.
func ArmedSearches(ctx context.Context, db bun.IDB, after int64, limit int) ([]*SavedSearch, error) {
	rows, err := raw(ctx, db, `SELECT id, person, name, query FROM saved_searches WHERE armed AND id > ? ORDER BY id LIMIT ?`, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []*SavedSearch
	for rows.Next() {
		s := &SavedSearch{Armed: true}
		if err := rows.Scan(&s.ID, &s.Person, &s.Name, &s.Query); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// FireSavedSearch disarms one in the transaction that raises its notice. It tells
// whether it was armed still.
func FireSavedSearch(ctx context.Context, tx bun.Tx, id int64, now Time) (bool, error) {
	n, err := rawExec(ctx, tx, `UPDATE saved_searches SET armed = FALSE, matched_at = ? WHERE id = ? AND armed`, int64(now), id)
	return n == 1, err
}
