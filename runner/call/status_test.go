package call

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

const sha = "178864a7d521b6f5e720b386b2c2b0ef8563e0dc"

// A codeHost is a stand-in for a service, written to the page of its API: it
// takes what that page allows and refuses all else.
type codeHost struct {
	path   string // escaped, of the request
	auth   string
	states []string
	needs  []string // fields that must be there
	limits map[string]int
	status int // of a good answer
}

var codeHosts = map[string]codeHost{
	// https://docs.github.com/en/rest/commits/statuses#create-a-commit-status
	rules.ServiceGitHub: {"/repos/o/r/statuses/" + sha, "Bearer " + secret, []string{"error", "failure", "pending", "success"},
		[]string{"state"}, map[string]int{"description": 140, "context": 255, "target_url": 2000, "state": 10}, 201},
	// https://docs.gitlab.com/api/commits/#set-commit-pipeline-status
	rules.ServiceGitLab: {"/api/v4/projects/o%2Fr/statuses/" + sha, "Bearer " + secret, []string{"pending", "running", "success", "failed", "canceled", "skipped"},
		[]string{"state"}, map[string]int{"description": 255, "name": 255, "target_url": 255, "state": 10}, 201},
	// https://docs.gitea.com/api/ (repoCreateStatus)
	rules.ServiceGitea: {"/api/v1/repos/o/r/statuses/" + sha, "token " + secret, []string{"pending", "success", "error", "failure", "warning"},
		[]string{"state"}, map[string]int{"description": 1000, "context": 255, "target_url": 2000, "state": 10}, 201},
	// https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commit-statuses/
	rules.ServiceBitbucket: {"/2.0/repositories/o/r/commit/" + sha + "/statuses/build", "Bearer " + secret, []string{"SUCCESSFUL", "FAILED", "INPROGRESS", "STOPPED"},
		[]string{"state", "key", "url"}, map[string]int{"description": 255, "key": 40, "url": 2000, "name": 255, "state": 10, "refname": 255}, 201},
	// https://developer.atlassian.com/server/bitbucket/how-tos/updating-build-status-for-commits/
	rules.ServiceBitbucketServer: {"/rest/build-status/1.0/commits/" + sha, "Bearer " + secret, []string{"SUCCESSFUL", "FAILED", "INPROGRESS"},
		[]string{"state", "key", "url"}, map[string]int{"description": 255, "key": 40, "url": 450, "name": 255, "state": 10}, 204},
}

func (h codeHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, why string) { http.Error(w, `{"message":`+strconv.Quote(why)+`}`, status) }
	var said map[string]string
	if err := json.NewDecoder(r.Body).Decode(&said); err != nil || r.Header.Get("Content-Type") != "application/json" {
		refuse(400, "no JSON")
		return
	}
	for _, name := range h.needs {
		if said[name] == "" {
			refuse(422, name+" is missing")
			return
		}
	}
	for name, value := range said {
		if most, known := h.limits[name]; !known || utf8.RuneCountInString(value) > most {
			refuse(422, name+" is unknown or too long")
			return
		}
	}
	page := said["target_url"] + said["url"]
	switch {
	case r.Method != "POST" || r.URL.EscapedPath() != h.path || r.URL.RawQuery != "":
		refuse(404, "Not Found "+r.URL.EscapedPath())
	case r.Header.Get("Authorization") != h.auth:
		refuse(401, "Bad credentials")
	case !strings.Contains(" "+strings.Join(h.states, " ")+" ", " "+said["state"]+" "):
		refuse(422, "state "+said["state"])
	case page != "" && !strings.HasPrefix(page, "http"):
		refuse(422, "no URL")
	default:
		w.WriteHeader(h.status)
	}
}

// statusOn is a command that sets the status of a commit at a stand-in.
func statusOn(service, api string, change func(*rules.CommitStatus)) *rules.Command {
	s := &rules.CommitStatus{Service: service, API: api, Token: token, Repository: "o/r", Commit: sha, Context: "hooktender/deploy", State: "success"}
	if change != nil {
		change(s)
	}
	return &rules.Command{Status: s, OutputLimit: 1 << 20}
}

