package notify

import (
	"html"
	"regexp"
	"strings"
	"testing"
)

func TestEscapeDiscord(t *testing.T) {
	for text, want := range map[string]string{
		"@everyone <@1> <#2> <:e:3>": `\@everyone \<\@1> \<#2> \<:e:3>`,
		"*b* _i_ ~~s~~ ||p|| `c`":    "\\*b\\* \\_i\\_ \\~\\~s\\~\\~ \\|\\|p\\|\\| \\`c\\`",
		"[x](https://evil.example)":  `\[x\]\(https://evil.example\)`,
		"# a\n - b\n> c\na # b":      "\\# a\n \\- b\n\\> c\na # b",
		`a\b`:                        `a\\b`,
		"https://x.example/a_b_c~~":  `https://x.example/a\_b\_c\~\~`,
		"https://x.example/a_b_c":    "https://x.example/a_b_c",
		"javascript:alert(1)":        `javascript:alert\(1\)`,
	} {
		if got := escapeDiscord(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestEscapeMarkdown(t *testing.T) {
	for text, want := range map[string]string{
		"1. *a* [b](c) <d> &amp;":           `1\. \*a\* \[b\]\(c\) \<d\> \&amp\;`,
		"    code\n\tcode":                  "code\ncode",
		"see https://x.example/a_b?c=1&d=2": "see https://x.example/a_b?c=1&d=2",
		"a\\*b":                             `a\\\*b`,
	} {
		if got := escapeMarkdown(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

var escaped = regexp.MustCompile(`\\([^0-9A-Za-z\s])`)

// What is escaped is read back as what it was, and nothing else.
func FuzzEscape(f *testing.F) {
	f.Add(hostile)
	f.Add("https://a.example/~~ \\`https://b.example/_ `` ````")
	f.Fuzz(func(t *testing.T, s string) {
		s = clean(s)
		if back := escaped.ReplaceAllString(escapeDiscord(s), "$1"); back != s {
			t.Errorf("Discord shows %q, was %q", back, s)
		}
		if back := escaped.ReplaceAllString(escapeMarkdown(s), "$1"); back != indented.ReplaceAllString(s, "") {
			t.Errorf("Markdown shows %q, was %q", back, s)
		}
		slack := escapeSlack(s)
		if back := html.UnescapeString(slack); strings.ContainsAny(slack, "<>") || !strings.Contains(s, "&") && back != s {
			t.Errorf("Slack shows %q, was %q", back, s)
		}
		if strings.Contains(unfence(s), "```") {
			t.Errorf("a fence in %q", unfence(s))
		}
		block := fenced(s)
		fence := block[:strings.IndexByte(block, '\n')]
		if len(fence) < 3 || strings.Contains(s, fence) || !strings.HasSuffix(block, "\n"+fence) {
			t.Errorf("the code block %q can be closed", block)
		}
		if target := linkTarget.Replace(s); strings.ContainsAny(target, "()<>|[] ") {
			t.Errorf("%q ends a link", target)
		}
	})
}
