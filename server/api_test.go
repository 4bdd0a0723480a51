package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// fakeRuns is a store that holds what the test puts in, and a runner that does
// what the test says.
type fakeRuns struct {
	mu         sync.Mutex
	deliveries []*rules.Delivery
	bodies     map[int64][]byte
	runs       []*runner.Run
	chunks     []runner.Chunk
	fail       error

	deliveryFilter rules.DeliveryFilter
	runFilter      runner.RunFilter
	canceled       []int64
	reads          int

	change    chan struct{} // closed by changed
	waiting   chan struct{} // gets one for each look at Changed
	canceling chan int64    // gets the id of each run that is canceled; may be nil
}

var (
	_ APIStore  = (*fakeRuns)(nil)
	_ APIRunner = (*fakeRuns)(nil)
)

type missingError string

func (m missingError) Error() string { return "no " + string(m) }
func (missingError) Unwrap() error   { return fs.ErrNotExist }

func (f *fakeRuns) Deliveries(_ context.Context, filter rules.DeliveryFilter) ([]*rules.Delivery, error) {
	f.deliveryFilter = filter
	return f.deliveries, f.fail
}

func (f *fakeRuns) Delivery(_ context.Context, id int64) (*rules.Delivery, error) {
	for _, d := range f.deliveries {
		if d.ID == id {
			return d, f.fail
		}
	}
	return nil, missingError(fmt.Sprintf("delivery %d", id))
}

func (f *fakeRuns) Body(_ context.Context, id int64) ([]byte, error) {
	if b, ok := f.bodies[id]; ok {
		return b, f.fail
	}
	return nil, missingError(fmt.Sprintf("delivery %d", id))
}

func (f *fakeRuns) Runs(_ context.Context, filter runner.RunFilter) ([]*runner.Run, error) {
	f.runFilter = filter
	return f.runs, f.fail
}

func (f *fakeRuns) RunsOf(_ context.Context, ids []int64) (map[int64][]*runner.Run, error) {
	m := map[int64][]*runner.Run{}
	for _, r := range f.runs {
		if slices.Contains(ids, r.Delivery) {
			m[r.Delivery] = append(m[r.Delivery], r)
		}
	}
	return m, f.fail
}

func (f *fakeRuns) Run(_ context.Context, id int64) (*runner.Run, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.runs {
		if r.ID == id {
			c := *r
			return &c, f.fail
		}
	}
	return nil, missingError(fmt.Sprintf("run %d", id))
}

func (f *fakeRuns) Output(ctx context.Context, run int64, attempt, after, limit int) ([]runner.Chunk, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reads++; f.fail != nil || limit < 1 || ctx.Err() != nil {
		return nil, cmpError(f.fail, ctx.Err())
	}
	var list []runner.Chunk
	for _, c := range f.chunks {
		if c.Run == run && c.Attempt == attempt && c.Seq > after && len(list) < min(limit, 2) {
			list = append(list, c)
		}
	}
	return list, nil
}

func cmpError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("asked without a limit")
}

func (f *fakeRuns) Approve(context.Context, int64, *runner.AuditEntry) error { return f.fail }
func (f *fakeRuns) Reject(context.Context, int64, *runner.AuditEntry) error  { return f.fail }
func (*fakeRuns) Reserve([]*runner.Run) func()                               { return func() {} }
func (f *fakeRuns) Enqueue(...*runner.Run)                                   {}
func (f *fakeRuns) Displace(runner.Displaced)                                {}

func (f *fakeRuns) Rerun(context.Context, *runner.Run, *runner.AuditEntry) (runner.Displaced, error) {
	return runner.Displaced{}, f.fail
}
func (f *fakeRuns) Note(context.Context, *runner.AuditEntry) error { return f.fail }
func (f *fakeRuns) Audit(context.Context, int) ([]runner.AuditEntry, error) {
	return nil, f.fail
}
func (f *fakeRuns) AuditOfRun(context.Context, int64) ([]runner.AuditEntry, error) {
	return nil, f.fail
}
func (f *fakeRuns) AuditOfDelivery(context.Context, int64) ([]runner.AuditEntry, error) {
	return nil, f.fail
}
func (f *fakeRuns) OpenRuns(context.Context) (map[string]map[runner.State]int, error) {
	return nil, f.fail
}

