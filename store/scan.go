package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io/fs"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// missing is the error for an id that is not there, or no longer.
type missing struct {
	what string
	id   int64
}

func (m missing) Error() string { return fmt.Sprintf("no %s %d", m.what, m.id) }
func (m missing) Unwrap() error { return fs.ErrNotExist }

// notKept is the error for a part of something that is there.
type notKept string

func (n notKept) Error() string { return string(n) }
func (notKept) Unwrap() error   { return fs.ErrNotExist }

// A scanner is a row that waits to be read: *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

func scanID(row scanner) (id int64, err error) {
	err = row.Scan(&id)
	return id, err
}

// scanDelivery reads deliveryColumns, then what else was asked for.
func scanDelivery(row scanner) (*rules.Delivery, error) { return scanDeliveryAnd(row) }

func scanDeliveryAnd(row scanner, more ...any) (*rules.Delivery, error) {
	d := new(rules.Delivery)
	var received int64
	var decisions []byte
	err := row.Scan(append([]any{&d.ID, &d.Hook, &received, &d.RemoteIP, &d.Method, &d.Path,
		&d.Event, &d.EventID, &d.Verdict, &d.Reason, &decisions, &d.Size, &d.ReplayOf, &d.DedupeKey, &d.DuplicateOf}, more...)...)
	if err != nil {
		return nil, err
	}
	d.ReceivedAt = moment(received)
	if err := json.Unmarshal(decisions, &d.Decisions); err != nil {
		return nil, fmt.Errorf("the decisions of delivery %d: %w", d.ID, err)
	}
	return d, nil
}

func scanBody(row scanner) ([]byte, error) {
	var id, size int64
	var isPacked sql.NullBool
	var data []byte
	if err := row.Scan(&id, &size, &isPacked, &data); err != nil {
		return nil, err
	}
	switch {
	case !isPacked.Valid && size > 0:
		return nil, notKept(fmt.Sprintf("its body of %d bytes was not kept", size))
	case size < 0:
		return nil, notKept("its body was not read to the end")
	}
	return packed{isPacked.Bool, data}.unpack()
}

func scanRun(row scanner) (*runner.Run, error) { return scanRunAnd(row) }

func scanFullRun(row scanner) (*runner.Run, error) {
	var process, event string
	var command []byte
	var canceling bool
	r, err := scanRunAnd(row, &process, &canceling, &command, &event)
	if err != nil {
		return nil, err
	}
	r.Process, r.Canceling, r.Event = process, canceling, event
	if err := json.Unmarshal(command, &r.Command); err != nil {
		return nil, fmt.Errorf("its command: %w", err)
	}
	return r, nil
}

// scanRunAnd reads runColumns, then what else was asked for.
func scanRunAnd(row scanner, more ...any) (*runner.Run, error) {
	r := new(runner.Run)
	var queued int64
	var started, finished, notBefore sql.Null[int64]
	err := row.Scan(append([]any{&r.ID, &r.Delivery, &r.Hook, &r.Rule, &r.Action, &r.State, &r.Attempt, &r.ExitCode,
		&r.Signal, &r.Error, &queued, &started, &finished, &r.Group, &r.Failures, &notBefore,
		&r.Hold, &r.RerunOf, &r.CausedBy, &r.Chain, &r.TellsOf}, more...)...)
	if err != nil {
		return nil, err
	}
	r.QueuedAt, r.StartedAt, r.FinishedAt = moment(queued), momentOrNil(started), momentOrNil(finished)
	r.NotBefore = momentOrNil(notBefore)
	return r, nil
}

func scanPlace(row scanner) (p runner.Place, err error) {
	var notBefore sql.Null[int64]
	var since int64
	var action string
	if err := row.Scan(&p.ID, &p.Hook, &p.Group, &p.Limit, &notBefore, &since, &p.Held, &action, &p.Tells, &p.Again); err != nil {
		return p, err
	}
	p.Lane = runner.LaneOf(action)
	if notBefore.Valid {
		p.NotBefore, p.Since = moment(notBefore.V), moment(since)
	}
	return p, nil
}

func scanChunk(row scanner) (c runner.Chunk, err error) {
	var p packed
	if err := row.Scan(&c.Run, &c.Attempt, &c.Seq, &p.s2, &p.data); err != nil {
		return c, err
	}
	if c.Data, err = p.unpack(); err != nil {
		return c, fmt.Errorf("piece %d of attempt %d: %w", c.Seq, c.Attempt, err)
	}
	return c, nil
}

func moment(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

func momentOrNil(micros sql.Null[int64]) *time.Time {
	if !micros.Valid {
		return nil
	}
	t := moment(micros.V)
	return &t
}
