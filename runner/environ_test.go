package runner

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hooktender/hooktender/rules"
)

// environment reads what `env -0` printed.
func environment(text string) map[string]string {
	env := map[string]string{}
	for e := range strings.SplitSeq(strings.TrimSuffix(text, "\x00"), "\x00") {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
	}
	return env
}

// Threats 16 and 31: a script gets what the rule says, what describes the run,
// and a few harmless variables of the server; nothing else has a way in.
func TestScriptGetsOnlyWhatItIsMeantToGet(t *testing.T) {
	for name, value := range map[string]string{
		"HOME": "/somewhere", "LANG": "C.UTF-8", "LC_TIME": "C", "TZ": "UTC", "USER": "u", "LOGNAME": "l", "SHELL": "/bin/sh", "TMPDIR": "/tmp",
		"DATABASE_PASSWORD": "hunter2", "HTTP_PROXY": "http://evil", "LD_PRELOAD_X": "x", "HOOKTENDER_OLD": "x", "CREDENTIALS_DIRECTORY": "/run/x", "LCX": "x",
	} {
		t.Setenv(name, value)
	}
	h := open(t, 1)
	c := list("env", "-0")
	c.Env = []rules.EnvVar{{Name: "COMMIT", Value: rules.Plain("abc")}, {Name: "LANG", Value: rules.Plain("de_DE")}}
	run := h.store.add(c)
	run.Event = "HTTP_PROXY=http://evil"
	h.runner.Enqueue(run)
	h.ended(run.ID)
	text, _ := h.store.printed(run.ID, 1, Stdout)
	got := environment(text)
	want := map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": "/somewhere", "LANG": "de_DE", "LC_TIME": "C", "TZ": "UTC", "USER": "u", "LOGNAME": "l", "SHELL": "/bin/sh", "TMPDIR": "/tmp",
		"HOOKTENDER_RUN": "1", "HOOKTENDER_ATTEMPT": "1", "HOOKTENDER_DELIVERY": "101", "HOOKTENDER_HOOK": "/hook", "HOOKTENDER_RULE": "rule",
		"HOOKTENDER_EVENT": "HTTP_PROXY=http://evil", "HOOKTENDER_PAYLOAD": filepath.Join(h.runner.Dir, "1-1"), "COMMIT": "abc",
	}
	for name, value := range got {
		if strings.HasPrefix(name, "LC_") && name != "LC_TIME" {
			continue // of whoever runs the tests
		}
		if w, ok := want[name]; !ok || w != value {
			t.Errorf("%s=%s, want %q", name, value, w)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", slices.Collect(maps.Keys(want)))
	}
}

func TestServerWithoutPathHasOneForItsScripts(t *testing.T) {
	if env := baseEnviron([]string{"PATH="}); !slices.Equal(env, []string{defaultPath}) {
		t.Errorf("%q", env)
	}
}

// Threat 32: values arrive as they are, whatever a shell would make of them.
func TestValuesArriveLiterally(t *testing.T) {
	h := open(t, 1)
	for _, value := range []string{"$(touch pwned)", "`touch pwned`", "; touch pwned", "a\nb\n", "' \" \\", "*", "", "-rf", "${HOME}", "\xff\xfe", "%s"} {
		c := sh(`printf %s "$V"`)
		c.Dir = t.TempDir()
		c.Env = []rules.EnvVar{{Name: "V", Value: rules.Plain(value)}}
		if _, text := h.run(c); text != value {
			t.Errorf("as a variable: %q, want %q", text, value)
		}
		if left, _ := os.ReadDir(c.Dir); len(left) > 0 {
			t.Errorf("%q was executed", value)
		}
		if _, text := h.run(list("printf", "%s", value)); text != value {
			t.Errorf("as an argument: %q, want %q", text, value)
		}
	}
}

func TestPayload(t *testing.T) {
	h := open(t, 1)
	h.store.body = []byte("{\"a\": \"\x00\xff\"}\n" + strings.Repeat("x", 1<<20))
	c := sh(`ls -l "$HOOKTENDER_PAYLOAD" | cut -c1-10; cmp "$HOOKTENDER_PAYLOAD" - && echo same; wc -c < "$HOOKTENDER_PAYLOAD"; echo "$HOOKTENDER_PAYLOAD"`)
	run, text := h.run(c)
	lines := strings.Split(text, "\n")
	if run.State != Succeeded || lines[0] != "-rw-------" || lines[1] != "same" || strings.TrimSpace(lines[2]) != strconv.Itoa(len(h.store.body)) {
		t.Errorf("%s %q", run.Error, text)
	}
	if _, err := os.Stat(lines[3]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the payload is still there: %v", err)
	}
	c = sh(`wc -c; test -s "$HOOKTENDER_PAYLOAD" && echo there`)
	c.NoStdin = true
	if _, text := h.run(c); strings.Join(strings.Fields(text), " ") != "0 there" {
		t.Errorf("without standard input: %q", text)
	}
	if info, err := os.Stat(h.runner.Dir); err != nil || info.Mode().Perm()&0o022 != 0 {
		t.Errorf("the folder: %v %v", info.Mode(), err)
	}
}

