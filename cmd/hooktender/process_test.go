package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// asHooktender in the environment makes the test binary run as hooktender.
const asHooktender = "HOOKTENDER_TEST_AS_MAIN"

// patience is how long a test waits for something that should come at once. It
// only bounds a test that fails.
const patience = 60 * time.Second

// A background is a process whose output a test reads line by line.
type background struct {
	cmd   *exec.Cmd
	lines chan string
	seen  []string
	done  chan struct{}
	raced atomic.Bool // the race detector has found something
}

func startBackground(cmd *exec.Cmd) (*background, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	b := &background{cmd: cmd, lines: make(chan string, 100_000), done: make(chan struct{})}
	go func() {
		defer r.Close()
		defer close(b.lines)
		scanner := bufio.NewScanner(r)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			if strings.Contains(scanner.Text(), "WARNING: DATA RACE") {
				b.raced.Store(true)
			}
			b.lines <- scanner.Text()
		}
		_, _ = io.Copy(io.Discard, r)
	}()
	go func() { _ = cmd.Wait(); close(b.done) }()
	return b, nil
}

// until reads output up to a line that matches, and returns the matches.
func (b *background) until(pattern *regexp.Regexp) ([]string, error) {
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-b.lines:
			if !ok {
				return nil, fmt.Errorf("it ended without %q; its last words:\n%s", pattern, b.last())
			}
			b.seen = append(b.seen, line)
			if m := pattern.FindStringSubmatch(line); m != nil {
				return m, nil
			}
		case <-deadline:
			return nil, fmt.Errorf("no line with %q in %v; the last ones:\n%s", pattern, patience, b.last())
		}
	}
}

func (b *background) last() string {
	return strings.Join(b.seen[max(len(b.seen)-20, 0):], "\n")
}

// skipLog returns when the process has said its last.
func (b *background) skipLog() {
	for range b.lines {
	}
}

// wait returns when the process has ended.
func (b *background) wait() error {
	select {
	case <-b.done:
		return nil
	case <-time.After(patience):
		_ = b.cmd.Process.Kill()
		return fmt.Errorf("it did not end in %v; its last words:\n%s", patience, b.last())
	}
}

// A serverProcess is a real `hooktender serve`.
type serverProcess struct {
	*background
	t       *testing.T
	address string // of the public door
	state   string
}

var servingLine = regexp.MustCompile(`msg=serving listen=(\S+)`)

// startServer runs hooktender serve on a configuration, with any free port. It has the
// race detector if the test has it.
func startServer(t *testing.T, config, state string, env ...string) *serverProcess {
	t.Helper()
	s := launchServer(t, os.Args[0], config, state, env...)
	// From here on nobody reads the log line by line.
	go s.skipLog()
	return s
}

// startDelivered is startServer with hooktender as it is delivered, for what is about
// memory, or about so much that the race detector would take minutes.
func startDelivered(t *testing.T, config, state string) *serverProcess {
	t.Helper()
	s := launchServer(t, delivered(t), config, state)
	go s.skipLog()
	return s
}

// delivered is the binary of hooktender as it is delivered: this test's own, unless it
// has the race detector.
var delivered = func(*testing.T) string { return os.Args[0] }

// launchServer runs a binary whose log is there to be read. What the race detector
// finds in it fails the test, however it ends.
func launchServer(t *testing.T, binary, config, state string, env ...string) *serverProcess {
	t.Helper()
	cmd := exec.Command(binary, "serve", config, "--listen", "127.0.0.1:0", "--console", "off", "--state", state)
	cmd.Env = append(append(os.Environ(), asHooktender+"=1"), env...)
	b, err := startBackground(cmd)
	if err != nil {
		t.Fatal(err)
	}
	s := &serverProcess{background: b, t: t, state: state}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-b.done
		b.skipLog()
		if b.raced.Load() {
			t.Error("the race detector has found something in the server")
		}
	})
	m, err := b.until(servingLine)
	if err != nil {
		t.Fatal(err)
	}
	s.address = m[1]
	return s
}

func (s *serverProcess) client() *client { return &client{socket: socketPath(s.state)} }

func (s *serverProcess) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// stop ends the server in good order.
func (s *serverProcess) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	if err := s.wait(); err != nil {
		s.t.Fatal(err)
	}
}

// The commands of scripts: processes in the background, by name.
//
//	start NAME PATTERN COMMAND…   starts it and reads its output up to the pattern
//	until NAME PATTERN            reads on; (?P<VAR>…) in a pattern sets $VAR
//	signal NAME TERM              sends a signal
//	waits NAME [CODE]             until it has ended, with that exit code (default 0)
//	exits CODE COMMAND…           runs it in the foreground; it ends with that exit code

type backgrounds struct {
	mu   sync.Mutex
	byTS map[*testscript.TestScript]map[string]*background
}

var started = backgrounds{byTS: map[*testscript.TestScript]map[string]*background{}}

func (b *backgrounds) of(ts *testscript.TestScript) map[string]*background {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byTS[ts] == nil {
		b.byTS[ts] = map[string]*background{}
	}
	return b.byTS[ts]
}

func named(ts *testscript.TestScript, args []string) *background {
	b := started.of(ts)[args[0]]
	if b == nil {
		ts.Fatalf("nothing named %s was started", args[0])
	}
	return b
}

func scriptStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: start NAME PATTERN COMMAND…")
	}
	path, err := lookIn(ts.Getenv("PATH"), args[2])
	ts.Check(err)
	cmd := exec.Command(path, args[3:]...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = scriptEnv(ts)
	b, err := startBackground(cmd)
	ts.Check(err)
	started.of(ts)[args[0]] = b
	ts.Defer(func() { _ = cmd.Process.Kill(); <-b.done })
	scriptUntil(ts, false, args[:2])
}

// scriptEnv is the script's environment, as far as these scripts set it.
func scriptEnv(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "WORK", "GORACE", "EXAMPLES", "PAYLOADS", "SECRET", "TOKEN",
		"GITHUB_SECRET", "MONITORING_TOKEN", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET",
		"STRIPE_SECRET", "FACEBOOK_APP_SECRET", "FACEBOOK_VERIFY_TOKEN", "ZALO_OA_SECRET", "MAILCHIMP_SECRET",
		"GITLAB_TOKEN", "GITEA_SECRET", "BITBUCKET_SECRET"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func lookIn(path, name string) (string, error) {
	for dir := range strings.SplitSeq(path, ":") {
		if info, err := os.Stat(dir + "/" + name); err == nil && !info.IsDir() {
			return dir + "/" + name, nil
		}
	}
	return exec.LookPath(name)
}

func scriptUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: until NAME PATTERN")
	}
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	m, err := named(ts, args).until(pattern)
	ts.Check(err)
	for i, name := range pattern.SubexpNames() {
		if name != "" {
			ts.Setenv(name, m[i])
		}
	}
}

func scriptSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: signal NAME TERM")
	}
	ts.Check(named(ts, args).cmd.Process.Signal(unix.SignalNum("SIG" + args[1])))
}

func scriptWait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: waits NAME [CODE]")
	}
	want := "0"
	if len(args) > 1 {
		want = args[1]
	}
	b := named(ts, args)
	ts.Check(b.wait())
	if got := fmt.Sprint(b.cmd.ProcessState.ExitCode()); got != want {
		ts.Fatalf("%s ended with %s, not %s:\n%s", args[0], b.cmd.ProcessState, want, b.last())
	}
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, not %s", code, args[0])
	}
}
