package call

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// calling is a command that calls a stand-in.
func calling(url string, change func(*rules.HTTPCall)) *rules.Command {
	c := &rules.HTTPCall{Method: "POST", URL: rules.Plain(url), Private: true, BodyAs: rules.BodyDelivery, ContentType: "application/json"}
	if change != nil {
		change(c)
	}
	return &rules.Command{HTTP: c, OutputLimit: 1 << 20}
}

func TestCall(t *testing.T) {
	url, got := standIn(t, answer(201, "Content-Type: application/json", `{"id": 7}`))
	output, err := perform(t, calling(url+"/contacts?key=1", nil), `{"a":1}`)
	if err != nil {
		t.Fatal(err)
	}
	r := (*got)[0]
	if r.Method != "POST" || r.RequestURI != "/contacts?key=1" || r.body != `{"a":1}` || r.Header.Get("Content-Type") != "application/json" ||
		r.UserAgent() != "hooktender/test" || r.Header.Get("Hooktender-Run") != "17@here" || len(r.Header.Get("Idempotency-Key")) != 36 || r.ContentLength != 7 {
		t.Errorf("%s %s %v %q", r.Method, r.RequestURI, r.Header, r.body)
	}
	for _, want := range []string{"POST " + url + "\n", "HTTP 201 Created in ", "Content-Type: application/json\n", "\n\n{\"id\": 7}\n"} {
		if !strings.Contains(output, want) {
			t.Errorf("the output has no %q:\n%s", want, output)
		}
	}
	if strings.Contains(output, "key=1") {
		t.Errorf("the query is shown:\n%s", output)
	}
}

func TestCallBodies(t *testing.T) {
	url, got := standIn(t, answer(204, "", ""))
	for _, c := range []struct {
		as   rules.BodyAs
		body rules.Text
		want string
	}{
		{rules.BodyJSON, rules.Text{{Literal: `{"token":"`}, {Ref: "env:TOKEN"}, {Literal: `"}`}}, `{"token":"` + secret + `"}`},
		{rules.BodyForm, rules.Text{{Literal: "a=b&t="}, {Ref: "env:TOKEN"}}, "a=b&t=" + secret},
		{rules.BodyText, rules.Plain("hello"), "hello"},
		{rules.BodyNone, nil, ""},
		{rules.BodyDelivery, nil, "as it came"},
	} {
		_, err := perform(t, calling(url, func(h *rules.HTTPCall) { h.BodyAs, h.Body, h.ContentType = c.as, c.body, "" }), "as it came")
		if last := (*got)[len(*got)-1]; err != nil || last.body != c.want || last.Header.Get("Content-Type") != "" {
			t.Errorf("%s: %q, %v", c.as, last.body, err)
		}
	}
}

func TestCallHeaders(t *testing.T) {
	url, got := standIn(t, answer(200, "", ""))
	_, err := perform(t, calling(url+"/?k=", func(h *rules.HTTPCall) {
		h.URL = append(h.URL, rules.Part{Ref: "env:TOKEN"})
		h.Headers = []rules.EnvVar{
			{Name: "Authorization", Value: rules.Text{{Literal: "Bearer "}, {Ref: "env:TOKEN"}}}, {Name: "Host", Value: rules.Plain("crm.example.com")},
			{Name: "Content-Type", Value: rules.Plain("text/x")}, {Name: "Idempotency-Key", Value: rules.Plain("mine")}, {Name: "User-Agent", Value: rules.Plain("me")},
		}
	}), "x")
	r := (*got)[0]
	if err != nil || r.Header.Get("Authorization") != "Bearer "+secret || r.Host != "crm.example.com" || r.Header.Get("Content-Type") != "text/x" ||
		r.Header.Get("Idempotency-Key") != "mine" || r.UserAgent() != "me" || r.URL.Query().Get("k") != secret {
		t.Errorf("%v %s %v", r.Header, r.Host, err)
	}
	_, err = perform(t, calling(url, func(h *rules.HTTPCall) {
		h.Headers = []rules.EnvVar{{Name: "X-Token", Value: rules.Text{{Ref: "env:LINES"}}}}
	}), "x")
	if err == nil || !err.Final || !strings.Contains(err.Error(), "X-Token: holds a line break") || len(*got) != 1 {
		t.Errorf("a secret with a line break: %v", err)
	}
	_, err = perform(t, calling(url, func(h *rules.HTTPCall) { h.URL = rules.Text{{Ref: "env:GONE"}} }), "x")
	if err == nil || err.Final || !strings.Contains(err.Error(), "GONE is not set") {
		t.Errorf("a reference that cannot be read: %v", err)
	}
}

