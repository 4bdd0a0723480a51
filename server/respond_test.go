package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/runner"
)

// A respondDoor is a public door whose hook /hook answers as the test wants. A
// body with "both" fires two rules, null fires none.
type respondDoor struct {
	*publicDoor
	door   *Door
	client *http.Client
	ended  chan struct{} // gets one for each request that is over
}

func openRespond(t *testing.T, respond string, limits Limits) *respondDoor {
	t.Helper()
	log, text := newLog()
	d := &respondDoor{publicDoor: &publicDoor{fakeIntake: newFakeIntake(t), log: text}, ended: make(chan struct{}, 10)}
	d.intake = NewIntake(d.fakeIntake, d.fakeIntake, log)
	d.intake.Use(load(t, respondYAML(respond)))
	d.door, _ = openDoor(t, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { d.ended <- struct{}{} }()
		d.intake.ServeHTTP(w, r)
	}), limits)
	d.client = client(t, d.door.Address())
	return d
}

func respondYAML(respond string) string {
	return `
hooks:
  /hook:
    verify: none
    methods: [POST, HEAD]
    respond: ` + respond + `
    rules:
      - {name: redeploy, when: payload != nil || request.method == "HEAD", run: "true"}
      - {name: also, when: both, run: "true"}
`
}

func (d *respondDoor) post(t *testing.T, body string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://hooktender/hook", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// begun sends a request and returns when it waits for news of its run.
func (d *respondDoor) begun(t *testing.T, r *http.Request) <-chan answered {
	t.Helper()
	answers := make(chan answered, 1)
	go func() { answers <- send(t, d.client, r) }()
	within(t, "waiting for news of the run", d.waiting)
	return answers
}

// prints adds output to a run, in its last attempt or its first.
func (f *fakeRuns) prints(id int64, stream runner.Stream, text string) {
	f.update(func() { f.print(id, stream, text, 0) })
}

func (f *fakeRuns) print(id int64, stream runner.Stream, text string, omitted uint64) {
	run := f.find(id)
	if run.Attempt == 0 {
		run.State, run.Attempt = runner.Running, 1
	}
	seq := 1
	for _, c := range f.chunks {
		if c.Run == id && c.Attempt == run.Attempt {
			seq++
		}
	}
	c := chunk(run.Attempt, seq, stream, text, omitted)
	c.Run = id
	f.chunks = append(f.chunks, c)
}

func (f *fakeRuns) find(id int64) *runner.Run {
	for _, r := range f.runs {
		if r.ID == id {
			return r
		}
	}
	panic(fmt.Sprintf("no run %d", id))
}

// ends ends a run; a code below 0 is none.
func (f *fakeRuns) ends(id int64, state runner.State, code int) {
	f.update(func() { f.end(id, state, code) })
}

func (f *fakeRuns) end(id int64, state runner.State, code int) {
	run := f.find(id)
	if run.State = state; code >= 0 {
		run.ExitCode = &code
	}
}

const (
	accepted42 = `{"delivery":17,"verdict":"accepted","runs":[{"id":42,"rule":"redeploy"}]}`
	ended42    = `{"delivery":17,"verdict":"accepted","runs":[{"id":42,"rule":"redeploy","state":"succeeded","exit_code":0}]}`
)

// TestRespondContract is the table "Answers that wait" of the documentation.
func TestRespondContract(t *testing.T) {
	const jsonType, textType = "application/json", "text/plain; charset=utf-8"
	printed := func(f *fakeRuns) {
		f.print(42, runner.Stdout, "one\n", 0)
		f.print(42, runner.Stderr, "<b>\xff\x00\x1b[31m\n", 0)
		f.print(42, runner.Stdout, "no end of line", 0)
	}
	for _, c := range []struct {
		name, respond, body string
		happens             func(*fakeRuns)
		status              int
		kind, want, states  string
	}{
		{"succeeded", "{wait: 1h}", `{}`, func(f *fakeRuns) { f.end(42, runner.Succeeded, 0) }, 200, jsonType, ended42, "succeeded"},
		{"failed", "{wait: 1h}", `{}`, func(f *fakeRuns) { f.end(42, runner.Failed, 3) }, 500, jsonType,
			`{"delivery":17,"verdict":"accepted","runs":[{"id":42,"rule":"redeploy","state":"failed","exit_code":3}]}`, "failed"},
		{"no exit code", "{wait: 1h}", `{}`, func(f *fakeRuns) { f.end(42, runner.TimedOut, -1) }, 500, jsonType,
			`{"delivery":17,"verdict":"accepted","runs":[{"id":42,"rule":"redeploy","state":"timed_out","exit_code":null}]}`, "timed_out"},
		{"own status of success", "{wait: 1h, on_success: 201}", `{}`, func(f *fakeRuns) { f.end(42, runner.Succeeded, 0) }, 201, jsonType, ended42, "succeeded"},
		{"own status of failure", "{wait: 1h, on_failure: 200}", `{}`, func(f *fakeRuns) { f.end(42, runner.Canceled, -1) }, 200, jsonType, "", "canceled"},
		{"one of two failed", "{wait: 1h}", `{"both":true}`, func(f *fakeRuns) { f.end(42, runner.Failed, 1); f.end(43, runner.Succeeded, 0) }, 500, jsonType,
			`{"delivery":17,"verdict":"accepted","runs":[{"id":42,"rule":"redeploy","state":"failed","exit_code":1},{"id":43,"rule":"also","state":"succeeded","exit_code":0}]}`, "failed, succeeded"},
		{"no rule fired", "{wait: 1h}", `null`, nil, 200, jsonType, `{"delivery":17,"verdict":"ignored","runs":[]}`, ""},
		{"no rule fired, stream", "{stream: true}", `null`, nil, 200, jsonType, `{"delivery":17,"verdict":"ignored","runs":[]}`, ""},

		{"output", "{wait: 1h, output: true}", `{}`, func(f *fakeRuns) { printed(f); f.end(42, runner.Succeeded, 0) }, 200, textType,
			"one\n<b>\xff\x00\x1b[31m\nno end of line", "succeeded"},
		{"no output", "{wait: 1h, output: true}", `{}`, func(f *fakeRuns) { f.end(42, runner.Failed, 1) }, 500, textType, "", "failed"},
		{"output with a gap", "{wait: 1h, output: true}", `{}`, func(f *fakeRuns) {
			f.print(42, runner.Stdout, "begin", 0)
			f.print(42, runner.Gap, "", 1<<40)
			f.print(42, runner.Stdout, "end", 0)
			f.end(42, runner.Succeeded, 0)
		}, 200, textType, "begin\n[… 1099511627776 bytes left out …]\nend", "succeeded"},
		{"output of two runs", "{wait: 1h, output: true}", `{"both":true}`, func(f *fakeRuns) {
			f.print(43, runner.Stdout, "of 43", 0)
			printed(f)
			f.end(42, runner.Succeeded, 0)
			f.end(43, runner.Failed, 1)
		}, 500, textType, "one\n<b>\xff\x00\x1b[31m\nno end of lineof 43", "succeeded, failed"},
		{"output of two attempts", "{wait: 1h, output: true}", `{}`, func(f *fakeRuns) {
			f.print(42, runner.Stdout, "first ", 0)
			f.find(42).Attempt = 2
			f.print(42, runner.Stdout, "second", 0)
			f.end(42, runner.Succeeded, 0)
		}, 200, textType, "first second", "succeeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := openRespond(t, c.respond, PublicLimits)
			answers := make(chan answered, 1)
			go func() { answers <- send(t, d.client, d.post(t, c.body)) }()
			runs := "42"
			if c.happens != nil {
				within(t, "waiting for news of the run", d.waiting)
				d.update(func() { c.happens(d.fakeRuns) })
			}
			if strings.Contains(c.body, "both") {
				runs = "42, 43"
			}
			a := within(t, "the answer", answers)
			if a.status != c.status || a.header.Get("Content-Type") != c.kind || a.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("answered %d %v, want %d %s", a.status, a.header, c.status, c.kind)
			}
			if (c.want != "" || c.kind == textType) && a.body != c.want {
				t.Errorf("got %q, want %q", a.body, c.want)
			}
			if c.happens == nil {
				return
			}
			if h := a.header; h.Get("Hooktender-Delivery") != "17" || h.Get("Hooktender-Run") != runs || h.Get("Hooktender-State") != c.states {
				t.Errorf("headers are %v", a.header)
			}
		})
	}
}

