package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/systemd"
)

// A reloader reads the configuration again when asked to, and puts it into
// force if nothing is wrong with it.
type reloader struct {
	options serveOptions
	log     *slog.Logger
	apply   func(*rules.Config) // cannot fail: all that can was done before

	one    sync.Mutex // one reload at a time
	config atomic.Pointer[rules.Config]
	began  *rules.Config // what the server began with, whose doors are open
	first  string        // its fingerprint, taken as soon as it was read
	asked  []string      // files that a broken configuration asked for
}

// current is the configuration in force.
func (r *reloader) current() *rules.Config { return r.config.Load() }

func (r *reloader) use(c *rules.Config) {
	r.config.Store(c)
	r.apply(c)
}

// reload says what came of it. With an error nothing has changed.
func (r *reloader) reload() (string, error) {
	r.one.Lock()
	defer r.one.Unlock()
	tell(r.log, systemd.Reloading())
	defer func() { tell(r.log, systemd.Ready()) }()

	config, loaded, err := r.load()
	r.asked = nil
	if err != nil {
		if config != nil {
			r.asked = config.Files
		}
		r.log.Error("the configuration is broken; the old one stays in force", "error", err)
		return "", err
	}
	r.use(config)
	waiting := needRestart(r.began, config)
	for _, name := range waiting {
		r.log.Warn("changed, but counts only after a restart", "setting", name)
	}
	r.log.Info("reloaded", "hooks", len(config.Set.Hooks()))
	advise(r.log, loaded)
	said := fmt.Sprintf("reloaded: %s", contents(config.Set))
	if len(waiting) > 0 {
		said += fmt.Sprintf("; %s changed, which counts only after a restart", strings.Join(waiting, ", "))
	}
	return said, nil
}

// load reads the configuration. Whatever a file does to us, the server that runs
// goes on.
func (r *reloader) load() (config *rules.Config, loaded *rules.Checking, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			r.log.Error("reading the configuration panicked; please report this with the file", "panic", cause, "stack", string(debug.Stack()))
			err = fmt.Errorf("the configuration cannot be read: %v", cause)
		}
	}()
	return r.options.load()
}

// needRestart lists the settings that were read when the doors were opened.
func needRestart(began, now *rules.Config) []string {
	var names []string
	for name, same := range map[string]bool{
		"server.listen":  began.Server.Listen == now.Server.Listen,
		"server.console": began.Server.Console == now.Server.Console,
		"server.tls":     sameTLS(began.Server.TLS, now.Server.TLS),
		"state":          began.State == now.State,
	} {
		if !same {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func sameTLS(a, b *rules.TLS) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// look is how often watch looks at the files. A change counts when the files
// have been the same for one look, so that one that is being written is left to
// be finished.
const look = 250 * time.Millisecond

// watch reloads when a file of the configuration changes. It looks at the names
// again each time, instead of asking the kernel about what they once meant: so
// it sees renames, swapped links and files that were away for a while, on every
// file system.
func (r *reloader) watch(ctx context.Context) {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	inForce, last := r.first, r.first
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := fingerprint(r.options.file, r.watched())
		settled := now == last
		last = now
		if settled && now != inForce {
			inForce = now
			_, _ = r.reload() // logs what came of it
		}
	}
}

// watched are the files of the configuration in force and of the one that was
// tried last, if that was broken: it may be whole when the secret is there that
// it lacks.
func (r *reloader) watched() []string {
	r.one.Lock()
	defer r.one.Unlock()
	return slices.Concat(r.current().Files, r.asked)
}

// fingerprint tells the files' present state from any other: which file a name
// leads to, its size and when it was written. The files are those that file, or
// the folder of that name, leads to.
func fingerprint(file string, files []string) string {
	var print []byte
	for _, path := range append([]string{file}, files...) {
		info, err := os.Stat(path)
		if err != nil {
			print = fmt.Appendf(print, "%s: %v\n", path, err)
			continue
		}
		print = fmt.Appendf(print, "%s: %v %v %v\n", path, fileID(info), info.Size(), info.ModTime().UnixNano())
	}
	return string(print)
}

// fileID tells a file from another one that has taken its name.
func fileID(info os.FileInfo) any {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return [2]uint64{uint64(s.Dev), s.Ino}
	}
	return nil
}
