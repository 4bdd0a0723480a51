package runner

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFind(t *testing.T) {
	bin, other := t.TempDir(), t.TempDir()
	for _, file := range []string{filepath.Join(bin, "here"), filepath.Join(other, "there")} {
		if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	for _, c := range []struct {
		name string
		path *string
		want string
	}{
		{"here", nil, filepath.Join(bin, "here")},
		{"there", nil, ""},
		{"there", &other, filepath.Join(other, "there")},
		{"here", &other, ""},
		{"./x", nil, "/srv/x"},
		{"/usr/x", &other, "/usr/x"},
	} {
		got, err := Find(c.name, "/srv", c.path)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q %v, want %q", c.name, got, err, c.want)
		}
	}
}

func TestFindUser(t *testing.T) {
	for name, there := range map[string]bool{"": true, "root": true, "0": true, stranger: true, "no-such-user": false} {
		if err := FindUser(name); (err == nil) != there {
			t.Errorf("%q: %v", name, err)
		}
	}
}
