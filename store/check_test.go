package store

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hooktender/hooktender/runner"
)

// work makes a database with something in it.
func work(t *testing.T, s *Store) {
	for range 50 {
		run := newRun("/a", "rule")
		accept(t, s, newDelivery("/a", pushBody(8<<10)), run)
		end(t, s, run, runner.Succeeded, noon, "output")
	}
}

// overwrite puts nonsense in the place of a part of the database of a server
// that has ended.
func overwrite(t *testing.T, dir string, from, to int64) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "hooktender.db"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(strings.Repeat("nonsense", int(to-from)/8)), from); err != nil {
		t.Fatal(err)
	}
}

func TestCheck(t *testing.T) {
	const page = 4096
	for _, c := range []struct {
		name     string
		from, to int64
		want     string // "" for a whole one
		opens    bool   // as Open does not read everything
	}{
		{"whole", 0, 0, "", true},
		{"the beginning", 0, 1024, "file is not a database", false},
		{"the tables", 1 * page, 20 * page, "", false},
		{"a body", 60 * page, 61 * page, "table body, ", true},
		{"an index", -1, -1, "index run_hook, ", true},
	} {
		dir := t.TempDir()
		s := open(t, dir)
		work(t, s)
		if problems, schema, err := Check(t.Context(), dir); err != nil || len(problems) > 0 || schema < 1 {
			t.Errorf("%s: while it is open: %q, schema %d, %v", c.name, problems, schema, err)
		}
		if c.from < 0 { // all tables can be read then
			var root int64
			if err := s.readDB.QueryRow("SELECT rootpage FROM sqlite_schema WHERE name = 'run_hook'").Scan(&root); err != nil {
				t.Fatal(err)
			}
			c.from, c.to = (root-1)*page, root*page
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		overwrite(t, dir, c.from, c.to)
		problems, _, err := Check(t.Context(), dir)
		if err != nil || (len(problems) > 0) != (c.to > 0) || !strings.Contains(strings.Join(problems, "\n"), c.want) {
			t.Errorf("%s: %q, %v", c.name, problems, err)
		}
		s, err = Open(t.Context(), dir, slog.New(slog.DiscardHandler))
		if (err == nil) != c.opens || (err != nil && !IsDamaged(err)) {
			t.Errorf("%s: Open says %v", c.name, err)
		}
		if err == nil {
			_ = s.Close()
		}
	}
}

func TestCheckOfSomethingElse(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Check(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "hooktender.db")); err == nil {
		t.Error("looking has made a database")
	}
	open(t, dir)
	db := rawDB(t, dir)
	for _, statement := range []string{"PRAGMA foreign_keys = off; INSERT INTO body VALUES (99, 0, x'00')", "PRAGMA user_version = 99"} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	problems, _, err := Check(t.Context(), dir)
	if err != nil || len(problems) != 2 || problems[0] != "row 99 of body belongs to a delivery that is not there" ||
		!strings.Contains(problems[1], "written by a newer hooktender") {
		t.Errorf("%q, %v", problems, err)
	}
}

// A copy of a running server's database is a database, private, and never half
// of one.
func TestBackup(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "hooktender.db")
	s := open(t, dir)
	work(t, s)
	if err := Backup(t.Context(), dir, file); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := Backup(t.Context(), dir, file); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("over an older one: %v", err)
	}
	copied := open(t, filepath.Dir(file))
	if n := count(t, copied, "run JOIN output ON run = id"); n != 50 {
		t.Errorf("%d runs with output", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Backup(t.Context(), dir, file+"2"); err != nil {
		t.Errorf("of a server that has ended: %v", err)
	}

	overwrite(t, dir, 4096, 20*4096)
	if err := Backup(t.Context(), dir, file+"3"); !IsDamaged(err) {
		t.Errorf("of a damaged one: %v", err)
	}
	left, _ := filepath.Glob(file + "3*")
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
