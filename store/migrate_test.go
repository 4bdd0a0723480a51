package store

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

func TestMigrations(t *testing.T) {
	db := openDB(filepath.Join(t.TempDir(), "test.db"))
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	script := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	files := fstest.MapFS{
		"0001_one.sql": script("CREATE TABLE one (x); INSERT INTO one VALUES (1);"),
		"0002_two.sql": script("INSERT INTO one VALUES (2); INSERT INTO nowhere VALUES (3);"),
	}
	state := func() (version, rows int) {
		if err := conn.QueryRowContext(t.Context(), "SELECT user_version, (SELECT count(*) FROM one) FROM pragma_user_version").Scan(&version, &rows); err != nil {
			t.Fatal(err)
		}
		return version, rows
	}

	if err := migrate(t.Context(), conn, files); err == nil || !strings.HasPrefix(err.Error(), "migration 0002_two.sql: ") {
		t.Errorf("a broken migration: %v", err)
	}
	if version, rows := state(); version != 1 || rows != 1 {
		t.Errorf("a broken migration left version %d and %d rows", version, rows)
	}
	files["0002_two.sql"] = script("INSERT INTO one VALUES (2);")
	for range 2 {
		if err := migrate(t.Context(), conn, files); err != nil {
			t.Fatal(err)
		}
		if version, rows := state(); version != 2 || rows != 2 {
			t.Errorf("version %d with %d rows", version, rows)
		}
	}
	files["0004_gap.sql"] = script("")
	if err := migrate(t.Context(), conn, files); err == nil || !strings.HasSuffix(err.Error(), "its number should be 3") {
		t.Errorf("a gap in the numbers: %v", err)
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	db := rawDB(t, dir)
	var version int
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "has schema 99") || !strings.Contains(err.Error(), "written by a newer hooktender") {
		t.Errorf("Open says %v", err)
	}
	if _, err := db.Exec(fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
		t.Fatal(err)
	}
	open(t, dir) // the refusal has let go of the folder
}

// What the SQL repeats of Go's lists must be all of them and nothing else.
func TestSchemaAgreesWithGo(t *testing.T) {
	var verdicts, states, running, over []string
	for _, v := range rules.Verdicts {
		verdicts = append(verdicts, string(v))
	}
	for _, s := range runner.States {
		states = append(states, string(s))
		if s.Ended() {
			over = append(over, string(s))
		} else {
			running = append(running, string(s))
		}
	}
	s := openTemp(t)
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"verdicts", schema(t, s, "delivery"), verdicts},
		{"states", schema(t, s, "run"), states},
		{"index of the unfinished", schema(t, s, "run_unfinished"), running},
		{"index of the ended", schema(t, s, "run_ended"), running}, // NOT IN
		{"condition of the unfinished", unfinished, running},
		{"condition of the ended", ended, running},
	} {
		got := quoted(test.text)
		if slices.Sort(test.want); !slices.Equal(got, test.want) {
			t.Errorf("%s: SQL has %v, Go has %v", test.name, got, test.want)
		}
	}
	if len(over)+len(running) != len(states) || unaccepted != "verdict <> '"+string(rules.Accepted)+"'" {
		t.Error("the conditions do not split what there is in two")
	}
}

func schema(t *testing.T, s *Store, name string) (text string) {
	if err := s.readDB.QueryRow("SELECT sql FROM sqlite_schema WHERE name = ?", name).Scan(&text); err != nil {
		t.Fatal(name, err)
	}
	return text
}

// quoted lists the words between single quotes, sorted.
func quoted(text string) (words []string) {
	for _, m := range regexp.MustCompile(`'([a-z_]+)'`).FindAllStringSubmatch(text, -1) {
		words = append(words, m[1])
	}
	slices.Sort(words)
	return words
}
