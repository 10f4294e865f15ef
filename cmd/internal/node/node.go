// Package node is the composition root: it builds one instance from its configuration
// and from what is outside it. The program, the demo, the bench and the tests call it.
package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/uptrace/bun"

	"valise/config"
	"valise/federation/deliver"
	"valise/federation/inbox"
	"valise/federation/keyring"
	"valise/federation/outbox"
	"valise/federation/policy"
	"valise/federation/remote"
	"valise/federation/serve"
	"valise/federation/vocab"
	"valise/instance/access"
	"valise/instance/accounts"
	"valise/instance/accreditation"
	"valise/instance/archive"
	"valise/instance/audit"
	"valise/instance/checks"
	"valise/instance/communities"
	"valise/instance/desk"
	"valise/instance/directory"
	"valise/instance/dispatches"
	"valise/instance/drafting"
	"valise/instance/guests"
	"valise/instance/keys"
	"valise/instance/notify"
	"valise/instance/queues"
	"valise/instance/refusals"
	"valise/instance/search"
	"valise/models"
	"valise/models/files"
	"valise/models/iri"
	"valise/ui/machine"
	"valise/ui/page"
)

// Outside is what an instance cannot make for itself. The zero value is the real
// world.
type Outside struct {
	Now  func() time.Time
	Rand io.Reader
	// Transport carries outgoing requests instead of the guarded dialer: for
	// federations inside one process.
	Transport http.RoundTripper
	Log       *slog.Logger
	// Fault is called at named moments; crash tests stop the process there.
	Fault func(point string)
}

// Node is one running instance.
type Node struct {
	// Handler is the public side: what other instances reach.
	Handler http.Handler
	Config  config.Config
	Own     iri.Host
	Rules   iri.Rules
	Log     *slog.Logger
	Now     func() time.Time

	Store         *models.Store
	Files         *files.Folder
	Keyring       *keyring.Keyring
	Client        *remote.Client
	Actors        *remote.Actors
	Guard         policy.Guard
	Box           *inbox.Box
	Worker        *inbox.Worker
	Courier       *deliver.Courier
	Serve         *serve.Server
	Accounts      *accounts.Accounts
	Accreditation *accreditation.Accreditation
	Dispatches    *dispatches.Dispatches
	Communities   *communities.Communities
	Keys          *keys.Keys
	Checks        *checks.Checks
	Directory     *directory.Directory
	Drafting      *drafting.Drafting
	Access        *access.Access
	Notify        *notify.Notify
	Desk          *desk.Desk
	Guests        *guests.Guests
	Search        *search.Search

	Archive *archive.Archive
	// Recent remembers what was refused lately.
	Recent *refusals.Recent
	// Pages is the portal.
	Pages *page.Site
	// Admin is what the admin socket and the command line stand on.
	Admin machine.Services

	lock    *lockFile
	arrived chan struct{}
	applied chan struct{}
	behind  atomic.Bool // a full batch of arrivals was applied last: more wait
	watched time.Time   // when late dispatches were last looked for
	ready   atomic.Bool
	epoch   atomic.Int64 // config epoch that the caches are of
	heard   sync.Map     // iri.Host → time.Time, of hosts heard lately
}

// Version of the program, from the build.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}

// Open opens the instance that cfg describes. The database fixes the host name: another
// one is refused, and so are another seal key and a newer schema. A fresh database is
// initialised for cfg.Host.
func Open(ctx context.Context, cfg config.Config, o Outside) (n *Node, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	recent := &refusals.Recent{}
	o.Log = slog.New(recent.Watch(o.Log.Handler()))
	n = &Node{Config: cfg, Log: o.Log, Recent: recent, Now: o.Now, arrived: make(chan struct{}, 1), applied: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			n.Close()
			n = nil
		}
	}()
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return n, fmt.Errorf("open the data folder: %w", err)
	}
	if strings.HasPrefix(cfg.DatabaseURL(), "sqlite:") {
		if n.lock, err = lockFolder(cfg.DataDir); err != nil {
			return n, err
		}
	}
	if n.Store, err = models.Open(ctx, cfg.DatabaseURL()); err != nil {
		return n, err
	}
	row, err := models.ReadInstance(ctx, n.Store.R)
	fresh := models.NotFound(err)
	if err != nil && !fresh {
		return n, err
	}
	seal, err := keyring.OpenSeal(cfg.SealKeyPath(), fresh, o.Rand)
	if err != nil {
		return n, err
	}
	if n.Own, err = hostOf(cfg, row, fresh); err != nil {
		return n, err
	}
	if fresh && cfg.Host == "" && n.Store.Postgres() {
		return n, errors.New("this PostgreSQL database is empty and no host is set: set host, or run valise instance init --host NAME; the name is part of every id and cannot be changed")
	}
	n.Rules = iri.RulesFor(n.Own)
	n.Config.Host = string(n.Own)
	if err := n.Config.Validate(); err != nil {
		return n, err
	}
	n.Keyring = keyring.New(n.Store, seal, o.Rand)
	if fresh {
		if err := n.initialise(ctx, seal); err != nil {
			return n, err
		}
	} else if row.SealFingerprint != seal.Fingerprint() {
		return n, fmt.Errorf("the seal key %s is not the one that this database was sealed with (%s, wanted %s): put the right key file in place", cfg.SealKeyPath(), seal.Fingerprint(), row.SealFingerprint)
	}
	if n.Files, err = files.Open(filepath.Join(cfg.DataDir, "files")); err != nil {
		return n, err
	}
	if err := n.build(o); err != nil {
		return n, err
	}
	if err := n.Store.Attend(ctx, func(ctx context.Context) error { return models.ExpireLeases(ctx, n.Store.W) }); err != nil {
		return n, fmt.Errorf("take over what an earlier process had begun: %w", err)
	}
	n.Box.Start()
	n.ready.Store(true)
	return n, nil
}

