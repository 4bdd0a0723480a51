package main

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A load is requests of some senders, each of which sends its next one when it
// has read the answer to the last: so latencies are those of a full server.
type load struct {
	server  *process
	kind    kind
	body    []byte
	senders int
	fresh   bool          // a connection of its own for each request
	time    time.Duration // nothing is sent after that
	count   int           // nor more than that; 0: any number
}

// answersLast is how long answers are waited for when nothing more is sent.
const answersLast = 30 * time.Second

// maxErrors ends a load in which nothing works.
const maxErrors = 100

// A loaded is what came of a load.
type loaded struct {
	answered int           // as they should
	took     time.Duration // until the last answer
	latency  []float64     // ms, sorted
	errors   int
	example  string // one of the errors
}

// deliveries numbers all requests of the process, for an event that comes again
// is a duplicate.
var deliveries atomic.Int64

// run sends, and returns when all is answered. The error is for a load that
// could not be sent at all.
func (l load) run(ctx context.Context) (*loaded, error) {
	var result loaded
	var mu sync.Mutex
	var sent, failed atomic.Int64
	began := time.Now()
	end := began.Add(l.time)
	more := func() bool {
		return ctx.Err() == nil && failed.Load() < maxErrors && time.Now().Before(end) && (l.count == 0 || sent.Add(1) <= int64(l.count))
	}
	var all sync.WaitGroup
	for range l.senders {
		all.Go(func() {
			s := l.sender()
			defer s.close()
			var latency []float64
			for more() {
				begun := time.Now()
				if err := s.send(); err != nil {
					failed.Add(1)
					s.close()
					mu.Lock()
					result.example = err.Error()
					mu.Unlock()
					continue
				}
				latency = append(latency, float64(time.Since(begun))/float64(time.Millisecond))
			}
			mu.Lock()
			defer mu.Unlock()
			result.latency = append(result.latency, latency...)
		})
	}
	all.Wait()
	result.took = time.Since(began)
	result.answered, result.errors = len(result.latency), int(failed.Load())
	slices.Sort(result.latency)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if result.answered == 0 {
		return nil, fmt.Errorf("no request was answered as it should be: %s; see %s", result.example, l.server.log)
	}
	return &result, nil
}

// A sender has one connection at a time.
type sender struct {
	load
	head string // of a request, up to its id
	want answer
	conn net.Conn
	in   *bufio.Reader
}

func (l load) sender() *sender {
	key := secret
	if l.kind == rejected {
		key = "another secret"
	}
	return &sender{load: l, want: l.server.system.answers(l.kind, l.server.work), head: fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\n"+
		"User-Agent: GitHub-Hookshot/bench\r\nAccept: */*\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\n"+
		"X-Hub-Signature-256: %s\r\nContent-Length: %d\r\nX-GitHub-Delivery: ",
		l.server.system.route(l.server.work.hooks-1), l.server.address, signature(key, l.body), len(l.body))}
}

// signature is GitHub's.
func signature(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return fmt.Sprintf("sha256=%x", mac.Sum(nil))
}

// send sends one request and reads its answer.
func (s *sender) send() error {
	if s.conn == nil {
		conn, err := net.DialTimeout("tcp", s.server.address, 5*time.Second)
		if err != nil {
			return err
		}
		s.conn, s.in = conn, bufio.NewReader(conn)
	}
	if err := s.conn.SetDeadline(time.Now().Add(answersLast)); err != nil {
		return err
	}
	request := net.Buffers{fmt.Appendf(nil, "%s%08x-bench\r\n\r\n", s.head, deliveries.Add(1)), s.body}
	if _, err := request.WriteTo(s.conn); err != nil {
		return err
	}
	resp, err := http.ReadResponse(s.in, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != s.want.status || !strings.Contains(string(said), s.want.body) {
		return fmt.Errorf("the answer is %d %.200q, not %d %q", resp.StatusCode, said, s.want.status, s.want.body)
	}
	if resp.Close || s.fresh {
		s.close()
	}
	return nil
}

// close ends the connection at once: so many that wait for a late packet would
// use up the ports of the machine.
func (s *sender) close() {
	if s.conn == nil {
		return
	}
	if tcp, ok := s.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = s.conn.Close()
	s.conn = nil
}
