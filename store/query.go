package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// query collects what scan makes of each row. The list is never nil.
func query[T any](ctx context.Context, db *sql.DB, scan func(scanner) (T, error), text string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []T{}
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// one returns what scan makes of the only row, or none if there is no row.
func one[T any](ctx context.Context, db *sql.DB, scan func(scanner) (T, error), none missing, text string, args ...any) (T, error) {
	v, err := scan(db.QueryRowContext(ctx, text, args...))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return v, none
	case err != nil:
		return v, fmt.Errorf("reading %s %d: %w", none.what, none.id, err)
	}
	return v, nil
}

// conditions is a WHERE clause in the making.
type conditions struct {
	terms []string
	args  []any
}

func (c *conditions) add(term string, args ...any) {
	c.terms = append(c.terms, term)
	c.args = append(c.args, args...)
}

func (c *conditions) oneOf(column string, verdicts []rules.Verdict) {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(verdicts)), ", ")
	c.add(column + ` IN (` + marks + `)`)
	for _, v := range verdicts {
		c.args = append(c.args, string(v))
	}
}

func (c *conditions) hookSince(hook, column string, since time.Time) {
	if hook != "" {
		c.add(`hook = ?`, hook)
	}
	if !since.IsZero() {
		c.add(column+` >= ?`, since.UnixMicro())
	}
}

func (c *conditions) String() string {
	if len(c.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.terms, " AND ")
}

// limit is the number of rows asked for, or else the usual one.
func limit(asked, usual int) int {
	if asked > 0 {
		return asked
	}
	return usual
}
