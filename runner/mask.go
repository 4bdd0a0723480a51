package runner

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/hooktender/hooktender/rules"
)

const (
	masked = "<secret>"

	// minMasked is the shortest secret that is masked: anything shorter stands in
	// every second word, and hiding it there would tell what it is.
	minMasked = 4
	// minSpelled is the shortest secret, and the shortest line of one, that is
	// masked in other spellings and by itself.
	minSpelled = 8
	// maxSpelled bounds the memory that a whole file as a secret takes.
	maxSpelled = 16 << 10
)

// A Mask finds secrets in a stream of bytes. It is an automaton after Aho and
// Corasick: after each byte its state is the longest end of what came that a
// secret begins with. So it knows at any time how little may have to be masked
// still, and each byte is looked at once, however many secrets there are. A Mask
// never changes; nil masks nothing.
type Mask struct {
	known  map[rules.Secret]bool
	states []state
	first  [256]int32        // from the start, by the next byte
	pairs  [1 << 16 / 8]byte // a bit for each two bytes that a secret begins with
}

// A state stands for the beginning of a secret; 0 is the start, for none of it.
// The states that follow one are a list, because mostly it is only one.
type state struct {
	child, sibling int32
	fail           int32 // of what is left when this leads nowhere
	depth          int32 // bytes that lead here
	match          int32 // bytes of the longest secret that ends here
	open           int32 // of the bytes that lead here, the last so many may go on to be a secret
	by             byte  // the last of those bytes
}

// NewMask makes the mask of these secrets, in all their spellings.
func NewMask(secrets []rules.Secret) *Mask {
	m := &Mask{known: map[rules.Secret]bool{}, states: make([]state, 1)}
	for _, s := range secrets {
		if m.known[s] {
			continue
		}
		m.known[s] = true
		for _, spelling := range spellings(s.Reveal()) {
			m.add(spelling)
		}
	}
	if len(m.states) == 1 {
		m.states = nil
		return m
	}
	m.link()
	return m
}

// With is the mask of these secrets, too.
func (m *Mask) With(secrets ...rules.Secret) *Mask {
	var all []rules.Secret
	for _, s := range secrets {
		if m == nil || !m.known[s] {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return m
	}
	if m != nil {
		for s := range m.known {
			all = append(all, s)
		}
	}
	return NewMask(all)
}

// spellings are the ways in which scripts and their tools print a secret: as it
// is, line by line, in base64 (echo adds a line break), in a URL, in JSON.
func spellings(secret string) []string {
	list := []string{secret, strings.TrimSpace(secret)}
	for line := range strings.Lines(secret) {
		if line = strings.TrimRight(line, "\r\n"); len(line) >= minSpelled {
			list = append(list, line)
		}
	}
	if len(secret) < minSpelled || len(secret) > maxSpelled {
		return list
	}
	for _, s := range []string{secret, secret + "\n"} {
		list = append(list, base64.RawStdEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s)))
	}
	return append(list, url.QueryEscape(secret), url.PathEscape(secret), inJSON(secret, true), inJSON(secret, false))
}

// inJSON is the inside of the JSON string.
func inJSON(s string, escapeHTML bool) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(escapeHTML)
	_ = encoder.Encode(s) // a string always can be
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), `"`), "\"\n")
}

// add makes the states that lead to a secret.
func (m *Mask) add(secret string) {
	if len(secret) < minMasked {
		return
	}
	pair := int(secret[0])<<8 | int(secret[1])
	m.pairs[pair/8] |= 1 << (pair % 8)
	at := int32(0)
	for i := range len(secret) {
		next := m.follow(at, secret[i])
		if next == 0 {
			next = int32(len(m.states))
			m.states = append(m.states, state{sibling: m.states[at].child, depth: int32(i) + 1, by: secret[i]})
			m.states[at].child = next
			if at == 0 {
				m.first[secret[i]] = next
			}
		}
		at = next
	}
	m.states[at].match = m.states[at].depth
}

