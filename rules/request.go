package rules

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// A Request is what arrived, as rules see it. The body is the untouched bytes.
type Request struct {
	Hook     string            // the hook's path as configured
	Method   string            // GET, POST, …
	Path     string            // decoded, without query
	RawQuery string            // as sent
	Params   map[string]string // of a path like /deploy/:service
	Header   http.Header
	RemoteIP netip.Addr
	Body     []byte
	Keys     Keys                // fetches what a provider's key is read from
	Peer     []*x509.Certificate // with which the sender's connection was made
	Trusted  bool                // the connection is a trusted proxy's
	Event    string              // as the provider names it; set by Hook.Verify
	ID       string              // likewise
}

// requestFields are the names below `request` in an expression.
var requestFields = []string{"event", "headers", "hook", "id", "method", "params", "path", "query", "remote_ip"}

// requestView is `request` in an expression. Maps are made only when asked for,
// and hold no secrets: what a rule takes from them is stored and shown.
type requestView struct {
	*Request
	hook   *Hook
	header header
	query  url.Values
}

func (v *requestView) field(key any) (any, error) {
	switch key {
	case "event":
		return v.Event, nil
	case "headers":
		if v.header == nil {
			v.header = header(v.hook.maskHeader(v.Header))
		}
		return v.header, nil
	case "hook":
		return v.Hook, nil
	case "id":
		return v.ID, nil
	case "method":
		return v.Method, nil
	case "params":
		return stringMap(v.Params), nil
	case "path":
		return v.Path, nil
	case "query":
		return v.queryMap(), nil
	case "remote_ip":
		if !v.RemoteIP.IsValid() { // a socket has none
			return nil, nil
		}
		return v.RemoteIP.String(), nil
	}
	return nil, fmt.Errorf("request has no field %v", key)
}

// queryMap has the first value of each name. A part that cannot be decoded is
// left out, as net/url does.
func (v *requestView) queryMap() map[string]any {
	if v.query == nil {
		v.query, _ = url.ParseQuery(v.hook.maskQuery(v.RawQuery))
	}
	m := make(map[string]any, len(v.query))
	for name, values := range v.query {
		m[name] = values[0]
	}
	return m
}

func stringMap(from map[string]string) map[string]any {
	m := make(map[string]any, len(from))
	for name, value := range from {
		m[name] = value
	}
	return m
}

// header is request.headers: names in any case, several values joined by ", ".
type header http.Header

func (h header) get(key any) (any, error) {
	name, ok := key.(string)
	if !ok {
		return nil, fmt.Errorf("a header needs a name, not %s", describe(key))
	}
	values := http.Header(h).Values(name)
	if len(values) == 0 {
		return nil, nil
	}
	return strings.Join(values, ", "), nil
}
