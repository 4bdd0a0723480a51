package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

const (
	defaultListing = 50  // rows of a listing without a limit
	defaultChunks  = 100 // pieces of output without a limit

	deliveryColumns = `id, hook, received_at, remote_ip, method, path, event, event_id, verdict, reason, rules, size, replay_of, dedupe_key, duplicate_of`
	runColumns      = `id, delivery, hook, rule, action, state, attempt, exit_code, signal, error, queued_at, started_at, finished_at, "group", failures, not_before,
		hold, rerun_of, caused_by, chain, tells_of`

	// SQLite uses a partial index only where it finds the very words of the
	// index's own condition.
	unfinished = `(state = 'queued' OR state = 'waiting' OR state = 'running')`
	ended      = `state <> 'queued' AND state <> 'waiting' AND state <> 'running'`
	unaccepted = `verdict <> 'accepted'`

	// Ordered by id, which counts up whatever the clock does: the queue keeps
	// its order even when the clock was set back.
	unfinishedPlaces = `SELECT id, hook, "group", group_limit, not_before, coalesce(started_at, queued_at), hold <> '', action, tells_of <> 0, attempt > 0 FROM run INDEXED BY run_unfinished
		WHERE ` + unfinished + ` AND state = ? ORDER BY id`

	runsOf = `SELECT ` + runColumns + ` FROM run INDEXED BY run_delivery
		WHERE delivery IN (SELECT value FROM json_each(?)) ORDER BY delivery, id`

	outputAfter = `SELECT run, attempt, seq, packed, data FROM output
		WHERE run = ? AND attempt = ? AND seq > ? ORDER BY seq LIMIT ?`

	outputBefore = `SELECT run, attempt, seq, packed, data FROM output
		WHERE run = ? AND attempt = ? AND seq < ? ORDER BY seq DESC LIMIT 1`
)

// Deliveries lists deliveries, newest first, without their headers and bodies.
// What was recorded before the call is among them.
func (s *Store) Deliveries(ctx context.Context, f rules.DeliveryFilter) ([]*rules.Delivery, error) {
	s.settle(ctx)
	text, args := deliveryListing(f)
	list, err := query(ctx, s.readDB, scanDelivery, text, args...)
	if err != nil {
		return nil, fmt.Errorf("listing deliveries: %w", err)
	}
	return list, nil
}

func deliveryListing(f rules.DeliveryFilter) (string, []any) {
	var where conditions
	from := "delivery"
	if len(f.Verdicts) > 0 {
		where.oneOf("verdict", f.Verdicts)
		if !slices.Contains(f.Verdicts, rules.Accepted) {
			from = "delivery INDEXED BY delivery_unaccepted"
			where.add(unaccepted)
		}
	}
	where.hookSince(f.Hook, "received_at", f.Since)
	return `SELECT ` + deliveryColumns + ` FROM ` + from + where.String() + ` ORDER BY received_at DESC, id DESC LIMIT ?`,
		append(where.args, limit(f.Limit, defaultListing))
}

// Delivery returns one delivery with its headers, and with its definition if that
// is kept. Its body is Body's to read.
// The error wraps fs.ErrNotExist if there is none.
func (s *Store) Delivery(ctx context.Context, id int64) (*rules.Delivery, error) {
	s.settle(ctx)
	return one(ctx, s.readDB, scanFullDelivery, missing{"delivery", id}, fullDelivery, id)
}

// Body returns the body of a delivery. The error wraps fs.ErrNotExist if there
// is no such delivery, or its body was not kept.
func (s *Store) Body(ctx context.Context, delivery int64) ([]byte, error) {
	return one(ctx, s.readDB, scanBody, missing{"delivery", delivery},
		`SELECT id, size, packed, data FROM delivery LEFT JOIN body ON delivery = id WHERE id = ?`, delivery)
}

// Runs lists runs, newest first, without their commands.
func (s *Store) Runs(ctx context.Context, f runner.RunFilter) ([]*runner.Run, error) {
	text, args := runListing(f)
	list, err := query(ctx, s.readDB, scanRun, text, args...)
	if err != nil {
		return nil, fmt.Errorf("listing runs: %w", err)
	}
	return list, nil
}

