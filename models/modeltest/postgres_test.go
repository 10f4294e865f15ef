package modeltest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// holdVar makes the test binary start a server, say where, and wait to be killed.
const holdVar = "MODELTEST_HOLD_POSTGRES"

func TestMain(m *testing.M) {
	if os.Getenv(holdVar) == "" {
		os.Exit(m.Run())
	}
	s, err := startOnce()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("%s\n%s\n", s.url, s.dir)
	for { // not select {}: without another goroutine the runtime calls that a deadlock
		time.Sleep(time.Hour)
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func TestDatabasesAreFreshAndApart(t *testing.T) {
	one, two := connect(t, Postgres(t)), connect(t, Postgres(t))
	if _, err := one.Exec(t.Context(), "CREATE TABLE dispatches (id bigint)"); err != nil {
		t.Fatal(err)
	}
	var tables int
	err := two.QueryRow(t.Context(), "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'").Scan(&tables)
	if err != nil {
		t.Fatal(err)
	}
	if tables != 0 {
		t.Errorf("%d tables in a fresh database", tables)
	}
}

func TestDatabaseIsDropped(t *testing.T) {
	var database string
	t.Run("user", func(t *testing.T) {
		database = Postgres(t)
		connect(t, database)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if conn, err := pgx.Connect(ctx, database); err == nil {
		conn.Close(ctx)
		t.Errorf("the database is still there after its test")
	}
}

// The server ends with the test process even when that is killed, and leaves no folder.
func TestServerDiesWithItsProcess(t *testing.T) {
	if _, err := programs(); errors.Is(err, errNoPostgreSQL) {
		Postgres(t) // skips or fails, by the same rule as every other test
		t.Skip("needs server programs on this machine, beside TEST_POSTGRES")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holdVar+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	lines.Scan()
	server, err := url.Parse(lines.Text())
	if err != nil || server.Scheme != "postgres" {
		t.Fatalf("the process printed %q", lines.Text())
	}
	lines.Scan()
	dir := lines.Text()
	connect(t, server.String())
	if _, err := os.Stat(filepath.Join(dir, "data", "postmaster.pid")); err != nil {
		t.Fatal(err)
	}

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the process ended with %v", err)
	}
	gone := func() bool {
		conn, err := net.Dial("tcp", server.Host)
		if err == nil {
			conn.Close()
			return false
		}
		_, err = os.Stat(dir)
		return errors.Is(err, os.ErrNotExist)
	}
	for deadline := time.Now().Add(30 * time.Second); !gone(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("server %s or folder %s outlived its process", server.Host, dir)
		}
	}
}
