package rules

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
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

func (s *source) absolute() string { return filepath.Join(s.folder(), filepath.Base(s.path)) }

// parse reads the YAML, one document a file. An empty one is a problem, and what
// is said of it the caller's.
func (s *source) parse(d *decoder, empty string) {
	decoder := yaml.NewDecoder(strings.NewReader(s.text(len(s.lines))))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if err == nil && !isEmpty(&document) {
		err = decoder.Decode(&second)
	}
	switch {
	case err != nil && err != io.EOF:
		d.problems = append(d.problems, s.syntaxProblem(err))
	case isEmpty(&document):
		d.problems = append(d.problems, Problem{File: s.path, Line: 1, Col: 1, What: empty})
	case err == nil:
		d.problems = append(d.problems, Problem{File: s.path, Line: second.Line, Col: 1,
			What: "a second document (---) begins here; write one document a file"})
	default:
		if alias := endless(document.Content[0], nil); alias != nil {
			d.problems = append(d.problems, Problem{File: s.path, Line: alias.Line, Col: alias.Column,
				What: fmt.Sprintf("*%s stands within what &%[1]s names, so it would never end", alias.Value)})
			return
		}
		s.root = resolve(document.Content[0])
	}
}

// endless finds an alias within what its anchor names, nil if there is none. An
// anchor stands in front of its aliases, so there is no longer way around.
func endless(n *yaml.Node, above []*yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		if slices.Contains(above, n.Alias) {
			return n
		}
		return nil
	}
	above = append(above, n)
	for _, below := range n.Content {
		if alias := endless(below, above); alias != nil {
			return alias
		}
	}
	return nil
}

func isEmpty(document *yaml.Node) bool {
	return len(document.Content) == 0 || document.Content[0].Tag == "!!null"
}

// text is the file's beginning, so many lines of it.
func (s *source) text(lines int) string { return strings.Join(s.lines[:lines], "\n") }

var yamlLine = regexp.MustCompile(`^yaml: (?:line \d+: )?`)

// syntaxProblem finds the place of a mistake anew. yaml.v3 knows no column, and
// its line is often the one where the block began.
func (s *source) syntaxProblem(err error) Problem {
	line := 1 + sort.Search(len(s.lines)-1, func(i int) bool {
		found := syntaxError(s.text(i + 1))
		return found != nil && found.Error() == err.Error()
	})
	what := yamlLine.ReplaceAllString(err.Error(), "")
	indent := s.indent(line)
	if strings.HasPrefix(s.lines[line-1][indent:], "\t") {
		what = "indent with spaces, not with tabs"
	}
	return Problem{File: s.path, Line: line, Col: indent + 1, What: "this is not YAML: " + what}
}

// syntaxError is the first error of a YAML text, nil if there is none.
func syntaxError(text string) error {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		switch err := decoder.Decode(new(yaml.Node)); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}

// position translates a place inside a scalar's text (line from 1, column from 0
// in characters) into a place in the file. Text that the file folds over several
// lines keeps no lines: there it is the scalar's own.
func (s *source) position(n *yaml.Node, line, col int) (int, int) {
	switch n.Style {
	case yaml.LiteralStyle:
		if first := n.Line + 1; first+line-1 <= len(s.lines) {
			return first + line - 1, s.blockIndent(first) + 1 + col
		}
	case 0, yaml.DoubleQuotedStyle, yaml.SingleQuotedStyle:
		raw := []rune(s.lines[n.Line-1])
		if line == 1 && n.Column <= len(raw) {
			if width, ok := rawWidth(string(raw[n.Column-1:]), n.Style, col); ok {
				return n.Line, n.Column + width
			}
		}
	}
	return n.Line, n.Column
}

// blockIndent is how far the block that begins in the line is set in: as far as
// its first line that is not empty.
func (s *source) blockIndent(line int) int {
	for line < len(s.lines) && strings.TrimSpace(s.lines[line-1]) == "" {
		line++
	}
	return s.indent(line)
}

// indent is how many spaces the line begins with.
func (s *source) indent(line int) int {
	text := s.lines[line-1]
	return len(text) - len(strings.TrimLeft(text, " "))
}

// rawWidth says how much of a line the first characters of a scalar take, its
// opening quote and escapes included. It is not ok if they go beyond the line.
func rawWidth(raw string, style yaml.Style, characters int) (width int, ok bool) {
	rest := []rune(raw)
	if style != 0 {
		rest, width = rest[1:], 1
	}
	for ; characters > 0; characters-- {
		n := escapeWidth(rest, style)
		if n > len(rest) {
			return 0, false
		}
		rest, width = rest[n:], width+n
	}
	return width, true
}

var escapeWidths = map[rune]int{'x': 4, 'u': 6, 'U': 10}

// escapeWidth is how many characters of a file stand for the next one.
func escapeWidth(raw []rune, style yaml.Style) int {
	switch {
	case style == yaml.SingleQuotedStyle && len(raw) > 1 && raw[0] == '\'' && raw[1] == '\'':
		return 2
	case style == yaml.DoubleQuotedStyle && len(raw) > 1 && raw[0] == '\\':
		return cmp.Or(escapeWidths[raw[1]], 2)
	}
	return 1
}

// findFiles lists the files of a configuration: the file itself, or the *.yaml of
// a folder in order of their names, without the users' own test cases
// (*.test.yaml).
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
		if strings.HasSuffix(name, ".yaml") && !IsCaseFile(name) && !strings.HasPrefix(name, ".") {
			files = append(files, filepath.Join(path, name))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no *.yaml file is in this folder", path)
	}
	return files, nil
}
