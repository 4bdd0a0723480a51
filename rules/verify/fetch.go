package verify

import (
	"errors"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"
)

// A Document names something that a provider publishes and that decides whether
// a request is genuine: a certificate or a set of keys. Which documents there
// may be is known here; fetching them is the caller's.
type Document struct {
	URL  string // https, of a host that the scheme allows
	Post Secret // the JSON body of a POST that asks for it; "" for a GET
}

// Keys fetches documents. It is safe for concurrent use, follows no redirects,
// and answers within a few seconds. What it fetched it may keep; again asks for
// a fresh copy, because the kept one lacks a key, and it need not obey if that
// copy is hardly older than a minute: strangers can make us ask.
type Keys interface {
	Fetch(d Document, again bool) ([]byte, error)
}

// Unavailable is why a request could not be judged at all: what would prove it
// cannot be fetched now. The sender may try again.
type Unavailable struct{ Reason string }

// Error returns the reason, which is safe to store and to show to an operator.
func (u *Unavailable) Error() string { return u.Reason }

// A KeySource says where the key stands that the provider publishes.
type KeySource struct {
	URL   string  `json:"url,omitempty"`   // the document, if it is always the same
	From  Sources `json:"from,omitempty"`  // or where a request names it
	Hosts Sources `json:"hosts,omitempty"` // whose documents are believed then: "api.paypal.com", "sns.*.amazonaws.com"
	Path  string  `json:"path,omitempty"`  // a regular expression for the whole path of that URL
	JSON  string  `json:"json,omitempty"`  // where in a JSON document the key stands: "config.public_key"
	Names Sources `json:"names,omitempty"` // that its certificate has to bear, in the form of Hosts
}

// A keySource is a compiled KeySource.
type keySource struct {
	url   string
	from  sources
	hosts []string
	path  *regexp.Regexp
	json  []string
	names []string
}

func (c *compiler) keySource() *keySource {
	k := c.scheme.Keys
	if k == nil {
		return nil
	}
	s := &keySource{url: k.URL, from: c.sources("keys.from", k.From), hosts: k.Hosts, names: k.Names}
	if k.JSON != "" {
		s.json = strings.Split(k.JSON, ".")
	}
	switch {
	case (k.URL == "") == (len(k.From) == 0):
		c.failf("keys", "write either url, or from and hosts")
	case k.URL != "" && !isHTTPS(k.URL):
		c.failf("keys_url", "%q is not a URL like https://example.com/keys.json", k.URL)
	case len(k.From) > 0 && len(k.Hosts) == 0:
		c.failf("keys.hosts", "missing; whoever sends could name a host of their own")
	}
	if k.Path != "" {
		var err error
		if s.path, err = regexp.Compile("^(?:" + k.Path + ")$"); err != nil {
			c.failf("keys.path", "%v", err)
		}
	}
	return s
}

func isHTTPS(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Fragment == ""
}

// document names what a request's key is read from. A URL that the request
// brings must be on an allowed host and nothing but a plain path on it.
func (s *keySource) document(e evidence) (Document, error) {
	if s.url != "" {
		return Document{URL: s.url}, nil
	}
	text, err := s.from.require(e)
	if err != nil {
		return Document{}, err
	}
	u, err := url.Parse(text)
	plain := err == nil && isHTTPS(text) && u.RawQuery == "" && !u.ForceQuery && u.Port() == "" && u.RawPath == "" && len(text) <= 512
	if !plain || !anyMatches(s.hosts, u.Host) || s.path != nil && !s.path.MatchString(u.Path) {
		return Document{}, reject("%s names a place that is not the provider's", s.from)
	}
	return Document{URL: u.String()}, nil
}

// anyMatches reports whether a host is one of the patterns, in which a * stands
// for one label.
func anyMatches(patterns []string, host string) bool {
	host = strings.ReplaceAll(strings.ToLower(host), ".", "/")
	for _, p := range patterns {
		if ok, _ := path.Match(strings.ReplaceAll(p, ".", "/"), host); ok {
			return true
		}
	}
	return false
}

// fetch returns the keys that stand in the document.
func (s *keySource) fetch(r *Request, d Document, again bool) ([]keyPair, error) {
	host := "the provider"
	if u, err := url.Parse(d.URL); err == nil {
		host = u.Host
	}
	if r.Keys == nil {
		return nil, &Unavailable{"the key of " + host + " is needed, and nothing here fetches it"}
	}
	data, err := r.Keys.Fetch(d, again)
	if err != nil {
		return nil, &Unavailable{"the key cannot be fetched from " + host + ": " + err.Error()}
	}
	text := string(data)
	if s.json != nil {
		text = readJSON(data).at(s.json)
	}
	var names func(string) bool
	if len(s.names) > 0 {
		names = func(name string) bool { return anyMatches(s.names, name) }
	}
	pairs, err := parseKeys(text, validAt(r.Now, names))
	if err != nil {
		return nil, reject("what %s serves is no key to believe: %v", host, err)
	}
	return pairs, nil
}

// A fetchedKey is the key that the provider publishes.
type fetchedKey struct {
	source *keySource
	kind   keyKind
}

func (k *fetchedKey) matches(m message, claimed [][]byte) (bool, error) {
	d, err := k.source.document(m.evidence)
	if err != nil {
		return false, err
	}
	for _, again := range []bool{false, true} {
		pairs, err := k.source.fetch(m.Request, d, again)
		if err != nil {
			return false, err
		}
		for _, pair := range pairs {
			if !k.kind.fits(pair.public) {
				continue
			}
			ok, err := (&asymmetricKey{pair, k.kind.verify, k.kind.make}).matches(m, claimed)
			if ok || err != nil {
				return ok, err
			}
		}
		if k.source.url == "" {
			break // a certificate has a name of its own, and does not change under it
		}
	}
	return false, nil
}

func (k *fetchedKey) sign(message) ([]byte, error) {
	return nil, errors.New("only the provider can sign; give a private key in PEM to sign with a key of your own")
}

// ahead is how far a sender's clock may be ahead of ours where its scheme says
// nothing about it.
const ahead = time.Minute
