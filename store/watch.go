package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/hooktender/hooktender/rules"
)

const (
	readWatch = `SELECT value FROM watch_state WHERE watch = ? AND key = ?`
	saveWatch = `INSERT INTO watch_state (watch, key, value, at) VALUES (?, ?, ?, ?)
		ON CONFLICT (watch, key) DO UPDATE SET value = excluded.value, at = excluded.at`
	deleteWatches = `DELETE FROM watch_state WHERE (watch, key) IN
		(SELECT watch, key FROM watch_state INDEXED BY watch_state_at WHERE at < ? ORDER BY at LIMIT ?)`

	// What was throttled had come. What a person sent again had not.
	lastEvent = `SELECT received_at FROM delivery INDEXED BY delivery_hook
		WHERE hook = ?1 AND received_at > ?2 AND (verdict = 'accepted' OR verdict = 'throttled') AND replay_of = 0
		AND (?3 = '' OR EXISTS (SELECT 1 FROM json_each(delivery.rules) WHERE value ->> 'rule' = ?3 AND value ->> 'matched'))
		ORDER BY received_at DESC LIMIT 1`
)

// WatchState returns what SaveWatchState kept last, nil if there is nothing.
func (s *Store) WatchState(ctx context.Context, watch, key string) ([]byte, error) {
	var value []byte
	err := s.readDB.QueryRowContext(ctx, readWatch, watch, key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the state of watch %s: %w", watch, err)
	}
	return value, nil
}

// SaveWatchState keeps what a watch has to know when the server is started again,
// JSON of its own. It returns when that is on disk. What was not saved again for
// three months is deleted.
func (s *Store) SaveWatchState(ctx context.Context, watch, key string, value []byte, at time.Time) error {
	if err := s.submit(ctx, rows{{text: saveWatch, args: []any{watch, key, string(value), at.UnixMicro()}}}.insert); err != nil {
		return fmt.Errorf("storing the state of watch %s: %w", watch, err)
	}
	return nil
}

// LastEvent is when a hook, or a rule of it, had its newest event behind a time;
// the zero time if it had none. An event that fired no rule is none.
func (s *Store) LastEvent(ctx context.Context, hook, rule string, since time.Time) (time.Time, error) {
	var at int64
	err := s.readDB.QueryRowContext(ctx, lastEvent, hook, since.UnixMicro(), rule).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("looking for the last event of %s: %w", hook, err)
	}
	return moment(at), nil
}

// watchStateAge is how long the state of a watch is kept that is in no
// configuration: somebody may have taken it out by mistake.
const watchStateAge = 90 * 24 * time.Hour

// watches deletes what watches knew that are gone for long.
func (p *pruner) watches(ctx context.Context, k *rules.Keep) (int, error) {
	var deleted int64
	err := p.transact(ctx, func(tx *tx) (err error) {
		deleted, err = tx.exec(deleteWatches, p.before(max(k.Runs, watchStateAge)), pruneRows)
		return err
	}, nil)
	if err != nil {
		return 0, err // it may still be under way
	}
	return int(deleted), nil
}
