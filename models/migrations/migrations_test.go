package migrations_test

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"valise/models"
	"valise/models/migrations"
	"valise/models/modeltest"
)

// testdata holds, for each version that adds or changes a table, rows as the program
// of that version wrote them.
//
//go:embed testdata
var testdata embed.FS

// frozen is the digest of the SQLite schema that each released version ends with.
var frozen = map[int64]string{
	1:  "db0b871789cd389aef394a0e15802ae96195cfe158d05497a047e362b7233f4e",
	2:  "f49911542c39aa06ab261ff58807789cb4766e9b613ca91f39ffde6c0ed47b6a",
	3:  "e3a8379615b836cb899a4b71f905e8a133ba38f004c2472eda5dffba488a55cb",
	4:  "530cbb52e08cd8873859d99f94a93e4dc4b4b5af31ee61d09add2a4f3748b7dc",
	5:  "fc531457fc6de10ee47307c198d12bf841a1e7edf6aff91f35b0cc3be09a72c2",
	6:  "9965bf18467770c80b8eea511b4d5da93f98f7fc35fbb4d25bf47ae9262dd619",
	7:  "ae312d9d91deb670cc5f7400f8793f188f208e98df5e3a758650ff828dfca637",
	8:  "cfbfb2d6b2c3f773eb82de01a817c20ab9a311ec278cf2d8fc1a98dc270650ab",
	9:  "240147ee2bf6ad89f2a12eb999d9a9132e53fdf91f131c571720b367f4de04ba",
	10: "568943ca0e83aff4f57a587831c610f690571ae24bd7fe1bc4589d8bfd147864",
	11: "9f705ea274166d0bfad33b396b130614bfbac8d24f13214eabe2c86c472a0a34",
	12: "3e7bc4ca861df0065c80ac7396ce2f5693c38829990f6bc23d2f6458d3530035",
	13: "3e7bc4ca861df0065c80ac7396ce2f5693c38829990f6bc23d2f6458d3530035",
}

