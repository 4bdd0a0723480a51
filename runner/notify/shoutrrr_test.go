package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestCheckURL(t *testing.T) {
	const known = "bark, discord, generic, googlechat, gotify, ifttt, join, lark, matrix, mattermost, notifiarr, ntfy, opsgenie, pagerduty, pushbullet, pushover, rocketchat, signal, slack, teams, telegram, wecom, zulip"
	for _, c := range []struct{ url, want string }{
		{"ntfy://ntfy.sh/my-topic", ""},
		{"pushover://shoutrrr:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", ""},
		{"pushover://shoutrrr:${credential:pushover}@${env:USER_KEY}", ""},
		{"generic+https://example.com/hook?template=json", ""},
		{"matrix://user:Sesame@example.com?rooms=a", ""}, // without signing in
		{"Sesame", "this is no URL of a service: want service://…, where service is one of " + known},
		{"smoke://Sesame@signal", `the service "smoke" is not known: want one of ` + known},
		{"logger://", `the service "logger" is not known: want one of ` + known},
		{"smtp://user:Sesame@example.com", "mail is not sent by url: set email instead"},
		{"pushover://Sesame", "the URL of pushover: token missing from config URL"},
		{"ntfy+https://Sesame.example.com/Topics", "the URL of ntfy: ntfy takes no address of one's own after a +"},
		{"pushover://a:Ses ame@b", "the URL of pushover: cannot be read: write what is special in a token as %XX"},
		{"pushbullet://Sesame", "the URL of pushbullet: "},
		{"ntfy://ntfy.sh/topic?colour=Sesame", `the URL of ntfy: setting query parameter "colour" to "***": not a valid config key: colour (valid keys: `},
	} {
		got := ""
		if err := CheckURL(c.url); err != nil {
			got = err.Error()
		}
		t.Logf("%s: %s", c.url, got)
		if got != c.want && (c.want == "" || !strings.HasPrefix(got, c.want)) || strings.Contains(got, "Sesame") {
			t.Errorf("%s:\n got %s\nwant %s", c.url, got, c.want)
		}
	}
}

// TestSendByURL has requests as the services want them.
func TestSendByURL(t *testing.T) {
	const title, text = "deploy failed", "exit code 1\nby @all of <b@example.com>"
	for _, c := range []struct {
		url   string // HOST is the stand-in's
		check func(t *testing.T, r *http.Request, body string)
	}{
		// https://docs.ntfy.sh/publish/
		{"ntfy://user:Sesame-1@HOST/builds?scheme=http&priority=5&tags=warning", func(t *testing.T, r *http.Request, body string) {
			user, password, _ := r.BasicAuth()
			if r.Method != "POST" || r.URL.Path != "/builds" || user != "user" || password != "Sesame-1" {
				t.Errorf("%s %s by %s:%s", r.Method, r.URL, user, password)
			}
			if r.Header.Get("Title") != title || r.Header.Get("Tags") != "warning" || !strings.EqualFold(r.Header.Get("Priority"), "max") || body != text {
				t.Errorf("%v\n%s", r.Header, body)
			}
		}},
		// https://gotify.net/api-docs#/message/createMessage
		{"gotify://HOST/AzyoeNS.D4iJLVa?disabletls=yes&priority=8", func(t *testing.T, r *http.Request, body string) {
			var m struct {
				Title, Message string
				Priority       int
			}
			if err := json.Unmarshal([]byte(body), &m); err != nil || m.Title != title || m.Message != text || m.Priority != 8 {
				t.Errorf("%s: %v", body, err)
			}
			if token := r.URL.Query().Get("token") + r.Header.Get("X-Gotify-Key"); r.URL.Path != "/message" || token != "AzyoeNS.D4iJLVa" {
				t.Errorf("%s by %q", r.URL.Path, token)
			}
		}},
		{"generic+http://HOST/hook?template=json&token=Sesame-1", func(t *testing.T, r *http.Request, body string) {
			var m map[string]string
			if err := json.Unmarshal([]byte(body), &m); err != nil || m["title"] != title || m["message"] != text {
				t.Errorf("%s: %v", body, err)
			}
			if r.Method != "POST" || r.URL.String() != "/hook?token=Sesame-1" || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
			}
		}},
		{"generic+http://HOST/hook", func(t *testing.T, r *http.Request, body string) {
			if body != title+"\n\n"+text {
				t.Errorf("%s", body)
			}
		}},
		// https://developers.mattermost.com/integrate/webhooks/incoming/
		{"mattermost://HOST/Sesame-1?disabletls=yes", func(t *testing.T, r *http.Request, body string) {
			var m struct{ Text string }
			if err := json.Unmarshal([]byte(body), &m); err != nil || r.URL.Path != "/hooks/Sesame-1" {
				t.Errorf("%s: %s: %v", r.URL, body, err)
			}
			if want := title + "\n\nexit code 1\nby @\u200ball of <b@example.com>"; m.Text != want {
				t.Errorf("%q, want %q", m.Text, want)
			}
		}},
	} {
		asked := 0
		stand := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			asked++
			c.check(t, r, string(b))
			io.WriteString(w, "{}")
		}))
		at := strings.Replace(c.url, "HOST", stand.Listener.Addr().String(), 1)
		if err := CheckURL(at); err != nil {
			t.Errorf("%s: %v", c.url, err)
		}
		if err := sendByURL(t.Context(), at, title, text); err != nil || asked != 1 {
			t.Errorf("%s: asked %d times, %v", c.url, asked, err)
		}
		stand.Close()
	}
}

