// Package demo plays the main job of the network on three real instances on loopback:
// a ministry, an embassy of another government and a research institute, with a guest who
// has her account on an emulated Mastodon server. They reach each other only through
// signed HTTP requests, and every step is observed at the instance that receives, through
// its own interface.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"valise/cmd/internal/node"
	"valise/config"
	"valise/models/iri"
	"valise/ui/machine"
)

// party is one instance of the demo.
type party struct {
	name   string // "ministry"
	port   int
	dir    string
	node   *node.Node
	client *machine.Client
	server *http.Server
	socket net.Listener
	cancel context.CancelFunc
	done   chan struct{}
}

func (p *party) host() iri.Host { return iri.Host(fmt.Sprintf("%s.localhost:%d", p.name, p.port)) }

// handle is the address of an actor of this party.
func (p *party) handle(user string) string { return "@" + user + "@" + string(p.host()) }

var names = []string{"ministry", "embassy", "institute"}

// socialName is the host of the guest's account.
const socialName = "social"

// firstPort is where a demo that stays up listens, if it is free.
const firstPort = 8101

// world is the three parties and the guest's server.
type world struct {
	parties map[string]*party
	social  *social
	log     *slog.Logger
	fresh   bool
}

// open prepares three data folders under dir and starts the instances. A folder that
// an earlier demo has left goes on with its own ports: they are part of every id.
func open(ctx context.Context, dir string, log *slog.Logger) (*world, error) {
	w := &world{parties: map[string]*party{}, log: log}
	ports, err := w.ports(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		w.parties[name] = &party{name: name, port: ports[name], dir: filepath.Join(dir, name)}
	}
	if w.social, err = serveSocial(ports[socialName]); err != nil {
		return nil, fmt.Errorf("start %s: %w", socialName, err)
	}
	for _, name := range names {
		if err := w.start(ctx, w.parties[name]); err != nil {
			return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), w.close())
		}
	}
	return w, nil
}

func (w *world) ports(dir string) (map[string]int, error) {
	ports := map[string]int{}
	file := filepath.Join(dir, "ports.json")
	if b, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(b, &ports); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		if ports[socialName] == 0 {
			return nil, fmt.Errorf("the folder %s holds a demo of an earlier version, without the guest's server: give an empty one", dir)
		}
		return ports, nil
	}
	w.fresh = true
	for i, name := range append(slices.Clone(names), socialName) {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+i))
		if err != nil {
			if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
				return nil, fmt.Errorf("find a free port: %w", err)
			}
		}
		ports[name] = l.Addr().(*net.TCPAddr).Port
		l.Close()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the demo's folder: %w", err)
	}
	b, err := json.Marshal(ports)
	if err != nil {
		return nil, err
	}
	return ports, os.WriteFile(file, b, 0o600)
}

// start opens one instance with its own folder, keys and socket, as `valise serve` does.
func (w *world) start(ctx context.Context, p *party) error {
	cfg := config.Defaults()
	cfg.Host, cfg.DataDir, cfg.Listen = string(p.host()), p.dir, fmt.Sprintf("127.0.0.1:%d", p.port)
	for _, other := range w.parties {
		if other != p {
			cfg.Federation.Loopback.Peers = append(cfg.Federation.Loopback.Peers, string(other.host()))
		}
	}
	cfg.Federation.Loopback.Peers = append(cfg.Federation.Loopback.Peers, string(w.social.host()))
	n, err := node.Open(ctx, cfg, node.Outside{Log: w.log.With("instance", p.name)})
	if err != nil {
		return err
	}
	p.node = n
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return errors.Join(err, n.Close())
	}
	if p.socket, err = machine.Listen(n.Config.SocketPath()); err != nil {
		return errors.Join(err, l.Close(), n.Close())
	}
	p.server = &http.Server{Handler: n.Handler, ReadHeaderTimeout: 10 * time.Second}
	admin := &http.Server{Handler: n.AdminHandler(), ReadHeaderTimeout: 10 * time.Second}
	go p.server.Serve(l)
	go admin.Serve(p.socket)
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.done = make(chan struct{})
	p.cancel = func() { cancel(); admin.Close() }
	go func() {
		defer close(p.done)
		n.Run(run)
	}()
	p.client, err = machine.Dial(n.Config.SocketPath())
	return err
}

// stop ends one instance: no requests, no deliveries, the store closed.
func (p *party) stop() error {
	if p.node == nil {
		return nil
	}
	p.server.Close()
	p.cancel()
	<-p.done
	err := p.node.Close()
	p.node = nil
	return err
}

func (w *world) close() error {
	err := w.social.server.Close()
	for _, p := range w.parties {
		err = errors.Join(err, p.stop())
	}
	return err
}
