package rules

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// AppendCase adds a case to the text of a file with cases, which may be empty,
// and leaves all that stands there as it is. Files that the case names lie in
// the folder of path. The error is [Problems] if the text is none of cases.
func AppendCase(path string, text []byte, c *Case) ([]byte, error) {
	written, err := c.yaml(path)
	if err != nil {
		return nil, fmt.Errorf("write the case: %w", err)
	}
	indent := 2
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte("cases:\n")
	} else {
		_, list, err := parseCases(path, text)
		if err != nil {
			return nil, err
		}
		if list.Style&yaml.FlowStyle != 0 {
			return nil, fmt.Errorf("%s:%d: the cases stand in [ ]; write them one below the other, and a case can be added", path, list.Line)
		}
		indent = list.Column - 1
	}
	if !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, '\n')
	}
	for line := range bytes.Lines(written) {
		text = append(append(text, bytes.Repeat([]byte(" "), indent)...), line...)
	}
	if _, err := ParseCases(path, text); err != nil {
		return nil, fmt.Errorf("add the case: %w", err)
	}
	return text, nil
}

// yaml writes the case as the one element of a list.
func (c *Case) yaml(path string) ([]byte, error) {
	m := &mappingWriter{}
	m.text("name", c.Name)
	m.text("hook", c.Hook)
	if c.File != "" {
		name, err := filepath.Abs(path)
		if err == nil {
			name, err = filepath.Rel(filepath.Dir(name), c.File)
		}
		if err != nil {
			return nil, err
		}
		m.text("payload", name)
	}
	if c.Method != "" {
		m.text("method", c.Method)
	}
	if len(c.Header) > 0 {
		header := &mappingWriter{}
		for _, name := range slices.Sorted(maps.Keys(c.Header)) {
			if values := c.Header[name]; len(values) == 1 {
				header.text(name, values[0])
			} else {
				header.texts(name, values)
			}
		}
		m.mapping("header", header)
	}
	if c.RemoteIP.IsValid() {
		m.text("remote_ip", c.RemoteIP.String())
	}
	if !c.Now.IsZero() {
		m.plain("at", c.Now.UTC().Format(time.RFC3339Nano))
	}
	m.mapping("expect", c.Expect.write())
	return m.asElement()
}

func (e *Expectation) write() *mappingWriter {
	m := &mappingWriter{}
	if e.Verdict != "" {
		m.text("verdict", string(e.Verdict))
	}
	if e.Status != 0 {
		m.plain("status", strconv.Itoa(e.Status))
	}
	if e.Rules != nil {
		m.texts("rules", e.Rules)
	}
	runs := &mappingWriter{}
	for _, r := range e.Run {
		run := &mappingWriter{}
		if len(r.Env) > 0 {
			env := &mappingWriter{}
			for _, v := range r.Env {
				env.text(v.Name, v.Value)
			}
			run.mapping("env", env)
		}
		if r.Command != nil {
			run.texts("command", r.Command)
		}
		if r.HTTP != nil {
			run.mapping("http", r.HTTP.write())
		}
		if len(r.Notify) > 0 {
			run.mapping("notify", writeNotices(r.Notify))
		}
		if r.Status != nil {
			run.mapping("status", r.Status.write())
		}
		run.said([]saidText{{"group", r.Group}, {"throttle", r.Throttle}, {"debounce", r.Debounce}})
		if len(run.content) > 0 {
			runs.mapping(r.Rule, run)
		}
	}
	if len(runs.content) > 0 {
		m.mapping("run", runs)
	}
	return m
}

func (c *ExpectedCall) write() *mappingWriter {
	return (&mappingWriter{}).said([]saidText{{"method", c.Method}, {"url", c.URL}, {"body", c.Body}})
}

// A mappingWriter gathers the pairs of a mapping in their order.
type mappingWriter struct{ content []*yaml.Node }

func (m *mappingWriter) add(name string, value *yaml.Node) {
	m.content = append(m.content, textNode(name), value)
}

func (m *mappingWriter) text(name, value string) { m.add(name, textNode(value)) }

// plain writes a value that needs no quotes.
func (m *mappingWriter) plain(name, value string) {
	m.add(name, &yaml.Node{Kind: yaml.ScalarNode, Value: value})
}

func (m *mappingWriter) texts(name string, values []string) {
	list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, v := range values {
		list.Content = append(list.Content, textNode(v))
	}
	m.add(name, list)
}

func (m *mappingWriter) mapping(name string, value *mappingWriter) {
	m.add(name, &yaml.Node{Kind: yaml.MappingNode, Content: value.content})
}

func textNode(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 }) {
		n.Style = yaml.DoubleQuotedStyle // so that nothing folds it
	}
	return n
}

func (m *mappingWriter) asElement() ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	list := &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{{Kind: yaml.MappingNode, Content: m.content}}}
	err := errors.Join(e.Encode(list), e.Close())
	return b.Bytes(), err
}
