package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

func newServerRequest(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// 9: 202 was sent, and then it went wrong. Here nothing is said or queued while
// the disk has not got it.
func TestAnswerComesAfterTheDisk(t *testing.T) {
	d := openPublic(t, contractYAML)
	entered, release := make(chan struct{}), make(chan struct{})
	d.onAccept = func(context.Context) { close(entered); <-release }

	answers := make(chan answered, 1)
	go func() { answers <- d.send(t, d.request(t, "POST", "/open", `{}`)) }()
	within(t, "Accept", entered)
	if _, _, enqueued := d.take(); len(enqueued) > 0 {
		t.Error("enqueued before it was stored")
	}
	select {
	case a := <-answers:
		t.Errorf("answered %d before it was stored", a.status)
	default:
	}
	close(release)
	if a := within(t, "the answer", answers); a.status != 202 {
		t.Errorf("answered %d", a.status)
	}
	if _, _, enqueued := d.take(); len(enqueued) != 1 {
		t.Errorf("%d runs enqueued", len(enqueued))
	}
}

func TestHangingUpTakesNothingBack(t *testing.T) {
	d := openPublic(t, contractYAML)
	entered, ended := make(chan struct{}), make(chan struct{})
	d.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.onAccept = func(ctx context.Context) {
			close(entered)
			<-r.Context().Done() // the server has seen that the sender is gone
			if ctx.Err() != nil {
				t.Error("the sender's hanging up cancels Accept")
			}
		}
		d.intake.ServeHTTP(w, r)
		close(ended)
	})
	ctx, hangUp := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		resp, err := d.server.Client().Do(d.request(t, "POST", "/open", `{}`).WithContext(ctx))
		if err == nil {
			resp.Body.Close()
		}
		failed <- err
	}()
	within(t, "Accept", entered)
	hangUp()
	if within(t, "hanging up", failed) == nil {
		t.Error("an answer came before Accept was done")
	}
	within(t, "the end of the request", ended)
	if _, accepted, enqueued := d.take(); len(accepted) != 1 || len(enqueued) != 1 {
		t.Errorf("%d accepted, %d enqueued", len(accepted), len(enqueued))
	}
}

// 5: data race between reload and requests. Each configuration has its own
// limit, proxies and rule name, and an answer must not mix them.
func TestUseWhileServing(t *testing.T) {
	configs := make([]*rules.Config, 3)
	for i := range configs {
		trusted := []string{"127.0.0.1", "192.0.2.1", "127.0.0.0/8"}[i]
		configs[i] = load(t, fmt.Sprintf(`
server: {max_body: %dKiB, trusted_proxies: [%q]}
hooks:
  /hook: {verify: none, rules: [{name: rule-%d, run: "true"}]}
  /only-%d: {verify: none, rules: [{name: only, run: "true"}]}
`, i+1, trusted, i, i))
	}
	d := openPublic(t, contractYAML)
	d.intake.Use(configs[0])

	stop := make(chan struct{})
	var reloader, senders sync.WaitGroup
	reloader.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				d.intake.Use(configs[i%len(configs)])
			}
		}
	})
	body := `"` + strings.Repeat("x", 1500) + `"` // too large for the first
	for range 2 {
		senders.Go(func() {
			for range 150 {
				a := d.send(t, d.request(t, "POST", "/hook", body, "X-Forwarded-For", "198.51.100.7"))
				if a.status != 202 && a.status != 413 {
					t.Errorf("answered %d %s", a.status, a.body)
				}
			}
		})
	}
	senders.Wait()
	close(stop)
	reloader.Wait()
	recorded, accepted, enqueued := d.take()
	for _, r := range recorded {
		if r.RemoteIP != "198.51.100.7" || !strings.Contains(r.Reason, "1024 allowed") {
			t.Errorf("refused by a mixed configuration: %s from %s", r.Reason, r.RemoteIP)
		}
	}
	for _, r := range accepted {
		if r.Decisions[0].Rule == "rule-1" != (r.RemoteIP == "127.0.0.1") || r.Decisions[0].Rule == "rule-0" {
			t.Errorf("accepted by a mixed configuration: %s from %s", r.Decisions[0].Rule, r.RemoteIP)
		}
	}
	if len(recorded)+len(accepted) != 300 || len(enqueued) != len(accepted) {
		t.Errorf("%d refused, %d accepted, %d enqueued of 300", len(recorded), len(accepted), len(enqueued))
	}
}

