package rules

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/hooktender/hooktender/rules/verify"
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
	Dedupe   Dedupe              // what it is known by when it comes again; set by Hook.Evaluate

	beliefs verify.Beliefs  // who of several schemes believed it
	proven  *verify.Request // of a packed one: as it was sent

	unpacked bool // the body is not as it was sent, and the proof was about that
	settled  bool // what it proves was decided by Hook.Sign or LeaveUnsigned, so a secret's stand-in can judge it

	// ReceivedAt is what now() is in an expression; the clock's time if it is zero.
	ReceivedAt time.Time
}

// requestFields are the names below `request` in an expression.
var requestFields = []string{"event", "headers", "hook", "id", "method", "params", "path", "query", "remote_ip"}

// requestView is `request` in an expression. Maps are made only when asked for,
// and hold no secrets: what a rule takes from them is stored and shown. The
// request itself is out of reach for whatever prints or takes apart a value.
type requestView struct {
	request *Request
	hook    *Hook
	header  header
	query   map[string]any
}

func (v *requestView) field(key any) (any, error) {
	switch key {
	case "event":
		return v.request.Event, nil
	case "headers":
		if v.header == nil {
			v.header = header(v.hook.maskHeader(v.request.Header))
		}
		return v.header, nil
	case "hook":
		return v.request.Hook, nil
	case "id":
		return v.request.ID, nil
	case "method":
		return v.request.Method, nil
	case "params":
		return stringMap(v.request.Params), nil
	case "path":
		return v.request.Path, nil
	case "query":
		return v.queryMap(), nil
	case "remote_ip":
		if !v.request.RemoteIP.IsValid() { // a socket has none
			return nil, nil
		}
		return v.request.RemoteIP.String(), nil
	}
	return nil, fmt.Errorf("request has no field %v", key)
}

// queryMap has the first value of each name. A part that cannot be decoded is
// left out, as net/url does.
func (v *requestView) queryMap() map[string]any {
	if v.query == nil {
		query, _ := url.ParseQuery(v.hook.maskQuery(v.request.RawQuery))
		v.query = make(map[string]any, len(query))
		for name, values := range query {
			v.query[name] = values[0]
		}
	}
	return v.query
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
