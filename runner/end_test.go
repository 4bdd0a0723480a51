package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

func TestExitCodeAndSignal(t *testing.T) {
	h := open(t, 4)
	for script, want := range map[string]string{
		"exit 0":        "succeeded/0//",
		"exit 3":        "failed/3//exit code 3",
		"exit 255":      "failed/255//exit code 255",
		"kill -KILL $$": "failed/-/SIGKILL/ended by SIGKILL",
		"kill -SEGV $$": "failed/-/SIGSEGV/ended by SIGSEGV",
	} {
		run, _ := h.run(sh(script))
		code := "-"
		if run.ExitCode != nil {
			code = fmt.Sprint(*run.ExitCode)
		}
		if got := fmt.Sprintf("%s/%s/%s/%s", run.State, code, run.Signal, run.Error); got != want {
			t.Errorf("%s: %s, want %s", script, got, want)
		}
	}
}

// Threat 9: that a script cannot be started is told, in words that help.
func TestWhatCannotBeStartedSaysWhy(t *testing.T) {
	h, dir := open(t, 4), t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	in := func(dir string, c *rules.Command) *rules.Command { c.Dir = dir; return c }
	withEnv := func(value string) *rules.Command {
		c := list("/bin/true")
		c.Env = []rules.EnvVar{{Name: "V", Value: rules.Plain(value)}}
		return c
	}
	for name, c := range map[string]struct {
		command *rules.Command
		want    string
	}{
		"missing program":      {list("hooktender-no-such-program"), `"hooktender-no-such-program": there is no such program on PATH=`},
		"missing file":         {list(dir + "/none"), dir + "/none does not exist"},
		"missing, relative":    {in(dir, list("./none")), dir + "/none does not exist"},
		"not executable":       {list(write("plain", "#!/bin/sh\n", 0o644)), "/plain is not executable (chmod +x)"},
		"folder":               {in("/", list(dir)), dir + " is a folder, not a program"},
		"no interpreter":       {list(write("lost", "#!/no/such/shell\n", 0o755)), "the interpreter in the first line of " + dir + "/lost does not exist"},
		"no first line":        {list(write("bare", "echo hi\n", 0o755)), "a script needs a first line like #!/bin/sh"},
		"missing folder":       {in(dir+"/gone", sh("true")), "the working folder " + dir + "/gone does not exist"},
		"folder is a file":     {in(write("file", "", 0o644), sh("true")), "the working folder " + dir + "/file does not exist"},
		"argument too long":    {list("/bin/true", strings.Repeat("x", 200<<10)), "the arguments and variables are too long for the system"},
		"variable too long":    {withEnv(strings.Repeat("x", 200<<10)), "let the script read standard input or $HOOKTENDER_PAYLOAD instead"},
		"NUL in an argument":   {list("/bin/echo", "a\x00b"), "an argument holds a NUL byte"},
		"NUL in a variable":    {withEnv("a\x00b"), "environment variable contains NUL"},
		"no name of a program": {list(""), "there is no such program"},
	} {
		t.Run(name, func(t *testing.T) {
			run, _ := h.run(c.command)
			if run.State != Failed || run.ExitCode != nil || !strings.HasPrefix(run.Error, "cannot be started: ") || !strings.Contains(run.Error, c.want) {
				t.Errorf("%s: %.300s\nwant %s", run.State, run.Error, c.want)
			}
			if len(run.Error) > 1000 {
				t.Errorf("the error has %d bytes", len(run.Error))
			}
		})
	}
}

func TestProgramIsFoundAsTheScriptWould(t *testing.T) {
	h, dir := open(t, 4), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tool"), []byte("#!/bin/sh\npwd\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := list("tool")
	c.Env = []rules.EnvVar{{Name: "PATH", Value: rules.Plain("relative:" + dir)}}
	if run, _ := h.run(c); run.State != Succeeded {
		t.Error("on the rule's PATH:", run.Error)
	}
	c = list("./tool")
	c.Dir = dir
	if run, text := h.run(c); run.State != Succeeded || text != dir+"\n" {
		t.Error("from its working folder:", run.Error, text)
	}
	t.Chdir(filepath.Dir(dir))
	c.Dir = filepath.Base(dir)
	if run, text := h.run(c); run.State != Succeeded || text != dir+"\n" {
		t.Error("from a relative working folder:", run.Error, text)
	}
}

func TestScriptThatIgnoresTermIsKilledAfterItsGrace(t *testing.T) {
	h := open(t, 1)
	c := sh(`trap "echo no" TERM; echo ready; while :; do sleep 0.05; done`)
	c.Timeout, c.Grace = rules.Duration(400*time.Millisecond), rules.Duration(400*time.Millisecond)
	takesUnder(t, 10*time.Second, func() {
		run, text := h.run(c)
		if run.State != TimedOut || run.Signal != "SIGKILL" || run.Error != "took longer than its timeout of 400ms" {
			t.Errorf("%+v", run)
		}
		if took := run.FinishedAt.Sub(*run.StartedAt); took < 800*time.Millisecond {
			t.Errorf("took %v, less than timeout and grace", took)
		}
		if !strings.HasSuffix(text, "no\n") {
			t.Errorf("it got no TERM: %q", text)
		}
	})
}

func TestScriptMayTidyUpWithinItsGrace(t *testing.T) {
	h := open(t, 1)
	c := sh(`trap "echo tidy; exit 7" TERM; echo ready; while :; do sleep 0.01; done`)
	c.Timeout = rules.Duration(300 * time.Millisecond)
	run, text := h.run(c)
	if run.State != TimedOut || run.ExitCode == nil || *run.ExitCode != 7 || text != "ready\ntidy\n" {
		t.Errorf("%+v\n%s", run, text)
	}
}

func TestStreamsAreKeptByteForByte(t *testing.T) {
	h := open(t, 4)
	for name, c := range map[string]struct {
		script   string
		out, err string
	}{
		// Threat 25.
		"much on stderr":   {`head -c 1000000 /dev/zero | tr '\0' e >&2; echo done`, "done\n", strings.Repeat("e", 1000000)},
		"a very long line": {`head -c 300000 /dev/zero | tr '\0' l; echo`, strings.Repeat("l", 300000) + "\n", ""},
		"binary":           {`printf '\000\377\376\r\033[31m'`, "\x00\xff\xfe\r\x1b[31m", ""},
		"half a rune":      {`printf '\303'`, "\xc3", ""},
		"nothing":          {`:`, "", ""},
		"in between":       {`echo 1; echo 2 >&2; echo 3`, "1\n3\n", "2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			command := sh(c.script)
			command.OutputLimit = 2 << 20
			run, out := h.run(command)
			stderr, omitted := h.store.printed(run.ID, 1, Stderr)
			if run.State != Succeeded || out != c.out || stderr != c.err || omitted != 0 {
				t.Errorf("%s; %d bytes, want %d; %d on stderr, want %d; %d left out", run.State, len(out), len(c.out), len(stderr), len(c.err), omitted)
			}
		})
	}
}

func TestOutputIsSeenWhileTheScriptRuns(t *testing.T) {
	h, gate := open(t, 1), newGate(t)
	id := h.start(sh(`echo early; ` + gate.wait() + `; echo late`))
	h.prints(id, "early")
	h.is(id, Running)
	gate.open(1)
	h.ended(id)
	h.prints(id, "late")
}
