package store

import (
	"fmt"
	"io/fs"
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
		{"states", before(schema(t, s, "run"), "attempt "), states},
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

func before(text, mark string) string {
	text, _, _ = strings.Cut(text, mark)
	return text
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

// A database of every earlier schema is taken over with all that is in it.
func TestUpgradeFromEachSchema(t *testing.T) {
	names, err := fs.Glob(migrations, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for version := 1; version < len(names); version++ {
		t.Run(names[version-1], func(t *testing.T) {
			dir := t.TempDir()
			earlier(t, dir, names[:version])
			s := open(t, dir)
			run, err := s.Run(t.Context(), 7)
			if err != nil || run.State != runner.Queued || run.Group != "" || run.Hold != "" || run.Command == nil || run.Command.Script != "true" {
				t.Errorf("the run is %+v, %v", run, err)
			}
			d, err := s.Delivery(t.Context(), 3)
			if err != nil || d.Event != "push" || d.Verdict != rules.Accepted || len(d.Decisions) != 1 {
				t.Errorf("the delivery is %+v, %v", d, err)
			}
			if body, err := s.Body(t.Context(), 3); err != nil || string(body) != "{}" {
				t.Errorf("the body is %q, %v", body, err)
			}
			if out, err := s.Output(t.Context(), 7, 1, 0, 0); err != nil || len(out) != 1 || string(out[0].Data) != "hello" {
				t.Errorf("the output is %v, %v", out, err)
			}
		})
	}
}

// earlier makes a database as a program with only these migrations left it.
func earlier(t *testing.T, dir string, names []string) {
	t.Helper()
	known := fstest.MapFS{}
	for _, name := range names {
		text, err := fs.ReadFile(migrations, name)
		if err != nil {
			t.Fatal(err)
		}
		known[name] = &fstest.MapFile{Data: text}
	}
	db := openDB(filepath.Join(dir, "hooktender.db"), "foreign_keys(on)")
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err == nil {
		defer conn.Close()
		err = migrate(t.Context(), conn, known)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`INSERT INTO delivery (id, hook, received_at, remote_ip, method, path, event, event_id, verdict, reason, rules, size, headers)
			VALUES (3, '/a', 1, '', 'POST', '/a', 'push', '', 'accepted', '', '[{"rule":"r","matched":true}]', 2, '{}')`,
		`INSERT INTO body (delivery, packed, data) VALUES (3, 0, CAST('{}' AS BLOB))`,
		`INSERT INTO run (id, delivery, hook, rule, action, state, attempt, signal, error, queued_at, process, command)
			VALUES (7, 3, '/a', 'r', 'run', 'queued', 1, '', '', 1, '', '{"script":"true","timeout":"1m","grace":"1s"}')`,
		`INSERT INTO output (run, attempt, seq, packed, data) VALUES (7, 1, 1, 0, CAST('hello' AS BLOB))`,
	} {
		if _, err := conn.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}
