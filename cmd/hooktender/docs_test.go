package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hooktender/hooktender/rules"
)

// A block is a fenced piece of a document.
type block struct {
	doc  string
	line int
	lang string
	file string // from file=NAME behind the language
	info string // all that stands there
	text string
}

// blocksOf reads the fenced blocks of a document.
func blocksOf(t *testing.T, doc string) []block {
	t.Helper()
	data, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	var open *block
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		info, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			lang, rest, _ := strings.Cut(strings.TrimSpace(info), " ")
			open = &block{doc: filepath.Base(doc), line: number + 1, lang: lang, file: strings.TrimPrefix(rest, "file="), info: rest}
		case fence:
			blocks, open = append(blocks, *open), nil
		case open != nil:
			open.text += line
		}
	}
	return blocks
}

func documents(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(docs) == 0 {
		t.Fatal("no documents", err)
	}
	return append(docs, "../../README.md")
}

// deliberate are the warnings that documents show how to earn, by where and what
// they are.
var deliberate = map[string]string{
	`configuration.md hook "/open": verify`:  "everyone who reaches the server", // says what none means
	`configuration.md hook "/ping": methods`: "a link is enough",                // says how GET is let in

	`troubleshooting.md hook "/github/website", rule "docs": when`: "head_comit", // the mistake that the page explains
}

// TestDocumentsYAML checks every YAML block of the documents as a configuration
// for another machine. What it warns of has to be meant.
func TestDocumentsYAML(t *testing.T) {
	shown := map[string]bool{}
	for _, doc := range documents(t) {
		for _, b := range blocksOf(t, doc) {
			if b.lang != "yaml" || rules.IsCaseFile(b.file) { // cases are read by whoever runs them
				continue
			}
			t.Run(fmt.Sprintf("%s:%d", b.doc, b.line), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "hooktender.yaml")
				if strings.HasPrefix(b.text, "notify:") && !strings.Contains(b.text, "\nhooks:") { // one file of a folder
					b.text += "hooks: {/a: {verify: {bearer: \"${env:TOKEN}\"}, rules: [{name: go, run: \"true\"}]}}\n"
				}
				provide(t, b.text, filepath.Dir(path))
				if err := os.WriteFile(path, []byte(b.text), 0o600); err != nil {
					t.Fatal(err)
				}
				report, err := inspect(path, true)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range report.Problems {
					key := b.doc + " " + p.Where
					if what, ok := deliberate[key]; !ok || p.Severity == rules.Error || !strings.HasPrefix(p.What, what) {
						t.Error(p)
					}
					shown[key] = true
				}
			})
		}
	}
	for key := range deliberate {
		if !shown[key] {
			t.Errorf("%s: nothing is warned of there any more", key)
		}
	}
}

var someReference = regexp.MustCompile(`\$\{(env|file|credential):([^}]+)\}`)

