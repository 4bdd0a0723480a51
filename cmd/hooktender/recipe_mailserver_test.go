package main

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// A mailServer takes mail as RFC 5321 says, from who has begun TLS by STARTTLS (RFC
// 3207) and signed in by AUTH PLAIN (RFC 4954). Who does otherwise fails the test.
type mailServer struct {
	t         *testing.T
	listener  net.Listener
	tls       *tls.Config
	authority string // the file by which it is trusted
	signIn    string // as PLAIN has it
	took      chan takenMail
}

type takenMail struct {
	from string
	to   []string
	text string
}

func newMailServer(t *testing.T, user, password string) *mailServer {
	m := &mailServer{t: t, signIn: "\x00" + user + "\x00" + password, took: make(chan takenMail, 100)}
	m.tls, m.authority = certified(t, time.Now().Add(time.Hour))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.listener = listener
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() {
				defer conn.Close()
				s := &mailSession{mailServer: m, conn: conn, r: bufio.NewReader(conn)}
				s.serve()
			})
		}
	})
	t.Cleanup(func() { listener.Close(); sessions.Wait() })
	return m
}

// A mailSession is what one client says.
type mailSession struct {
	*mailServer
	conn                   net.Conn
	r                      *bufio.Reader
	secure, greeted, known bool
	mail                   takenMail
}

func (s *mailSession) say(reply string) { fmt.Fprintf(s.conn, "%s\r\n", reply) }

// line is one line of at most so many bytes with its end; false at the end of all.
func (s *mailSession) line(most int) (string, bool) {
	line, err := s.r.ReadString('\n')
	if err != nil {
		return "", false
	}
	text, whole := strings.CutSuffix(line, "\r\n")
	if len(line) > most || !whole || strings.ContainsAny(text, "\r\x00") {
		s.t.Errorf("a line of mail that is none: %.80q", line)
	}
	return text, true
}

func (s *mailSession) serve() {
	s.say("220 mail.example.com ESMTP")
	for {
		line, ok := s.line(512)
		if !ok {
			return
		}
		reply := s.answer(line)
		if strings.HasPrefix(reply, "5") {
			s.t.Errorf("%q is refused: %s", strings.Fields(line)[0], reply)
		}
		s.say(reply)
		switch {
		case strings.HasPrefix(reply, "221"):
			return
		case strings.HasPrefix(reply, "220"):
			conn := tls.Server(s.conn, s.tls)
			s.conn, s.r = conn, bufio.NewReader(conn)
			s.secure, s.greeted = true, false
		case strings.HasPrefix(reply, "354"):
			s.take()
		}
	}
}

var envelope = regexp.MustCompile(`^(FROM|TO):<([^<>\s]+@[^<>\s]+)>( BODY=8BITMIME)?$`)

// answer is what a command leads to, in the one order that there is.
func (s *mailSession) answer(line string) string {
	verb, rest, _ := strings.Cut(line, " ")
	path := envelope.FindStringSubmatch(rest)
	switch verb = strings.ToUpper(verb); {
	case verb == "QUIT":
		return "221 2.0.0 bye"
	case verb == "EHLO":
		s.greeted = true
		if s.secure {
			return "250-mail.example.com\r\n250-8BITMIME\r\n250 AUTH PLAIN"
		}
		return "250-mail.example.com\r\n250-8BITMIME\r\n250 STARTTLS"
	case verb == "STARTTLS" && s.greeted && !s.secure:
		return "220 2.0.0 ready"
	case !s.secure:
		return "530 5.7.0 Must issue a STARTTLS command first"
	case verb == "AUTH" && s.greeted:
		initial, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
		if s.known = string(initial) == s.signIn; !s.known {
			return "535 5.7.8 Username and password not accepted"
		}
		return "235 2.7.0 welcome"
	case !s.known:
		return "530 5.7.0 Authentication required"
	case verb == "MAIL" && path != nil && path[1] == "FROM":
		s.mail = takenMail{from: path[2]}
		return "250 2.1.0 ok"
	case verb == "RCPT" && path != nil && path[1] == "TO" && s.mail.from != "":
		s.mail.to = append(s.mail.to, path[2])
		return "250 2.1.5 ok"
	case verb == "DATA" && len(s.mail.to) > 0:
		return "354 go on"
	}
	return "503 5.5.1 not understood, or not now"
}

// take reads the mail up to the dot that ends it.
func (s *mailSession) take() {
	for {
		line, ok := s.line(1000)
		if !ok {
			return
		}
		if line == "." {
			break
		}
		s.mail.text += strings.TrimPrefix(line, ".") + "\r\n"
	}
	s.took <- s.mail
	s.mail = takenMail{}
	s.say("250 2.0.0 queued")
}