func hostOf(cfg config.Config, row *models.Instance, fresh bool) (iri.Host, error) {
	name := cfg.Host
	if name == "" && !fresh {
		name = row.Host
	}
	if name == "" {
		name = config.ServeUnconfigured().Host
	}
	host, err := iri.Rules{Loopback: true}.ParseHost(name)
	if err != nil {
		return "", fmt.Errorf("the host name of this instance: %w", err)
	}
	if !fresh && row.Host != string(host) {
		return "", fmt.Errorf("this database belongs to %s, not to %s: every id that was ever issued holds that name. Use the right data folder, or set host to %s", row.Host, host, row.Host)
	}
	return host, nil
}

// initialise makes the instance row and the instance actor with its key.
func (n *Node) initialise(ctx context.Context, seal *keyring.Seal) error {
	err := n.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		now := n.Now()
		if err := models.InsertInstance(ctx, tx, &models.Instance{Host: string(n.Own), CreatedAt: models.At(now), SealFingerprint: seal.Fingerprint()}); err != nil {
			return err
		}
		a := accounts.Actor(n.Own, models.TypeApplication, n.Own.Name(), string(n.Own), now)
		if err := models.InsertActor(ctx, tx, a); err != nil {
			return err
		}
		if _, err := n.Keyring.Make(ctx, tx, a.IRI, now); err != nil {
			return err
		}
		return audit.Append(ctx, tx, now, audit.LocalOperator, "instance initialised", string(n.Own), nil)
	})
	if err != nil {
		return fmt.Errorf("initialise %s: %w", n.Own, err)
	}
	return nil
}

