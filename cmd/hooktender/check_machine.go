package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// onThisMachine says what a configuration needs and this machine does not have,
// and which of its secrets others can read here.
func onThisMachine(report *rules.Report) rules.Problems {
	var problems rules.Problems
	for _, p := range report.Programs {
		problems = append(problems, inspectProgram(p)...)
	}
	told := map[string]bool{}
	for _, s := range report.Exposed {
		if told[s.Path] || !readByOthers(s.Path) {
			continue
		}
		told[s.Path] = true
		what := fmt.Sprintf("everybody on this machine can read %s", s.Path)
		if s.Written {
			what += ", and this secret is written out in it; write ${file:PATH} or ${credential:NAME} in its place, or run: chmod o-r " + s.Path
		} else {
			what += "; run: chmod o-r " + s.Path
		}
		problems = append(problems, s.At.Problem(rules.Warning, "%s", what))
	}
	return problems
}

// readByOthers tells whether users who are neither the owner nor of the group can
// read a file: it says so itself, and they come through all folders above it.
func readByOthers(path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.Mode()&0o004 == 0 {
		return false
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return false
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// inspector looks at what one rule starts.
type inspector struct {
	rules.Program
	found rules.Problems
}

func inspectProgram(p rules.Program) rules.Problems {
	i := &inspector{Program: p}
	i.user()
	if !i.folder() {
		return i.found // nothing that is relative to it can be found either
	}
	if i.Script != "" {
		i.shell()
		if readsAsShell(i.Shell) {
			i.script()
		}
	} else if i.Name != "" {
		i.program(i.Name, false)
	}
	return i.found
}

// at is the place of a setting, or that of run where it is not set.
func (i *inspector) at(p rules.Place) rules.Place {
	if p == (rules.Place{}) {
		return i.RunAt
	}
	return p
}

func (i *inspector) problem(at rules.Place, format string, args ...any) {
	i.found = append(i.found, i.at(at).Problem(rules.Error, format, args...))
}

func (i *inspector) user() {
	if err := runner.FindUser(i.User); err != nil {
		i.problem(i.UserAt, "%v; create it, as in: useradd --system %s, or leave user out for the server's own", err, i.User)
	}
}

func (i *inspector) folder() bool {
	info, err := os.Stat(i.Dir)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return false // who checks may not look, and the server may
	case err != nil:
		i.problem(i.DirAt, "there is no folder %s; create it, or write in dir where the script is to run", i.Dir)
	case !info.IsDir():
		i.problem(i.DirAt, "%s is no folder; write in dir where the script is to run", i.Dir)
	default:
		return true
	}
	return false
}

func (i *inspector) shell() {
	name := i.Shell[0]
	if path, ok := i.find(i.ShellAt, name); ok {
		if _, err := os.Stat(path); err != nil {
			i.problem(i.ShellAt, "there is no shell %s on this machine; install it, or leave shell out for /bin/sh", path)
		}
	}
}

// find looks a program up as the server would. One that is not on the PATH is
// told.
func (i *inspector) find(at rules.Place, name string) (path string, ok bool) {
	if i.PathUnknown && name == filepath.Base(name) {
		return "", false
	}
	path, err := runner.Find(name, i.Dir, i.Path)
	if err != nil {
		i.problem(at, "there is no program %s on the PATH; install it, or write its whole path", name)
	}
	return path, err == nil
}

// program looks at a program that is started by name or path. A shell takes one
// without #! for its own script; the system does not.
func (i *inspector) program(name string, byShell bool) {
	path, ok := i.find(i.RunAt, name)
	if !ok {
		return
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrPermission):
	case err != nil:
		i.problem(i.RunAt, "there is no %s; write where the program is, a relative path starting from dir (%s)", path, i.Dir)
	case info.IsDir():
		i.problem(i.RunAt, "%s is a folder, no program", path)
	case info.Mode()&0o111 == 0:
		i.problem(i.RunAt, "%s is not executable; run: chmod +x %s", path, path)
	default:
		if what := wrongInterpreter(path, byShell, i.interpreterThere); what != "" {
			i.problem(i.RunAt, "%s", what)
		}
	}
}

// interpreterThere tells whether the program of a #! line, or the one that env is
// to find, is on this machine.
func (i *inspector) interpreterThere(name string) bool {
	if i.PathUnknown && name == filepath.Base(name) {
		return true
	}
	path, err := runner.Find(name, i.Dir, i.Path)
	if err == nil {
		_, err = os.Stat(path)
	}
	return err == nil
}
