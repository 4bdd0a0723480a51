package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/hooktender/hooktender/runner"
)

func TestCheckMailServer(t *testing.T) {
	for _, c := range []struct{ url, want string }{
		{"smtps://ops@mail.example.com", ""},
		{"smtp://mail.example.com?starttls=off", ""},
		{"smtp://ops@mail.example.com?starttls=off", "mail server mail.example.com: a password is never sent in plain text: take ops out of the URL, or starttls=off"},
		{"smtp://ops@localhost", ""},
		{"smtp://ops:Sesame@mail.example.com", "mail server mail.example.com: the password is in the URL: set password beside it, as in ${credential:smtp}"},
		{"smtp://o ps:Sesame@mail.example.com", "the URL of the mail server cannot be read: want smtps://user@host or smtp://user@host"},
		{"https://mail.example.com", `mail server mail.example.com: the scheme is "https": want smtps (TLS, port 465) or smtp (STARTTLS, port 587)`},
		{"mail.example.com:587", "the URL of the mail server names no host: want smtps://user@host or smtp://user@host"},
		{"smtp://mail.example.com:0", `mail server mail.example.com: "0" is no port`},
		{"smtps://mail.example.com?starttls=off", "mail server mail.example.com: starttls is for smtp://; smtps:// speaks TLS from the start"},
		{"smtp://mail.example.com?starttls=maybe", "mail server mail.example.com: starttls=maybe is not known: want off or required"},
		{"smtps://mail.example.com?auth=ntlm", "mail server mail.example.com: auth=ntlm is not known: want one of scram-sha-256, scram-sha-1, plain, login, cram-md5, xoauth2"},
		{"smtps://mail.example.com?tls=1", "mail server mail.example.com: tls is no setting of a server's URL: want starttls or auth"},
	} {
		got := ""
		if err := CheckMailServer(c.url); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.url, got, c.want)
		}
	}
}

func TestMailSignsIn(t *testing.T) {
	for _, c := range []struct {
		name, query string
		change      func(*fakeMail)
		want        string // a command that the server saw
	}{
		{"implicit TLS, PLAIN", "", func(f *fakeMail) { f.implicit = true }, "AUTH PLAIN"},
		{"STARTTLS, PLAIN", "?starttls=required", nil, "STARTTLS"},
		{"LOGIN", "?starttls=required", func(f *fakeMail) { f.mechanisms = []string{"LOGIN"} }, "AUTH LOGIN"},
		{"CRAM-MD5", "?starttls=required", func(f *fakeMail) { f.mechanisms = []string{"CRAM-MD5", "XOAUTH2"} }, "AUTH CRAM-MD5"},
		{"SCRAM before PLAIN", "?starttls=required", func(f *fakeMail) { f.mechanisms = []string{"PLAIN", "SCRAM-SHA-256"} }, "AUTH SCRAM-SHA-256"},
		{"XOAUTH2 where asked for", "?starttls=required&auth=xoauth2", func(f *fakeMail) { f.mechanisms = []string{"PLAIN", "XOAUTH2"} }, "AUTH XOAUTH2"},
		{"plain text on this machine", "", func(f *fakeMail) { f.plainAuth, f.noStartTLS = true, true }, "AUTH PLAIN"},
		{"nobody on this machine", "nobody", func(f *fakeMail) { f.mechanisms = nil }, "MAIL FROM:<ops@example.com>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeMail(t, c.change)
			if err := f.mail(t, c.query).send(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := f.arrived(); len(got) != 1 || got[0].from != "<ops@example.com>" || !slices.Equal(got[0].to, []string{"<night@example.com>"}) {
				t.Errorf("arrived: %+v", got)
			}
			if !strings.Contains(f.asked(), c.want) {
				t.Errorf("no %s in:\n%s", c.want, f.asked())
			}
		})
	}
}

