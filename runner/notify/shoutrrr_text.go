package notify

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	titleRunes = 120 // what the strictest service takes, less a little
	textBytes  = 4000
)

// textLimits says how many bytes of text a service takes, where that is not
// textBytes.
var textLimits = map[string]int{
	"pushover": 1024, "pagerduty": 1024, "wecom": 2048, "signal": 2000, "bark": 3000, "slack": 3000,
	"mattermost": 10000, "opsgenie": 10000, "zulip": 10000, "teams": 15000,
	"generic": 64 << 10, "gotify": 64 << 10, "matrix": 32 << 10,
}

// Services that have no title apart from the text, or do not show it.
var titleless = []string{"googlechat", "hangouts", "ifttt", "matrix", "mattermost", "pagerduty", "rocketchat", "signal", "wecom", "zulip"}

// Services in which a text can call people by name.
var chats = []string{"discord", "googlechat", "hangouts", "lark", "matrix", "mattermost", "notifiarr", "rocketchat", "slack", "teams", "telegram", "wecom", "zulip"}

// forService makes title and text what a service takes.
func forService(name, serviceURL, title, text string) (string, string) {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if slices.Contains(chats, name) {
		title, text = unping(title), unping(text)
	}
	if title != "" && (slices.Contains(titleless, name) || name == "generic" && isPlain(serviceURL)) {
		title, text = "", title+"\n\n"+text
	}
	limit, ok := textLimits[name]
	if !ok {
		limit = textBytes
	}
	return title, cutMiddle(text, limit)
}

// isPlain tells whether the text is all that a webhook of the user's own gets.
func isPlain(serviceURL string) bool {
	u, err := url.Parse(serviceURL)
	return err == nil && u.Query().Get("template") == ""
}

var ping = regexp.MustCompile(`(^|[^A-Za-z0-9])@+|<(!|users/|at\b)`)

// unping keeps a text from calling people: between the mark and the name comes a
// space without width. An address of mail stays as it is.
func unping(text string) string {
	const nothing = "\u200b"
	return ping.ReplaceAllStringFunc(text, func(found string) string {
		if strings.HasSuffix(found, "@") {
			return found + nothing
		}
		return "<" + nothing + found[1:]
	})
}

// cutMiddle keeps what says what happened, at the beginning, and how it ended.
func cutMiddle(text string, limit int) string {
	const gap = "\n…\n"
	if len(text) <= limit {
		return text
	}
	head := (limit - len(gap)) / 3
	tail := len(text) - (limit - len(gap) - head)
	for head > 0 && !utf8.RuneStart(text[head]) {
		head--
	}
	for tail < len(text) && !utf8.RuneStart(text[tail]) {
		tail++
	}
	if line := strings.LastIndexByte(text[:head], '\n'); line > head/2 {
		head = line
	}
	if line := strings.IndexByte(text[tail:], '\n'); line >= 0 && line < (len(text)-tail)/2 {
		tail += line + 1
	}
	return text[:head] + gap + text[tail:]
}
