package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
)

// Discord's limits, in characters:
// https://docs.discord.com/developers/resources/message#embed-object-embed-limits
const (
	discordTitle       = 256
	discordDescription = 4096
	discordField       = 1024
	discordTotal       = 6000
)

type discordPost struct {
	Content  string         `json:"content,omitempty"`
	Username string         `json:"username,omitempty"`
	Avatar   string         `json:"avatar_url,omitempty"`
	Embeds   []discordEmbed `json:"embeds"`
	Mentions discordAllowed `json:"allowed_mentions"`
}

type discordEmbed struct {
	Title       string          `json:"title"`
	URL         string          `json:"url,omitempty"`
	Description string          `json:"description,omitempty"`
	Color       int             `json:"color"`
	Timestamp   string          `json:"timestamp,omitempty"`
	Fields      []discordDetail `json:"fields,omitempty"`
	Footer      *discordFooter  `json:"footer,omitempty"`
}

type discordDetail struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Inline bool   `json:"inline"`
}

type discordFooter struct {
	Text string `json:"text"`
}

// discordAllowed says who may be pinged. Without it, whoever the content names.
type discordAllowed struct {
	Parse []string `json:"parse"`
	Roles []string `json:"roles,omitempty"`
	Users []string `json:"users,omitempty"`
}

var discordColors = map[mood]int{info: 0x5865F2, good: 0x57F287, bad: 0xED4245, waiting: 0xFEE75C}

// discord executes a webhook:
// https://docs.discord.com/developers/resources/webhook#execute-webhook
func (s *sending) discord(ctx context.Context, c *rules.Discord) error {
	address, err := s.secret(c.URL)
	if err != nil {
		return err
	}
	post := discordPost{
		Username: c.Username, Avatar: c.AvatarURL, Embeds: []discordEmbed{discordEmbedOf(s.message)},
		Mentions: discordAllowed{Parse: []string{}},
	}
	if s.message.pings() {
		post.ping(c.Mention)
	}
	return s.post(ctx, &request{service: "Discord", url: waitFor(address), body: inJSON(post), read: readDiscord})
}

// waitFor asks for an answer that says whether the message was kept; without
// wait, one that is refused later is lost in silence.
func waitFor(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	query := u.Query()
	query.Set("wait", "true")
	u.RawQuery = query.Encode()
	return u.String()
}

func (p *discordPost) ping(mention []string) {
	var names []string
	for _, who := range mention {
		kind, id, _ := strings.Cut(who, ":")
		switch kind {
		case "role":
			names, p.Mentions.Roles = append(names, "<@&"+id+">"), append(p.Mentions.Roles, id)
		case "user":
			names, p.Mentions.Users = append(names, "<@"+id+">"), append(p.Mentions.Users, id)
		default: // everyone, here
			names, p.Mentions.Parse = append(names, "@"+who), []string{"everyone"}
		}
	}
	p.Content = strings.Join(names, " ")
}

func discordEmbedOf(m *message) discordEmbed {
	escaped := measure(utf16Units).written(escapeDiscord)
	e := discordEmbed{
		Title: escapeDiscord(head(m.title, discordTitle, escaped)), Color: discordColors[m.mood],
		Timestamp: m.when.UTC().Format(time.RFC3339), Footer: &discordFooter{"run " + strconv.FormatInt(m.run, 10)},
	}
	facts := m.facts
	if linkable(m.link) {
		e.URL = m.link
	} else if m.link != "" {
		facts = append(slices.Clone(facts), fact{name: "Page", value: m.link})
	}
	left := discordTotal - utf16Units(e.Title) - utf16Units(e.Footer.Text)
	for _, f := range facts {
		value := escapeDiscord(head(f.value, maxFact, escaped))
		if linked := discordLink(value, f.url); utf16Units(linked) <= discordField {
			value = linked
		}
		e.Fields = append(e.Fields, discordDetail{f.name, value, f.short})
		left -= utf16Units(f.name) + utf16Units(value)
	}
	left = min(left, discordDescription)
	text := escapeDiscord(head(m.text, min(maxText, left), escaped))
	e.Description = text
	if m.log != "" {
		fenced := measure(utf16Units).written(unfence)
		room := min(maxLog, left-utf16Units(text)-len("\n```\n\n```"))
		e.Description = strings.TrimSpace(text + "\n```\n" + unfence(tail(m.log, room, fenced)) + "\n```")
	}
	return e
}

// linkable tells whether Discord takes an address as that of an embed: it refuses
// the whole message for a host without a dot, such as localhost.
func linkable(address string) bool {
	u, err := url.Parse(address)
	return err == nil && strings.Contains(u.Hostname(), ".")
}

// discordMarkup are characters that Discord reads as markup anywhere, or at the
// beginning of a line: https://support.discord.com/hc/en-us/articles/210298617
var discordMarkup = regexp.MustCompile("(?m)[\\\\*_~`|<@\\[\\]()]|^[ \t]*[#>+-]")

// escapeDiscord writes a text so that it is shown as it is.
func escapeDiscord(s string) string {
	return outsideURLs(s, func(s string) string {
		return discordMarkup.ReplaceAllStringFunc(s, func(found string) string {
			return found[:len(found)-1] + `\` + found[len(found)-1:]
		})
	})
}

// discordLink makes the first word of an escaped text a link.
func discordLink(text, address string) string {
	if address == "" {
		return text
	}
	word, rest, _ := strings.Cut(text, " ")
	return strings.TrimSpace("[" + word + "](" + linkTarget.Replace(address) + ") " + rest)
}

// readDiscord reads what Discord answers with:
// https://docs.discord.com/developers/topics/rate-limits
func readDiscord(a *outbound.Answer, r *reply) {
	var said struct {
		Message    string  `json:"message"`
		Code       int     `json:"code"`
		RetryAfter float64 `json:"retry_after"`
		Errors     any     `json:"errors"`
	}
	if json.Unmarshal(a.Body, &said) == nil && !r.ok {
		r.said = said.Message
		if said.Errors != nil {
			r.said += " " + inJSON(said.Errors)
		}
		r.rest = max(r.rest, seconds(said.RetryAfter))
	}
	switch {
	case r.ok && a.Header.Get("X-RateLimit-Remaining") == "0":
		left, err := strconv.ParseFloat(a.Header.Get("X-RateLimit-Reset-After"), 64)
		if err == nil {
			r.rest = seconds(left)
		}
	case a.Status == http.StatusNotFound || a.Status == http.StatusUnauthorized:
		r.todo = "the webhook was deleted in Discord, or its URL is not whole: make a new one (channel settings, Integrations) and put its URL into PLACE"
	case a.Status == http.StatusForbidden:
		r.todo = "Discord lets nobody post there now; look at the channel's permissions"
	}
}
