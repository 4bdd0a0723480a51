package runner

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hooktender/hooktender/rules"
)

// inherited are the variables of the server's own environment that a script
// gets, next to LC_*. Everything else, the server's secrets above all, stays
// with the server.
var inherited = []string{"PATH", "HOME", "LANG", "TZ", "USER", "LOGNAME", "SHELL", "TMPDIR"}

// defaultPath is for a server that was started without PATH.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// payloadVar names the file with the payload. Its value is unique to an attempt
// and to a state folder, so it also marks the processes that belong to it.
const payloadVar = "HOOKTENDER_PAYLOAD"

// environ is the environment of an attempt. Names that a rule sets win over
// inherited ones; nothing that a sender chose is ever a name.
func (a *attempt) environ(run *Run, as *account) ([]string, error) {
	env := baseEnviron(os.Environ())
	if as != nil {
		// Our folder for temporary files may be closed to others.
		env = slices.DeleteFunc(env, func(e string) bool { return strings.HasPrefix(e, "TMPDIR=") })
		env = append(env, as.environ()...) // exec takes the last of a name
	}
	env = append(env,
		"HOOKTENDER_RUN="+strconv.FormatInt(run.ID, 10),
		"HOOKTENDER_ATTEMPT="+strconv.Itoa(run.Attempt),
		"HOOKTENDER_DELIVERY="+strconv.FormatInt(run.Delivery, 10),
		"HOOKTENDER_HOOK="+run.Hook,
		"HOOKTENDER_RULE="+run.Rule,
		"HOOKTENDER_EVENT="+run.Event,
		payloadVar+"="+a.payload,
	)
	if run.Command.Files != "" {
		env = append(env, "HOOKTENDER_FILES="+a.filesFolder())
	}
	if run.Command.Retry != nil {
		env = append(env, retryVar+"="+a.retryFile())
	}
	for _, v := range run.Command.Env {
		value, err := a.reveal(v.Value)
		if err != nil {
			return nil, fmt.Errorf("env %s: %w", v.Name, err)
		}
		env = append(env, v.Name+"="+value)
	}
	return env, nil
}

func baseEnviron(environ []string) []string {
	env := []string{defaultPath}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if value != "" && (slices.Contains(inherited, name) || strings.HasPrefix(name, "LC_")) {
			env = append(env, e)
		}
	}
	return env
}

// reveal reads the references in a text, and remembers what they stand for.
func (a *attempt) reveal(t rules.Text) (string, error) {
	var b strings.Builder
	for _, part := range t {
		if part.Ref == "" {
			b.WriteString(part.Literal)
			continue
		}
		secret, err := a.r.Secret(part.Ref)
		if err != nil {
			return "", err
		}
		a.secrets = append(a.secrets, secret)
		b.WriteString(secret.Reveal())
	}
	return b.String(), nil
}

// argv is what is executed: the shell with the script, or the list as it is.
func (a *attempt) argv(c *rules.Command) ([]string, error) {
	if c.Script != "" {
		return append(slices.Clone(c.Shell), replacing(c.Shell, c.Script)), nil
	}
	argv := make([]string, len(c.Argv))
	for i, text := range c.Argv {
		var err error
		if argv[i], err = a.reveal(text); err != nil {
			return nil, fmt.Errorf("run, argument %d: %w", i, err)
		}
	}
	return argv, nil
}

// oneProgram is a script that does nothing but start a program by its path: what
// has no slash may be built into the shell, or be one of its words.
var oneProgram = regexp.MustCompile(`^[\w.+,@%-]*/[\w./+,:=@%-]*( [^\n;&|()\x60\\]*)?$`)

// replacing has the usual shell be replaced by the program that it is to start, where
// that is all that it does. Not all shells see that themselves, and a second
// process would only wait for the first.
func replacing(shell []string, script string) string {
	if slices.Equal(shell, []string{"/bin/sh", "-c"}) && oneProgram.MatchString(strings.TrimSpace(script)) {
		return "exec " + script
	}
	return script
}

// mask is what the attempt must not print: what is secret now, and what it was
// given itself, which may be of an earlier configuration.
func (a *attempt) mask() *Mask { return a.r.Mask().With(a.secrets...) }

// lookPath finds a program as the script itself would: a name on the PATH it is
// given, a path with a slash from its working folder.
func lookPath(name, dir string, env []string) (string, error) {
	if strings.ContainsRune(name, '/') {
		if filepath.IsAbs(name) {
			return name, nil
		}
		return filepath.Abs(filepath.Join(dir, name)) // exec would take it from dir again
	}
	var path string
	for _, e := range env {
		if p, ok := strings.CutPrefix(e, "PATH="); ok {
			path = p
		}
	}
	for _, folder := range filepath.SplitList(path) {
		if !filepath.IsAbs(folder) {
			continue // a relative PATH entry would run what a checkout brings along
		}
		file := filepath.Join(folder, name)
		if info, err := os.Stat(file); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", &exec.Error{Name: name, Err: errors.New("there is no such program on PATH=" + path)}
}
