package notify

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/wneessen/go-mail"

	"valise/config"
)

// send hands one mail to the configured server.
func (n *Notify) send(ctx context.Context, l *letter) error {
	m := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := m.From(n.Mail.From); err != nil {
		return fmt.Errorf("send a mail from %q: %w", n.Mail.From, err)
	}
	if err := m.To(l.to); err != nil {
		return fmt.Errorf("send a mail to %q: %w", l.to, err)
	}
	m.Subject(l.subject)
	m.SetDateWithValue(n.Now())
	// The library would name this machine.
	m.SetMessageIDWithValue(rand.Text() + "@" + n.Own.Name())
	m.SetGenHeader(mail.HeaderContentLang, l.language)
	// No out-of-office answers to it (RFC 3834 §5).
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetBodyString(mail.TypeTextPlain, l.body)

	options := []mail.Option{mail.WithPort(n.Mail.Port), mail.WithTimeout(sendWithin), mail.WithHELO(n.Own.Name())}
	switch n.Mail.Security {
	case config.MailTLS:
		options = append(options, mail.WithSSL())
	case config.MailStartTLS:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	default:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	}
	if n.TLS != nil {
		options = append(options, mail.WithTLSConfig(n.TLS))
	}
	if n.Mail.Username != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(n.Mail.Username), mail.WithPassword(n.Mail.Password))
	}
	client, err := mail.NewClient(n.Mail.Host, options...)
	if err != nil {
		return fmt.Errorf("reach the mail server %s: %w", n.Mail.Host, err)
	}
	// A server that took the mail and then broke the farewell has it.
	if err := client.DialAndSendWithContext(ctx, m); err != nil && !m.IsDelivered() {
		return fmt.Errorf("send a mail through %s: %w", n.Mail.Host, err)
	}
	return nil
}

// permanent tells whether the server has refused her address for good (RFC 5321 §4.2.1).
// Anything else, such as a wrong password of ours, is the operator's to mend.
func permanent(err error) bool {
	var s *mail.SendError
	return errors.As(err, &s) && s.Reason == mail.ErrSMTPRcptTo && !s.IsTemp() && s.ErrorCode() >= 500
}
