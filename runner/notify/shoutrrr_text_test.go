package notify

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestUnping(t *testing.T) {
	for s, want := range map[string]string{ // ¤ is the space without width
		"by @everyone and @here":       "by @¤everyone and @¤here",
		"@all":                         "@¤all",
		"mail bob@example.com":         "mail bob@example.com",
		"<!channel> <@U123> <@&5>":     "<¤!channel> <@¤U123> <@¤&5>",
		"<users/all> @**all** @_**x**": "<¤users/all> @¤**all** @¤_**x**",
		`<at user_id="all"></at>`:      `<¤at user_id="all"></at>`,
		"_@all_ /@all @@all a@@all":    "_@¤all_ /@¤all @@¤all a@@¤all",
		"a <b> <attic>":                "a <b> <attic>",
	} {
		if got := unping(s); got != strings.ReplaceAll(want, "¤", "\u200b") {
			t.Errorf("%s: %q", s, got)
		}
	}
}

func TestForService(t *testing.T) {
	log := strings.Repeat("line é of the log\n", 2000)
	for name, limit := range map[string]int{"pushover": 1024, "wecom": 2048, "lark": 4000} {
		_, text := forService(name, name+"://x", "", "failed\n"+log+"the end")
		if len(text) > limit || len(text) < limit-100 || !utf8.ValidString(text) || !strings.HasPrefix(text, "failed\nline") || !strings.HasSuffix(text, "log\nthe end") || strings.Count(text, "…") != 1 {
			t.Errorf("%s: %d bytes: %q", name, len(text), text)
		}
	}
	if title, text := forService("wecom", "wecom://x", "failed", "a\xffb"); title != "" || text != "failed\n\na\uFFFDb" {
		t.Errorf("%q %q", title, text)
	}
}
