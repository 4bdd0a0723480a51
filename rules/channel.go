package rules

import (
	"fmt"
	"io"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/hooktender/hooktender/rules/verify"
)

// A Channel is a place where people are told: an entry of notify. Exactly one
// of the kinds is not nil. It never changes. Its secrets are references, or
// literal where the file has them so; all of them are among [Set.Secrets].
type Channel struct {
	Name string

	Discord  *Discord
	Slack    *Slack
	Teams    *Teams
	Telegram *Telegram
	Matrix   *Matrix
	Email    *Email
	Ntfy     *Ntfy
	Gotify   *Gotify
	Webhook  *Webhook
	URL      *ServiceURL
}

// Kind is the name of the channel's kind, as the file has it.
func (c *Channel) Kind() string {
	for _, k := range channelKinds {
		if k.has(c) {
			return k.name
		}
	}
	return ""
}

// Format keeps what the file has as a literal out of whatever prints a Channel.
func (c Channel) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.Kind()+" "+c.Name) }

// with adds the places of notify.
func (s *Set) with(channels map[string]*Channel) *Set {
	s.channels = channels
	return s
}

// Channel returns the place of that name.
func (s *Set) Channel(name string) (*Channel, bool) {
	c, ok := s.channels[name]
	return c, ok
}

// Channels lists the places, in order of their names.
func (s *Set) Channels() []*Channel {
	var list []*Channel
	for _, name := range slices.Sorted(maps.Keys(s.channels)) {
		list = append(list, s.channels[name])
	}
	return list
}

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

var channelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// readNotify reads the names of places. One with a mistake counts as there: what
// is wrong with it is told once.
func (c *compiler) readNotify(n node) {
	c.channels = map[string]*Channel{}
	for key, value := range n.entries() {
		name := key.Value
		if !channelName.MatchString(name) {
			key.in("notify").problem("%q cannot be the name of a place; write letters, digits, - and _, as in ops", name)
			continue
		}
		c.channels[name] = readChannel(name, value.in(`notify "`+name+`"`))
	}
}

func readChannel(name string, n node) *Channel {
	ch := &Channel{Name: name}
	if n.Kind != yaml.MappingNode {
		n.problem("%s, but it must say what the place is, as in {%s}", withoutValue(n.Node), channelKinds[0].example)
		return ch
	}
	before, kinds := len(n.d.problems), 0
	for key, value := range n.entries() {
		kind, known := findChannelKind(key.Value)
		if !known {
			key.problem("unknown kind of place %q%s", key.Value, didYouMean(key.Value, channelKindNames()))
			continue
		}
		kinds++
		kind.read(ch, value)
	}
	if kinds != 1 && len(n.d.problems) == before {
		n.problem("must be one place, but is %d; each needs a name of its own", kinds)
	}
	return ch
}

// withoutValue is kindOf for what may be a secret.
func withoutValue(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && n.Value != "" && n.Tag != "!!null" {
		return "is a text"
	}
	return kindOf(n)
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

// The kinds of their settings.
var (
	tokens     = kind[Text]{node.token, aText("secret")}
	secretURLs = kind[Text]{node.secretURL, aText("URL")}
)

// token reads a secret as a text whose references stay what they are.
func (n node) token() Text {
	if shellVariable.MatchString(n.Value) {
		n.problem("%s is not read as a variable here; write ${env:%s}", n.Value, strings.Trim(n.Value, "${}"))
		return nil
	}
	s := n.plain()
	text, err := parseReferences(n.Value, n.file.folder())
	if s == "" || err != nil {
		return nil // told by plain
	}
	n.d.literals = append(n.d.literals, verify.Secret(s))
	return text
}

// lastSecret is what token has just read.
func (n node) lastSecret() string { return n.d.literals[len(n.d.literals)-1].Reveal() }

// secretURL reads the address of a service. Whoever has it can post there, so it
// is a secret, and so are those parts of it that look like one.
func (n node) secretURL() Text {
	text := n.token()
	if text == nil {
		return nil
	}
	s := n.lastSecret()
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		n.problem("is not a URL; write all of it, from https:// on")
		return nil
	}
	for _, part := range SecretParts(u) {
		n.d.literals = append(n.d.literals, verify.Secret(part))
	}
	return text
}

// minSecretPart is the shortest part of a URL that is taken for a secret: shorter
// ones are words like "alerts", which would be masked wherever they stand.
const minSecretPart = 16

// SecretParts lists the parts of a URL that are likely secrets by themselves: of
// its path, of its query, and the password.
func SecretParts(u *url.URL) []string {
	var parts []string
	add := func(s string) {
		if len(s) >= minSecretPart {
			parts = append(parts, s)
		}
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		add(segment)
	}
	for _, values := range u.Query() {
		for _, value := range values {
			add(value)
		}
	}
	if password, ok := u.User.Password(); ok {
		parts = append(parts, password)
	}
	return parts
}
