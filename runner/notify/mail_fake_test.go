package notify

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	mailUser     = "ops@example.com"
	mailPassword = "Open-Sesame-42"
)

// A fakeMail is a server for mail as RFC 5321 wants it, with STARTTLS (RFC 3207)
// and AUTH (RFC 4954). It fails the test where the client breaks a rule.
type fakeMail struct {
	t        *testing.T
	listener net.Listener
	config   *tls.Config
	pool     *x509.CertPool

	implicit   bool // TLS from the first byte
	noStartTLS bool
	plainAuth  bool // signs in without TLS, too
	extensions []string
	mechanisms []string
	hang       string                   // the verb that gets no answer
	hangs      chan struct{}            // closed when it was asked
	answer     func(line string) string // another answer to a command, or to "." after the text

	mu       sync.Mutex
	messages []fakeMessage
	commands []string
}

type fakeMessage struct {
	from string
	to   []string
	data string
}

func newFakeMail(t *testing.T, change func(*fakeMail)) *fakeMail {
	f := &fakeMail{t: t, extensions: []string{"8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 1000000"}, mechanisms: []string{"PLAIN", "LOGIN"}, hangs: make(chan struct{})}
	f.config, f.pool = selfSigned(t)
	if change != nil {
		change(f)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.listener = listener
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() {
				defer conn.Close()
				if f.implicit {
					conn = tls.Server(conn, f.config)
				}
				(&fakeSession{fakeMail: f, conn: conn, r: bufio.NewReader(conn), secure: f.implicit}).serve()
			})
		}
	})
	t.Cleanup(func() { listener.Close(); sessions.Wait() })
	return f
}

// mail is one that the server takes.
func (f *fakeMail) mail(t *testing.T, query string) *mail {
	scheme, user := "smtp", url.PathEscape(mailUser)+"@"
	if f.implicit {
		scheme = "smtps"
	}
	if strings.Contains(query, "nobody") {
		user, query = "", strings.Replace(query, "nobody", "", 1)
	}
	u, err := url.Parse(scheme + "://" + user + f.listener.Addr().String() + query)
	if err != nil {
		t.Fatal(err)
	}
	return &mail{server: u, password: mailPassword, from: "Hooktender <ops@example.com>", to: []string{"night@example.com"},
		subject: "deploy failed", text: "It failed.\n", id: "d1b2-run-7", progress: newProgress(), tls: &tls.Config{RootCAs: f.pool}}
}

func (f *fakeMail) arrived() []fakeMessage {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.messages)
}

func (f *fakeMail) asked() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.commands, "\n")
}

type fakeSession struct {
	*fakeMail
	conn                    net.Conn
	r                       *bufio.Reader
	secure, greeted, known  bool
	from                    string
	eightBit, international bool
	to                      []string
}

func (s *fakeSession) say(format string, args ...any) { fmt.Fprintf(s.conn, format+"\r\n", args...) }

