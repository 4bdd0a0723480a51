package watch

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hooktender/hooktender/outbound"
)

// answering makes a world whose URL answers with the body of now.
func answering(t *testing.T, body *string) *world {
	w := newWorld(t)
	w.answers = func(*http.Request) (*outbound.Answer, error) {
		return &outbound.Answer{Status: 200, Body: []byte(*body), Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}}, nil
	}
	return w
}

func bodies(events []told) (list []string) {
	for _, e := range events {
		list = append(list, string(e.Body))
	}
	return list
}

// Each answer is looked at once, at its time; "R" is a restart, "K" one after
// SIGKILL, which takes away what was saved of the last look.
func TestPoll(t *testing.T) {
	const a, b = `{"v":1,"at":1}`, `{"v":2,"at":2}`
	for name, c := range map[string]struct {
		poll  string
		looks []string
		want  []string
	}{
		"what changed":           {``, []string{a, a, b, b, a}, []string{a, b, a}},
		"over a restart":         {``, []string{a, "R", a, "R", b, "R", b}, []string{a, b}},
		"first remembered":       {`first: remember`, []string{a, a, b}, []string{b}},
		"changed by a value":     {`changed: "{{ v }}"`, []string{a, `{"v":1,"at":2}`, b}, []string{a, b}},
		"not JSON":               {``, []string{a, `<html>`, a, ``, b}, []string{a, b}},
		"killed":                 {``, []string{a, "K", a, b, "K", b, a}, []string{a, b, a}},
		"items":                  {`items: list`, []string{`{"list":[{"id":1}]}`, `{"list":[{"id":2},{"id":1}]}`, `{"list":[]}`, `{"list":[{"id":1},{"id":3}]}`}, []string{`{"id":2}`, `{"id":3}`}},
		"items from the first":   {`items: list, first: event`, []string{`{"list":[{"id":1},{"id":1}]}`, `{"list":[{"id":1}]}`}, []string{`{"id":1}`}},
		"items over a restart":   {`items: list`, []string{`{"list":[{"id":1}]}`, "R", `{"list":[{"id":1},{"id":2}]}`}, []string{`{"id":2}`}},
		"items after a kill":     {`items: list`, []string{`{"list":[]}`, `{"list":[{"id":1},{"id":2}]}`, "K", `{"list":[{"id":2},{"id":3}]}`}, []string{`{"id":1}`, `{"id":2}`, `{"id":3}`}},
		"items by their name":    {`items: payload, id: "{{ name }}"`, []string{`[]`, `[{"name":"x"}]`, `[{"name":"x","n":1}]`}, []string{`{"name":"x"}`}},
		"items without an id":    {`items: list`, []string{`{"list":[]}`, `{"list":[{"name":1}]}`, `{"list":[{"id":1}]}`}, []string{`{"id":1}`}},
		"items that are no list": {`items: list`, []string{`{"list":[]}`, `{"list":5}`, `{}`, `{"list":[{"id":1}]}`}, []string{`{"id":1}`}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var body string
			w := answering(t, &body)
			set := load(t, fmt.Sprintf(`watch: {p: {poll: {url: "https://example.com/x?k=s", %s}, rules: [{run: make}]}}`, c.poll))
			watcher := w.start(set)
			pass(0)
			var before []byte
			for _, look := range c.looks {
				if look == "R" || look == "K" {
					watcher.Stop()
					if look == "K" {
						w.set(func() { w.states["p poll"] = before })
					}
					watcher = w.start(set)
					pass(0)
					continue
				}
				w.set(func() { body, before = look, w.states["p poll"] })
				pass(10 * time.Minute)
			}
			watcher.Stop()
			if got := bodies(w.take()); !slices.Equal(got, c.want) {
				t.Errorf("%s: told are %q, want %q", name, got, c.want)
			}
		})
	}
}