func outcome(state runner.State) *rules.Outcome {
	started, finished, code := clock, clock.Add(90*time.Second), 3
	o := &rules.Outcome{Run: 42, State: string(state), Started: &started, Error: "printed " + secret}
	if state == runner.Failed {
		o.ExitCode = &code
	}
	if state == runner.Succeeded || state == runner.Failed || state == runner.TimedOut {
		o.Finished = &finished
	}
	return o
}

// TestStatuses: every service takes what every end of a run comes to.
func TestStatuses(t *testing.T) {
	states := []runner.State{runner.Queued, runner.Waiting, runner.Running, runner.Succeeded, runner.Failed, runner.TimedOut, runner.Canceled, runner.Superseded, runner.Skipped}
	want := map[string]string{
		rules.ServiceGitHub:          "pending pending pending success failure failure error error error",
		rules.ServiceGitLab:          "pending pending running success failed failed canceled canceled canceled",
		rules.ServiceGitea:           "pending pending pending success failure failure error error error",
		rules.ServiceBitbucket:       "INPROGRESS INPROGRESS INPROGRESS SUCCESSFUL FAILED FAILED STOPPED STOPPED STOPPED",
		rules.ServiceBitbucketServer: "INPROGRESS INPROGRESS INPROGRESS SUCCESSFUL FAILED FAILED FAILED FAILED FAILED",
	}
	for service, host := range codeHosts {
		url, got := standIn(t, host.ServeHTTP)
		for _, state := range states {
			output, err := perform(t, statusOn(service, url, func(s *rules.CommitStatus) { s.Of = outcome(state) }), "")
			if err != nil {
				t.Errorf("%s, %s: %v\n%s", service, state, err, output)
			}
		}
		var said []string
		for _, r := range *got {
			var body map[string]string
			_ = json.Unmarshal([]byte(r.body), &body)
			said = append(said, body["state"])
			if strings.Contains(r.body, secret) {
				t.Errorf("%s is told why a run failed: %s", service, r.body)
			}
		}
		if strings.Join(said, " ") != want[service] {
			t.Errorf("%s:\n got %v\nwant %s", service, said, want[service])
		}
	}
}

// TestStatusesThatARuleSays: and what is long is cut to what the service takes.
func TestStatusesThatARuleSays(t *testing.T) {
	for service, host := range codeHosts {
		url, got := standIn(t, host.ServeHTTP)
		for _, state := range []string{"pending", "success", "failure"} {
			long := strings.Repeat("ü", 300)
			output, err := perform(t, statusOn(service, url+map[string]string{"gitlab": "/api/v4", "gitea": "/api/v1", "bitbucket": "/2.0"}[service], func(s *rules.CommitStatus) {
				s.State, s.Context, s.Branch = state, long+state, "main"
			}), "")
			if err != nil {
				t.Errorf("%s, %s: %v\n%s", service, state, err, output)
			}
		}
		names := map[string]bool{}
		for _, r := range *got {
			var body map[string]string
			_ = json.Unmarshal([]byte(r.body), &body)
			name := body["context"] + body["key"]
			if name == "" {
				name = body["name"]
			}
			names[name] = true
		}
		if len(names) != 3 {
			t.Errorf("%s: names that differ at their end became %v", service, names)
		}
	}
}

