package runner

import (
	"os/exec"
	"testing"
)

// Both ways to wait see the end, before which they do not return, and leave the
// process to be collected.
func TestAwaitExit(t *testing.T) {
	for name, wait := range map[string]func(*process){
		"polled": func(p *process) {
			if err := p.pollExit(); err != nil {
				t.Error(err)
			}
		},
		"blocking": (*process).blockUntilExit,
	} {
		t.Run(name, func(t *testing.T) {
			for _, first := range []bool{true, false} { // it ends before somebody waits, or later
				cmd := exec.Command("/bin/cat")
				stdin, err := cmd.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				p := &process{cmd: cmd, pid: cmd.Process.Pid}
				if first {
					stdin.Close()
					p.blockUntilExit()
				}
				ended := make(chan struct{})
				go func() { wait(p); close(ended) }()
				if !first {
					select {
					case <-ended:
						t.Error("it runs, and its end was seen")
					default:
					}
					stdin.Close()
				}
				<-ended
				if !isZombie(p.pid) {
					t.Error("it is not dead")
				}
				if err := cmd.Wait(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	if (&process{pid: 1 << 30}).pollExit() == nil {
		t.Error("no process")
	}
}