// changed: false makes every look an event, and keeps of those only what fires.
func TestPollEachLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := `{"aqi":200}`
		w := answering(t, &body)
		watcher := w.start(load(t, `watch: {p: {poll: {url: "https://example.com", changed: false}, every: 1m, rules: [{run: make}]}}`))
		pass(150 * time.Second)
		watcher.Stop()
		if len(w.told) != 3 || w.told[0].Routine || !w.told[1].Routine || !w.told[2].Routine {
			t.Errorf("%+v", w.told)
		}
		if h := w.asked[2].Header.Get("If-None-Match"); h != "" {
			t.Errorf("asked with %q, and each look needs the answer", h)
		}
	})
}

// A server that wants to be asked later is; and the times of a poll are kept over
// restarts.
func TestPollIsNotAskedTooOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answers = func(*http.Request) (*outbound.Answer, error) {
			if len(w.asked) == 2 {
				return &outbound.Answer{Status: 429, Header: http.Header{"Retry-After": {"3600"}}}, nil
			}
			return &outbound.Answer{Status: 200, Body: []byte("{}")}, nil
		}
		set := load(t, `watch: {p: {poll: {url: "https://example.com"}, every: 10m, rules: [{run: make}]}}`)
		asked := func() (n int) { w.set(func() { n = len(w.asked) }); return n }
		watcher := w.start(set)
		pass(time.Minute)
		for range 5 {
			watcher.Stop()
			watcher = w.start(set)
			watcher.Use(set) // a reload is no reason, either
			pass(time.Minute)
		}
		if n := asked(); n != 1 {
			t.Errorf("asked %d times in 6 minutes", n)
		}
		pass(10 * time.Minute)
		if s := watcher.Status()[0]; asked() != 2 || s.State != "failing" || s.Error != "answered 429 Too Many Requests" {
			t.Errorf("asked %d times, %+v", asked(), s)
		}
		watcher.Stop()
		watcher = w.start(set)
		pass(40 * time.Minute)
		if n := asked(); n != 2 {
			t.Errorf("asked %d times, and it wanted an hour", n)
		}
		pass(20 * time.Minute)
		if s := watcher.Status()[0]; asked() != 3 || s.State != "ok" {
			t.Errorf("asked %d times, %+v", asked(), s)
		}
		watcher.Stop()
	})
}

// Another URL is another thing: what was known says nothing about it.
func TestPollOfAnotherURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := `{"list":[{"id":1}]}`
		w := answering(t, &body)
		config := func(url string) string {
			return `watch: {p: {poll: {url: "https://example.com/` + url + `", items: list}, rules: [{run: make}]}}`
		}
		watcher := w.start(load(t, config("a")))
		pass(time.Second)
		w.set(func() { body = `{"list":[{"id":1},{"id":2}]}` })
		watcher.Use(load(t, config("b")))
		pass(time.Second)
		if got := w.take(); len(got) != 0 || len(w.asked) != 2 {
			t.Errorf("told are %v, asked %d times", got, len(w.asked))
		}
		w.set(func() { body = `{"list":[{"id":3}]}` })
		pass(10 * time.Minute)
		if got := bodies(w.take()); !slices.Equal(got, []string{`{"id":3}`}) {
			t.Errorf("told are %q", got)
		}
		watcher.Stop()
	})
}

// The queue is full for a while: what was found is told when it has room, also
// where the URL has long forgotten it.
func TestNothingIsLostWhereTheQueueIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := `{"n":1}`
		w := answering(t, &body)
		watcher := w.start(load(t, `watch: {p: {poll: {url: "https://example.com"}, every: 1m, rules: [{run: make}]}}`))
		pass(time.Second)
		w.set(func() { w.refuse = true })
		for n := 2; n <= 4; n++ {
			w.set(func() { body = fmt.Sprintf(`{"n":%d}`, n) })
			pass(time.Minute)
		}
		if s := watcher.Status()[0]; s.Owed != 3 {
			t.Errorf("%+v", s)
		}
		w.set(func() { w.refuse = false })
		pass(11 * time.Second)
		watcher.Stop()
		if got, want := bodies(w.take()), []string{`{"n":1}`, `{"n":2}`, `{"n":3}`, `{"n":4}`}; !slices.Equal(got, want) {
			t.Errorf("told are %q", got)
		}
	})
}