const everyScheme = `
hooks:
  /github: {verify: {github: %[1]s}, rules: [{name: r, run: "true"}]}
  /query: {verify: {token: {query: auth, secret: %[1]s}}, rules: [{name: r, run: "true"}]}
  /header: {verify: {token: {header: X-Token, secret: %[1]s}}, rules: [{name: r, run: "true"}]}
  /bearer: {verify: {bearer: %[1]s}, rules: [{name: r, run: "true"}]}
  /basic: {verify: {basic: {user: deployer, password: %[1]s}}, rules: [{name: r, run: "true"}]}
  /hmac:
    verify:
      hmac:
        secret: %[1]s
        header: X-Signature
        signed: "{timestamp}.{body}"
        timestamp: {from: "header:X-Timestamp", unit: s, tolerance: 5m}
    rules: [{name: r, run: "true"}]
  /none: {verify: none, rules: [{name: r, run: "true"}]}
`

// prove makes a request genuine, if secret is the right one.
var prove = map[string]func(r *http.Request, secret, body string){
	"/github": func(r *http.Request, secret, body string) {
		r.Header.Set("X-Hub-Signature-256", githubSignature(secret, body))
	},
	"/query":  func(r *http.Request, secret, _ string) { r.URL.RawQuery = "a=1&auth=" + secret + "&b=2" },
	"/header": func(r *http.Request, secret, _ string) { r.Header.Set("X-Token", secret) },
	"/bearer": func(r *http.Request, secret, _ string) { r.Header.Set("Authorization", "Bearer "+secret) },
	"/basic":  func(r *http.Request, secret, _ string) { r.SetBasicAuth("deployer", secret) },
	"/hmac": func(r *http.Request, secret, body string) {
		stamp(r, time.Now(), secret, body)
	},
}

func stamp(r *http.Request, at time.Time, secret, body string) {
	now := strconv.FormatInt(at.Unix(), 10)
	r.Header.Set("X-Timestamp", now)
	r.Header.Set("X-Signature", hmacHex(secret, now+"."+body))
}

// 13, 38: every way to prove oneself works, a wrong proof does not, an empty one
// does not, and no secret is kept or logged either way.
func TestEverySchemeKeepsItsSecret(t *testing.T) {
	const wrongSecret = "tr0ub4dor-and-3"
	for path, prove := range prove {
		t.Run(path[1:], func(t *testing.T) {
			d := openPublic(t, fmt.Sprintf(everyScheme, theSecret))
			for secret, status := range map[string]int{theSecret: 202, wrongSecret: 401, "": 401} {
				r := d.request(t, "POST", path, `{}`)
				prove(r, secret, `{}`)
				if a := d.send(t, r); a.status != status {
					t.Errorf("with the secret %q: answered %d %s", secret, a.status, a.body)
				}
			}
			if a := d.send(t, d.request(t, "POST", path, `{}`)); a.status != 401 {
				t.Errorf("without proof: answered %d", a.status)
			}
			checkNoSecret(t, d, theSecret, wrongSecret, encodedPair("deployer", theSecret), encodedPair("deployer", wrongSecret))
		})
	}
}

func encodedPair(user, password string) string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")
}

func checkNoSecret(t *testing.T, d *publicDoor, secrets ...string) {
	t.Helper()
	recorded, accepted, _ := d.take()
	if len(recorded) != 3 || len(accepted) != 1 {
		t.Errorf("%d recorded, %d accepted", len(recorded), len(accepted))
	}
	texts := []string{d.log.String()}
	for _, k := range append(recorded, accepted...) {
		texts = append(texts, fmt.Sprintf("%+v", *k))
	}
	for _, text := range texts {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%q is kept or logged: %s", secret, text)
			}
		}
	}
}

func TestQueryIsKeptButForTheSecret(t *testing.T) {
	d := openPublic(t, fmt.Sprintf(everyScheme, theSecret))
	d.send(t, d.request(t, "POST", "/query?a=1&auth="+theSecret+"&b=2", `{}`))
	if _, accepted, _ := d.take(); len(accepted) != 1 || accepted[0].Path != "/query?a=1&auth=<secret>&b=2" {
		t.Errorf("kept: %+v", accepted)
	}
}

