package watch

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
)

// A Store keeps what watches remember.
type Store interface {
	// WatchState returns what SaveWatchState kept last, nil if there is nothing.
	WatchState(ctx context.Context, watch, key string) ([]byte, error)
	// SaveWatchState returns when the value is on disk.
	SaveWatchState(ctx context.Context, watch, key string, value []byte, at time.Time) error
	// LastEvent is when a hook, or a rule of it if that is not "", had its newest
	// event behind a time; the zero time if it had none.
	LastEvent(ctx context.Context, hook, rule string, since time.Time) (time.Time, error)
}

// Events take what was found.
type Events interface {
	// Emit returns nil when all that follows from the event is on disk. After an
	// error it can be told again.
	Emit(ctx context.Context, w *rules.Watch, e *rules.Event) error
}

// A Client sends requests; *outbound.Client does.
type Client interface {
	Do(ctx context.Context, req *http.Request, p outbound.Policy) (*outbound.Answer, error)
}

// Config is what a Watcher needs. All fields are required.
type Config struct {
	Store  Store
	Events Events
	Client Client
	Log    *slog.Logger
}

// atOnce is how many requests are under way at the same time.
const atOnce = 64

// A Watcher runs watches. All methods may be called from any goroutine.
type Watcher struct {
	Config
	places chan struct{} // holds a token for each request under way
	spread func(time.Duration) time.Duration

	mu      sync.Mutex
	set     *rules.Set
	jobs    []*job
	started bool
	life    context.Context
	end     context.CancelFunc
}

// New makes a watcher that looks at nothing yet.
func New(c Config) *Watcher {
	w := &Watcher{Config: c, places: make(chan struct{}, atOnce), spread: spread}
	w.life, w.end = context.WithCancel(context.Background())
	return w
}

// spread is a random part of a time, so that not all looks fall together.
func spread(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d)
}

// Use watches what a configuration says from now on, once Start was called. What
// it has in common with the one before goes on where it was.
func (w *Watcher) Use(set *rules.Set) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set = set
	if w.started {
		w.renew()
	}
}

// Start begins to look.
func (w *Watcher) Start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.started = true
	w.renew()
}

// Stop ends all looks and returns when no event comes any more. What a look under
// way would have found is found by the next one.
func (w *Watcher) Stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end()
	w.started = false
	for _, j := range w.jobs {
		<-j.done
	}
}

// renew ends the jobs there are and begins those of the set. They read from disk
// how far they were, and are due when they were before.
func (w *Watcher) renew() {
	before := map[string]*job{}
	for _, j := range w.jobs {
		j.stop()
	}
	for _, j := range w.jobs {
		<-j.done
		before[j.id()] = j
	}
	w.jobs = nil
	if w.set == nil || w.life.Err() != nil {
		return
	}
	for _, watch := range w.set.Watches() {
		for _, s := range w.sources(watch) {
			w.begin(watch, s, before)
		}
	}
}

func (w *Watcher) begin(watch *rules.Watch, s source, before map[string]*job) {
	j := &job{watcher: w, watch: watch, source: s, done: make(chan struct{})}
	if same, ok := before[j.id()]; ok {
		j.follow(same)
	}
	var ctx context.Context
	ctx, j.stop = context.WithCancel(w.life)
	w.jobs = append(w.jobs, j)
	go j.run(ctx)
}

// sources are the things that a watch looks at.
func (w *Watcher) sources(watch *rules.Watch) []source {
	switch {
	case watch.Check != nil:
		var list []source
		for _, target := range watch.Check.URLs {
			list = append(list, &site{watcher: w, watch: watch, target: target})
		}
		return list
	case watch.Poll != nil:
		return []source{&poll{watcher: w, watch: watch}}
	case watch.Schedule != nil:
		return []source{&schedule{watcher: w, watch: watch}}
	}
	return []source{&quiet{watcher: w, watch: watch}}
}

// A Status is how something stands that is watched.
type Status struct {
	Watch    string     `json:"watch"`
	Kind     string     `json:"kind"`  // check, poll, schedule, quiet
	Of       string     `json:"of"`    // a URL without its query, a time, a hook
	State    string     `json:"state"` // up, down; ok, failing; waiting; heard, quiet; "" before the first look
	Since    *time.Time `json:"since"`
	Error    string     `json:"error"` // of the last look
	Looks    int64      `json:"looks"` // since the server was started, or it is watched
	LookedAt *time.Time `json:"looked_at"`
	NextAt   *time.Time `json:"next_at"`
	Owed     int        `json:"owed"` // events that could not be told of yet
}

// Status lists how everything stands that is watched, in the order of the watches'
// names.
func (w *Watcher) Status() []Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]Status, len(w.jobs))
	for i, j := range w.jobs {
		list[i] = j.shown()
	}
	return list
}

// now is the clock on the wall: a time that was saved has no other.
func now() time.Time { return time.Now().Round(0).UTC() }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// spell writes a time span for people, to the second.
func spell(d time.Duration) string { return d.Round(time.Second).String() }
