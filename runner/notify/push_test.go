package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/hooktender/hooktender/rules"
)

// standInNtfy is https://docs.ntfy.sh/publish/#publish-as-json with its limits.
func standInNtfy(t testing.TB) *standIn {
	type body struct {
		Topic, Title, Message, Click string
		Priority                     int
		Tags                         []string
	}
	check := func(r *http.Request, raw []byte) *refusal {
		no := func(status, code int, text string) *refusal {
			return &refusal{status, fmt.Sprintf(`{"code":%d,"http":%d,"error":%q,"link":"https://ntfy.sh/docs"}`, code, status, text)}
		}
		b, wrong := fields[body](raw)
		user, password, basic := r.BasicAuth()
		switch {
		case wrong != nil:
			return wrong
		case r.Method != "POST" || r.URL.Path != "/":
			return no(404, 40401, "page not found")
		case r.Header.Get("Authorization") != "Bearer "+secretToken && !(basic && user == "me" && password == secretToken):
			return no(403, 40301, "forbidden")
		case len(raw) > 8192:
			return no(413, 41304, "JSON body too large")
		case !regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`).MatchString(b.Topic):
			return no(400, 40009, "invalid topic")
		case len(b.Message) > 4096 || b.Message == "":
			return no(400, 40014, "attachments not allowed")
		case b.Priority < 1 || b.Priority > 5:
			return no(400, 40007, "invalid priority")
		}
		return nil
	}
	return newStandIn(t, check, func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"id":"x"}`) })
}

func TestNtfy(t *testing.T) {
	for _, c := range []struct {
		place    string
		moment   rules.Moment
		priority float64
	}{
		{`ntfy: {url: "%s/alerts", token: "${env:TOKEN}"}`, rules.OnFailure, 4},
		{`ntfy: {url: "%s/alerts", token: "${env:TOKEN}"}`, rules.OnSuccess, 3},
		{`ntfy: {server: "%s", topic: alerts, user: me, password: "${env:TOKEN}", priority: max, tags: [a, b]}`, rules.OnSuccess, 5},
		{`ntfy: {server: "%s", topic: alerts, token: "${env:TOKEN}", priority: urgent}`, rules.OnSuccess, 5},
	} {
		ntfy := standInNtfy(t)
		s := newStage(t, fmt.Sprintf(c.place, ntfy.URL))
		s.notification().Moment = c.moment
		s.good(t)
		post := ntfy.only(t)
		if post["topic"] != "alerts" || post["priority"] != c.priority || post["click"] != "https://hooks.internal/runs/42" {
			t.Errorf("%v", post)
		}
		if message := post["message"].(string); !strings.HasPrefix(message, "Hook: /github/website\nRule: redeploy\n") || !strings.HasSuffix(message, "\n\nbuilding\nerror: no space") {
			t.Errorf("%s", message)
		}
	}
}

func TestNtfyHostile(t *testing.T) {
	for _, times := range []int{1, 60} {
		ntfy := standInNtfy(t)
		s := newStage(t, `ntfy: {url: "`+ntfy.URL+`/alerts", token: "${env:TOKEN}"}`)
		s.hostileEverywhere(times)
		s.good(t)
		if message := ntfy.only(t)["message"].(string); !strings.HasSuffix(message, "last \ufffd") {
			t.Errorf("the end of the log is cut: %q", message)
		}
	}
}

// What is escaped in JSON, and what is more than a byte, counts as what it is.
func TestNtfyLength(t *testing.T) {
	for _, text := range []string{"\"\\\n", "ü", "😀", "<"} {
		ntfy := standInNtfy(t)
		s := newStage(t, `ntfy: {url: "`+ntfy.URL+`/alerts", token: "${env:TOKEN}"}`)
		s.notification().Message = rules.Plain("x" + strings.Repeat(text, 5000) + "x")
		s.performer.Log = fakeLog{"42/1": strings.Repeat(text, 5000) + "the end"}
		s.good(t)
		if message := ntfy.only(t)["message"].(string); !strings.HasSuffix(message, text+"the end") {
			t.Errorf("%q", message)
		}
	}
}

func TestNtfyRefuses(t *testing.T) {
	s := newStage(t, `ntfy: "`+standInNtfy(t).URL+`/alerts"`)
	if failed := s.refused(t, "ntfy answered 403: forbidden; the server lets nobody post"); !failed.Final {
		t.Errorf("%+v", failed)
	}
}

