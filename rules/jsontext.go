package rules

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// A jsonText is a text in UTF-8 that is read from its beginning on, one token after
// the other.
type jsonText struct {
	text  []byte
	at    int    // how much of it is read
	spelt []byte // the last string that had escapes, without them
}

// next passes over blanks, and returns the byte behind them, 0 at the end.
func (t *jsonText) next() byte {
	for ; t.at < len(t.text); t.at++ {
		switch c := t.text[t.at]; c {
		case ' ', '\n', '\r', '\t':
		default:
			return c
		}
	}
	return 0
}

// word reads a word that there has to be.
func (t *jsonText) word(word string) error {
	if !bytes.HasPrefix(t.text[t.at:], []byte(word)) {
		return errSyntax
	}
	t.at += len(word)
	return nil
}

// string reads the string that begins here. What it returns holds until the next one
// with escapes is read.
func (t *jsonText) string() ([]byte, error) {
	begin := t.at + 1
	end := begin + plainLength(t.text[begin:])
	switch {
	case end == len(t.text) || t.text[end] < ' ':
		return nil, errSyntax
	case t.text[end] == '\\':
		return t.escaped(end)
	}
	t.at = end + 1
	return t.text[begin:end], nil
}

// plainLength is how many bytes stand in front of the first quote, backslash or control
// character. Most bytes of a payload pass here, so it looks at eight of them at once: to
// take away from each what makes it less than nothing if it is one of these sets its top
// bit, and maybe that of some behind it, but of none in front.
func plainLength(text []byte) int {
	const each = 0x0101010101010101
	i := 0
	for ; i+8 <= len(text); i += 8 {
		word := binary.LittleEndian.Uint64(text[i:])
		controls, quotes, backslashes := word-each*' ', (word^each*'"')-each, (word^each*'\\')-each
		marks := (controls | quotes | backslashes) &^ word & (each * 0x80)
		if marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
	}
	for i < len(text) && text[i] >= ' ' && text[i] != '"' && text[i] != '\\' {
		i++
	}
	return i
}

// escaped reads the string that begins here and has its first escape at i.
func (t *jsonText) escaped(i int) ([]byte, error) {
	for ; i < len(t.text); i++ {
		switch t.text[i] {
		case '\\':
			i++ // what follows it ends no string
		case '"':
			var err error
			if t.spelt, err = jsontext.AppendUnquote(t.spelt[:0], t.text[t.at:i+1]); err != nil {
				return nil, errSyntax
			}
			t.at = i + 1
			return t.spelt, nil
		}
	}
	return nil, errSyntax
}

// surelySmall is how many bytes a number without an exponent may have and be sure
// to be a float64: the largest has 309 digits.
const surelySmall = 300

// number reads the number that there has to be, and refuses one that is too large
// for a float64.
func (t *jsonText) number() ([]byte, error) {
	begin := t.at
	if t.is('-') {
		t.at++
	}
	switch {
	case t.is('0'):
		t.at++
	case !t.digits():
		return nil, errSyntax
	}
	if t.is('.') {
		if t.at++; !t.digits() {
			return nil, errSyntax
		}
	}
	exponent := t.is('e') || t.is('E')
	if exponent {
		if t.at++; t.is('+') || t.is('-') {
			t.at++
		}
		if !t.digits() {
			return nil, errSyntax
		}
	}
	number := t.text[begin:t.at]
	if exponent || len(number) > surelySmall {
		if _, err := strconv.ParseFloat(string(number), 64); err != nil {
			return nil, errTooLarge
		}
	}
	return number, nil
}

func (t *jsonText) is(c byte) bool { return t.at < len(t.text) && t.text[t.at] == c }

// digits passes over digits, and tells whether there were any.
func (t *jsonText) digits() bool {
	begin := t.at
	for t.at < len(t.text) && t.text[t.at] >= '0' && t.text[t.at] <= '9' {
		t.at++
	}
	return t.at > begin
}