// provide makes what the references in a configuration ask for.
func provide(t *testing.T, text, folder string) {
	t.Helper()
	t.Setenv("CREDENTIALS_DIRECTORY", folder)
	for _, m := range someReference.FindAllStringSubmatch(text, -1) {
		if m[1] == "env" && strings.HasSuffix(m[2], "_URL") {
			t.Setenv(m[2], "https://example.com/something")
			continue
		}
		if m[1] == "env" {
			t.Setenv(m[2], "something")
			continue
		}
		if err := os.WriteFile(filepath.Join(folder, m[2]), []byte("something\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReadme does what the README tells a newcomer to do, block by block. Only
// three lines are done otherwise: `make test` is what runs this, `make build` and
// the installation are replaced by this test's own binary, and the ports are ones
// that are free here.
func TestReadme(t *testing.T) {
	r := &reader{t: t, dir: t.TempDir(), env: os.Environ(), port: freePort(t)}
	r.install()
	for _, b := range blocksOf(t, "../../README.md") {
		text := strings.ReplaceAll(b.text, "127.0.0.1:9000", "127.0.0.1:"+r.port)
		text = strings.Replace(text, "server:\n", "server:\n  console: off\n", 1)
		switch {
		case b.file != "":
			if err := os.WriteFile(filepath.Join(r.dir, b.file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		case b.lang == "sh":
			for line := range strings.Lines(text) {
				r.do(strings.TrimSpace(line))
			}
		}
	}
	if got := r.output["hooktender runs logs 1 -f"]; !strings.Contains(got, "deploying 6113728f27ae82c7b1a177c8d03f9e96e0adf246, pushed to /github/website") {
		t.Errorf("the first hook printed %q", got)
	}
}

// A reader is somebody who types what a document says.
type reader struct {
	t      *testing.T
	dir    string
	env    []string
	port   string
	output map[string]string
}

// install puts this test binary on the PATH as hooktender.
func (r *reader) install() {
	bin := filepath.Join(r.dir, "bin")
	wrapper := fmt.Sprintf("#!/bin/sh\n%s=1 exec %s \"$@\"\n", asHooktender, os.Args[0])
	if err := os.Mkdir(bin, 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "hooktender"), []byte(wrapper), 0o700); err != nil {
		r.t.Fatal(err)
	}
	r.env = append(r.env, "PATH="+bin+":"+os.Getenv("PATH"))
	r.output = map[string]string{}
}

// readyWhen says which lines start something that stays, and when it is there.
var readyWhen = map[string]string{
	"go run ./cmd/hooktender demo": "go run ./cmd/hooktender runs --socket", // near the end, for who has no binary
	"hooktender serve --watch":     "msg=serving",
}

// elsewhere are lines that this test stands in for.
var elsewhere = []string{"make test", "make build", "sudo install bin/hooktender /usr/local/bin/"}

func (r *reader) do(line string) {
	r.t.Helper()
	if slices.Contains(elsewhere, line) {
		return
	}
	cmd := exec.Command("sh", "-euc", line)
	cmd.Dir, cmd.Env = r.dir, r.env
	if ready, stays := readyWhen[line]; stays {
		r.background(cmd, line, ready)
		return
	}
	if name, ok := strings.CutPrefix(line, "export "); ok {
		name, _, _ = strings.Cut(name, "=")
		cmd.Args[2] += "; printenv " + name
		out, err := cmd.Output()
		if err != nil {
			r.t.Fatalf("%s: %v", line, err)
		}
		r.env = append(r.env, name+"="+strings.TrimSpace(string(out)))
		return
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	r.output[line] = string(out)
}

// background starts something that stays until the test ends.
func (r *reader) background(cmd *exec.Cmd, line, ready string) {
	r.t.Helper()
	if strings.HasPrefix(line, "go run") {
		root, err := filepath.Abs("../..")
		if err != nil {
			r.t.Fatal(err)
		}
		cmd.Dir = root
	}
	cmd.Args[2] = "exec " + line
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	b, err := startBackground(cmd)
	if err != nil {
		r.t.Fatal(err)
	}
	interrupt := sync.OnceFunc(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) // as Ctrl-C does: all in the terminal's foreground
		if err := b.wait(); err != nil {
			r.t.Errorf("%s: %v", line, err)
		}
	})
	r.t.Cleanup(interrupt)
	if _, err := b.until(regexp.MustCompile(ready)); err != nil {
		r.t.Fatalf("%s: %v", line, err)
	}
	if strings.HasSuffix(line, "demo") {
		interrupt() // has been looked at
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// TestThreatsAreTested: the tests that docs/threats.md names are there.
func TestThreatsAreTested(t *testing.T) {
	page, err := os.ReadFile("../../docs/threats.md")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, pattern := range []string{"../../*/*_test.go", "../../*/*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(data)
		}
	}
	names := regexp.MustCompile("`((?:Test|Fuzz)\\w+|\\w+\\.txtar)`").FindAllStringSubmatch(string(page), -1)
	if len(names) == 0 {
		t.Fatal("the page names no test")
	}
	for _, m := range names {
		name := m[1]
		if strings.HasSuffix(name, ".txtar") {
			if _, err := os.Stat(filepath.Join("testdata/script", name)); err != nil {
				t.Error(err)
			}
		} else if !strings.Contains(code.String(), "func "+name+"(") {
			t.Errorf("there is no %s", name)
		}
	}
}
