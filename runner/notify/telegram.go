package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strings"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
)

// telegramText is how long a message may be, after its markup was read:
// https://core.telegram.org/bots/api#sendmessage
const telegramText = 4096

type telegramPost struct {
	Chat    string          `json:"chat_id"`
	Thread  int             `json:"message_thread_id,omitempty"`
	Text    string          `json:"text"`
	Mode    string          `json:"parse_mode"`
	Silent  bool            `json:"disable_notification,omitempty"`
	Preview telegramPreview `json:"link_preview_options"`
}

type telegramPreview struct {
	Disabled bool `json:"is_disabled"`
}

// telegram sends a message as a bot: https://core.telegram.org/bots/api#sendmessage
func (s *sending) telegram(ctx context.Context, c *rules.Telegram) error {
	token, err := s.secret(c.Token)
	if err != nil {
		return err
	}
	post := telegramPost{
		Chat: c.Chat, Thread: c.Thread, Mode: "HTML", Text: telegramHTML(s.message),
		Silent: c.Silent && !s.message.pings(), Preview: telegramPreview{true},
	}
	return s.post(ctx, &request{service: "Telegram", url: c.API + "/bot" + token + "/sendMessage", body: inJSON(post), read: readTelegram})
}

// telegramHTML writes the message in what Telegram knows of HTML:
// https://core.telegram.org/bots/api#html-style. Each piece is cut before it is
// marked up, so that no mark is cut.
func telegramHTML(m *message) string {
	left := telegramText - 100 // line breaks, and the link
	piece := func(s string, limit int) string {
		s = unping(head(s, min(limit, left), unpinged)) // Telegram finds names of members by itself
		left -= utf16Units(s)
		return html.EscapeString(s)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<b>%s</b>\n", piece(m.title, 300))
	if m.text != "" {
		fmt.Fprintf(&b, "\n%s\n", piece(m.text, maxText))
	}
	b.WriteString("\n")
	for _, f := range m.facts {
		left -= len(f.name) + len(": \n")
		value := piece(f.value, 200)
		if f.url != "" {
			value = fmt.Sprintf(`<a href="%s">%s</a>`, html.EscapeString(f.url), value)
		}
		fmt.Fprintf(&b, "%s: %s\n", f.name, value)
	}
	if m.log != "" {
		fmt.Fprintf(&b, "<pre>%s</pre>\n", html.EscapeString(tail(m.log, min(maxLog, left), utf16Units)))
	}
	if m.link != "" {
		fmt.Fprintf(&b, `<a href="%s">run %d</a>`, html.EscapeString(m.link), m.run)
	}
	return strings.TrimSpace(b.String())
}

// unpinged is the most that a text takes when nobody is called by it.
func unpinged(s string) int { return utf16Units(s) + strings.Count(s, "@") + strings.Count(s, "<") }

// readTelegram reads an answer: https://core.telegram.org/bots/api#making-requests
func readTelegram(a *outbound.Answer, r *reply) {
	var said struct {
		OK          bool   `json:"ok"`
		Description string `json:"description"`
		Parameters  struct {
			RetryAfter float64 `json:"retry_after"`
			MigrateTo  int64   `json:"migrate_to_chat_id"`
		} `json:"parameters"`
	}
	if json.Unmarshal(a.Body, &said) != nil {
		return
	}
	if r.ok && !said.OK {
		r.ok, r.final = false, true
	}
	if r.ok {
		return
	}
	r.said = said.Description
	r.rest = max(r.rest, seconds(said.Parameters.RetryAfter))
	switch {
	case said.Parameters.MigrateTo != 0:
		r.todo = fmt.Sprintf("the group has become a supergroup: write chat: %d in PLACE", said.Parameters.MigrateTo)
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusNotFound:
		r.todo = "the token is wrong or was revoked: ask @BotFather for it and put it into PLACE"
	case a.Status == http.StatusForbidden:
		r.todo = "the bot was blocked or removed from the chat: let it in again, and write to it once if it is a private chat"
	case strings.Contains(said.Description, "chat not found"):
		r.todo = "the bot does not know this chat: add it to the group, or write to it once if it is a private chat"
	case strings.Contains(said.Description, "thread not found"):
		r.todo = "the topic is gone: look at thread in PLACE"
	}
}