func (n *Node) build(o Outside) error {
	cfg := n.Config
	network := remote.Network{Ranges: cfg.Federation.Private.Ranges, CAFile: cfg.Federation.Private.CAFile, ConnectTimeout: cfg.Federation.ConnectTimeout, TotalTimeout: cfg.Federation.TotalTimeout}
	for _, p := range cfg.Federation.Private.Ports {
		network.Ports = append(network.Ports, uint16(p))
	}
	for _, p := range cfg.Federation.Loopback.Peers {
		network.Loopback = append(network.Loopback, iri.Host(p))
	}
	client, err := remote.NewClient(network, n.Rules, "Valise/"+Version()+" (+"+n.Own.Base()+"/)")
	if err != nil {
		return err
	}
	if o.Transport != nil {
		client = client.WithTransport(o.Transport)
	}
	n.Client, n.Guard = client, policy.NewGuard(cfg)
	scheme := "https"
	if n.Rules.Loopback {
		scheme = "http"
	}
	hostname, _ := os.Hostname()
	n.Courier = &deliver.Courier{Store: n.Store, Keys: n.Keyring, Client: client, Own: n.Own, Name: fmt.Sprintf("%s/%d/%d", hostname, os.Getpid(), n.Now().UnixNano()),
		Places: max(cfg.Federation.DeliveryWorkers, 1), Log: n.Log, Now: n.Now, Fault: o.Fault}
	instance := accounts.InstanceActor(n.Own)
	n.Actors = remote.NewActors(n.Store, client, n.Rules, n.Own, n.Now, func(ctx context.Context, host iri.Host) remote.SignFunc {
		return n.Courier.SignGet(ctx, instance, host)
	})
	verify := &inbox.Verifier{Actors: n.Actors, Rules: n.Rules, Own: n.Own, Scheme: scheme, WindowOwn: cfg.Federation.WindowOwn, WindowForeign: cfg.Federation.WindowForeign, Now: n.Now}
	f := cfg.Federation
	n.Box = &inbox.Box{Store: n.Store, Verify: verify, Rules: n.Rules, Own: n.Own, MaxBody: int64(f.MaxBody), Log: n.Log, Now: n.Now,
		Limits:  inbox.NewLimits(f.RatePerOrigin.PerSecond, f.RatePerOrigin.Burst, f.RatePerKey.PerSecond, f.RatePerKey.Burst, f.FirstContactPerHour),
		Arrived: n.wakeWorker, Answered: n.answered}
	n.Worker = &inbox.Worker{Store: n.Store, Verify: verify, Rules: n.Rules, Own: n.Own, Log: n.Log, Now: n.Now, Applied: n.Courier.Wake, Busy: n.Box.Busy, Ahead: n.ahead, Fault: o.Fault}
	out := &outbox.Outbox{Keys: n.Keyring, Own: n.Own, Rules: n.Rules, Now: n.Now, Rand: o.Rand}
	n.Accounts = &accounts.Accounts{Store: n.Store, Keys: n.Keyring, Own: n.Own, Now: n.Now}
	n.Serve = &serve.Server{Store: n.Store, Keys: n.Keyring, Verify: verify, Box: n.Box, Own: n.Own, Rules: n.Rules, Guard: n.Guard, Now: n.Now, Log: n.Log, Version: Version(), Files: n.Files}
	n.Accreditation = &accreditation.Accreditation{Store: n.Store, Keys: n.Keyring, Out: out, Actors: n.Actors, Client: client, Guard: n.Guard, Own: n.Own, Rules: n.Rules, Name: string(n.Own), Log: n.Log, Now: n.Now, Changed: n.forget}
	n.Dispatches = &dispatches.Dispatches{Store: n.Store, Keys: n.Keyring, Out: out, Actors: n.Actors, Accounts: n.Accounts, Files: n.Files, Guard: n.Guard, Profile: cfg.PrecedenceInUse(), Profiles: cfg.Precedences,
		Limits: cfg.Attachments, Own: n.Own, Rules: n.Rules, Log: n.Log, Now: n.Now, Erased: n.Courier.ForgetBodies, Fault: o.Fault,
		Fetch: func(ctx context.Context, url, signer iri.IRI, limit int64, w io.Writer) error {
			_, err := client.GetFile(ctx, url, n.Courier.SignGet(ctx, signer, url.Host()), limit, w)
			return err
		}}
	n.Communities = &communities.Communities{Store: n.Store, Keys: n.Keyring, Out: out, Actors: n.Actors, Client: client, Accounts: n.Accounts, Dispatches: n.Dispatches, Guard: n.Guard, Own: n.Own, Rules: n.Rules,
		Rand: o.Rand, Log: n.Log, Now: n.Now, Window: cfg.Federation.WindowOwn, Changed: n.forget, SignGet: n.Courier.SignGet}
	n.Box.Guest = func(ctx context.Context, a *vocab.Activity, people []iri.IRI) error {
		return n.Dispatches.GuestWrites(ctx, n.Store.R, a.Actor, a.Object, people)
	}
	n.Dispatches.ActorDocument = func(ctx context.Context, a *models.Actor) ([]byte, error) {
		return n.Serve.ActorDocument(ctx, nil, a, true)
	}
	n.Actors.Gone = func(ctx context.Context, id iri.IRI) error {
		return n.Store.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return n.Communities.Depart(ctx, tx, id) })
	}
	n.Courier.After, n.Courier.Gone = n.Communities.Delivered, n.Communities.Gone
	n.Keys = &keys.Keys{Store: n.Store, Ring: n.Keyring, Out: out, Serve: n.Serve, Own: n.Own, Now: n.Now}
	n.Checks = &checks.Checks{Store: n.Store, Actors: n.Actors, Guard: n.Guard, Own: n.Own, Now: n.Now}
	n.Archive = &archive.Archive{Store: n.Store, Guard: n.Guard, Own: n.Own, Now: n.Now}
	n.Search = &search.Search{Store: n.Store, Guard: n.Guard, Rules: n.Rules, Log: n.Log, Now: n.Now, Pressed: n.pressed}
	n.Directory = &directory.Directory{Store: n.Store, Client: client, Actors: n.Actors, Own: n.Own, Rules: n.Rules, Now: n.Now}
	n.Admin = machine.Services{Accounts: n.Accounts, Accreditation: n.Accreditation, Dispatches: n.Dispatches, Communities: n.Communities, Archive: n.Archive, Keys: n.Keys, Checks: n.Checks,
		Queues: &queues.Queues{Store: n.Store, Now: n.Now, Wake: n.Wake}, Directory: n.Directory, Search: n.Search, Own: n.Own}
	n.Worker.Table = n.table()
	if n.Access, err = access.New(access.Options{Store: n.Store, Keys: n.Keyring, Accounts: n.Accounts, Own: n.Own, Sessions: cfg.Access, Now: n.Now, Rand: o.Rand}); err != nil {
		return err
	}
	n.Admin.Access = n.Access
	n.Notify = &notify.Notify{Store: n.Store, Mail: cfg.Mail, Own: n.Own, Now: n.Now, Log: n.Log, AddressLink: n.Access.AddressLink}
	n.Drafting = &drafting.Drafting{Store: n.Store, Dispatches: n.Dispatches, Directory: n.Directory, Communities: n.Communities, Now: n.Now, Rand: o.Rand}
	n.Desk = &desk.Desk{Store: n.Store, Dispatches: n.Dispatches, Queues: n.Admin.Queues, Guard: n.Guard, Markings: cfg.Markings, Profile: cfg.PrecedenceInUse(), Own: n.Own, Rules: n.Rules, Log: n.Log, Now: n.Now}
	n.Guests = &guests.Guests{Store: n.Store, Access: n.Access, Communities: n.Communities, Desk: n.Desk, Own: n.Own, Rules: n.Rules, Now: n.Now, Rand: o.Rand, Pace: guests.Pace}
	if err := n.pages(); err != nil {
		return err
	}
	n.Handler, err = n.routes()
	return err
}

