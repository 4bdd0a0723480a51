package rules

import (
	"net/http"
	"regexp"
	"strings"
)

// headerName is a token of RFC 9110, section 5.6.2.
var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// ownHeaders are those that say how a request is sent, which is ours to say.
var ownHeaders = map[string]string{
	"Content-Length": "is counted", "Transfer-Encoding": "is chosen", "Connection": "is chosen", "Trailer": "is chosen",
	"Upgrade": "is not spoken", "Te": "is chosen", "Expect": "is not spoken", "Hooktender-Run": "names the run",
}

// requestHeaders ranges over the headers that a request is to have, by their
// canonical names. Those that cannot be are problems.
func (n node) requestHeaders() func(yield func(name string, value node) bool) {
	return func(yield func(string, node) bool) {
		seen := map[string]string{}
		for key, value := range n.entries() {
			name := http.CanonicalHeaderKey(key.Value)
			why, own := ownHeaders[name]
			switch first, twice := seen[name]; {
			case !headerName.MatchString(key.Value):
				key.problem("%q is not the name of a header; write one like X-Token", key.Value)
			case own:
				key.problem("%s %s by the server; leave it out", name, why)
			case twice:
				key.problem("%q is the same header as %q", key.Value, first)
			default:
				seen[name] = key.Value
				if !yield(name, value) {
					return
				}
			}
		}
	}
}

// headersSchema is that of headers, whose values are as one says.
func headersSchema(one *schema) *schema {
	s := namedOf(&schema{Pattern: headerName.String()}, one)
	s.Title = "headers, each a " + strings.TrimPrefix(one.Title, "a ")
	return s
}
