package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hooktender/hooktender/rules"
)

const openYAML = `
hooks:
  /open: {verify: none, rules: [{run: "true"}]}
  /wait: {verify: none, respond: {wait: 5s}, rules: [{run: "true"}]}
`

// A crowd is senders of an intake, in a bubble of its own time.
type crowd struct {
	*fakeIntake
	t      *testing.T
	intake *Intake
	log    *lockedBuffer
	disk   chan struct{} // closed when it is back
	slow   atomic.Bool   // the disk is asked
	all    sync.WaitGroup
	mu     sync.Mutex
	got    map[int][]time.Duration // how long each answer took, by status
}

func newCrowd(t *testing.T) *crowd {
	log, text := newLog()
	c := &crowd{fakeIntake: newFakeIntake(t), t: t, log: text, disk: make(chan struct{}), got: map[int][]time.Duration{}}
	c.slow.Store(true)
	c.onAccept = func(context.Context) {
		if c.slow.Load() {
			<-c.disk
		}
	}
	c.intake = NewIntake(c.fakeIntake, c.fakeIntake, log)
	c.intake.Use(load(t, openYAML))
	return c
}

// post sends from so many at once, and keeps what they are told.
func (c *crowd) post(n int, path string, size int, ctx context.Context) {
	for range n {
		c.all.Go(func() {
			began := time.Now()
			w := httptest.NewRecorder()
			told := &firstAnswer{ResponseRecorder: w}
			body := append(append([]byte(`{"a":"`), bytes.Repeat([]byte("x"), size)...), `"}`...)
			told.then = func(status int) {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.got[status] = append(c.got[status], time.Since(began))
				if retry := w.Header().Get("Retry-After"); (retry != "") != (status == 503) {
					c.t.Errorf("%d has Retry-After %q", status, retry)
				}
			}
			r := httptest.NewRequest("POST", path, bytes.NewReader(body)).WithContext(ctx)
			r.Header.Set("Content-Type", "application/json")
			c.intake.ServeHTTP(told, r)
		})
	}
	synctest.Wait()
}

// firstAnswer tells of an answer when it is given, which may be before the handler
// returns.
type firstAnswer struct {
	*httptest.ResponseRecorder
	then func(status int)
	told bool
}

func (f *firstAnswer) WriteHeader(status int) {
	if f.told {
		panic("a second answer")
	}
	f.told = true
	f.then(status)
	f.ResponseRecorder.WriteHeader(status)
}

// told checks how many were answered so until now, and forgets them.
func (c *crowd) told(want map[int]int) {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	have := map[int]int{}
	for status, took := range c.got {
		have[status] = len(took)
	}
	if fmt.Sprint(have) != fmt.Sprint(want) {
		c.t.Errorf("answered %v, want %v", have, want)
	}
	clear(c.got)
}

// kept checks how many events are on disk and their runs in the queue, each once.
func (c *crowd) kept(want int) {
	c.t.Helper()
	recorded, accepted, enqueued := c.take()
	if len(recorded) > 0 || len(accepted) != want || len(enqueued) != want {
		c.t.Errorf("%d recorded, %d accepted, %d runs; want %d accepted", len(recorded), len(accepted), len(enqueued), want)
	}
	seen := map[int64]bool{}
	for _, run := range enqueued {
		if seen[run.Delivery] {
			c.t.Errorf("delivery %d has its run twice", run.Delivery)
		}
		seen[run.Delivery] = true
	}
}

// Who comes when all places are taken and the line is full is sent away at once, all
// others are taken, and nothing that is taken is lost.
func TestMoreThanCanBeTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.post(atWork+inLine, "/open", 10, t.Context())
		c.told(map[int]int{})
		c.post(100, "/open", 10, t.Context())
		c.told(map[int]int{503: 100})
		close(c.disk)
		c.all.Wait()
		c.told(map[int]int{202: atWork + inLine})
		c.kept(atWork + inLine)
		if said := c.log.String(); strings.Count(said, "requests are refused") != 1 || strings.Contains(said, "level=ERROR") {
			t.Error("the log does not say once that requests are refused")
		}
	})
}

// A disk that does not come back: all are answered in a bounded time, soon at once;
// what it takes in the end is not lost.
func TestStalledDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.post(atWork+10, "/open", 10, t.Context())
		time.Sleep(lineWithin)
		c.told(map[int]int{503: 10}) // have waited in line
		time.Sleep(time.Millisecond)
		c.post(1000, "/open", 10, t.Context())
		c.told(map[int]int{503: 1000}) // at once
		time.Sleep(answersWithin)
		c.told(map[int]int{503: atWork})
		c.kept(0)
		close(c.disk) // it is back
		c.all.Wait()
		c.told(map[int]int{})
		c.kept(atWork)
		c.post(1, "/open", 10, t.Context())
		c.told(map[int]int{202: 1})
		c.kept(1)
	})
}

