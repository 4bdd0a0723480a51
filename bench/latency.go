package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// pause is between two events of which the second is to find the server idle.
const pause = 5 * time.Millisecond

// scriptStart sends one event at a time to a script that only writes a line to a
// pipe. So a process and a shell's first line are in what is measured, for all
// servers alike.
func scriptStart(ctx context.Context, lab *lab, s system) (m measurement, err error) {
	name := filepath.Join(lab.dir, "pipe")
	defer os.Remove(name)
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		return m, fmt.Errorf("make the pipe %s: %w", name, err)
	}
	pipe, err := os.OpenFile(name, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return m, err
	}
	begun := make(chan time.Time) // when each script wrote its line
	defer func() {
		pipe.Close()
		for range begun { // until its reader has seen that
		}
	}()
	go func() {
		defer close(begun)
		var line [1]byte
		for {
			if _, err := pipe.Read(line[:]); err != nil {
				return
			}
			begun <- time.Now()
		}
	}()
	p, err := lab.start(ctx, s, workload{hooks: 1, command: []string{"/bin/sh", "-c", "echo >" + name}})
	if err != nil {
		return m, err
	}
	defer p.stop()
	sender := load{server: p, kind: fired, body: lab.push}.sender()
	defer sender.close()
	var waited []float64
	for began := time.Now(); time.Since(began) < lab.time; time.Sleep(pause) {
		sent := time.Now()
		answered := make(chan error, 1)
		go func() { answered <- sender.send() }()
		select {
		case at := <-begun:
			waited = append(waited, at.Sub(sent).Seconds()*1000)
		case <-ctx.Done():
			return m, ctx.Err()
		case <-time.After(answersLast):
			return m, fmt.Errorf("the script does not begin within %v; see %s", answersLast, p.log)
		}
		if err := <-answered; err != nil {
			return m, err
		}
	}
	slices.Sort(waited)
	m = only(quantile(waited, .5))
	m.p50, m.p99 = m.value, quantile(waited, .99)
	return m, nil
}
