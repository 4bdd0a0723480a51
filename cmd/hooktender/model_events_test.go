package main

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"
)

// step does one thing.
func (m *modelDriver) step() {
	switch n := m.r.IntN(100); {
	case n < 50:
		m.event(m.draw())()
	case n < 65:
		m.burst()
	case n < 90:
		m.cancel()()
	default: // let things happen
		time.Sleep(time.Duration(m.r.IntN(40)) * time.Millisecond)
	}
}

// shuffle chooses the hooks of a round: few, so that their runs meet.
func (m *modelDriver) shuffle() {
	all := slices.Sorted(maps.Keys(modelKinds))
	m.r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	m.names = all[:modelAtOnce]
	m.note("the hooks are %v", m.names)
}

// draw makes up an event.
func (m *modelDriver) draw() (hook, body string) {
	sleep := []string{"0", "0", "0.01", "0.03", "0.06"}[m.r.IntN(5)]
	hook = "/" + m.names[m.r.IntN(len(m.names))]
	return hook, fmt.Sprintf(`{"key": %d, "sleep": %q, "fails": %d, "code": %d}`,
		m.r.IntN(modelKeys), sleep, m.r.IntN(5), []int{9, 75}[m.r.IntN(2)])
}

// event returns the function that posts an event.
func (m *modelDriver) event(hook, body string) func() {
	return func() {
		sent := time.Now()
		a, err := m.post.with(body).post(m.t.Context(), "http://"+m.server.address+hook)
		m.mu.Lock()
		defer m.mu.Unlock()
		if err != nil {
			m.noteLocked("%s %s: no answer", hook, body)
			return
		}
		throttled := hook == "/throttle" && a.status == http.StatusOK && len(a.Runs) == 0
		if !throttled && a.status != http.StatusServiceUnavailable && (a.status != http.StatusAccepted || len(a.Runs) != 1) {
			m.t.Errorf("%s %s: answered %d with %d runs", hook, body, a.status, len(a.Runs))
		}
		for _, run := range a.Runs {
			m.acknowledged[run.ID] = ack{a.Delivery, hook, sent, time.Now()}
			m.noteLocked("%s %s is run %d", hook, body, run.ID)
		}
	}
}

// burst posts several events at once, mostly to one hook, and returns when all
// are answered.
func (m *modelDriver) burst() {
	var all sync.WaitGroup
	for _, event := range m.drawBurst() {
		all.Go(event)
	}
	all.Wait()
}

func (m *modelDriver) drawBurst() (events []func()) {
	hook, _ := m.draw()
	for range 2 + m.r.IntN(modelBurst-1) {
		other, body := m.draw()
		if m.r.IntN(4) == 0 {
			hook = other
		}
		events = append(events, m.event(hook, body))
	}
	return events
}

// cancel returns the function that cancels one of the newest runs, or of those
// that are not over, by the API or now and then by the command line.
func (m *modelDriver) cancel() func() {
	candidates := sortedIDs(m.runs)
	newest := candidates[max(len(candidates)-10, 0):]
	candidates = slices.DeleteFunc(candidates, func(id int64) bool {
		return m.runs[id].State.Ended() && !slices.Contains(newest, id)
	})
	if len(candidates) == 0 {
		return func() {}
	}
	id, byAPI := candidates[m.r.IntN(len(candidates))], m.r.IntN(10) > 0
	return func() {
		taken := false
		if byAPI {
			taken = m.cancelByAPI(id)
		} else {
			cmd := exec.Command(os.Args[0], "runs", "cancel", fmt.Sprint(id), "--socket", socketPath(m.server.state))
			cmd.Env = append(os.Environ(), asHooktender+"=1")
			taken = cmd.Run() == nil
		}
		m.note("cancel run %d: %v", id, taken)
		if taken {
			m.mu.Lock()
			m.canceled[id] = true
			m.mu.Unlock()
		}
	}
}

func (m *modelDriver) cancelByAPI(id int64) bool {
	resp, err := m.api.Post(fmt.Sprintf("http://x/api/runs/%d/cancel", id), "", nil)
	if err != nil {
		return false // killed
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusConflict {
		m.suspect(id, "canceling it was answered %s", resp.Status)
	}
	return resp.StatusCode == http.StatusOK
}
