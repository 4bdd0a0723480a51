package rules

import "gopkg.in/yaml.v3"

// An ExpectedNotice is what a place is to be told. What is nil may be anything.
type ExpectedNotice struct {
	To      string // a name under notify:
	Message *string
	Address *string // of somebody outside; "" for those of the place
}

// An ExpectedStatus is the status that a commit is to have. What is nil may be
// anything.
type ExpectedStatus struct {
	Repository, Commit, Context *string
	State                       *string // of a rule that does nothing else
}

// settings of a notice are those of its longer form; the shorter one is its
// message.
func (e *ExpectedNotice) settings() []setting {
	return []setting{
		{"message", expectedText(&e.Message), "what is said beside what happened", ""},
		{"address", expectedText(&e.Address), "to whom the mail goes in the place of the place's own; empty for those", ""},
	}
}

func (e *ExpectedStatus) settings() []setting {
	return []setting{
		{"repository", expectedText(&e.Repository), "the repository with its owner", ""},
		{"commit", expectedText(&e.Commit), "the commit's id", ""},
		{"context", expectedText(&e.Context), "what tells statuses of one commit apart", ""},
		{"state", expectedText(&e.State), "of a rule that does nothing else: `pending`, `success`, `failure`", ""},
	}
}

// expectedText notes that a text is said.
func expectedText(at **string) form { return expected.do(func(s string) { *at = &s }) }

func (r *ExpectedRun) readNotify(n node) {
	for key, value := range n.entries() {
		e := ExpectedNotice{To: key.Value}
		if value.Kind == yaml.MappingNode {
			value.mapping(e.settings()...)
		} else {
			s := value.expected()
			e.Message = &s
		}
		r.Notify = append(r.Notify, e)
	}
}

func noticesSchema() *schema {
	return namedOf(aText("")(), either("message, or mapping", expected.schema(), mappingOf((&ExpectedNotice{}).settings()...))())
}

func (r *ExpectedRun) readStatus(n node) {
	r.Status = &ExpectedStatus{}
	n.mapping(r.Status.settings()...)
}

func statusesSchema() *schema { return mappingOf((&ExpectedStatus{}).settings()...) }

// writeNotices is the shorter form where that says all.
func writeNotices(list []ExpectedNotice) *mappingWriter {
	m := &mappingWriter{}
	for _, e := range list {
		if e.Address == nil && e.Message != nil {
			m.text(e.To, *e.Message)
			continue
		}
		m.mapping(e.To, (&mappingWriter{}).said([]saidText{{"message", e.Message}, {"address", e.Address}}))
	}
	return m
}

func (e *ExpectedStatus) write() *mappingWriter {
	return (&mappingWriter{}).said([]saidText{{"repository", e.Repository}, {"commit", e.Commit}, {"context", e.Context}, {"state", e.State}})
}

// A saidText is a text of a case, nil if nothing is said.
type saidText struct {
	name string
	text *string
}

// said adds the texts that are there.
func (m *mappingWriter) said(list []saidText) *mappingWriter {
	for _, one := range list {
		if one.text != nil {
			m.text(one.name, *one.text)
		}
	}
	return m
}
