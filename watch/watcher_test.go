package watch

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
)

// world is what a watcher has around it. It outlives the watcher, as a disk does.
type world struct {
	t *testing.T

	mu      sync.Mutex
	states  map[string][]byte
	savedAt time.Time              // any of them
	atEmit  map[string][]byte      // the states as they were when an event was taken last
	heard   map[string][]time.Time // events of hooks, by path and rule
	told    []told
	ids     map[string]bool
	refuse  bool // no event is taken
	lost    bool // no state can be read
	answers func(req *http.Request) (*outbound.Answer, error)
	asked   []*http.Request
}

// told is an event as it was taken.
type told struct {
	rules.Event
	watch   string
	payload map[string]any
}

func newWorld(t *testing.T) *world {
	return &world{t: t, states: map[string][]byte{}, heard: map[string][]time.Time{}, ids: map[string]bool{}}
}

func (w *world) WatchState(_ context.Context, watch, key string) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lost {
		return nil, errors.New("disk I/O error")
	}
	return w.states[watch+" "+key], nil
}

func (w *world) SaveWatchState(_ context.Context, watch, key string, value []byte, at time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.states[watch+" "+key], w.savedAt = value, at
	return nil
}

func (w *world) LastEvent(_ context.Context, hook, rule string, since time.Time) (last time.Time, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range w.heard[hook+" "+rule] {
		if at.After(since) && at.After(last) {
			last = at
		}
	}
	return last, nil
}

func (w *world) hear(hook string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard[hook+" "] = append(w.heard[hook+" "], now())
}

// Emit knows an event again as the server does.
func (w *world) Emit(_ context.Context, watch *rules.Watch, e *rules.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuse {
		return errors.New("the queue is full")
	}
	id := watch.Name + " " + e.ID
	if w.ids[id] {
		return nil
	}
	w.ids[id], w.atEmit = true, maps.Clone(w.states)
	one := told{Event: *e, watch: watch.Name}
	if err := json.Unmarshal(e.Body, &one.payload); err != nil && e.Type != "application/xml" {
		w.t.Errorf("the event %s is %s: %v", e.ID, e.Body, err)
	}
	w.told = append(w.told, one)
	return nil
}

func (w *world) Do(_ context.Context, req *http.Request, _ outbound.Policy) (*outbound.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, req)
	a, err := w.answers(req)
	if a != nil && a.Header == nil {
		a.Header = http.Header{}
	}
	return a, err
}

// take returns what was told since it was asked last, without what is routine.
func (w *world) take() (news []told) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range w.told {
		if !one.Routine {
			news = append(news, one)
		}
	}
	w.told = nil
	return news
}

// saved is a state as it is on disk.
func (w *world) saved(key string) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.states[key]
}

func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// start runs a watcher until the function is called that it returns. First looks
// come after half of the time over which they are spread.
func (w *world) start(set *rules.Set) (watcher *Watcher) {
	watcher = New(Config{Store: w, Events: w, Client: w, Log: discard})
	watcher.spread = func(d time.Duration) time.Duration { return d / 2 }
	watcher.Use(set)
	watcher.Start()
	return watcher
}

// load reads what stands under watch: in a configuration.
func load(t *testing.T, text string) *rules.Set {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hooktender.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := rules.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return config.Set
}

// pass lets time go by until nobody has anything to do.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

var discard = slog.New(slog.DiscardHandler)

// A client is a Client by one function.
type client func(*http.Request) (*outbound.Answer, error)

func (c client) Do(ctx context.Context, req *http.Request, _ outbound.Policy) (*outbound.Answer, error) {
	return c(req.WithContext(ctx))
}
