package notify

import (
	"regexp"
	"strings"
)

// bareURL is an address without any character that could be markup: shown as a
// link where it stands, and no longer one if it were escaped.
var bareURL = regexp.MustCompile(`https?://[A-Za-z0-9._:/?#!$&+,;=%~-]+`)

// outsideURLs escapes a text, and leaves the addresses in it as they are.
func outsideURLs(s string, escape func(string) string) string {
	var b strings.Builder
	from := 0
	for _, at := range bareURL.FindAllStringIndex(s, -1) {
		if strings.Contains(s[at[0]:at[1]], "~~") {
			continue // strikes through
		}
		b.WriteString(escape(s[from:at[0]]) + s[at[0]:at[1]])
		from = at[1]
	}
	return b.String() + escape(s[from:])
}

// linkTarget keeps an address from ending before its end, in Markdown and in
// Slack's markup.
var linkTarget = strings.NewReplacer("(", "%28", ")", "%29", "<", "%3C", ">", "%3E", "|", "%7C", `\`, "%5C",
	"`", "%60", "*", "%2A", "[", "%5B", "]", "%5D", " ", "%20")

// unfence keeps a text from ending the code block in which it stands: behind
// each backtick comes a space without width.
func unfence(s string) string { return strings.ReplaceAll(s, "`", "`\u200b") }

var (
	markdownMarkup = regexp.MustCompile("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]")
	indented       = regexp.MustCompile(`(?m)^[ \t]+`)
	backticks      = regexp.MustCompile("`+")
)

// escapeMarkdown writes a text so that CommonMark shows it as it is: any ASCII
// punctuation may stand behind a backslash, and no line is indented to code.
func escapeMarkdown(s string) string {
	escaped := outsideURLs(s, func(s string) string { return markdownMarkup.ReplaceAllString(s, `\$0`) })
	return indented.ReplaceAllString(escaped, "")
}

// markdownLines keeps the line breaks, which would be blanks otherwise.
func markdownLines(s string) string { return strings.ReplaceAll(s, "\n", "  \n") }

// fenced is a code block whose fence is longer than any in it.
func fenced(code string) string {
	longest := 2
	for _, run := range backticks.FindAllString(code, -1) {
		longest = max(longest, len(run))
	}
	fence := strings.Repeat("`", longest+1)
	return fence + "\n" + code + "\n" + fence
}
