// Package models holds one file a noun: its row, its states and its queries. It
// knows SQLite and PostgreSQL, and no JSON-LD. Queries take the handle (a pool or a
// transaction) as their second argument, so that they compose inside a caller's
// transaction. Nothing here touches the network.
package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite"

	"valise/models/iri"
	"valise/models/migrations"
)

// Store is an open database. On SQLite, W has exactly one connection and begins
// every transaction as a writer, and R cannot write; on PostgreSQL both are one pool.
// Inside a transaction only the transaction may be used: on SQLite W would wait for
// itself for ever.
type Store struct {
	W, R *bun.DB
	ran  *atomic.Int64

	turns    chan struct{} // on SQLite
	written  atomic.Int64
	presence *presence // on PostgreSQL, after Attend
}

// Written is another number after each transaction that this process may have written in.
func (s *Store) Written() int64 { return s.written.Load() }

// Statements is how many statements this process has run on the database, without those
// that begin and end transactions.
func (s *Store) Statements() int64 { return s.ran.Load() }

// Turn waits until what takes several statements and much computing can be read at once,
// and returns what ends that; nothing that holds a turn may ask for another or wait for
// the network. SQLite computes in this process: more readers at a time than processors
// only hinder each other, and the pool gives its connections in no order, so that some
// would wait many times as long as others. Turns come in the order in which they were
// asked for.
func (s *Store) Turn(ctx context.Context) (func(), error) {
	if s.turns == nil {
		return func() {}, nil
	}
	select {
	case s.turns <- struct{}{}:
		return func() { <-s.turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Postgres tells which of the two databases this is.
func (s *Store) Postgres() bool { return s.W.Dialect().Name() == dialect.PG }

// Open opens the database that rawURL names ("postgres://…" or "sqlite:PATH") and
// brings its schema up to date. It refuses a newer schema (migrations.ErrNewer).
func Open(ctx context.Context, rawURL string) (*Store, error) {
	s, err := open(rawURL)
	if err != nil {
		return nil, err
	}
	if err := migrations.Up(ctx, s.W); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// OpenAt is Open for upgrade tests: it stops at the given schema version.
func OpenAt(ctx context.Context, rawURL string, version int64) (*Store, error) {
	s, err := open(rawURL)
	if err != nil {
		return nil, err
	}
	if err := migrations.UpTo(ctx, s.W, version); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func open(rawURL string) (*Store, error) {
	if path, ok := strings.CutPrefix(rawURL, "sqlite:"); ok {
		return openSQLite(path)
	}
	if strings.HasPrefix(rawURL, "postgres://") || strings.HasPrefix(rawURL, "postgresql://") {
		return openPostgres(rawURL)
	}
	return nil, fmt.Errorf("open database: the URL must begin with sqlite: or postgres://")
}

// sqliteReaders is the size of the read pool: two cores gain nothing from more.
const sqliteReaders = 6

func openSQLite(path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open database: make its folder: %w", err)
	}
	dsn := func(extra ...string) string {
		q := url.Values{"_pragma": append([]string{"busy_timeout(5000)", "journal_mode(WAL)", "foreign_keys(1)", "synchronous(FULL)", "cache_size(-8000)", "mmap_size(0)", "temp_store(MEMORY)"}, extra...)}
		return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
	}
	ran := new(atomic.Int64)
	w, err := openKept(dsn("wal_autocheckpoint(2000)")+"&_txlock=immediate", ran)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	w.SetMaxOpenConns(1)
	w.SetMaxIdleConns(1)
	if err := w.Ping(); err != nil {
		w.Close()
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	r, err := openKept(dsn("query_only(1)"), ran)
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	r.SetMaxOpenConns(sqliteReaders)
	r.SetMaxIdleConns(sqliteReaders)
	return &Store{W: bun.NewDB(w, sqlitedialect.New()), R: bun.NewDB(r, sqlitedialect.New()), ran: ran, turns: make(chan struct{}, min(runtime.GOMAXPROCS(0), sqliteReaders))}, nil
}

func openPostgres(rawURL string) (*Store, error) {
	cfg, err := pgx.ParseConfig(rawURL)
	if err != nil {
		return nil, errors.New("open database: the PostgreSQL URL cannot be read; it is not shown since it may hold a password")
	}
	// bun writes values into the SQL, so a statement cache would never hit; raw asks for it.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.StatementCacheCapacity = 256
	ran := new(atomic.Int64)
	cfg.Tracer = tally{ran}
	// A page reads little: workers beside the one that answers, or machine code for a plan,
	// take longer to make than what they spare.
	db := stdlib.OpenDB(*cfg, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `SET max_parallel_workers_per_gather = 0; SET jit = off`)
		return err
	}))
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	db.SetConnMaxIdleTime(5 * time.Minute)
	b := bun.NewDB(db, pgdialect.New())
	return &Store{W: b, R: b, ran: ran}, nil
}

// Close closes both pools.
func (s *Store) Close() error {
	s.presence.leave()
	s.presence = nil
	err := s.W.Close()
	if s.R != s.W {
		err = errors.Join(err, s.R.Close())
	}
	return err
}

// IsConflict tells whether err is a violated uniqueness rule.
func IsConflict(err error) bool {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code == "23505"
	}
	var se *sqlite.Error
	if errors.As(err, &se) {
		return se.Code() == 2067 || se.Code() == 1555
	}
	return false
}

// NotFound tells whether err says that no row was there.
func NotFound(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// raw runs a statement with driver placeholders, so that large values are bound and
// not written into the SQL. The query uses ? for each argument.
func raw(ctx context.Context, db bun.IDB, query string, args ...any) (*sql.Rows, error) {
	query = rebind(db, query)
	if isPG(db) && len(args) > 0 && args[0] != anew {
		// Planning a page takes PostgreSQL longer than running it: it keeps the plan.
		args = append([]any{pgx.QueryExecModeCacheStatement}, args...)
	}
	switch h := db.(type) {
	case bun.Tx:
		return h.Tx.QueryContext(ctx, query, args...)
	case *bun.DB:
		return h.DB.QueryContext(ctx, query, args...)
	}
	return nil, fmt.Errorf("models: a %T cannot run a bound statement", db)
}

// anew, before the arguments of a query for PostgreSQL, has it planned for these arguments.
const anew = pgx.QueryExecModeExec

func rawExec(ctx context.Context, db bun.IDB, query string, args ...any) (int64, error) {
	query = rebind(db, query)
	var res sql.Result
	var err error
	switch h := db.(type) {
	case bun.Tx:
		res, err = h.Tx.ExecContext(ctx, query, args...)
	case *bun.DB:
		res, err = h.DB.ExecContext(ctx, query, args...)
	default:
		return 0, fmt.Errorf("models: a %T cannot run a bound statement", db)
	}
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// rawRow reads the one row that a bound query finds into the given places; none is
// NotFound.
func rawRow(ctx context.Context, db bun.IDB, query string, args []any, into ...any) error {
	rows, err := raw(ctx, db, query, args...)
	return oneRow(rows, err, into...)
}

// boundRow is rawRow for a query of bound.
func boundRow(ctx context.Context, db bun.IDB, query string, args []any, into ...any) error {
	rows, err := bound(ctx, db, query, args...)
	return oneRow(rows, err, into...)
}

func oneRow(rows *sql.Rows, err error, into ...any) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := rows.Scan(into...); err != nil {
		return err
	}
	return rows.Close()
}

// BoundIRIs returns the one column of a query whose arguments are bound, so that its
// text is the same each time. A list of ids stands for "(?)" with each of them.
func BoundIRIs(ctx context.Context, db bun.IDB, query string, args ...any) ([]iri.IRI, error) {
	rows, err := bound(ctx, db, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []iri.IRI
	for rows.Next() {
		var id iri.IRI
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, rows.Err()
}

// bound is raw for arguments of our own types; a list of ids stands for "(?)" with each
// of them, and an empty one for a list that holds nothing.
func bound(ctx context.Context, db bun.IDB, query string, args ...any) (*sql.Rows, error) {
	text, plain, err := written(query, args)
	if err != nil {
		return nil, err
	}
	return raw(ctx, db, text, plain...)
}

// written is a query of bound with the arguments of raw.
func written(query string, args []any) (string, []any, error) {
	var text strings.Builder
	plain := make([]any, 0, len(args))
	for _, a := range args {
		before, after, ok := strings.Cut(query, "?")
		if !ok {
			return "", nil, fmt.Errorf("models: more arguments than places")
		}
		text.WriteString(before)
		query = after
		switch v := a.(type) {
		case []iri.IRI:
			if len(v) == 0 {
				text.WriteString("NULL")
				continue
			}
			text.WriteString(strings.TrimSuffix(strings.Repeat("?,", len(v)), ","))
			for _, id := range v {
				plain = append(plain, string(id))
			}
			continue
		case iri.IRI:
			a = string(v)
		case iri.Host:
			a = string(v)
		case Time:
			a = int64(v)
		}
		text.WriteByte('?')
		plain = append(plain, a)
	}
	text.WriteString(query)
	return text.String(), plain, nil
}

func rebind(db bun.IDB, query string) string {
	if db.Dialect().Name() != dialect.PG {
		return query
	}
	var b strings.Builder
	n := 0
	for i := range len(query) {
		if query[i] == '?' {
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
			continue
		}
		b.WriteByte(query[i])
	}
	return b.String()
}

// together is how many of n rows one statement inserts: on PostgreSQL one journey
// carries many; SQLite is quicker with one short statement, read once, for each.
func together(db bun.IDB, n, most int) int {
	if !isPG(db) {
		return 1
	}
	return max(min(n, most), 1)
}

// places writes "(?,?,…),(?,?,…)" for rows of width columns.
func places(rows, width int) string {
	one := "(" + strings.TrimSuffix(strings.Repeat("?,", width), ",") + ")"
	return strings.TrimSuffix(strings.Repeat(one+",", rows), ",")
}

// storable makes s text that PostgreSQL takes too: one stranger's NUL or broken UTF-8
// must not fail a statement that holds other people's rows. What it puts in their
// place occurs in no id.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// clip cuts s to at most n bytes of storable text.
func clip(s string, n int) string {
	if len(s) > n {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return storable(s)
}

func isPG(db bun.IDB) bool { return db.Dialect().Name() == dialect.PG }
