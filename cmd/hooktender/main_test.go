package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets this test binary be hooktender itself, so that tests start real
// processes of it.
func TestMain(m *testing.M) {
	if os.Getenv(asHooktender) != "" {
		main()
	}
	exitAtOnce()
	testscript.Main(m, map[string]func(){"hooktender": main})
}

// exitAtOnce keeps processes that have the race detector from sleeping for a second
// when they exit, which is to let other goroutines go on and show their races. What
// would only happen after the end does not happen to anybody.
func exitAtOnce() { os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0") }

// TestScripts runs testdata/script: what the command line promises.
func TestScripts(t *testing.T) {
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
