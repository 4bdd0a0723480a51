package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hooktender/hooktender/runner"
)

// readsAsShell tells whether a shell's language is the one that is read here.
func readsAsShell(argv []string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "ash", "ksh", "zsh"}, filepath.Base(argv[0]))
}

// script looks for the programs that a shell script starts, as far as that is
// plain to see: line by line, the first word of each, until a line does something
// that needs a shell to be understood.
func (i *inspector) script() {
	for line := range strings.Lines(i.Script) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		words = command(words)
		if len(words) == 0 {
			return
		}
		if !slices.Contains(harmless, words[0]) && !strings.Contains(line, "||") {
			i.program(words[0], true)
			i.scriptOf(words)
			return // it may make what the next line runs
		}
		if !isSimple(line) {
			return
		}
	}
}

// harmless are builtins after which everything is as before.
var harmless = []string{"set", ":", "echo", "printf", "true", "false", "test", "[", "umask", "ulimit", "trap", "wait"}

// plainWord is a command's name in which the shell changes nothing.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_.+/-]*$`)

// command is a simple command without what stands in front of its name, nil if
// that cannot be told: it is a keyword, a builtin that changes what follows, a
// variable, something quoted.
func command(words []string) []string {
	for len(words) > 0 && words[0] == "exec" {
		words = words[1:]
	}
	if len(words) == 0 {
		return nil
	}
	name := strings.TrimSuffix(words[0], ";")
	if !plainWord.MatchString(name) && name != "[" && name != ":" || slices.Contains(changing, name) {
		return nil
	}
	return append([]string{name}, words[1:]...)
}

// changing are keywords, and builtins after which a name may mean something else.
var changing = []string{
	"if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "function", "select", "time", "coproc",
	".", "source", "cd", "chdir", "pushd", "popd", "dirs", "pwd", "eval", "alias", "unalias", "hash", "rehash", "export", "unset", "command",
	"builtin", "declare", "local", "readonly", "typeset", "read", "mapfile", "readarray", "shift", "exit", "return", "break", "continue",
	"shopt", "setopt", "emulate", "autoload", "zmodload", "enable", "type", "whence", "which", "getopts", "let", "jobs", "bg", "fg", "kill",
	"disown", "suspend", "times", "print", "noglob", "nocorrect",
}

// isSimple tells that a line is one command, and all of it.
func isSimple(line string) bool {
	return !strings.ContainsAny(line, "|&;<>(){}`\\") && strings.Count(line, `"`)%2 == 0 && strings.Count(line, "'")%2 == 0
}

// interpreters are programs that take a script as their first argument.
var interpreters = []string{"sh", "bash", "dash", "ash", "ksh", "zsh", "python", "python3", "perl", "ruby", "node", "php"}

// scriptOf looks at the script of sh ./deploy.sh, which need not be executable.
func (i *inspector) scriptOf(words []string) {
	if len(words) < 2 || !slices.Contains(interpreters, filepath.Base(words[0])) ||
		!plainWord.MatchString(words[1]) || !strings.Contains(words[1], "/") {
		return
	}
	path, _ := runner.Find(words[1], i.Dir, nil)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		i.problem(i.RunAt, "there is no %s; write where the script is, a relative path starting from dir (%s)", path, i.Dir)
	}
}