// TestCallIdentity: attempts of a run are one request, runs are several.
func TestCallIdentity(t *testing.T) {
	url, got := standIn(t, answer(200, "", ""))
	secretKey, _ := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	command := calling(url, func(h *rules.HTTPCall) {
		h.Sign = &rules.Signing{Preset: "standard-webhooks", Secret: rules.Plain("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}
	})
	run := runner.Run{ID: 17, Delivery: 5, Hook: "/in", Rule: "r", QueuedAt: clock.Add(234), Command: command}
	again, other := run, run
	again.Attempt, again.QueuedAt = 2, clock // as it is read from the database
	other.ID = 18
	for _, r := range []*runner.Run{&run, &again, &other} {
		if _, err := performRun(t, t.Context(), r, `{"a":1}`); err != nil {
			t.Fatal(err)
		}
	}
	ids := map[string]bool{}
	for _, r := range *got {
		id := r.Header.Get("Webhook-Id")
		ids[id] = true
		if id != r.Header.Get("Idempotency-Key") {
			t.Errorf("%v", r.Header)
		}
		mac := hmac.New(sha256.New, secretKey)
		fmt.Fprintf(mac, "%s.%d.%s", id, clock.Unix(), r.body)
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("Webhook-Signature") != want || r.Header.Get("Webhook-Timestamp") != fmt.Sprint(clock.Unix()) {
			t.Errorf("signed %s at %s, want %s", r.Header.Get("Webhook-Signature"), r.Header.Get("Webhook-Timestamp"), want)
		}
	}
	if len(ids) != 2 || (*got)[0].Header.Get("Webhook-Id") != (*got)[1].Header.Get("Webhook-Id") {
		t.Errorf("ids %v", ids)
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		status       int
		header, body string
		expect       string
		good, final  bool
		after        time.Duration
		says         string
	}{
		{200, "", "", "", true, false, 0, ""},
		{299, "", "", "", true, false, 0, ""},
		{404, "", "", "status in [200, 404]", true, false, 0, ""},
		{302, "Location: /x?" + secret, "", "", false, true, 0, "answered 302 Found"},
		{400, "", "{\n \"error\": \"no name\"\n}", "", false, true, 0, `answered 400 Bad Request: {"error":"no name"}`},
		{401, "Retry-After: 5", "no\nmore", "", false, true, 0, "answered 401 Unauthorized: no"},
		{410, "", "<!doctype html><title>Gone", "", false, true, 0, "answered 410 Gone"},
		{408, "", "", "", false, false, 0, "408 Request Timeout"},
		{425, "", "", "", false, false, 0, "425 Too Early"},
		{429, "Retry-After: 30", "", "", false, false, 30 * time.Second, "429 Too Many Requests"},
		{429, "Retry-After: Sun, 01 Mar 2026 12:01:00 GMT", "", "", false, false, time.Minute, "429"},
		{500, "", "it is " + secret + "\x1b[31m", "", false, false, 0, "500 Internal Server Error: it is "},
		{503, "Retry-After: 999999", "", "", false, false, 24 * time.Hour, "503"},
		{200, "", `{"ok":false,"why":"later"}`, "body.ok", false, false, 0, `200 OK: {"ok":false,"why":"later"}`},
		{200, "", `{}`, "body.ok == true and body.n", false, false, 0, `200 OK: {}`},
		{200, "", `[]`, "body.ok.x", false, false, 0, `expect: body.ok.x`},
		{500, "", strings.Repeat("é", 500), "", false, false, 0, strings.Repeat("é", 199) + "…"},
		{404, "", "\xff\xfe", "", false, true, 0, "404 Not Found"},
	} {
		url, _ := standIn(t, answer(c.status, c.header, c.body))
		_, err := perform(t, calling(url, func(h *rules.HTTPCall) {
			h.Expect = c.expect
			h.Headers = []rules.EnvVar{{Name: "X-Token", Value: token}}
		}), "x")
		if (err == nil) != c.good {
			t.Errorf("%d %s: %v", c.status, c.expect, err)
		}
		if err != nil && (err.Final != c.final || err.After != c.after || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), strings.TrimPrefix(url, "http://"))) {
			t.Errorf("%d: final %v, after %v, %v; want %v, %v, %s", c.status, err.Final, err.After, err, c.final, c.after, c.says)
		}
	}
}

