package notify

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestHead(t *testing.T) {
	const family = "👨‍👩‍👧‍👦" // one character of 7 runes, 25 bytes
	for _, c := range []struct {
		text  string
		limit int
		of    measure
		want  string
	}{
		{"short", 5, runes, "short"},
		{"longer", 5, runes, "long…"},
		{"", 5, runes, ""},
		{"any", 0, runes, ""},
		{"a word and another", 14, runes, "a word and…"},
		{"a word and another", 16, runes, "a word and anot…"},
		{"ends well here", 10, runes, "ends well…"},
		{"aé́é́", 4, runes, "aé́…"},
		{"x" + family + family, 12, runes, "x" + family + "…"},
		{"x" + family, 5, runes, "x…"},
		{"🇩🇪🇫🇷🇮🇹", 5, runes, "🇩🇪🇫🇷…"},
		{"😀😀😀", 5, utf16Units, "😀😀…"},
		{"\"\"\"\"", 7, jsonBytes, "\"\"…"},
		{"<<<<", 9, measure(runes).written(escapeSlack), "<<…"},
	} {
		if got := head(c.text, c.limit, c.of); got != c.want {
			t.Errorf("head(%q, %d) = %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

func TestTail(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		of    measure
		want  string
	}{
		{"short", 5, runes, "short"},
		{"one\ntwo\nthree", 13, runes, "one\ntwo\nthree"},
		{"one\ntwo\nthree", 12, runes, "…\ntwo\nthree"},
		{"one\ntwo\nthree", 10, runes, "…\nthree"},
		{"0123456789", 6, runes, "…\n6789"},
		{"0123456789", 1, runes, ""},
		{"0123456😀", 4, utf16Units, "…\n😀"},
		{"0123456😀", 3, utf16Units, "…\n"},
	} {
		if got := tail(c.text, c.limit, c.of); got != c.want {
			t.Errorf("tail(%q, %d) = %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

var measures = map[string]measure{
	"runes": runes, "utf16": utf16Units, "json": jsonBytes,
	"discord": measure(utf16Units).written(escapeDiscord), "slack": measure(utf16Units).written(escapeSlack),
	"code": measure(utf16Units).written(func(s string) string { return unfence(escapeSlack(s)) }),
}

// What is cut is within the limit as the service will count it, is text, and is
// a beginning or an end of what was there.
func FuzzCut(f *testing.F) {
	f.Add(hostile, 100)
	f.Add("a b c d e f g", 5)
	f.Add("👨‍👩‍👧‍👦 \u0301\u0301\u0301 🇩🇪", 3)
	f.Add("https://a/_b_ ~~ https://a/~~ `x`", 20)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		if limit < 0 || limit > 10_000 || !utf8.ValidString(s) {
			return
		}
		for name, of := range measures {
			began, ended := head(s, limit, of), tail(s, limit, of)
			if of(began) > limit || of(ended) > limit {
				t.Errorf("%s: %d and %d of %d", name, of(began), of(ended), limit)
			}
			if !utf8.ValidString(began) || !utf8.ValidString(ended) {
				t.Errorf("%s: %q %q", name, began, ended)
			}
			if !strings.HasPrefix(s, strings.TrimSuffix(began, dots)) || !strings.HasSuffix(s, strings.TrimPrefix(ended, dots+"\n")) {
				t.Errorf("%s: %q %q of %q", name, began, ended, s)
			}
			if of(s) <= limit && name == "runes" && (began != s || ended != s) {
				t.Errorf("%s: cut without need: %q %q", name, began, ended)
			}
		}
	})
}
