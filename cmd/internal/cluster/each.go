package cluster

import (
	"strings"
	"sync"
	"testing"

	"valise/models/modeltest"
)

// databases are the databases of the running subtests of Each, by their names.
var databases sync.Map

// Each plays a story on SQLite and then on PostgreSQL, as the subtests "sqlite" and
// "postgres"; New in it gives every instance a database of that kind. Where PostgreSQL is
// missing, the second is skipped, or fails where VALISE_CI is set. Stories run beside each
// other: none may touch what belongs to the whole process.
func Each(t *testing.T, story func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	for _, kind := range []struct {
		name     string
		database func(testing.TB) string
	}{{"sqlite", modeltest.SQLite}, {"postgres", modeltest.PostgresReady}} {
		t.Run(kind.name, func(t *testing.T) {
			databases.Store(t.Name(), kind.database)
			defer databases.Delete(t.Name())
			story(t)
		})
	}
}

// DatabaseOf returns the URL of a fresh database of the kind that Each plays the test on;
// outside Each it is SQLite.
func DatabaseOf(t testing.TB) string {
	t.Helper()
	for name := t.Name(); ; {
		if f, ok := databases.Load(name); ok {
			return f.(func(testing.TB) string)(t)
		}
		up := strings.LastIndexByte(name, '/')
		if up < 0 {
			return modeltest.SQLite(t)
		}
		name = name[:up]
	}
}
