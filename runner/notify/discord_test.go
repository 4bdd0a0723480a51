package notify

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/hooktender/hooktender/rules"
)

// standInDiscord executes webhooks as
// https://docs.discord.com/developers/resources/webhook#execute-webhook says.
func standInDiscord(t testing.TB) *standIn {
	type body struct {
		Content   string
		Username  string
		AvatarURL string `json:"avatar_url"`
		Embeds    []struct {
			Title, Description, URL, Timestamp string
			Color                              int
			Footer                             struct{ Text string }
			Fields                             []struct {
				Name, Value string
				Inline      bool
			}
		}
		AllowedMentions *struct{ Parse, Roles, Users []string } `json:"allowed_mentions"`
	}
	check := func(r *http.Request, raw []byte) *refusal {
		switch {
		case r.Method != "POST" || !strings.HasPrefix(r.URL.Path, "/api/webhooks/1/"):
			return &refusal{404, `{"message": "Unknown Webhook", "code": 10015}`}
		case r.URL.Path != "/api/webhooks/1/"+secretToken:
			return &refusal{401, `{"message": "Invalid Webhook Token", "code": 50027}`}
		}
		b, no := fields[body](raw)
		if no != nil {
			return no
		}
		texts, sum := map[string]string{}, 0
		add := func(name, text string) { texts[name] = text; sum += len([]rune(text)) }
		for _, e := range b.Embeds {
			add("title", e.Title)
			if e.URL != "" && !regexp.MustCompile(`^https?://[^/ ]+\.[^/ ]+/`).MatchString(e.URL) {
				return &refusal{400, `{"message": "Invalid Form Body", "code": 50035, "errors": {"embeds": "Not a well formed URL."}}`}
			}
			if e.Description != "" {
				add("description", e.Description)
			}
			add("footer", e.Footer.Text)
			for i, f := range e.Fields {
				add(fmt.Sprint("name ", i), f.Name)
				add(fmt.Sprint("value ", i), f.Value)
			}
			if len(e.Fields) > 25 {
				sum += 6000
			}
		}
		err := long(texts, map[string]int{"title": 256, "description": 4096, "name": 256, "value": 1024, "footer": 2048})
		if err != nil || sum > 6000 || len(b.Embeds) > 10 || len(b.Content) > 2000 || len(b.Embeds) == 0 && b.Content == "" {
			return &refusal{400, fmt.Sprintf(`{"message": "Invalid Form Body", "code": 50035, "errors": {"embeds": %q}}`, fmt.Sprint(err, sum))}
		}
		if r.URL.Query().Get("wait") != "true" {
			return &refusal{204, ""} // and nobody knows
		}
		return nil
	}
	return newStandIn(t, check, func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"id": "1"}`) })
}

func discordStage(t *testing.T, more string) (*stage, *standIn) {
	discord := standInDiscord(t)
	return newStage(t, `discord: {url: "`+discord.URL+`/api/webhooks/1/${env:TOKEN}?thread_id=5"`+more+`}`), discord
}

func TestDiscord(t *testing.T) {
	s, discord := discordStage(t, ", username: hooks")
	s.notification().Message = rules.Plain("see https://example.com/a_b_c and *this*")
	s.good(t)
	post := discord.only(t)
	embed := post["embeds"].([]any)[0].(map[string]any)
	if embed["title"] != "❌ redeploy failed: exit code 2" || embed["url"] != "https://hooks.internal/runs/42" || post["username"] != "hooks" {
		t.Errorf("%v", post)
	}
	want := "see https://example.com/a_b_c and \\*this\\*\n```\nbuilding\nerror: no space\n```"
	if embed["description"] != want {
		t.Errorf("got %q\nwant %q", embed["description"], want)
	}
	var facts []string
	for _, f := range embed["fields"].([]any) {
		facts = append(facts, f.(map[string]any)["name"].(string)+"="+f.(map[string]any)["value"].(string))
	}
	if got, want := strings.Join(facts, ";"), "Hook=/github/website;Rule=redeploy;Event=push;Commit=[6113728](https://github.com/octo-org/website/commit/6113728) Fix the header \\(Jane\\);"+
		"Branch=octo-org/website main;Duration=1m23s;Exit code=2"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := s.output.String(); !strings.Contains(got, "POST Discord: 200") || !strings.Contains(got, "redeploy failed") {
		t.Errorf("the output is %q", got)
	}
}

// A commit message cannot ping @everyone, nor be more than text.
func TestDiscordHostile(t *testing.T) {
	for _, times := range []int{1, 60} {
		s, discord := discordStage(t, "")
		s.hostileEverywhere(times)
		s.good(t)
		post := discord.only(t)
		if got := fmt.Sprint(post["allowed_mentions"], post["content"]); got != "map[parse:[]] <nil>" {
			t.Errorf("may ping: %s", got)
		}
		embed := post["embeds"].([]any)[0].(map[string]any)
		if fences := strings.Count(embed["description"].(string), "```"); fences != 2 {
			t.Errorf("%d fences in %q", fences, embed["description"])
		}
		text, _, _ := strings.Cut(embed["description"].(string), "\n```\n")
		text += "\n" + embed["title"].(string)
		for _, f := range embed["fields"].([]any) {
			text += "\n" + f.(map[string]any)["value"].(string)
		}
		if found := regexp.MustCompile("(^|[^\\\\])[*_`|<@]").FindString(bareURL.ReplaceAllString(text, "")); found != "" {
			t.Errorf("%q is not escaped in %q", found, text)
		}
		for _, link := range regexp.MustCompile(`[^\\]\]\(([^)]*)\)`).FindAllStringSubmatch(text, -1) {
			if !strings.HasPrefix(link[1], "https://example.com/") {
				t.Errorf("a forged link: %q", link)
			}
		}
	}
}

