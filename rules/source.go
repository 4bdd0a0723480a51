package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// A source is one YAML file as it was read.
type source struct {
	path  string // as given, for messages
	lines []string
	root  *yaml.Node // nil if it could not be parsed
}

func readSource(path string) (*source, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return &source{path: path, lines: strings.Split(string(data), "\n")}, nil
}

// folder is where relative paths in the file start. It is absolute.
func (s *source) folder() string {
	path, err := filepath.Abs(s.path)
	if err != nil {
		path = s.path // the working folder is gone; relative is all there is
	}
	return filepath.Dir(path)
}

// parse reads the YAML, one document a file.
func (s *source) parse(d *decoder) {
	decoder := yaml.NewDecoder(strings.NewReader(strings.Join(s.lines, "\n")))
	var document yaml.Node
	err := decoder.Decode(&document)
	if err != nil && err.Error() != "EOF" {
		d.problems = append(d.problems, s.syntaxProblem(err))
		return
	}
	if len(document.Content) == 0 || document.Content[0].Tag == "!!null" {
		d.problems = append(d.problems, Problem{File: s.path, Line: 1, Col: 1,
			What: "the file is empty; a file without hooks would answer every sender 404"})
		return
	}
	var second yaml.Node
	if decoder.Decode(&second) == nil && len(second.Content) > 0 {
		d.problems = append(d.problems, Problem{File: s.path, Line: second.Content[0].Line, Col: 1,
			What: "a second document (---) begins here; write one document a file"})
		return
	}
	s.root = document.Content[0]
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntaxProblem takes the line out of yaml's message. yaml.v3 knows no column.
func (s *source) syntaxProblem(err error) Problem {
	msg := err.Error()
	m := yamlLine.FindStringSubmatch(msg)
	p := Problem{File: s.path, Line: 1, Col: 1, What: "this is not YAML: " + strings.TrimPrefix(msg, "yaml: ")}
	if m != nil && m[1] != "" {
		p.Line, _ = strconv.Atoi(m[1])
		p.What = "this is not YAML: " + msg[len(m[0]):]
	}
	if p.Line <= len(s.lines) {
		line := s.lines[p.Line-1]
		p.Col = len(line) - len(strings.TrimLeft(line, " \t")) + 1
	}
	return p
}

// position translates a place inside a scalar's text (line from 1, column from
// 0) into a place in the file. Folded text keeps no lines: there it is the
// scalar's own.
func (s *source) position(n *yaml.Node, line, col int) (int, int) {
	switch n.Style {
	case 0:
		if line == 1 {
			return n.Line, n.Column + col
		}
	case yaml.DoubleQuotedStyle, yaml.SingleQuotedStyle:
		if line == 1 {
			return n.Line, n.Column + 1 + col
		}
	case yaml.LiteralStyle:
		first := n.Line + 1
		if at := first + line - 1; at <= len(s.lines) {
			indent := len(s.lines[first-1]) - len(strings.TrimLeft(s.lines[first-1], " "))
			return at, indent + 1 + col
		}
	}
	return n.Line, n.Column
}

// findFiles lists the files of a configuration: the file itself, or the *.yaml
// and *.yml of a folder in order of their names, without the users' own test
// cases (*.test.yaml).
func findFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		name := e.Name()
		isYAML := strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
		isTest := strings.HasSuffix(name, ".test.yaml") || strings.HasSuffix(name, ".test.yml")
		if isYAML && !isTest && !strings.HasPrefix(name, ".") {
			files = append(files, filepath.Join(path, name))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no *.yaml file is in this folder", path)
	}
	return files, nil
}
