package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"

	"valise/cmd/internal/node"
	"valise/config"
	"valise/ui/machine"
)

// app is what a command runs with.
type app struct {
	ctx        context.Context
	configPath string
	json       bool
	environ    []string
	in         io.Reader
	out, errs  io.Writer

	api  *machine.Client
	node *node.Node // open only where no instance was running
}

func (a *app) config() (config.Config, error) { return config.Load(a.configPath, a.environ) }

// client reaches the running instance, or opens its data folder under the folder's lock
// and serves the same API in this process.
func (a *app) client() (*machine.Client, error) {
	if a.api != nil {
		return a.api, nil
	}
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	a.api, err = machine.Dial(cfg.SocketPath())
	if !errors.Is(err, machine.ErrNobody) {
		return a.api, err
	}
	if unnamed(cfg) {
		return nil, fmt.Errorf("open the instance in %s: there is none yet. Make it with valise instance init --host NAME, for good, or try valise serve", cfg.DataDir)
	}
	err = a.open(cfg)
	return a.api, err
}

// open opens the data folder in this process and serves the API there.
func (a *app) open(cfg config.Config) (err error) {
	// The command's answer tells what was refused; the log is for what fails.
	cfg.Log.Level = "error"
	if a.node, err = node.Open(a.ctx, cfg, node.Outside{Log: logger(cfg, a.errs)}); err != nil {
		return err
	}
	a.api = machine.InProcess(a.node.AdminHandler())
	return nil
}

// unnamed tells that the configuration has no host name and the SQLite database, which
// might hold one, is not there yet.
func unnamed(cfg config.Config) bool {
	path, sqlite := strings.CutPrefix(cfg.DatabaseURL(), "sqlite:")
	if cfg.Host != "" || !sqlite {
		return false
	}
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func (a *app) close() error {
	if a.node == nil {
		return nil
	}
	return a.node.Close()
}

func logger(cfg config.Config, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.Log.Level)) // validated with the configuration
	o := &slog.HandlerOptions{Level: level}
	if cfg.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// ask does one request.
func (a *app) ask(method, path string, in, out any) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	return c.Do(a.ctx, method, path, in, out)
}

func (a *app) get(path string, q query, out any) error {
	return a.ask("GET", path+q.String(), nil, out)
}

// query is a list of names and values; empty values are left out.
type query []string

func (q query) String() string {
	v := url.Values{}
	for i := 0; i+1 < len(q); i += 2 {
		if q[i+1] != "" {
			v.Set(q[i], q[i+1])
		}
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// show prints a value as JSON or lets human print it.
func (a *app) show(v any, human func(*printer)) error {
	if a.json {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(v)
	}
	p := &printer{}
	human(p)
	_, err := a.out.Write(p.text.Bytes())
	return err
}

// page are the flags of a list with pages.
type page struct {
	Limit int    `help:"Items of a page, 1 to 200." default:"50"`
	From  string `help:"Go on from here: what the page before has named." placeholder:"CURSOR"`
}

func (p page) limit() string { return strconv.Itoa(p.Limit) }

// showList prints a page as a table.
func showList[T any](a *app, l machine.List[T], heads []string, row func(T) []string) error {
	return a.show(l, func(p *printer) {
		rows := make([][]string, len(l.Items))
		for i, item := range l.Items {
			rows[i] = row(item)
		}
		p.table(heads, rows)
		if l.Next != "" {
			p.linef("There is more: --from %s", quoted(l.Next))
		}
	})
}

// done prints what an act did, in words.
func (a *app) done(format string, args ...any) error {
	return a.show(machine.Done{Done: true}, func(p *printer) { p.linef(format, args...) })
}

func quoted(s string) string {
	for _, r := range s {
		if r == ' ' {
			return fmt.Sprintf("%q", s)
		}
	}
	return s
}
