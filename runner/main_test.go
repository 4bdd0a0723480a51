package runner

import (
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const childVar = "RUNNER_TEST_CHILD"

// child is a command that executes only this test, in another process. before
// stands in front of its argv.
func child(t *testing.T, before ...string) *exec.Cmd {
	argv := append(before, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=60s")
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), childVar+"="+t.Name())
	return cmd
}

func isChild(t *testing.T) bool { return os.Getenv(childVar) == t.Name() }

// elsewhere executes this test in another process, because it changes or
// measures the whole process. It tells whether we are in that process.
func elsewhere(t *testing.T, before ...string) bool {
	t.Helper()
	if isChild(t) {
		return true
	}
	if out, err := child(t, before...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}
