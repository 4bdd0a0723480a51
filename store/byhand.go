package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/hooktender/hooktender/runner"
)

const (
	insertAudit = `INSERT INTO audit (at, who, did, hook, delivery, run, note) VALUES (?, ?, ?, ?, ?, ?, ?)`

	auditColumns    = `id, at, who, did, hook, delivery, run, note`
	listAudit       = `SELECT ` + auditColumns + ` FROM audit ORDER BY id DESC LIMIT ?`
	auditOfRun      = `SELECT ` + auditColumns + ` FROM audit WHERE run = ? AND run <> 0 ORDER BY id`
	auditOfDelivery = `SELECT ` + auditColumns + ` FROM audit WHERE delivery = ? AND delivery <> 0 ORDER BY id`

	pauseHook   = `INSERT INTO paused (hook, at, who) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`
	resumeHook  = `DELETE FROM paused WHERE hook = ?`
	pausedHooks = `SELECT hook, at, who FROM paused ORDER BY hook`

	openRuns = `SELECT hook, state, count(*) FROM run INDEXED BY run_unfinished WHERE ` + unfinished + ` GROUP BY hook, state`
)

// auditRows is what a person did as it is stored; nothing for nil.
func auditRows(e *runner.AuditEntry) rows {
	if e == nil {
		return nil
	}
	return rows{{text: insertAudit, args: []any{e.At.UnixMicro(), e.Who, string(e.Did), e.Hook, e.Delivery, e.Run, e.Note}}}
}

func auditOf(run *runner.Run) rows { return auditRows(run.By) }

// Rerun stores a run that a person wants of a delivery that is stored already,
// together with by, and gives the run its id and by the run's. Its group's policy
// counts; throttle and debounce do not, for somebody asked. What Accept says of
// Displaced holds here, too.
func (s *Store) Rerun(ctx context.Context, r *runner.Run, by *runner.AuditEntry) (runner.Displaced, error) {
	r.ID = s.writer.runs.next()
	by.Run = r.ID
	a := &admission{at: r.QueuedAt, audit: auditRows(by), byHand: true, paused: s.pausedHooks(), teller: s.teller()}
	if err := a.add(r); err != nil {
		return runner.Displaced{}, err
	}
	if err := s.submit(ctx, a.do); err != nil {
		return runner.Displaced{}, fmt.Errorf("storing run %d: %w", r.ID, err)
	}
	a.tell(0, r)
	return a.displaced, nil
}

// Pause keeps that a hook is paused by hand, or is not any longer, as by says.
func (s *Store) Pause(ctx context.Context, by *runner.AuditEntry) error {
	change := row{text: pauseHook, args: []any{by.Hook, by.At.UnixMicro(), by.Who}}
	if by.Did == runner.DidResume {
		change = row{text: resumeHook, args: []any{by.Hook}}
	}
	if err := s.submit(ctx, append(rows{change}, auditRows(by)...).insert); err != nil {
		return fmt.Errorf("storing that hook %s is to %s: %w", by.Hook, by.Did, err)
	}
	return nil
}

// Note keeps that a person did something that is on disk already.
func (s *Store) Note(ctx context.Context, by *runner.AuditEntry) error {
	if err := s.submit(ctx, auditRows(by).insert); err != nil {
		return fmt.Errorf("storing who did %s: %w", by.Did, err)
	}
	return nil
}

// UsePaused tells which hooks are paused, by hand or in the configuration: their
// queued runs keep none of another hook from being accepted.
func (s *Store) UsePaused(hooks map[string]bool) {
	names := slices.AppendSeq([]string{}, maps.Keys(hooks)) // none is [], since nothing is NOT IN a null
	list, err := json.Marshal(names)
	if err != nil {
		panic(err) // texts can always be written
	}
	text := string(list)
	s.paused.Store(&text)
}

func (s *Store) pausedHooks() string {
	if text := s.paused.Load(); text != nil {
		return *text
	}
	return "[]"
}

// Paused lists the hooks that people have paused, as entries of when and by whom.
func (s *Store) Paused(ctx context.Context) ([]runner.AuditEntry, error) {
	list, err := query(ctx, s.readDB, scanPaused, pausedHooks)
	if err != nil {
		return nil, fmt.Errorf("listing the paused hooks: %w", err)
	}
	return list, nil
}

// Audit lists what people did by hand, newest first.
func (s *Store) Audit(ctx context.Context, atMost int) ([]runner.AuditEntry, error) {
	return s.audit(ctx, listAudit, limit(atMost, defaultListing))
}

// AuditOfRun lists what people did to a run, oldest first.
func (s *Store) AuditOfRun(ctx context.Context, run int64) ([]runner.AuditEntry, error) {
	return s.audit(ctx, auditOfRun, run)
}

// AuditOfDelivery lists what people did with a delivery, oldest first.
func (s *Store) AuditOfDelivery(ctx context.Context, delivery int64) ([]runner.AuditEntry, error) {
	return s.audit(ctx, auditOfDelivery, delivery)
}

func (s *Store) audit(ctx context.Context, text string, arg any) ([]runner.AuditEntry, error) {
	list, err := query(ctx, s.readDB, scanAudit, text, arg)
	if err != nil {
		return nil, fmt.Errorf("listing what was done by hand: %w", err)
	}
	return list, nil
}

// OpenRuns counts the runs of each hook that are not over, by their states.
func (s *Store) OpenRuns(ctx context.Context) (map[string]map[runner.State]int, error) {
	type count struct {
		hook  string
		state runner.State
		n     int
	}
	counts, err := query(ctx, s.readDB, func(row scanner) (c count, err error) {
		err = row.Scan(&c.hook, &c.state, &c.n)
		return c, err
	}, openRuns)
	if err != nil {
		return nil, fmt.Errorf("counting the runs of the hooks: %w", err)
	}
	hooks := map[string]map[runner.State]int{}
	for _, c := range counts {
		if hooks[c.hook] == nil {
			hooks[c.hook] = map[runner.State]int{}
		}
		hooks[c.hook][c.state] = c.n
	}
	return hooks, nil
}

func scanAudit(row scanner) (e runner.AuditEntry, err error) {
	var at int64
	err = row.Scan(&e.ID, &at, &e.Who, &e.Did, &e.Hook, &e.Delivery, &e.Run, &e.Note)
	e.At = moment(at)
	return e, err
}

func scanPaused(row scanner) (e runner.AuditEntry, err error) {
	var at int64
	err = row.Scan(&e.Hook, &at, &e.Who)
	e.At, e.Did = moment(at), runner.DidPause
	return e, err
}
