package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// wrongInterpreter says why the system could not start a file that is
// executable, "" if it can, or if it is not a script.
func wrongInterpreter(file string, byShell bool, there func(name string) bool) string {
	head, err := headOf(file)
	if err != nil || bytes.IndexByte(head, 0) >= 0 {
		return "" // a binary, or one that may be run and not read
	}
	line, found := bytes.CutPrefix(head, []byte("#!"))
	if !found {
		if byShell {
			return ""
		}
		return fmt.Sprintf("%s does not say what it is a script for; begin it with a line like #!/bin/sh", file)
	}
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
	}
	if bytes.HasSuffix(line, []byte("\r")) {
		return fmt.Sprintf("the lines of %s end as on Windows (CRLF), so that its interpreter is not found; run: sed -i 's/\\r$//' %s", file, file)
	}
	words := strings.Fields(string(line))
	if len(words) == 0 {
		return fmt.Sprintf("the first line of %s names no interpreter; write #!/bin/sh", file)
	}
	if !there(words[0]) {
		return fmt.Sprintf("the interpreter of %s, %s, is not on this machine; install it, or correct the first line of the script", file, words[0])
	}
	if name := findsByEnv(words); name != "" && !there(name) {
		return fmt.Sprintf("the interpreter of %s, %s, is not on the PATH; install it, or write its whole path in the first line of the script", file, name)
	}
	return ""
}

// headOf reads as much of a file as the kernel looks at, and more.
func headOf(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 512))
}

// findsByEnv is the program that #!/usr/bin/env looks for, "" for other
// interpreters.
func findsByEnv(words []string) string {
	if path.Base(words[0]) != "env" {
		return ""
	}
	for _, word := range words[1:] {
		if !strings.HasPrefix(word, "-") && !strings.Contains(word, "=") {
			return word
		}
	}
	return ""
}
