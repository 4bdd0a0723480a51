package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hooktender/hooktender/runner"
)

// How much TestModel does; less with the race detector.
var (
	modelRounds = 12 // each but the last ends with SIGKILL or SIGTERM
	modelSteps  = 20 // of a round
)

const (
	modelBurst  = 8 // events at once, at most
	modelAtOnce = 4 // hooks that are in use in one round
)

// A modelDriver does things at random, and looks after each what the runs have
// become.
type modelDriver struct {
	t       *testing.T
	r       *rand.Rand
	post    *sender
	api     *http.Client
	server  *serverProcess
	journal string
	names   []string // of the hooks in use
	begun   time.Time

	runs        map[int64]*runner.Run // as they were at the last look
	interrupted bool                  // the server has ended since then
	over        map[int64]int         // bytes of the journal when a run was seen to be over
	disturbed   map[int64]bool        // that were not over when a server ended

	mu           sync.Mutex
	acknowledged map[int64]ack
	canceled     map[int64]bool // as the answer said
	history      []string
	suspects     map[int64]bool // runs of which something was wrong
}

// TestModel lets events, cancellations, kills and restarts happen at random, and
// holds the runs against the state machine of docs/states.md at each step, and
// against what the scripts have written about themselves.
func TestModel(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	m := &modelDriver{t: t, r: rand.New(rand.NewPCG(seed, 0)), post: bearer(t), journal: filepath.Join(t.TempDir(), "journal"), begun: time.Now(),
		runs: map[int64]*runner.Run{}, over: map[int64]int{}, disturbed: map[int64]bool{}, acknowledged: map[int64]ack{}, canceled: map[int64]bool{}, suspects: map[int64]bool{}}
	defer m.report()
	config, state := writeConfig(t, modelConfig(m.journal)), t.TempDir()
	for round := range modelRounds {
		m.shuffle()
		m.start(config, state)
		for range modelSteps {
			m.step()
			m.look()
		}
		if round < modelRounds-1 {
			m.end(state)
		}
	}
	m.server.waitForRuns()
	m.look()
	m.checkEnds()
	m.checkJournal()
	m.server.stop()
	t.Logf("%d runs in %v, %d of them canceled: %v", len(m.runs), time.Since(m.begun).Round(time.Millisecond), len(m.canceled), countStates(m.runs))
}

func (m *modelDriver) start(config, state string) {
	m.server = startServer(m.t, config, state)
	m.api = newSocketClient(m.t, m.server)
	m.note("the server has started")
	m.look()
}

// end ends the server in the middle of a burst, by SIGKILL or in good order,
// with somebody who cancels meanwhile; then it looks at the database of the dead.
func (m *modelDriver) end(state string) {
	kill := m.r.IntN(3) > 0
	var all sync.WaitGroup
	for _, event := range m.drawBurst() {
		all.Go(event)
	}
	all.Go(m.cancel())
	time.Sleep(time.Duration(m.r.IntN(20)) * time.Millisecond)
	if kill {
		m.note("SIGKILL")
		m.server.signal(syscall.SIGKILL)
	} else {
		m.note("SIGTERM")
		m.server.signal(syscall.SIGTERM)
	}
	all.Wait()
	m.post.client.CloseIdleConnections() // one that was never used keeps a server that stops waiting
	if err := m.server.wait(); err != nil {
		m.t.Fatal(err)
	}
	m.interrupted = true
	st := openStore(m.t, state)
	defer st.Close()
	list, err := st.Runs(m.t.Context(), runner.RunFilter{Limit: 1_000_000})
	if err != nil {
		m.t.Fatal(err)
	}
	m.compare(list)
	for id, run := range m.runs {
		m.disturbed[id] = m.disturbed[id] || !run.State.Ended()
		if !kill && run.State == runner.Running {
			m.suspect(id, "the server has stopped in good order, and it is running")
		}
	}
	m.interrupted = true // Recover comes after this look
}

// look lists the runs of the living server.
func (m *modelDriver) look() {
	resp, err := m.api.Get("http://x/api/runs?limit=1000000")
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	var list []*runner.Run
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		m.t.Fatal(err)
	}
	m.compare(list)
}

// compare holds a listing against the one before.
func (m *modelDriver) compare(list []*runner.Run) {
	written := m.journalSize()
	now := map[int64]*runner.Run{}
	for _, run := range list {
		now[run.ID] = run
	}
	for _, id := range sortedIDs(now) {
		before, run := m.runs[id], now[id]
		if before == nil || before.State != run.State || before.Attempt != run.Attempt {
			m.note("run %d of %s is %s, attempt %d, %d failures (%s)", id, run.Hook, run.State, run.Attempt, run.Failures, run.Error)
		}
		if problem := transition(before, run, m.interrupted); problem != "" {
			m.suspect(id, "%s", problem)
		}
		if _, noted := m.over[id]; run.State.Ended() && !noted {
			m.over[id] = written
		}
	}
	for id := range m.runs {
		if now[id] == nil {
			m.suspect(id, "it is gone")
		}
	}
	for _, problem := range crowds(now) {
		m.note("WRONG: %s", problem)
		m.t.Error(problem)
	}
	m.runs, m.interrupted = now, false
}

func (m *modelDriver) journalSize() int {
	info, err := os.Stat(m.journal)
	if err != nil {
		return 0
	}
	return int(info.Size())
}

func (m *modelDriver) note(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.noteLocked(format, args...)
}

func (m *modelDriver) noteLocked(format string, args ...any) {
	m.history = append(m.history, fmt.Sprintf("%7.3f ", time.Since(m.begun).Seconds())+fmt.Sprintf(format, args...))
}

// suspect notes what is wrong with a run.
func (m *modelDriver) suspect(id int64, format string, args ...any) {
	problem := fmt.Sprintf("run %d: ", id) + fmt.Sprintf(format, args...)
	m.note("WRONG: %s", problem)
	m.mu.Lock()
	m.suspects[id] = true
	m.mu.Unlock()
	m.t.Error(problem)
}

// report prints, when the test has failed, what happened to the runs with which
// something is wrong, to their groups, and to the server.
func (m *modelDriver) report() {
	if !m.t.Failed() {
		return
	}
	groups := map[string]bool{}
	for id := range m.suspects {
		if run := m.runs[id]; run != nil && run.Group != "" {
			groups[run.Group] = true
		}
	}
	for _, line := range m.history {
		var id int64
		if _, after, found := strings.Cut(line, "run "); found {
			_, _ = fmt.Sscan(after, &id)
		}
		run := m.runs[id]
		if id == 0 || m.suspects[id] || run != nil && groups[run.Group] {
			m.t.Log(line)
		}
	}
}

func sortedIDs(runs map[int64]*runner.Run) []int64 { return slices.Sorted(maps.Keys(runs)) }

func countStates(runs map[int64]*runner.Run) map[runner.State]int {
	n := map[runner.State]int{}
	for _, run := range runs {
		n[run.State]++
	}
	return n
}