func (f *fakeRuns) Ping(context.Context) error { return f.fail }

func (f *fakeRuns) Cancel(_ context.Context, id int64, _ *runner.AuditEntry) error {
	r, err := f.Run(context.Background(), id)
	if err != nil {
		return fmt.Errorf("cancel run %d: %w", id, err)
	}
	if r.State.Ended() {
		return fmt.Errorf("cancel run %d: %w; it is %s", id, runner.ErrNotActive, r.State)
	}
	f.canceled = append(f.canceled, id)
	select {
	case f.canceling <- id:
	default:
	}
	return nil
}

func (f *fakeRuns) Changed(int64) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.change == nil {
		f.change = make(chan struct{})
	}
	f.waiting <- struct{}{}
	return f.change
}

// begin keeps a run as it is now.
func (f *fakeRuns) begin(r *runner.Run) {
	c := *r
	f.update(func() { f.runs = append(f.runs, &c) })
}

// update changes what is stored, and tells who waits.
func (f *fakeRuns) update(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	if f.change != nil {
		close(f.change)
		f.change = nil
	}
}

var (
	elsewhere = time.FixedZone("elsewhere", 2*60*60)
	atNoon    = time.Date(2026, 3, 1, 14, 0, 0, 123456000, elsewhere)
	exitOne   = 1
	later     = atNoon.Add(time.Minute)
)

func someRuns() *fakeRuns {
	return &fakeRuns{
		waiting: make(chan struct{}, 100),
		bodies:  map[int64][]byte{17: []byte("<html><script>alert(1)</script>")},
		deliveries: []*rules.Delivery{
			{
				ID: 17, Hook: "/github", ReceivedAt: atNoon, RemoteIP: "192.0.2.7", Method: "POST", Path: "/github?a=1", Event: "push", EventID: "e1",
				Verdict: rules.Accepted, Decisions: []rules.Decision{{Rule: "redeploy", Matched: true}, {Rule: "typo", Error: "when: broken"}},
				Header: http.Header{"X-A": {"b"}}, Size: 3, Body: []byte("not for a listing"),
			},
			{ID: 16, Hook: "/none", ReceivedAt: atNoon, Verdict: rules.Rejected, Reason: "no X-Hub-Signature-256 header"},
		},
		runs: []*runner.Run{
			{
				ID: 42, Delivery: 17, Hook: "/github", Rule: "redeploy", Action: "run", State: runner.Failed, Attempt: 2, ExitCode: &exitOne,
				Error: "exit code 1", QueuedAt: atNoon, StartedAt: &atNoon, FinishedAt: &later, Process: "not for anyone", Event: "push",
			},
			{ID: 43, Delivery: 17, Hook: "/github", Rule: "also", Action: "run", State: runner.Queued, QueuedAt: atNoon},
		},
	}
}

// privateDoor is an API behind a real socket.
type privateDoor struct {
	*fakeRuns
	server *httptest.Server
}

func openPrivate(t *testing.T, fake *fakeRuns, reload func() (string, error)) *privateDoor {
	t.Helper()
	p := &privateDoor{fakeRuns: fake, server: httptest.NewServer(NewAPI(APIConfig{Store: fake, Runner: fake, Reload: reload}))}
	t.Cleanup(p.server.Close)
	p.server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return p
}

func (p *privateDoor) ask(t *testing.T, method, path string) answered {
	t.Helper()
	r, err := http.NewRequest(method, p.server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, p.server.Client(), r)
}

