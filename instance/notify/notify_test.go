package notify_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"valise/config"
	"valise/instance/notify"
	"valise/models"
	"valise/models/iri"
	"valise/models/modeltest"
)

const alice iri.IRI = "https://ministry.example/u/alice"

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// postOffice is an SMTP server (RFC 5321) with STARTTLS on loopback.
type postOffice struct {
	*testing.T
	listener net.Listener
	tls      *tls.Config
	roots    *x509.CertPool

	mu       sync.Mutex
	taken    []string // mails, as they came
	answer   string   // to RCPT, "" for the usual one
	plain    int      // mails that came without TLS
	hangUp   bool     // after the mail is taken, without a farewell
	starttls bool
}

func open(t *testing.T) *postOffice {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	card := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, card, card, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	p := &postOffice{T: t, listener: l, roots: x509.NewCertPool(), starttls: true, tls: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}}
	p.roots.AddCert(parsed)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

func (p *postOffice) serve(c net.Conn) {
	defer func() { c.Close() }()
	in := bufio.NewReader(c)
	say := func(line string) { fmt.Fprintf(c, "%s\r\n", line) }
	say("220 post.example")
	secure := false
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		p.mu.Lock()
		answer, offers, hangUp := p.answer, p.starttls && !secure, p.hangUp
		p.mu.Unlock()
		switch verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " "); {
		case verb == "EHLO" && offers:
			say("250-post.example")
			say("250 STARTTLS")
		case verb == "STARTTLS":
			say("220 go ahead")
			t := tls.Server(c, p.tls)
			if t.Handshake() != nil {
				return
			}
			c, in, secure = t, bufio.NewReader(t), true
		case verb == "RCPT" && answer != "":
			say(answer)
		case verb == "DATA":
			say("354 end with a dot")
			var text strings.Builder
			for {
				l, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if l == ".\r\n" {
					break
				}
				text.WriteString(strings.TrimPrefix(l, "."))
			}
			p.mu.Lock()
			p.taken = append(p.taken, text.String())
			if !secure {
				p.plain++
			}
			p.mu.Unlock()
			say("250 taken")
			if hangUp {
				return
			}
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// mails returns what was taken: headers and text of each.
func (p *postOffice) mails() (headers []mail.Header, bodies []string) {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, text := range p.taken {
		m, err := mail.ReadMessage(strings.NewReader(text))
		if err != nil {
			p.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil {
			p.Fatal(err)
		}
		headers, bodies = append(headers, m.Header), append(bodies, string(body))
	}
	return headers, bodies
}

func (p *postOffice) answers(rcpt string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = rcpt
}

// desk is the service over a store, with a clock of its own.
type desk struct {
	*testing.T
	*notify.Notify
	now time.Time
}

func at(t *testing.T, s *models.Store, p *postOffice) *desk {
	t.Helper()
	d := &desk{T: t, now: noon}
	addr := p.listener.Addr().(*net.TCPAddr)
	d.Notify = &notify.Notify{Store: s, Own: "ministry.example", Now: func() time.Time { return d.now }, Log: slog.New(slog.DiscardHandler), TLS: &tls.Config{RootCAs: p.roots, ServerName: "127.0.0.1"},
		Mail: config.Mail{Host: "127.0.0.1", Port: addr.Port, Security: config.MailStartTLS, From: "valise@ministry.example"},
		AddressLink: func(context.Context, iri.IRI) (string, bool, error) {
			return "https://ministry.example/confirm-address/TOKEN", true, nil
		}}
	return d
}

func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// person makes Alice one who wants mails in a language.
func (d *desk) person(language string) {
	d.Helper()
	d.must(models.SetPreferences(d.Context(), d.Store.W, &models.Preferences{Person: alice, Language: language, Notify: true}))
	d.must(models.SetEmail(d.Context(), d.Store.W, alice, "alice@post.example"))
	_, err := models.ProveEmail(d.Context(), d.Store.W, alice, "alice@post.example", models.At(d.now))
	d.must(err)
}

func (d *desk) notice() {
	d.Helper()
	d.must(d.Store.InTx(d.Context(), func(ctx context.Context, tx bun.Tx) error {
		return models.InsertNotice(ctx, tx, &models.Notice{Recipient: alice, Kind: "clearance asked", Subject: "https://ministry.example/drafts/SECRET-SUBJECT", Detail: "SECRET-DETAIL", CreatedAt: models.At(d.now)})
	}))
}

func (d *desk) step(want int) {
	d.Helper()
	n, err := d.Step(d.Context())
	d.must(err)
	if n != want {
		d.Errorf("%d mails settled, want %d", n, want)
	}
}

func TestMailSaysThatAndNeverWhat(t *testing.T) {
	for language, words := range map[string][2]string{
		"":   {"Something waits for you at ministry.example", "Sign in to see it"},
		"en": {"Something waits for you at ministry.example", "at most one an hour"},
		"fr": {"Quelque chose vous attend sur ministry.example", "Connectez-vous"},
		"ar": {"لديك ما ينتظرك على ministry.example", "سجّل الدخول"},
	} {
		p := open(t)
		d := at(t, modeltest.DB(t), p)
		d.person(language)
		d.notice()
		d.step(1)
		headers, bodies := p.mails()
		if len(bodies) != 1 || p.plain != 0 {
			t.Fatalf("%s: %d mails, %d without TLS", language, len(bodies), p.plain)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(headers[0].Get("Subject"))
		d.must(err)
		if subject != words[0] || !strings.Contains(bodies[0], words[1]) || !strings.Contains(bodies[0], "\r\nhttps://ministry.example/\r\n") {
			t.Errorf("%s: %q\n%s", language, subject, bodies[0])
		}
		if all := p.taken[0] + bodies[0]; strings.Contains(all, "SECRET") || strings.Contains(all, "clearance") || strings.Contains(all, "alice@ministry") {
			t.Errorf("%s: the mail says what waits:\n%s", language, all)
		}
		if headers[0].Get("To") != "<alice@post.example>" || headers[0].Get("From") != "<valise@ministry.example>" || headers[0].Get("Auto-Submitted") != "auto-generated" ||
			!strings.HasSuffix(headers[0].Get("Message-Id"), "@ministry.example>") || !strings.HasPrefix(headers[0].Get("Content-Type"), "text/plain") {
			t.Errorf("%s: headers %v", language, headers[0])
		}
	}
}

// However much happens, she gets one mail an hour, and none for what she has read.
func TestOneMailAnHour(t *testing.T) {
	modeltest.Each(t, func(t *testing.T, s *models.Store) {
		p := open(t)
		d := at(t, s, p)
		d.person("en")
		for range 3 {
			d.notice()
		}
		d.step(1)
		d.notice()
		d.step(0)
		d.now = noon.Add(time.Hour - time.Second)
		d.step(0)
		d.now = noon.Add(time.Hour)
		d.step(1)
		d.step(0)
		if _, bodies := p.mails(); len(bodies) != 2 {
			t.Errorf("%d mails", len(bodies))
		}
		d.now = noon.Add(3 * time.Hour)
		d.notice()
		d.must(s.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return models.ReadAllNotices(ctx, tx, alice, 1<<40) }))
		d.step(1) // settled without a mail
		if _, bodies := p.mails(); len(bodies) != 2 {
			t.Errorf("a mail about what she has read: %d mails", len(bodies))
		}
	})
}

// A server that is down is tried again, later and later; the operator sees it; nothing
// is lost, and she gets one mail when it is back.
func TestServerIsDown(t *testing.T) {
	p := open(t)
	d := at(t, modeltest.DB(t), p)
	d.person("en")
	d.notice()
	p.answers("451 try later")
	var gaps []time.Duration
	last := d.now
	for range 8 {
		d.step(1)
		for n := 0; n == 0; {
			d.now = d.now.Add(time.Minute)
			due, err := models.DueMails(t.Context(), d.Store.R, models.At(d.now), 5)
			d.must(err)
			n = len(due)
		}
		gaps = append(gaps, d.now.Sub(last))
		last = d.now
	}
	if gaps[0] != time.Minute || gaps[3] != 8*time.Minute || gaps[7] != time.Hour {
		t.Errorf("gaps: %v", gaps)
	}
	rows, err := models.Notices(t.Context(), d.Store.R, models.Operator, 0, 10)
	d.must(err)
	if len(rows) != 1 || rows[0].Kind != "mail failed" || !strings.Contains(rows[0].Detail, "451") {
		t.Errorf("the operator sees %+v", rows)
	}
	troubles, err := d.Troubles(t.Context(), "", 10)
	d.must(err)
	if len(troubles) != 1 || troubles[0].Person != alice || troubles[0].Attempts != 8 {
		t.Errorf("troubles: %+v", troubles)
	}
	p.answers("")
	d.step(1)
	if _, bodies := p.mails(); len(bodies) != 1 {
		t.Errorf("%d mails", len(bodies))
	}
	if troubles, _ := d.Troubles(t.Context(), "", 10); len(troubles) != 0 {
		t.Errorf("troubles that are over: %+v", troubles)
	}
}

// An address that does not exist is not written to again, and both she and the operator
// are told on their pages.
func TestAddressIsRefused(t *testing.T) {
	p := open(t)
	d := at(t, modeltest.DB(t), p)
	d.person("en")
	d.notice()
	p.answers("550 no such mailbox")
	d.step(1)
	p.answers("")
	d.now = d.now.Add(24 * time.Hour)
	d.notice()
	d.step(0)
	for who, kind := range map[iri.IRI]string{alice: "address refused", models.Operator: "mail failed"} {
		rows, err := models.Notices(t.Context(), d.Store.R, who, 0, 10)
		d.must(err)
		found := 0
		for _, r := range rows {
			if r.Kind == kind {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s has %d notices %q", who, found, kind)
		}
	}
}

func TestServerWithoutTLSGetsNothing(t *testing.T) {
	p := open(t)
	d := at(t, modeltest.DB(t), p)
	d.person("en")
	d.notice()
	p.starttls = false
	d.step(1)
	stranger := open(t) // its certificate is signed by nobody we know
	d.now = d.now.Add(time.Hour)
	d.Mail.Port = stranger.listener.Addr().(*net.TCPAddr).Port
	d.step(1)
	if _, a := p.mails(); len(a) != 0 || len(stranger.taken) != 0 {
		t.Error("a mail went without TLS, or to a stranger")
	}
	if rows, _ := d.Troubles(t.Context(), "", 5); len(rows) != 1 || rows[0].Attempts != 2 {
		t.Errorf("troubles: %+v", rows)
	}
}

// A server that takes a mail and breaks off has taken it.
func TestBrokenFarewell(t *testing.T) {
	p := open(t)
	d := at(t, modeltest.DB(t), p)
	d.person("en")
	d.notice()
	p.hangUp = true
	d.step(1)
	d.now = d.now.Add(10 * time.Minute)
	d.step(0)
	if _, bodies := p.mails(); len(bodies) != 1 {
		t.Errorf("%d mails", len(bodies))
	}
}

func TestAddressMail(t *testing.T) {
	p := open(t)
	d := at(t, modeltest.DB(t), p)
	d.must(models.SetPreferences(t.Context(), d.Store.W, &models.Preferences{Person: alice, Language: "fr"}))
	d.must(models.SetEmail(t.Context(), d.Store.W, alice, "alice@post.example"))
	d.must(models.QueueMail(t.Context(), d.Store.W, alice, models.MailAddress, models.At(d.now)))
	d.step(1)
	_, bodies := p.mails()
	if len(bodies) != 1 || !strings.Contains(bodies[0], "\r\nhttps://ministry.example/confirm-address/TOKEN\r\n") || !strings.Contains(bodies[0], "24 heures") {
		t.Errorf("mails: %q", bodies)
	}
}

func TestMailIsOff(t *testing.T) {
	d := at(t, modeltest.DB(t), open(t))
	d.person("en")
	d.notice()
	d.Mail.Host = ""
	d.step(0)
	d.Mail.Host = "127.0.0.1"
	d.step(0) // no heap of old mails
}