// The answer to two runs waits for both, in whatever order they end.
func TestWaitsForAll(t *testing.T) {
	d := openRespond(t, "{wait: 1h}", PublicLimits)
	answers := d.begun(t, d.post(t, `{"both":true}`))
	d.ends(43, runner.Succeeded, 0)
	within(t, "another look at run 42", d.waiting)
	select {
	case a := <-answers:
		t.Errorf("answered %+v", a)
	default:
	}
	d.ends(42, runner.Succeeded, 0)
	if a := within(t, "the answer", answers); a.status != 200 {
		t.Errorf("answered %+v", a)
	}
}

func TestWaitIsOver(t *testing.T) {
	d := openRespond(t, "{wait: 10ms, output: true, on_disconnect: cancel}", PublicLimits)
	a := send(t, d.client, d.post(t, `{}`))
	if a.status != 202 || a.body != accepted42 || a.header.Get("Hooktender-State") != "" || a.header.Get("Hooktender-Run") != "42" {
		t.Errorf("answered %+v", a)
	}
	within(t, "the end of the handler", d.ended)
	if len(d.canceled) > 0 {
		t.Error("the run is canceled, and its sender has not left")
	}
}

// The door's limits are for senders that are slow, and not for runs that are.
func TestWaitOutlivesTheDoorsLimits(t *testing.T) {
	const limit = 50 * time.Millisecond
	for _, respond := range []string{"{wait: 1h, on_disconnect: cancel}", "{wait: 1h, output: true}", "{stream: true, on_disconnect: cancel}"} {
		d := openRespond(t, respond, Limits{ReadHeader: limit, Read: limit, Write: limit})
		answers := d.begun(t, d.post(t, `{}`))
		select {
		case a := <-answers:
			t.Fatalf("%s: answered after the limit: %+v", respond, a)
		case <-time.After(4 * limit):
		}
		d.ends(42, runner.Succeeded, 0)
		if a := within(t, "the answer", answers); a.status != 200 || strings.Contains(respond, "output") != (a.body == "") {
			t.Errorf("%s: answered %+v", respond, a)
		}
		if len(d.canceled) > 0 {
			t.Errorf("%s: the run is canceled", respond)
		}
	}
}