func TestSendByURLRefused(t *testing.T) {
	var status int
	var body string
	stand := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		// Servers say again what they were sent.
		io.WriteString(w, strings.ReplaceAll(body, "URL", r.URL.String()))
	}))
	defer stand.Close()
	down := httptest.NewServer(nil)
	down.Close()
	for _, c := range []struct {
		url    string
		status int
		body   string
		final  bool
		want   string
	}{
		{"generic+http://HOST/hook?token=Sesame-1", 404, "", true, "generic: answered 404 Not Found: check the token and the other parts of its URL"},
		{"generic+http://HOST/Sesame-1", 429, "", false, "generic: answered 429 Too Many Requests"},
		{"generic+http://HOST/Sesame-1", 503, "", false, "generic: answered 503 Service Unavailable"},
		{"gotify://HOST/ASesame.D4iJLVa?disabletls=yes", 401, "", true, "gotify: answered 401 Unauthorized: check the token and the other parts of its URL"},
		{"mattermost://HOST/Sesame-1?disabletls=yes", 400, "", true, "mattermost: answered 400 Bad Request"},
		{"ntfy://me:Sesame-1@HOST/builds?scheme=http", 403, `{"code":40301,"http":403,"error":"forbidden for Sesame-1 at URL"}`, true,
			"ntfy: answered 403 Forbidden: check the token and the other parts of its URL"},
		{"ntfy://me:Sesame-1@HOST/builds?scheme=http", 200, "not JSON, from Sesame-1", false, ""},
		{"ntfy://me:Sesame-1@HOST/builds?scheme=http", 413, "too large", true, "ntfy: answered 413 Request Entity Too Large"},
		{"generic+http://DOWN/Sesame-1?x=Sesame-1", 0, "", false, ""},
		{"mattermost://DOWN/Sesame-1?disabletls=yes", 0, "", false, ""},
		{"ntfy://me:Sesame-1@DOWN/Sesame-1?scheme=http", 0, "", false, ""},
		{"gotify://DOWN/ASesame.D4iJLVa?disabletls=yes", 0, "", false, ""},
		{"matrix://me:Sesame-1@DOWN/?rooms=a&disabletls=yes", 0, "", false, ""},
		{"smoke://Sesame-1", 0, "", true, ""},
		{"pushover://Sesame-1", 0, "", true, "pushover: token missing from config URL"},
	} {
		status, body = c.status, c.body
		at := strings.NewReplacer("HOST", stand.Listener.Addr().String(), "DOWN", down.Listener.Addr().String()).Replace(c.url)
		err := sendByURL(t.Context(), at, "title", "text")
		if err == nil {
			t.Errorf("%s %d: no error", c.url, c.status)
			continue
		}
		t.Logf("%s: %v", c.url, err)
		if c.want != "" && err.Error() != c.want || isFinalError(err) != c.final {
			t.Errorf("%s %d:\n got %v (final %v)\nwant %s", c.url, c.status, err, isFinalError(err), c.want)
		}
		if strings.Contains(err.Error(), "Sesame") {
			t.Errorf("%s: the secret is in the error: %v", c.url, err)
		}
	}
}

