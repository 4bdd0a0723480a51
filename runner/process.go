package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A process is the leader of an attempt's process group, with the pipes that
// its output comes through.
type process struct {
	cmd    *exec.Cmd
	pid    int             // also the id of the process group
	group  *cgroup         // nil: none
	hits   hits            // known when it is released
	pipes  []*os.File      // our ends
	eof    <-chan struct{} // closed when every process that held the other ends is gone
	exited <-chan struct{} // closed when the leader has ended
}

// A launch is what a process is started with.
type launch struct {
	argv, env []string
	dir       string
	stdin     *os.File // nil: nothing to read
	as        *account // nil: the server's own user
	group     *cgroup  // nil: none
}

// start runs the command in a process group of its own. Everything it prints
// goes to sink, from other goroutines.
func start(l *launch, sink func(Stream, []byte, time.Time)) (*process, error) {
	path, err := lookPath(l.argv[0], l.dir, l.env)
	if err != nil {
		return nil, err
	}
	attr := &syscall.SysProcAttr{Setpgid: true}
	l.as.become(attr)
	l.group.bear(attr)
	cmd := &exec.Cmd{Path: path, Args: l.argv, Env: l.env, Dir: l.dir, SysProcAttr: attr}
	if l.stdin != nil {
		cmd.Stdin = l.stdin
	}
	p := &process{cmd: cmd, group: l.group}
	theirs, err := p.openPipes()
	if err != nil {
		return nil, err
	}
	if l.as == nil {
		err = p.spawn()
	} else {
		err = withoutInheritance(p.spawn)
	}
	closeAll(theirs)
	if err != nil {
		closeAll(p.pipes)
		return nil, explainStart(err, path, l)
	}
	l.group.close()
	p.eof = p.read(sink)
	exited := make(chan struct{})
	p.exited = exited
	go func() { p.awaitExit(); close(exited) }()
	return p, nil
}

func (p *process) spawn() error {
	defer starting.begin()()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.pid = p.cmd.Process.Pid
	known.add(p.pid)
	return nil
}

// openPipes makes a pipe for each stream and returns the child's ends.
func (p *process) openPipes() (theirs []*os.File, err error) {
	for range 2 {
		ours, their, err := os.Pipe()
		if err != nil {
			closeAll(p.pipes)
			closeAll(theirs)
			return nil, fmt.Errorf("make a pipe for the output: %w", err)
		}
		p.pipes, theirs = append(p.pipes, ours), append(theirs, their)
	}
	p.cmd.Stdout, p.cmd.Stderr = theirs[0], theirs[1]
	return theirs, nil
}

// read hands on what comes through the pipes until they end.
func (p *process) read(sink func(Stream, []byte, time.Time)) <-chan struct{} {
	var readers sync.WaitGroup
	for i, stream := range []Stream{Stdout, Stderr} {
		readers.Go(func() { readPipe(p.pipes[i], stream, sink) })
	}
	eof := make(chan struct{})
	go func() { readers.Wait(); close(eof) }()
	return eof
}

var pipeBuffers = sync.Pool{New: func() any { return new([maxSegment]byte) }}

func readPipe(f *os.File, stream Stream, sink func(Stream, []byte, time.Time)) {
	defer f.Close()
	buf := pipeBuffers.Get().(*[maxSegment]byte)
	defer pipeBuffers.Put(buf)
	for {
		n, err := f.Read(buf[:])
		if n > 0 {
			sink(stream, buf[:n], time.Now())
		}
		if err != nil {
			return // the end, or the deadline that release sets
		}
	}
}

// terminate asks the whole group to end.
func (p *process) terminate() { _ = syscall.Kill(-p.pid, syscall.SIGTERM) }

// kill ends the whole tree. Without a control group, which nothing leaves, the
// tree comes first: once a parent is dead, nothing tells whose child a process
// was.
func (p *process) kill(mark string) {
	if p.group == nil || !p.group.empty() {
		killTree(p.pid, mark, ourselves())
	}
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
}

// leftBehind tells whether, after its leader, anything may be left of the tree.
func (p *process) leftBehind() bool {
	if p.group != nil {
		return p.group.populated()
	}
	return hasOrphans()
}

// release ends what the leader left behind and collects it. To be called when
// the leader has ended: until then its id keeps the group's id from being taken
// by another.
func (p *process) release() *os.ProcessState {
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	// What could not be found may still hold the pipe; its output is not this
	// attempt's any more.
	for _, f := range p.pipes {
		_ = f.SetReadDeadline(time.Now().Add(lastWords))
	}
	<-p.eof
	p.hits = p.group.hits()
	p.collect()
	return p.cmd.ProcessState
}

// lastWords is how long what is still in a pipe may take to be read.
const lastWords = 100 * time.Millisecond

// isScarce tells that the system had not enough of something.
func isScarce(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// explainStart says what a person can do about a process that did not start.
func explainStart(err error, path string, l *launch) error {
	if info, statErr := os.Stat(l.dir); l.dir != "" && (statErr != nil || !info.IsDir()) {
		return fmt.Errorf("the working folder %s does not exist", l.dir)
	}
	if why := l.as.explainStart(err, path, l.dir); why != nil {
		return why
	}
	switch {
	case errors.Is(err, syscall.E2BIG):
		return fmt.Errorf("the arguments and variables are too long for the system (128 KiB each, about 2 MiB together); let the script read standard input or $%s instead: %w", payloadVar, err)
	case errors.Is(err, syscall.EINVAL):
		return fmt.Errorf("an argument holds a NUL byte, which no program can be given: %w", err)
	case errors.Is(err, fs.ErrPermission):
		if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
			return fmt.Errorf("%s is a folder, not a program: %w", path, err)
		}
		return fmt.Errorf("%s is not executable (chmod +x): %w", path, err)
	case errors.Is(err, fs.ErrNotExist):
		if _, statErr := os.Stat(path); statErr == nil {
			return fmt.Errorf("the interpreter in the first line of %s does not exist: %w", path, err)
		}
		return fmt.Errorf("%s does not exist: %w", path, err)
	case errors.Is(err, unix.ENOEXEC):
		return fmt.Errorf("%s is no program; a script needs a first line like #!/bin/sh: %w", path, err)
	}
	return err
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// signalName is the name of the signal that ended a process, "" if none did.
func signalName(state *os.ProcessState) string {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return unix.SignalName(status.Signal())
	}
	return ""
}

// pids is a set of process ids.
type pids struct {
	mu  sync.Mutex
	set map[int]bool
}

// known are the leaders that this process has started and not yet collected.
var known = pids{set: map[int]bool{}}

func (p *pids) add(pid int)      { p.mu.Lock(); p.set[pid] = true; p.mu.Unlock() }
func (p *pids) remove(pid int)   { p.mu.Lock(); delete(p.set, pid); p.mu.Unlock() }
func (p *pids) has(pid int) bool { p.mu.Lock(); defer p.mu.Unlock(); return p.set[pid] }
