package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hooktender/hooktender/bench/past"
)

// How many runs lie behind a server with a short and with a long history.
const (
	shortHistory = 1_000
	longHistory  = 1_000_000
)

// history returns a state folder with n runs, which it makes when it is asked for
// the first time. The server makes the database itself.
func (lab *lab) history(ctx context.Context, s system, n int) (string, error) {
	name := fmt.Sprintf("%s-%d-runs", s.name(), n)
	dir := filepath.Join(lab.dir, name)
	if lab.histories[name] {
		return dir, nil
	}
	p, err := lab.start(ctx, s, workload{hooks: 1, state: dir})
	if err != nil {
		return "", err
	}
	p.stop()
	if err := past.Write(filepath.Join(dir, "hooktender.db"), n); err != nil {
		return "", err
	}
	lab.histories[name] = true
	return dir, nil
}

// listing is how long the command line waits for its first page.
func listing(runs int) func(context.Context, *lab, system) (measurement, error) {
	return func(ctx context.Context, lab *lab, s system) (m measurement, err error) {
		w := workload{hooks: 1}
		if w.state, err = lab.history(ctx, s, runs); err != nil {
			return m, err
		}
		p, err := lab.start(ctx, s, w)
		if err != nil {
			return m, err
		}
		defer p.stop()
		var took []float64
		for began := time.Now(); time.Since(began) < lab.time/3; {
			begun := time.Now()
			var newest []any
			if err := p.get(ctx, "/api/runs?limit=50", &newest); err != nil {
				return m, err
			}
			if len(newest) != 50 {
				return m, fmt.Errorf("%d runs are listed", len(newest))
			}
			took = append(took, time.Since(begun).Seconds()*1000)
		}
		slices.Sort(took)
		m = only(quantile(took, .5))
		m.p50, m.p99 = m.value, quantile(took, .99)
		return m, nil
	}
}

func startWithHistory(ctx context.Context, lab *lab, s system) (m measurement, err error) {
	w := workload{hooks: 1}
	if w.state, err = lab.history(ctx, s, longHistory); err != nil {
		return m, err
	}
	return lab.starting(ctx, s, w)
}

// storedWithHistory leaves the history as it is: what is held stays on disk.
func storedWithHistory(ctx context.Context, lab *lab, s system) (m measurement, err error) {
	past, err := lab.history(ctx, s, longHistory)
	if err != nil {
		return m, err
	}
	w := held
	w.state = filepath.Join(lab.dir, "copy")
	defer os.RemoveAll(w.state)
	if err := os.CopyFS(w.state, os.DirFS(past)); err != nil {
		return m, fmt.Errorf("copy the history: %w", err)
	}
	return lab.pushes(ctx, s, w, load{kind: fired})
}
