package runner

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

func secrets(list ...string) (s []rules.Secret) {
	for _, text := range list {
		s = append(s, rules.Secret(text))
	}
	return s
}

func TestMask(t *testing.T) {
	const key = "-----BEGIN KEY-----\nabc+/defghij==\nshort\n-----END KEY-----"
	const odd = `pa"ss <word>/+é&`
	inJSON, _ := json.Marshal(odd)
	for _, c := range []struct {
		name    string
		secrets []rules.Secret
		in      string
		want    string
	}{
		{"none", nil, "as it is", "as it is"},
		{"begin, middle and end", secrets("hunter2"), "hunter2 is hunter2, hunter2", "<secret> is <secret>, <secret>"},
		{"side by side", secrets("hunter2"), "hunter2hunter2", "<secret><secret>"},
		{"begun, then whole", secrets("aab1"), "aaaab1aab", "aa<secret>aab"},
		{"three bytes are too few", secrets("abc", "a", ""), "abc", "abc"},
		{"four are enough", secrets("abcd"), "xabcdx", "x<secret>x"},
		{"the longest counts", secrets("token", "token-of-ops", "oken"), "token-of-ops token tokens", "<secret> <secret> <secret>s"},
		{"one inside another, whose end does not come", secrets("abcdefgh", "cdef"), "abcdefg", "ab<secret>g"},
		{"overlapping ones leave nothing of either", secrets("abcdef", "defghi"), "abcdefghi", "<secret>"},
		{"overlapping itself", secrets("abab"), "ababababx", "<secret>x"},
		{"binary survives", secrets("hunter2"), "\x00\xff\xfehunter2\x80\n", "\x00\xff\xfe<secret>\x80\n"},
		{"binary secret", secrets("\x00\x01\xff\xfe"), "a\x00\x01\xff\xfeb", "a<secret>b"},
		{"several lines", secrets(key), "key:\n" + key + "\n", "key:\n<secret>\n"},
		{"each line of it", secrets(key), "> abc+/defghij==\n> short\n> -----END KEY-----", "> <secret>\n> short\n> <secret>"},
		{"each line, as a terminal ends it", secrets(key), strings.ReplaceAll(key, "\n", "\r\n"), "<secret>\r\n<secret>\r\nshort\r\n<secret>"},
		{"without the line break at its end", secrets("hunter2\n"), "(hunter2)", "(<secret>)"},
		{"base64", secrets(odd), base64.StdEncoding.EncodeToString([]byte(odd)), "<secret>="},
		{"base64 of echo", secrets(odd), base64.StdEncoding.EncodeToString([]byte(odd + "\n")), "<secret>"},
		{"base64 for URLs", secrets("??>>??>>ab"), base64.RawURLEncoding.EncodeToString([]byte("??>>??>>ab")), "<secret>"},
		{"in a query", secrets(odd), "?t=" + url.QueryEscape(odd), "?t=<secret>"},
		{"in a path", secrets(odd), "/" + url.PathEscape(odd), "/<secret>"},
		{"in JSON", secrets(odd), string(inJSON), `"<secret>"`},
		{"in JSON as others write it", secrets(odd), `"pa\"ss <word>/+é&"`, `"<secret>"`},
		{"short ones in no other spelling", secrets("ab cdef"), "ab+cdef ab cdef", "ab+cdef <secret>"},
	} {
		m := NewMask(c.secrets)
		if got := m.Text(c.in); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		for i := range c.in { // split at every position, into two and into single bytes
			if got := inPieces(m, c.in, i); got != c.want {
				t.Errorf("%s: %q, split at %d", c.name, got, i)
			}
		}
		if got := inPieces(m, c.in, everywhere(c.in)...); got != c.want {
			t.Errorf("%s: %q, byte by byte", c.name, got)
		}
	}
	var none *Mask
	if got := none.Text("hunter2"); got != "hunter2" {
		t.Errorf("no mask makes %q", got)
	}
}

func everywhere(s string) (cuts []int) {
	for i := range len(s) {
		cuts = append(cuts, i)
	}
	return cuts
}

// inPieces masks a text that is cut at these places, which go up.
func inPieces(m *Mask, s string, cuts ...int) string {
	k := masker{mask: m}
	var b strings.Builder
	from := 0
	for _, cut := range append(cuts, len(s)) {
		b.Write(k.write([]byte(s[from:cut]), noon))
		from = cut
	}
	b.Write(k.flush())
	return b.String()
}

// naive masks the way one would on paper: it looks for each spelling at each
// place of the whole stream.
func naive(list []rules.Secret, s string) string {
	hidden := make([]bool, len(s)) // part of a secret
	joined := make([]bool, len(s)) // and of the same occurrence as the byte before
	for _, secret := range list {
		for _, spelling := range spellings(secret.Reveal()) {
			for i := 0; len(spelling) >= minMasked && i+len(spelling) <= len(s); i++ {
				if s[i:i+len(spelling)] != spelling {
					continue
				}
				for j := range len(spelling) {
					hidden[i+j], joined[i+j] = true, joined[i+j] || j > 0
				}
			}
		}
	}
	var b strings.Builder
	for i := range len(s) {
		switch {
		case !hidden[i]:
			b.WriteByte(s[i])
		case !joined[i]:
			b.WriteString(masked)
		}
	}
	return b.String()
}

