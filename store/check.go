package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
)

// What SQLite says of a file that is not as it should be.
const (
	sqliteError    = 1 // a statement does not go with the tables, among others
	sqliteReadOnly = 8
	sqliteCorrupt  = 11
	sqliteCantOpen = 14 // as a rule a file beside the database that cannot be made
	sqliteNotADB   = 26
)

// errTables is wrapped by the error of opening a database whose tables are not
// those that its version says.
var errTables = errors.New("its tables are not those of hooktender")

// IsDamaged tells whether an error comes from a database file that is not whole.
func IsDamaged(err error) bool {
	code := sqliteCode(err)
	return code == sqliteCorrupt || code == sqliteNotADB || errors.Is(err, errTables)
}

func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// explainTables says of an error while opening that the tables are to blame, where
// it comes from a statement that does not go with them.
func explainTables(err error) error {
	if sqliteCode(err) == sqliteError {
		return fmt.Errorf("%w: %w", errTables, err)
	}
	return err
}

// Check reads the whole database of a state folder, which a server may be using,
// changes nothing, and returns what is wrong with it, and its schema's version.
func Check(ctx context.Context, dir string) (problems []string, schema int, err error) {
	db, err := openExisting(dir)
	if err != nil {
		return nil, 0, err
	}
	defer db.Close()
	version := func(ctx context.Context, db *sql.DB) (found []string, err error) {
		found, schema, err = schemaVersion(ctx, db)
		return found, err
	}
	tables := func(ctx context.Context, db *sql.DB) ([]string, error) { return missingTables(ctx, db, schema) }
	for _, look := range []func(context.Context, *sql.DB) ([]string, error){integrity, references, version, tables} {
		found, err := look(ctx, db)
		if IsDamaged(err) {
			found = append(found, err.Error())
		} else if err != nil {
			return nil, 0, fmt.Errorf("checking the database: %w", err)
		}
		for _, p := range found {
			if !slices.Contains(problems, p) {
				problems = append(problems, p)
			}
		}
	}
	return problems, schema, nil
}

func integrity(ctx context.Context, db *sql.DB) ([]string, error) {
	said, err := query(ctx, db, scanText, "PRAGMA integrity_check")
	names := treeNames(ctx, db)
	var problems []string
	for _, s := range said {
		if s != "ok" {
			problems = append(problems, strings.Split(names.Replace(s), "\n")...)
		}
	}
	return problems, err
}

// treeNames puts the name of a table or an index where SQLite names only the page
// at which it begins.
func treeNames(ctx context.Context, db *sql.DB) *strings.Replacer {
	names, err := query(ctx, db, func(row scanner) (pair [2]string, err error) {
		err = row.Scan(&pair[0], &pair[1])
		return pair, err
	}, "SELECT 'Tree ' || rootpage || ' ', type || ' ' || name || ', ' FROM sqlite_schema WHERE rootpage > 0")
	if err != nil {
		return strings.NewReplacer() // the list of tables is damaged itself
	}
	var pairs []string
	for _, p := range names {
		pairs = append(pairs, p[:]...)
	}
	return strings.NewReplacer(pairs...)
}

// missingTables names the tables and indexes that a database of this schema should
// have and has not.
func missingTables(ctx context.Context, db *sql.DB, schema int) ([]string, error) {
	fresh := openDB("", "journal_mode(memory)") // a temporary one
	defer fresh.Close()
	conn, err := fresh.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := migrateTo(ctx, conn, migrations, schema); err != nil {
		return nil, err
	}
	const list = "SELECT type || ' ' || name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY 1"
	wanted, err := conn.QueryContext(ctx, list)
	if err != nil {
		return nil, err
	}
	defer wanted.Close()
	there, err := query(ctx, db, scanText, list)
	if err != nil {
		return nil, err
	}
	var problems []string
	for wanted.Next() {
		name, err := scanText(wanted)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(there, name) {
			problems = append(problems, "the "+name+" is missing")
		}
	}
	return problems, wanted.Err()
}

// references looks for rows that belong to one that is not there.
func references(ctx context.Context, db *sql.DB) ([]string, error) {
	return query(ctx, db, func(row scanner) (string, error) {
		var table, parent string
		var id sql.NullInt64
		var key int
		err := row.Scan(&table, &id, &parent, &key)
		return fmt.Sprintf("row %d of %s belongs to a %s that is not there", id.Int64, table, parent), err
	}, "PRAGMA foreign_key_check")
}

func schemaVersion(ctx context.Context, db *sql.DB) (problems []string, schema int, err error) {
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&schema); err != nil {
		return nil, 0, err
	}
	switch {
	case schema == 0:
		problems = []string{"it is not a database of hooktender, or an empty one"}
	case schema > Schema():
		problems = []string{newer(schema, Schema())}
	}
	return problems, schema, nil
}

func scanText(row scanner) (s string, err error) {
	err = row.Scan(&s)
	return s, err
}

// Backup writes a consistent copy of the database of a state folder, which a
// server may be using, to a file that must not be there yet. The file has that
// name only when it is complete.
func Backup(ctx context.Context, dir, file string) (err error) {
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("%s is there already", file)
	}
	db, err := openExisting(dir)
	if err != nil {
		return err
	}
	defer db.Close()
	partial := file + ".partial"
	if err := os.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := createPrivate(partial); err != nil { // SQLite takes an empty file for a new one
		return err
	}
	defer os.Remove(partial) // of an attempt that failed
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", partial); err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	if err := fsync(partial); err != nil {
		return err
	}
	if err := os.Rename(partial, file); err != nil {
		return err
	}
	return fsync(filepath.Dir(file))
}

// fsync returns when a file, or the names in a folder, are on disk.
func fsync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// openExisting opens the database of a folder without changing it, and without
// the folder's lock.
func openExisting(dir string) (*sql.DB, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "hooktender.db")
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("looking for the database: %w", err)
	}
	if unix.Access(dir, unix.W_OK) == nil {
		return openReadOnly(file), nil
	}
	// Even a reader makes files beside a database with a write-ahead log.
	if wal, err := os.Stat(file + "-wal"); err == nil && wal.Size() > 0 {
		return nil, fmt.Errorf("%s is read-only or another user's, and part of the database is still in hooktender.db-wal: "+
			"do this as the server's user, or on a copy of both files in another folder", dir)
	}
	return openImmutable(file), nil
}
