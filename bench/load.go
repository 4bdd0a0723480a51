package main

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
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
	refused bool          // 503 with Retry-After is an answer that is counted apart
	rate    float64       // requests a second of all senders together, whether they are answered or not; 0: as they are answered
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
	inTime   int           // of those, before the last was sent
	took     time.Duration // until the last answer
	latency  []float64     // ms, sorted
	refused  int           // with 503, because there is too much to do
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
	var sent, failed, refused atomic.Int64
	crowd := make([]*sender, l.senders)
	for i := range crowd {
		crowd[i] = l.sender()
	}
	if l.refused { // a crowd has come before it is measured
		if err := each(crowd, (*sender).dial); err != nil {
			return nil, err
		}
	}
	began := time.Now()
	end := began.Add(l.time)
	more := func() bool {
		return ctx.Err() == nil && failed.Load() < maxErrors && time.Now().Before(end) && (l.count == 0 || sent.Add(1) <= int64(l.count))
	}
	var all sync.WaitGroup
	for i, s := range crowd {
		all.Go(func() {
			defer s.close()
			next := l.pace(began, i)
			var latency []float64
			inTime := 0
			for more() {
				begun := next()
				err := s.send()
				if errors.Is(err, errRefused) {
					refused.Add(1)
					continue
				}
				if err != nil {
					failed.Add(1)
					s.close()
					mu.Lock()
					result.example = err.Error()
					mu.Unlock()
					continue
				}
				latency = append(latency, float64(time.Since(begun))/float64(time.Millisecond))
				if time.Now().Before(end) {
					inTime++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			result.latency = append(result.latency, latency...)
			result.inTime += inTime
		})
	}
	all.Wait()
	result.took = time.Since(began)
	result.answered, result.errors, result.refused = len(result.latency), int(failed.Load()), int(refused.Load())
	slices.Sort(result.latency)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if result.answered == 0 {
		return nil, fmt.Errorf("no request was answered as it should be: %s; see %s", result.example, l.server.log)
	}
	return &result, nil
}

// pace returns what waits until a sender is to send, and tells since when its answer
// is waited for. With a rate that is when it was to be sent: a server that keeps its
// senders from sending the next gains nothing by it.
func (l load) pace(began time.Time, sender int) func() time.Time {
	if l.rate == 0 {
		return time.Now
	}
	each := time.Duration(float64(time.Second) / l.rate)
	next := began.Add(time.Duration(sender) * each)
	return func() time.Time {
		due := next
		next = due.Add(time.Duration(l.senders) * each)
		time.Sleep(time.Until(due))
		return due
	}
}

// errRefused is an answer that is as good as any when there is too much to do.
var errRefused = errors.New("refused")

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

func (s *sender) dial() error {
	conn, err := net.DialTimeout("tcp", s.server.address, 5*time.Second)
	if err == nil {
		s.conn, s.in = conn, bufio.NewReader(conn)
	}
	return err
}

// each has all of a crowd do something once, a few at a time.
func each(crowd []*sender, do func(*sender) error) error {
	var all sync.WaitGroup
	errs := make([]error, min(senders, len(crowd)))
	for i := range errs {
		all.Go(func() {
			for at := i; at < len(crowd) && errs[i] == nil; at += len(errs) {
				errs[i] = do(crowd[at])
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// send sends one request and reads its answer.
func (s *sender) send() error {
	if s.conn == nil {
		if err := s.dial(); err != nil {
			return err
		}
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
	if s.refused && resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "" {
		if resp.Close || s.fresh {
			s.close()
		}
		return errRefused
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
