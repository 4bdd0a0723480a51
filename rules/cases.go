package rules

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// A Case is one of the users' own: a request, and what is to become of it.
type Case struct {
	Name string
	At   Place // in its file

	Hook     string  // the path as a sender asks for it, with its query
	Provider string  // whose recorded delivery it is; "" if it is none
	Event    string  // its name; of a recorded delivery, which one
	File     string  // absolute, with the body; "" if there is none
	Body     []byte  // of a payload that is written out
	Set      []Field // what is changed in the payload
	Method   string  // "": the first that the hook takes
	Header   http.Header
	RemoteIP netip.Addr
	Now      time.Time // when it arrives; zero: whenever the case is run
	Signed   bool      // as the hook's sender would sign it

	Expect Expectation
}

// A Field is a value at a place in a JSON object: "head_commit.id".
type Field struct {
	Path  string
	Value json.RawMessage
}

// An Expectation is what is to become of a request. What is not said counts as
// it comes.
type Expectation struct {
	Verified *bool
	Verdict  Verdict
	Status   int
	Rules    []string // those that fire, in order; nil: not said
	Run      []ExpectedRun
}

// An ExpectedRun is what a rule that fires is to run. Secrets are references:
// ${env:X}.
type ExpectedRun struct {
	Rule     string
	Env      []NamedText // variables not named may be anything
	Command  []string    // of the list form; nil: not said
	Script   *string     // of the string form
	Dir      *string     // absolute
	Group    *string
	User     *string
	Notify   []ExpectedNotice // others may be told, too
	Status   *ExpectedStatus
	HTTP     *ExpectedCall
	Throttle *string // its key
	Debounce *string // likewise
}

// An ExpectedCall is the request that a rule is to make. What is not said may be
// anything.
type ExpectedCall struct {
	Method, URL *string
	Headers     []NamedText
	Body        *string // as text
	JSON        []byte  // as JSON
}

// A NamedText is a variable with its value.
type NamedText struct{ Name, Value string }

// caseEnding is how the names of files with cases end.
const caseEnding = ".test.yaml"

// IsCaseFile tells by its name that a file holds cases.
func IsCaseFile(path string) bool { return strings.HasSuffix(path, caseEnding) }

// CaseFiles lists the files with cases beside a configuration, in order of their
// names. The path is that of its file or folder.
func CaseFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		path = filepath.Dir(path)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if IsCaseFile(e.Name()) && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	return files, nil
}

// ReadCases reads a file with cases. The error is [Problems] if the file could
// be read at all.
func ReadCases(path string) ([]*Case, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseCases(path, text)
}

// ParseCases is ReadCases of a text. Paths in it begin beside where it lies, or
// would.
func ParseCases(path string, text []byte) ([]*Case, error) {
	cases, _, err := parseCases(path, text)
	return cases, err
}

func parseCases(path string, text []byte) ([]*Case, node, error) {
	s := &source{path: path, lines: strings.Split(string(text), "\n")}
	d := &decoder{}
	var b book
	if s.parse(d, "the file is empty; write cases: and below it a list of them"); s.root != nil {
		n := node{Node: s.root, d: d, file: s}
		if n.Kind != yaml.MappingNode {
			n = n.in("the file")
		}
		n.mapping(b.settings()...)
		if n.Kind == yaml.MappingNode && b.list.Node == nil && len(d.problems) == 0 {
			n.problem("has no cases; write cases: and below it a list of them")
		}
	}
	if len(d.problems) > 0 {
		d.problems.Sort()
		return nil, node{}, d.problems
	}
	return b.cases, b.list, nil
}

// A book is a file with cases.
type book struct {
	cases []*Case
	list  node
}

func (b *book) settings() []setting {
	return []setting{{"cases", form{b.read, func() *schema { return listOf(mappingOf((&Case{}).settings()...)) }}, "requests, and what is to become of each", mustBe}}
}

func (b *book) read(n node) {
	b.list = n
	names := map[string]int{}
	for i, e := range n.list() {
		name := nameOf(e, fmt.Sprintf("case-%d", i+1))
		e = e.in(`case "` + name + `"`)
		if first, twice := names[name]; twice {
			e.problem("the name stands in line %d already; cases are told apart by it", first)
		}
		names[name] = e.Line
		c := &Case{Name: name, At: placeOf(e), Header: http.Header{}}
		c.read(e)
		b.cases = append(b.cases, c)
	}
	if n.Kind == yaml.SequenceNode && len(b.cases) == 0 {
		n.problem("is an empty list; nothing would be tested")
	}
}

// nameOf is the name that a mapping gives itself, needed before it is read
// because messages about it hold it.
func nameOf(n node, otherwise string) string {
	if n.Kind == yaml.MappingNode {
		n.d = &decoder{} // what is wrong is told when the mapping is read
		for key, value := range n.entries() {
			if key.Value == "name" && value.Value != "" {
				return value.Value
			}
		}
	}
	return otherwise
}