const (
	delivery17 = `{"id":17,"hook":"/github","received_at":"2026-03-01T12:00:00.123456Z","remote_ip":"192.0.2.7","method":"POST",` +
		`"path":"/github?a=1","event":"push","event_id":"e1","verdict":"accepted","reason":"",` +
		`"rules":[{"rule":"redeploy","matched":true,"error":""},{"rule":"typo","matched":false,"error":"when: broken"}],` +
		`"headers":{"X-A":["b"]},"size":3,"runs":[{"id":42,"rule":"redeploy","action":"run","state":"failed","attempt":2},` +
		`{"id":43,"rule":"also","action":"run","state":"queued","attempt":0}],"counts":{"runs":2,"attempts":2,"succeeded":0,"failed":1,"open":1}}`
	delivery16 = `{"id":16,"hook":"/none","received_at":"2026-03-01T12:00:00.123456Z","remote_ip":"","method":"","path":"","event":"","event_id":"",` +
		`"verdict":"rejected","reason":"no X-Hub-Signature-256 header","rules":[],"size":0,"runs":[],"counts":{"runs":0,"attempts":0,"succeeded":0,"failed":0,"open":0}}`
	run42 = `{"id":42,"delivery":17,"hook":"/github","rule":"redeploy","action":"run","state":"failed","attempt":2,"exit_code":1,"signal":"",` +
		`"error":"exit code 1","queued_at":"2026-03-01T12:00:00.123456Z","started_at":"2026-03-01T12:00:00.123456Z","finished_at":"2026-03-01T12:01:00.123456Z"}`
	run43 = `{"id":43,"delivery":17,"hook":"/github","rule":"also","action":"run","state":"queued","attempt":0,"exit_code":null,"signal":"",` +
		`"error":"","queued_at":"2026-03-01T12:00:00.123456Z","started_at":null,"finished_at":null}`
)