// Threat 38, and: a reference is read when the script starts, not before.
func TestSecretsAreReadAtTheStartAndNeverLogged(t *testing.T) {
	h, gate := open(t, 1), newGate(t)
	secret := rules.Secret("old-s3cret")
	h.secret = func(ref rules.Reference) (rules.Secret, error) {
		if ref != "env:TOKEN" {
			return "", errors.New("there is no " + string(ref))
		}
		return secret, nil
	}
	first := h.start(sh(gate.wait()))
	h.inState(first, Running)
	text := rules.Text{{Literal: "Bearer "}, {Ref: "env:TOKEN"}, {Literal: "!"}}
	c := sh(`test "$T" = "Bearer new-s3cret!"; exit $?`)
	c.Env = []rules.EnvVar{{Name: "T", Value: text}, {Name: "LITERAL", Value: rules.Plain("${env:TOKEN}private-value")}}
	second := h.start(c)
	argv := sh("")
	argv.Argv = []rules.Text{rules.Plain("test"), rules.Plain("Bearer new-s3cret!"), rules.Plain("="), text}
	third := h.start(argv)
	missing := sh("true")
	missing.Env = []rules.EnvVar{{Name: "T", Value: rules.Text{{Ref: "env:NONE"}}}}
	fourth := h.start(missing)
	secret = "new-s3cret" // the first waits at the gate, so nobody reads it now
	gate.open(1)
	h.ended(fourth)
	h.is(second, Succeeded)
	h.is(third, Succeeded)
	if run := h.is(fourth, Failed); run.Error != "cannot be started: env T: there is no env:NONE" {
		t.Error(run.Error)
	}
	for _, leak := range []string{"s3cret", "private-value"} {
		if strings.Contains(h.log.String(), leak) {
			t.Errorf("the log shows %q:\n%s", leak, h.log)
		}
	}
	if n := strings.Count(h.log.String(), "run ended"); n < 3 {
		t.Errorf("%d ends in the log:\n%s", n, h.log)
	}
}

// The shell makes way for the one program that it starts, and for nothing else.
func TestShellMakesWay(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"says": "#!/bin/sh\nprintf '%s,' \"$@\"; exit 3\n", "plain": "echo without a first line; exit 4\n", "killed": "#!/bin/sh\nkill -9 $$\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "closed"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h := open(t, 1)
	sh := []string{"/bin/sh", "-c"}
	for _, c := range []struct {
		script string
		makes  bool
		exit   int
		text   string
	}{
		{`./says`, true, 3, ","},
		{`./says "$V" '$V' $V a=b  # a remark`, true, 3, "a b,$V,a,b,a=b,"},
		{"./says x\n", true, 3, "x,"},
		{`./says { } ! if`, true, 3, "{,},!,if,"},
		{`./says x >said`, true, 3, ""},
		{`./plain`, true, 4, "without a first line\n"},
		{`./missing`, true, 127, ""},
		{`./closed`, true, 126, ""},
		{`V=/x ./says "$V"`, false, 3, "a b,"},
		{`./says x; echo more`, false, 0, "x,more\n"},
		{`./says x && echo more`, false, 3, "x,"},
		{`./says x | cat`, false, 0, "x,"},
		{"./says x\necho more", false, 0, "x,more\n"},
		{`./says $(echo x)`, false, 3, "x,"},
		{"./says `echo x`", false, 3, "x,"},
		{`echo "a\tb"`, false, 0, "a\tb\n"},
		{`exit 5`, false, 5, ""},
		{`cd /`, false, 0, ""},
		{`. ./plain`, false, 4, "without a first line\n"},
		{`if ./says; then :; else echo no; fi`, false, 0, ",no\n"},
		{`! ./says`, false, 0, ","},
	} {
		if makes := replacing(sh, c.script) != c.script; makes != c.makes {
			t.Errorf("%s: the shell makes way: %v", c.script, makes)
		}
		command := list()
		command.Script, command.Shell, command.Dir = c.script, sh, dir
		command.Env = []rules.EnvVar{{Name: "V", Value: rules.Plain("a b")}}
		run, text := h.run(command)
		if run.ExitCode == nil || *run.ExitCode != c.exit || text != c.text {
			t.Errorf("%s: exit code %v, printed %q", c.script, run.ExitCode, text)
		}
	}
	if replacing([]string{"/bin/bash", "-euxc"}, "./says") != "./says" {
		t.Error("another shell is not asked")
	}
	command := list()
	command.Script, command.Shell, command.Dir = "./killed", sh, dir
	if run, _ := h.run(command); run.Signal != "SIGKILL" {
		t.Errorf("%+v", run)
	}
}
