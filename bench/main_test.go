package main

import (
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSmoke runs real servers for a moment. It looks at what is printed and at no
// figure in it.
func TestSmoke(t *testing.T) {
	o := options{rounds: 1, time: 200 * time.Millisecond, only: []string{"a", "b", "i"}, markdown: true}
	var out, progress strings.Builder
	if err := run(t.Context(), o, &out, &progress); err != nil {
		t.Fatal(err)
	}
	var cells []string
	rows := 0
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		row := strings.Split(strings.Trim(line, "|\n"), "|")
		if cells != nil && len(row) != len(cells) {
			t.Errorf("%d cells below a header of %d: %s", len(row), len(cells), line)
		}
		cells = row
		rows++
	}
	// header, rule, two systems in (a), (b) and five rows of (i), of which bare has three
	if want := 2 + 4 + 5 + 3; rows != want {
		t.Errorf("%d rows, want %d:\n%s", rows, want, out.String())
	}
	for _, want := range []string{
		"| (a) nothing fires | hooktender | ", "| (a) nothing fires | bare | ", "| (b) bad signature | hooktender | ",
		"| (i) memory when idle | bare | ", "| (i) start to first answer, 10,000 hooks | hooktender | ", "| (i) binary | hooktender | ",
		" req/s | ", " MB | ", "| × bare | ", "Medians of 1 rounds of 200ms", "No peer was given", "hooktender: hooktender ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "errors, such as") {
		t.Error(out.String())
	}
	for _, want := range []string{"no -peer is given", "round 1/1 (b) bad signature: bare "} {
		if !strings.Contains(progress.String(), want) {
			t.Errorf("the progress lacks %q:\n%s", want, progress.String())
		}
	}
}

func TestOptions(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o, err := readOptions([]string{"-peer", "webhook=" + self, "-peer", "earlier=" + self, "-rounds", "5", "-time", "1s", "-only", "a, k"}, io.Discard)
	if err != nil || len(o.peers) != 2 || o.rounds != 5 || o.time != time.Second || !slices.Equal(o.only, []string{"a", "k"}) {
		t.Error(o, err)
	}
	for args, want := range map[string]string{
		"-peer shell2http=/bin/true": `how a server "shell2http" is configured is not known here, only: earlier, webhook`,
		"-peer /bin/true":            `"/bin/true" is not NAME=PATH`,
		"-peer webhook=/nowhere":     "the peer webhook cannot be started: ",
		"-only a,x":                  `there is no case "x"`,
		"-rounds 0":                  "-rounds is 1 to 20",
		"-time 2h":                   "-time 10ms to 1m",
		"a":                          `"a" is no flag`,
	} {
		if _, err := readOptions(strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
}
