package verify

import (
	"iter"
	"strings"
)

// pairs is the list in a signature header: "t=1700000000,v1=ab12,v1=cd34".
// Without a separator it is one item, without kv the items have no names.
type pairs struct{ text, sep, kv string }

// all yields the items in order. What is not of the form of an item is skipped:
// a provider may add to its list.
func (p pairs) all() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for item := range p.items() {
			name, value := "", item
			if p.kv != "" {
				var ok bool
				if name, value, ok = strings.Cut(item, p.kv); !ok {
					continue
				}
			}
			if !yield(name, value) {
				return
			}
		}
	}
}

func (p pairs) items() iter.Seq[string] {
	return func(yield func(string) bool) {
		if p.sep == "" {
			yield(p.text)
			return
		}
		for item := range strings.SplitSeq(p.text, p.sep) {
			if !yield(strings.TrimSpace(item)) { // "t=1, v1=ab": some write a space
				return
			}
		}
	}
}

// values returns the values of all items of a name.
func (p pairs) values(name string) (values []string) {
	for n, v := range p.all() {
		if n == name {
			values = append(values, v)
		}
	}
	return values
}

// A signatureField is a compiled [Signature].
type signatureField struct {
	from     sources
	encoding encoding
	prefix   string
	sep, kv  string
	key      string
	all      bool // not only the first place that is present
}

// read returns what the request claims: its list, and every signature in it
// that could count. There is at least one.
func (f *signatureField) read(r *Request) (evidence, [][]byte, error) {
	text, err := f.from.require(evidence{Request: r})
	if err != nil {
		return evidence{}, nil, err
	}
	e := evidence{Request: r, signature: pairs{text, f.sep, f.kv}}
	if f.all {
		claimed, err := f.readAll(e)
		return e, claimed, err
	}
	claimed, err := f.decode(e.signature)
	return e, claimed, err
}

// readAll returns the signatures of every place that is present, for senders
// that sign with several keys at once. At least one of them can be read.
func (f *signatureField) readAll(e evidence) (claimed [][]byte, problem error) {
	for _, s := range f.from {
		text, err := s.get(e)
		if err == nil && text != "" {
			var some [][]byte
			some, err = f.decode(pairs{text, f.sep, f.kv})
			claimed = append(claimed, some...)
		}
		if err != nil {
			problem = err
		}
	}
	if len(claimed) > 0 {
		return claimed, nil
	}
	return nil, problem
}

// decode returns the signatures of the list. Items under other names are other
// versions, which are neither believed nor held against the sender.
func (f *signatureField) decode(list pairs) (claimed [][]byte, problem error) {
	for name, value := range list.all() {
		if name != f.key {
			continue
		}
		sum, err := f.decodeOne(value)
		if err != nil {
			problem = err
			continue
		}
		claimed = append(claimed, sum)
	}
	switch {
	case len(claimed) > 0:
		return claimed, nil
	case problem == nil:
		return nil, reject("no %s signature in the %s", f.key, f.from)
	}
	return nil, problem
}

func (f *signatureField) decodeOne(value string) ([]byte, error) {
	text, ok := strings.CutPrefix(value, f.prefix)
	if !ok {
		return nil, reject("%s does not start with %q", f.from, f.prefix)
	}
	sum, err := f.encoding.decode(text)
	if err != nil || len(sum) == 0 {
		return nil, reject("signature in the %s is not %s", f.from, f.encoding.name)
	}
	return sum, nil
}

// write sets the signature, behind the items that list already has.
func (f *signatureField) write(r *Request, list pairs, sum []byte) error {
	text := f.prefix + f.encoding.encode(sum)
	if f.kv != "" {
		text = f.key + f.kv + text
	}
	if list.text != "" {
		text = list.text + f.sep + text
	}
	return f.from[0].set(r, text)
}
