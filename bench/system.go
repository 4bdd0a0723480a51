package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// secret is what all hooks believe and all senders sign with.
const secret = "only for measuring"

// errCannot says that a server has no such thing: it is left out of the case.
var errCannot = errors.New("this server cannot do that")

// A workload is what a server is configured to do.
type workload struct {
	hooks   int      // all alike; the last one is asked
	command []string // that a push starts; none: the rule does not match
	output  bool     // the command's output is kept, or told in the answer
	held    bool     // events are stored, and nothing is started yet
	state   string   // state folder to go on with; empty: a new one
}

// kind is what should become of a request.
type kind int

const (
	ignored  kind = iota // genuine, and no rule matches
	rejected             // the signature does not match
	fired
)

// An answer is what a sender is told.
type answer struct {
	status int
	body   string // is part of it
}

// A system is a server that is measured.
type system interface {
	name() string
	ours() bool // it is hooktender
	binary() string
	// command is the server that listens at address and does the work. It may
	// write to dir, which is its own.
	command(dir, address string, w workload) (*exec.Cmd, error)
	route(hook int) string // the path of a hook, from 0
	// answers says what a sender is told. What answers something else is not
	// measured: it has not done what it should.
	answers(k kind, w workload) answer
}

// peers are those that are known, by the name that -peer gives.
var peers = map[string]func(file string) system{
	"webhook": func(file string) system { return webhook{file} },
	"earlier": func(file string) system { return hooktender{"earlier", file} },
}

func peerNames() (names []string) {
	for name := range peers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// newPeer reads NAME=PATH.
func newPeer(peer string) (system, error) {
	name, file, ok := strings.Cut(peer, "=")
	if !ok || name == "" || file == "" {
		return nil, fmt.Errorf("%q is not NAME=PATH", peer)
	}
	known := peers[name]
	if known == nil {
		return nil, fmt.Errorf("how a server %q is configured is not known here, only: %s", name, strings.Join(peerNames(), ", "))
	}
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	if _, err := exec.LookPath(file); err != nil {
		return nil, fmt.Errorf("the peer %s cannot be started: %w", name, err)
	}
	return known(file), nil
}

// hooktender is what this repository is about: built from it, or another build
// of it to compare with.
type hooktender struct{ label, file string }

func (h hooktender) name() string        { return h.label }
func (hooktender) ours() bool            { return true }
func (h hooktender) binary() string      { return h.file }
func (hooktender) route(hook int) string { return fmt.Sprintf("/hook/%d", hook) }

func (h hooktender) command(dir, address string, w workload) (*exec.Cmd, error) {
	config := filepath.Join(dir, "hooktender.yaml")
	if w.state == "" {
		w.state = filepath.Join(dir, "state")
	}
	return exec.Command(h.file, "serve", config), writeConfig(config, address, w)
}

func (hooktender) answers(k kind, _ workload) answer {
	switch k {
	case rejected:
		return answer{401, ""}
	case fired:
		return answer{202, `"accepted"`}
	}
	return answer{200, `"ignored"`}
}

// webhook is github.com/adnanh/webhook, 2.8. A wrong signature is an error of the
// server to it.
type webhook struct{ file string }

func (webhook) name() string          { return "webhook" }
func (webhook) ours() bool            { return false }
func (h webhook) binary() string      { return h.file }
func (webhook) route(hook int) string { return fmt.Sprintf("/hooks/%d", hook) }

func (h webhook) command(dir, address string, w workload) (*exec.Cmd, error) {
	if w.held || w.state != "" {
		return nil, errCannot
	}
	config := filepath.Join(dir, "webhook.json")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return exec.Command(h.file, "-ip", host, "-port", port, "-hooks", config), writeConfig(config, address, w)
}

func (webhook) answers(k kind, _ workload) answer {
	switch k {
	case rejected:
		return answer{500, "evaluating hook rules"}
	case fired:
		return answer{200, ""}
	}
	return answer{200, "not satisfied"}
}

// bare is bench/bare, the limit.
type bare struct{ file string }

func (bare) name() string     { return "bare" }
func (bare) ours() bool       { return false }
func (b bare) binary() string { return b.file }
func (bare) route(int) string { return "/" }

func (b bare) command(_, address string, w workload) (*exec.Cmd, error) {
	if w.held || w.state != "" || w.hooks > 1 {
		return nil, errCannot
	}
	return exec.Command(b.file, append([]string{"-listen", address, fmt.Sprintf("-wait=%v", w.output), "--"}, w.command...)...), nil
}

func (bare) answers(k kind, _ workload) answer {
	if k == rejected {
		return answer{401, ""}
	}
	return answer{200, ""}
}

//go:embed config
var configs embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{"json": func(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}}).ParseFS(configs, "config/*.tmpl"))

// writeConfig fills in the template that is named after the file.
func writeConfig(file, address string, w workload) error {
	command, ref := w.command, "refs/heads/master" // that of the push that is sent
	if len(command) == 0 {
		command, ref = []string{"/bin/true"}, "refs/heads/never"
	}
	hooks := make([]int, w.hooks)
	for i := range hooks {
		hooks[i] = i
	}
	var text bytes.Buffer
	err := templates.ExecuteTemplate(&text, filepath.Base(file)+".tmpl", map[string]any{
		"Address": address, "State": w.state, "Held": w.held, "Hooks": hooks, "Ref": ref, "Secret": secret,
		"Command": command, "Program": command[0], "Arguments": command[1:], "Output": w.output,
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return os.WriteFile(file, text.Bytes(), 0o600)
}
