package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// PauseStore keeps which hooks people have paused.
type PauseStore interface {
	Pause(ctx context.Context, by *runner.AuditEntry) error
	Paused(ctx context.Context) ([]runner.AuditEntry, error)
}

// Pauses knows which hooks are paused: by the configuration, or by hand. What
// arrives at them is accepted and queued, and does not begin. All methods may be
// called from any goroutine.
type Pauses struct {
	store PauseStore
	apply func(map[string]bool) // tells the runner

	mu     sync.Mutex
	inFile map[string]bool
	byHand map[string]runner.AuditEntry
}

// NewPauses reads which hooks people have paused. apply is given all paused hooks
// whenever they change.
func NewPauses(ctx context.Context, store PauseStore, apply func(map[string]bool)) (*Pauses, error) {
	p := &Pauses{store: store, apply: apply, byHand: map[string]runner.AuditEntry{}}
	entries, err := store.Paused(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		p.byHand[e.Hook] = e
	}
	return p, nil
}

// Use takes over what a configuration says.
func (p *Pauses) Use(c *rules.Config) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFile = map[string]bool{}
	for _, hook := range c.Set.All() {
		if hook.Paused {
			p.inFile[hook.Path] = true
		}
	}
	p.tell()
}

// tell is called with the lock held.
func (p *Pauses) tell() {
	all := map[string]bool{}
	for hook := range p.inFile {
		all[hook] = true
	}
	for hook := range p.byHand {
		all[hook] = true
	}
	p.apply(all)
}

// change pauses or resumes a hook by hand, and tells whether it was not so
// already.
func (p *Pauses) change(ctx context.Context, by *runner.AuditEntry) (changed bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, isPaused := p.byHand[by.Hook]
	pause := by.Did == runner.DidPause
	if !pause && p.inFile[by.Hook] {
		return false, statusError{http.StatusConflict, fmt.Errorf("the configuration pauses %s (paused: true); take that out and reload", by.Hook)}
	}
	if pause == isPaused {
		return false, nil
	}
	if err := p.store.Pause(ctx, by); err != nil {
		return false, err
	}
	if pause {
		p.byHand[by.Hook] = *by
	} else {
		delete(p.byHand, by.Hook)
	}
	p.tell()
	return true, nil
}

// of tells whether a hook is paused, and if by hand, when and by whom.
func (p *Pauses) of(hook string) (paused bool, by *runner.AuditEntry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.byHand[hook]; ok {
		return true, &e
	}
	return p.inFile[hook], nil
}

// pause makes the handler of pause and resume.
func (a *API) pause(did runner.Deed) func(*http.Request, httprouter.Params) (any, error) {
	return func(r *http.Request, _ httprouter.Params) (any, error) {
		q := readQuery(r)
		by := entryOf(r, did)
		by.Hook = q.text("hook")
		if err := q.end(); err != nil {
			return nil, err
		}
		known := a.Intake.hooks.Load().all
		if !slices.ContainsFunc(known, func(h *rules.Hook) bool { return h.Path == by.Hook }) {
			if paused, _ := a.Pauses.of(by.Hook); !paused {
				return nil, statusError{http.StatusNotFound, fmt.Errorf("no hook %q; there are %s", by.Hook, paths(known))}
			}
		}
		changed, err := a.Pauses.change(context.WithoutCancel(r.Context()), by)
		if err != nil {
			return nil, err
		}
		paused, _ := a.Pauses.of(by.Hook)
		return map[string]any{"hook": by.Hook, "paused": paused, "changed": changed}, nil
	}
}

func paths(hooks []*rules.Hook) string {
	list := make([]string, len(hooks))
	for i, h := range hooks {
		list[i] = h.Path
	}
	return strings.Join(list, ", ")
}

// A shownHook is a hook as it stands.
type shownHook struct {
	Path     string      `json:"path"`
	Rules    []string    `json:"rules"`
	Paused   bool        `json:"paused"`
	PausedAt *time.Time  `json:"paused_at,omitempty"` // by hand
	PausedBy string      `json:"paused_by,omitempty"` // by hand
	Queued   int         `json:"queued"`
	Waiting  int         `json:"waiting"`
	Running  int         `json:"running"`
	LastRun  *runner.Run `json:"last_run"` // null if there is none
}

func (a *API) hooks(r *http.Request, _ httprouter.Params) (any, error) {
	open, err := a.Store.OpenRuns(r.Context())
	if err != nil {
		return nil, err
	}
	hooks := a.Intake.hooks.Load().all
	shown := make([]shownHook, len(hooks))
	for i, h := range hooks {
		s := shownHook{Path: h.Path, Rules: h.Rules(), Queued: open[h.Path][runner.Queued],
			Waiting: open[h.Path][runner.Waiting], Running: open[h.Path][runner.Running]}
		var by *runner.AuditEntry
		if s.Paused, by = a.Pauses.of(h.Path); by != nil {
			s.PausedAt, s.PausedBy = utc(&by.At), by.Who
		}
		if s.LastRun, err = a.lastRun(r.Context(), h.Path); err != nil {
			return nil, err
		}
		shown[i] = s
	}
	return shown, nil
}

// lastRun is the last run of a hook that does something itself, nil if there is
// none among the newest.
func (a *API) lastRun(ctx context.Context, hook string) (*runner.Run, error) {
	const newest = 20
	list, err := a.Store.Runs(ctx, runner.RunFilter{Hook: hook, Limit: newest})
	if err != nil {
		return nil, err
	}
	for _, run := range list {
		if run.TellsOf == 0 {
			return showRun(run), nil
		}
	}
	return nil, nil
}
