package rules

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// fields says which parts of a payload are needed, so that the rest is only
// checked and skipped. The zero value needs nothing.
type fields struct {
	whole bool // everything from here on
	below map[string]*fields
}

// everything needs the whole payload.
var everything = &fields{whole: true}

// add needs what lies at path, whole. An empty path is the payload itself.
func (f *fields) add(path []string) {
	if len(path) == 0 {
		f.whole = true
		return
	}
	if f.below == nil {
		f.below = map[string]*fields{}
	}
	next := f.below[path[0]]
	if next == nil {
		next = &fields{}
		f.below[path[0]] = next
	}
	next.add(path[1:])
}

// merge needs what other needs, too.
func (f *fields) merge(other *fields) {
	f.whole = f.whole || other.whole
	for name, below := range other.below {
		if f.below == nil {
			f.below = map[string]*fields{}
		}
		if f.below[name] == nil {
			f.below[name] = &fields{}
		}
		f.below[name].merge(below)
	}
}

// text is the same for all that need the same.
func (f *fields) text() string {
	if f.whole {
		return "*"
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(f.below)) {
		b.WriteString(strconv.Quote(name) + "{" + f.below[name].text() + "}")
	}
	return b.String()
}

// elements returns what is needed of a list's elements, nil for nothing.
func (f *fields) elements() *fields {
	if f.whole {
		return everything
	}
	return nil
}

// of returns what is needed of the field name, nil for nothing.
func (f *fields) of(name []byte) *fields {
	if f.whole {
		return everything
	}
	return f.below[string(name)]
}
