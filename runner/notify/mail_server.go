package notify

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail/smtp"
)

// A mailServer is what a server's URL says.
type mailServer struct {
	host, port string
	user       string // "" to send without signing in
	implicit   bool   // TLS from the first byte (RFC 8314)
	starttls   bool   // TLS before anything that matters (RFC 3207)
	auth       string // the only mechanism to use; "" for the best that is offered
}

// CheckMailServer says what is wrong with the URL of a server for mail. It
// connects to nobody.
func CheckMailServer(serverURL string) error {
	u, err := url.Parse(serverURL)
	if err != nil {
		// What url.Parse says holds the URL, and that perhaps a password.
		return errors.New("the URL of the mail server cannot be read: want smtps://user@host or smtp://user@host")
	}
	_, err = readServer(u)
	return err
}

// readServer reads the URL of a server: smtps://user@host (port 465) speaks TLS
// from the start, smtp://user@host (port 587) before anything else by STARTTLS,
// which the server must offer. ?starttls=off goes without, and so does a host
// that is this machine, whose certificate is rarely in its own name;
// ?starttls=required asks for it there, too. ?auth= names one mechanism.
func readServer(u *url.URL) (*mailServer, error) {
	s := &mailServer{host: u.Hostname(), port: u.Port(), user: u.User.Username(), auth: strings.ToUpper(u.Query().Get("auth"))}
	if s.host == "" {
		return nil, errors.New("the URL of the mail server names no host: want smtps://user@host or smtp://user@host")
	}
	port := "587"
	switch u.Scheme {
	case "smtps":
		s.implicit, port = true, "465"
	case "smtp":
		s.starttls = !isLoopback(s.host)
	default:
		return nil, fmt.Errorf("mail server %s: the scheme is %q: want smtps (TLS, port 465) or smtp (STARTTLS, port 587)", s.host, u.Scheme)
	}
	if s.port == "" {
		s.port = port
	}
	if n, err := strconv.Atoi(s.port); err != nil || n < 1 || n > 65535 {
		return nil, fmt.Errorf("mail server %s: %q is no port", s.host, s.port)
	}
	if _, ok := u.User.Password(); ok {
		return nil, fmt.Errorf("mail server %s: the password is in the URL: set password beside it, as in ${credential:smtp}", s.host)
	}
	for name, values := range u.Query() {
		if err := s.set(name, values[0]); err != nil {
			return nil, fmt.Errorf("mail server %s: %w", s.host, err)
		}
	}
	if s.user != "" && !s.implicit && !s.starttls && !isLoopback(s.host) {
		return nil, fmt.Errorf("mail server %s: a password is never sent in plain text: take %s out of the URL, or starttls=off", s.host, s.user)
	}
	return s, nil
}

func (s *mailServer) set(name, value string) error {
	switch {
	case name == "auth" && slices.Contains(mechanisms, s.auth):
	case name == "auth":
		return fmt.Errorf("auth=%s is not known: want one of %s", value, strings.ToLower(strings.Join(mechanisms, ", ")))
	case name == "starttls" && s.implicit:
		return errors.New("starttls is for smtp://; smtps:// speaks TLS from the start")
	case name == "starttls" && (value == "off" || value == "required"):
		s.starttls = value == "required"
	case name == "starttls":
		return fmt.Errorf("starttls=%s is not known: want off or required", value)
	default:
		return fmt.Errorf("%s is no setting of a server's URL: want starttls or auth", name)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// mechanisms lists the ways to sign in, the best first. CRAM-MD5 comes last
// since servers offer it that keep no password it could work with. XOAUTH2 is
// only for those who ask for it: its password is a token.
var mechanisms = []string{"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"}

// signIn authenticates (RFC 4954). What the server sees of it in plain text has
// been looked at in readServer.
func (m *mail) signIn(c *smtp.Client, at *mailServer) error {
	doing := "sign in as " + at.user
	_, offered := c.Extension("AUTH")
	theirs := strings.Fields(strings.ToUpper(offered))
	ours := slices.DeleteFunc(slices.Clone(mechanisms), func(name string) bool {
		return name != at.auth && (at.auth != "" || name == "XOAUTH2") || !slices.Contains(theirs, name)
	})
	if len(ours) == 0 {
		known := "no way to sign in"
		if len(theirs) > 0 {
			known = "only " + strings.Join(theirs, ", ") + " to sign in"
		}
		return &mailStep{doing: doing, err: fmt.Errorf("the server offers %s", known), final: true,
			advice: "use its port for mail programs (465 with smtps://, or 587), or take the user out of the URL"}
	}
	if err := c.Auth(m.mechanism(ours[0], at)); err != nil {
		return &mailStep{doing: doing, err: err, advice: adviceOnSignIn(err)}
	}
	return nil
}

func (m *mail) mechanism(name string, at *mailServer) smtp.Auth {
	switch name {
	case "SCRAM-SHA-256":
		return smtp.ScramSHA256Auth(at.user, m.password)
	case "SCRAM-SHA-1":
		return smtp.ScramSHA1Auth(at.user, m.password)
	case "LOGIN":
		return smtp.LoginAuth(at.user, m.password, at.host, isLoopback(at.host))
	case "CRAM-MD5":
		return smtp.CRAMMD5Auth(at.user, m.password)
	case "XOAUTH2":
		return smtp.XOAuth2Auth(at.user, m.password)
	}
	return smtp.PlainAuth("", at.user, m.password, at.host, isLoopback(at.host))
}

// hide takes the password out of a server's words: some say again what they
// were sent.
func (m *mail) hide(s string) string {
	if m.password == "" {
		return s
	}
	user := m.server.User.Username()
	for _, sent := range []string{"\x00" + user + "\x00" + m.password, "user=" + user + "\x01auth=Bearer " + m.password + "\x01\x01", m.password} {
		s = strings.ReplaceAll(s, base64.StdEncoding.EncodeToString([]byte(sent)), "***")
	}
	return strings.ReplaceAll(s, m.password, "***")
}

func smtpCode(err error) int {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return reply.Code
	}
	return 0
}

func adviceOnSignIn(err error) string {
	switch smtpCode(err) {
	case 534:
		return "the account wants a password made for programs, or a token with ?auth=xoauth2"
	case 535:
		return "check the user in the URL and its password; some accounts want one made for programs"
	}
	return ""
}

func adviceOnSender(err error) string {
	switch smtpCode(err) {
	case 530:
		return "sign in: name the user in the URL, and set password"
	case 550, 551, 553, 554:
		return "set from to an address that this server lets you send as"
	}
	return ""
}

func adviceOnRecipient(err error) string {
	words := strings.ToLower(err.Error())
	switch c := smtpCode(err); {
	case c == 530:
		return "sign in: name the user in the URL, and set password"
	case c >= 500 && (strings.Contains(words, "relay") || strings.Contains(words, "5.7.")):
		return "the server takes no mail for there from you: sign in, or have this machine allowed to relay"
	case c >= 500:
		return "check the address"
	}
	return ""
}

func adviceOnText(err error) string {
	switch smtpCode(err) {
	case 552:
		return "the mail is too large for the server"
	case 550, 554:
		return "the server does not want the mail; its words say why"
	}
	return ""
}
