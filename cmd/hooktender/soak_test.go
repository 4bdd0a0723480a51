package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// soakEvents is how many events TestSoak has acknowledged in all; less with the
// race detector.
var soakEvents = 10_000

const (
	soakRounds  = 6 // each but the last ends with a SIGKILL
	soakSenders = 32
	soakKeys    = 5 // groups, and keys of throttle and debounce
	soakEvery   = 200 * time.Millisecond
)

// A soakKind is a hook of TestSoak, with the states that its runs may end in.
// Any may also be canceled.
type soakKind struct {
	settings string
	script   string
	states   []runner.State
}

const (
	soakBegin = `echo "begin $HOOKTENDER_RUN $HOOKTENDER_ATTEMPT" >>"$LOG"; `
	soakEnd   = `echo "end $HOOKTENDER_RUN $HOOKTENDER_ATTEMPT" >>"$LOG"`
	soakLong  = soakBegin + `sleep 0.01; ` + soakEnd
)

var soakKinds = map[string]soakKind{
	"plain":    {"", soakBegin + soakEnd, []runner.State{runner.Succeeded}},
	"queue":    {`concurrency: {group: "queue {{ key }}"}`, soakLong, []runner.State{runner.Succeeded}},
	"latest":   {`concurrency: {group: "latest {{ key }}", busy: latest}`, soakLong, []runner.State{runner.Succeeded, runner.Superseded}},
	"skip":     {`concurrency: {group: "skip {{ key }}", busy: skip}`, soakLong, []runner.State{runner.Succeeded, runner.Skipped}},
	"debounce": {`debounce: {quiet: 30ms, max: 200ms, by: "{{ key }}"}`, soakBegin + soakEnd, []runner.State{runner.Succeeded, runner.Superseded}},
	"throttle": {`throttle: {every: ` + soakEvery.String() + `, by: "{{ key }}"}`, soakBegin + soakEnd, []runner.State{runner.Succeeded}},
	"retry": {`retry: {attempts: 3, delay: 20ms}`,
		soakBegin + `[ "$HOOKTENDER_ATTEMPT" -gt 1 ] || { echo "fail $HOOKTENDER_RUN 1" >>"$LOG"; exit 1; }; ` + soakEnd,
		[]runner.State{runner.Succeeded}},
}

func soakConfig(log string) string {
	var b strings.Builder
	b.WriteString("server: {max_running: 16, max_queued: 100000}\nhooks:\n")
	for name, k := range soakKinds {
		fmt.Fprintf(&b, "  /%[1]s:\n    verify: {bearer: %[2]q}\n    rules:\n      - name: %[1]s\n        run: '%[3]s'\n        env: {LOG: %[4]q}\n        %[5]s\n",
			name, testSecret, k.script, log, k.settings)
	}
	return b.String()
}

// An execution is one attempt of one run.
type execution struct {
	run     int64
	attempt int
}

// A soak is what the test did and what it was told.
type soak struct {
	t     *testing.T
	seed  uint64
	post  *sender
	kills []time.Time
	// interrupted are the attempts under way at the kills, as the database says.
	interrupted map[execution]bool
	kill        map[int64]int // how many of them each run had

	mu           sync.Mutex
	acknowledged map[int64]ack
	recent       []int64       // of this round
	canceled     map[int64]int // the round in which canceling it was answered well
}

// An ack is what an answer said of a run, and when.
type ack struct {
	delivery       int64
	hook           string
	sent, answered time.Time
}

