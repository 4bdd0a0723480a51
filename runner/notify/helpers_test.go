package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// secretToken is the token of every place in the tests. It must never be seen
// where people look.
const secretToken = "t0ken-of-the-test_0123456789abcdef"

// hostile is what a stranger may put into a commit message or a log.
var hostile = strings.Join([]string{
	"@everyone @here <!channel> <!here|x> <@123> <@&5> @jane @room",
	"[x](javascript:alert(1)) [y](https://evil.example) <https://evil.example|bank> ![z](https://evil.example/a.png)",
	"``` *b* _i_ ~~s~~ ||sp|| `c` # h", "</b></pre><a href='https://evil.example'>bank</a> &amp; &lt;",
	"{{DATE(2017-02-14T06:00:00Z, SHORT)}} ${x} <at>jane</at>",
	"# head", "- item", "> quote", "1. one", "    code", "===",
	"\u202e gnp.exe \u2066\x00\x07\x1b[31mred\x1b[0m\x1b]8;;https://evil.example\x07link\x1b]8;;\x07\r\nlast \xff\xfe",
}, "\n")

// fakeLog is what runs printed, by run and attempt.
type fakeLog map[string]string

func (l fakeLog) Tail(_ context.Context, run int64, attempt, bytes int) ([]byte, error) {
	log, ok := l[fmt.Sprintf("%d/%d", run, attempt)]
	if !ok {
		return nil, errors.New("no such output")
	}
	return []byte(log[max(0, len(log)-bytes):]), nil
}

// A stage is a performer with one place, and what is told there.
type stage struct {
	performer *Performer
	run       *runner.Run
	output    bytes.Buffer
}

// newStage makes one of a configuration's notify section, whose place is "ops".
func newStage(t testing.TB, section string) *stage {
	t.Helper()
	t.Setenv("TOKEN", secretToken)
	path := filepath.Join(t.TempDir(), "hooktender.yaml")
	text := "server: {console_url: https://hooks.internal}\nnotify: {ops: {" + section + "}}\nhooks: {/a: {verify: none, rules: [{run: make}]}}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := rules.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	client := outbound.New("hooktender/test")
	t.Cleanup(client.Close)
	return &stage{
		performer: &Performer{Config: func() *rules.Config { return config }, Client: client, Log: fakeLog{"42/1": "building\nerror: no space\n"}},
		run:       failedDeploy(),
	}
}

// failedDeploy is a run that tells of a deploy that failed.
func failedDeploy() *runner.Run {
	started := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	finished := started.Add(83 * time.Second)
	code := 2
	return &runner.Run{
		ID: 43, Delivery: 17, Hook: "/github/website", Rule: "redeploy", Event: "push", QueuedAt: finished,
		Command: &rules.Command{Notification: &rules.Notification{
			To: "ops", Moment: rules.OnFailure,
			Commit: &rules.Commit{
				ID: "6113728f27ae82c7b1a177c8d03f9e96e0adf246", Message: "Fix the header\n\nIt was crooked.", Author: "Jane",
				URL: "https://github.com/octo-org/website/commit/6113728", Branch: "main", Repository: "octo-org/website",
			},
			Of: &rules.Outcome{Run: 42, Action: "run", State: "failed", Attempt: 1, ExitCode: &code, Error: "exit code 2", Started: &started, Finished: &finished},
		}},
	}
}

func (s *stage) notification() *rules.Notification { return s.run.Command.Notification }

// hostileEverywhere puts what strangers may say wherever they may say it.
func (s *stage) hostileEverywhere(times int) {
	text := strings.Repeat(hostile+"\n", times)
	n := s.notification()
	n.Message = rules.Plain(text)
	*n.Commit = rules.Commit{ID: text, Message: text, Author: text, Branch: text, Repository: text, URL: "https://example.com/)|>\"<script>" + "x"}
	n.Of.Error = text
	s.run.Hook, s.run.Rule, s.run.Event = text, text, text
	s.performer.Log = fakeLog{"42/1": text}
}

// perform makes one attempt. What is said of it and what went wrong must not
// hold a secret, even where nobody masks it later.
func (s *stage) perform(t testing.TB) error {
	t.Helper()
	config := s.performer.Config()
	err := s.performer.Perform(t.Context(), &runner.Job{
		Run: s.run, Output: &s.output,
		Reveal: func(text rules.Text) (string, error) {
			var b strings.Builder
			for _, p := range text {
				b.WriteString(p.Literal)
				if p.Ref != "" {
					secret, err := config.Set.Secret(p.Ref)
					if err != nil {
						return "", err
					}
					b.WriteString(secret.Reveal())
				}
			}
			return b.String(), nil
		},
	})
	for _, shown := range []string{s.output.String(), fmt.Sprint(err)} {
		if strings.Contains(shown, secretToken) {
			t.Errorf("shows the token: %s", shown)
		}
	}
	return err
}

// good fails the test if the message is not taken.
func (s *stage) good(t testing.TB) {
	t.Helper()
	if err := s.perform(t); err != nil {
		t.Fatalf("%v\n%s", err, s.output.String())
	}
}

// refused makes an attempt that must fail with something like want.
func (s *stage) refused(t testing.TB, want string) *runner.PerformError {
	t.Helper()
	err := s.perform(t)
	failed, ok := errors.AsType[*runner.PerformError](err)
	if !ok || !strings.Contains(err.Error(), want) {
		t.Fatalf("%v, want a PerformError with %q", err, want)
	}
	return failed
}
