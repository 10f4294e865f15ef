package config

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// public is the least configuration of an instance with a public name.
func public() Config {
	c := Defaults()
	c.Host = "ministry.example"
	return c
}

func loopback() Config {
	c := Defaults()
	c.Host, c.Listen = "ministry.localhost:8101", "127.0.0.1:8101"
	c.Federation.Loopback.Peers = []string{"embassy.localhost:8102"}
	return c
}

func TestValidAsTheyAre(t *testing.T) {
	proxied := public()
	proxied.Listen, proxied.BehindProxy.TrustedProxies = "0.0.0.0:8080", []string{"10.0.0.7", "fd00::/64"}
	own := public()
	own.Listen, own.TLS = ":443", TLS{CertFile: "cert.pem", KeyFile: "key.pem"}
	balanced := loopback()
	balanced.Listen, balanced.BehindProxy.TrustedProxies = "127.0.0.1:9001", []string{"127.0.0.1"}
	private := public()
	private.Federation.Private = Private{CAFile: "ca.pem", Ranges: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")}, Ports: []int{8443}}
	server := public()
	server.Database = "postgres://valise:secret@db.example/valise?sslmode=verify-full"
	for name, c := range map[string]Config{
		"defaults": Defaults(), "unconfigured": ServeUnconfigured(), "public": public(), "loopback": loopback(),
		"behind a proxy": proxied, "own TLS": own, "loopback behind a local balancer": balanced,
		"private network": private, "PostgreSQL": server,
	} {
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if Defaults().Loopback() || public().Loopback() || !ServeUnconfigured().Loopback() || !loopback().Loopback() {
		t.Error("loopback mode belongs to names under .localhost alone")
	}
}

func TestProblemsNameTheKey(t *testing.T) {
	ranges := func(s ...string) func(*Config) {
		return func(c *Config) {
			for _, r := range s {
				c.Federation.Private.Ranges = append(c.Federation.Private.Ranges, netip.MustParsePrefix(r))
			}
		}
	}
	type change = func(*Config)
	for name, c := range map[string]struct {
		start  Config
		change change
		want   string
	}{
		"host with scheme":        {public(), func(c *Config) { c.Host = "https://ministry.example" }, "host"},
		"host in capitals":        {public(), func(c *Config) { c.Host = "Ministry.example" }, "host"},
		"host is an address":      {public(), func(c *Config) { c.Host = "192.0.2.1" }, "host"},
		"host of one label":       {public(), func(c *Config) { c.Host = "localhost" }, "host"},
		"host with user":          {public(), func(c *Config) { c.Host = "a@ministry.example" }, "host"},
		"host with port 0":        {public(), func(c *Config) { c.Host = "ministry.example:0" }, "host"},
		"host with empty port":    {public(), func(c *Config) { c.Host = "ministry.example:" }, "host"},
		"host with default port":  {public(), func(c *Config) { c.Host = "ministry.example:443" }, "default port"},
		"host with a second port": {public(), func(c *Config) { c.Host = "ministry.example:1:2" }, "host"},
		"no data folder":          {public(), func(c *Config) { c.DataDir = "" }, "data_dir"},
		"other database":          {public(), func(c *Config) { c.Database = "mysql://a/b" }, "database"},
		"sqlite without path":     {public(), func(c *Config) { c.Database = "sqlite:" }, "database"},
		"postgres without name":   {public(), func(c *Config) { c.Database = "postgres://host" }, "database"},
		"long socket":             {public(), func(c *Config) { c.DataDir = strings.Repeat("d", 100) }, "socket"},
		"listen without port":     {public(), func(c *Config) { c.Listen = "127.0.0.1" }, "listen"},
		"listen on a named port":  {public(), func(c *Config) { c.Listen = "127.0.0.1:http" }, "listen"},
		"plain to the network":    {public(), func(c *Config) { c.Listen = "0.0.0.0:80" }, "plain HTTP"},
		"certificate alone":       {public(), func(c *Config) { c.TLS.CertFile = "c" }, "tls.key_file"},
		"key alone":               {public(), func(c *Config) { c.TLS.KeyFile = "k" }, "tls.cert_file"},
		"loopback with TLS":       {loopback(), func(c *Config) { c.TLS = TLS{"c", "k"} }, "tls: ids"},
		"loopback to the network": {loopback(), func(c *Config) { c.Listen = ":8101" }, "this machine alone"},
		"loopback, proxy elsewhere": {loopback(), func(c *Config) { c.BehindProxy.TrustedProxies = []string{"10.0.0.1"} },
			"behind_proxy.trusted_proxies"},
		"proxy by name":         {public(), func(c *Config) { c.BehindProxy.TrustedProxies = []string{"proxy"} }, "behind_proxy.trusted_proxies"},
		"everyone a proxy":      {public(), func(c *Config) { c.BehindProxy.TrustedProxies = []string{"0.0.0.0/0"} }, "believes everyone"},
		"session ends at once":  {public(), func(c *Config) { c.Access.SessionIdle = time.Second }, "access.session_idle"},
		"session for ever":      {public(), func(c *Config) { c.Access.SessionLifetime = 10000 * time.Hour }, "access.session_lifetime"},
		"idle beyond lifetime":  {public(), func(c *Config) { c.Access.SessionLifetime = time.Hour }, "access.session_lifetime"},
		"mail without sender":   {public(), func(c *Config) { c.Mail.Host = "post.example" }, "mail.from"},
		"mail sender with name": {public(), func(c *Config) { c.Mail.Host, c.Mail.From = "post.example", "Valise <v@m.example>" }, "mail.from"},
		"mail host with port":   {public(), func(c *Config) { c.Mail.Host, c.Mail.From = "post.example:25", "v@m.example" }, "mail.host"},
		"mail in the clear": {public(), func(c *Config) {
			c.Mail = Mail{Host: "post.example", Port: 25, Security: MailPlain, From: "v@m.example"}
		},
			"mail.security"},
		"mail security": {public(), func(c *Config) { c.Mail.Security = "maybe" }, "mail.security"},
		"mail port":     {public(), func(c *Config) { c.Mail.Port = 0 }, "mail.port"},
		"mail without user": {public(), func(c *Config) {
			c.Mail = Mail{Host: "post.example", Port: 587, Security: MailStartTLS, From: "v@m.example", Password: "p"}
		},
			"mail.username"},
		"log level":              {public(), func(c *Config) { c.Log.Level = "loud" }, "log.level"},
		"log format":             {public(), func(c *Config) { c.Log.Format = "xml" }, "log.format"},
		"body too large":         {public(), func(c *Config) { c.Federation.MaxBody = 1 << 30 }, "federation.max_body"},
		"body too small":         {public(), func(c *Config) { c.Federation.MaxBody = 1 }, "federation.max_body"},
		"no window":              {public(), func(c *Config) { c.Federation.WindowOwn = 0 }, "federation.window_own"},
		"foreign window shorter": {public(), func(c *Config) { c.Federation.WindowForeign = time.Minute }, "federation.window_foreign"},
		"no rate":                {public(), func(c *Config) { c.Federation.RatePerKey.PerSecond = 0 }, "federation.rate_per_key.per_second"},
		"no burst":               {public(), func(c *Config) { c.Federation.RatePerOrigin.Burst = 0 }, "federation.rate_per_origin.burst"},
		"no first contact":       {public(), func(c *Config) { c.Federation.FirstContactPerHour = 0 }, "federation.first_contact_per_hour"},
		"no workers":             {public(), func(c *Config) { c.Federation.DeliveryWorkers = 0 }, "federation.delivery_workers"},
		"no connect timeout":     {public(), func(c *Config) { c.Federation.ConnectTimeout = 0 }, "federation.connect_timeout"},
		"total under connect":    {public(), func(c *Config) { c.Federation.TotalTimeout = time.Second }, "federation.total_timeout"},
		"all addresses":          {public(), ranges("0.0.0.0/0"), "stays closed"},
		"all of IPv6":            {public(), ranges("::/0"), "stays closed"},
		"loopback range":         {public(), ranges("127.0.0.0/8"), "stays closed"},
		"metadata range":         {public(), ranges("169.254.169.254/32"), "stays closed"},
		"mapped range":           {public(), ranges("::ffff:10.0.0.0/104"), "IPv4"},
		"range with host bits":   {public(), ranges("10.20.30.40/16"), "10.20.0.0/16"},
		"ports without ranges":   {public(), func(c *Config) { c.Federation.Private.Ports = []int{8443} }, "federation.private.ports"},
		"port out of range":      {public(), func(c *Config) { c.Federation.Private.Ports = []int{70000} }, "federation.private.ports 70000"},
		"loopback peers of a public name": {public(), func(c *Config) { c.Federation.Loopback.Peers = []string{"embassy.localhost:8102"} },
			"federation.loopback.peers"},
		"loopback peers without a name": {Defaults(), func(c *Config) { c.Federation.Loopback.Peers = []string{"embassy.localhost:8102"} },
			"federation.loopback.peers"},
		"loopback peer elsewhere":    {loopback(), func(c *Config) { c.Federation.Loopback.Peers[0] = "embassy.example:8102" }, "embassy.example"},
		"loopback peer without port": {loopback(), func(c *Config) { c.Federation.Loopback.Peers[0] = "embassy.localhost" }, "name.localhost:port"},
		"own name as peer":           {loopback(), func(c *Config) { c.Federation.Loopback.Peers[0] = c.Host }, "itself"},
		"peer twice":                 {loopback(), func(c *Config) { p := &c.Federation.Loopback.Peers; *p = append(*p, (*p)[0]) }, "twice"},
		"marking scheme":             {public(), func(c *Config) { c.Markings.Scheme = "markings" }, "markings.scheme"},
		"no markings":                {public(), func(c *Config) { c.Markings.Levels = nil }, "markings.levels"},
		"marking without name":       {public(), func(c *Config) { c.Markings.Levels[0].Name = "" }, "markings.levels[0]"},
		"marking twice":              {public(), func(c *Config) { c.Markings.Levels[1].Name = "public" }, "markings.levels[1]"},
		"marking ranks fall":         {public(), func(c *Config) { c.Markings.Levels[2].Rank = 1 }, "markings.levels[2]"},
		"marking rank 0":             {public(), func(c *Config) { c.Markings.Levels[0].Rank = 0 }, "markings.levels[0]"},
		"unclassified on top":        {public(), func(c *Config) { c.Markings.Levels[6].Classified = false }, "markings.levels[6]"},
		"abbreviation twice":         {public(), func(c *Config) { c.Markings.Levels[6].Abbreviation = "s" }, "markings.levels[6]"},
		"precedence unknown":         {public(), func(c *Config) { c.Precedence = "urgent" }, "precedence \"urgent\""},
		"profile without name":       {public(), func(c *Config) { c.Precedences[1].Name = "" }, "precedences[1]"},
		"profile twice":              {public(), func(c *Config) { c.Precedences[1].Name = "standard" }, "precedences[1]"},
		"profile scheme twice":       {public(), func(c *Config) { c.Precedences[1].Scheme = c.Precedences[0].Scheme }, "precedences[1]"},
		"profile without levels":     {public(), func(c *Config) { c.Precedences[1].Levels = nil }, "precedences[1]"},
		"precedence ranks fall":      {public(), func(c *Config) { c.Precedences[0].Levels[3].Rank = 2 }, "FLASH"},
		"never late":                 {public(), func(c *Config) { c.Precedences[0].Levels[3].DeliverWithin = 0 }, "FLASH"},
		"higher but slower":          {public(), func(c *Config) { c.Precedences[0].Levels[3].DeliverWithin = time.Hour * 2 }, "FLASH"},
		"higher without duty":        {public(), func(c *Config) { c.Precedences[0].Levels[3].AcknowledgeWithin = 0 }, "FLASH"},
		"equivalence to nothing":     {public(), func(c *Config) { c.Equivalences = []Equivalence{{"https://a.example/m", "DR", "DR"}} }, "equivalences[0]"},
		"equivalence of our own": {public(), func(c *Config) { c.Equivalences = []Equivalence{{c.Markings.Scheme, "SECRET", "LIMITED"}} },
			"our own"},
		"file over dispatch":  {public(), func(c *Config) { c.Attachments.MaxDispatch = 1 }, "attachments.max_dispatch"},
		"no files":            {public(), func(c *Config) { c.Attachments.MaxFiles = 0 }, "attachments.max_files"},
		"every type":          {public(), func(c *Config) { c.Attachments.Types = []string{"*/*"} }, "attachments.types"},
		"type with parameter": {public(), func(c *Config) { c.Attachments.Types = []string{"text/plain; charset=utf-8"} }, "attachments.types"},
		"no types":            {public(), func(c *Config) { c.Attachments.Types = nil }, "attachments.types"},
		"ids forgotten early": {public(), func(c *Config) { c.Retention.IDDays = 14 }, "retention.id_days"},
		"no grace":            {public(), func(c *Config) { c.Shutdown.Grace = 0 }, "shutdown.grace"},
	} {
		t.Run(name, func(t *testing.T) {
			c.change(&c.start)
			if err := c.start.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestEveryProblemAtOnce(t *testing.T) {
	c := public()
	c.DataDir, c.Log.Level, c.Shutdown.Grace = "", "loud", -1
	err := c.Validate()
	for _, key := range []string{"data_dir", "log.level", "shutdown.grace"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%v does not name %s", err, key)
		}
	}
}

func TestPasswordIsNotShown(t *testing.T) {
	c := public()
	for _, database := range []string{
		"postgres://valise:hunter2@db.example/valise",
		"postgres://db.example/valise?password=hunter2",
		"postgres://valise:hunter2%zz@db.example/valise",
		"mysql://valise:hunter2@db.example/valise",
	} {
		c.Database = database
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("start", "config", c)
		if err := c.Validate(); err != nil {
			log.WriteString(err.Error())
		}
		if strings.Contains(log.String(), "hunter2") {
			t.Errorf("%s is shown: %s", database, log.String())
		}
	}
}

func TestPrecedenceInUse(t *testing.T) {
	c := Defaults()
	c.Precedence = "niact"
	if got := c.PrecedenceInUse().Levels[2].Name; got != "NIACT IMMEDIATE" {
		t.Errorf("third level of niact: %s", got)
	}
}
