package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"valise/cmd/internal/signin"
	"valise/models"
	"valise/models/iri"
	"valise/ui/page"
)

// library is an instance with a corpus, and the session of an officer of its first office.
type library struct {
	Cookie  string // NAME=VALUE
	Host    iri.Host
	Office  string // its username
	Records []iri.IRI
	Fill    float64 // seconds
	Index   float64 // seconds until everything could be searched for
	N       int     // pieces of correspondence
	Reader  iri.IRI
	Home    iri.IRI // the reader's office
	Port    int     // of Host
	// Database is the name of a kept one on PostgreSQL.
	Database string `json:",omitempty"`
}

type corpusArgs struct {
	N    int
	Have *library // what an earlier run has filled; nil: fill
}

// corpus fills the instance with n pieces of correspondence, or signs in where they are.
func (i *instance) corpus(ctx context.Context, a corpusArgs) (any, error) {
	n := i.node
	l := a.Have
	if l == nil {
		began := time.Now()
		c, err := FillCorpus(ctx, n, a.N)
		if err != nil {
			return nil, err
		}
		l = &library{Host: n.Own, Records: c.Records, Fill: time.Since(began).Seconds(), N: a.N, Reader: c.Persons[0], Home: c.Offices[0]}
		if _, err := i.indexed(ctx, struct{}{}); err != nil {
			return nil, err
		}
		l.Index = time.Since(began).Seconds() - l.Fill
	}
	if err := i.quiet(ctx); err != nil {
		return nil, fmt.Errorf("wait until the corpus is in order: %w", err)
	}
	if n.Store.Postgres() && a.Have == nil {
		// As autovacuum does within a minute.
		if _, err := n.Store.W.NewRaw(`VACUUM ANALYZE`).Exec(ctx); err != nil {
			return nil, err
		}
	}
	token, err := signin.Token(ctx, n, l.Reader, "quiet rivers carry far")
	if err != nil {
		return nil, err
	}
	l.Cookie = page.CookieName(strings.HasPrefix(n.Own.Base(), "https:")) + "=" + token
	office, err := models.ActorByIRI(ctx, n.Store.R, l.Home)
	if err != nil {
		return nil, err
	}
	l.Office = office.Username
	return l, nil
}

// shelf is where a library is kept between runs: a folder, and on PostgreSQL a database
// too. Without a folder it is made for one run.
type shelf struct {
	bench *bench
	args  openArgs
	have  *library
	name  string // of the database on PostgreSQL
}

// shelf finds a library of n pieces, or a place for one.
func (b *bench) shelf(ctx context.Context, n int) (*shelf, error) {
	s := &shelf{bench: b}
	if b.Dir == "" {
		var err error
		s.args.Dir, s.args.DB, err = b.storage(ctx)
		return s, err
	}
	s.args.Dir = b.Dir
	if err := os.MkdirAll(b.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("--dir: %w", err)
	}
	raw, err := os.ReadFile(s.file())
	switch {
	case errors.Is(err, os.ErrNotExist):
		if there, err := os.ReadDir(b.Dir); err != nil || len(there) > 0 {
			return nil, errors.Join(err, fmt.Errorf("--dir: %s holds something that no run has filled to the end; name an empty folder", b.Dir))
		}
	case err != nil:
		return nil, fmt.Errorf("--dir: %w", err)
	default:
		s.have = new(library)
		if err := json.Unmarshal(raw, s.have); err != nil {
			return nil, fmt.Errorf("--dir: read %s: %w", s.file(), err)
		}
		if s.have.N != n {
			return nil, fmt.Errorf("--dir: %s holds %d pieces of correspondence, not %d, by another version of this program; name another folder", b.Dir, s.have.N, n)
		}
		if postgres := b.DB != "" && b.DB != "sqlite"; postgres != (s.have.Database != "") {
			return nil, fmt.Errorf("--dir: %s was filled with another --db; name another folder", b.Dir)
		}
		s.args.Port, s.name = s.have.Port, s.have.Database
	}
	s.args.DB = "sqlite:" + filepath.Join(b.Dir, "valise.db")
	if b.DB == "" || b.DB == "sqlite" {
		return s, nil
	}
	if s.name == "" {
		s.name = databaseName()
		if err := b.createDatabase(ctx, s.name); err != nil {
			return nil, err
		}
	}
	u, err := url.Parse(b.DB)
	if err != nil {
		return nil, errors.New("--db: the URL cannot be read")
	}
	u.Path = "/" + s.name
	s.args.DB = u.String()
	return s, nil
}

func (s *shelf) file() string { return filepath.Join(s.args.Dir, "bench.json") }

// keep notes what the folder holds, without the session: the next run opens its own.
func (s *shelf) keep(l library, port int) error {
	if s.bench.Dir == "" || s.have != nil {
		return nil
	}
	l.Cookie, l.Port, l.Database = "", port, s.name
	raw, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return os.WriteFile(s.file(), raw, 0o600)
}
