package notify

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"plain\ttext\n":             "plain\ttext\n",
		"a\r\nb\u2028c":             "a\nb\nc",
		"bell\x07 null\x00 del\x7f": "bell null del",
		"\x1b[1;31mred\x1b[0m":      "red",
		"ok \u202egpj.exe\u202c":    "ok gpj.exe",
		"\u2066a\u2069":             "a",
		"bad \xff\xfe":              "bad \ufffd",
		"مرحبا שלום":                "مرحبا שלום",
		"👨‍👩‍👧":                     "👨‍👩‍👧",
	} {
		if got := clean(text); got != want {
			t.Errorf("clean(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestCleanLog(t *testing.T) {
	for text, want := range map[string]string{
		"one\ntwo\n":                         "one\ntwo",
		"10%\r50%\r100%\ndone\n":             "100%\ndone",
		"windows\r\nlines\r\n":               "windows\nlines",
		"\n\n  indented  \n\n":               "  indented",
		"\x1b[32m✓\x1b[39m ok\x1b[K":         "✓ ok",
		"\x1b]0;title\x07\x1b(Btext\x1b=":    "text",
		"\x1b]8;;https://x\x1b\\l\x1b]8;;\a": "l",
		"cut in the middle \x1b[3":           "cut in the middle 3",
	} {
		if got := cleanLog([]byte(text)); got != want {
			t.Errorf("cleanLog(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add(hostile)
	f.Add("\x1b]0;\x1b[31m\r\n\r\x85\xc2\x85")
	f.Fuzz(func(t *testing.T, s string) {
		for _, got := range []string{clean(s), cleanLog([]byte(s)), oneLine(s)} {
			if !utf8.ValidString(got) {
				t.Errorf("%q is no text", got)
			}
			if i := strings.IndexFunc(got, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' || turnsText(r) }); i >= 0 {
				t.Errorf("%q at %d", got, i)
			}
		}
		if strings.ContainsAny(oneLine(s), "\n\t") {
			t.Errorf("%q is not one line", oneLine(s))
		}
	})
}
