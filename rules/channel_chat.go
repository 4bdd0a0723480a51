package rules

import (
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// The addresses of the services themselves.
const (
	slackAPI    = "https://slack.com/api"
	telegramAPI = "https://api.telegram.org"
)

// Discord is a channel of Discord, by the URL of its webhook.
type Discord struct {
	URL       Text
	Username  string   // shown as the author; "" for the webhook's own
	AvatarURL string   // "" for the webhook's own
	Mention   []string // everyone, here, role:ID, user:ID
}

func (d *Discord) settings() []setting {
	return []setting{
		{"url", secretURLs.to(&d.URL), "the webhook's URL; with `?thread_id=…` behind it, a thread of the channel", mustBe},
		{"username", texts.to(&d.Username), "who it is from", "the webhook's name"},
		{"avatar_url", urls.to(&d.AvatarURL), "the picture beside it", "the webhook's"},
		{"mention", mentions(&d.Mention, discordMention, "everyone, here, role:123456789 or user:123456789"), "who is pinged when something went wrong, waits for a person, or the rule just tells: `everyone`, `here`, `role:ID`, `user:ID`, or a list of them", "nobody"},
	}
}

func (d *Discord) check(node) {}

// Slack is a channel of Slack, by an incoming webhook or as a bot.
type Slack struct {
	URL     Text // of an incoming webhook; empty for a bot
	Token   Text
	Channel string
	API     string
	Mention []string // channel, here, everyone, user:ID, group:ID
}

func (s *Slack) settings() []setting {
	return []setting{
		{"url", secretURLs.to(&s.URL), "the incoming webhook's URL; this, or `token` and `channel`", ""},
		{"token", tokens.to(&s.Token), "a bot's token, with the scope `chat:write`", ""},
		{"channel", texts.to(&s.Channel), "the channel's id, where the bot is a member", ""},
		{"api", urls.to(&s.API), "where the bot finds Slack", "`" + slackAPI + "`"},
		{"mention", mentions(&s.Mention, slackMention, "channel, here, everyone, user:U0123ABC or group:S0123ABC"), "who is pinged when something went wrong, waits for a person, or the rule just tells: `channel`, `here`, `everyone`, `user:ID`, `group:ID`, or a list of them", "nobody"},
	}
}

func (s *Slack) check(n node) {
	bot := len(s.Token) > 0 || s.Channel != ""
	switch {
	case len(s.URL) > 0 && bot:
		n.problem("says both url and token with channel; a webhook posts to one channel, a bot to any: leave one of them out")
	case len(s.URL) > 0 || n.holds("url"): // or one that cannot be read here
	case len(s.Token) == 0 || s.Channel == "":
		n.problem("needs the URL of an incoming webhook, or both of {token: \"${env:SLACK_TOKEN}\", channel: C0123456789}")
	}
}

// Teams is a chat or channel of Microsoft Teams, by the URL of a workflow.
type Teams struct{ URL Text }

func (t *Teams) settings() []setting {
	return []setting{{"url", secretURLs.to(&t.URL), "the workflow's URL", mustBe}}
}

func (t *Teams) check(node) {}

// Telegram is a chat of Telegram, told by a bot.
type Telegram struct {
	Token  Text
	Chat   string // a number, or @name of a public one
	Thread int    // of a forum; 0 for none
	Silent bool   // without a sound unless something went wrong
	API    string
}

func (t *Telegram) settings() []setting {
	return []setting{
		{"token", tokens.to(&t.Token), "the bot's token, from @BotFather", mustBe},
		{"chat", telegramChats.to(&t.Chat), "the chat's number, or `@name` of a public channel", mustBe},
		{"thread", counts.to(&t.Thread), "the topic of a group with topics, by its number", "the general one"},
		{"silent", booleans.to(&t.Silent), "good news make no sound", "`false`"},
		{"api", urls.to(&t.API), "where Telegram's bots are served, for a server of your own", "`" + telegramAPI + "`"},
	}
}

func (t *Telegram) check(node) {}

var (
	telegramChat  = regexp.MustCompile(`^(-?[0-9]+|@[A-Za-z0-9_]+)$`)
	telegramChats = kind[string]{node.telegramChat, aText("number, or @name")}
)

func (n node) telegramChat() string {
	s := n.plain()
	if s != "" && !telegramChat.MatchString(s) {
		n.problem("%q is not a chat; write its number, as in \"-1001234567890\", or \"@name\" of a public channel", n.Value)
	}
	return s
}

// Matrix is a room of Matrix.
type Matrix struct {
	Homeserver string // its base URL
	Token      Text
	Room       string // its id: "!abc:example.org"
}

func (m *Matrix) settings() []setting {
	return []setting{
		{"homeserver", urls.to(&m.Homeserver), "the server of the account that tells, as in `https://matrix.example.org`", mustBe},
		{"token", tokens.to(&m.Token), "the account's access token", mustBe},
		{"room", matrixRooms.to(&m.Room), "the room's id, as in `!abc:example.org`; the account must have joined it", mustBe},
	}
}

func (m *Matrix) check(node) {}

var matrixRooms = kind[string]{node.matrixRoom, aText("room")}

func (n node) matrixRoom() string {
	s := n.plain()
	if s != "" && !strings.HasPrefix(s, "!") {
		n.problem("%q is not a room's id; write the one in the room's settings under Advanced, as in \"!abc:example.org\"", n.Value)
	}
	return s
}

var (
	discordMention = regexp.MustCompile(`^(everyone|here|(role|user):[0-9]+)$`)
	slackMention   = regexp.MustCompile(`^(everyone|here|channel|(user|group):[A-Z0-9]+)$`)
)

// mentions reads one who is pinged, or a list of them.
func mentions(at *[]string, pattern *regexp.Regexp, advice string) form {
	read := func(n node) {
		elements := []node{n}
		if n.Kind == yaml.SequenceNode {
			elements = n.list()
		}
		for _, e := range elements {
			s := e.plain()
			if s != "" && !pattern.MatchString(s) {
				e.problem("%q is nobody who can be pinged; write %s", e.Value, advice)
			}
			*at = append(*at, s)
		}
	}
	one := &schema{Type: []string{"string"}, Pattern: `^[^@<]`}
	return form{read, either("text, or list of them", one, listOf(one))}
}
