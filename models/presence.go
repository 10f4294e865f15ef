package models

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const (
	// presenceLock is the advisory lock that every process at a PostgreSQL database
	// shares; PostgreSQL frees it when the process ends, however it ends.
	presenceLock = 0x76616c6973655f70
	// presenceTries bounds how often it is asked for, a tenth of a second apart: behind a
	// pooler that mixes sessions it may stay with a session that nobody has any more.
	presenceTries = 50
	presenceEvery = 10 * time.Second
)

// presence is a process's place at a PostgreSQL database.
type presence struct {
	stop chan struct{}
	done chan struct{}
}

// Attend takes this process's place at the database until Close. Where no other process is
// there, first runs before any can come: what it may undo are acts of processes that have
// died. On SQLite the caller holds the data folder's lock, so first always runs.
func (s *Store) Attend(ctx context.Context, first func(context.Context) error) error {
	if !s.Postgres() {
		return first(ctx)
	}
	conn, err := s.W.DB.Conn(ctx)
	if err != nil {
		return fmt.Errorf("take a place at the database: %w", err)
	}
	if err := s.enter(ctx, conn, first); err != nil {
		conn.Close()
		return fmt.Errorf("take a place at the database: %w", err)
	}
	s.presence = &presence{stop: make(chan struct{}), done: make(chan struct{})}
	go s.stay(conn)
	return nil
}

func (s *Store) enter(ctx context.Context, conn *sql.Conn, first func(context.Context) error) error {
	if first != nil {
		alone, err := tryLock(ctx, conn, "pg_try_advisory_lock")
		if err != nil {
			return err
		}
		if alone {
			defer conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1)`, int64(presenceLock))
			if err := first(ctx); err != nil {
				return err
			}
		}
	}
	for range presenceTries {
		if ok, err := tryLock(ctx, conn, "pg_try_advisory_lock_shared"); err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

func tryLock(ctx context.Context, conn *sql.Conn, function string) (ok bool, err error) {
	err = conn.QueryRowContext(ctx, `SELECT `+function+`($1)`, int64(presenceLock)).Scan(&ok)
	return ok, err
}

// stay keeps the place when the server was away for a while.
func (s *Store) stay(conn *sql.Conn) {
	defer close(s.presence.done)
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	tick := time.NewTicker(presenceEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.presence.stop:
			if conn != nil {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				conn.ExecContext(ctx, `SELECT pg_advisory_unlock_shared($1)`, int64(presenceLock))
				cancel()
			}
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), presenceEvery)
		if conn != nil && conn.PingContext(ctx) != nil {
			conn.Close()
			conn = nil
		}
		if conn == nil {
			if c, err := s.W.DB.Conn(ctx); err == nil {
				if conn = c; s.enter(ctx, c, nil) != nil {
					c.Close()
					conn = nil
				}
			}
		}
		cancel()
	}
}

func (p *presence) leave() {
	if p != nil {
		close(p.stop)
		<-p.done
	}
}
