package notify

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/hooktender/hooktender/rules"
)

// standInTelegram is https://core.telegram.org/bots/api#sendmessage.
func standInTelegram(t testing.TB) *standIn {
	type body struct {
		ChatID              string `json:"chat_id"`
		MessageThreadID     int    `json:"message_thread_id"`
		Text                string
		ParseMode           string `json:"parse_mode"`
		DisableNotification bool   `json:"disable_notification"`
		LinkPreviewOptions  struct {
			IsDisabled bool `json:"is_disabled"`
		} `json:"link_preview_options"`
	}
	check := func(r *http.Request, raw []byte) *refusal {
		no := func(status int, description string) *refusal {
			return &refusal{status, fmt.Sprintf(`{"ok": false, "error_code": %d, "description": %q}`, status, description)}
		}
		b, wrong := fields[body](raw)
		switch {
		case wrong != nil:
			return wrong
		case r.URL.Path != "/bot"+secretToken+"/sendMessage":
			return no(401, "Unauthorized")
		case b.ChatID != "-100123":
			return no(400, "Bad Request: chat not found")
		case b.ParseMode != "HTML":
			return no(400, "Bad Request: unsupported parse_mode")
		}
		text, err := telegramSees(b.Text)
		if n := len(utf16.Encode([]rune(text))); err == nil && (n > 4096 || n == 0) {
			err = fmt.Errorf("message is too long: %d", n)
		}
		if err != nil {
			return no(400, "Bad Request: "+err.Error())
		}
		return nil
	}
	return newStandIn(t, check, func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"ok": true, "result": {}}`) })
}

var telegramTag = regexp.MustCompile(`<(/?)([a-z-]+)( href="([^"<>]*)")?>`)

// telegramSees reads HTML as strictly as Telegram
// (https://core.telegram.org/bots/api#html-style), and returns the text of it.
func telegramSees(s string) (string, error) {
	var open []string
	var text strings.Builder
	from := 0
	for _, m := range telegramTag.FindAllStringSubmatchIndex(s, -1) {
		text.WriteString(s[from:m[0]])
		from = m[1]
		closes, name := s[m[2]:m[3]] == "/", s[m[4]:m[5]]
		switch {
		case !slices.Contains([]string{"b", "a", "pre", "code"}, name):
			return "", fmt.Errorf("can't parse entities: unsupported start tag %q", name)
		case !closes:
			open = append(open, name)
		case len(open) == 0 || open[len(open)-1] != name:
			return "", fmt.Errorf("can't parse entities: unexpected end tag %q", name)
		default:
			open = open[:len(open)-1]
		}
	}
	text.WriteString(s[from:])
	if len(open) > 0 || strings.ContainsAny(text.String(), "<>") {
		return "", fmt.Errorf("can't parse entities: %v is not closed", open)
	}
	return html.UnescapeString(text.String()), nil
}

func telegramStage(t *testing.T, more string) (*stage, *standIn) {
	telegram := standInTelegram(t)
	return newStage(t, `telegram: {token: "${env:TOKEN}", chat: -100123, api: "`+telegram.URL+`"`+more+`}`), telegram
}

func TestTelegram(t *testing.T) {
	s, telegram := telegramStage(t, ", thread: 7")
	s.notification().Message = rules.Plain("a < b & c")
	s.good(t)
	post := telegram.only(t)
	want := "<b>❌ redeploy failed: exit code 2</b>\n\na &lt; b &amp; c\n\nHook: /github/website\nRule: redeploy\nEvent: push\n" +
		`Commit: <a href="https://github.com/octo-org/website/commit/6113728">6113728 Fix the header (Jane)</a>` +
		"\nBranch: octo-org/website main\nDuration: 1m23s\nExit code: 2\n<pre>building\nerror: no space</pre>\n" + `<a href="https://hooks.internal/runs/42">run 42</a>`
	if post["text"] != want || post["message_thread_id"] != 7.0 {
		t.Errorf("got  %s\nwant %s", post["text"], want)
	}
}

func TestTelegramHostile(t *testing.T) {
	for _, times := range []int{1, 60} {
		s, telegram := telegramStage(t, "")
		s.hostileEverywhere(times)
		s.good(t)
		post := telegram.only(t)
		shown, _, _ := strings.Cut(post["text"].(string), "<pre>")
		if found := regexp.MustCompile(`@\w+`).FindString(shown); found != "" {
			t.Errorf("calls %s", found)
		}
		for _, m := range telegramTag.FindAllStringSubmatch(shown, -1) {
			if m[4] != "" && !strings.HasPrefix(m[4], "https://example.com/") {
				t.Errorf("a forged link: %s", m[0])
			}
		}
	}
}

func TestTelegramSilent(t *testing.T) {
	for moment, want := range map[rules.Moment]any{rules.OnSuccess: true, rules.OnFailure: nil} {
		s, telegram := telegramStage(t, ", silent: true")
		s.notification().Moment = moment
		s.good(t)
		if got := telegram.only(t)["disable_notification"]; got != want {
			t.Errorf("%s: silent is %v", moment, got)
		}
	}
}

func TestTelegramRefuses(t *testing.T) {
	telegram := standInTelegram(t)
	s := newStage(t, `telegram: {token: "1${env:TOKEN}", chat: -100123, api: "`+telegram.URL+`"}`)
	if failed := s.refused(t, "Telegram answered 401: Unauthorized; the token is wrong"); !failed.Final {
		t.Errorf("%+v", failed)
	}
	s = newStage(t, `telegram: {token: "${env:TOKEN}", chat: "@other", api: "`+telegram.URL+`"}`)
	if failed := s.refused(t, "the bot does not know this chat"); !failed.Final {
		t.Errorf("%+v", failed)
	}
	for _, c := range []struct {
		status     int
		body, want string
		after      time.Duration
	}{
		{429, `{"ok": false, "error_code": 429, "description": "Too Many Requests: retry after 35", "parameters": {"retry_after": 35}}`, "429: Too Many Requests", 35 * time.Second},
		{400, `{"ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat", "parameters": {"migrate_to_chat_id": -1007}}`, "write chat: -1007 in notify: ops", 0},
		{403, `{"ok": false, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}`, "let it in again", 0},
		{200, `{"ok": false, "description": "odd"}`, "odd", 0},
	} {
		s := newStage(t, `telegram: {token: "${env:TOKEN}", chat: -100123, api: "`+answering(t, c.status, nil, c.body).URL+`"}`)
		if failed := s.refused(t, c.want); failed.After != c.after || failed.Final != (c.after == 0) {
			t.Errorf("%s: %+v", c.body, failed)
		}
	}
}
