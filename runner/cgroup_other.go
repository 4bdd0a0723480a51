//go:build !linux

package runner

import (
	"errors"
	"syscall"

	"github.com/hooktender/hooktender/rules"
)

// Cgroups are Linux's.
type Cgroups struct{}

// OpenCgroups says that there are none on this system.
func OpenCgroups(string) (*Cgroups, error) { return nil, errors.New("only Linux has control groups") }

// Controllers lists none.
func (c *Cgroups) Controllers() []string { return nil }

// Close has nothing to do.
func (c *Cgroups) Close() error { return nil }

func (c *Cgroups) has(string) bool { return false }

func (c *Cgroups) clear() {}

func (c *Cgroups) open(string, *rules.Limits) (*cgroup, error) { return nil, nil }

type cgroup struct{}

func (g *cgroup) bound(string) bool         { return false }
func (g *cgroup) bear(*syscall.SysProcAttr) {}
func (g *cgroup) close()                    {}
func (g *cgroup) discard()                  {}
func (g *cgroup) populated() bool           { return false }
func (g *cgroup) empty() bool               { return true }
func (g *cgroup) remove() error             { return nil }
func (g *cgroup) hits() hits                { return hits{} }

func (p *process) usage(string, rules.Limits) usage { return usage{} }
