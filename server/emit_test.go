package server

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

const watchYAML = `
hooks:
  /a/:b: {verify: none, rules: [{run: make}]}
watch:
  web:
    check: {urls: [https://example.com]}
    rules:
      - {name: down, when: changed && !up, run: [echo, "{{ url }}"]}
`

// An event of a watch goes the way of a webhook, and is kept as one.
func TestEmit(t *testing.T) {
	at := time.Now().Add(-time.Minute).Round(0)
	for name, c := range map[string]struct {
		body               string
		routine            bool
		accepted, recorded int
		verdict            rules.Verdict
	}{
		"fires":                {`{"changed":true,"up":false,"url":"u"}`, false, 1, 0, rules.Accepted},
		"fires as routine":     {`{"changed":true,"up":false,"url":"u"}`, true, 1, 0, rules.Accepted},
		"fires nothing":        {`{"changed":true,"up":true,"url":"u"}`, false, 0, 1, rules.Ignored},
		"nothing, as routine":  {`{"changed":false,"up":true,"url":"u"}`, true, 0, 0, ""},
		"cannot be decided":    {`{"changed":"x","up":true,"url":"u"}`, false, 0, 1, rules.Errored},
		"undecided routine":    {`{"changed":"x","up":true,"url":"u"}`, true, 0, 0, ""},
		"cannot be read":       {`{`, false, 0, 1, rules.Rejected},
		"cannot, and routine":  {`{`, true, 0, 0, ""},
		"is not what it seems": {`[]`, false, 0, 1, rules.Errored},
	} {
		d := openPublic(t, watchYAML)
		w := load(t, watchYAML).Set.Watches()[0]
		if err := d.intake.Emit(t.Context(), w, &rules.Event{ID: "1", At: at, Body: []byte(c.body), Routine: c.routine}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		recorded, accepted, enqueued := d.take()
		if len(accepted) != c.accepted || len(recorded) != c.recorded || len(enqueued) != c.accepted {
			t.Errorf("%s: %d accepted, %d recorded, %d enqueued", name, len(accepted), len(recorded), len(enqueued))
			continue
		}
		for _, got := range append(recorded, accepted...) {
			if got.Verdict != c.verdict || got.Hook != "watch/web" || got.Path != "watch/web" || got.Event != "check" || got.EventID != "1" ||
				got.Method != "" || got.RemoteIP != "" || !got.ReceivedAt.Equal(at) || string(got.Body) != c.body {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
}

// What cannot be taken now is not lost: whoever tells it is told so.
func TestEmitThatIsNotTaken(t *testing.T) {
	d := openPublic(t, watchYAML)
	w := load(t, watchYAML).Set.Watches()[0]
	emit := func() error {
		return d.intake.Emit(t.Context(), w, &rules.Event{ID: "1", At: time.Now(), Body: []byte(`{"changed":true,"up":false}`)})
	}
	d.full = true
	if err := emit(); err == nil {
		t.Error("the queue is full, and it was taken")
	}
	d.full, d.fail = false, errors.New("the disk is full")
	if err := emit(); err == nil {
		t.Error("the disk is full, and it was taken")
	}
	d.fail = nil
	if err := emit(); err != nil {
		t.Error(err)
	}
	d.intake.Stop()
	if err := emit(); err == nil {
		t.Error("the server ends, and it was taken")
	}
}

// No request reaches a watch, whatever its path is spelled as.
func TestNoRequestReachesAWatch(t *testing.T) {
	d := openPublic(t, strings.Replace(watchYAML, "  /a/:b:", "  /a:", 1))
	for _, path := range []string{"/watch/web", "//watch/web", "/./watch/web", "/watch%2fweb", "/a/../watch/web", "/%77atch/web"} {
		resp, err := d.server.Client().Post(d.server.URL+path, "application/json", strings.NewReader(`{"changed":true,"up":false}`))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s is answered %d", path, resp.StatusCode)
		}
	}
}