func (n *Node) routes() (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, p any) {
		n.Log.Error("a request handler panicked", "path", c.Request.URL.Path, "panic", p, "stack", string(debug.Stack()))
		c.AbortWithStatus(http.StatusInternalServerError)
	}))
	r.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := r.SetTrustedProxies(n.Config.BehindProxy.TrustedProxies); err != nil {
		return nil, fmt.Errorf("behind_proxy.trusted_proxies: %w", err)
	}
	// Rate limits and logs see the client's address, which only a trusted proxy may say.
	r.Use(func(c *gin.Context) {
		if ip := c.ClientIP(); ip != "" {
			c.Request.RemoteAddr = net.JoinHostPort(ip, "0")
		}
	})
	r.GET("/healthz", func(c *gin.Context) { c.String(http.StatusOK, "ok\n") })
	r.GET("/readyz", func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), 2*time.Second)
		defer cancel()
		if err := n.Store.R.PingContext(ctx); err != nil || !n.ready.Load() {
			n.Log.Warn("not ready", "err", err)
			c.String(http.StatusServiceUnavailable, "not ready\n")
			return
		}
		c.String(http.StatusOK, "ready\n")
	})
	n.Serve.Mount(r)
	n.Pages.Mount(r)
	return r, nil
}

// AdminHandler is the API of the admin socket. What it wrote is looked at, at once.
func (n *Node) AdminHandler() http.Handler {
	h := machine.Handler(n.Admin, n.Log)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		if r.Method != http.MethodGet {
			n.Wake()
		}
	})
}

// Wake looks at both queues now.
func (n *Node) Wake() {
	n.wakeWorker()
	n.Courier.Wake()
}

// Release stops taking new requests as ready, before a graceful stop.
func (n *Node) Release() { n.ready.Store(false) }

// afterApplied wakes what follows from applied arrivals: receipts to deliver, files to
// fetch.
func (n *Node) afterApplied() {
	n.Courier.Wake()
	select {
	case n.applied <- struct{}{}:
	default:
	}
}

func (n *Node) wakeWorker() {
	select {
	case n.arrived <- struct{}{}:
	default:
	}
}

// forget drops what is cached of policy, keys and schemes.
func (n *Node) forget() {
	n.Actors.Forget()
	n.Courier.Forget()
	n.Courier.Wake()
	n.wakeWorker()
}

// heardEvery bounds how often an arrival from a host is taken as a sign of life.
const heardEvery = 10 * time.Second

// answered ends a back-off towards a host that has just spoken to us.
func (n *Node) answered(host iri.Host, s *inbox.Sender) {
	now := n.Now()
	if last, ok := n.heard.Load(host); ok && now.Sub(last.(time.Time)) < heardEvery {
		return
	}
	n.heard.Store(host, now)
	h, err := models.HostByName(context.Background(), n.Store.R, host)
	if err != nil || h.BackOffUntil == 0 && (!h.Held || models.At(now) < h.FirstFailureAt.Add(deliver.HoldFor)) {
		return
	}
	go func() {
		if err := models.WakeHost(context.Background(), n.Store.W, host, models.At(n.Now())); err != nil {
			n.Log.Warn("a back-off cannot be ended", "host", host, "err", err)
			return
		}
		n.Courier.Wake()
	}()
}

// Close ends the instance: arrivals first, then the store.
func (n *Node) Close() error {
	n.ready.Store(false)
	if n.Box != nil {
		n.Box.Close()
	}
	var err error
	if n.Client != nil {
		n.Client.CloseIdle()
	}
	if n.Store != nil {
		err = n.Store.Close()
	}
	if n.lock != nil {
		err = errors.Join(err, n.lock.release())
	}
	return err
}
