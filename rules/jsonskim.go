package rules

import (
	"bytes"
	"fmt"
	"strconv"
)

// skim looks at a value of which nothing is needed, in text that is valid already:
// at its depth, the names of its objects and the size of its numbers.
func (r *jsonReader) skim(raw []byte) error {
	depth := r.decoder.StackDepth()
	inObject, named := false, false // where the walk is, and whether its name has come
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return tooDeep()
			}
			r.around = append(r.around, inObject)
			if inObject, named = raw[i] == '{', false; inObject {
				r.names.open()
			}
		case '}', ']':
			if inObject {
				r.names.close()
			}
			depth--
			inObject, named = r.around[len(r.around)-1], true
			r.around = r.around[:len(r.around)-1]
		case ',':
			named = false
		case '"':
			end := i + stringLength(raw[i:])
			if inObject && !named {
				if _, err := r.names.add(raw[i:end]); err != nil {
					return err
				}
				named = true
			}
			i = end - 1
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			end, err := skimNumber(raw, i)
			if err != nil {
				return err
			}
			i = end - 1
		}
	}
	return nil
}

func tooDeep() error {
	return &MalformedError{fmt.Sprintf("not JSON: nested more than %d deep", maxDepth)}
}

// stringLength is how long the string is, with its quotes, that a text begins with.
func stringLength(text []byte) int {
	for end := 1; ; end++ {
		end += bytes.IndexByte(text[end:], '"')
		before := end
		for text[before-1] == '\\' {
			before--
		}
		if (end-before)%2 == 0 {
			return end + 1
		}
	}
}

// surelySmall is how many bytes a number without an exponent may have and be sure
// to be a float64: the largest has 309 digits.
const surelySmall = 300

// skimNumber returns where the number that begins at i ends, and refuses one that
// is too large in a needed part, too.
func skimNumber(text []byte, i int) (end int, err error) {
	exponent := false
	for end = i; end < len(text); end++ {
		switch c := text[end]; {
		case c >= '0' && c <= '9', c == '-', c == '+', c == '.':
			continue
		case c == 'e', c == 'E':
			exponent = true
			continue
		}
		break
	}
	if exponent || end-i > surelySmall {
		if _, err := strconv.ParseFloat(string(text[i:end]), 64); err != nil {
			return end, errTooLarge
		}
	}
	return end, nil
}
