//go:build !linux

package runner

import (
	"context"
	"log/slog"
)

// Without /proc and waitid, a run's tree is its process group, and an orphan is
// left to the system.

// awaitExit returns when the leader has ended, and collects it.
func (p *process) awaitExit() { _ = p.cmd.Wait() }

func (p *process) collect() { known.remove(p.pid) }

func killTree(int, string, int) {}

func ourselves() int       { return 0 }
func hasOrphans() bool     { return false }
func identify(int) string  { return "" }
func stillRuns(string) int { return 0 }

func withoutInheritance(spawn func() error) error { return spawn() }

// Reap has nothing to do on this system.
func Reap(ctx context.Context, _ *slog.Logger) { <-ctx.Done() }

func (*Runner) holder(Conn) int64 { return 0 }