// TestAnswerHasNoSecret: a receiver that echoes what it got, in any spelling,
// does not bring it into the output or the error, not even in part.
func TestAnswerHasNoSecret(t *testing.T) {
	url, _ := standIn(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s%s %s", strings.Repeat("x", 190), r.Header.Get("Authorization"), base64.StdEncoding.EncodeToString([]byte(secret)))
	})
	output, err := perform(t, calling(url, func(h *rules.HTTPCall) {
		h.Headers = []rules.EnvVar{{Name: "Authorization", Value: token}}
	}), "x")
	for _, text := range []string{output, err.Error()} {
		if strings.Contains(text, secret[:5]) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(secret))[:8]) {
			t.Errorf("%s", text)
		}
	}
}

func TestCallGoesNoFurtherThanItMay(t *testing.T) {
	url, got := standIn(t, answer(200, "", ""))
	_, err := perform(t, calling(url+"/"+secret, func(h *rules.HTTPCall) { h.Private = false }), "x")
	if err == nil || !err.Final || !strings.Contains(err.Error(), "may not; the rule says private: true") || len(*got) != 0 {
		t.Errorf("%v", err)
	}
	outer, _ := standIn(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, url, http.StatusSeeOther) })
	for _, c := range []struct {
		redirects int
		anywhere  bool
		says      string
	}{{0, true, "303 See Other"}, {1, false, "may not"}, {1, true, ""}} {
		_, err := perform(t, calling(outer, func(h *rules.HTTPCall) { h.Redirects, h.Anywhere = c.redirects, c.anywhere }), "x")
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestCallThatIsNotAnswered(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	_, err := perform(t, calling(s.URL+"/"+secret+"?"+secret, func(h *rules.HTTPCall) {
		h.Headers = []rules.EnvVar{{Name: "X-Token", Value: token}}
	}), "x")
	if err == nil || err.Final || !strings.Contains(err.Error(), "cannot be reached: dial") {
		t.Errorf("%v", err)
	}
	ended := make(chan struct{})
	url, _ := standIn(t, func(http.ResponseWriter, *http.Request) { <-ended })
	defer close(ended)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = performRun(t, ctx, &runner.Run{ID: 1, Command: calling(url, nil)}, "x")
	if err == nil || err.Final || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("%v", err)
	}
}

// TestLargeAnswer: what is kept is bounded by the rule's output.
func TestLargeAnswer(t *testing.T) {
	url, _ := standIn(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 100 {
			_, _ = w.Write(make([]byte, 10_000))
		}
	})
	command := calling(url, nil)
	command.OutputLimit = 100_000
	output, err := perform(t, command, "x")
	if err != nil || len(output) < 100_000 || len(output) > 101_000 || !strings.HasSuffix(output, "the rest of the answer was not read\n") {
		t.Errorf("%d bytes, %v", len(output), err)
	}
}

func TestPerformOfNothing(t *testing.T) {
	if _, err := perform(t, &rules.Command{Script: "true"}, ""); err == nil || !err.Final {
		t.Errorf("%v", err)
	}
}