// TestSoak: many runs of all kinds, with runs being canceled, and the server
// killed again and again at any moment. In the end everything that was
// acknowledged is over, in a state that its rule allows, and has run as often as
// the database says.
func TestSoak(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	log := filepath.Join(t.TempDir(), "log")
	config, state := writeConfig(t, soakConfig(log)), t.TempDir()
	k := &soak{t: t, seed: seed, post: bearer(t), interrupted: map[execution]bool{}, kill: map[int64]int{},
		acknowledged: map[int64]ack{}, canceled: map[int64]int{}}
	begun := time.Now()
	var s *serverProcess
	for round := range soakRounds {
		s = startServer(t, config, state)
		k.round(s, round)
		if round < soakRounds-1 {
			if err := s.wait(); err != nil {
				t.Fatal(err)
			}
			k.lookAtDead(state)
		}
	}
	posted := time.Since(begun)
	s.waitForRuns()
	c := newSoakCheck(t, s, log)
	s.stop()
	k.check(c)
	t.Logf("%d acknowledged after %v, all over after %v: %v; %d interrupted in %d kills, %d canceled",
		len(k.acknowledged), posted, time.Since(begun), c.count(), len(k.interrupted), len(k.kills), len(k.canceled))
}

// round posts and cancels until its share is acknowledged. Then or meanwhile
// the server is killed, unless it is the last round.
func (k *soak) round(s *serverProcess, round int) {
	r := rand.New(rand.NewPCG(k.seed, uint64(round)))
	before := len(k.acknowledged)
	share := (soakEvents - before) / (soakRounds - round)
	if round < soakRounds-1 {
		share += r.IntN(share/2) - share/4
	}
	k.recent = nil
	enough, end := context.WithCancel(k.t.Context())
	defer end()
	inTheMiddle := round < soakRounds-1 && round%2 == 0
	once := sync.OnceFunc(func() {
		if inTheMiddle {
			k.killNow(s)
		} else {
			end()
		}
	})
	api := newSocketClient(k.t, s)
	var senders sync.WaitGroup
	for i := range soakSenders {
		r := rand.New(rand.NewPCG(k.seed, uint64(round+1)<<32|uint64(i)))
		senders.Go(func() {
			for enough.Err() == nil && k.event(s, r) {
				if r.IntN(15) == 0 {
					k.cancel(api, round, r)
				}
				k.mu.Lock()
				if len(k.acknowledged) >= before+share {
					once()
				}
				k.mu.Unlock()
			}
		})
	}
	senders.Wait()
	if round < soakRounds-1 && !inTheMiddle {
		// While nobody sends: when any one of the runs has ended.
		run := k.recent[r.IntN(len(k.recent))]
		body, err := s.client().open(k.t.Context(), "GET", fmt.Sprintf("/api/runs/%d/output", run), url.Values{"follow": {"1"}})
		if err != nil {
			k.t.Fatal(err)
		}
		_ = json.NewDecoder(body).Decode(new(json.RawMessage)) // it prints nothing, so this is the end
		body.Close()
		k.killNow(s)
	}
}

func (k *soak) killNow(s *serverProcess) {
	k.kills = append(k.kills, time.Now())
	if err := s.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		k.t.Errorf("kill: %v", err)
	}
}

// event posts one event, and tells whether the server lives.
func (k *soak) event(s *serverProcess, r *rand.Rand) bool {
	kinds := []string{"plain", "queue", "latest", "skip", "debounce", "throttle", "retry"}
	hook := "/" + kinds[r.IntN(len(kinds))]
	sent := time.Now()
	a, err := k.post.with(fmt.Sprintf(`{"key": %d}`, r.IntN(soakKeys))).post(k.t.Context(), "http://"+s.address+hook)
	if err != nil {
		return false
	}
	throttled := hook == "/throttle" && a.status == http.StatusOK && len(a.Runs) == 0
	if !throttled && (a.status != http.StatusAccepted || len(a.Runs) != 1) {
		k.t.Errorf("%s: answered %d with %d runs", hook, a.status, len(a.Runs))
		return true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, run := range a.Runs {
		if _, twice := k.acknowledged[run.ID]; twice {
			k.t.Errorf("run %d was acknowledged twice", run.ID)
		}
		k.acknowledged[run.ID] = ack{a.Delivery, hook, sent, time.Now()}
		k.recent = append(k.recent, run.ID)
	}
	return true
}

// cancel cancels any one of the last runs of the round, and notes it if the
// server takes it.
func (k *soak) cancel(api *http.Client, round int, r *rand.Rand) {
	k.mu.Lock()
	recent := k.recent[max(len(k.recent)-200, 0):]
	k.mu.Unlock()
	if len(recent) == 0 {
		return
	}
	run := recent[r.IntN(len(recent))]
	resp, err := api.Post(fmt.Sprintf("http://x/api/runs/%d/cancel", run), "", nil)
	if err != nil {
		return // killed
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		k.mu.Lock()
		k.canceled[run] = round
		k.mu.Unlock()
	} else if resp.StatusCode != http.StatusConflict {
		k.t.Errorf("canceling run %d: %s", run, resp.Status)
	}
}

// newSocketClient is a client of the private door that keeps its connections.
func newSocketClient(t *testing.T, s *serverProcess) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: soakSenders,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socketPath(s.state))
		}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// lookAtDead asks the database of the killed server what was running. There is
