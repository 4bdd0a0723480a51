package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc/PID/stat: USER_HZ, which is 100 on Linux
// whatever the machine (proc(5)).
const tick = time.Second / 100

// usage is what a process has used until now.
type usage struct {
	own      time.Duration // CPU of its own
	children time.Duration // CPU of its children that have ended and were waited for
	memory   int64         // bytes in memory now
	peak     int64         // and the most there were
}

// usageOf asks /proc, which only Linux has.
func usageOf(pid int) (u usage, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, fmt.Errorf("what the server uses: %w", err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, fmt.Errorf("what the server uses: %w", err)
	}
	if u.own, u.children, err = parseStat(string(stat)); err != nil {
		return u, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	if u.memory, u.peak, err = parseStatus(string(status)); err != nil {
		return u, fmt.Errorf("/proc/%d/status: %w", pid, err)
	}
	return u, nil
}

// parseStat reads the fields 14 to 17 of a stat. The second is the program's name
// in brackets, in which anything may stand.
func parseStat(stat string) (own, children time.Duration, err error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]) // from field 3 on
	if len(fields) < 15 {
		return 0, 0, fmt.Errorf("%q is too short", stat)
	}
	var times [4]time.Duration
	for i := range times {
		n, err := strconv.ParseInt(fields[14-3+i], 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("field %d: %w", 14+i, err)
		}
		times[i] = time.Duration(n) * tick
	}
	return times[0] + times[1], times[2] + times[3], nil
}

// parseStatus reads VmRSS and VmHWM, in bytes.
func parseStatus(status string) (memory, peak int64, err error) {
	found := map[string]int64{}
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		if name != "VmRSS" && name != "VmHWM" {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", name, err)
		}
		found[name] = n << 10
	}
	if len(found) != 2 {
		return 0, 0, fmt.Errorf("no VmRSS and VmHWM; has the process ended?")
	}
	return found["VmRSS"], found["VmHWM"], nil
}
