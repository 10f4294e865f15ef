package config

import (
	"net/mail"
	"strings"
	"time"
)

// Access says how long people stay signed in.
type Access struct {
	// SessionIdle is the time without a request after which a session ends.
	// Default: 12h.
	// Danger: longer leaves an unattended browser open.
	SessionIdle time.Duration `koanf:"session_idle"`

	// SessionLifetime is the time after which a session ends, however busy it was.
	// Default: 168h, seven days.
	// Danger: a stolen session lives as long.
	SessionLifetime time.Duration `koanf:"session_lifetime"`
}

func (a Access) check(p *problems) {
	p.add(a.SessionIdle < 5*time.Minute || a.SessionIdle > 7*24*time.Hour, "access.session_idle %s: use 5m to 168h", a.SessionIdle)
	p.add(a.SessionLifetime < a.SessionIdle || a.SessionLifetime > 90*24*time.Hour,
		"access.session_lifetime %s: use access.session_idle (%s) to 2160h", a.SessionLifetime, a.SessionIdle)
}

// Security of the connection to the mail server.
const (
	MailStartTLS = "starttls"
	MailTLS      = "tls"
	MailPlain    = "none"
)

// Mail is the server that takes notifications: they say that something waits and where,
// never what.
type Mail struct {
	// Host is the name of the SMTP server.
	// Default: empty, no mail is sent.
	// Danger: the server and those after it learn who works here, and when something waits for her.
	Host string `koanf:"host"`

	// Port of the SMTP server.
	// Default: 587.
	// Danger: none.
	Port int `koanf:"port"`

	// Security is starttls (required, never given up), tls from the first byte, or none.
	// Default: starttls.
	// Danger: none shows password and mails to the network. It is refused unless Host is this machine.
	Security string `koanf:"security"`

	// Username at the SMTP server.
	// Default: empty, no authentication.
	// Danger: none.
	Username string `koanf:"username"`

	// Password at the SMTP server.
	// Default: empty.
	// Danger: who has it sends mail in the name of this instance. Give it as VALISE_MAIL_PASSWORD, or
	// keep the file 0600.
	Password string `koanf:"password"`

	// From is the address that mails come from.
	// Default: empty; it must be set with Host.
	// Danger: an address in a domain that does not name this server (SPF, DKIM) lands in spam.
	From string `koanf:"from"`
}

// Enabled reports whether mail is sent.
func (m Mail) Enabled() bool { return m.Host != "" }

func (m Mail) check(p *problems) {
	p.add(m.Port < 1 || m.Port > 65535, "mail.port %d: use 1 to 65535", m.Port)
	p.add(m.Security != MailStartTLS && m.Security != MailTLS && m.Security != MailPlain,
		"mail.security %q: use starttls, tls or none", m.Security)
	if !m.Enabled() {
		return
	}
	p.add(strings.ContainsAny(m.Host, ":/ @"), "mail.host %q: write a name or address, the port goes to mail.port", m.Host)
	p.add(m.Security == MailPlain && !isLoopbackAddress(m.Host),
		"mail.security none: would send mail.password and mails to %s in the clear, use starttls or tls", m.Host)
	p.add(m.Username == "" && m.Password != "", "mail.username: set it, or unset mail.password")
	a, err := mail.ParseAddress(m.From)
	p.add(err != nil || a.Address != m.From, "mail.from %q: write a plain address, such as valise@ministry.example", m.From)
}