// Each state counts as succeeded, failed, open, or as none of them.
func TestCounts(t *testing.T) {
	var got counts
	for i, state := range runner.States {
		got.add(&runner.Run{State: state, Attempt: i % 3})
	}
	if want := (counts{Runs: 9, Attempts: 9, Succeeded: 1, Failed: 2, Open: 3}); got != want || len(runner.States) != 9 {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestAPIShapes(t *testing.T) {
	p := openPrivate(t, someRuns(), nil)
	for path, want := range map[string]string{
		"/api/deliveries":    "[" + delivery17 + "," + delivery16 + "]",
		"/api/deliveries/17": strings.TrimSuffix(delivery17, "}") + `,"untraced":"the rules of then are not kept"}`,
		"/api/runs":          "[" + run42 + "," + run43 + "]",
		"/api/runs/42":       run42,
	} {
		if a := p.ask(t, "GET", path); a.status != 200 || a.body != want {
			t.Errorf("%s: %d\n%s, want\n%s", path, a.status, a.body, want)
		}
	}
	if p.runs[0].QueuedAt.Location() != elsewhere || *p.runs[0].StartedAt != atNoon {
		t.Error("showing a run changed it")
	}
	p = openPrivate(t, &fakeRuns{}, nil)
	for _, path := range []string{"/api/deliveries", "/api/runs"} {
		if a := p.ask(t, "GET", path); a.status != 200 || a.body != "[]" {
			t.Errorf("%s, with nothing there: %+v", path, a)
		}
	}
}

func TestAPIFilters(t *testing.T) {
	p := openPrivate(t, someRuns(), nil)
	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p.ask(t, "GET", "/api/deliveries?hook=/github&verdict=error,rejected,error&since=2026-03-01T12:00:00Z&limit=7")
	if want := (rules.DeliveryFilter{Hook: "/github", Verdicts: []rules.Verdict{"error", "rejected"}, Since: since, Limit: 7}); !reflect.DeepEqual(p.deliveryFilter, want) {
		t.Errorf("asked for %+v, want %+v", p.deliveryFilter, want)
	}
	// A state named twice listed its runs twice.
	p.ask(t, "GET", "/api/runs?hook=/github&state=failed,,running,failed&since=2026-03-01T12:00:00Z&limit=7&delivery=17")
	if want := (runner.RunFilter{Hook: "/github", States: []runner.State{"failed", "running"}, Since: since, Limit: 7, Delivery: 17}); !reflect.DeepEqual(p.runFilter, want) {
		t.Errorf("asked for %+v, want %+v", p.runFilter, want)
	}
	p.ask(t, "GET", "/api/runs?hook=&state=&since=&limit=")
	if !reflect.DeepEqual(p.runFilter, runner.RunFilter{}) {
		t.Errorf("asked for %+v", p.runFilter)
	}
}

// 37: a bad id crashed the server.
func TestAPIMistakes(t *testing.T) {
	p := openPrivate(t, someRuns(), nil)
	for path, want := range map[string]string{
		"/api/runs?limit=0":                           `limit: "0" is not a number from 1`,
		"/api/runs?limit=-1":                          `limit: "-1" is not a number from 1`,
		"/api/runs?limit=many":                        `limit: "many" is not a number from 1`,
		"/api/runs?limit=9223372036854775808":         `limit: "9223372036854775808" is not a number from 1`,
		"/api/runs?delivery=abc":                      `delivery: "abc" is not a number from 1`,
		"/api/runs?state=done":                        `state: "done" is not one of [queued waiting running succeeded failed timed_out canceled superseded skipped]`,
		"/api/runs?state=failed,done":                 `state: "done" is not one of`,
		"/api/runs?since=yesterday":                   `since: "yesterday" is not a time like 2006-01-02T15:04:05Z`,
		"/api/runs?verdict=error":                     `"verdict" is not a parameter of this listing`,
		"/api/runs?limit=1&limit=2":                   `limit: is there 2 times; once is enough`,
		"/api/runs?limit=%zz":                         `the query cannot be read`,
		"/api/deliveries?verdict=failed":              `verdict: "failed" is not one of [accepted ignored duplicate throttled rejected error]`,
		"/api/deliveries?stat=x":                      `"stat" is not a parameter of this listing`,
		"/api/deliveries?limit=1e3":                   `limit: "1e3" is not a number from 1`,
		"/api/deliveries?limit=x&since=y":             `is not a`,
		"/api/deliveries?verdict=%3Cscript%3E":        `verdict: "<script>" is not one of`,
		"/api/deliveries?since=2026-03-01T12:00:00+1": `since: `,
	} {
		a := p.ask(t, "GET", path)
		if said := errorOf(t, a); a.status != 400 || !strings.Contains(said, want) {
			t.Errorf("%s: %d %s, want %s", path, a.status, said, want)
		}
	}
	for _, id := range []string{"abc", "-1", "0", "1e30", "9223372036854775808", "0x1", "1.0", "%20", "%00", "17%2f..", "..", "%2e%2e", "١"} {
		for _, path := range []string{"/api/runs/%s", "/api/runs/%s/output", "/api/runs/%s/output?follow", "/api/deliveries/%s", "/api/deliveries/%s/body"} {
			a := p.ask(t, "GET", fmt.Sprintf(path, id))
			if said := errorOf(t, a); a.status != 400 && a.status != 404 || a.status == 400 && !strings.Contains(said, "is not an id; ids are numbers from 1") {
				t.Errorf(path+": %d %s", id, a.status, a.body)
			}
		}
		if a := p.ask(t, "POST", "/api/runs/"+id+"/cancel"); a.status != 400 && a.status != 404 {
			t.Errorf("cancel %s: %d %s", id, a.status, a.body)
		}
	}
	if len(p.canceled) > 0 {
		t.Errorf("canceled %v", p.canceled)
	}
}

func errorOf(t *testing.T, a answered) string {
	t.Helper()
	var said struct{ Error string }
	if err := json.Unmarshal([]byte(a.body), &said); err != nil || said.Error == "" {
		t.Errorf("not an error in JSON: %d %s", a.status, a.body)
	}
	return said.Error
}

func TestAPINothingThere(t *testing.T) {
	p := openPrivate(t, someRuns(), nil)
	for _, path := range []string{
		"/api/runs/99", "/api/runs/99/output", "/api/runs/99/output?follow", "/api/deliveries/99", "/api/deliveries/99/body",
		"/api", "/api/", "/api/runs/", "/api//runs", "/API/runs", "/api/runs/42/", "/",
	} {
		a := p.ask(t, "GET", path)
		if errorOf(t, a); a.status != 404 || a.header.Get("Location") != "" {
			t.Errorf("%s: %+v", path, a)
		}
	}
	for _, request := range []string{"POST /api/runs", "DELETE /api/runs/42", "GET /api/runs/42/cancel", "GET /api/reload", "PUT /api/deliveries/17"} {
		method, path, _ := strings.Cut(request, " ")
		a := p.ask(t, method, path)
		if errorOf(t, a); a.status != 405 || a.header.Get("Allow") == "" {
			t.Errorf("%s: %+v", request, a)
		}
	}
	if a := p.ask(t, "POST", "/api/runs/99/cancel"); a.status != 404 || errorOf(t, a) != "cancel run 99: no run 99" {
		t.Errorf("cancel: %+v", a)
	}
}

func TestAPIStoreFailure(t *testing.T) {
	p := openPrivate(t, someRuns(), nil)
	p.fail = errDisk
	for _, path := range []string{"/api/runs", "/api/runs/42", "/api/deliveries", "/api/deliveries/17", "/api/deliveries/17/body", "/api/runs/42/output"} {
		if a := p.ask(t, "GET", path); a.status != 500 || errorOf(t, a) != errDisk.Error() {
			t.Errorf("%s: %+v", path, a)
		}
	}
	if a := p.ask(t, "GET", "/readyz"); a.status != 503 {
		t.Errorf("readyz: %+v", a)
	}
}

func TestAPICancel(t *testing.T) {
	p := openPrivate(t, someRuns(), nil)
	if a := p.ask(t, "POST", "/api/runs/43/cancel"); a.status != 200 || a.body != `{"did":"cancel","id":43}` || !slices.Equal(p.canceled, []int64{43}) {
		t.Errorf("%+v, canceled %v", a, p.canceled)
	}
	if a := p.ask(t, "POST", "/api/runs/42/cancel"); a.status != 409 || errorOf(t, a) != "cancel run 42: the run has ended already; it is failed" {
		t.Errorf("%+v", a)
	}
}

// 36: what a stranger sent was served as HTML.
func TestAPIBody(t *testing.T) {
	p := openPrivate(t, someRuns(), nil)
	a := p.ask(t, "GET", "/api/deliveries/17/body")
	if a.status != 200 || a.body != string(p.bodies[17]) || a.header.Get("Content-Type") != "application/octet-stream" ||
		a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Content-Disposition") != "attachment" {
		t.Errorf("%+v", a)
	}
}

func TestAPIReload(t *testing.T) {
	problems := rules.Problems{
		{File: "hooktender.yaml", Line: 3, Col: 5, Where: `hook "/a"`, What: "has no rules"},
		{File: "hooktender.yaml", Line: 9, Col: 1, What: "unknown setting"},
	}
	_, missing := rules.Load(t.TempDir() + "/nothing.yaml")
	for name, c := range map[string]struct {
		err    error
		status int
		want   string
	}{
		"good": {nil, 200, `{"message":"reloaded: 3 hooks"}`},
		"problems": {problems, 422, `{"error":"hooktender.yaml:3:5: hook \"/a\": has no rules\nhooktender.yaml:9:1: unknown setting",` +
			`"problems":[{"file":"hooktender.yaml","line":3,"column":5,"where":"hook \"/a\"","what":"has no rules","severity":"error"},` +
			`{"file":"hooktender.yaml","line":9,"column":1,"where":"","what":"unknown setting","severity":"error"}]}`},
		"no file":  {missing, 422, ""},
		"no right": {fs.ErrPermission, 422, `{"error":"permission denied"}`},
	} {
		p := openPrivate(t, someRuns(), func() (string, error) {
			if c.err != nil {
				return "", c.err
			}
			return "reloaded: 3 hooks", nil
		})
		if a := p.ask(t, "POST", "/api/reload"); a.status != c.status || c.want != "" && a.body != c.want {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}