func TestStopWhileWaiting(t *testing.T) {
	d := openRespond(t, "{wait: 1h, on_disconnect: cancel}", PublicLimits)
	answers := d.begun(t, d.post(t, `{}`))
	d.intake.Stop()
	if a := within(t, "the answer", answers); a.status != 202 || a.body != accepted42 {
		t.Errorf("answered %+v", a)
	}
	within(t, "the end of the handler", d.ended)
	if len(d.canceled) > 0 {
		t.Error("the run is canceled, and its sender has not left")
	}
}

// A stream shows how running scripts use their grace, and ends with the door.
func TestStopWhileStreaming(t *testing.T) {
	d := openRespond(t, "{stream: true, on_disconnect: cancel}", PublicLimits)
	answers := d.begun(t, d.post(t, `{}`))
	d.intake.Stop()
	d.prints(42, runner.Stdout, "TERM came")
	within(t, "another look", d.waiting)
	d.update(func() { d.find(42).State = runner.Queued })
	within(t, "another look", d.waiting)
	d.door.Close(context.Background())
	if a := within(t, "the answer", answers); a.status != 200 || a.body != "TERM came\n[run 42: queued]" {
		t.Errorf("answered %+v", a)
	}
	if len(d.canceled) > 0 {
		t.Error("the run is canceled, and its sender has not left")
	}
}

func TestSenderLeaves(t *testing.T) {
	for _, how := range []string{"wait: 1h", "wait: 1h, output: true", "stream: true"} {
		for _, c := range []struct {
			setting  string
			canceled []int64
		}{{"", nil}, {", on_disconnect: continue", nil}, {", on_disconnect: cancel", []int64{42, 43}}} {
			t.Run(how+c.setting, func(t *testing.T) {
				d := openRespond(t, "{"+how+c.setting+"}", PublicLimits)
				ctx, leave := context.WithCancel(t.Context())
				go func() {
					resp, err := d.client.Do(d.post(t, `{"both":true}`).WithContext(ctx))
					if err == nil { // a stream begins at once
						_, _ = io.Copy(io.Discard, resp.Body)
						resp.Body.Close()
					}
				}()
				within(t, "waiting for news of the run", d.waiting)
				leave()
				within(t, "the end of the handler", d.ended)
				if fmt.Sprint(d.canceled) != fmt.Sprint(c.canceled) {
					t.Errorf("canceled are %v, want %v", d.canceled, c.canceled)
				}
				if log := d.log.String(); strings.Contains(log, "level=ERROR") {
					t.Errorf("a sender that leaves is an error: %s", log)
				}
			})
		}
	}
}

