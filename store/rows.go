package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// A row is one row to be inserted, encoded and ready.
type row struct {
	text  string
	args  []any
	needs definitionUse // which has to be on disk, too; mostly nothing
}

type rows []row

// insert is what the writer does with them. It reads nothing that a caller
// could still change.
func (rs rows) insert(tx *tx) error {
	for _, r := range rs {
		if r.needs.Definition != nil {
			if err := tx.definitions.keep(tx, r.needs); err != nil {
				return err
			}
		}
		if _, err := tx.exec(r.text, r.args...); err != nil {
			return err
		}
	}
	return nil
}

// size is about how much memory they hold.
func (rs rows) size() (n int) {
	for _, r := range rs {
		for _, arg := range r.args {
			switch v := arg.(type) {
			case string:
				n += len(v)
			case []byte:
				n += len(v)
			}
			n += 24 // the argument itself, with its type
		}
	}
	return n
}

func deliveryRows(d *rules.Delivery, body []byte) (rows, error) {
	decisions, err := encodeDecisions(d.Decisions)
	if err != nil {
		return nil, err
	}
	headers, err := json.Marshal(d.Header)
	if err != nil {
		return nil, fmt.Errorf("encoding the headers: %w", err)
	}
	size := d.Size
	if size >= 0 {
		size = max(size, int64(len(d.Body)))
	}
	use := useOf(d)
	rs := rows{{insertDelivery, []any{d.ID, d.Hook, d.ReceivedAt.UnixMicro(), d.RemoteIP, d.Method, d.Path,
		d.Event, d.EventID, string(d.Verdict), d.Reason, decisions, size, string(headers), d.ReplayOf, use.id(),
		d.DedupeKey, d.DuplicateOf}, use}}
	if len(body) > 0 {
		p := pack(body)
		rs = append(rs, row{text: insertBody, args: []any{d.ID, p.s2, p.data}})
	}
	return rs, nil
}

func encodeDecisions(decisions []rules.Decision) (string, error) {
	if len(decisions) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal(decisions)
	if err != nil {
		return "", fmt.Errorf("encoding the decisions: %w", err)
	}
	return string(text), nil
}

// runRow is a new run with its command, which is encoded already. No process of it has
// been started.
func runRow(r *runner.Run, command string, burst *time.Time) row {
	return row{text: insertRun, args: []any{r.ID, r.Delivery, r.Hook, r.Rule, r.Action, string(r.State), r.Attempt,
		r.Error, r.QueuedAt.UnixMicro(), micros(r.StartedAt), micros(r.FinishedAt), command,
		r.Group, groupLimit(r), micros(r.NotBefore), throttleKey(r.Command), debounceKey(r.Command), micros(burst),
		string(r.Hold), r.RerunOf, r.CausedBy, r.Chain, r.TellsOf}}
}

func throttleKey(c *rules.Command) any {
	if c.Throttle == nil {
		return nil
	}
	return c.Throttle.Key
}

func debounceKey(c *rules.Command) any {
	if c.Debounce == nil {
		return nil
	}
	return c.Debounce.Key
}

func groupLimit(r *runner.Run) int {
	if r.Command.Concurrency == nil {
		return 0
	}
	return r.Command.Concurrency.Limit
}

// micros is a time as the database has it, or NULL.
func micros(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMicro()
}

func exitCode(code *int) any {
	if code == nil {
		return nil
	}
	return *code
}