func TestDescribe(t *testing.T) {
	for state, want := range map[runner.State]string{
		runner.Queued: "queued", runner.Waiting: "waits", runner.Running: "running", runner.Succeeded: "succeeded after 1m30s",
		runner.Failed: "failed with exit code 3 after 1m30s", runner.TimedOut: "timed out after 1m30s", runner.Canceled: "canceled", runner.Skipped: "skipped",
	} {
		if got := describe(outcome(state)); got != want {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
	}
}

// TestStatusPage: a status leads to the run, or at Bitbucket, which wants a page,
// to the commit.
func TestStatusPage(t *testing.T) {
	for _, c := range []struct{ service, console, page, want string }{
		{"github", "https://console.example.com/runs/", "", "https://console.example.com/runs/42"},
		{"github", "", "https://github.com/o/r/commit/x", ""},
		{"gitlab", "https://console.example.com/runs/", "", "https://console.example.com/runs/42"},
		{"bitbucket", "https://console.example.com/runs/", "https://bitbucket.org/c", "https://console.example.com/runs/42"},
		{"bitbucket", "", "https://bitbucket.org/c", "https://bitbucket.org/c"},
		{"bitbucket", "", "", "https://bitbucket.org/o/r/commits/" + sha},
		{"bitbucket-server", "", "", "API/projects/o/repos/r/commits/" + sha},
	} {
		url, got := standIn(t, codeHosts[c.service].ServeHTTP)
		client := outbound.New("hooktender/test")
		defer client.Close()
		p := New(client, func(run int64) string {
			if c.console == "" {
				return ""
			}
			return c.console + strconv.FormatInt(run, 10)
		})
		run := &runner.Run{ID: 50, Command: statusOn(c.service, url, func(s *rules.CommitStatus) { s.Of, s.Page = outcome(runner.Succeeded), c.page })}
		if _, err := performBy(t, t.Context(), p, run, ""); err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		var body map[string]string
		_ = json.Unmarshal([]byte((*got)[0].body), &body)
		if page := body["target_url"] + body["url"]; page != strings.Replace(c.want, "API", url, 1) {
			t.Errorf("%+v: %s", c, page)
		}
	}
}

func TestStatusByPassword(t *testing.T) {
	url, got := standIn(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, r.Header.Get("Authorization"), 500) })
	output, err := perform(t, statusOn("bitbucket", url, func(s *rules.CommitStatus) { s.User = "ada" }), "")
	user, password, _ := (*got)[0].BasicAuth()
	if user != "ada" || password != secret {
		t.Errorf("%s, %s", user, password)
	}
	pair := regexp.MustCompile(`Basic [A-Za-z0-9+/]{8}`)
	if pair.MatchString(output) || pair.MatchString(err.Error()) {
		t.Errorf("the password is seen:\n%s\n%v", output, err)
	}
}

