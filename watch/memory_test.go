package watch

import (
	"fmt"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
)

// failing is a world in which a website has failed so many looks, all told of.
func failing(t *testing.T, looks int) (*world, *rules.Set, *Watcher) {
	w := newWorld(t)
	w.answers = func(*http.Request) (*outbound.Answer, error) { return nil, syscall.ECONNREFUSED }
	set := load(t, fmt.Sprintf(website, "1"))
	watcher := w.start(set)
	pass(time.Duration(looks) * time.Minute)
	w.set(func() { w.told = nil })
	return w, set, watcher
}

func (w *world) failures() (list []any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.told {
		list = append(list, e.payload["failures"])
	}
	return list
}

// A look at which nothing has changed is the third that failed: a rule may wait for
// just that, and no other look is it again.
func TestNoCountIsLost(t *testing.T) {
	want := []any{3.0, 4.0}
	t.Run("the queue is full", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, _, watcher := failing(t, 2)
			defer watcher.Stop()
			w.set(func() { w.refuse = true })
			pass(time.Minute)
			w.set(func() { w.refuse = false })
			pass(time.Minute)
			if got := w.failures(); !slices.Equal(got, want) {
				t.Errorf("told are failures %v, want %v", got, want)
			}
			if !w.told[0].Routine {
				t.Error("it is kept, whether a rule fires or not")
			}
		})
	})
	t.Run("the server is stopped while it is full", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, set, watcher := failing(t, 2)
			w.set(func() { w.refuse = true })
			pass(time.Minute)
			watcher.Stop()
			w.set(func() { w.refuse = false })
			watcher = w.start(set)
			defer watcher.Stop()
			pass(10 * time.Second)
			if got := w.failures(); !slices.Equal(got, want) {
				t.Errorf("told are failures %v, want %v", got, want)
			}
		})
	})
	t.Run("the server is killed before it is taken", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, set, watcher := failing(t, 2)
			pass(time.Minute)
			watcher.Stop()
			w.set(func() { w.states, w.ids, w.told = w.atEmit, map[string]bool{}, nil })
			watcher = w.start(set)
			defer watcher.Stop()
			pass(10 * time.Second)
			if got := w.failures(); !slices.Equal(got, want) {
				t.Errorf("told are failures %v, want %v", got, want)
			}
		})
	})
	t.Run("the server is killed when it was taken", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, set, watcher := failing(t, 3)
			watcher.Stop()
			w.set(func() { w.states = w.atEmit })
			watcher = w.start(set)
			defer watcher.Stop()
			pass(10 * time.Second)
			if got := w.failures(); !slices.Equal(got, want[1:]) {
				t.Errorf("told are failures %v, want %v", got, want[1:])
			}
		})
	})
}

// What stays as it is costs no disk anything, look after look.
func TestSteadyLooksWriteNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answers = func(*http.Request) (*outbound.Answer, error) { return &outbound.Answer{Status: 200}, nil }
		watcher := w.start(load(t, fmt.Sprintf(website, "1")))
		defer watcher.Stop()
		pass(time.Minute)
		savedAt := w.savedAt
		pass(10 * time.Minute)
		if len(w.told) < 10 || !w.savedAt.Equal(savedAt) {
			t.Errorf("%d looks, saved at %v and again at %v", len(w.told), savedAt, w.savedAt)
		}
	})
}

// A watch that cannot tell anybody stops to look before what it owes is too much.
func TestOwesTooMuch(t *testing.T) {
	half := owed{Body: make([]byte, maxOwedBytes/2)}
	for _, c := range []struct {
		owed []owed
		want bool
	}{
		{nil, false}, {[]owed{half}, false}, {[]owed{half, half}, true},
		{make([]owed, maxOwed-1), false}, {make([]owed, maxOwed), true},
	} {
		if got := (&job{owed: c.owed}).owesTooMuch(); got != c.want {
			t.Errorf("%d events: %v", len(c.owed), got)
		}
	}
}
