package server

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hooktender/hooktender/runner"
)

// A streamed answer is read while it comes.
type streamed struct {
	t    *testing.T
	resp *http.Response
	data chan string // closed at the end
	rest string      // that came and was not asked for yet
}

func (d *respondDoor) stream(t *testing.T, body string, headers ...string) *streamed {
	t.Helper()
	resp, err := d.client.Do(d.post(t, body, headers...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	s := &streamed{t: t, resp: resp, data: make(chan string, 1000)}
	go func() {
		defer close(s.data)
		for {
			b := make([]byte, 64<<10)
			n, err := resp.Body.Read(b)
			s.data <- string(b[:n])
			if err != nil {
				return
			}
		}
	}()
	return s
}

// expect wants the text to come next.
func (s *streamed) expect(want string) {
	s.t.Helper()
	for len(s.rest) < len(want) {
		select {
		case more, ok := <-s.data:
			if s.rest += more; !ok {
				s.t.Fatalf("ends with %q, want %q", s.rest, want)
			}
		case <-time.After(patience):
			s.t.Fatalf("only %q comes, want %q", s.rest, want)
		}
	}
	if !strings.HasPrefix(s.rest, want) {
		s.t.Fatalf("got %q, want %q", s.rest, want)
	}
	s.rest = s.rest[len(want):]
}

// expectEnd wants nothing more but the trailer.
func (s *streamed) expectEnd(states string) {
	s.t.Helper()
	for more := range s.data {
		s.rest += more
	}
	if s.rest != "" {
		s.t.Errorf("more comes: %q", s.rest)
	}
	if got := s.resp.Trailer.Get("Hooktender-State"); got != states {
		s.t.Errorf("the trailer says %q, want %q", got, states)
	}
}

func TestStream(t *testing.T) {
	d := openRespond(t, "{stream: true}", PublicLimits)
	s := d.stream(t, `{}`) // returns when the header has come, with the run still queued
	h := s.resp.Header
	if s.resp.StatusCode != 200 || h.Get("Content-Type") != "text/plain; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("answered %d %v", s.resp.StatusCode, h)
	}
	if h.Get("Hooktender-Delivery") != "17" || h.Get("Hooktender-Run") != "42" || h.Get("X-Accel-Buffering") != "no" {
		t.Errorf("headers are %v", h)
	}
	d.prints(42, runner.Stdout, "one\n")
	s.expect("one\n")
	d.prints(42, runner.Stderr, "\xff\x00<b>")
	s.expect("\xff\x00<b>")
	d.update(func() { d.find(42).Attempt = 2; d.print(42, runner.Stdout, "again", 0); d.print(42, runner.Gap, "", 7) })
	s.expect("again\n[… 7 bytes left out …]\n")
	d.update(func() { d.print(42, runner.Stdout, "end", 0); d.end(42, runner.Failed, 1) })
	s.expect("end\n[run 42: failed]\n")
	s.expectEnd("failed")
}

func TestStreamOfSilence(t *testing.T) {
	d := openRespond(t, "{stream: true}", PublicLimits)
	s := d.stream(t, `{}`)
	d.ends(42, runner.Succeeded, 0)
	s.expect("[run 42: succeeded]\n")
	s.expectEnd("succeeded")
}

// The output of several runs comes as it is printed, and says whose it is.
func TestStreamOfTwoRuns(t *testing.T) {
	d := openRespond(t, "{stream: true}", PublicLimits)
	s := d.stream(t, `{"both":true}`)
	d.prints(43, runner.Stdout, "a")
	s.expect("[run 43]\na")
	d.prints(43, runner.Stdout, "b\n")
	s.expect("b\n")
	d.prints(42, runner.Stdout, "c")
	s.expect("[run 42]\nc")
	d.ends(43, runner.Succeeded, 0)
	s.expect("\n[run 43: succeeded]\n")
	d.prints(42, runner.Stdout, "d\n")
	s.expect("[run 42]\nd\n")
	d.ends(42, runner.Canceled, -1)
	s.expect("[run 42: canceled]\n")
	s.expectEnd("canceled, succeeded")
}

func TestStreamOfWhatCannotBeRead(t *testing.T) {
	d := openRespond(t, "{stream: true, on_disconnect: cancel}", PublicLimits)
	s := d.stream(t, `{}`)
	d.update(func() { d.fakeRuns.fail = errDisk })
	s.expect("[run 42: unknown]\n")
	s.expectEnd("unknown")
	if log := d.log.String(); !strings.Contains(log, errDisk.Error()) {
		t.Errorf("the operator is not told: %s", log)
	}
	if within(t, "the end of the handler", d.ended); len(d.canceled) > 0 {
		t.Error("the run is canceled")
	}
}

// A sentEvent is one server-sent event, read as a browser does.
type sentEvent struct{ name, data string }

func readEvents(t *testing.T, r io.Reader) []sentEvent {
	t.Helper()
	var list []sentEvent
	var e sentEvent
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if e.data != "" {
				list = append(list, e)
			}
			e = sentEvent{}
		case field == "event":
			e.name = value
		case field == "data":
			e.data += value + "\n"
		case field == "":
			list = append(list, sentEvent{"comment", value})
		default:
			t.Errorf("an odd line: %q", lines.Text())
		}
	}
	return list
}

