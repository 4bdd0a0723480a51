package notify

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
)

type slackBody struct {
	Channel     string
	Text        string
	UnfurlLinks *bool `json:"unfurl_links"`
	UnfurlMedia *bool `json:"unfurl_media"`
	Blocks      []struct {
		Type     string
		Text     *struct{ Type, Text string }
		Fields   []struct{ Type, Text string }
		Elements []struct{ Type, Text string }
	}
}

// check refuses what https://docs.slack.dev/reference/block-kit/blocks does.
func (b *slackBody) check() string {
	if b.Text == "" {
		return "no_text"
	}
	if len(b.Blocks) > 50 {
		return "invalid_blocks"
	}
	texts := map[string]string{}
	for i, block := range b.Blocks {
		switch {
		case block.Type == "header" && block.Text != nil && block.Text.Type == "plain_text":
			texts[fmt.Sprint("header ", i)] = block.Text.Text
		case block.Type == "section" && block.Text != nil && len(block.Fields) == 0:
			texts[fmt.Sprint("section ", i)] = block.Text.Text
		case block.Type == "section" && len(block.Fields) > 0 && len(block.Fields) <= 10:
			for j, f := range block.Fields {
				texts[fmt.Sprint("field ", i, j)] = f.Text
			}
		case block.Type == "context" && len(block.Elements) > 0 && len(block.Elements) <= 10:
			for j, e := range block.Elements {
				texts[fmt.Sprint("section ", i, j)] = e.Text
			}
		default:
			return "invalid_blocks"
		}
	}
	if err := long(texts, map[string]int{"header": 150, "section": 3000, "field": 2000}); err != nil {
		return "invalid_blocks " + err.Error()
	}
	return ""
}

func standInSlack(t testing.TB) *standIn {
	check := func(r *http.Request, raw []byte) *refusal {
		if r.URL.Path != "/services/T0/B0/"+secretToken {
			return &refusal{404, "no_service"}
		}
		b, no := fields[slackBody](raw)
		if no == nil {
			if wrong := b.check(); wrong != "" {
				no = &refusal{400, wrong}
			}
		}
		return no
	}
	return newStandIn(t, check, func(w http.ResponseWriter) { _, _ = io.WriteString(w, "ok") })
}

// standInSlackBot is https://docs.slack.dev/reference/methods/chat.postMessage.
func standInSlackBot(t testing.TB) *standIn {
	check := func(r *http.Request, raw []byte) *refusal {
		b, no := fields[slackBody](raw)
		says := func(word string) *refusal { return &refusal{200, `{"ok": false, "error": "` + word + `"}`} }
		switch {
		case no != nil:
			return no
		case r.URL.Path != "/api/chat.postMessage":
			return says("unknown_method")
		case r.Header.Get("Authorization") != "Bearer "+secretToken:
			return says("invalid_auth")
		case b.Channel != "C1":
			return says("channel_not_found")
		case b.check() != "":
			return says(b.check())
		}
		return nil
	}
	return newStandIn(t, check, func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"ok": true}`) })
}

// slackAllowed are the only marks that a message of ours may have, beside those
// that a mention writes.
var slackAllowed = regexp.MustCompile(`<https://[^<>|\s]+\|[^<>|]*>`)

func TestSlack(t *testing.T) {
	slack := standInSlack(t)
	s := newStage(t, `slack: "`+slack.URL+`/services/T0/B0/${env:TOKEN}"`)
	s.notification().Message = rules.Plain("a < b & c")
	s.good(t)
	post := slack.only(t)
	shown := fmt.Sprint(post["blocks"])
	for _, want := range []string{
		"❌ redeploy failed: exit code 2", "a &lt; b &amp; c", "Hook\n/github/website", "Exit code\n2",
		"<https://github.com/octo-org/website/commit/6113728|6113728> Fix the header (Jane)", "```\nbuilding\nerror: no space\n```", "<https://hooks.internal/runs/42|run 42>",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is not in %s", want, shown)
		}
	}
	if post["text"] != "❌ redeploy failed: exit code 2" {
		t.Errorf("lists show %q", post["text"])
	}
}

func TestSlackHostile(t *testing.T) {
	for _, times := range []int{1, 60} {
		slack := standInSlack(t)
		s := newStage(t, `slack: "`+slack.URL+`/services/T0/B0/${env:TOKEN}"`)
		s.hostileEverywhere(times)
		s.good(t)
		post := slack.only(t)
		if strings.ContainsAny(fmt.Sprint(post["text"]), "<>") {
			t.Errorf("%q", post["text"])
		}
		fences := 0
		for _, block := range post["blocks"].([]any) {
			shown := slackAllowed.ReplaceAllStringFunc(fmt.Sprint(block), func(link string) string {
				if !strings.HasPrefix(link, "<https://example.com/") && !strings.HasPrefix(link, "<https://hooks.internal/") {
					t.Errorf("a forged link: %s", link)
				}
				return ""
			})
			if strings.ContainsAny(shown, "<>") {
				t.Errorf("marks in %s", shown)
			}
			if strings.Contains(shown, "mrkdwn") {
				fences += strings.Count(shown, "```")
			}
		}
		if fences != 2 {
			t.Errorf("%d fences", fences)
		}
	}
}

func TestSlackBot(t *testing.T) {
	slack := standInSlackBot(t)
	place := func(token, channel string) string {
		return fmt.Sprintf(`slack: {token: %q, channel: %s, api: %q, mention: [here, "user:U1", "group:S1"]}`, token, channel, slack.URL+"/api")
	}
	s := newStage(t, place("${env:TOKEN}", "C1"))
	s.good(t)
	if shown := fmt.Sprint(slack.only(t)); !strings.Contains(shown, "<!here> <@U1> <!subteam^S1>") {
		t.Errorf("nobody is called: %s", shown)
	}
	for _, c := range []struct{ token, channel, want string }{
		{"xoxb-wrong-token", "C1", "Slack answered 200: invalid_auth; the token is wrong or was revoked"},
		{"${env:TOKEN}", "C2", "Slack answered 200: channel_not_found; there is no such channel"},
	} {
		if failed := newStage(t, place(c.token, c.channel)).refused(t, c.want); !failed.Final {
			t.Errorf("%+v", failed)
		}
	}
	for answer, want := range map[string]time.Duration{`{"ok": false, "error": "ratelimited"}`: unknownRest, `{"ok": false, "error": "internal_error"}`: 0} {
		s := newStage(t, fmt.Sprintf(`slack: {token: "${env:TOKEN}", channel: C1, api: %q}`, answering(t, 200, nil, answer).URL))
		if failed := s.refused(t, "Slack answered 200"); failed.Final || failed.After != want {
			t.Errorf("%s: %+v", answer, failed)
		}
	}
	s = newStage(t, fmt.Sprintf(`slack: {token: "${env:TOKEN}", channel: C1, api: %q}`, answering(t, 200, nil, "<html>").URL))
	if failed := s.refused(t, "that is not Slack"); !failed.Final {
		t.Errorf("%+v", failed)
	}
}

func TestSlackRefuses(t *testing.T) {
	s := newStage(t, `slack: "`+standInSlack(t).URL+`/services/T0/B0/removed-${env:TOKEN}"`)
	if failed := s.refused(t, "Slack answered 404: no_service; the webhook was removed in Slack"); !failed.Final {
		t.Errorf("%+v", failed)
	}
}