// at most one of each group.
func (k *soak) lookAtDead(state string) {
	k.t.Helper()
	st := openStore(k.t, state)
	defer st.Close()
	places, err := st.Unfinished(k.t.Context(), runner.Running)
	if err != nil {
		k.t.Fatal(err)
	}
	groups := map[string]int64{}
	for _, p := range places {
		run, err := st.Run(k.t.Context(), p.ID)
		if err != nil {
			k.t.Fatal(err)
		}
		k.interrupted[execution{run.ID, run.Attempt}] = true
		k.kill[run.ID]++
		if other := groups[run.Group]; run.Group != "" && other != 0 {
			k.t.Errorf("runs %d and %d of the group %q ran at once when the server was killed", other, run.ID, run.Group)
		}
		groups[run.Group] = run.ID
	}
}

// A soakCheck is what the API and the scripts' log say in the end.
type soakCheck struct {
	runs       map[int64]*runner.Run
	deliveries map[int64]bool
	lines      []soakLine
	wrote      map[execution]map[string]int // by word
}

type soakLine struct {
	word string // begin, end or fail
	execution
}

func newSoakCheck(t *testing.T, s *serverProcess, log string) *soakCheck {
	t.Helper()
	c := &soakCheck{runs: map[int64]*runner.Run{}, deliveries: map[int64]bool{}, wrote: map[execution]map[string]int{}}
	everything := url.Values{"limit": {"1000000"}}
	var runs []*runner.Run
	if err := s.client().get(t.Context(), "/api/runs", everything, &runs); err != nil {
		t.Fatal(err)
	}
	for _, run := range runs {
		c.runs[run.ID] = run
	}
	everything.Set("verdict", string(rules.Accepted))
	var deliveries []rules.Delivery
	if err := s.client().get(t.Context(), "/api/deliveries", everything, &deliveries); err != nil {
		t.Fatal(err)
	}
	for _, d := range deliveries {
		c.deliveries[d.ID] = true
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.Lines(string(data)) {
		var l soakLine
		if _, err := fmt.Sscan(text, &l.word, &l.run, &l.attempt); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		c.lines = append(c.lines, l)
		if c.wrote[l.execution] == nil {
			c.wrote[l.execution] = map[string]int{}
		}
		c.wrote[l.execution][l.word]++
	}
	return c
}

// count counts the runs by state.
func (c *soakCheck) count() map[runner.State]int {
	n := map[runner.State]int{}
	for _, run := range c.runs {
		n[run.State]++
	}
	return n
}

func (k *soak) check(c *soakCheck) {
	k.t.Helper()
	for id, a := range k.acknowledged {
		run := c.runs[id]
		if run == nil {
			k.t.Errorf("run %d was acknowledged and is not there", id)
		} else if run.Hook != a.hook || run.Delivery != a.delivery || !c.deliveries[a.delivery] {
			k.t.Errorf("run %d was acknowledged as delivery %d of %s, and is of %d, %s; is that kept: %v",
				id, a.delivery, a.hook, run.Delivery, run.Hook, c.deliveries[run.Delivery])
		}
	}
	for _, run := range c.runs {
		if problem := k.checkRun(c, run); problem != "" {
			k.t.Errorf("run %d of %s, %s in attempt %d after %d failures and %d interruptions (%q): %s",
				run.ID, run.Hook, run.State, run.Attempt, run.Failures, k.kill[run.ID], run.Error, problem)
		}
	}
	for e, words := range c.wrote {
		run := c.runs[e.run]
		for word, n := range words {
			if n > 1 || run == nil || e.attempt > run.Attempt {
				k.t.Errorf("attempt %d of run %d wrote %q %d times; is the run there: %v", e.attempt, e.run, word, n, run != nil)
			}
		}
	}
	k.checkGroups(c)
	k.checkThrottle(c)
}

// checkRun says what is wrong with a run, "" if nothing is.
func (k *soak) checkRun(c *soakCheck, run *runner.Run) string {
	kind := soakKinds[strings.TrimPrefix(run.Hook, "/")]
	if run.State != runner.Canceled && !slices.Contains(kind.states, run.State) {
		return "it may not end so"
	}
	// An attempt ends the run, fails, or is interrupted.
	attempts := run.Failures + k.kill[run.ID]
	switch run.State {
	case runner.Succeeded:
		attempts++
		if c.wrote[execution{run.ID, run.Attempt}]["end"] != 1 {
			return "its last attempt wrote no end"
		}
	case runner.Canceled:
		// Where the server died meanwhile, that attempt counts as interrupted already.
		if strings.Contains(run.Error, "while it ran") && !strings.Contains(run.Error, "the server ended") {
			attempts++
		}
	case runner.Superseded:
		by, _ := strings.CutSuffix(strings.TrimPrefix(run.Error, "run "), " took its place")
		id, err := strconv.ParseInt(by, 10, 64)
		if err != nil || !k.newer(id, run.ID) || c.runs[id] == nil || c.runs[id].Hook != run.Hook || c.runs[id].Group != run.Group {
			return "its error names no newer run like it"
		}
	}
	if run.Attempt != attempts {
		return fmt.Sprintf("it should have had %d attempts", attempts)
	}
	round, canceled := k.canceled[run.ID]
	ended := run.State == runner.Canceled || run.State == runner.Superseded
	if canceled && !ended && (round == len(k.kills) || run.StartedAt.Before(k.kills[round])) {
		return "it was canceled"
	}
	return ""
}

// newer tells whether a run may have come after another one. Ids are given just
// before the order is decided, so of two events under way at the same time
// either may be the newer one; where one was acknowledged before the other was
// sent, it is the older one.
func (k *soak) newer(id, than int64) bool {
	a, known := k.acknowledged[id]
	b, both := k.acknowledged[than]
	if known && both && a.answered.Before(b.sent) {
		return false
	}
	return id > than || id < than && id > than-2*soakSenders
}

// checkGroups sees that runs of a group did not overlap, but for those that were
// under way at a kill and may have outlived the server.
func (k *soak) checkGroups(c *soakCheck) {
	k.t.Helper()
	open := map[string]execution{} // by group
	left := map[execution]bool{}   // another one began, so this one is over
	for _, l := range c.lines {
		run := c.runs[l.run]
		if run == nil || run.Group == "" || k.interrupted[l.execution] {
			continue
		}
		before, busy := open[run.Group]
		switch {
		case l.word == "begin":
			if busy {
				left[before] = true
				if c.runs[before.run].State != runner.Canceled {
					k.t.Errorf("run %d began before run %d of its group %q ended", l.run, before.run, run.Group)
				}
			}
			open[run.Group] = l.execution
		case left[l.execution]:
			k.t.Errorf("run %d of the group %q ended after another began", l.run, run.Group)
		default:
			delete(open, run.Group)
		}
	}
}

// checkThrottle sees that nothing was throttled for too short a time.
func (k *soak) checkThrottle(c *soakCheck) {
	k.t.Helper()
	var times []time.Time
	for _, run := range c.runs {
		if run.Hook == "/throttle" {
			times = append(times, run.QueuedAt)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	for i := soakKeys; i < len(times); i++ { // each key once in that time
		if between := times[i].Sub(times[i-soakKeys]); between < soakEvery {
			k.t.Errorf("%d runs of /throttle within %v", soakKeys+1, between)
		}
	}
}
