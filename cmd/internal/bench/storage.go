package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// storage makes a folder and a fresh database for one child.
func (b *bench) storage(ctx context.Context) (dir, db string, err error) {
	b.folders++
	dir = filepath.Join(b.dir, fmt.Sprint(b.folders))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", err
	}
	if b.DB == "" || b.DB == "sqlite" {
		return dir, "sqlite:" + filepath.Join(dir, "valise.db"), nil
	}
	u, err := url.Parse(b.DB)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return "", "", fmt.Errorf("--db: use sqlite, or a postgres:// URL of a server on which databases may be created")
	}
	name := databaseName()
	if err := b.createDatabase(ctx, name); err != nil {
		return "", "", err
	}
	b.databases = append(b.databases, name)
	u.Path = "/" + name
	return dir, u.String(), nil
}

func databaseName() string { return "valise_bench_" + strings.ToLower(rand.Text()[:12]) }

func (b *bench) createDatabase(ctx context.Context, name string) error {
	if err := execute(ctx, b.DB, "CREATE DATABASE "+name); err != nil {
		return fmt.Errorf("make a database: %w", err)
	}
	return nil
}

func (b *bench) dropDatabases() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, name := range b.databases {
		if err := execute(ctx, b.DB, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			fmt.Fprintf(os.Stderr, "bench: drop the database %s: %v\n", name, err)
		}
	}
}

func execute(ctx context.Context, server, statement string) error {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}