// TestMailRefused has what a person is told where a server does not take the
// mail, and whether another attempt may help.
func TestMailRefused(t *testing.T) {
	on := func(start, reply string) func(*fakeMail) {
		return func(f *fakeMail) {
			f.answer = func(line string) string {
				if strings.HasPrefix(line, start) {
					return reply
				}
				return ""
			}
		}
	}
	const secure = "?starttls=required"
	for _, c := range []struct {
		name, query string
		change      func(*fakeMail)
		edit        func(*mail)
		final       bool
		want        string
	}{
		{"wrong password", secure, nil, func(m *mail) { m.password = "Wrong-Horse" }, true,
			"sign in as ops@example.com: 535 5.7.8 Username and password not accepted: *** ( ops@example.com ***) (check the user in the URL and its password; some accounts want one made for programs)"},
		{"wrong token", secure + "&auth=xoauth2", func(f *fakeMail) { f.mechanisms = []string{"XOAUTH2"} }, func(m *mail) { m.password = "Wrong-Horse" }, true,
			"sign in as ops@example.com: 535 5.7.8 Username and password not accepted: *** (user=ops@example.com auth=Bearer *** ) (check the user in the URL and its password; some accounts want one made for programs)"},
		{"cannot sign in now", secure, on("AUTH", "454 4.7.0 Temporary authentication failure"), nil, false,
			"sign in as ops@example.com: 454 4.7.0 Temporary authentication failure"},
		{"no way to sign in", secure, func(f *fakeMail) { f.mechanisms = []string{"GSSAPI"} }, nil, true,
			"sign in as ops@example.com: the server offers only GSSAPI to sign in (use its port for mail programs (465 with smtps://, or 587), or take the user out of the URL)"},
		{"a token that nobody spoke of", secure, func(f *fakeMail) { f.mechanisms = []string{"XOAUTH2"} }, nil, true,
			"sign in as ops@example.com: the server offers only XOAUTH2 to sign in (use its port for mail programs (465 with smtps://, or 587), or take the user out of the URL)"},
		{"no STARTTLS", secure, func(f *fakeMail) { f.noStartTLS = true }, nil, true,
			"encrypt: the server offers no STARTTLS (use its port for it (587) or smtps://, or allow plain text with ?starttls=off in the URL)"},
		{"STARTTLS refused", secure, on("STARTTLS", "454 4.7.0 TLS not available"), nil, false, "encrypt: 454 4.7.0 TLS not available"},
		{"unknown authority", secure, nil, func(m *mail) { m.tls = &tls.Config{RootCAs: x509.NewCertPool()} }, false,
			"encrypt: tls: failed to verify certificate: x509: certificate signed by unknown authority (add the authority of the server to those that this machine trusts, or name its file in SSL_CERT_FILE)"},
		{"must sign in", "nobody" + secure, nil, nil, true,
			"MAIL FROM:<ops@example.com>: 530 5.7.0 Authentication required (sign in: name the user in the URL, and set password)"},
		{"sender refused", secure, on("MAIL", "553 5.7.1 Sender address rejected: not owned by user"), nil, true,
			"MAIL FROM:<ops@example.com>: 553 5.7.1 Sender address rejected: not owned by user (set from to an address that this server lets you send as)"},
		{"relay refused", secure, on("RCPT", "554 5.7.1 <night@example.com>: Relay access denied"), nil, true,
			"RCPT TO:<night@example.com>: 554 5.7.1 <night@example.com>: Relay access denied (the server takes no mail for there from you: sign in, or have this machine allowed to relay)"},
		{"unknown mailbox", secure, on("RCPT", "550 5.1.1 User unknown"), nil, true, "RCPT TO:<night@example.com>: 550 5.1.1 User unknown (check the address)"},
		{"greylisted", secure, on("RCPT", "450 4.2.0 Greylisted, come back later"), nil, false, "RCPT TO:<night@example.com>: 450 4.2.0 Greylisted, come back later"},
		{"one of two unknown, the other greylisted", secure, func(f *fakeMail) {
			f.answer = func(line string) string {
				return map[string]string{"RCPT TO:<a@example.com>": "550 5.1.1 User unknown", "RCPT TO:<b@example.com>": "450 4.2.0 Greylisted"}[line]
			}
		}, func(m *mail) { m.to = []string{"a@example.com", "b@example.com"} }, false,
			"RCPT TO:<a@example.com>: 550 5.1.1 User unknown (check the address); RCPT TO:<b@example.com>: 450 4.2.0 Greylisted"},
		{"too busy", secure, on("MAIL", "421 4.3.2 Service shutting down"), nil, false, "MAIL FROM:<ops@example.com>: 421 4.3.2 Service shutting down"},
		{"taken for spam", secure, on(".", "554 5.7.1 Message rejected as spam"), nil, true,
			"send the text: 554 5.7.1 Message rejected as spam (the server does not want the mail; its words say why)"},
		{"disk full", secure, on(".", "452 4.3.1 Insufficient system storage"), nil, false, "send the text: 452 4.3.1 Insufficient system storage"},
		{"address not in ASCII", secure, nil, func(m *mail) { m.to = []string{"jürgen@example.com"} }, true,
			"addresses: the server takes only addresses in ASCII (it offers no SMTPUTF8)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeMail(t, c.change)
			m := f.mail(t, c.query)
			if c.edit != nil {
				c.edit(m)
			}
			err := m.send(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			if got, want := err.Error(), "mail server 127.0.0.1: "+c.want; got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
			if final := isFinalError(err); final != c.final {
				t.Errorf("final %v, want %v", final, c.final)
			}
			if len(f.arrived()) > 0 {
				t.Error("a mail arrived")
			}
			mustHide(t, err, m.password)
		})
	}
}