func TestOldTimestamp(t *testing.T) {
	d := openPublic(t, fmt.Sprintf(everyScheme, theSecret))
	for _, off := range []time.Duration{-time.Hour, time.Hour} {
		r := d.request(t, "POST", "/hmac", `{}`)
		stamp(r, time.Now().Add(off), theSecret, `{}`)
		if a := d.send(t, r); a.status != 401 || a.body != unauthorized {
			t.Errorf("answered %d %s", a.status, a.body)
		}
	}
	recorded, _, _ := d.take()
	if len(recorded) != 2 || !strings.Contains(recorded[0].Reason, "timestamp is 36") {
		t.Errorf("kept: %+v", recorded)
	}
}

func TestNoneLetsEveryoneIn(t *testing.T) {
	d := openPublic(t, fmt.Sprintf(everyScheme, theSecret))
	for _, body := range []string{`{}`, ``, `[1]`} {
		if a := d.send(t, d.request(t, "POST", "/none", body)); a.status != 202 {
			t.Errorf("%s: answered %d %s", body, a.status, a.body)
		}
	}
}

func TestThrottle(t *testing.T) {
	var th throttle
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i, step := range []struct {
		at     time.Duration
		tries  int
		passed int
		held   int // told by those that passed
	}{
		{0, logAtMost, logAtMost, 0},
		{time.Second - 1, 3, 0, 0},
		{time.Second, 1, 1, 3},
		{time.Minute, logAtMost + 5, logAtMost, 0},
		{-time.Hour, 1, 1, 5}, // the clock was set back
		{-time.Hour + 1, logAtMost, logAtMost - 1, 0},
	} {
		passed, held := 0, 0
		for range step.tries {
			if n, ok := th.pass(start.Add(step.at)); ok {
				passed, held = passed+1, held+n
			}
		}
		if passed != step.passed || held != step.held {
			t.Errorf("step %d: %d passed and told of %d; want %d and %d", i, passed, held, step.passed, step.held)
		}
	}
}

func TestThrottleLosesNone(t *testing.T) {
	var th throttle
	var told, passed atomic.Int64
	now := time.Now()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 1000 {
				if held, ok := th.pass(now.Add(time.Duration(i) * 10 * time.Millisecond)); ok {
					told.Add(int64(held))
					passed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if total := told.Load() + passed.Load() + int64(th.held); total != 4000 {
		t.Errorf("%d of 4000 are accounted for", total)
	}
}

func TestAFloodOfRejectionsDoesNotFillTheLog(t *testing.T) {
	d := openPublic(t, contractYAML)
	for range 300 {
		d.send(t, d.request(t, "POST", "/github", `{}`))
	}
	if recorded, _, _ := d.take(); len(recorded) != 300 {
		t.Errorf("%d of 300 are recorded", len(recorded))
	}
	if lines := strings.Count(d.log.String(), "request rejected"); lines < logAtMost || lines > 200 {
		t.Errorf("%d lines of log", lines)
	}
}

// A full queue is told before anything is stored, and only to an event that
// would wait in it.
func TestFullQueue(t *testing.T) {
	d := openPublic(t, contractYAML)
	d.fakeIntake.full = true
	a := d.send(t, d.request(t, "POST", "/open", `{"ref":"refs/heads/main"}`))
	_, accepted, enqueued := d.take()
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || len(accepted)+len(enqueued) > 0 {
		t.Errorf("answered %d %s, stored %d", a.status, a.body, len(accepted))
	}
}

// What could not be decided is not lost sight of because something else fired.
func TestUndecidedBesideOthersIsLogged(t *testing.T) {
	d := openPublic(t, `
hooks:
  /a:
    verify: none
    rules:
      - {name: good, run: "true"}
      - {name: odd, when: upper(number) == "5", run: "true"}
`)
	if a := d.send(t, d.request(t, "POST", "/a", `{"number": 5}`)); a.status != 202 {
		t.Fatalf("answered %d", a.status)
	}
	if text := d.log.String(); !strings.Contains(text, "could not be decided, while others fired") || !strings.Contains(text, "rule=odd") {
		t.Errorf("logged %s", text)
	}
}