// Twice as many as can be worked on, for a while: as many are as if no more came, none
// waits longer than he may, and who is refused is so at once.
func TestTwiceAsManyAsCanBeTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		const (
			service = 100 * time.Millisecond // of the disk, for each place
			lasts   = 4 * time.Second
			tick    = 10 * time.Millisecond
			can     = int(lasts / service * atWork)
		)
		c.onAccept = func(context.Context) { time.Sleep(service) }
		for range lasts / tick {
			c.post(2*can/int(lasts/tick), "/open", 10, t.Context())
			time.Sleep(tick)
		}
		c.all.Wait()
		accepted, refused := c.got[202], c.got[503]
		if len(accepted) < can*95/100 {
			t.Errorf("%d were accepted, of %d that can be", len(accepted), can)
		}
		for _, took := range accepted {
			if took > lineWithin+service {
				t.Fatalf("accepted after %v", took)
			}
		}
		late := 0
		for _, took := range refused {
			if took > 0 {
				late++
			}
		}
		if late > len(refused)/20 {
			t.Errorf("%d of %d were refused only after they had waited", late, len(refused))
		}
		c.kept(len(accepted))
	})
}

// While all places are taken, others who need none go on: large bodies, events of
// watches, and who is told how the runs go holds none.
func TestWhoNeedsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		const waits = 2
		c.slow.Store(false)
		c.post(waits, "/wait", 10, t.Context()) // have given theirs back
		c.told(map[int]int{})
		c.slow.Store(true)
		c.post(atWork, "/open", 10, t.Context())
		c.told(map[int]int{})
		if p := c.intake.places; p.free != 0 || p.line.Len() != 0 {
			t.Errorf("%d places are free, %d wait in line", p.free, p.line.Len())
		}
		c.slow.Store(false)
		c.post(3, "/open", believed, t.Context())
		c.told(map[int]int{202: 3})
		if err := c.intake.Emit(t.Context(), load(t, watchYAML).Set.Watches()[0],
			&rules.Event{ID: "1", At: time.Now(), Body: []byte(`{"changed":true,"up":false,"url":"u"}`)}); err != nil {
			t.Error(err)
		}
		c.kept(waits + 3 + 1)
		close(c.disk)
		c.all.Wait()
		c.told(map[int]int{202: atWork + waits})
	})
}

// Who comes again on a connection sooner than told waits, and may be lucky then.
func TestWhoComesAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.post(atWork, "/open", 10, t.Context())
		time.Sleep(lineWithin + 1) // the line does not move
		connection := withLink(t.Context(), nil, nil)
		c.post(1, "/open", 10, connection)
		c.told(map[int]int{503: 1})
		c.post(1, "/open", 10, connection)
		c.told(map[int]int{}) // waits
		c.post(1, "/open", 10, withLink(t.Context(), nil, nil))
		c.told(map[int]int{503: 1}) // another one
		time.Sleep(lineWithin)
		c.told(map[int]int{503: 1})
		c.post(1, "/open", 10, connection)
		close(c.disk)
		c.all.Wait()
		c.told(map[int]int{202: atWork + 1})
		c.post(1, "/open", 10, connection)
		c.told(map[int]int{202: 1}) // there is no reason to wait
	})
}

// The bodies of those who wait share the memory of the large ones.
func TestMemoryOfTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.post(atWork, "/open", 10, t.Context())
		c.intake.bodies.used.Store(bodyRoom(25<<20) - 100)
		c.post(1, "/open", 200, t.Context())
		c.told(map[int]int{503: 1})
		c.post(1, "/open", 20, t.Context())
		c.told(map[int]int{})
		close(c.disk)
		c.all.Wait()
		if used := c.intake.bodies.used.Load(); used != bodyRoom(25<<20)-100 {
			t.Errorf("%d bytes are not given back", used-bodyRoom(25<<20)+100)
		}
	})
}

// Whoever waits for a provider's keys holds no place.
func TestKeysHoldNoPlace(t *testing.T) {
	log, _ := newLog()
	p := &place{of: newPlaces(log), room: *plenty()}
	asked := 0
	p.keys = keysFunc(func() ([]byte, error) {
		asked++
		if p.of.free != atWork {
			t.Errorf("%d places are free while keys are fetched", p.of.free)
		}
		return []byte("key"), nil
	})
	if !p.take() {
		t.Fatal("no place")
	}
	if data, err := p.Fetch(rules.Document{}, false); string(data) != "key" || err != nil || p.of.free != atWork-1 {
		t.Errorf("%q, %v, %d places free", data, err, p.of.free)
	}
	p.leave()
	p.leave()
	if p.of.free != atWork || asked != 1 {
		t.Errorf("%d places free, asked %d times", p.of.free, asked)
	}
}

// Who finds no place once the key is there is refused as any other: that says nothing of
// what it sent.
func TestNoPlaceAfterKeys(t *testing.T) {
	d := openPublic(t, handshakeHooks)
	d.intake.Keys = keysFunc(func() ([]byte, error) {
		d.intake.places.free = 0 // and the line has not moved yet
		return nil, errors.New("no route to host")
	})
	got := d.send(t, d.request(t, "POST", "/pubsub", "{}", "Authorization", "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.e30.AAAA"))
	recorded, _, _ := d.take()
	if got.status != 503 || got.header.Get("Retry-After") == "" || len(recorded) != 0 || d.intake.places.refused != 1 {
		t.Errorf("answered %d, %d recorded, %d refused", got.status, len(recorded), d.intake.places.refused)
	}
}

type keysFunc func() ([]byte, error)

func (f keysFunc) Fetch(rules.Document, bool) ([]byte, error) { return f() }