func TestDiscordMention(t *testing.T) {
	for moment, want := range map[rules.Moment]string{
		rules.OnFailure: "@everyone <@&5> <@6>",
		rules.OnSuccess: "<nil>",
	} {
		s, discord := discordStage(t, `, mention: [everyone, "role:5", "user:6"]`)
		s.notification().Moment = moment
		s.good(t)
		post := discord.only(t)
		if got := fmt.Sprint(post["content"]); got != want {
			t.Errorf("%s: %q, want %q", moment, got, want)
		}
		if got := fmt.Sprint(post["allowed_mentions"]); moment == rules.OnFailure && got != "map[parse:[everyone] roles:[5] users:[6]]" {
			t.Errorf("%s: %s", moment, got)
		}
	}
}

// A console that only this machine reaches is no reason to lose the message.
func TestDiscordLocalConsole(t *testing.T) {
	s, discord := discordStage(t, "")
	config := *s.performer.Config()
	config.Server.ConsoleURL = "http://localhost:9001"
	s.performer.Config = func() *rules.Config { return &config }
	s.good(t)
	if shown := fmt.Sprint(discord.only(t)); !strings.Contains(shown, "http://localhost:9001/runs/42") {
		t.Errorf("%s", shown)
	}
}

func TestDiscordRefuses(t *testing.T) {
	discord := standInDiscord(t)
	s := newStage(t, `discord: "`+discord.URL+`/api/webhooks/2/${env:TOKEN}"`)
	if failed := s.refused(t, "Discord answered 404: Unknown Webhook; the webhook was deleted in Discord"); !failed.Final || !strings.Contains(failed.Error(), "notify: ops") {
		t.Errorf("%+v", failed)
	}
	s = newStage(t, `discord: "`+discord.URL+`/api/webhooks/1/${env:TOKEN}x"`)
	if failed := s.refused(t, "Discord answered 401: Invalid Webhook Token"); !failed.Final {
		t.Errorf("%+v", failed)
	}
}
