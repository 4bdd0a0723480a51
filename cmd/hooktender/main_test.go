package main

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets this test binary be hooktender itself, so that tests start real
// processes of it.
func TestMain(m *testing.M) {
	if os.Getenv(asHooktender) != "" {
		main()
	}
	testscript.Main(tests{m}, map[string]func(){"hooktender": main})
}

// tests are the tests of this package, most of which wait for processes.
type tests struct{ *testing.M }

func (m tests) Run() int {
	// So more of them run at once than there are processors, unless the command line
	// says something else.
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	// A process with the race detector sleeps for a second when it exits, for its other
	// goroutines to show their races. What would only happen then happens to nobody.
	os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")
	dir, err := os.MkdirTemp("", "hooktender-tests")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	lasting = dir
	return m.M.Run()
}

// lasting is a folder that is there as long as the tests run.
var lasting string

// TestScripts runs testdata/script: what the command line promises.
func TestScripts(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", os.Getenv("GORACE"))
			env.Setenv("EXAMPLES", filepath.Join(root, "examples"))
			env.Setenv("PAYLOADS", filepath.Join(root, "cmd/hooktender/payloads"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start":   scriptStart,
			"until":   scriptUntil,
			"signal":  scriptSignal,
			"waits":   scriptWait,
			"exits":   scriptExits,
			"readme":  scriptReadme,
			"service": scriptService,
			"took":    scriptTook,
		},
		RequireExplicitExec: true,
	})
}
