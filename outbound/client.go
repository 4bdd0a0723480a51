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
	"time"
)

// A Policy says how far a request may go. The zero value is for a URL that comes
// from outside.
type Policy struct {
	Private   bool // the host it names may be on this machine or in its network
	Redirects int  // how many are followed; the next is the answer
	// Anywhere lets redirects lead to this machine or its network, too.
	Anywhere bool
	Limit    int64 // bytes of the answer's body that are kept; the rest is not read
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
	open, guarded   *http.Transport
	policyTransport policyTransport
}

// New makes a client that names itself as agent, as in "hooktender/1.2".
func New(agent string) *Client {
	c := &Client{agent: agent, open: newTransport(nil), guarded: newTransport(refusePrivate)}
	// The machine's proxy would be dialed in the place of what is to be looked at.
	c.open.Proxy = http.ProxyFromEnvironment
	c.policyTransport = policyTransport{c}
	return c
}

// Close lets the connections go that nothing uses.
func (c *Client) Close() {
	c.open.CloseIdleConnections()
	c.guarded.CloseIdleConnections()
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
// meant for the host that it named: another one gets none of it.
func (p Policy) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > p.Redirects {
		return http.ErrUseLastResponse
	}
	if req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
		for name := range req.Header {
			if name != "Accept" && name != "Content-Type" && name != "User-Agent" {
				req.Header.Del(name)
			}
		}
	}
	return nil
}

// policyTransport takes the connection that the policy of a request allows. They
// are kept apart, so that none is used again for a request that may not go there.
type policyTransport struct{ *Client }

func (t policyTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	p, _ := req.Context().Value(policyKey{}).(Policy)
	redirected := req.URL.Hostname() != first(req).URL.Hostname()
	if p.Private && (!redirected || p.Anywhere) {
		return t.open.RoundTrip(req)
	}
	return t.guarded.RoundTrip(req)
}

// first is the request that led to this one by redirects, or itself. The host that
// it names may be where it is, also when it redirects to itself.
func first(req *http.Request) *http.Request {
	for req.Response != nil && req.Response.Request != nil {
		req = req.Response.Request
	}
	return req
}

// explain takes the URL out of an error.
func explain(ctx context.Context, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) || ctx.Err() == context.DeadlineExceeded {
		return fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	}
	return err
}
