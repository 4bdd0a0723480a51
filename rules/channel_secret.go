package rules

import (
	"net/url"
	"strings"

	"github.com/hooktender/hooktender/rules/verify"
)

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
		n.problem("is not a URL; write all of it, from https:// on%s", n.asIn(""))
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
// its path, of its query, and who signs in.
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
	add(u.User.Username()) // some services have their token there
	if password, ok := u.User.Password(); ok {
		parts = append(parts, password)
	}
	return parts
}