func TestStatusAnswers(t *testing.T) {
	for _, c := range []struct {
		service string
		status  int
		headers map[string]string
		body    string
		good    bool
		final   bool
		after   time.Duration
	}{
		{"github", 401, nil, `{"message":"Bad credentials"}`, false, true, 0},
		{"github", 403, nil, `{"message":"Resource not accessible by personal access token"}`, false, true, 0},
		{"github", 403, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": strconv.FormatInt(clock.Unix()+600, 10)}, `{"message":"API rate limit exceeded"}`, false, false, 10 * time.Minute},
		{"github", 403, map[string]string{"X-RateLimit-Remaining": "12", "X-RateLimit-Reset": strconv.FormatInt(clock.Unix()+600, 10)}, `{}`, false, true, 0},
		{"github", 403, map[string]string{"Retry-After": "60"}, `{"message":"You have exceeded a secondary rate limit"}`, false, false, time.Minute},
		{"github", 429, map[string]string{"Retry-After": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9999999999999"}, ``, false, false, 24 * time.Hour},
		{"github", 404, nil, `{"message":"Not Found"}`, false, true, 0},
		{"github", 422, nil, `{"message":"No commit found for SHA: 1"}`, false, true, 0},
		{"github", 502, nil, ``, false, false, 0},
		{"github", 301, map[string]string{"Location": "/repositories/1"}, ``, false, true, 0},
		{"github", 400, nil, `{"message":"Cannot transition status via :succeed from :success (Reason(s): Status cannot transition via \"succeed\")"}`, false, true, 0},
		{"gitlab", 400, nil, `{"message":"Cannot transition status via :succeed from :success (Reason(s): Status cannot transition via \"succeed\")"}`, true, false, 0},
		{"gitlab", 400, nil, `{"message":"Cannot transition status via :succeed from :failed (Reason(s): Status cannot transition via \"succeed\")"}`, false, true, 0},
		{"gitlab", 400, nil, `{"message":"state does not have a valid value"}`, false, true, 0},
		{"gitlab", 429, map[string]string{"Retry-After": "5"}, ``, false, false, 5 * time.Second},
	} {
		url, _ := standIn(t, func(w http.ResponseWriter, _ *http.Request) {
			for name, value := range c.headers {
				w.Header().Set(name, value)
			}
			answer(c.status, "", c.body)(w, nil)
		})
		output, err := perform(t, statusOn(c.service, url, nil), "")
		if (err == nil) != c.good || err != nil && (err.Final != c.final || err.After != c.after || !strings.Contains(err.Error(), "answered "+strconv.Itoa(c.status))) {
			t.Errorf("%s %d %v %s: %+v", c.service, c.status, c.headers, c.body, err)
		}
		if !strings.Contains(output, "hooktender/deploy "+sha+" of o/r is success") || !strings.Contains(output, "HTTP "+strconv.Itoa(c.status)) {
			t.Errorf("output:\n%s", output)
		}
	}
}

// TestStatusIsThere: GitLab refuses a state that the commit has, or has left
// behind; that is no failure.
func TestStatusIsThere(t *testing.T) {
	for _, c := range []struct {
		state runner.State
		body  string
		good  bool
	}{
		{runner.Queued, `{"message":"Cannot transition status via :enqueue from :pending (Reason(s): Status cannot transition via \"enqueue\")"}`, true},
		{runner.Queued, `{"message":"Cannot transition status via :enqueue from :running (Reason(s): Status cannot transition via \"enqueue\")"}`, true},
		{runner.Running, `{"message":"Cannot transition status via :run from :running (Reason(s): Status cannot transition via \"run\")"}`, true},
		{runner.Failed, `{"message":"Cannot transition status via :drop from :failed (Reason(s): Status cannot transition via \"drop\")"}`, true},
		{runner.Canceled, `{"message":"Cannot transition status via :cancel from :canceled (Reason(s): Status cannot transition via \"cancel\")"}`, true},
		{runner.Canceled, `{"message":"Cannot transition status via :cancel from :success (Reason(s): Status cannot transition via \"cancel\")"}`, false},
		{runner.Failed, `{"message":"Cannot transition status via :drop from :running (Reason(s): Status cannot transition via \"drop\")"}`, false},
	} {
		url, _ := standIn(t, answer(400, "", c.body))
		if _, err := perform(t, statusOn("gitlab", url, func(s *rules.CommitStatus) { s.Of = outcome(c.state) }), ""); (err == nil) != c.good {
			t.Errorf("%s, %s: %v", c.state, c.body, err)
		}
	}
}

func TestStatusOfNoService(t *testing.T) {
	if _, err := perform(t, statusOn("sourceforge", "http://127.0.0.1:1", nil), ""); err == nil || !err.Final {
		t.Errorf("%v", err)
	}
	if _, err := perform(t, statusOn("github", "http://127.0.0.1:1", func(s *rules.CommitStatus) { s.Token = rules.Text{{Ref: "env:GONE"}} }), ""); err == nil || err.Final || !strings.Contains(err.Error(), "GONE") {
		t.Errorf("%v", err)
	}
}

// TestStatusFollowsNobody: neither to another host with the token, nor to where a
// POST becomes a GET that is answered well and says nothing.
func TestStatusFollowsNobody(t *testing.T) {
	elsewhere, got := standIn(t, answer(201, "", ""))
	for _, to := range []string{elsewhere, "/repositories/1"} {
		for _, status := range []int{http.StatusMovedPermanently, http.StatusTemporaryRedirect} {
			url, here := standIn(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/repos/") {
					http.Redirect(w, r, to, status)
				}
			})
			if _, err := perform(t, statusOn("github", url, nil), ""); err == nil || !err.Final || len(*got) != 0 || len(*here) != 1 {
				t.Errorf("%d to %s: %v, %d requests", status, to, err, len(*got)+len(*here))
			}
		}
	}
}

func TestStatusThatCannotBeSet(t *testing.T) {
	url, got := standIn(t, answer(200, "", ""))
	_, failed := perform(t, statusOn("github", url, func(s *rules.CommitStatus) { s.Error = "status: the event names no commit" }), "")
	if failed == nil || !failed.Final || failed.Error() != "status: the event names no commit" || len(*got) > 0 {
		t.Errorf("%+v, %d requests", failed, len(*got))
	}
}
