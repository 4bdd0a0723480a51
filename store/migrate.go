package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var embedded embed.FS

var migrations = mustSub(embedded, "migrations")

func mustSub(fsys fs.FS, dir string) fs.FS {
	sub, err := fs.Sub(fsys, dir)
	if err != nil {
		panic(err)
	}
	return sub
}

// Schema is the version of the tables that this program writes.
func Schema() int {
	names, err := fs.Glob(migrations, "*.sql")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	return len(names)
}

// migrate applies the migrations that the database has not seen, each in a
// transaction of its own together with its number in PRAGMA user_version. They
// are numbered from 1 without gaps: 0001_name.sql.
func migrate(ctx context.Context, conn *sql.Conn, migrations fs.FS) error {
	return migrateTo(ctx, conn, migrations, math.MaxInt)
}

// migrateTo stops at a version, or with the last of the migrations.
func migrateTo(ctx context.Context, conn *sql.Conn, migrations fs.FS, last int) error {
	names, err := fs.Glob(migrations, "*.sql") // sorted
	if err != nil {
		return err
	}
	var version int
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("reading the schema's version: %w", err)
	}
	if version > len(names) {
		return errors.New(newer(version, len(names)))
	}
	if version == 0 {
		if err := refuseForeign(ctx, conn); err != nil {
			return err
		}
	}
	for i := version; i < min(len(names), last); i++ {
		if err := apply(ctx, conn, migrations, names[i], i+1); err != nil {
			return fmt.Errorf("migration %s: %w", names[i], err)
		}
	}
	return nil
}

func newer(version, known int) string {
	return fmt.Sprintf("it has schema %d, but this program knows only up to %d: "+
		"it was written by a newer hooktender; run that one, or restore an older copy", version, known)
}

// refuseForeign keeps the tables out of somebody else's database.
func refuseForeign(ctx context.Context, conn *sql.Conn) error {
	var table string
	err := conn.QueryRowContext(ctx, "SELECT name FROM sqlite_schema LIMIT 1").Scan(&table)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // a new one
	}
	if err != nil {
		return fmt.Errorf("looking for tables: %w", err)
	}
	return fmt.Errorf("it is a database of another program (it has %q, and no version of hooktender's); "+
		"name another state folder, or move the file away", table)
}

func apply(ctx context.Context, conn *sql.Conn, migrations fs.FS, name string, number int) error {
	prefix, _, _ := strings.Cut(name, "_")
	if n, err := strconv.Atoi(prefix); err != nil || n != number {
		return fmt.Errorf("its number should be %d", number)
	}
	script, err := fs.ReadFile(migrations, name)
	if err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	if _, err := tx.ExecContext(ctx, string(script)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", number)); err != nil {
		return err
	}
	return tx.Commit()
}
