package rules

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

const ntfyServer = "https://ntfy.sh"

// Ntfy is a topic of an ntfy server.
type Ntfy struct {
	Server   string // base URL
	Topic    Text   // who knows it can read and post, unless the server wants a token
	Token    Text
	User     string // with Password, in place of a token
	Password Text
	Priority int // 1 to 5; 0: by what happened
	Tags     []string
	url      Text
}

func (t *Ntfy) settings() []setting {
	return []setting{
		{"url", form{t.readURL, aText("URL")}.as("https://ntfy.sh/my-topic"), "the topic's address, as in `https://ntfy.sh/my-topic`; this, or `topic`", ""},
		{"topic", form{t.readTopic, aText("text")}, "the topic; on an open server, whoever knows it can read it", ""},
		{"server", urls.to(&t.Server), "the server of `topic`", "`" + ntfyServer + "`"},
		{"token", tokens.to(&t.Token), "an access token, where the server wants one", "none"},
		{"user", texts.to(&t.User), "in place of a token, with `password`", "none"},
		{"password", tokens.to(&t.Password), "the user's", "none"},
		{"priority", form{t.readPriority, aText("min to max, or 1 to 5")}, "`min`, `low`, `default`, `high`, `max` (or `urgent`), or 1 to 5", "`high` when something went wrong or waits for a person, else `default`"},
		{"tags", form{t.readTags, func() *schema { return listOf(aText("text")()) }}, "words or emoji names that ntfy shows", "none"},
	}
}

var (
	ntfyPriorities = []string{"min", "low", "default", "high", "max"}
	ntfyTopic      = regexp.MustCompile(`^[-_A-Za-z0-9]+$`)
)

// readURL takes the address apart: the last part of its path is the topic.
func (t *Ntfy) readURL(n node) {
	if t.url = n.secretURL(); t.url == nil {
		return
	}
	u, err := url.Parse(n.plain())
	if err != nil {
		return // told
	}
	topic := u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	if u.Path = strings.TrimSuffix(u.Path, "/"+topic); u.RawQuery != "" || u.User != nil {
		n.problem("has more than the server and the topic; what else counts are settings: token, user and password, priority, tags")
		return
	}
	t.Server, t.Topic = u.String(), Plain(topic)
	t.checkTopic(n, topic)
}

func (t *Ntfy) readTopic(n node) {
	if t.Topic = n.token(); t.Topic != nil {
		t.checkTopic(n, n.lastSecret())
	}
}

func (t *Ntfy) readTags(n node) {
	for _, e := range n.list() {
		t.Tags = append(t.Tags, e.plain())
	}
}

func (t *Ntfy) readPriority(n node) {
	s, ok := n.scalar()
	t.Priority = slices.Index(ntfyPriorities, s) + 1
	if s == "urgent" { // as ntfy calls max, too: https://docs.ntfy.sh/publish/#message-priority
		t.Priority = len(ntfyPriorities)
	}
	if len(s) == 1 && s >= "1" && s <= "5" {
		t.Priority = int(s[0] - '0')
	}
	if ok && t.Priority == 0 {
		n.problem("%q is not one of min, low, default, high, max, nor a number from 1 to 5", s)
	}
}

func (t *Ntfy) checkTopic(n node, topic string) {
	if len(topic) > 64 || !ntfyTopic.MatchString(topic) {
		n.problem("has no topic that ntfy would take: up to 64 letters, digits, - and _, as in https://ntfy.sh/my-topic")
	}
}

func (t *Ntfy) check(n node) {
	switch {
	case t.url == nil && len(t.Topic) == 0 && !n.holds("url"): // a URL may be one that cannot be read here
		n.problem("needs the topic's address; write ntfy: https://ntfy.sh/my-topic")
	case t.url != nil && (n.holds("topic") || n.holds("server")):
		n.problem("url is server and topic in one; leave the others out")
	case (t.User == "") != (len(t.Password) == 0):
		n.problem("needs both of user and password")
	case t.User != "" && len(t.Token) > 0:
		n.problem("says both a token and a user; leave one of them out")
	}
}

// Gotify is a Gotify server.
type Gotify struct {
	URL      string // base URL
	Token    Text   // an application's
	Priority *int   // nil: by what happened
}

func (g *Gotify) settings() []setting {
	return []setting{
		{"url", urls.to(&g.URL), "the server, as in `https://gotify.example.com`", mustBe},
		{"token", tokens.to(&g.Token), "an application's token", mustBe},
		{"priority", form{g.readPriority, aText("0 to 10")}, "0 to 10", "`8` when something went wrong or waits for a person, else `4`"},
	}
}

func (g *Gotify) readPriority(n node) {
	s, ok := n.scalar()
	p, err := strconv.Atoi(s)
	if ok && (err != nil || p < 0 || p > 10) {
		n.problem("%q is not a number from 0 to 10", s)
	}
	g.Priority = &p
}

func (g *Gotify) check(node) {}

// Webhook is whoever takes JSON at a URL.
type Webhook struct {
	URL     Text
	Headers []EnvVar
	Sign    Text // key of Standard Webhooks; empty for none
}

func (w *Webhook) settings() []setting {
	return []setting{
		{"url", secretURLs.to(&w.URL), "where it is sent", mustBe},
		{"headers", form{w.readHeaders, func() *schema { return headersSchema(aText("text")()) }}, "headers of the request", "none"},
		{"sign", form{w.readSign, aText("secret")}, "key by which it is signed as [Standard Webhooks](https://www.standardwebhooks.com) says: `whsec_` and base64", "not signed"},
	}
}

func (w *Webhook) check(node) {}

func (w *Webhook) readHeaders(n node) {
	for name, value := range n.requestHeaders() {
		if name == "Content-Type" || name == "Host" {
			value.problem("is set by the request itself; leave it out")
			continue
		}
		text := value.token()
		if text != nil && strings.ContainsFunc(value.lastSecret(), unicode.IsControl) {
			value.problem("holds a character that no header can, such as a line break")
		}
		w.Headers = append(w.Headers, EnvVar{name, text})
	}
}

func (w *Webhook) readSign(n node) {
	if w.Sign = n.token(); w.Sign == nil {
		return
	}
	key := strings.TrimPrefix(n.lastSecret(), "whsec_")
	if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) < 16 {
		n.problem("is not a key of Standard Webhooks; make one with: echo whsec_$(openssl rand -base64 32)")
	}
}

// ServiceURL is any other service, by its shoutrrr URL.
type ServiceURL struct{ URL Text }

func (s *ServiceURL) settings() []setting {
	return []setting{{"url", form{s.read, aText("URL")}, "the service, as in `pushover://shoutrrr:TOKEN@USER`; see [shoutrrr](https://shoutrrr.nickfedor.com/services/overview/)", mustBe}}
}

func (s *ServiceURL) check(node) {}

var serviceURL = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://.`)

func (s *ServiceURL) read(n node) {
	if s.URL = n.token(); s.URL == nil {
		return
	}
	plain := n.lastSecret()
	if !serviceURL.MatchString(plain) {
		n.problem("is not a shoutrrr URL; write one like ntfy://ntfy.sh/my-topic or pushover://shoutrrr:TOKEN@USER")
		return
	}
	u, err := url.Parse(plain)
	if err != nil {
		return // shoutrrr has forms of its own
	}
	parts := SecretParts(u)
	if len(u.Host) >= minSecretPart && !strings.Contains(u.Host, ".") {
		parts = append(parts, u.Host) // as in pushbullet://TOKEN
	}
	for _, part := range parts {
		n.d.literals = append(n.d.literals, Secret(part))
	}
}
