package runner

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/hooktender/hooktender/rules"
)

// usage adds up what the attempt's processes take.
func (p *process) usage(mark string, l rules.Limits) (u usage) {
	var pids []int
	if p.group != nil {
		pids = p.group.processes()
	} else {
		pids = tree(p.pid, mark, ourselves())
	}
	for _, pid := range pids {
		status := readSizes(pid, "status")
		if _, alive := status["VmRSS"]; alive { // the dead have none
			u.memory += status["VmRSS"] << 10
			u.processes += int(status["Threads"])
		}
	}
	if l.Memory > 0 && u.memory > l.Memory {
		u.memory = proportional(pids)
	}
	return u
}

// proportional is the memory of processes with what they share counted once,
// as a group's is (Pss of proc_pid_smaps(5)). It costs the kernel more to tell.
func proportional(pids []int) (bytes int64) {
	for _, pid := range pids {
		if pss, ok := readSizes(pid, "smaps_rollup")["Pss"]; ok {
			bytes += pss << 10
		} else {
			bytes += readSizes(pid, "status")["VmRSS"] << 10
		}
	}
	return bytes
}

// readSizes reads the numbers in a file of "Name:   123 kB" lines.
func readSizes(pid int, file string) map[string]int64 {
	values := map[string]int64{}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return values
	}
	for line := range strings.Lines(string(data)) {
		name, rest, _ := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			continue
		}
		if n, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
			values[name] = n
		}
	}
	return values
}
