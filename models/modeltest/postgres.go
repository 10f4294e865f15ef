package modeltest

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"valise/models"
)

// errNoPostgreSQL: this machine has no PostgreSQL server to start.
var errNoPostgreSQL = errors.New("no PostgreSQL server programs (initdb, pg_ctl, postgres) in /usr/lib/postgresql/*/bin or PATH")

// startLimit is generous: initdb takes a second on an idle machine, half a minute on a crowded one.
const startLimit = 2 * time.Minute

// Postgres returns the URL of a fresh, empty database that is dropped when the test ends.
//
// The server is the one that TEST_POSTGRES names (the URL of a role that may create databases), else
// one that the test process starts for all its tests. Where there is none the test is skipped with
// the reason, and fails instead when VALISE_CI is set.
func Postgres(t testing.TB) string {
	t.Helper()
	return create(t, serverFor(t), "")
}

// PostgresReady is Postgres with the latest schema, copied from one that was made for the
// whole test process.
func PostgresReady(t testing.TB) string {
	t.Helper()
	if os.Getenv("TEST_POSTGRES") != "" {
		return Postgres(t) // nobody would drop the one that is copied
	}
	server := serverFor(t)
	template.Do(func() {
		name := newName()
		if template.err = execute(server, "CREATE DATABASE "+name); template.err != nil {
			return
		}
		var s *models.Store
		if s, template.err = models.Open(context.Background(), databaseURL(server, name)); template.err == nil {
			template.name, template.err = name, s.Close()
		}
	})
	if template.err != nil {
		t.Fatalf("make the database that others are copied from: %v", template.err)
	}
	return create(t, server, " TEMPLATE "+template.name)
}

// template goes with the server.
var template struct {
	sync.Once
	name string
	err  error
}

func serverFor(t testing.TB) string {
	t.Helper()
	server := os.Getenv("TEST_POSTGRES")
	if server == "" {
		s, err := startOnce()
		switch {
		case errors.Is(err, errNoPostgreSQL) && os.Getenv("VALISE_CI") == "":
			t.Skipf("needs PostgreSQL: %v", err)
		case err != nil:
			t.Fatalf("start PostgreSQL: %v", err)
		}
		server = s.url
	}
	if _, err := url.Parse(server); err != nil {
		t.Fatalf("TEST_POSTGRES is not a URL")
	}
	return server
}

func newName() string { return "valise_" + strings.ToLower(rand.Text()[:16]) }

// databaseURL is the server's URL, which can be read, with another database.
func databaseURL(server, name string) string {
	u, _ := url.Parse(server)
	u.Path = "/" + name
	return u.String()
}

func create(t testing.TB, server, from string) string {
	t.Helper()
	name := newName()
	if err := execute(server, "CREATE DATABASE "+name+from); err != nil {
		t.Fatalf("create database %s: %v", name, err)
	}
	t.Cleanup(func() {
		if err := execute(server, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop database %s: %v", name, err)
		}
	})
	return databaseURL(server, name)
}

func execute(server, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

// postgres is a running server in a folder of its own.
type postgres struct {
	url string
	dir string
	// alive is never written to. Its end, when the process closes it or dies in whatever way, tells the
	// supervisor to stop the server.
	alive *os.File
}

var startOnce = sync.OnceValues(start)

// start tries again when another process took the free port between our look and the server's.
func start() (*postgres, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		s, log, err := startIn(bin)
		if err == nil || try == 3 || !strings.Contains(log, "Address already in use") {
			return s, err
		}
	}
}

// programs finds the folder of the newest server programs.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if err != nil {
		return "", err
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if path, err := exec.LookPath("pg_ctl"); err == nil {
		found = append(found, path)
	}
	for _, path := range found {
		dir := filepath.Dir(path)
		_, noServer := os.Stat(filepath.Join(dir, "postgres"))
		_, noInit := os.Stat(filepath.Join(dir, "initdb"))
		if noServer == nil && noInit == nil {
			return dir, nil
		}
	}
	return "", errNoPostgreSQL
}

//go:embed supervise.sh
var supervise string

// startIn starts a server in a new folder; on failure it also returns the server's log.
func startIn(bin string) (s *postgres, log string, err error) {
	who, err := account()
	if err != nil {
		return nil, "", err
	}
	dir, err := os.MkdirTemp("", "valise-postgres-")
	if err != nil {
		return nil, "", err
	}
	// Once it runs, the supervisor removes the folder.
	supervised := false
	defer func() {
		if !supervised {
			os.RemoveAll(dir)
		}
	}()
	port, err := freePort()
	if err != nil {
		return nil, "", err
	}
	password := rand.Text()
	settings := fmt.Sprintf(`
listen_addresses = '127.0.0.1'
port = %d
unix_socket_directories = ''
max_connections = 200
shared_buffers = 32MB
fsync = off
synchronous_commit = off
full_page_writes = off
timezone = 'UTC'
`, port)
	for name, text := range map[string]string{"password": password + "\n", "settings": settings} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, "", err
		}
		if who != nil {
			if err := os.Chown(filepath.Join(dir, name), int(who.Uid), int(who.Gid)); err != nil {
				return nil, "", err
			}
		}
	}
	if who != nil {
		if err := os.Chown(dir, int(who.Uid), int(who.Gid)); err != nil {
			return nil, "", err
		}
	}

	alive, started, err := supervisor(bin, dir, who)
	if err != nil {
		return nil, "", fmt.Errorf("start supervisor of %s: %w", dir, err)
	}
	supervised = true
	defer started.Close()
	if err := started.SetReadDeadline(time.Now().Add(startLimit)); err != nil {
		alive.Close()
		return nil, "", err
	}
	answer, err := io.ReadAll(started)
	if strings.TrimSpace(string(answer)) != "started" {
		text, _ := os.ReadFile(filepath.Join(dir, "log"))
		alive.Close()
		return nil, string(text), fmt.Errorf("server in %s did not start (%v); its log:\n%s", dir, err, text)
	}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("valise", password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Path: "/postgres", RawQuery: "sslmode=disable",
	}
	return &postgres{url: u.String(), dir: dir, alive: alive}, "", nil
}

// supervisor runs supervise.sh in a session of its own, so that a Ctrl-C in the terminal reaches it
// through the end of its standard input alone. Of the two pipes, alive keeps the server up and started
// yields "started" and an end, or just an end. No output is shared with the test process: go test
// waits for every holder of it.
func supervisor(bin, dir string, who *syscall.Credential) (alive, started *os.File, err error) {
	in, alive, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	started, out, err := os.Pipe()
	if err != nil {
		in.Close()
		alive.Close()
		return nil, nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", supervise, "supervise", bin, dir)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + bin + ":/usr/local/bin:/usr/bin:/bin", "HOME=" + dir, "LC_ALL=C", "TZ=UTC"}
	cmd.Stdin, cmd.ExtraFiles = in, []*os.File{out}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: who}
	err = cmd.Start()
	in.Close()
	out.Close()
	if err != nil {
		alive.Close()
		started.Close()
		return nil, nil, err
	}
	return alive, started, nil
}

// account is whom the server runs as: PostgreSQL refuses root. nil is the caller.
func account() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user id of %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("group id of %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