func FuzzMask(f *testing.F) {
	f.Add("hunter2|ter2hun", "hunter2hunter2", uint64(1))
	f.Add("abab|babab|bbbb", "abababbabbbbbab", uint64(2))
	f.Add("line one is long\nline two\nx", "line one is long\nline two\nx line two", uint64(3))
	f.Add("aaaaaaaa", "aaaaaaaaaaaaaaYWFhYWFhYWE", uint64(4))
	f.Fuzz(func(t *testing.T, list, stream string, seed uint64) {
		all := secrets(strings.Split(list, "|")...)
		rnd := rand.New(rand.NewPCG(seed, 0))
		var cuts []int
		for i := range len(stream) {
			if rnd.IntN(3) == 0 {
				cuts = append(cuts, i)
			}
		}
		want := naive(all, stream)
		if got := inPieces(NewMask(all), stream, cuts...); got != want {
			t.Fatalf("%q cut at %v: %q, want %q", stream, cuts, got, want)
		}
	})
}

// TestMaskAgreesWithPaper compares many streams that are full of secrets, begun
// ones and overlapping ones with what is right.
func TestMaskAgreesWithPaper(t *testing.T) {
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		text := func(n int) string {
			b := make([]byte, n)
			for i := range b {
				b[i] = "ab\nc"[rnd.IntN(2+int(seed%3))]
			}
			return string(b)
		}
		var list []rules.Secret
		for range 1 + rnd.IntN(5) {
			list = append(list, rules.Secret(text(rnd.IntN(12))))
		}
		stream := text(rnd.IntN(300))
		var cuts []int
		for i := range len(stream) {
			if rnd.IntN(5) == 0 {
				cuts = append(cuts, i)
			}
		}
		want := naive(list, stream)
		if got := inPieces(NewMask(list), stream, cuts...); got != want {
			t.Fatalf("seed %d: %q masked in %q cut at %v: %q, want %q", seed, list, stream, cuts, got, want)
		}
	}
}

// What comes is shown at once, but for an end that may be a secret's beginning.
func TestMaskHoldsBackNoMoreThanItMust(t *testing.T) {
	k := masker{mask: NewMask(secrets("hunter2", "ter-x"))}
	for _, step := range []struct{ write, shown string }{
		{"progress 10 %", "progress 10 %"},
		{"name: hun", "name: "},
		{"ger hunter", "hunger "}, // "hunter" may go on in two ways
		{"-", "hun"},
		{"y h", "ter-y "},
		{"unter2", "<secret>"},
	} {
		if got := string(k.write([]byte(step.write), noon)); got != step.shown {
			t.Errorf("%q shows %q, want %q", step.write, got, step.shown)
		}
	}
	k.write([]byte("hunt"), noon)
	if got := string(k.flush()); got != "hunt" {
		t.Errorf("the end shows %q", got)
	}
}

func TestMaskOfWhatARunWasGiven(t *testing.T) {
	now := NewMask(secrets("now-secret"))
	if now.With() != now || now.With("now-secret") != now {
		t.Error("a mask that knows all is made again")
	}
	both := now.With("old-secret")
	if got := both.Text("now-secret old-secret"); got != "<secret> <secret>" {
		t.Errorf("%q", got)
	}
	var none *Mask
	if got := none.With("old-secret").Text("old-secret"); got != masked {
		t.Errorf("%q", got)
	}
}

// A script prints its secrets in every way at hand; the store sees none of them,
// neither in the output nor in the error (threat 38).
func TestOutputIsMasked(t *testing.T) {
	h := open(t, 1)
	h.mask = NewMask(secrets("in-the-config"))
	h.secret = func(rules.Reference) (rules.Secret, error) { return "of-an-earlier-one", nil }
	c := sh(`printf 'in-the-'; echo "in-the-" >&2; sleep 0.2; printf 'config '; echo "config" >&2
		printf %.9s "$S"; sleep 0.2; printf %s "${S#of-an-ear}"; printf ' in-the-con'`)
	c.Env = []rules.EnvVar{{Name: "S", Value: rules.Text{{Ref: "env:OLD"}}}}
	run, text := h.run(c)
	if text != "<secret> <secret> in-the-con" {
		t.Errorf("stdout is %q", text)
	}
	if stderr, _ := h.store.printed(run.ID, 1, Stderr); stderr != "in-the-\nconfig\n" {
		t.Errorf("stderr is %q; the line break is part of no secret", stderr)
	}

	missing := list("")
	missing.Argv[0] = rules.Text{{Literal: "/nowhere/"}, {Ref: "env:OLD"}}
	if run, _ := h.run(missing); run.Error != "cannot be started: /nowhere/<secret> does not exist: fork/exec /nowhere/<secret>: no such file or directory" {
		t.Errorf("%s: %q", run.State, run.Error)
	}
	if log := h.log.String(); strings.Contains(log, "of-an-earlier-one") {
		t.Error(log)
	}
}

// Masked is what counts against the limit, and a secret at the cut stays hidden.
func TestMaskAndLimit(t *testing.T) {
	for limit := range int64(400) {
		r := newRecorder(limit)
		r.hide(NewMask(secrets("hunter2-hunter2")))
		for range 50 {
			r.write(Stdout, []byte("x hunter2-"), noon)
			r.write(Stdout, []byte("hunter2 "), noon)
		}
		if data := r.take(true); bytes.Contains(data, []byte("hunter2")) {
			t.Fatalf("limit %d: %q", limit, data)
		}
	}
}

func BenchmarkMask(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	var list []rules.Secret
	for range 20 {
		secret := make([]byte, 32)
		for i := range secret {
			secret[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"[random.IntN(64)]
		}
		list = append(list, rules.Secret(secret))
	}
	text := bytes.Repeat([]byte("2026-03-01T12:00:00Z building content/articles/42.md: 17 pages, 3 warnings, ok\n"), maxSegment/79)
	for _, n := range []int{0, 1, 20} {
		b.Run(fmt.Sprintf("secrets=%d", n), func(b *testing.B) {
			k := masker{mask: NewMask(list[:n])}
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				k.write(text, time.Time{})
			}
		})
	}
	b.Run("make", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			NewMask(list)
		}
	})
}
