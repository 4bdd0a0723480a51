package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
)

// Slack's limits, in characters: https://docs.slack.dev/reference/block-kit/blocks
const (
	slackHeader  = 150
	slackSection = 3000
	slackFields  = 10 // of one section, each up to 2000
)

type slackPost struct {
	Channel string       `json:"channel,omitempty"`
	Text    string       `json:"text"` // for lists, screen readers and the lock screen
	Blocks  []slackBlock `json:"blocks"`
	// No pictures of what a commit message links to.
	UnfurlLinks bool `json:"unfurl_links"`
	UnfurlMedia bool `json:"unfurl_media"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`
	Fields   []slackText `json:"fields,omitempty"`
	Elements []slackText `json:"elements,omitempty"`
}

type slackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// slack posts by an incoming webhook
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks),
// or as a bot (https://docs.slack.dev/reference/methods/chat.postMessage).
func (s *sending) slack(ctx context.Context, c *rules.Slack) error {
	post := slackPostOf(s.message, c.Mention)
	if len(c.URL) > 0 {
		address, err := s.secret(c.URL)
		if err != nil {
			return err
		}
		return s.post(ctx, &request{service: "Slack", url: address, body: inJSON(post), read: readSlackWebhook})
	}
	token, err := s.secret(c.Token)
	if err != nil {
		return err
	}
	post.Channel = c.Channel
	return s.post(ctx, &request{
		service: "Slack", url: c.API + "/chat.postMessage", body: inJSON(post), read: readSlackBot,
		header: http.Header{"Authorization": {"Bearer " + token}},
	})
}

func slackPostOf(m *message, mention []string) slackPost {
	escaped := measure(utf16Units).written(escapeSlack)
	title := escapeSlack(head(m.title, slackHeader, escaped))
	p := slackPost{Text: title, Blocks: []slackBlock{{Type: "header", Text: slackPlain(title)}}}
	if calls := slackMentions(mention); calls != "" && m.pings() {
		p.section(slackMarkup(calls))
	}
	if m.text != "" {
		p.section(slackPlain(escapeSlack(head(m.text, slackSection, escaped))))
	}
	p.facts(m.facts)
	if m.log != "" {
		fenced := measure(utf16Units).written(func(s string) string { return unfence(escapeSlack(s)) })
		log := unfence(escapeSlack(tail(m.log, min(maxLog, slackSection-len("```\n\n```")), fenced)))
		p.section(slackMarkup("```\n" + log + "\n```"))
	}
	if m.link != "" {
		p.context(fmt.Sprintf("<%s|run %d>", linkTarget.Replace(m.link), m.run))
	}
	return p
}

// facts are plain, and side by side where they are short; what has a link is
// markup.
func (p *slackPost) facts(facts []fact) {
	escaped := measure(utf16Units).written(escapeSlack)
	var fields []slackText
	var links []string
	for _, f := range facts {
		value := escapeSlack(head(f.value, maxFact, escaped))
		if f.url != "" {
			word, rest, _ := strings.Cut(value, " ")
			links = append(links, strings.TrimSpace(fmt.Sprintf("<%s|%s> %s", linkTarget.Replace(f.url), word, rest)))
			continue
		}
		fields = append(fields, *slackPlain(f.name + "\n" + value))
	}
	for chunk := range slices.Chunk(fields, slackFields) {
		p.Blocks = append(p.Blocks, slackBlock{Type: "section", Fields: chunk})
	}
	for _, link := range links {
		p.context(link)
	}
}

func (p *slackPost) section(text *slackText) {
	p.Blocks = append(p.Blocks, slackBlock{Type: "section", Text: text})
}

func (p *slackPost) context(markup string) {
	p.Blocks = append(p.Blocks, slackBlock{Type: "context", Elements: []slackText{*slackMarkup(markup)}})
}

func slackPlain(text string) *slackText  { return &slackText{"plain_text", text} }
func slackMarkup(text string) *slackText { return &slackText{"mrkdwn", text} }

// escapeSlack writes what begins a link or a call as Slack wants it written when
// it is neither: https://docs.slack.dev/messaging/formatting-message-text#escaping
func escapeSlack(s string) string { return slackEntities.Replace(s) }

var slackEntities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func slackMentions(mention []string) string {
	var calls []string
	for _, who := range mention {
		kind, id, _ := strings.Cut(who, ":")
		switch kind {
		case "user":
			calls = append(calls, "<@"+id+">")
		case "group":
			calls = append(calls, "<!subteam^"+id+">")
		default: // channel, here, everyone
			calls = append(calls, "<!"+who+">")
		}
	}
	return strings.Join(calls, " ")
}

// slackTodo says what helps against Slack's errors.
var slackTodo = map[string]string{
	"no_service":          "the webhook was removed in Slack: make a new one (api.slack.com/apps, Incoming Webhooks) and put its URL into PLACE",
	"no_active_hooks":     "the webhook was switched off in Slack: make a new one and put its URL into PLACE",
	"no_team":             "the workspace is gone, or the URL is not whole; look at PLACE",
	"invalid_token":       "the URL is not whole, or the webhook was removed; put a new one into PLACE",
	"channel_not_found":   "there is no such channel, or the bot does not see it: write the channel's id, and invite the bot",
	"not_in_channel":      "invite the bot to the channel",
	"channel_is_archived": "the channel is archived; choose another one",
	"is_archived":         "the channel is archived; choose another one",
	"action_prohibited":   "an administrator of the workspace has restricted who may post",
	"invalid_auth":        "the token is wrong or was revoked; put a new one into PLACE",
	"not_authed":          "the token is wrong; put the bot's token (xoxb-…) into PLACE",
	"token_revoked":       "the token was revoked; put a new one into PLACE",
	"token_expired":       "the token has expired; put a new one into PLACE",
	"account_inactive":    "the token's account is switched off; put another token into PLACE",
	"missing_scope":       "the bot lacks the scope chat:write; add it in api.slack.com/apps and install the app anew",
}

// readSlackWebhook reads an answer that is one word.
func readSlackWebhook(a *outbound.Answer, r *reply) {
	if !r.ok {
		r.said = string(a.Body)
		r.todo = slackTodo[strings.TrimSpace(r.said)]
	}
}

// slackPasses are errors of Slack's methods that may pass.
var slackPasses = []string{"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}

// readSlackBot reads the answer of a method, which is 200 for most errors too.
func readSlackBot(a *outbound.Answer, r *reply) {
	var said struct {
		OK       bool   `json:"ok"`
		Error    string `json:"error"`
		Needed   string `json:"needed"`
		Metadata struct {
			Messages []string `json:"messages"`
		} `json:"response_metadata"`
	}
	if err := json.Unmarshal(a.Body, &said); err != nil {
		if r.ok {
			*r = reply{final: true, said: string(a.Body), todo: "that is not Slack; look at api in PLACE"}
		}
		return
	}
	if said.OK {
		return
	}
	r.ok, r.final = false, r.final || a.Status/100 == 2 && !slices.Contains(slackPasses, said.Error)
	r.said = strings.TrimSpace(said.Error + " " + strings.Join(said.Metadata.Messages, " "))
	r.todo = slackTodo[said.Error]
	if strings.HasPrefix(said.Error, "rate") && r.rest == 0 {
		r.rest = unknownRest
	}
}
