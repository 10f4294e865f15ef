package models

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// SQLite spends more time on reading a statement than on running it. The driver below
// keeps, for each connection, the statements with bound arguments that it has read;
// what bun writes holds its values in the text and would never be met again.
const (
	// statementsKept bounds them on one connection.
	statementsKept = 128
	// statementLongest is the longest text that is kept, in bytes.
	statementLongest = 8192
)

// openKept is sql.Open for SQLite with statements kept, and counted in ran.
func openKept(dsn string, ran *atomic.Int64) (*sql.DB, error) {
	plain, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	return sql.OpenDB(keepConnector{dsn, plain.Driver(), ran}), nil
}

type keepConnector struct {
	dsn    string
	driver driver.Driver
	ran    *atomic.Int64
}

func (c keepConnector) Driver() driver.Driver { return c.driver }

func (c keepConnector) Connect(context.Context) (driver.Conn, error) {
	opened, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	full, ok := opened.(sqliteConn)
	if !ok {
		opened.Close()
		return nil, fmt.Errorf("the SQLite driver's %T cannot keep statements", opened)
	}
	return &keepConn{sqliteConn: full, kept: map[string]sqliteStmt{}, ran: c.ran}, nil
}

// sqliteConn is what database/sql uses of the driver's connection.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// keepConn is one connection. database/sql gives it to one goroutine at a time. A
// statement that is in use is not among kept, so that the same text inside a loop over
// its rows is read anew.
type keepConn struct {
	sqliteConn
	kept   map[string]sqliteStmt
	ran    *atomic.Int64
	broken bool // whether its commits reach the disk is not known: it is not used again
}

func (c *keepConn) Close() error {
	for _, s := range c.kept {
		s.Close()
	}
	c.kept = nil
	return c.sqliteConn.Close()
}

// asyncKey in a context begins a transaction whose commit does not wait for the disk.
type asyncKey struct{}

func (c *keepConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if ctx.Value(asyncKey{}) == nil {
		return c.sqliteConn.BeginTx(ctx, o)
	}
	if err := c.synchronous(ctx, "NORMAL"); err != nil {
		return nil, err
	}
	tx, err := c.sqliteConn.BeginTx(ctx, o)
	if err != nil {
		return nil, errors.Join(err, c.synchronous(context.WithoutCancel(ctx), "FULL"))
	}
	return &asyncTx{tx, c}, nil
}

// synchronous sets when commits of this connection are on disk.
func (c *keepConn) synchronous(ctx context.Context, when string) error {
	_, err := c.sqliteConn.ExecContext(ctx, "PRAGMA synchronous="+when, nil)
	if err != nil {
		c.broken = true
	}
	return err
}

// IsValid tells database/sql whether the connection may be used again.
func (c *keepConn) IsValid() bool { return !c.broken && c.sqliteConn.IsValid() }

// asyncTx leaves its connection as all others find it.
type asyncTx struct {
	driver.Tx
	conn *keepConn
}

func (t *asyncTx) Commit() error { return t.end(t.Tx.Commit()) }

func (t *asyncTx) Rollback() error { return t.end(t.Tx.Rollback()) }

// end keeps the verdict on the transaction: a connection that cannot be set back is given up.
func (t *asyncTx) end(err error) error {
	_ = t.conn.synchronous(context.Background(), "FULL")
	return err
}

// take returns a statement for the text, or nil when it is not to be kept.
func (c *keepConn) take(ctx context.Context, query string, args []driver.NamedValue) (sqliteStmt, error) {
	if len(args) == 0 || len(query) > statementLongest {
		return nil, nil
	}
	if s, ok := c.kept[query]; ok {
		delete(c.kept, query)
		return s, nil
	}
	prepared, err := c.sqliteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s, ok := prepared.(sqliteStmt)
	if !ok {
		prepared.Close()
		return nil, nil
	}
	return s, nil
}

// give puts a statement back.
func (c *keepConn) give(query string, s sqliteStmt) {
	if _, twice := c.kept[query]; twice || c.kept == nil {
		s.Close()
		return
	}
	for text, old := range c.kept { // in random order
		if len(c.kept) < statementsKept {
			break
		}
		delete(c.kept, text)
		old.Close()
	}
	c.kept[query] = s
}

func (c *keepConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.ran.Add(1)
	s, err := c.take(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.ExecContext(ctx, query, args)
	}
	defer c.give(query, s)
	return s.ExecContext(ctx, args)
}

func (c *keepConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.ran.Add(1)
	s, err := c.take(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.QueryContext(ctx, query, args)
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		c.give(query, s)
		return nil, err
	}
	return &keepRows{rows, c, query, s}, nil
}

// keepRows gives its statement back when it is closed.
type keepRows struct {
	driver.Rows
	conn  *keepConn
	query string
	stmt  sqliteStmt
}

func (r *keepRows) Close() error {
	err := r.Rows.Close()
	if r.stmt != nil {
		r.conn.give(r.query, r.stmt)
		r.stmt = nil
	}
	return err
}

// tally counts the statements that PostgreSQL is asked to run, without those that begin
// and end transactions or set up a connection.
type tally struct{ ran *atomic.Int64 }

func (t tally) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	switch word, _, _ := strings.Cut(q.SQL, " "); strings.ToLower(word) {
	case "begin", "commit", "rollback", "set", "-- ping", ";":
	default:
		t.ran.Add(1)
	}
	return ctx
}

func (t tally) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