func TestStreamOfEvents(t *testing.T) {
	for _, accept := range []string{"text/event-stream", "text/html, text/event-stream;q=0.9"} {
		d := openRespond(t, "{stream: true}", PublicLimits)
		s := d.stream(t, `{"both":true}`, "Accept", accept)
		if kind := s.resp.Header.Get("Content-Type"); kind != "text/event-stream" {
			t.Errorf("%s: answered %s", accept, kind)
		}
		d.update(func() {
			d.print(42, runner.Stdout, "one\ntwo\r\n\n: three", 0)
			d.print(42, runner.Stderr, "\xff\x00", 0)
			d.print(42, runner.Gap, "", 1<<40)
			d.end(42, runner.Succeeded, 0)
		})
		s.expect("event: ")
		first := "event: " + s.upTo(`"end"`, `"exit_code":0}`)
		d.ends(43, runner.TimedOut, -1)
		var all strings.Builder
		all.WriteString(first + s.rest)
		for more := range s.data {
			all.WriteString(more)
		}
		want := []sentEvent{
			{"output", `{"run":42,"stream":"stdout","data":"one\ntwo\r\n\n: three"}`},
			{"output", `{"run":42,"stream":"stderr","base64":"` + base64.StdEncoding.EncodeToString([]byte("\xff\x00")) + `"}`},
			{"output", `{"run":42,"stream":"gap","omitted":1099511627776}`},
			{"end", `{"run":42,"state":"succeeded","exit_code":0}`},
			{"end", `{"run":43,"state":"timed_out","exit_code":null}`},
		}
		got := readEvents(t, strings.NewReader(all.String()))
		if len(got) != len(want) {
			t.Fatalf("%s: got %q", accept, got)
		}
		for i := range want {
			if got[i].name != want[i].name || got[i].data != want[i].data+"\n" || !json.Valid([]byte(got[i].data)) {
				t.Errorf("%s: got %q, want %q", accept, got[i], want[i])
			}
		}
		if state := s.resp.Trailer.Get("Hooktender-State"); state != "succeeded, timed_out" {
			t.Errorf("the trailer says %q", state)
		}
	}
}

// upTo reads until one of the texts has come, and returns what came.
func (s *streamed) upTo(texts ...string) string {
	s.t.Helper()
	for {
		for _, text := range texts {
			if i := strings.Index(s.rest, text); i >= 0 {
				came := s.rest[:i+len(text)]
				s.rest = s.rest[len(came):]
				return came
			}
		}
		more, ok := <-s.data
		if s.rest += more; !ok {
			s.t.Fatalf("ends with %q", s.rest)
		}
	}
}

// Events that are far apart have comments between them; text has nothing that
// would not be output.
func TestKeepAlive(t *testing.T) {
	config := load(t, respondYAML("{stream: true}"))
	for _, c := range []struct{ accept, want string }{
		{"text/event-stream", strings.Repeat(": still here\n\n", 2) + "event: end\ndata: {\"run\":42,\"state\":\"succeeded\",\"exit_code\":0}\n\n"},
		{"*/*", "[run 42: succeeded]\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			log, _ := newLog()
			fake := newFakeIntake(t)
			in := NewIntake(fake, fake, log)
			in.Use(config)
			w, r := newRecorder(), newServerRequest("POST", "/hook", "{}")
			r.Header.Set("Accept", c.accept)
			go func() {
				time.Sleep(2*keepAliveEvery + time.Second)
				fake.ends(42, runner.Succeeded, 0)
			}()
			in.ServeHTTP(w, r)
			if got := w.Body.String(); got != c.want {
				t.Errorf("%s: got %q, want %q", c.accept, got, c.want)
			}
		})
	}
}

// The answer comes after the time that the hook says, and not before.
func TestWaitIsAsLongAsItSays(t *testing.T) {
	config := load(t, respondYAML("{wait: 30s}"))
	synctest.Test(t, func(t *testing.T) {
		log, _ := newLog()
		fake := newFakeIntake(t)
		in := NewIntake(fake, fake, log)
		in.Use(config)
		w, begun := newRecorder(), time.Now()
		in.ServeHTTP(w, newServerRequest("POST", "/hook", "{}"))
		if took := time.Since(begun); w.Code != 202 || took != 30*time.Second {
			t.Errorf("answered %d after %v", w.Code, took)
		}
	})
}
