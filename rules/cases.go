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
	Throttle *string // its key
	Debounce *string // likewise
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

// read reads one case, and refuses settings that contradict each other.
func (c *Case) read(n node) {
	set := map[string]node{}
	settings := c.settings()
	for i, s := range settings {
		read := s.form.read
		settings[i].form.read = func(n node) { set[s.name] = n; read(n) }
	}
	n.mapping(settings...)
	if n.Kind != yaml.MappingNode {
		return
	}
	for _, name := range []string{"hook", "expect"} {
		if _, ok := set[name]; !ok {
			n.problem("has no %s", name)
		}
	}
	if _, ok := set["signed"]; !ok {
		c.Signed = c.Provider != ""
	}
	if _, ok := set["send"]; ok {
		for _, other := range []string{"payload", "event"} {
			if o, both := set[other]; both {
				o.problem("send brings it; leave one of them out")
			}
		}
	}
}

func (c *Case) settings() []setting {
	return []setting{
		{"name", names.do(func(string) {}), "told apart by it", "`case-1`, `case-2`, …"},
		{"hook", askedFor.to(&c.Hook), "the path as a sender asks for it, with its query", mustBe},
		{"send", sends.do(func(s [2]string) { c.Provider, c.Event = s[0], s[1] }), "a recorded delivery, as in `{github: push}`; `hooktender send` has the same", ""},
		{"payload", form{c.readPayload, payloadSchema}, "the body: a file beside this one, or the payload itself, which is sent as JSON", "no body"},
		{"set", form{c.readSet, func() *schema { return namedOf(aText("")(), anything()) }}, "fields of the payload that are changed, as in `head_commit.id: abc`", ""},
		{"event", names.to(&c.Event), "name of the event, written where the hook's provider writes it", ""},
		{"header", form{c.readHeader, headerSchema}, "headers, each a text or a list of them; `Content-Type` is JSON unless it is among them", ""},
		{"method", oneOf(methods...).to(&c.Method), "HTTP method", "the first that the hook takes"},
		{"remote_ip", senderAddress.to(&c.RemoteIP), "address of the sender", "none, and `allow_ips` is not asked"},
		{"at", moments.to(&c.Now), "when it arrives: for signed timestamps, and for `now()` in conditions", "now"},
		{"signed", booleans.to(&c.Signed), "sign it with the hook's own secret, as its sender does", "`true` with `send`, else `false`"},
		{"expect", form{c.readExpect, func() *schema { return mappingOf((&Expectation{}).settings()...) }}, "what is to become of it", mustBe},
	}
}

var (
	askedFor = kind[string]{func(n node) string {
		s, ok := n.scalar()
		if ok && !strings.HasPrefix(s, "/") {
			n.problem("%q is not a hook's path like /github/website", s)
		}
		return s
	}, like("path", "^/")}
	senderAddress = kind[netip.Addr]{func(n node) netip.Addr {
		s, ok := n.scalar()
		address, err := netip.ParseAddr(s)
		if ok && err != nil {
			n.problem("%q is not an address like 192.0.2.7", s)
		}
		return address
	}, aText("address")}
	moments = kind[time.Time]{func(n node) time.Time {
		s, ok := n.scalar()
		t, err := time.Parse(time.RFC3339, s)
		if ok && err != nil {
			n.problem("%q is not a time like 2006-01-02T15:04:05Z", s)
		}
		return t
	}, like("time, as in 2006-01-02T15:04:05Z", `^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d`)}
	sends = kind[[2]string]{node.send, func() *schema {
		s := namedOf(aText("")(), aText("")())
		s.Title, s.MinProperties, s.MaxProperties = "{PROVIDER: EVENT}", 1, 1
		return s
	}}
)

func (n node) send() (sent [2]string) {
	count := 0
	for key, value := range n.entries() {
		event, _ := value.scalar()
		sent, count = [2]string{key.Value, event}, count+1
	}
	if n.Kind == yaml.MappingNode && count != 1 {
		n.problem("must name one delivery, as in {github: push}, but names %d", count)
	}
	return sent
}

func (c *Case) readHeader(n node) {
	for key, value := range n.entries() {
		lines := []node{value}
		if value.Kind == yaml.SequenceNode {
			lines = value.list()
		}
		for _, line := range lines {
			if s, ok := line.scalar(); ok {
				c.Header.Add(key.Value, s)
			}
		}
	}
}

func headerSchema() *schema {
	return namedOf(aText("")(), &schema{AnyOf: []*schema{aText("")(), listOf(aText("")())}})
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
