package store

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func init() { helpers["migrate until killed"] = migrateUntilKilled }

// TestWhatIsNoDatabaseOfOurs: serve, check and backup say what is wrong with a
// file that is not what it should be, and nobody writes into it.
func TestWhatIsNoDatabaseOfOurs(t *testing.T) {
	for _, c := range []struct {
		name    string
		spoil   func(t *testing.T, dir, file string)
		open    string // "" if it opens
		check   string // "" if it is well
		damaged bool
	}{
		{"text", func(t *testing.T, _, file string) { write(t, file, strings.Repeat("a diary\n", 1000)) },
			"file is not a database", "file is not a database", true},
		{"an empty file", func(t *testing.T, _, file string) { write(t, file, "") },
			"", "or an empty one", false}, // a first start that was killed leaves one
		{"cut off", func(t *testing.T, _, file string) { truncate(t, file, 5) },
			"disk image is malformed", "disk image is malformed", true},
		{"only a header", func(t *testing.T, _, file string) { truncate(t, file, 0) },
			"disk image is malformed", "disk image is malformed", true},
		{"another program's", func(t *testing.T, dir, file string) {
			write(t, file, "")
			execRaw(t, dir, "CREATE TABLE photos (x)")
		}, `a database of another program (it has "photos"`, "not a database of hooktender", false},
		{"another program's with a version", func(t *testing.T, dir, file string) {
			write(t, file, "")
			execRaw(t, dir, "CREATE TABLE photos (x); PRAGMA user_version = 2")
		}, "its tables are not those of hooktender", "the table run is missing", true},
		{"without a table", func(t *testing.T, dir, _ string) { execRaw(t, dir, "DROP TABLE output") },
			"no such table: output", "the table output is missing", true},
		{"half migrated", func(t *testing.T, dir, _ string) { execRaw(t, dir, "PRAGMA user_version = 1") },
			"duplicate column name", "", true}, // more tables than it says are no harm to who reads
		{"newer", func(t *testing.T, dir, _ string) { execRaw(t, dir, "PRAGMA user_version = 99") },
			"written by a newer hooktender", "written by a newer hooktender", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "hooktender.db")
			s := open(t, dir)
			work(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			c.spoil(t, dir, file)
			before := read(t, file)
			problems, _, err := Check(t.Context(), dir)
			if said := strings.Join(problems, "\n"); err != nil || !strings.Contains(said, c.check) || (c.check == "") != (said == "") {
				t.Errorf("Check says %q, %v", problems, err)
			}
			if string(read(t, file)) != string(before) {
				t.Error("Check has changed it")
			}
			s, err = Open(t.Context(), dir, slog.New(slog.DiscardHandler))
			if err == nil {
				_ = s.Close()
			}
			if (err == nil) != (c.open == "") || err != nil && !strings.Contains(err.Error(), c.open) || IsDamaged(err) != c.damaged {
				t.Errorf("Open says %v; damaged: %v", err, IsDamaged(err))
			}
			if c.open != "" && c.name != "newer" && strings.Contains(c.name, "another") && strings.Contains(string(read(t, file)), "delivery") {
				t.Error("Open has put its tables there")
			}
		})
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// truncate leaves so many pages, or half of the header.
func truncate(t *testing.T, file string, pages int64) {
	t.Helper()
	if err := os.Truncate(file, max(pages*4096, 50)); err != nil {
		t.Fatal(err)
	}
}

func execRaw(t *testing.T, dir, text string) {
	t.Helper()
	db := rawDB(t, dir)
	if _, err := db.Exec(text); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// withOneMore is the migrations and one after them that takes its time. It
// changes first what is there already.
func withOneMore() fs.FS {
	all := fstest.MapFS{}
	names, err := fs.Glob(migrations, "*.sql")
	must(err)
	for _, name := range names {
		text, err := fs.ReadFile(migrations, name)
		must(err)
		all[name] = &fstest.MapFile{Data: text}
	}
	all["000"+string(rune('1'+len(names)))+"_slow.sql"] = &fstest.MapFile{Data: []byte(`
		ALTER TABLE run ADD COLUMN half INTEGER; UPDATE run SET half = 1; DROP INDEX run_hook;
		CREATE TABLE slow (x); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
		INSERT INTO slow SELECT zeroblob(2000) FROM n;`)}
	return all
}

func migrateUntilKilled(dir string) {
	db := openDB(filepath.Join(dir, "hooktender.db"), "journal_mode(wal)", "synchronous(normal)", "cache_size(10)")
	conn, err := db.Conn(context.Background())
	must(err)
	must(migrate(context.Background(), conn, withOneMore()))
}

// A migration that is killed in the middle leaves the database as it was.
func TestAMigrationThatIsKilledHasNotHappened(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	work(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	helper := startAgain(t, "migrate until killed", dir)
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { // it has written much more than fits in its memory
		info, err := os.Stat(filepath.Join(dir, "hooktender.db-wal"))
		return err == nil && info.Size() > 4<<20
	})
	if err := helper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = helper.Wait() // it was killed
	if problems, schema, err := Check(t.Context(), dir); err != nil || len(problems) > 0 || schema != Schema() {
		t.Errorf("schema %d, %q, %v", schema, problems, err)
	}
	s = open(t, dir)
	if n := count(t, s, "run JOIN output ON run = id"); n != 50 {
		t.Errorf("%d runs with output", n)
	}
	if n := count(t, s, "sqlite_schema WHERE name = 'slow' OR sql LIKE '%half%'"); n != 0 {
		t.Error("something of the migration is left")
	}
}
