package notify

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// composed is the message of a run, with a log and a console.
func composed(t *testing.T, change func(*stage)) *message {
	t.Helper()
	s := newStage(t, `webhook: "https://example.com"`)
	change(s)
	var output bytes.Buffer
	job := &runner.Job{Run: s.run, Output: &output, Reveal: func(text rules.Text) (string, error) { return text.String(), nil }}
	m, err := s.performer.compose(t.Context(), &sending{job: job, config: s.performer.Config()}, s.notification())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTitles(t *testing.T) {
	at := time.Date(2026, 5, 4, 1, 3, 24, 0, time.UTC) // two hours before the end
	long := strings.Repeat("word ", 40)
	for name, c := range map[string]struct {
		change func(*rules.Notification)
		want   string
		mood   mood
	}{
		"start":   {func(n *rules.Notification) { n.Moment = rules.OnStart }, "▶️ redeploy has begun", info},
		"success": {func(n *rules.Notification) { n.Moment = rules.OnSuccess }, "✅ redeploy succeeded", good},
		"failure": {func(*rules.Notification) {}, "❌ redeploy failed: exit code 2", bad},
		"long":    {func(n *rules.Notification) { n.Of.Error = long }, "❌ redeploy failed", bad},
		"timeout": {func(n *rules.Notification) {
			n.Moment, n.Of.Error = rules.OnTimeout, "took longer than its timeout of 10m0s"
		}, "⏱️ redeploy timed out: took longer than its timeout of 10m0s", bad},
		"timedout": {func(n *rules.Notification) { n.Of.State, n.Of.Error = "timed_out", "" }, "⏱️ redeploy timed out", bad},
		"recovery": {func(n *rules.Notification) { n.Moment, n.Of.FailingSince, n.Of.Failures = rules.OnRecovery, &at, 3 }, "🔁 redeploy works again after 2h0m (3 failures)", good},
		"once":     {func(n *rules.Notification) { n.Moment, n.Of.Failures = rules.OnRecovery, 1 }, "🔁 redeploy works again (1 failure)", good},
		"skipped":  {func(n *rules.Notification) { n.Moment, n.Of.Error = rules.OnSkipped, "" }, "⏭️ redeploy was skipped: its group was busy", info},
		"approval": {func(n *rules.Notification) { n.Moment, n.Of.Hold = rules.OnApproval, "approval" }, "⏳ redeploy waits for approval: hooktender runs approve 42", waiting},
		"loop": {func(n *rules.Notification) { n.Moment, n.Of.Hold = rules.OnApproval, "loop" },
			"⏳ redeploy waits for approval, being the last of many runs that each caused the next: hooktender runs approve 42", waiting},
		"http":       {func(n *rules.Notification) { n.Of.Action, n.Of.Error = "http", "" }, "❌ http of redeploy failed", bad},
		"tells":      {func(n *rules.Notification) { n.Moment, n.Of, n.Message = "", nil, rules.Plain("🔴 down: x\nmore") }, "🔴 down: x", info},
		"tells much": {func(n *rules.Notification) { n.Moment, n.Of, n.Message = "", nil, rules.Plain(long) }, "🔔 redeploy", info},
		"says none":  {func(n *rules.Notification) { n.Moment, n.Of = "", nil }, "🔔 redeploy", info},
	} {
		m := composed(t, func(s *stage) { c.change(s.notification()) })
		if m.title != c.want || m.mood != c.mood {
			t.Errorf("%s: %q, %v; want %q, %v", name, m.title, m.mood, c.want, c.mood)
		}
		switch {
		case name == "tells" && m.text != "more", name == "tells much" && m.text != strings.TrimSpace(long):
			t.Errorf("%s: says %q", name, m.text)
		case name == "long" && !strings.Contains(m.plain(), "Error: word word"):
			t.Errorf("%s: the error is nowhere: %s", name, m.plain())
		case name == "start" && m.log != "", name == "failure" && m.log == "":
			t.Errorf("%s: the log is %q", name, m.log)
		case strings.HasPrefix(name, "tells") && m.link != "https://hooks.internal/runs/43":
			t.Errorf("%s: %s", name, m.link)
		}
	}
}

// Only what is a page of the web is linked.
func TestCommitLink(t *testing.T) {
	for address, want := range map[string]string{
		"https://github.com/a/b/commit/1": "https://github.com/a/b/commit/1",
		"http://gitea.internal:3000/a":    "http://gitea.internal:3000/a",
		"javascript:alert(1)":             "",
		"data:text/html,x":                "",
		"//evil.example":                  "",
		"https:evil":                      "",
		"":                                "",
		"https://x.example/" + strings.Repeat("a", 500): "",
		"https://x.example/<b>\"":                       "https://x.example/%3Cb%3E%22",
	} {
		if got := webCommit(&rules.Commit{URL: address}).URL; got != want {
			t.Errorf("%q is linked as %q, want %q", address, got, want)
		}
	}
}

func TestTook(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1234 * time.Microsecond: "1ms", 2345 * time.Millisecond: "2.3s", 83 * time.Second: "1m23s",
		2*time.Hour + 5*time.Minute + 9*time.Second: "2h5m", 26 * time.Hour: "1d2h", 48 * time.Hour: "2d",
	} {
		if got := took(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}

// That the log cannot be read is no reason to tell nothing.
func TestNoLog(t *testing.T) {
	for _, log := range []Log{nil, fakeLog{}} {
		webhook := newStandIn(t, alwaysTaken, nothingSaid)
		s := newStage(t, `webhook: "`+webhook.URL+`"`)
		s.performer.Log = log
		s.good(t)
		if got := webhook.only(t)["log"]; got != "" {
			t.Errorf("%v", got)
		}
		if told := strings.Contains(s.output.String(), "cannot be read"); told != (log != nil) {
			t.Errorf("%s", s.output.String())
		}
	}
}

// A log of a megabyte is cut at its beginning: its end says what went wrong.
func TestLongLog(t *testing.T) {
	webhook := newStandIn(t, alwaysTaken, nothingSaid)
	s := newStage(t, `webhook: "`+webhook.URL+`"`)
	s.performer.Log = fakeLog{"42/1": strings.Repeat("\x1b[32mok\x1b[0m line of the log\n", 40_000) + "error: the end\n"}
	s.good(t)
	log := webhook.only(t)["log"].(string)
	if !strings.HasPrefix(log, "…\nok line of the log\n") || !strings.HasSuffix(log, "\nerror: the end") || runes(log) > webhookLog {
		t.Errorf("%d characters: %.40q … %.40q", runes(log), log, log[len(log)-40:])
	}
}

func TestMessageWithoutSecret(t *testing.T) {
	s := newStage(t, `webhook: "https://example.com"`)
	s.notification().Message = rules.Text{{Ref: "env:NO_SUCH_VARIABLE"}}
	if err := s.perform(t); err == nil || !strings.Contains(err.Error(), "message: ${env:NO_SUCH_VARIABLE}") {
		t.Errorf("%v", err)
	}
}

func TestNoSuchPlace(t *testing.T) {
	s := newStage(t, `webhook: "https://example.com"`)
	s.notification().To = "gone"
	if failed := s.refused(t, `notify has no "gone" any more`); !failed.Final {
		t.Errorf("%+v", failed)
	}
	s.run.Command = &rules.Command{}
	if err := s.perform(t); err == nil {
		t.Error("performed what is no notification")
	}
	var failed *runner.PerformError
	if !errors.As(s.perform(t), &failed) || !failed.Final {
		t.Error("would be tried again")
	}
}

// What could not be made of the event is sent to nobody, and not tried again.
func TestNothingToSend(t *testing.T) {
	s := newStage(t, `webhook: "https://example.com"`)
	s.notification().Error = `notify: address: "" is not one address`
	if failed := s.refused(t, `"" is not one address`); !failed.Final || s.output.Len() > 0 {
		t.Errorf("%+v, said %q", failed, s.output.String())
	}
}