// standInGotify is https://gotify.net/api-docs, POST /message.
func standInGotify(t testing.TB) *standIn {
	type body struct {
		Title, Message string
		Priority       *int
		Extras         map[string]any
	}
	check := func(r *http.Request, raw []byte) *refusal {
		b, wrong := fields[body](raw)
		switch {
		case wrong != nil:
			return wrong
		case r.Method != "POST" || r.URL.Path != "/gotify/message":
			return &refusal{404, `{"error":"Not Found","errorCode":404,"errorDescription":"page not found"}`}
		case r.Header.Get("X-Gotify-Key") != secretToken:
			return &refusal{401, `{"error":"Unauthorized","errorCode":401,"errorDescription":"you need to provide a valid access token or user credentials to access this api"}`}
		case b.Message == "" || b.Priority == nil:
			return &refusal{400, `{"error":"Bad Request","errorCode":400,"errorDescription":"Field 'message' is required"}`}
		}
		return nil
	}
	return newStandIn(t, check, func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"id":1}`) })
}

func TestGotify(t *testing.T) {
	gotify := standInGotify(t)
	s := newStage(t, `gotify: {url: "`+gotify.URL+`/gotify/", token: "${env:TOKEN}"}`)
	s.notification().Message = rules.Plain("1 * 2\n    three")
	s.performer.Log = fakeLog{"42/1": "a ``` b"}
	s.good(t)
	post := gotify.only(t)
	want := "1 \\* 2  \nthree\n\nHook: \\/github\\/website  \nRule: redeploy  \nEvent: push  \n" +
		"Commit: [6113728 Fix the header \\(Jane\\)](<https://github.com/octo-org/website/commit/6113728>)  \nBranch: octo\\-org\\/website main  \n" +
		"Duration: 1m23s  \nExit code: 2\n\n````\na ``` b\n````\n\n[run 42](<https://hooks.internal/runs/42>)"
	if post["message"] != want || post["priority"] != 8.0 {
		t.Errorf("got  %q\nwant %q", post["message"], want)
	}
	if got := fmt.Sprint(post["extras"]); got != "map[client::display:map[contentType:text/markdown] client::notification:map[click:map[url:https://hooks.internal/runs/42]]]" {
		t.Errorf("%s", got)
	}
}

func TestGotifyHostile(t *testing.T) {
	for _, times := range []int{1, 60} {
		gotify := standInGotify(t)
		s := newStage(t, `gotify: {url: "`+gotify.URL+`/gotify", token: "${env:TOKEN}", priority: 0}`)
		s.hostileEverywhere(times)
		s.good(t)
		message := gotify.only(t)["message"].(string)
		before, _, _ := strings.Cut(message, "\n````\n")
		before = bareURL.ReplaceAllString(regexp.MustCompile(`\[(\\.|[^\]\\])*\]\(<https://example.com/[^>]*>\)`).ReplaceAllString(before, ""), "")
		if found := regexp.MustCompile("(^|[^\\\\])[\\[\\]<`*_#]|(?m)^    ").FindString(strings.ReplaceAll(before, `\\`, "")); found != "" {
			t.Errorf("%q is not escaped in %q", found, before)
		}
	}
}

func TestGotifyRefuses(t *testing.T) {
	s := newStage(t, `gotify: {url: "`+standInGotify(t).URL+`/gotify", token: "x${env:TOKEN}"}`)
	if failed := s.refused(t, "Gotify answered 401: Unauthorized you need to provide a valid access token"); !failed.Final {
		t.Errorf("%+v", failed)
	}
}

const standardKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// standInWebhook believes what is signed as Standard Webhooks says.
func standInWebhook(t testing.TB) *standIn {
	check := func(r *http.Request, raw []byte) *refusal {
		if _, no := fields[struct {
			Title, Text, Moment, Hook, Rule, Event, Log, Link string
			At                                                string
			Delivery                                          int
			Run                                               *rules.Outcome
			Commit                                            *rules.Commit
		}](raw); no != nil {
			return no
		}
		key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(standardKey, "whsec_"))
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), raw)
		if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) || r.Header.Get("webhook-id") == "" {
			return &refusal{401, "wrong signature"}
		}
		if r.Header.Get("X-Key") != secretToken {
			return &refusal{403, "key"}
		}
		return nil
	}
	return newStandIn(t, check, func(http.ResponseWriter) {})
}

func TestWebhook(t *testing.T) {
	webhook := standInWebhook(t)
	s := newStage(t, `webhook: {url: "`+webhook.URL+`/in", headers: {x-key: "${env:TOKEN}"}, sign: "`+standardKey+`"}`)
	s.notification().Message = rules.Plain("<b> & @everyone")
	s.good(t)
	post := webhook.only(t)
	for name, want := range map[string]string{
		"title": "❌ redeploy failed: exit code 2", "text": "<b> & @everyone", "moment": "failure", "hook": "/github/website", "rule": "redeploy",
		"event": "push", "delivery": "17", "log": "building\nerror: no space", "link": "https://hooks.internal/runs/42", "at": "2026-05-04T03:03:24Z",
		"commit": "map[author:Jane branch:main id:6113728f27ae82c7b1a177c8d03f9e96e0adf246 message:Fix the header\n\nIt was crooked. repository:octo-org/website url:https://github.com/octo-org/website/commit/6113728]",
		"run":    "map[action:run attempt:1 error:exit code 2 exit_code:2 finished:2026-05-04T03:03:24Z run:42 started:2026-05-04T03:02:01Z state:failed]",
	} {
		if got := fmt.Sprint(post[name]); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	s = newStage(t, `webhook: "`+webhook.URL+`/in"`)
	if failed := s.refused(t, "the webhook answered 401: wrong signature"); !failed.Final {
		t.Errorf("%+v", failed)
	}
}

func TestByURL(t *testing.T) {
	got := make(chan string, 1)
	service := newStandIn(t, func(*http.Request, []byte) *refusal { return nil }, func(http.ResponseWriter) {})
	service.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
	})
	s := newStage(t, `url: "generic+`+service.URL+`/${env:TOKEN}"`)
	s.good(t)
	if body := <-got; !strings.HasPrefix(body, "❌ redeploy failed: exit code 2\n\nhttps://hooks.internal/runs/42\n\nHook: /github/website") || !strings.HasSuffix(body, "error: no space") {
		t.Errorf("%q", body)
	}
}
