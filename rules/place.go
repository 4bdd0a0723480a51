package rules

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// A Place is where a value stands in a configuration. The zero value is nowhere.
type Place struct {
	File      string
	Line, Col int    // from 1
	Where     string // `hook "/deploy", rule "redeploy": run`
}

func placeOf(n node) Place { return Place{n.file.path, n.Line, n.Column, n.where} }

// Problem says something about what stands there.
func (p Place) Problem(s Severity, format string, args ...any) Problem {
	return Problem{File: p.File, Line: p.Line, Col: p.Col, Where: p.Where, What: fmt.Sprintf(format, args...), Severity: s}
}

// A Program is what a rule starts, as far as the file alone says it, for who can
// see whether it is there.
type Program struct {
	Script string   // the string form of run
	Name   string   // of the list form, its program; "" if only an event says it
	Shell  []string // that takes the script
	Dir    string   // working folder, absolute
	User   string   // that it runs as; "" for the server's own
	Path   *string  // the PATH that the rule sets, nil if none
	// PathUnknown: the rule sets a PATH that only an event or a secret completes.
	PathUnknown bool

	RunAt, ShellAt, DirAt, UserAt Place // nowhere for what is not set
}

// program gathers what a rule and the defaults say about what is started.
func (l *linter) program(rule, run node, set settings) Program {
	p := Program{RunAt: placeOf(run), Dir: rule.file.folder(), Shell: ruleDefaults().shell}
	either := func(name string, read func(node)) {
		if n, ok := set[name]; ok {
			read(n)
		} else if n, ok := l.defaults[name]; ok {
			read(n)
		}
	}
	either("dir", func(n node) { p.Dir, p.DirAt = n.folder(), placeOf(n) })
	either("shell", func(n node) { p.Shell, p.ShellAt = n.shell(), placeOf(n) })
	either("user", func(n node) { p.User, p.UserAt = n.plain(), placeOf(n) })
	for _, s := range []settings{l.defaults, set} { // the rule's own comes last and wins
		if env, ok := s["env"]; ok {
			if path, ok := settingsOf(env)["PATH"]; ok {
				p.Path, p.PathUnknown = path.literal()
			}
		}
	}
	if run.Kind == yaml.ScalarNode {
		p.Script = run.Value
	} else if argv := elementsOf(run); len(argv) > 0 {
		if name, unknown := argv[0].literal(); !unknown {
			p.Name = *name
		}
	}
	return p
}

// literal is the text of a value, unless it holds something that the file does
// not say.
func (n node) literal() (text *string, unknown bool) {
	if n.Kind != yaml.ScalarNode || strings.Contains(n.Value, "{{") || referencePattern.MatchString(n.Value) {
		return nil, true
	}
	return &n.Value, false
}

// A SecretFile is a file with a secret in it: one that a reference names, or a
// configuration that has the secret written out.
type SecretFile struct {
	Path    string // absolute
	Written bool   // in the configuration itself
	At      Place  // of the reference or the secret
}

// secretFiles notes the files that the references in a value name.
func (l *linter) secretFiles(n node) {
	switch n.Kind {
	case yaml.SequenceNode:
		for _, e := range n.list() {
			l.secretFiles(e)
		}
	case yaml.MappingNode:
		for _, value := range n.entries() {
			l.secretFiles(value)
		}
	case yaml.ScalarNode:
		text, _ := parseReferences(n.Value, n.file.folder()) // what is wrong is told already
		for _, part := range text {
			if kind, path, _ := strings.Cut(string(part.Ref), ":"); kind == "file" {
				l.report.Exposed = append(l.report.Exposed, SecretFile{Path: path, At: placeOf(n)})
			}
		}
	}
}

// written notes the configuration if a verify has a secret written out. Where
// the keys are presets, all that is no mapping is a secret; the other settings
// that hold one are secret and password.
func (l *linter) written(n node, presets bool) {
	for key, value := range n.entries() {
		values := elementsOf(value)
		if values == nil {
			values = []node{value}
		}
		secret := presets || key.Value == "secret" || key.Value == "password"
		for _, v := range values {
			switch {
			case v.Kind == yaml.MappingNode: // in a list: of any or all
				l.written(v, value.Kind == yaml.SequenceNode)
			case secret && v.Value != "" && !referencePattern.MatchString(v.Value):
				l.report.Exposed = append(l.report.Exposed, SecretFile{Path: n.file.absolute(), Written: true, At: placeOf(v)})
			}
		}
	}
}
