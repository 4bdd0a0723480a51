package rules

import "gopkg.in/yaml.v3"

// A place is what a channel of one kind has to know.
type place interface {
	settings() []setting
	check(node) // what no setting can see by itself
}

// A channelKind is a service, or a way to reach one.
type channelKind struct {
	name, about string
	example     string // what to write, for messages
	short       string // the setting that a single text is; "" where there is none
	use         func(*Channel) place
	has         func(*Channel) bool
}

var channelKinds = []channelKind{
	{"discord", "a channel of Discord, by the URL of its webhook", `discord: "${env:DISCORD_WEBHOOK_URL}"`, "url",
		func(c *Channel) place { c.Discord = &Discord{}; return c.Discord }, func(c *Channel) bool { return c.Discord != nil }},
	{"slack", "a channel of Slack, by the URL of an incoming webhook, or by a bot's token and the channel", `slack: "${env:SLACK_WEBHOOK_URL}"`, "url",
		func(c *Channel) place { c.Slack = &Slack{API: slackAPI}; return c.Slack }, func(c *Channel) bool { return c.Slack != nil }},
	{"teams", "a chat or channel of Microsoft Teams, by the URL of a workflow", `teams: "${env:TEAMS_WORKFLOW_URL}"`, "url",
		func(c *Channel) place { c.Teams = &Teams{}; return c.Teams }, func(c *Channel) bool { return c.Teams != nil }},
	{"telegram", "a chat of Telegram", `telegram: {token: "${env:TELEGRAM_TOKEN}", chat: "-1001234567890"}`, "",
		func(c *Channel) place { c.Telegram = &Telegram{API: telegramAPI}; return c.Telegram }, func(c *Channel) bool { return c.Telegram != nil }},
	{"matrix", "a room of Matrix", `matrix: {homeserver: https://matrix.example.org, token: "${env:MATRIX_TOKEN}", room: "!abc:example.org"}`, "",
		func(c *Channel) place { c.Matrix = &Matrix{}; return c.Matrix }, func(c *Channel) bool { return c.Matrix != nil }},
	{"email", "people, by e-mail", `email: {smtp: "smtps://user@mail.example.com", password: "${env:SMTP_PASSWORD}", to: ops@example.com}`, "",
		func(c *Channel) place { c.Email = &Email{}; return c.Email }, func(c *Channel) bool { return c.Email != nil }},
	{"ntfy", "a topic of ntfy", `ntfy: https://ntfy.sh/my-topic`, "url",
		func(c *Channel) place { c.Ntfy = &Ntfy{Server: ntfyServer}; return c.Ntfy }, func(c *Channel) bool { return c.Ntfy != nil }},
	{"gotify", "a Gotify server", `gotify: {url: https://gotify.example.com, token: "${env:GOTIFY_TOKEN}"}`, "",
		func(c *Channel) place { c.Gotify = &Gotify{}; return c.Gotify }, func(c *Channel) bool { return c.Gotify != nil }},
	{"webhook", "whoever takes JSON at a URL", `webhook: https://example.com/events`, "url",
		func(c *Channel) place { c.Webhook = &Webhook{}; return c.Webhook }, func(c *Channel) bool { return c.Webhook != nil }},
	{"url", "any other service, by its shoutrrr URL", `url: "pushover://shoutrrr:${env:PUSHOVER_TOKEN}@${env:PUSHOVER_USER}"`, "url",
		func(c *Channel) place { c.URL = &ServiceURL{}; return c.URL }, func(c *Channel) bool { return c.URL != nil }},
}

func findChannelKind(name string) (channelKind, bool) {
	for _, k := range channelKinds {
		if k.name == name {
			return k, true
		}
	}
	return channelKind{}, false
}

func channelKindNames() []string {
	var names []string
	for _, k := range channelKinds {
		names = append(names, k.name)
	}
	return names
}

// read reads a place: a mapping, or for some a single text.
func (k channelKind) read(ch *Channel, n node) {
	before := len(n.d.problems)
	p := k.use(ch)
	settings := p.settings()
	switch {
	case n.Kind == yaml.MappingNode && !isUnquotedValue(n.Node):
		n.mapping(settings...)
		for _, s := range settings {
			if s.unset == mustBe && !n.holds(s.name) {
				n.problem("has no %s; write %s", s.name, k.example)
			}
		}
	case k.short != "" && n.Kind == yaml.ScalarNode:
		for _, s := range settings {
			if s.name == k.short {
				s.form.read(n)
			}
		}
	default:
		n.problem("%s, but it must be a mapping; write %s", withoutValue(n.Node), k.example)
	}
	if len(n.d.problems) == before {
		p.check(n)
	}
}

// holds tells whether n is a mapping that has a key.
func (n node) holds(name string) bool {
	if n.Kind != yaml.MappingNode {
		return false
	}
	for key := range n.entries() {
		if key.Value == name {
			return true
		}
	}
	return false
}

func notifySchema() *schema {
	var kinds []setting
	for _, k := range channelKinds {
		kinds = append(kinds, setting{k.name, form{schema: k.schema}, k.about, ""})
	}
	value := mappingOf(kinds...)
	value.MinProperties, value.MaxProperties = 1, 1
	return namedOf(&schema{Pattern: channelName.String()}, value)
}

func (k channelKind) schema() *schema {
	mapping := mappingOf(k.use(&Channel{}).settings()...)
	if k.short == "" {
		return mapping
	}
	return &schema{AnyOf: []*schema{aText("URL")(), mapping}}
}