func openAt(t *testing.T, url string, version int64) *models.Store {
	t.Helper()
	s, err := models.OpenAt(t.Context(), url, version)
	if err != nil {
		t.Fatalf("open at version %d: %v", version, err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func lines(t *testing.T, db bun.IDB, query string) []string {
	t.Helper()
	var out []string
	if err := db.NewRaw(query).Scan(t.Context(), &out); err != nil && !models.NotFound(err) {
		t.Fatal(err)
	}
	return out
}

// schema describes every table, column, index and constraint, one a line.
func schema(t *testing.T, s *models.Store) []string {
	t.Helper()
	if s.Postgres() {
		out := lines(t, s.R, `SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default, is_identity)
			FROM information_schema.columns WHERE table_schema = 'public'
			UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
			UNION ALL SELECT concat_ws(' ', conrelid::regclass::text, conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace`)
		slices.Sort(out)
		return out
	}
	out := lines(t, s.R, `SELECT type || ' ' || name || ' ' || COALESCE(sql, '') FROM sqlite_master`)
	for i := range out {
		out[i] = strings.Join(strings.Fields(out[i]), " ")
	}
	slices.Sort(out)
	return out
}

// counts is how many rows each table holds.
func counts(t *testing.T, s *models.Store) map[string]int {
	t.Helper()
	query := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
	if s.Postgres() {
		query = `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`
	}
	out := map[string]int{}
	for _, table := range lines(t, s.R, query) {
		if table == "schema_migrations" {
			continue
		}
		n, err := s.R.NewSelect().TableExpr("?", bun.Ident(table)).Count(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out[table] = int(n)
	}
	return out
}

// load puts in the rows of every version up to this one: each file holds what its own
// version added.
func load(t *testing.T, s *models.Store, version int64) {
	t.Helper()
	for v := int64(1); v <= version; v++ {
		rows, err := testdata.ReadFile(fmt.Sprintf("testdata/%04d_rows.sql", v))
		if errors.Is(err, fs.ErrNotExist) && v > 1 {
			continue // it added no table; TestUpgrade finds one without rows
		}
		if err != nil {
			t.Fatalf("version %d has no rows to be upgraded from: %v", v, err)
		}
		for _, line := range strings.Split(strings.TrimSpace(string(rows)), "\n") {
			if strings.HasPrefix(line, "--") {
				continue
			}
			if s.Postgres() {
				line = strings.ReplaceAll(line, " AS BLOB)", " AS BYTEA)")
			}
			if _, err := s.W.DB.ExecContext(t.Context(), line); err != nil {
				t.Fatalf("%v in %s", err, line)
			}
		}
	}
}

// A database of every version, with rows in every table, becomes what a fresh one is,
// loses no row, and is left alone the next time.
func TestUpgrade(t *testing.T) {
	modeltest.EachURL(t, func(t *testing.T, url string) {
		fresh := openAt(t, another(t, url), migrations.Latest())
		want := schema(t, fresh)
		if len(want) < 50 {
			t.Fatalf("the schema was not read: %q", want)
		}
		for version := int64(1); version <= migrations.Latest(); version++ {
			t.Run(fmt.Sprintf("from %d", version), func(t *testing.T) {
				url := another(t, url)
				old := openAt(t, url, version)
				load(t, old, version)
				before := counts(t, old)
				for table, n := range before {
					if n == 0 {
						t.Errorf("no row of %s is upgraded", table)
					}
				}
				old.Close()
				for range 2 {
					s, err := models.Open(t.Context(), url)
					if err != nil {
						t.Fatal(err)
					}
					if got := schema(t, s); !slices.Equal(got, want) {
						t.Errorf("upgraded: %q\nfresh: %q", got, want)
					}
					after := counts(t, s)
					for table, n := range before {
						if after[table] < n {
							t.Errorf("%s had %d rows and has %d", table, n, after[table])
						}
					}
					versions := lines(t, s.R, `SELECT CAST(version AS TEXT) FROM schema_migrations ORDER BY version`)
					if len(versions) != int(migrations.Latest()) {
						t.Errorf("recorded versions: %v", versions)
					}
					s.Close()
				}
			})
		}
	})
}

// another is the URL of one more database of the same kind.
func another(t *testing.T, url string) string {
	t.Helper()
	if strings.HasPrefix(url, "sqlite:") {
		return modeltest.SQLite(t)
	}
	return modeltest.Postgres(t)
}

// What was released stays as it was: a change of schema is a new migration.
func TestReleasedSchemasAreFrozen(t *testing.T) {
	for version := int64(1); version <= migrations.Latest(); version++ {
		text := strings.Join(schema(t, openAt(t, modeltest.SQLite(t), version)), "\n")
		sum := sha256.Sum256([]byte(text))
		if got := hex.EncodeToString(sum[:]); got != frozen[version] {
			t.Errorf("schema %d has digest %s and was released with %q", version, got, frozen[version])
		}
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	modeltest.EachURL(t, func(t *testing.T, url string) {
		s := openAt(t, url, migrations.Latest())
		newer := migrations.Latest() + 1
		if _, err := s.W.NewRaw(`INSERT INTO schema_migrations (version, name) VALUES (?, 'later')`, newer).Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := schema(t, s)
		refused, err := models.Open(t.Context(), url)
		if err == nil {
			refused.Close()
			t.Fatal("a newer schema was opened")
		}
		if !errors.Is(err, migrations.ErrNewer) {
			t.Fatalf("got %v", err)
		}
		for _, part := range []string{fmt.Sprint("version ", newer), fmt.Sprint("knows ", migrations.Latest())} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("the error does not say %q: %v", part, err)
			}
		}
		if !slices.Equal(schema(t, s), before) {
			t.Error("the refused database was changed")
		}
	})
}

// Several processes that start on one empty database each find the schema there.
func TestUpAtOnce(t *testing.T) {
	modeltest.EachURL(t, func(t *testing.T, url string) {
		var wg sync.WaitGroup
		start := make(chan struct{})
		for range 6 {
			wg.Go(func() {
				<-start
				s, err := models.Open(t.Context(), url)
				if err != nil {
					t.Error(err)
					return
				}
				s.Close()
			})
		}
		close(start)
		wg.Wait()
	})
}

// Both databases have the same tables with the same columns and named indexes, but for the
// words that are searched for, which each keeps in its own way.
func TestSchemasAreTwins(t *testing.T) {
	lite, pg := openAt(t, modeltest.SQLite(t), migrations.Latest()), openAt(t, modeltest.Postgres(t), migrations.Latest())
	a := lines(t, lite.R, `SELECT m.name || '.' || p.name FROM sqlite_master AS m, pragma_table_info(m.name) AS p WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'search\_text%' ESCAPE '\'
		UNION ALL SELECT tbl_name || ' index ' || name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL`)
	b := lines(t, pg.R, `SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'search_text'
		UNION ALL SELECT tablename || ' index ' || indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%\_pkey' AND tablename <> 'search_text'`)
	slices.Sort(a)
	slices.Sort(b)
	if !slices.Equal(a, b) {
		t.Errorf("only in SQLite: %v; only in PostgreSQL: %v", without(a, b), without(b, a))
	}
}

func without(a, b []string) []string {
	in := map[string]bool{}
	for _, x := range b {
		in[x] = true
	}
	out := map[string]bool{}
	for _, x := range a {
		if !in[x] {
			out[x] = true
		}
	}
	return slices.Sorted(maps.Keys(out))
}
