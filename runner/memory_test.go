package runner

import (
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// Threat 26: 300 MB of output cost neither memory nor disk, and what is kept is
// the beginning and the end, byte for byte.
func TestMuchOutputTakesLittleMemory(t *testing.T) {
	if !elsewhere(t) {
		return
	}
	h := open(t, 1)
	const lines = 35_000_000
	c := list("seq", "1", strconv.Itoa(lines))
	c.OutputLimit = 4 << 20
	c.Timeout = rules.Duration(time.Minute)
	run, text := h.run(c)
	_, omitted := h.store.printed(run.ID, 1, Stdout)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.Sys > 100<<20 {
		t.Errorf("%d MB of memory", m.Sys>>20)
	}
	if run.State != Succeeded {
		t.Error(run.State, run.Error)
	}
	total, digits := int64(0), int64(1)
	for low := int64(1); low <= lines; low, digits = low*10, digits+1 {
		total += (min(low*10-1, lines) - low + 1) * (digits + 1)
	}
	if total < 300_000_000 || int64(len(text))+omitted != total {
		t.Errorf("%d kept, %d left out, %d printed", len(text), omitted, total)
	}
	if len(text) < 4<<20-64<<10 {
		t.Errorf("only %d kept", len(text))
	}
	checkSequence(t, text, lines)
}

// checkSequence holds that the text counts from 1, has one gap, and counts on to
// last.
func checkSequence(t *testing.T, text string, last int) {
	t.Helper()
	next, at := 1, 0
	for ; at < len(text); next++ {
		line := strconv.Itoa(next) + "\n"
		if at+len(line) > len(text) || text[at:at+len(line)] != line {
			break
		}
		at += len(line)
	}
	end := len(text)
	for n := last; end > at; n-- {
		line := strconv.Itoa(n) + "\n"
		if end-len(line) < at || text[end-len(line):end] != line {
			break
		}
		end -= len(line)
	}
	if at < 3<<20 || len(text)-end < 200<<10 || end-at > 20 {
		t.Errorf("%d bytes count from the beginning, %d to the end, %d are neither", at, len(text)-end, end-at)
	}
}
