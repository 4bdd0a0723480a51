package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
)

// What SQLite says of a file that is not as it should be.
const (
	sqliteCorrupt = 11
	sqliteNotADB  = 26
)

// IsDamaged tells whether an error comes from a database file that is not whole.
func IsDamaged(err error) bool {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		code := e.Code() & 0xff
		return code == sqliteCorrupt || code == sqliteNotADB
	}
	return false
}

// Check reads the whole database of a state folder, which a server may be using,
// changes nothing, and returns what is wrong with it, and its schema's version.
func Check(ctx context.Context, dir string) (problems []string, schema int, err error) {
	db, err := openExisting(dir)
	if err != nil {
		return nil, 0, err
	}
	defer db.Close()
	for _, look := range []func(context.Context, *sql.DB) ([]string, error){integrity, references} {
		found, err := look(ctx, db)
		problems = append(problems, found...)
		switch {
		case IsDamaged(err):
			problems = append(problems, err.Error())
		case err != nil:
			return nil, 0, fmt.Errorf("checking the database: %w", err)
		}
	}
	found, schema, err := schemaVersion(ctx, db)
	if err != nil && !IsDamaged(err) {
		return nil, 0, fmt.Errorf("checking the database: %w", err)
	}
	return append(problems, found...), schema, nil
}

func integrity(ctx context.Context, db *sql.DB) ([]string, error) {
	said, err := query(ctx, db, scanText, "PRAGMA integrity_check")
	var problems []string
	for _, s := range said {
		if s != "ok" {
			problems = append(problems, strings.Split(s, "\n")...)
		}
	}
	return problems, err
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
	names, err := fs.Glob(migrations, "*.sql")
	if err != nil {
		return nil, 0, err
	}
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&schema); err != nil {
		return nil, 0, err
	}
	switch {
	case schema == 0:
		problems = []string{"it is not a database of hooktender, or an empty one"}
	case schema > len(names):
		problems = []string{fmt.Sprintf("it has schema %d, but this program knows only up to %d: it was written by a newer hooktender", schema, len(names))}
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
	return openReadOnly(file), nil
}
