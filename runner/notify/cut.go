package notify

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
)

const dots = "…"

// A measure says how much of a service's limit a piece of text takes: as the
// service counts, and as the text will be written. What a text takes is never
// more than what its characters take, one by one.
type measure func(string) int

// runes counts Unicode characters.
func runes(s string) int { return utf8.RuneCountInString(s) }

// utf16Units counts as JavaScript does, and whoever is written in it: characters
// beyond the first 65536 are two. Where a service does not say how it counts,
// this is never too little.
func utf16Units(s string) (n int) {
	for _, r := range s {
		if n++; r > 0xFFFF {
			n++
		}
	}
	return n
}

// jsonBytes counts the bytes of a text inside a JSON document.
func jsonBytes(s string) int { return len(inJSON(s)) - len(`""`) }

func inJSON(v any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return `""` // nothing that is put here can fail
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// written is a measure of a text that is escaped first.
func (m measure) written(escape func(string) string) measure {
	return func(s string) int { return m(escape(s)) }
}

// head keeps the beginning of a text that takes more than the limit, and shows
// that there was more. It cuts between words where that costs little, and never
// inside of what people see as one character (UAX #29).
func head(s string, limit int, of measure) string {
	kept, whole := 0, 0
	room := limit - of(dots)
	took := 0
	for it := graphemes.FromString(s); it.Next(); {
		if took += of(it.Value()); took <= room {
			kept = it.End()
		}
		if took > limit {
			break
		}
		whole = it.End()
	}
	switch {
	case whole == len(s):
		return s
	case room < 0:
		return ""
	}
	return strings.TrimRight(toWord(s[:kept], s[kept:]), " \n\t") + dots
}

// toWord gives up the last word of a text that was cut inside of it, if it is
// short.
func toWord(kept, rest string) string {
	space := strings.LastIndexAny(kept, " \n\t")
	if strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "\n") || space < len(kept)*4/5 {
		return kept
	}
	return kept[:space]
}

// tail keeps the end of a text that takes more than the limit: of a log, the end
// tells what went wrong. It begins with a whole line if there is one.
func tail(s string, limit int, of measure) string {
	var ends, sizes []int
	took := 0
	for it := graphemes.FromString(s); it.Next(); {
		size := of(it.Value())
		ends, sizes, took = append(ends, it.End()), append(sizes, size), took+size
	}
	if took <= limit {
		return s
	}
	room := limit - of(dots+"\n")
	if room < 0 {
		return ""
	}
	from, took := len(s), 0
	for i := len(ends) - 1; i >= 0; i-- {
		if took += sizes[i]; took > room {
			break
		}
		from = 0
		if i > 0 {
			from = ends[i-1]
		}
	}
	kept := s[from:]
	if newline := strings.IndexByte(kept, '\n'); newline >= 0 && newline < len(kept)/2 && s[from-1] != '\n' {
		kept = kept[newline+1:]
	}
	return dots + "\n" + kept
}