// runListing asks for each state by itself, because only then an index yields
// the newest first; SQLite merges the answers without sorting.
func runListing(f runner.RunFilter) (text string, args []any) {
	states := f.States
	if len(states) == 0 {
		states = []runner.State{""} // one listing, of any state
	}
	arms := make([]string, len(states))
	for i, state := range states {
		where := runConditions(f, state)
		arms[i] = `SELECT ` + runColumns + ` FROM run` + indexFor(f, state) + where.String()
		args = append(args, where.args...)
	}
	text = strings.Join(arms, " UNION ALL ") + ` ORDER BY queued_at DESC, id DESC LIMIT ?`
	return text, append(args, limit(f.Limit, defaultListing))
}

func runConditions(f runner.RunFilter, state runner.State) (where conditions) {
	if f.Delivery != 0 {
		where.add(`delivery = ?`, f.Delivery)
	}
	switch {
	case state == "":
	case state.Ended():
		where.add(ended+` AND state = ?`, string(state))
	default:
		where.add(unfinished+` AND state = ?`, string(state))
	}
	where.hookSince(f.Hook, "queued_at", f.Since)
	return where
}

// indexFor names the index for a state, which SQLite does not always choose by
// itself without statistics.
func indexFor(f runner.RunFilter, state runner.State) string {
	switch {
	case f.Delivery != 0:
		return " INDEXED BY run_delivery"
	case state == "":
		return ""
	case state.Ended() && f.Hook != "":
		return " INDEXED BY run_hook_ended"
	case state.Ended():
		return " INDEXED BY run_ended"
	default:
		return " INDEXED BY run_unfinished"
	}
}

// RunsOf returns the runs of each of the deliveries, oldest first and without
// their commands. A delivery without runs is not in the map.
func (s *Store) RunsOf(ctx context.Context, deliveries []int64) (map[int64][]*runner.Run, error) {
	ids, err := json.Marshal(deliveries)
	if err != nil {
		return nil, fmt.Errorf("encoding ids: %w", err)
	}
	list, err := query(ctx, s.readDB, scanRun, runsOf, string(ids))
	if err != nil {
		return nil, fmt.Errorf("listing the runs of %d deliveries: %w", len(deliveries), err)
	}
	runs := make(map[int64][]*runner.Run)
	for _, r := range list {
		runs[r.Delivery] = append(runs[r.Delivery], r)
	}
	return runs, nil
}

// Run returns one run with its command, and with the event of its delivery if
// that is still kept. The error wraps fs.ErrNotExist if there is none.
func (s *Store) Run(ctx context.Context, id int64) (*runner.Run, error) {
	return one(ctx, s.readDB, scanFullRun, missing{"run", id}, oneRun, id)
}

// Unfinished returns the places of all runs in a state that is no end, oldest
// first.
func (s *Store) Unfinished(ctx context.Context, state runner.State) ([]runner.Place, error) {
	places, err := query(ctx, s.readDB, scanPlace, unfinishedPlaces, string(state))
	if err != nil {
		return nil, fmt.Errorf("looking for unfinished runs: %w", err)
	}
	return places, nil
}

// Output returns the pieces of an attempt's output that follow the one
// numbered after (0 for the beginning), in order and at most so many; a limit
// of 0 means 100. The error wraps fs.ErrNotExist if there is no such run.
func (s *Store) Output(ctx context.Context, run int64, attempt, after, atMost int) ([]runner.Chunk, error) {
	chunks, err := query(ctx, s.readDB, scanChunk, outputAfter, run, attempt, after, limit(atMost, defaultChunks))
	if err != nil {
		return nil, fmt.Errorf("reading the output of run %d: %w", run, err)
	}
	if len(chunks) == 0 {
		_, err = one(ctx, s.readDB, scanID, missing{"run", run}, `SELECT id FROM run WHERE id = ?`, run)
	}
	return chunks, err
}
