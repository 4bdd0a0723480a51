package server

import (
	"net/http"
	"net/netip"

	"github.com/hooktender/hooktender/runner"
)

// cause finds the run whose script sent a request, 0 if none is known: the one
// that the header names, if it is running, or the one whose process is at the
// other end of the connection.
func (in *Intake) cause(r *http.Request) int64 {
	if named := r.Header.Get(RunHeader); named != "" {
		return in.queue.Named(named)
	}
	if r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
		return 0 // at the other end is a proxy
	}
	return in.sender(r)
}

// sender is the run whose process is at the other end of a connection, 0 if none.
func (in *Intake) sender(r *http.Request) int64 {
	conn, ok := connOf(r)
	if !ok {
		return 0
	}
	known, ok := r.Context().Value(holdingKey{}).(*holding)
	if !ok {
		run, _ := in.queue.Holder(conn)
		return run
	}
	known.mu.Lock()
	defer known.mu.Unlock()
	if !known.asked {
		known.run, known.asked = in.queue.Holder(conn)
	}
	return known.run
}

// connOf is the connection of a request, if its other end is on this machine.
func connOf(r *http.Request) (c runner.Conn, local bool) {
	if p, ok := peerOf(r.Context()); ok {
		return runner.Conn{PID: p.pid}, true
	}
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return c, false
	}
	here, ok := localAddr(r)
	if !ok || !remote.Addr().IsLoopback() && remote.Addr() != here.Addr() {
		return c, false
	}
	return runner.Conn{Local: here, Remote: remote}, true
}

// guard stops loops: a run that is the last of a long chain, in which each run's
// script sent the event of the next, waits for a person.
func (in *Intake) guard(runs []*runner.Run, cause int64) {
	if cause == 0 {
		return
	}
	causing, err := in.store.Run(in.stopping, cause)
	if err != nil {
		return // it is no run of ours, or none that is kept
	}
	for _, run := range runs {
		run.CausedBy, run.Chain = cause, causing.Chain+1
		if limit := run.Command.LoopLimit; limit > 0 && run.Chain > limit {
			run.State, run.Hold = runner.Waiting, runner.HoldLoop
		}
	}
}

// tellHeld says which runs wait for a person, once that is on disk.
func (in *Intake) tellHeld(runs []*runner.Run) {
	for _, run := range runs {
		switch run.Hold {
		case runner.HoldApproval:
			in.log.Info("a run waits for somebody to approve or reject it: hooktender runs approve", "run", run.ID, "hook", run.Hook, "rule", run.Rule)
		case runner.HoldLoop:
			in.log.Error("a loop is stopped: each of these runs sent the event of the next; this one waits for somebody to approve or reject it (loop_limit)",
				"run", run.ID, "hook", run.Hook, "rule", run.Rule, "chain", run.Chain, "caused_by", run.CausedBy)
		}
	}
}