// follow is the state behind another, 0 for none.
func (m *Mask) follow(at int32, by byte) int32 {
	if at == 0 {
		return m.first[by]
	}
	next := m.states[at].child
	for next != 0 && m.states[next].by != by {
		next = m.states[next].sibling
	}
	return next
}

// link finds for each state what is left of it, the short ones first.
func (m *Mask) link() {
	var queue []int32
	for at := m.states[0].child; at != 0; at = m.states[at].sibling {
		queue = append(queue, at)
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if s := &m.states[at]; s.child != 0 {
			s.open = s.depth
		} else {
			s.open = m.states[s.fail].open
		}
		for next := m.states[at].child; next != 0; next = m.states[next].sibling {
			s := &m.states[next]
			s.fail = m.step(m.states[at].fail, s.by)
			s.match = max(s.match, m.states[s.fail].match)
			queue = append(queue, next)
		}
	}
}

// step is the state after one more byte.
func (m *Mask) step(at int32, by byte) int32 {
	for at != 0 {
		if next := m.follow(at, by); next != 0 {
			return next
		}
		at = m.states[at].fail
	}
	return m.first[by]
}

// skip is the next place from i on at which a secret may begin.
func (m *Mask) skip(b []byte, i int) int {
	for ; i+1 < len(b); i++ {
		if pair := int(b[i])<<8 | int(b[i+1]); m.pairs[pair/8]&(1<<(pair%8)) != 0 {
			return i
		}
	}
	if i < len(b) && m.first[b[i]] == 0 {
		i++
	}
	return i
}

// Text masks a text that is complete.
func (m *Mask) Text(s string) string {
	k := masker{mask: m}
	shown := string(k.write([]byte(s), time.Time{}))
	return shown + string(k.flush())
}

// A masker masks one stream. It holds back the longest end of what came that
// may be the beginning of a secret, and nothing else.
type masker struct {
	mask  *Mask
	at    int32     // state
	held  []byte    // not given out yet
	spans []span    // of held, in order, apart from each other
	out   []byte    // what the last call returned
	last  time.Time // when something came
}

// A span is a part of held that is secret: one occurrence, or several that
// overlap.
type span struct {
	from, to int
	told     bool // its mask has been given out; it began before held
}

// write takes what came and returns what is to be shown, until the next call.
func (k *masker) write(p []byte, at time.Time) []byte {
	if k.mask == nil || k.mask.states == nil {
		return p
	}
	k.last = at
	i := len(k.held)
	k.held = append(k.held, p...)
	for ; i < len(k.held); i++ {
		if k.at == 0 {
			if i = k.mask.skip(k.held, i); i == len(k.held) {
				break
			}
		}
		k.at = k.mask.step(k.at, k.held[i])
		if n := k.mask.states[k.at].match; n > 0 {
			k.found(i+1-int(n), i+1)
		}
	}
	return k.release(len(k.held) - int(k.mask.states[k.at].open))
}

// flush returns what was held back, at the end of the stream.
func (k *masker) flush() []byte {
	k.at = 0
	return k.release(len(k.held))
}

// found notes an occurrence, which ends last of all so far.
func (k *masker) found(from, to int) {
	s := span{from: from, to: to}
	for n := len(k.spans); n > 0 && k.spans[n-1].to > s.from; n-- {
		before := k.spans[n-1]
		s.from, s.told = min(s.from, before.from), before.told
		k.spans = k.spans[:n-1]
	}
	k.spans = append(k.spans, s)
}

// release gives out the first n bytes of held, masked.
func (k *masker) release(n int) []byte {
	k.out = k.out[:0]
	shown := 0
	for len(k.spans) > 0 && k.spans[0].from < n {
		s := &k.spans[0]
		k.out = append(k.out, k.held[shown:s.from]...)
		if !s.told {
			k.out = append(k.out, masked...)
		}
		shown = min(s.to, n)
		if s.to > n {
			s.from, s.told = n, true
			break
		}
		k.spans = k.spans[1:]
	}
	k.out = append(k.out, k.held[shown:n]...)
	k.held = k.held[:copy(k.held, k.held[n:])]
	for i := range k.spans {
		k.spans[i].from -= n
		k.spans[i].to -= n
	}
	return k.out
}