// A reader that takes nothing is not waited for beyond the door's limit. Its run
// goes on, even where one that hangs up ends it.
func TestSlowReader(t *testing.T) {
	const much = 64
	for _, respond := range []string{"{stream: true, on_disconnect: cancel}", "{wait: 1h, output: true, on_disconnect: cancel}"} {
		d := openRespond(t, respond, Limits{Write: 100 * time.Millisecond})
		c := dial(t, d.door.Address())
		fmt.Fprintf(c, "POST /hook HTTP/1.1\r\nHost: hooktender\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
		within(t, "waiting for news of the run", d.waiting)
		d.update(func() {
			for range much {
				d.print(42, runner.Stdout, strings.Repeat("x", 1<<20), 0)
			}
			if strings.Contains(respond, "wait") {
				d.end(42, runner.Succeeded, 0)
			}
		})
		within(t, "the end of the handler", d.ended)
		if len(d.canceled) > 0 {
			t.Errorf("%s: the run is canceled", respond)
		}
		if log := d.log.String(); strings.Contains(log, "level=ERROR") {
			t.Errorf("%s: a slow reader is an error: %s", respond, log)
		}
		// What was sent must not look complete.
		if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
			t.Error(err)
		} else if n, err := io.Copy(io.Discard, resp.Body); err == nil || n >= much<<20 {
			t.Errorf("%s: %d bytes came, and then %v", respond, n, err)
		}
	}
}

func TestTooManyWait(t *testing.T) {
	for _, respond := range []string{"{wait: 1h}", "{stream: true}"} {
		d := openRespond(t, respond, PublicLimits)
		for range maxWaiting {
			d.intake.waiting <- struct{}{}
		}
		if a := send(t, d.client, d.post(t, `{}`)); a.status != 202 || a.body != accepted42 {
			t.Errorf("%s: answered %+v", respond, a)
		}
		<-d.intake.waiting
		answers := d.begun(t, d.post(t, `{}`))
		d.ends(43, runner.Succeeded, 0)
		if a := within(t, "the answer", answers); a.status != 200 {
			t.Errorf("%s: with a free place answered %+v", respond, a)
		}
		within(t, "the end of the handler", d.ended)
		if within(t, "the end of the handler", d.ended); len(d.intake.waiting) != maxWaiting-1 {
			t.Errorf("%s: a place is not given back", respond)
		}
	}
}

// The event is on disk, so a sender is told so even if nothing else can be read.
func TestUnreadableRuns(t *testing.T) {
	d := openRespond(t, "{wait: 1h}", PublicLimits)
	answers := d.begun(t, d.post(t, `{}`))
	d.update(func() { d.fakeRuns.fail = errDisk })
	if a := within(t, "the answer", answers); a.status != 202 || a.body != accepted42 {
		t.Errorf("answered %+v", a)
	}
	if log := d.log.String(); !strings.Contains(log, errDisk.Error()) || !strings.Contains(log, "level=ERROR") {
		t.Errorf("the operator is not told: %s", log)
	}
}

// Half of the output must not look like all of it.
func TestDamagedOutputOfAWait(t *testing.T) {
	d := openRespond(t, "{wait: 1h, output: true}", PublicLimits)
	go func() {
		within(t, "waiting for news of the run", d.waiting)
		d.update(func() {
			d.print(42, runner.Stdout, "good", 0)
			d.print(42, runner.Stdout, "cut off", 0)
			d.chunks[1].Data = d.chunks[1].Data[:5]
			d.end(42, runner.Succeeded, 0)
		})
	}()
	resp, err := d.client.Do(d.post(t, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("got %q, and no error", body)
	}
	if log := d.log.String(); !strings.Contains(log, "is damaged") {
		t.Errorf("the operator is not told: %s", log)
	}
}

// HEAD is answered like POST, without a body.
func TestRespondToHead(t *testing.T) {
	for _, respond := range []string{"{wait: 1h}", "{wait: 1h, output: true}", "{stream: true, on_disconnect: cancel}"} {
		d := openRespond(t, respond, PublicLimits)
		r := d.post(t, "")
		r.Method, r.Body, r.ContentLength = http.MethodHead, nil, 0
		answers := d.begun(t, r)
		d.update(func() { d.print(42, runner.Stdout, "hello", 0); d.end(42, runner.Succeeded, 0) })
		if a := within(t, "the answer", answers); a.status != 200 || a.body != "" || a.header.Get("Hooktender-Run") != "42" {
			t.Errorf("%s: answered %+v", respond, a)
		}
	}
}
