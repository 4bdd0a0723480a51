package verify

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	contentfulNames = "X-Contentful-Signed-Headers"
	contentfulTime  = "X-Contentful-Timestamp"
)

// compileContentful: Contentful signs the method, the path, the headers that it
// lists in a further one, and the body
// (contentful.com/developers/docs/webhooks/request-verification). Its own
// library is github.com/contentful/node-apps-toolkit, src/requests.
func compileContentful(c *compiler) proof {
	c.unusedSignature()
	c.unused("token", len(c.scheme.Token) > 0)
	from := c.sources("signature.from", Sources{"header:X-Contentful-Signature"})
	return &contentful{signed{
		field: signatureField{from: from, encoding: encodings["hex"]},
		body:  &template{parts: []part{writeContentful}},
		clock: &clock{from: c.sources("timestamp.from", Sources{"header:" + contentfulTime}), unit: units["ms"], tolerance: 30 * time.Second, future: 30 * time.Second},
		keys:  c.digests(newHMACKey(algorithms["sha256"]))(),
	}}
}

type contentful struct{ signed }

func (p *contentful) sign(r *Request) error {
	names := []string{strings.ToLower(contentfulNames), strings.ToLower(contentfulTime)}
	if r.Header.Get("X-Contentful-Topic") != "" {
		names = append(names, "x-contentful-topic")
	}
	slices.Sort(names)
	r.setHeader(contentfulNames, strings.Join(names, ","))
	return p.signed.sign(r)
}

// writeContentful refuses a list without the timestamp and the list itself: who
// leaves them out could change them.
func writeContentful(w io.Writer, e evidence, _ []byte) error {
	list, err := (source{kind: inHeader, name: contentfulNames, key: contentfulNames}).get(e)
	if err != nil {
		return err
	}
	names := strings.Split(strings.ToLower(list), ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	slices.Sort(names)
	names = slices.Compact(names)
	var headers []string
	for _, name := range names {
		value, err := headerSource(name).require(e)
		if err != nil {
			return err
		}
		if strings.EqualFold(name, contentfulNames) {
			value = strings.Join(names, ",")
		}
		headers = append(headers, name+":"+strings.TrimSpace(value))
	}
	for _, needed := range []string{contentfulNames, contentfulTime} {
		if !slices.Contains(names, strings.ToLower(needed)) {
			return reject("%s is not among the headers that are signed", needed)
		}
	}
	_, err = fmt.Fprintf(w, "%s\n%s\n%s\n%s", e.Method, contentfulPath(e.Request), strings.Join(headers, ";"), e.Body)
	return err
}

func headerSource(name string) sources {
	s, err := parseSource("header:" + name)
	if err != nil {
		return nil
	}
	return sources{s}
}

// contentfulPath escapes the query as a whole, and then everything once more.
func contentfulPath(r *Request) string {
	path, query := (&url.URL{Path: r.Path}).EscapedPath(), r.RawQuery
	if u, err := url.Parse(r.URL); err == nil && r.URL != "" {
		path, query = u.EscapedPath(), u.RawQuery
	}
	if query != "" {
		path += "?" + escapeBut(query, "-_.!~*'()")
	}
	return escapeBut(path, ";/?:@&=+$,#-_.!~*'()")
}

// escapeBut escapes all bytes but letters, digits and those of keep, as
// JavaScript's encodeURI and encodeURIComponent do.
func escapeBut(text, keep string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte(keep, c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
