// Package config holds the settings of one instance: a documented struct, its defaults, a reader
// for a YAML file and VALISE_* variables, and a check that reports every problem at once.
package config

import (
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// UnconfiguredHost is the name of an instance that nobody has named yet. Such an instance does not
// federate and mints nothing that outlives it.
const UnconfiguredHost = "valise.localhost"

// Config is one instance's configuration. Each field says what it is, its default and its danger.
// The key in the file is the koanf tag; the variable is VALISE_ and the key in capitals, with an
// underscore for each dot: federation.max_body is VALISE_FEDERATION_MAX_BODY.
type Config struct {
	// Host is the name under which other instances know this one: lower case, with a port only where
	// it is not the default one, such as ministry.example or, in loopback mode,
	// ministry.localhost:8101.
	// Default: empty, which means the name that the database was initialised with, else
	// UnconfiguredHost.
	// Danger: it is part of every id ever issued. Another name than the database holds refuses to start.
	Host string `koanf:"host"`

	// DataDir is the folder of the database, attachments, seal key and admin socket. It is made with
	// mode 0700. A relative path starts at the working directory.
	// Default: valise-data.
	// Danger: who reads it reads everything that this instance may read. Never put it on a network
	// disk while it holds a SQLite database.
	DataDir string `koanf:"data_dir"`

	// Database is "sqlite:PATH" or a postgres:// URL.
	// Default: empty, which means SQLite in DataDir/valise.db.
	// Danger: a URL may hold a password. Give it through VALISE_DATABASE, or keep the file 0600.
	// Without sslmode=verify-full a PostgreSQL server elsewhere is not authenticated.
	Database string `koanf:"database"`

	// Listen is the TCP address, host:port, on which the instance answers.
	// Default: 127.0.0.1:8080.
	// Danger: beyond loopback it is refused without TLS or a trusted proxy, because ids are https and
	// plain HTTP would show sessions and dispatches to the network.
	Listen string `koanf:"listen"`

	TLS         TLS         `koanf:"tls"`
	BehindProxy BehindProxy `koanf:"behind_proxy"`

	// SealKeyFile holds the 32-byte key under which private keys are sealed, mode 0600.
	// Default: empty, which means the systemd credential seal.key where there is one, else
	// DataDir/seal.key, made at first start.
	// Danger: with the database it gives every private key away. Without it no private key can be
	// opened again. No backup contains it: keep a copy elsewhere.
	SealKeyFile string `koanf:"seal_key_file"`

	// Socket is the path of the admin socket, at most 107 bytes, made with mode 0600.
	// Default: empty, which means DataDir/admin.sock.
	// Danger: who can write to it is the operator.
	Socket string `koanf:"socket"`

	Log        Log        `koanf:"log"`
	Federation Federation `koanf:"federation"`
	Markings   Markings   `koanf:"markings"`

	// HoldClassified lets this instance draft and keep dispatches with a classified marking. They
	// never federate, whatever this says.
	// Default: false.
	// Danger: the host, its backups and its operators then hold classified text.
	HoldClassified bool `koanf:"hold_classified"`

	// Precedence is the name of the profile in Precedences that new dispatches use.
	// Default: standard.
	// Danger: peers with another profile read our precedence by rank alone.
	Precedence string `koanf:"precedence"`

	// Precedences are the profiles that this instance understands.
	// Default: standard (ROUTINE, PRIORITY, IMMEDIATE, FLASH) and niact (ROUTINE, IMMEDIATE, NIACT
	// IMMEDIATE, FLASH).
	// Danger: a level taken away makes stored dispatches of that level readable by rank alone.
	Precedences []PrecedenceProfile `koanf:"precedences"`

	// Equivalences translate a level of another government's marking scheme into one of ours.
	// Default: none. A level of an unknown scheme is then read by its rank.
	// Danger: a level translated too low passes ceilings that ought to stop it.
	Equivalences []Equivalence `koanf:"equivalences"`

	Attachments Attachments `koanf:"attachments"`
	Access      Access      `koanf:"access"`
	Mail        Mail        `koanf:"mail"`
	Retention   Retention   `koanf:"retention"`
	Shutdown    Shutdown    `koanf:"shutdown"`
}

// TLS is the certificate with which the instance itself ends TLS. Both fields or neither.
type TLS struct {
	// CertFile is a PEM file: the certificate, then its chain.
	// Default: empty, no TLS of our own.
	// Danger: an expired certificate cuts this instance off from every peer.
	CertFile string `koanf:"cert_file"`

	// KeyFile is the PEM file of the certificate's private key.
	// Default: empty.
	// Danger: who reads it can pose as this instance's web server. Keep it 0600.
	KeyFile string `koanf:"key_file"`
}

// Enabled reports whether the instance ends TLS itself.
func (t TLS) Enabled() bool { return t.CertFile != "" }

// BehindProxy names the reverse proxies or load balancers in front of the instance.
type BehindProxy struct {
	// TrustedProxies are addresses or CIDR ranges. X-Forwarded-For is believed from these alone, and
	// the original request is taken to have been https (http for a .localhost host).
	// Default: none; the address of the connection is the address of the client.
	// Danger: a range that reaches beyond the proxies lets anyone in it choose the address that rate
	// limits and the audit trail see.
	TrustedProxies []string `koanf:"trusted_proxies"`
}

// Log says what is written to standard error.
type Log struct {
	// Level is debug, info, warn or error.
	// Default: info.
	// Danger: debug names hosts, actors and object ids of each request.
	Level string `koanf:"level"`

	// Format is text or json.
	// Default: text.
	// Danger: none; log collectors want json.
	Format string `koanf:"format"`
}

// Markings is the ordered set of protective markings, lowest first.
type Markings struct {
	// Scheme is the IRI that names this set on the wire.
	// Default: https://w3id.org/valise/marking/v1.
	// Danger: two different sets under one IRI make peers misread each other. Changed levels need an
	// IRI of their own.
	Scheme string `koanf:"scheme"`

	// Levels are the markings, lowest first, with rising ranks.
	// Default: PUBLIC, UNCLASSIFIED, LIMITED, then, classified, RESTRICTED, CONFIDENTIAL, SECRET,
	// TOP SECRET, with ranks 1 to 7.
	// Danger: a level that is not called classified may federate. A level taken away makes stored
	// dispatches of that level unreadable.
	Levels []MarkingLevel `koanf:"levels"`
}

// MarkingLevel is one marking.
type MarkingLevel struct {
	Name         string `koanf:"name"`         // as shown and as sent, such as LIMITED
	Rank         int    `koanf:"rank"`         // 1 or more, unique, rising
	Classified   bool   `koanf:"classified"`   // never federates; held only with HoldClassified
	Abbreviation string `koanf:"abbreviation"` // portion marking, such as L; empty means Name
}

// PrecedenceProfile is an ordered set of degrees of urgency, lowest first.
type PrecedenceProfile struct {
	Name   string            `koanf:"name"`   // unique among the profiles
	Scheme string            `koanf:"scheme"` // IRI that names this set on the wire
	Levels []PrecedenceLevel `koanf:"levels"`
}

// PrecedenceLevel is one degree of urgency.
type PrecedenceLevel struct {
	Name string `koanf:"name"` // as shown and as sent, such as IMMEDIATE
	Rank int    `koanf:"rank"` // 1 or more, unique, rising
	// AcknowledgeWithin is the time in which an ACTION addressee must take the dispatch; 0 is no duty.
	AcknowledgeWithin time.Duration `koanf:"acknowledge_within"`
	// DeliverWithin is the time after which a dispatch that is not delivered raises a notice to its office.
	DeliverWithin time.Duration `koanf:"deliver_within"`
}

// Equivalence reads Level of a peer's Scheme as our own level Own.
type Equivalence struct {
	Scheme string `koanf:"scheme"`
	Level  string `koanf:"level"`
	Own    string `koanf:"own"`
}

// Attachments are the limits on files. Receivers hold senders to the same limits.
type Attachments struct {
	// MaxFile is the size of one file.
	// Default: 25 MB.
	// Danger: peers with a lower limit refuse what ours lets through.
	MaxFile Size `koanf:"max_file"`

	// MaxDispatch is the size of all files of one dispatch.
	// Default: 100 MB.
	// Danger: each member instance of a community fetches all of it.
	MaxDispatch Size `koanf:"max_dispatch"`

	// MaxFiles is the number of files of one dispatch.
	// Default: 10.
	// Danger: peers with a lower limit refuse what ours lets through.
	MaxFiles int `koanf:"max_files"`

	// Types are the media types that may be attached and fetched.
	// Default: PDF, plain text, CSV, PNG, JPEG, and the office formats of ODF and OOXML without macros.
	// Danger: text/html and image/svg+xml can carry script; files are served for download only, but
	// people open what they downloaded.
	Types []string `koanf:"types"`
}

// Retention says how long this instance remembers.
type Retention struct {
	// IDDays is how many days the ids of arrivals are kept that were neither dispatches nor membership
	// acts; those are kept for ever (PROTOCOL §8).
	// Default: 400.
	// Danger: below the 14 days of a peer's retries an arrival could be applied twice; 15 is the least.
	IDDays int `koanf:"id_days"`
}

// Shutdown says how an instance stops.
type Shutdown struct {
	// Grace is how long running requests and deliveries may take to end after a signal.
	// Default: 15s.
	// Danger: longer than the supervisor's own patience means kill -9. Nothing accepted is lost, but
	// requests are cut.
	Grace time.Duration `koanf:"grace"`
}

// Loopback reports whether the instance runs in loopback mode: its name ends in .localhost, and
// then, and only then, http ids under .localhost exist (PROTOCOL §8).
func (c Config) Loopback() bool { return isLoopbackName(c.Host) }

// DatabaseURL is Database, or the SQLite file of the data folder as "sqlite:PATH".
func (c Config) DatabaseURL() string {
	if c.Database != "" {
		return c.Database
	}
	return "sqlite:" + filepath.Join(c.DataDir, "valise.db")
}

// SealKeyPath is SealKeyFile or its place in the data folder.
func (c Config) SealKeyPath() string {
	if c.SealKeyFile != "" {
		return c.SealKeyFile
	}
	return filepath.Join(c.DataDir, "seal.key")
}

// SocketPath is Socket or its place in the data folder.
func (c Config) SocketPath() string {
	if c.Socket != "" {
		return c.Socket
	}
	return filepath.Join(c.DataDir, "admin.sock")
}

// PrecedenceInUse is the profile that Precedence names; the zero profile when there is none, which
// Validate refuses.
func (c Config) PrecedenceInUse() PrecedenceProfile {
	for _, p := range c.Precedences {
		if p.Name == c.Precedence {
			return p
		}
	}
	return PrecedenceProfile{}
}

// LogValue leaves the database's password out.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("host", c.Host),
		slog.String("data_dir", c.DataDir),
		slog.String("database", redacted(c.DatabaseURL())),
		slog.String("listen", c.Listen),
		slog.Bool("tls", c.TLS.Enabled()),
		slog.Any("trusted_proxies", c.BehindProxy.TrustedProxies),
		slog.Bool("loopback", c.Loopback()),
		slog.Bool("hold_classified", c.HoldClassified),
		slog.String("mail", c.Mail.Host),
	)
}

// redacted is a database URL reduced to what identifies the database: libpq accepts a password in
// the query too, so the query goes as a whole.
func redacted(database string) string {
	if strings.HasPrefix(database, "sqlite:") {
		return database
	}
	u, err := url.Parse(database)
	if err != nil {
		return "(unreadable)"
	}
	return u.Scheme + "://" + u.Host + u.Path
}

func isLoopbackName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.HasSuffix(host, ".localhost")
}

// isLoopbackAddress reports whether a listening host is reachable from this machine alone.
func isLoopbackAddress(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
