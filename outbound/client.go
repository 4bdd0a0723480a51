package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Policy says how far a request may go. The zero value is for a URL that comes
// from outside.
type Policy struct {
	Private bool // the host it names may be on this machine or in its network
	// Redirects is how many are followed; the next is the answer. So is one that
	// would take the request's body to another host.
	Redirects int
	// Anywhere lets redirects lead to this machine or its network, too.
	Anywhere bool
	// Fresh is for who wants to see how a host is reached: the name is looked up and
	// a connection is made for each request, redirects too, and none is kept.
	Fresh bool
	Limit int64 // bytes of the answer's body that are kept; the rest is not read
}

// An Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // up to the limit
	Cut    bool   // there was more of it
	TLS    *tls.ConnectionState
	Took   time.Duration // until the body was read
}

// A Client sends requests. It may be used by any number of goroutines.
type Client struct {
	agent           string
	kept, fresh     transports
	policyTransport policyTransport
}

// New makes a client that names itself as agent, as in "hooktender/1.2".
func New(agent string) *Client {
	c := &Client{agent: agent, kept: newTransports(), fresh: newTransports()}
	c.fresh.open.DisableKeepAlives, c.fresh.guarded.DisableKeepAlives = true, true
	c.policyTransport = policyTransport{c}
	return c
}

// Close lets the connections go that nothing uses.
func (c *Client) Close() {
	c.kept.open.CloseIdleConnections()
	c.kept.guarded.CloseIdleConnections()
}

// Do sends a request and reads the answer, whatever its status. The time is
// bounded by ctx alone. The error never holds the URL, which may be a secret.
func (c *Client) Do(ctx context.Context, req *http.Request, p Policy) (*Answer, error) {
	begun := time.Now()
	req = req.WithContext(context.WithValue(ctx, policyKey{}, p))
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", c.agent)
	}
	client := http.Client{Transport: c.policyTransport, CheckRedirect: p.redirect}
	resp, err := client.Do(req)
	if err != nil {
		return nil, explain(ctx, err)
	}
	defer resp.Body.Close()
	a := &Answer{Status: resp.StatusCode, Header: resp.Header, TLS: resp.TLS}
	body := &bytes.Buffer{}
	if _, err := io.Copy(body, io.LimitReader(resp.Body, p.Limit+1)); err != nil {
		return nil, fmt.Errorf("read the answer: %w", explain(ctx, err))
	}
	if a.Body = body.Bytes(); int64(len(a.Body)) > p.Limit {
		a.Body, a.Cut = a.Body[:p.Limit], true
	}
	a.Took = time.Since(begun)
	return a, nil
}

type policyKey struct{}

// redirect is asked before a redirect is followed. What the request carried was
// meant for the host that it named: another one gets neither its headers nor its
// body, and nobody learns the URL that led there.
func (p Policy) redirect(req *http.Request, via []*http.Request) error {
	stays := sameHost(via[0].URL, req.URL)
	if len(via) > p.Redirects || !stays && req.Body != nil && req.Body != http.NoBody {
		return http.ErrUseLastResponse
	}
	req.Header.Del("Referer")
	if stays {
		return nil
	}
	for name := range req.Header {
		if name != "Accept" && name != "User-Agent" {
			req.Header.Del(name)
		}
	}
	return nil
}

// sameHost tells whether a redirect leads to where the request went, or from
// there to HTTPS, as many hosts ask for.
func sameHost(from, to *url.URL) bool {
	if from.Hostname() != to.Hostname() {
		return false
	}
	return from.Scheme == to.Scheme && port(from) == port(to) ||
		port(from) == "80" && to.Scheme == "https" && port(to) == "443"
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// policyTransport takes the connection that the policy of a request allows. They
// are kept apart, so that none is used again for a request that may not go there.
type policyTransport struct{ *Client }

func (t policyTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	p, _ := req.Context().Value(policyKey{}).(Policy)
	from := t.kept
	if p.Fresh {
		from = t.fresh
	}
	redirected := !sameHost(first(req).URL, req.URL)
	if p.Private && (!redirected || p.Anywhere) {
		return from.open.RoundTrip(req)
	}
	return from.guarded.RoundTrip(req)
}

// first is the request that led to this one by redirects, or itself. The host that
// it names may be where it is, also when it redirects to itself.
func first(req *http.Request) *http.Request {
	for req.Response != nil && req.Response.Request != nil {
		req = req.Response.Request
	}
	return req
}

// explain takes URLs out of an error: the request's own, and that of a redirect.
func explain(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	}
	if cause := ctx.Err(); cause != nil {
		return cause
	}
	for {
		u, ok := errors.AsType[*url.Error](err)
		if !ok {
			break
		}
		err = u.Err
	}
	if strings.Contains(err.Error(), "Location header") {
		return errors.New("the answer is a redirect to what is no URL")
	}
	return err
}