// TestSendByURLNoAnswer has a service that says nothing, and an attempt that
// ends.
func TestSendByURLNoAnswer(t *testing.T) {
	asked, over := make(chan struct{}), make(chan struct{})
	stand := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-over
	}))
	defer stand.Close()
	defer close(over)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	err := sendByURL(ctx, "generic+"+stand.URL+"/Sesame-1", "", "text")
	if !errors.Is(err, context.Canceled) || isFinalError(err) || strings.Contains(err.Error(), "Sesame") {
		t.Error(err)
	}
	if err := sendByURL(ctx, "generic+"+stand.URL, "", "text"); !errors.Is(err, context.Canceled) {
		t.Errorf("an attempt that has ended asks: %v", err)
	}
	if http.DefaultClient.Timeout == 0 {
		t.Error("what is under way would never end")
	}
}

func TestHideURL(t *testing.T) {
	const at = "slack://hook:T0AB-B1CD-x9@a.example.com/p%20q%2Fr?name=it%27s+me&to=a@b.c"
	for s, want := range map[string]string{
		"Post https://hooks.slack.com/services/T0AB/B1CD/x9: refused":      "Post *** refused",
		`Post "https://hooks.slack.com/services/T0AB/B1CD/x9": refused`:    `Post "***": refused`,
		"token T0AB-B1CD-x9, B1CD":                                         "token ***, ***",
		"path p q/r, p%20q%2Fr, name it's me, it%27s+me, host example.com": "path ***, ***, name ***, ***, host ***.com",
		"name is not known": "name is not known",
	} {
		if got := hideURL(s, at); got != want {
			t.Errorf("%s:\n got %s\nwant %s", s, got, want)
		}
	}
}

type unreachable struct{}

func (unreachable) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, errors.New("dial tcp: no route to host")
}

// TestServiceThatPanics: where Zulip's server cannot be reached, the library
// closes the body of an answer that is not there.
func TestServiceThatPanics(t *testing.T) {
	http.DefaultClient.Transport = unreachable{}
	defer func() { http.DefaultClient.Transport = nil }()
	err := sendByURL(t.Context(), "zulip://bot%40example.com:Sesame-1@zulip.example.com?stream=a&topic=b", "title", "text")
	if err == nil || isFinalError(err) || err.Error() != "zulip: could not be reached" {
		t.Error(err)
	}
}

func FuzzSendByURLErrors(f *testing.F) {
	for _, s := range []string{"gotify://example.com/Sesame-42", "slack://hook:Sesame-42@webhook", "generic+https://a/?x=Sesame-42", "discord://Sesame-42@1", "ifttt://Sesame-42/?events=a", "%zz://Sesame-42"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		err := CheckURL(s)
		u, bad := url.Parse(s)
		if err == nil || bad != nil || u.User == nil {
			return
		}
		if password, ok := u.User.Password(); ok && len(password) >= 12 && strings.Contains(err.Error(), password) {
			t.Errorf("%q: %v", s, err)
		}
	})
}