// line reads one line, which must not be longer than most with its CRLF.
func (s *fakeSession) line(most int) (string, bool) {
	line, err := s.r.ReadString('\n')
	if err != nil {
		return "", false
	}
	if len(line) > most {
		s.t.Errorf("a line of %d bytes, more than %d: %.60q", len(line), most, line)
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok || strings.ContainsAny(text, "\r\x00") {
		s.t.Errorf("CR, LF or NUL out of place: %q", line)
	}
	return text, true
}

func (s *fakeSession) serve() {
	if s.hang == "greeting" {
		close(s.hangs)
	} else {
		s.say("220 mail.example.com ESMTP")
	}
	for {
		line, ok := s.line(512)
		if !ok {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		verb = strings.ToUpper(verb)
		s.mu.Lock()
		s.commands = append(s.commands, line)
		s.mu.Unlock()
		if verb == s.hang {
			close(s.hangs)
			continue
		}
		if s.answer != nil {
			if reply := s.answer(line); reply != "" {
				s.say("%s", reply)
				if strings.HasPrefix(reply, "421") {
					return
				}
				continue
			}
		}
		switch verb {
		case "EHLO":
			s.ehlo(rest)
		case "STARTTLS":
			if s.secure || s.noStartTLS {
				s.say("503 5.5.1 not now")
				continue
			}
			s.say("220 2.0.0 ready")
			s.conn = tls.Server(s.conn, s.config)
			s.r = bufio.NewReader(s.conn)
			s.secure, s.greeted = true, false
		case "AUTH":
			s.auth(rest)
		case "MAIL":
			s.mailFrom(rest)
		case "RCPT":
			path, ok := strings.CutPrefix(rest, "TO:")
			if s.from == "" || !ok || !isPath(path) {
				s.t.Errorf("RCPT out of place or wrong: %q", line)
			}
			s.to = append(s.to, path)
			s.say("250 2.1.5 ok")
		case "DATA":
			s.data()
		case "RSET", "NOOP":
			s.say("250 2.0.0 ok")
		case "QUIT":
			s.say("221 2.0.0 bye")
			return
		default:
			s.say("500 5.5.2 what is %s", verb)
		}
	}
}

var heloForm = regexp.MustCompile(`^([A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|\[[0-9.]+\]|\[IPv6:[0-9a-f:]+\])$`)

func (s *fakeSession) ehlo(name string) {
	if !heloForm.MatchString(name) {
		s.t.Errorf("EHLO %q: neither a full name nor an address", name)
	}
	s.greeted = true
	list := append([]string{"mail.example.com"}, s.extensions...)
	if !s.secure && !s.noStartTLS {
		list = append(list, "STARTTLS")
	}
	if (s.secure || s.plainAuth) && len(s.mechanisms) > 0 {
		list = append(list, "AUTH "+strings.Join(s.mechanisms, " "))
	}
	for _, e := range list[:len(list)-1] {
		s.say("250-%s", e)
	}
	s.say("250 %s", list[len(list)-1])
}

func isPath(s string) bool {
	return strings.HasPrefix(s, "<") && strings.HasSuffix(s, ">") && strings.Contains(s, "@")
}

func (s *fakeSession) mailFrom(rest string) {
	path, ok := strings.CutPrefix(rest, "FROM:")
	fields := strings.Fields(path)
	if !s.greeted || !ok || len(fields) == 0 || !isPath(fields[0]) {
		s.t.Errorf("MAIL out of place or wrong: %q", rest)
		fields = []string{""}
	}
	s.from, s.to, s.eightBit, s.international = fields[0], nil, false, false
	for _, parameter := range fields[1:] {
		switch {
		case parameter == "BODY=8BITMIME" && slices.Contains(s.extensions, "8BITMIME"):
			s.eightBit = true
		case parameter == "SMTPUTF8" && slices.Contains(s.extensions, "SMTPUTF8"):
			s.international = true
		default:
			s.t.Errorf("MAIL with %q, which was not offered", parameter)
		}
	}
	if len(s.mechanisms) > 0 && !s.known && !s.noStartTLS {
		s.say("530 5.7.0 Authentication required")
		s.from = ""
		return
	}
	s.say("250 2.1.0 ok")
}

func (s *fakeSession) data() {
	if len(s.to) == 0 {
		s.t.Error("DATA without recipients")
		s.say("503 5.5.1 no recipients")
		return
	}
	s.say("354 go on")
	var text strings.Builder
	for {
		line, ok := s.line(1000)
		if !ok {
			return
		}
		if line == "." {
			break
		}
		if after, ok := strings.CutPrefix(line, "."); ok {
			if !strings.HasPrefix(after, ".") {
				s.t.Errorf("a dot that is not stuffed: %q", line)
			}
			line = after
		}
		if !isASCII(line) && !s.eightBit {
			s.t.Errorf("eight bits without BODY=8BITMIME: %q", line)
		}
		text.WriteString(line + "\r\n")
	}
	if s.answer != nil {
		if reply := s.answer("."); reply != "" {
			s.say("%s", reply)
			return
		}
	}
	s.mu.Lock()
	s.messages = append(s.messages, fakeMessage{s.from, s.to, text.String()})
	s.mu.Unlock()
	s.say("250 2.0.0 queued")
}
