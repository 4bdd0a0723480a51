package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// profileVar names the file of a profile to config/profile.go.txt.
const profileVar = "BENCH_PROFILE"

// overlay is the flags of go build that put config/profile.go.txt into
// hooktender, if profiles are wanted. The product knows nothing of it.
func (lab *lab) overlay(repo string) (flags []string, err error) {
	if lab.profiles == "" {
		return nil, nil
	}
	if err := os.MkdirAll(lab.profiles, 0o755); err != nil {
		return nil, err
	}
	text, err := configs.ReadFile("config/profile.go.txt")
	if err != nil {
		return nil, err
	}
	source, list := filepath.Join(lab.dir, "profile.go"), filepath.Join(lab.dir, "overlay.json")
	if err := os.WriteFile(source, text, 0o600); err != nil {
		return nil, err
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(repo, "cmd/hooktender/bench_profile.go"): source}})
	if err != nil {
		return nil, err
	}
	return []string{"-overlay", list}, os.WriteFile(list, replace, 0o600)
}

// profileOf is the file of the current case; the last round stays.
func (lab *lab) profileOf(s system) string {
	words := strings.FieldsFunc(lab.current.title, func(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9') })
	return filepath.Join(lab.profiles, s.name()+"-"+lab.current.letter+"-"+strings.Join(words, "-")+".pprof")
}

// profile begins a profile of the server, if one is wanted, and returns what ends
// it and waits until it is written.
func (lab *lab) profile(p *process) (end func()) {
	if lab.profiles == "" || p.system.name() != "hooktender" {
		return func() {}
	}
	file := lab.profileOf(p.system)
	_ = os.Remove(file)
	_ = p.cmd.Process.Signal(syscall.SIGUSR1)
	return func() {
		_ = p.cmd.Process.Signal(syscall.SIGUSR1)
		for range 500 {
			if _, err := os.Stat(file); err == nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		lab.note("%s was not written", file)
	}
}
