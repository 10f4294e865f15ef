package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"valise/cmd/internal/node"
	"valise/config"
	"valise/ui/machine"
)

// Limits of the public server. The body of an attachment may take a slow peer minutes;
// a request head never does.
const (
	headTimeout  = 10 * time.Second
	readTimeout  = 60 * time.Second
	writeTimeout = 5 * time.Minute
	idleTimeout  = 2 * time.Minute
	maxHeader    = 32 << 10 // bytes
)

// Serve runs the instance.
type Serve struct{}

// Help is shown by --help.
func (*Serve) Help() string {
	return `Runs until SIGINT or SIGTERM, then ends what is under way within shutdown.grace. Nothing
accepted is lost by any way of stopping.

Without a host name (valise instance init --host NAME, or the setting host) it runs as
valise.localhost and does not federate.`
}

func (*Serve) Run(a *app) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	node.CollectLess()
	log := logger(cfg, a.errs)
	trusted, err := proxies(cfg.BehindProxy.TrustedProxies)
	if err != nil {
		return err
	}
	var certificate *tls.Config
	if cfg.TLS.Enabled() {
		pair, err := tls.LoadX509KeyPair(cfg.TLS.CertFile, cfg.TLS.KeyFile)
		if err != nil {
			return fmt.Errorf("read the TLS certificate %s and its key %s: %w", cfg.TLS.CertFile, cfg.TLS.KeyFile, err)
		}
		certificate = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	if unnamed(cfg) {
		forget, err := passing(&cfg)
		if err != nil {
			return err
		}
		defer forget()
	}
	n, err := node.Open(a.ctx, cfg, node.Outside{Log: log})
	if err != nil {
		return err
	}
	if err := welcome(a, n); err != nil {
		return errors.Join(err, n.Close())
	}
	err = serve(a.ctx, cfg, n, log, behind(n.Handler, trusted), certificate)
	return errors.Join(err, n.Close())
}

// welcome prints the link of the first run, while nobody can sign in.
func welcome(a *app, n *node.Node) error {
	url, err := n.Access.SetupLink(a.ctx)
	if err != nil || url == "" {
		return err
	}
	p := &printer{}
	p.linef("Nobody can sign in here yet. Set this instance up in a browser, once, within 24 hours:")
	p.block("  ", url)
	_, err = a.out.Write(p.text.Bytes())
	return err
}

// passing moves an instance without a name into a folder that ends with the process:
// the ids that it issues could never be used again. Its socket stays where commands
// look for it.
func passing(cfg *config.Config) (forget func(), err error) {
	cfg.Socket = cfg.SocketPath()
	if err := os.MkdirAll(filepath.Dir(cfg.Socket), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the admin socket: %w", err)
	}
	if cfg.DataDir, err = os.MkdirTemp("", "valise-"); err != nil {
		return nil, fmt.Errorf("make a folder for an instance without a name: %w", err)
	}
	cfg.SealKeyFile, cfg.Database = "", ""
	// A browser reaches it by this name and port alone.
	if _, port, err := net.SplitHostPort(cfg.Listen); err == nil && port != "0" && port != "80" {
		cfg.Host = config.UnconfiguredHost + ":" + port
	}
	return func() { os.RemoveAll(cfg.DataDir) }, nil
}

// serve listens and works until ctx ends, then stops within the grace.
func serve(ctx context.Context, cfg config.Config, n *node.Node, log *slog.Logger, public http.Handler, certificate *tls.Config) error {
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	admin, err := machine.Listen(cfg.SocketPath())
	if err != nil {
		l.Close()
		return err
	}
	errlog := slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	web := &http.Server{Handler: public, TLSConfig: certificate, ReadHeaderTimeout: headTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: errlog}
	desk := &http.Server{Handler: n.AdminHandler(), ReadHeaderTimeout: headTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: errlog}

	if n.Own.Name() == config.UnconfiguredHost {
		log.Warn("this instance has no name: it does not federate, and all that it holds ends with it. Give it a name with: valise instance init --host NAME", "host", n.Own)
	}
	ended := make(chan error, 3)
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go func() {
		if certificate != nil {
			ended <- fault("serve", web.ServeTLS(l, "", ""))
			return
		}
		ended <- fault("serve", web.Serve(l))
	}()
	go func() { ended <- fault("serve the admin socket", desk.Serve(admin)) }()
	go func() { ended <- n.Run(work) }()
	log.Info("running", "config", n.Config, "listen", l.Addr().String(), "socket", cfg.SocketPath(), "version", node.Version())

	running := 3
	var failed error
	select {
	case <-ctx.Done():
		log.Info("stopping", "grace", cfg.Shutdown.Grace)
	case failed = <-ended:
		running--
		log.Error("stopping, since a part has ended", "err", failed)
	}
	// No balancer sends new requests from here on; those under way end, and with them
	// what they hand to the workers.
	n.Release()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.Shutdown.Grace)
	defer cancel()
	for _, s := range []*http.Server{web, desk} {
		if err := s.Shutdown(grace); err != nil {
			log.Warn("requests were cut", "err", err)
			s.Close()
		}
	}
	stop()
	for ; running > 0; running-- {
		select {
		case err := <-ended:
			failed = errors.Join(failed, err)
		case <-grace.Done():
			return errors.Join(failed, fmt.Errorf("stop: deliveries did not end within %s; they are repeated after the next start", cfg.Shutdown.Grace))
		}
	}
	log.Info("stopped")
	return failed
}

// fault drops the error that says that a server was shut down.
func fault(what string, err error) error {
	if err == nil || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
