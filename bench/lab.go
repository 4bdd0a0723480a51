package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// pushFile is the event that is sent, a push as GitHub sends it.
const pushFile = "cmd/hooktender/payloads/github/push.json"

// A lab is what all measurements share. Close it.
type lab struct {
	systems   []system
	time      time.Duration // of one measurement
	push      []byte
	dir       string          // for everything that is written; removed at the end
	histories map[string]bool // those that are there, by the names of their folders
	notes     []string
	current   benchCase
	profiles  string // folder
}

// newLab builds what is ours.
func newLab(ctx context.Context, o options) (_ *lab, err error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("what a server uses is read from /proc, which %s does not have", runtime.GOOS)
	}
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/hooktender/hooktender").Output()
	if err != nil {
		return nil, fmt.Errorf("find the repository: %w; start it there, with go run ./bench", err)
	}
	repo := strings.TrimSpace(string(root))
	lab := &lab{time: o.time, histories: map[string]bool{}}
	if o.profiles != "" {
		if lab.profiles, err = filepath.Abs(o.profiles); err != nil {
			return nil, err
		}
	}
	if lab.push, err = os.ReadFile(filepath.Join(repo, pushFile)); err != nil {
		return nil, err
	}
	lab.push = []byte(strings.TrimSpace(string(lab.push)))
	if lab.dir, err = os.MkdirTemp("", "hooktender-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lab.close()
		}
	}()
	ours, limit := filepath.Join(lab.dir, "hooktender"), filepath.Join(lab.dir, "bare")
	overlay, err := lab.overlay(repo)
	if err != nil {
		return nil, err
	}
	if err := build(ctx, repo, ours, "./cmd/hooktender", overlay...); err != nil {
		return nil, err
	}
	if err := build(ctx, repo, limit, "./bench/bare"); err != nil {
		return nil, err
	}
	lab.systems = []system{hooktender{"hooktender", ours}, bare{limit}}
	for _, peer := range o.peers {
		s, err := newPeer(peer)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(lab.systems, func(other system) bool { return other.name() == s.name() }) {
			return nil, fmt.Errorf("the peer %s is given twice", s.name())
		}
		lab.systems = append(lab.systems, s)
	}
	return lab, nil
}

// build builds as make build does.
func build(ctx context.Context, repo, file, pkg string, flags ...string) error {
	args := append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", file}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir, cmd.Env = repo, append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", pkg, err, said)
	}
	return nil
}

func (lab *lab) close() { _ = os.RemoveAll(lab.dir) }

// note keeps what is to be told below the table, once.
func (lab *lab) note(format string, values ...any) {
	if note := fmt.Sprintf(format, values...); !slices.Contains(lab.notes, note) {
		lab.notes = append(lab.notes, note)
	}
}

// describe tells on what and of what it was measured.
func (lab *lab) describe() string {
	lines := []string{fmt.Sprintf("%s, %d CPUs, %s; %s; %s; a push of %d bytes, %d connections.",
		processor(), runtime.NumCPU(), kernel(), runtime.Version(), time.Now().Format(time.DateOnly), len(lab.push), senders)}
	for _, s := range lab.systems {
		if _, isBare := s.(bare); !isBare {
			lines = append(lines, fmt.Sprintf("%s: %s.", s.name(), version(s)))
		}
	}
	return strings.Join(append(lines, lab.notes...), "\n")
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	number, _, _ := strings.Cut(strings.TrimSpace(string(release)), "-") // the rest is who has built it
	return "Linux " + number
}
