// Package modeltest gives tests a database: SQLite in a temporary folder, and a
// PostgreSQL server that lives as long as the test process.
package modeltest

import (
	"path/filepath"
	"testing"

	"valise/models"
)

// DB returns an empty SQLite store with the latest schema, which is closed when the
// test ends.
func DB(t testing.TB) *models.Store {
	t.Helper()
	return open(t, SQLite(t))
}

// SQLite returns the URL of a SQLite database that does not exist yet, in a folder
// of the test's own.
func SQLite(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "valise.db")
}

// Each runs fn twice, as the subtests "sqlite" and "postgres", each with an empty
// store that has the latest schema. Where Postgres skips or fails, so does the second.
func Each(t *testing.T, fn func(t *testing.T, s *models.Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, DB(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, open(t, PostgresReady(t))) })
}

// EachURL is Each for tests that open the database themselves: url names an empty one.
func EachURL(t *testing.T, fn func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, Postgres(t)) })
}

func open(t testing.TB, url string) *models.Store {
	t.Helper()
	s, err := models.Open(t.Context(), url)
	if err != nil {
		t.Fatalf("open the test's database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the test's database: %v", err)
		}
	})
	return s
}
