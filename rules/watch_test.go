package rules

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"gopkg.in/yaml.v3"
)

func watchOf(t *testing.T, settings string) *Watch {
	t.Helper()
	return load(t, "watch: {w: {"+settings+", rules: [{run: make}]}}").Set.Watches()[0]
}

// The times of a schedule are those of the clock on the wall: one that is jumped
// over is the moment of the jump, one that comes twice counts once.
func TestScheduleNext(t *testing.T) {
	for name, c := range map[string]struct {
		cron, zone, after string
		want              []string
	}{
		"each day":            {"0 3 * * *", "UTC", "2026-01-31T03:00:00Z", []string{"2026-02-01T03:00:00Z", "2026-02-02T03:00:00Z"}},
		"strictly behind":     {"*/15 * * * *", "UTC", "2026-01-31T03:14:59Z", []string{"2026-01-31T03:15:00Z", "2026-01-31T03:30:00Z"}},
		"a name":              {"@monthly", "UTC", "2026-01-31T03:00:00Z", []string{"2026-02-01T00:00:00Z"}},
		"either day":          {"0 0 13 * FRI", "UTC", "2026-01-31T00:00:00Z", []string{"2026-02-06T00:00:00Z", "2026-02-13T00:00:00Z", "2026-02-20T00:00:00Z"}},
		"the last day":        {"0 0 L * *", "UTC", "2026-01-31T00:00:00Z", []string{"2026-02-28T00:00:00Z"}},
		"Sunday is 7":         {"0 0 * * 7", "UTC", "2026-01-31T00:00:00Z", []string{"2026-02-01T00:00:00Z"}},
		"of a zone":           {"0 3 * * *", "Asia/Kolkata", "2026-01-31T00:00:00Z", []string{"2026-01-31T21:30:00Z"}},
		"of a leap day":       {"0 0 29 2 *", "UTC", "2097-01-01T00:00:00Z", []string{"2104-02-29T00:00:00Z"}},
		"jumped over":         {"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
		"jumped over, often":  {"10,40 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-29T01:00:00Z", "2026-03-30T00:10:00Z"}},
		"twice, so once":      {"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		"the second is none":  {"50 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", []string{"2026-10-26T01:50:00Z"}},
		"each hour goes on":   {"30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", []string{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"}},
		"each hour, jumped":   {"30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", []string{"2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"}},
		"midnight jumped":     {"0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00Z", []string{"2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"}},
		"half an hour, twice": {"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", []string{"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
	} {
		w := watchOf(t, fmt.Sprintf("schedule: {cron: %q, timezone: %s}", c.cron, c.zone))
		at, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if at = w.Schedule.Next(at); at.UTC().Format(time.RFC3339) != want {
				t.Errorf("%s: %s, want %s", name, at.UTC().Format(time.RFC3339), want)
			}
		}
	}
}

// No time is ever at or before the one that it is to be behind, whatever the clock
// does.
func TestScheduleGoesOn(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Tehran", "Pacific/Apia", "Africa/Casablanca"} {
		for _, cron := range []string{"*/7 * * * *", "*/20 0-4 * * *", "30 1 * * *", "0 0 1 * *", "59 23 * * 6", "0 12 L * *"} {
			w := watchOf(t, fmt.Sprintf("schedule: {cron: %q, timezone: %s}", cron, zone))
			at := time.Date(2010, 12, 1, 0, 0, 0, 0, time.UTC)
			for range 5000 {
				next := w.Schedule.Next(at)
				if !next.After(at) || next.Sub(at) > 32*24*time.Hour {
					t.Fatalf("%s in %s: behind %v comes %v", cron, zone, at, next)
				}
				at = next
			}
		}
	}
}

func TestCheckJudge(t *testing.T) {
	days := 20
	good := Look{Code: 200, Latency: 30 * time.Millisecond, Header: http.Header{"X-Version": {"7"}}, Body: []byte("Welcome"), CertificateDays: &days}
	for _, c := range []struct{ settings, want string }{
		{``, ""},
		{`expect: 'code == 200 && latency_ms < 31 && headers["x-version"] == "7"'`, ""},
		{`expect: certificate_days > 20`, "answered 200 after 30 ms, and not as expected: certificate_days > 20"},
		{`expect: 'body contains "Goodbye"'`, `answered 200 after 30 ms, and not as expected: body contains "Goodbye"`},
		{`match: "(?i)^wel"`, ""},
		{`match: "^wel"`, `answered 200, but the body does not match "^wel"`},
		{`expect: 'headers["X-None"] startsWith "7"'`, `answered 200, and the check's expect cannot be decided: headers["X-None"] startsWith "7": headers.X-None is missing, and startsWith needs a text; (headers.X-None ?? "") stands for an empty one`},
	} {
		check := &SiteCheck{}
		if c.settings != "" {
			check = watchOf(t, "check: {urls: [https://example.com], "+c.settings+"}").Check
		}
		if got := check.Judge(&good); got != c.want {
			t.Errorf("%s: %q, want %q", c.settings, got, c.want)
		}
	}
	bad := Look{Code: 418, Header: http.Header{}}
	if got := (&SiteCheck{}).Judge(&bad); got != "answered 418 I'm a teapot" {
		t.Error(got)
	}
}

func TestPollReads(t *testing.T) {
	w := watchOf(t, `poll: {url: "https://example.com", items: "filter(feed.entry, .kind != 'x')", id: "{{ id }}-{{ rev }}"}`)
	items := func(media, body string) string {
		list, err := w.Poll.Items(&Event{Body: []byte(body), Type: media})
		if err != nil {
			return "error: " + err.Error()
		}
		text := ""
		for _, item := range list {
			text += item.ID + " " + string(item.Body) + ";"
		}
		return text
	}
	for _, c := range []struct{ media, body, want string }{
		{"", `{"feed":{"entry":[{"id":9007199254740993,"rev":1,"kind":"a<b"},{"id":2,"kind":"x"}]}}`, `9007199254740993-1 {"id":9007199254740993,"kind":"a<b","rev":1};`},
		{"application/xml", `<feed><entry><id>a</id><rev>1</rev></entry><entry><id>b</id><rev>2</rev></entry></feed>`, `a-1 {"id":"a","rev":"1"};b-2 {"id":"b","rev":"2"};`},
		{"", `{"feed":{"entry":[]}}`, ""},
		{"", `[`, "error"},
		{"", `{"feed":{"entry":5}}`, "error"},
		{"application/xml", `<feed`, "error"},
	} {
		if got := items(c.media, c.body); got != c.want && (c.want != "error" || !strings.HasPrefix(got, "error: ")) {
			t.Errorf("%s: %s, want %s", c.body, got, c.want)
		}
	}
	many := `{"feed":{"entry":[` + strings.TrimSuffix(strings.Repeat(`{"id":1},`, maxItems+1), ",") + `]}}`
	if got := items("", many); !strings.Contains(got, "has 10001 elements, and at most 10000 are looked at") {
		t.Errorf("%.200s", got)
	}
	for header, want := range map[string]string{
		"": "application/json", "text/html": "application/json", "application/rss+xml; charset=UTF-8": "application/rss+xml; charset=UTF-8", "text/xml": "text/xml",
	} {
		if got := w.Poll.Type(http.Header{"Content-Type": {header}}); got != want {
			t.Errorf("%q is read as %q", header, got)
		}
	}
}

// A URL is shown without what may be secret, and neither is it in what identifies
// it.
func TestTargetIsShownWithoutSecrets(t *testing.T) {
	t.Setenv("TOKEN", secretValue)
	for url, want := range map[string]string{
		"https://user:pass@example.com/a?key=${env:TOKEN}#x": "https://example.com/a",
		"https://example.com/hooks/${env:TOKEN}/x":           "https://example.com/hooks/<secret>/x",
		"http://${env:TOKEN}:8080/":                          "http://<secret>:8080/",
		"http://[::1]:8080":                                  "http://[::1]:8080",
	} {
		w := watchOf(t, fmt.Sprintf("poll: {url: %q}", url))
		got := w.Poll.Shown
		if unescaped := strings.NewReplacer("%3C", "<", "%3E", ">").Replace(got); unescaped != want {
			t.Errorf("%s is shown as %s, want %s", url, got, want)
		}
		shown, err := json.Marshal(w.Poll.Target)
		if all := fmt.Sprintf("%v %+v %s %v", w.Poll.Target, w.Poll.Target, shown, w.Poll.Identity()); err != nil || strings.Contains(all, secretValue) || strings.Contains(all, "pass@") {
			t.Errorf("%s: %s, %v", url, all, err)
		}
	}
}

// A watch is found by its own name alone, and no hook is found by that.
func TestWatchIsNoHook(t *testing.T) {
	set := load(t, `
hooks:
  /:a/:b: {verify: none, rules: [{run: make}]}
watch:
  x: {schedule: "@daily", rules: [{name: r, run: make}]}
  a: {check: {urls: [https://example.com]}, rules: [{run: make}]}
`).Set
	for path, want := range map[string]string{"watch/x": "watch/x", "/watch/x": "/:a/:b", "watch/y": "", "watch/": "", "x": "", "": ""} {
		got := ""
		if h, _ := set.Match(path); h != nil {
			got = h.Path
		}
		if got != want {
			t.Errorf("%q is answered by %q, want %q", path, got, want)
		}
	}
	var names []string
	for _, h := range set.All() {
		names = append(names, h.Path)
	}
	if len(set.Hooks()) != 1 || !slices.Equal(names, []string{"/:a/:b", "watch/a", "watch/x"}) || set.Hook("watch/a").IsWatch() != true || set.Hook("/:a/:b").IsWatch() {
		t.Errorf("%v, %v", set.Hooks(), names)
	}
	// Its deliveries are explained as those of a hook.
	w := set.Watches()[1]
	e := &Event{ID: "1", At: time.Now(), Body: []byte(`{"time":"now"}`)}
	r := w.Request(e)
	decisions, actions, err := w.Evaluate(r)
	if err != nil || len(actions) != 1 || r.Event != "schedule" || r.Dedupe.Key != "schedule 1" || r.Dedupe.Within != 30*24*time.Hour {
		t.Errorf("%v, %v, %v, %+v", decisions, actions, err, r.Dedupe)
	}
	d := &Delivery{Hook: w.Path, Path: w.Path, Event: r.Event, EventID: r.ID, Size: int64(len(e.Body)), Decisions: decisions, Definition: w.Definition(), Header: r.Header}
	if explained, err := Explain(d, e.Body); err != nil || len(explained) != 1 || explained[0].Trace == nil {
		t.Errorf("%+v, %v", explained, err)
	}
}

// A URL that is all a reference is no mistake on a machine that has not got it.
func TestWatchElsewhere(t *testing.T) {
	dir := writeFiles(t, map[string]string{"a.yaml": `
watch:
  a: {poll: {url: "${env:NO_SUCH_VARIABLE}"}, rules: [{run: make}]}
  b: {check: {urls: ["${env:NO_SUCH_VARIABLE}", "https://example.com/?k=${env:NO_SUCH_VARIABLE}"], headers: {X: "${env:NO_SUCH_VARIABLE}"}}, rules: [{run: make}]}
`})
	if _, err := LoadToExplain(dir); err != nil {
		t.Error(err)
	}
}

// Whatever stands there for a time, it is refused or goes on for ever.
func FuzzSchedule(f *testing.F) {
	for _, text := range []string{"0 3 * * *", "*/15 * * * *", "@daily", "0 0 L * FRI#2", "5-1 22-2 15W 1-3 7", "0 0 29 2 *", "? ? ? ? ?", "H H * * *"} {
		f.Add(text)
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := &decoder{}
		s := &Schedule{Zone: zone}
		s.readCron(node{Node: &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}, d: d, file: &source{path: "a.yaml"}})
		if len(d.problems) > 0 {
			return
		}
		at := time.Date(2026, 3, 28, 0, 0, 0, 0, zone)
		for range 20 {
			next := s.Next(at)
			if next.IsZero() {
				return
			}
			if !next.After(at) {
				t.Fatalf("%q: behind %v comes %v", text, at, next)
			}
			at = next
		}
	})
}

// Whatever a URL answers, each item has an id, and is JSON again.
func FuzzPollItems(f *testing.F) {
	for _, body := range []string{`[{"id":1},{"id":"a"}]`, `[1,null,[]]`, `[{"id":9007199254740993.10}]`, `{}`, `[{"id":"\ud800"}]`, "[{\"id\":\"\x00\"}]"} {
		f.Add([]byte(body), false)
	}
	f.Add([]byte(`<a><id>1</id></a>`), true)
	dir := f.TempDir()
	path := filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(path, []byte(`watch: {w: {poll: {url: "https://example.com", items: payload, id: "{{ string(payload) }}"}, rules: [{run: make}]}}`), 0o600); err != nil {
		f.Fatal(err)
	}
	config, err := Load(path)
	if err != nil {
		f.Fatal(err)
	}
	poll := config.Set.Watches()[0].Poll
	f.Fuzz(func(t *testing.T, body []byte, isXML bool) {
		e := &Event{Body: body}
		if isXML {
			e.Type = "application/xml"
		}
		items, err := poll.Items(e)
		for _, item := range items {
			if item.ID == "" || !json.Valid(item.Body) {
				t.Errorf("%q: item %q is %q", body, item.ID, item.Body)
			}
		}
		if err != nil && len(items) > 0 {
			t.Errorf("%q: items and %v", body, err)
		}
	})
}
