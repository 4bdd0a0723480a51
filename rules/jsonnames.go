package rules

import (
	"bytes"
	"hash/maphash"
)

// fewNames is up to how many names of an object are compared one by one, which for
// so few is quicker than any table.
const fewNames = 16

// A nameSet holds the names of the objects that are open, to tell which comes twice. A
// decoder could do that, but takes more time for it than for all the rest. A nil set
// holds none, and takes a name as often as it comes.
type nameSet struct {
	spelt   [][]byte     // of all open objects, those of the innermost last
	most    int          // of them at once, since the last reset
	objects []openObject // the innermost last
	seed    maphash.Seed // a sender cannot know it, and so not make names meet
}

// An openObject is where the names of one begin and, if there are many, a hash
// table of them: indexes into spelt from 1, 0 for none.
type openObject struct {
	begin int
	table []int32
}

func newNameSet() *nameSet { return &nameSet{seed: maphash.MakeSeed()} }

func (n *nameSet) open() {
	if n == nil {
		return
	}
	if len(n.objects) == cap(n.objects) {
		n.objects = append(n.objects, openObject{})
	} else {
		n.objects = n.objects[:len(n.objects)+1] // whose table is used again
	}
	o := &n.objects[len(n.objects)-1]
	o.begin, o.table = len(n.spelt), o.table[:0]
}

func (n *nameSet) close() {
	if n == nil {
		return
	}
	n.most = max(n.most, len(n.spelt))
	last := len(n.objects) - 1
	n.spelt, n.objects = n.spelt[:n.objects[last].begin], n.objects[:last]
}

// reset forgets everything, and the text with it. What it takes goes by that text, and
// not by the largest one before.
func (n *nameSet) reset() {
	clear(n.spelt[:max(n.most, len(n.spelt))])
	n.most = 0
	n.spelt, n.objects = n.spelt[:0], n.objects[:0]
}

// add takes a name of the innermost object, which must not be there already. It
// keeps the name.
func (n *nameSet) add(name []byte) error {
	if n == nil {
		return nil
	}
	o := &n.objects[len(n.objects)-1]
	own := n.spelt[o.begin:]
	switch {
	case len(own) >= maxValues:
		return tooManyValues()
	case len(own) >= fewNames:
		if !n.addToMany(o, name) {
			return twice(name)
		}
	default:
		for _, other := range own {
			if bytes.Equal(other, name) {
				return twice(name)
			}
		}
	}
	n.spelt = append(n.spelt, name)
	return nil
}

// addToMany adds the name that comes next to the table, unless it is there.
func (n *nameSet) addToMany(o *openObject, name []byte) bool {
	own := n.spelt[o.begin:]
	if 2*len(own) >= len(o.table) {
		size := max(16*fewNames, 2*len(o.table))
		o.table = append(o.table[:0], make([]int32, size)...)
		for i, other := range own {
			n.enter(o, own, other, int32(i+1))
		}
	}
	return n.enter(o, own, name, int32(len(own)+1))
}

// enter puts an index into the table, unless the name has one.
func (n *nameSet) enter(o *openObject, own [][]byte, name []byte, index int32) bool {
	mask := uint64(len(o.table) - 1) // the size is a power of two
	for at := maphash.Bytes(n.seed, name) & mask; ; at = (at + 1) & mask {
		there := o.table[at]
		if there == 0 {
			o.table[at] = index
			return true
		}
		if bytes.Equal(own[there-1], name) {
			return false
		}
	}
}

func twice(name []byte) error {
	return &MalformedError{"not JSON: duplicate name " + preview(string(name)) + " in an object"}
}
