package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
)

// A Target is a URL that the file names.
type Target struct {
	URL   Secret // whole: its user and its query may be secret
	Shown string // without them
	Key   string // tells it from other targets, and tells nothing else
}

// A Header is one that goes along with a request.
type Header struct {
	Name  string
	Value Secret
}

// target reads a URL. What a reference stood for is never shown of it.
func (n node) target() Target {
	whole := n.plain()
	if whole == "" {
		return Target{} // told already
	}
	sum := sha256.Sum256([]byte(n.Value))
	t := Target{URL: Secret(whole), Key: hex.EncodeToString(sum[:10])}
	u, err := url.Parse(whole)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		n.problem("%q is not a URL; write https://example.com", n.Value)
		return t
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	t.Shown = u.String()
	text, _ := parseReferences(n.Value, n.file.folder()) // plain has read it
	for _, part := range text {
		if secret := n.d.secrets[part.Ref]; secret != "" {
			t.Shown = strings.ReplaceAll(t.Shown, secret.Reveal(), mask)
		}
	}
	return t
}

var (
	targets     = kind[Target]{node.target, aText("URL")}
	sentHeaders = kind[[]Header]{node.sentHeaders, func() *schema {
		return headersSchema(aText("text")())
	}}
)

func (n node) sentHeaders() []Header {
	var list []Header
	for name, value := range n.requestHeaders() {
		list = append(list, Header{name, Secret(value.plain())})
	}
	return list
}
