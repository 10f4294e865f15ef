package config

import (
	"net/netip"
	"time"
)

// Federation is how this instance speaks with others.
type Federation struct {
	// MaxBody is the largest request body that an inbox reads and the largest document fetched.
	// Default: 1 MiB.
	// Danger: each open request may hold this much memory. Peers with a lower limit refuse more.
	MaxBody Size `koanf:"max_body"`

	// WindowOwn is how far a signature's date may lie from now, for peers that run Valise.
	// Default: 5m.
	// Danger: shorter refuses peers with a slow clock; longer makes the replay cache larger.
	WindowOwn time.Duration `koanf:"window_own"`

	// WindowForeign is the same for other software.
	// Default: 65m, which Mastodon's clock tolerance asks for.
	// Danger: as WindowOwn.
	WindowForeign time.Duration `koanf:"window_foreign"`

	// RatePerOrigin limits the requests of one origin.
	// Default: 200 a second, 1000 at once.
	// Danger: too low holds up a large peer after an outage: it is told to come back later (429).
	RatePerOrigin Rate `koanf:"rate_per_origin"`

	// RatePerKey limits the requests signed with one key.
	// Default: 100 a second, 500 at once.
	// Danger: as RatePerOrigin.
	RatePerKey Rate `koanf:"rate_per_key"`

	// FirstContactPerHour is how many first contacts one unknown origin may make in an hour.
	// Default: 10.
	// Danger: each waits for a person; higher lets a stranger flood the waiting room.
	FirstContactPerHour int `koanf:"first_contact_per_hour"`

	Private  Private  `koanf:"private"`
	Loopback Loopback `koanf:"loopback"`

	// DeliveryWorkers is how many hosts are delivered to at once.
	// Default: 8.
	// Danger: each leases one host and may hold 8 requests open; too few let slow peers delay others.
	DeliveryWorkers int `koanf:"delivery_workers"`

	// ConnectTimeout limits name resolution, connection and TLS of an outgoing request.
	// Default: 5s.
	// Danger: longer lets dead peers hold workers.
	ConnectTimeout time.Duration `koanf:"connect_timeout"`

	// TotalTimeout limits an outgoing request from first to last byte.
	// Default: 30s.
	// Danger: longer lets slow peers hold workers.
	TotalTimeout time.Duration `koanf:"total_timeout"`
}

// Rate is a token bucket.
type Rate struct {
	// PerSecond is the lasting rate in requests a second.
	// Default: by the limit that it belongs to.
	// Danger: too low holds up a busy peer, too high lets it crowd out others.
	PerSecond float64 `koanf:"per_second"`

	// Burst is how many requests may come at once.
	// Default: by the limit that it belongs to.
	// Danger: below a peer's usual burst it is slowed for no reason.
	Burst int `koanf:"burst"`
}

// Private opens addresses that no public instance has. All of it is closed by default.
type Private struct {
	// CAFile is a PEM file of certificate authorities believed beside the system's.
	// Default: empty.
	// Danger: its keepers can pose as any peer, at the level of TLS.
	CAFile string `koanf:"ca_file"`

	// Ranges are address ranges that outgoing requests may reach though they are not public.
	// Loopback, link-local, multicast and unspecified addresses stay closed.
	// Default: none.
	// Danger: a peer can make this instance send requests to any host in them.
	Ranges []netip.Prefix `koanf:"ranges"`

	// Ports are the ports open beside 443, inside Ranges alone.
	// Default: none.
	// Danger: as Ranges, for the services on these ports.
	Ports []int `koanf:"ports"`
}

// Loopback lists the other instances of a loopback federation.
type Loopback struct {
	// Peers are names with ports, such as embassy.localhost:8102. Each is dialled at 127.0.0.1 on
	// its port, over plain HTTP. Allowed only when Host itself ends in .localhost.
	// Default: none.
	// Danger: whoever holds the port on this machine is the peer, as far as the network goes.
	Peers []string `koanf:"peers"`
}
