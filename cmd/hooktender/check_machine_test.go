package main

import (
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hooktender/hooktender/rules"
)

// someFiles makes files by their names, with their modes, in a folder that
// everybody may enter.
func someFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, f := range map[string]struct {
		text string
		mode os.FileMode
	}{
		"good.sh":        {"#!/bin/sh\ntrue\n", 0o755},
		"env.sh":         {"#!/usr/bin/env -S sh -eu\n", 0o755},
		"env-missing.sh": {"#!/usr/bin/env hooktender-no-such-program\n", 0o755},
		"windows.sh":     {"#!/bin/sh\r\ntrue\r\n", 0o755},
		"missing.sh":     {"#!/no/such/interpreter -e\n", 0o755},
		"nothing.sh":     {"#!\n", 0o755},
		"no-line.sh":     {"echo without a first line\n", 0o755},
		"binary":         {"\x7fELF\x00\x00", 0o755},
		"plain.sh":       {"#!/bin/sh\n", 0o644},
		"folder/x":       {"", 0o644},
		"bin/tool":       {"#!/bin/sh\n", 0o755},
		"bin/no-x":       {"#!/bin/sh\n", 0o644},
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(f.text), f.mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestInspectProgram(t *testing.T) {
	dir := someFiles(t)
	bin := filepath.Join(dir, "bin")
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	us, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	list := func(name string) rules.Program { return rules.Program{Name: name} }
	script := func(text string) rules.Program { return rules.Program{Script: text} }
	for _, c := range []struct {
		program rules.Program
		want    string // "" for nothing to say
	}{
		{list("./good.sh"), ""},
		{list("./env.sh"), ""},
		{list("./binary"), ""},
		{list("tool"), ""},
		{list(filepath.Join(dir, "good.sh")), ""},
		{list(""), ""}, // only an event says it
		{list("./none.sh"), "there is no " + dir + "/none.sh"},
		{list("./plain.sh"), "not executable; run: chmod +x " + dir + "/plain.sh"},
		{list("./folder"), "is a folder"},
		{list("./windows.sh"), "(CRLF)"},
		{list("./missing.sh"), "/no/such/interpreter, is not on this machine"},
		{list("./env-missing.sh"), "hooktender-no-such-program, is not on the PATH"},
		{list("./nothing.sh"), "names no interpreter"},
		{list("./no-line.sh"), "does not say what it is a script for"},
		{list("no-x"), "there is no program no-x on the PATH"},
		{list("good.sh"), "there is no program good.sh on the PATH"},
		{rules.Program{Name: "tool", Path: new("/usr/bin")}, "there is no program tool on the PATH"},
		{rules.Program{Name: "tool", PathUnknown: true}, ""},
		{rules.Program{Name: "nowhere", PathUnknown: true}, ""},
		{rules.Program{Name: "./none.sh", PathUnknown: true}, "there is no " + dir + "/none.sh"},

		{script("./good.sh"), ""},
		{script("./no-line.sh"), ""}, // the shell reads it itself
		{script("exec ./none.sh"), dir + "/none.sh"},
		{script("./none.sh \"$COMMIT\""), dir + "/none.sh"},
		{script("set -eu\n\n# builds it\necho it\"s on\" its way\n./plain.sh\n"), "chmod +x"},
		{script("sh ./plain.sh"), ""},
		{script("sh ./none.sh"), dir + "/none.sh"},
		{script("sh -e ./none.sh"), ""},
		{script("nowhere --now"), "there is no program nowhere on the PATH"},
		{script("./good.sh && ./none.sh"), ""},
		{script("./none.sh && ./good.sh"), dir + "/none.sh"},
		{script("nowhere || true"), ""},
		{script("cd folder && ./none.sh"), ""},
		{script("cd folder\n./none.sh"), ""},
		{script("if true\nthen ./none.sh\nfi"), ""},
		{script("$PROGRAM\n./none.sh"), ""},
		{script("\"./none.sh\""), ""},
		{script("X=1 ./none.sh"), ""},
		{script("PATH=$PATH:/opt\nnowhere"), ""},
		{script("deploy() { true; }\ndeploy"), ""},
		{script("cat <<EOF\nnowhere to be found\nEOF"), ""},
		{script("echo 'it is\nnowhere to be found'"), ""},
		{script("exec >log\nnowhere"), ""},
		{script("echo a \\\nnowhere"), ""},
		{rules.Program{Script: "./none.sh", Shell: []string{"python3-none", "-c"}}, "there is no program python3-none on the PATH"},
		{rules.Program{Script: "./none.sh", Shell: []string{"/no/bash", "-c"}}, "there is no shell /no/bash"},
		{rules.Program{Script: "nowhere here", Shell: []string{bin + "/tool", "-c"}}, ""},

		{rules.Program{Name: "./none.sh", Dir: "/no/such/folder"}, "there is no folder /no/such/folder"},
		{rules.Program{Name: "./none.sh", Dir: filepath.Join(dir, "good.sh")}, "is no folder"},
		{rules.Program{Name: "tool", User: us.Username}, ""},
		{rules.Program{Name: "tool", User: us.Uid}, ""},
		{rules.Program{Name: "tool", User: "hooktender-nobody"}, "user hooktender-nobody does not exist"},
	} {
		p := c.program
		if p.Shell == nil {
			p.Shell = []string{"/bin/sh", "-c"}
		}
		if p.Dir == "" {
			p.Dir = dir
		}
		p.RunAt = rules.Place{File: "f.yaml", Line: 1, Col: 1}
		got := inspectProgram(p)
		switch {
		case c.want == "" && len(got) > 0, c.want != "" && len(got) == 0:
			t.Errorf("%+v: %v, want %q", c.program, got, c.want)
		case len(got) > 1 && !strings.HasPrefix(c.program.Shell[0], "/no"):
			t.Errorf("%+v: told twice: %v", c.program, got)
		case c.want != "" && !strings.Contains(got[0].Error(), c.want):
			t.Errorf("%+v: %v, want %q", c.program, got, c.want)
		}
	}
}

// A place that a setting has is told rather than that of run.
func TestInspectPlace(t *testing.T) {
	p := rules.Program{Name: "x", Dir: "/no/such/folder", DirAt: rules.Place{File: "f", Line: 7, Col: 3}, RunAt: rules.Place{File: "f", Line: 5, Col: 3}}
	if got := inspectProgram(p); len(got) != 1 || got[0].Line != 7 || got[0].Severity != rules.Error {
		t.Errorf("%+v", got)
	}
}

func TestReadByOthers(t *testing.T) {
	dir := t.TempDir()
	for d := dir; d != filepath.Clean(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	inside := filepath.Join(dir, "folder")
	file, link := filepath.Join(inside, "token"), filepath.Join(dir, "link")
	if err := os.Mkdir(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		folder, file os.FileMode
		want         bool
	}{
		{0o755, 0o644, true}, {0o755, 0o640, false}, {0o755, 0o600, false}, {0o700, 0o644, false}, {0o711, 0o604, true},
	} {
		if os.Chmod(inside, c.folder) != nil || os.Chmod(file, c.file) != nil {
			t.Fatal("chmod")
		}
		for _, path := range []string{file, link} {
			if got := readByOthers(path); got != c.want {
				t.Errorf("%s of mode %o in a folder of mode %o: %v", path, c.file, c.folder, got)
			}
		}
	}
	if os.Chmod(inside, 0o755) != nil || os.Chmod(file, 0o644) != nil {
		t.Fatal("chmod")
	}
	exposed := []rules.SecretFile{{Path: file, Written: true}, {Path: file}}
	if got := onThisMachine(&rules.Report{Exposed: exposed}); len(got) != 1 || got[0].Severity != rules.Warning || !strings.Contains(got[0].What, "written out in it") {
		t.Errorf("two secrets in one file: %v", got)
	}
	if readByOthers(filepath.Join(dir, "missing")) {
		t.Error("a file that is not there can be read")
	}
}

func TestAnnotations(t *testing.T) {
	var b strings.Builder
	err := writeAnnotations(&b, rules.Problems{
		{File: "a,b:c%\n.yaml", Line: 3, Col: 7, Where: `hook "/a": when`, What: "50% of\r\nit"},
		{File: "f.yaml", What: "whole", Severity: rules.Warning},
	})
	want := "::error file=a%2Cb%3Ac%25%0A.yaml,line=3,col=7::hook \"/a\": when: 50%25 of%0D%0Ait\n::warning file=f.yaml::whole\n"
	if err != nil || b.String() != want {
		t.Errorf("got\n%swant\n%s%v", b.String(), want, err)
	}
}
