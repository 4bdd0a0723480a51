package store

import (
	"context"
	"database/sql"
	"errors"
)

// A tx is the writer's connection with the statements prepared on it so far.
// It belongs to the writer's goroutine.
type tx struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt // by their text

	definitions definitions
}

func newTx(conn *sql.Conn) *tx {
	return &tx{conn: conn, stmts: make(map[string]*sql.Stmt), definitions: newDefinitions()}
}

// exec runs one statement and returns how many rows it changed. The text must
// be a constant: it stays prepared for good.
func (tx *tx) exec(text string, args ...any) (int64, error) {
	stmt, err := tx.prepare(text)
	if err != nil {
		return 0, err
	}
	// Without a context that can end: the driver would watch it with a
	// goroutine for each statement.
	result, err := stmt.Exec(args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// ids runs a query whose rows are single numbers. Its text stays prepared, too.
func (tx *tx) ids(text string, args ...any) ([]int64, error) {
	stmt, err := tx.prepare(text)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.Query(args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		id, err := scanID(rows)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func (tx *tx) prepare(text string) (*sql.Stmt, error) {
	if stmt, ok := tx.stmts[text]; ok {
		return stmt, nil
	}
	stmt, err := tx.conn.PrepareContext(context.Background(), text)
	if err == nil {
		tx.stmts[text] = stmt
	}
	return stmt, err
}

func (tx *tx) setMeta(name string, value int64) error {
	_, err := tx.exec(`INSERT INTO meta (name, value) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return err
}

// close ends the statements, without which SQLite would not close either.
func (tx *tx) close() error {
	var errs []error
	for _, stmt := range tx.stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, tx.conn.Close())...)
}
