package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	startsWithin  = time.Minute
	settlesWithin = 30 * time.Second
	endsWithin    = 20 * time.Second
)

// A process is a server that is measured. Stop it.
type process struct {
	system  system
	work    workload
	address string
	log     string        // file with what it prints
	started time.Duration // from its start to its first answer
	socket  string        // of hooktender's API

	dir   string
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // once it has ended
}

// start starts a server, and returns when it has answered a request as it
// should. The error is errCannot for what it has not.
func (lab *lab) start(ctx context.Context, s system, w workload) (_ *process, err error) {
	dir, err := os.MkdirTemp(lab.dir, s.name()+"-")
	if err != nil {
		return nil, err
	}
	p := &process{system: s, work: w, dir: dir, log: filepath.Join(dir, "log"), ended: make(chan struct{})}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	if p.address, err = freeAddress(); err != nil {
		return nil, err
	}
	if p.cmd, err = s.command(dir, p.address, w); err != nil {
		p.cmd = nil
		return nil, err
	}
	state := w.state
	if state == "" {
		state = filepath.Join(dir, "state")
	}
	p.socket = filepath.Join(state, "hooktender.sock")
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir, p.cmd.Env = log, log, dir, append(os.Environ(), "SECRET="+secret)
	if lab.profiles != "" && s.name() == "hooktender" {
		p.cmd.Env = append(p.cmd.Env, profileVar+"="+lab.profileOf(s))
	}
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		p.cmd = nil
		return nil, err
	}
	go func() { p.err = p.cmd.Wait(); close(p.ended) }()
	if err := p.await(ctx, lab.push); err != nil {
		return nil, err
	}
	p.started = time.Since(began)
	return p, nil
}

// settle waits until the server does nothing any more: some do things after they
// have begun to answer.
func (p *process) settle() error {
	const quiet = 200 * time.Millisecond // a few ticks
	was := time.Duration(-1)
	for deadline := time.Now().Add(settlesWithin); time.Now().Before(deadline); time.Sleep(quiet) {
		u, err := p.usage()
		if err != nil {
			return err
		}
		if u.own-was <= tick && was >= 0 {
			return nil
		}
		was = u.own
	}
	return fmt.Errorf("it is still busy %v after its start", settlesWithin)
}

// await returns when the server answers. What it is asked has a bad signature,
// so that nothing is started.
func (p *process) await(ctx context.Context, push []byte) error {
	s := load{server: p, kind: rejected, body: push}.sender()
	defer s.close()
	deadline := time.Now().Add(startsWithin)
	for {
		err := s.send()
		if err == nil {
			return nil
		}
		s.close()
		select {
		case <-p.ended:
			said, _ := os.ReadFile(p.log)
			return fmt.Errorf("the server has ended (%v) and said: %.1000s", p.err, said)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Microsecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("it does not answer within %v: %w", startsWithin, err)
		}
	}
}

// stop ends the process, and removes what it has written.
func (p *process) stop() {
	defer os.RemoveAll(p.dir)
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(endsWithin):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

func (p *process) usage() (usage, error) { return usageOf(p.cmd.Process.Pid) }

// get asks hooktender's API, and reads the JSON that comes into v.
func (p *process) get(ctx context.Context, path string, v any) error {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", p.socket)
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://hooktender"+path, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s is answered %s", path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(v)
}

// drained returns when no run of hooktender is left that has not ended, and
// fails if any did not succeed. Others have ended what they have answered.
func (p *process) drained(ctx context.Context) error {
	if !p.system.ours() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		var left []any
		if err := p.get(ctx, "/api/runs?state=queued,waiting,running&limit=1", &left); err != nil {
			return fmt.Errorf("wait for the end of all runs: %w", err)
		}
		if len(left) == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	var failed []struct {
		ID    int64  `json:"id"`
		Error string `json:"error"`
	}
	if err := p.get(ctx, "/api/runs?state=failed,timed_out,canceled&limit=1", &failed); err != nil {
		return err
	}
	if len(failed) > 0 {
		return fmt.Errorf("run %d did not succeed: %s", failed[0].ID, failed[0].Error)
	}
	return nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// version is what a binary says of itself, in one line.
func version(s system) string {
	argument := map[bool]string{true: "version", false: "-version"}[s.ours()]
	said, err := exec.Command(s.binary(), argument).CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
	if err != nil {
		return "of unknown version"
	}
	return line
}