func isFinalError(err error) bool {
	e, ok := errors.AsType[*runner.PerformError](err)
	return ok && e.Final
}

// mustHide fails where a secret is in an error, also in the forms of AUTH.
func mustHide(t *testing.T, err error, secret string) {
	t.Helper()
	for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte("\x00" + mailUser + "\x00" + secret))} {
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), form) {
			t.Errorf("the error holds the secret: %v", err)
		}
	}
}

func TestMailTriedAgain(t *testing.T) {
	for _, first := range []string{"421 4.3.2 too busy", "450 4.2.1 try later"} {
		tries := 0
		f := newFakeMail(t, func(f *fakeMail) {
			f.answer = func(line string) string {
				if tries == 1 && strings.HasPrefix(line, "RCPT") {
					return first
				}
				return ""
			}
		})
		m := f.mail(t, "?starttls=required")
		tries++
		if err := m.send(t.Context()); err == nil || isFinalError(err) {
			t.Fatalf("%s: %v", first, err)
		}
		tries++
		if err := m.send(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(f.arrived()); n != 1 {
			t.Errorf("%s: %d mails", first, n)
		}
	}
}

func TestMailReachesTheOthers(t *testing.T) {
	f := newFakeMail(t, func(f *fakeMail) {
		f.answer = func(line string) string {
			if strings.Contains(line, "RCPT TO:<gone@example.com>") {
				return "550 5.1.1 User unknown"
			}
			return ""
		}
	})
	m := f.mail(t, "?starttls=required")
	m.to = []string{"night@example.com", "Gone <gone@example.com>", "Day <day@example.com>", "day@example.com"}
	err := m.send(t.Context())
	want := "mail server 127.0.0.1: 2 of 3 recipients have the mail, not all: RCPT TO:<gone@example.com>: 550 5.1.1 User unknown (check the address)"
	if err == nil || err.Error() != want || !isFinalError(err) {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
	if got := f.arrived(); len(got) != 1 || !slices.Equal(got[0].to, []string{"<night@example.com>", "<day@example.com>"}) {
		t.Errorf("arrived: %+v", got)
	}
}

// TestMailComesOnceToEach: one recipient is greylisted, one more is too many at
// once, and one is unknown. Each that may be taken later is tried again, alone.
func TestMailComesOnceToEach(t *testing.T) {
	var replies map[string]string
	f := newFakeMail(t, func(f *fakeMail) {
		f.answer = func(line string) string {
			return replies[strings.TrimPrefix(line, "RCPT TO:")]
		}
	})
	m := f.mail(t, "?starttls=required")
	m.to = []string{"a@example.com", "grey@example.com", "gone@example.com", "many@example.com"}
	const grey, many, gone = "451 4.7.1 greylisted, try later", "452 4.5.3 too many recipients", "550 5.1.1 User unknown"
	for i, attempt := range []struct {
		replies map[string]string
		arrived []string // to whom it comes with this attempt
		want    string
		final   bool
	}{
		{map[string]string{"<grey@example.com>": grey, "<gone@example.com>": gone, "<many@example.com>": many}, []string{"<a@example.com>"},
			"1 of 4 recipients have the mail, not all: RCPT TO:<grey@example.com>: " + grey + "; RCPT TO:<gone@example.com>: " + gone + " (check the address); RCPT TO:<many@example.com>: " + many, false},
		{map[string]string{"<grey@example.com>": grey}, []string{"<many@example.com>"},
			"2 of 4 recipients have the mail, not all: RCPT TO:<grey@example.com>: " + grey + "; RCPT TO:<gone@example.com>: " + gone + " (check the address)", false},
		{map[string]string{".": "452 4.3.1 Insufficient system storage"}, nil,
			"2 of 4 recipients have the mail, not all: send the text: 452 4.3.1 Insufficient system storage", false},
		{nil, []string{"<grey@example.com>"},
			"3 of 4 recipients have the mail, not all: RCPT TO:<gone@example.com>: " + gone + " (check the address)", true},
	} {
		replies = attempt.replies
		before := len(f.arrived())
		err := m.send(t.Context())
		if err == nil || err.Error() != "mail server 127.0.0.1: "+attempt.want || isFinalError(err) != attempt.final {
			t.Errorf("attempt %d, final %v:\n got %v\nwant %s", i, isFinalError(err), err, attempt.want)
		}
		var to []string
		for _, one := range f.arrived()[before:] {
			to = append(to, one.to...)
		}
		if !slices.Equal(to, attempt.arrived) {
			t.Errorf("attempt %d: it came to %v, want %v", i, to, attempt.arrived)
		}
	}
}

func TestMailWaitsNoLongerThanTheAttempt(t *testing.T) {
	for _, verb := range []string{"greeting", "EHLO", "AUTH", "DATA"} {
		f := newFakeMail(t, func(f *fakeMail) { f.hang, f.implicit = verb, true })
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-f.hangs; cancel() }()
		err := f.mail(t, "").send(ctx)
		if !errors.Is(err, context.Canceled) || isFinalError(err) || !strings.Contains(err.Error(), "no answer before the attempt ended") {
			t.Errorf("%s: %v", verb, err)
		}
	}
}

func TestMailToNobody(t *testing.T) {
	for _, c := range []struct {
		edit func(*mail)
		want string
	}{
		{func(m *mail) { m.to = nil }, "mail by 127.0.0.1: nobody to send it to: set to"},
		{func(m *mail) { m.to = []string{"a@example.com, b@example.com"} }, `mail by 127.0.0.1: recipient: "a@example.com, b@example.com" is no address: mail: expected single address, got ", b@example.com"`},
		{func(m *mail) { m.to = []string{"a@example.com>\r\nRCPT TO:<b@example.com"} }, `mail by 127.0.0.1: recipient: "a@example.com> RCPT TO:<b@example.com" is no address: mail: expected single address, got ">\r\nRCPT TO:<b@example.com"`},
		{func(m *mail) { m.from = "\"a\r\nBcc: b@example.com\" <a@example.com>" }, `mail by 127.0.0.1: sender: "\"a Bcc: b@example.com\" <a@example.com>" is no address: mail: missing word in phrase: mail: bad character in quoted-string: '\r'`},
		{func(m *mail) { m.replyTo = "nobody" }, `mail by 127.0.0.1: reply to: "nobody" is no address: mail: missing '@' or angle-addr`},
		{func(m *mail) { m.from = ""; m.server.User = url.User("ops") }, "mail by 127.0.0.1: no sender: set from to an address that the server lets you send as"},
		{func(m *mail) { m.password = "" }, "mail server 127.0.0.1: no password for ops@example.com: set one beside the URL of the server"},
	} {
		m := newFakeMail(t, nil).mail(t, "?starttls=required")
		c.edit(m)
		if err := m.send(t.Context()); err == nil || err.Error() != c.want || !isFinalError(err) {
			t.Errorf("\n got %v\nwant %s", err, c.want)
		}
	}
}
