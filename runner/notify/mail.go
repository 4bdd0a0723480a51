package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"net/url"
	"os"
	"strings"

	"github.com/wneessen/go-mail/smtp"

	"github.com/hooktender/hooktender/runner"
)

// A mail is a message to people, handed to a server over SMTP (RFC 5321).
type mail struct {
	server   *url.URL // readServer says what it may be
	password string   // of the user that the URL names; a token for ?auth=xoauth2
	from     string   // an address, also with a name; "" for the user, where that is one
	replyTo  string   // "" for the sender
	to       []string // one address each, also with a name
	subject  string
	text     string
	html     string // "" for text alone
	// id is what the Message-ID is made of: the same for each attempt, so that a
	// mail that arrives twice is shown once, and otherwise not to be found again in
	// the world, or another mail is taken for it.
	id       string
	progress *progress   // of the attempts before, and with each of this one
	tls      *tls.Config // nil for what the machine trusts
}

// send hands the mail to the server. An error may pass, unless it is a
// *runner.PerformError that says otherwise: where the server does by a code of
// 500 or more, and where the mail or the URL is wrong. Where some recipients have
// the mail, it tells which have not; another attempt is for those alone, and of use
// if one was refused only for now. It never holds the password.
func (m *mail) send(ctx context.Context) error {
	at, err := readServer(m.server)
	if err != nil {
		return &runner.PerformError{Err: err, Final: true}
	}
	if at.user != "" && m.password == "" {
		return &runner.PerformError{Err: fmt.Errorf("mail server %s: no password for %s: set one beside the URL of the server", at.host, at.user), Final: true}
	}
	letter, err := m.compose(at)
	if err != nil {
		return &runner.PerformError{Err: err, Final: true}
	}
	if len(m.progress.open(letter.to)) == 0 { // nobody is left of those of now
		return m.explain(ctx, at, letter, m.progress.outcome(letter.to, nil))
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(at.host, at.port))
	if err != nil {
		return m.explain(ctx, at, letter, &mailStep{doing: "connect", err: err})
	}
	defer conn.Close()
	// The library knows no context: what waits for the server ends with the connection.
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	return m.explain(ctx, at, letter, m.deliver(ctx, conn, at, letter))
}

// deliver takes the steps of one session.
func (m *mail) deliver(ctx context.Context, conn net.Conn, at *mailServer, l *letter) error {
	secure := m.tlsConfig(at.host)
	if at.implicit {
		wrapped := tls.Client(conn, secure)
		if err := wrapped.HandshakeContext(ctx); err != nil {
			return handshakeFailed(err)
		}
		conn = wrapped
	}
	c, err := smtp.NewClient(conn, at.host)
	if err != nil {
		return &mailStep{doing: "greeting", err: err}
	}
	if err := c.Hello(helloName(conn)); err != nil {
		return &mailStep{doing: "EHLO", err: err}
	}
	if at.starttls {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return &mailStep{doing: "encrypt", err: errors.New("the server offers no STARTTLS"), final: true,
				advice: "use its port for it (587) or smtps://, or allow plain text with ?starttls=off in the URL"}
		}
		if err := c.StartTLS(secure); err != nil {
			return handshakeFailed(err)
		}
	}
	if at.user != "" {
		if err := m.signIn(c, at); err != nil {
			return err
		}
	}
	if err := m.transfer(c, l); err != nil {
		return err
	}
	_ = c.Quit() // The server has the mail and has said so; how it takes leave changes nothing.
	return nil
}

// transfer is one mail transaction (RFC 5321, section 3.3). A recipient refused
// with a code below 500 may be taken later (section 4.2.1): greylisting is one
// reason, too many recipients at once (section 4.5.3.1.10) another.
func (m *mail) transfer(c *smtp.Client, l *letter) error {
	international, _ := c.Extension("SMTPUTF8")
	if l.utf8 && !international {
		return &mailStep{doing: "addresses", err: errors.New("the server takes only addresses in ASCII (it offers no SMTPUTF8)"), final: true}
	}
	// Asked for without need, it keeps the mail from servers further on that cannot do it.
	c.SkipSMTPUTF8(!l.utf8)
	if err := c.Mail(l.from); err != nil {
		return &mailStep{doing: "MAIL FROM:" + l.from, err: err, advice: adviceOnSender(err)}
	}
	var taken []string
	later := map[string]error{}
	for _, to := range m.progress.open(l.to) {
		err := c.Rcpt(to)
		if err == nil {
			taken = append(taken, to)
			continue
		}
		step := &mailStep{doing: "RCPT TO:" + to, err: err, advice: adviceOnRecipient(err)}
		if reply, ok := errors.AsType[*textproto.Error](err); !ok {
			return step
		} else if reply.Code >= 500 {
			m.progress.refused[to] = step
		} else {
			later[to] = step
		}
	}
	if len(taken) > 0 {
		if err := sendText(c, l); err != nil {
			return err
		}
	}
	for _, to := range taken {
		m.progress.has[to] = true
	}
	return m.progress.outcome(l.to, later)
}

func sendText(c *smtp.Client, l *letter) error {
	w, err := c.Data()
	if err != nil {
		return &mailStep{doing: "DATA", err: err}
	}
	if _, err := l.message.WriteTo(w); err != nil {
		return &mailStep{doing: "send the text", err: err}
	}
	if err := w.Close(); err != nil {
		return &mailStep{doing: "send the text", err: err, advice: adviceOnText(err)}
	}
	return nil
}

func (m *mail) tlsConfig(host string) *tls.Config {
	config := &tls.Config{}
	if m.tls != nil {
		config = m.tls.Clone()
	}
	config.ServerName, config.MinVersion = host, tls.VersionTLS12
	return config
}

func handshakeFailed(err error) error {
	s := &mailStep{doing: "encrypt", err: err}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		s.advice = "the host in the URL must be the one that the certificate names"
		if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
			s.advice = "add the authority of the server to those that this machine trusts, or name its file in SSL_CERT_FILE"
		}
	}
	return s
}

// helloName is who says EHLO: the machine's full name, or else its address,
// which every server must take (RFC 5321, section 4.1.4).
func helloName(conn net.Conn) string {
	if name, err := os.Hostname(); err == nil && strings.Contains(name, ".") && !strings.ContainsFunc(name, isNoHostRune) {
		return name
	}
	host, _, _ := net.SplitHostPort(conn.LocalAddr().String())
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return "[IPv6:" + ip.String() + "]"
	}
	return "[" + host + "]"
}

func isNoHostRune(r rune) bool {
	return r != '.' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}
