package call

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// idempotencyHeader is how a receiver can tell another attempt from another
// request (https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).
const idempotencyHeader = "Idempotency-Key"

// call makes the request of a rule.
func (p *Performer) call(ctx context.Context, a *attempt, c *rules.HTTPCall) error {
	req, err := p.request(ctx, a, c)
	if err != nil {
		return err
	}
	a.show("%s %s://%s\n", req.Method, req.URL.Scheme, req.URL.Host)
	answer, err := p.send(ctx, a, req, outbound.Policy{Private: c.Private, Redirects: c.Redirects, Anywhere: c.Anywhere})
	if err != nil {
		return err
	}
	a.keep(answer)
	good, err := c.Good(answer.Status, answer.Header, answer.Body)
	if good {
		return nil
	}
	return p.judge(a, req.URL.Host, answer, err)
}

// request builds the request of an attempt.
func (p *Performer) request(ctx context.Context, a *attempt, c *rules.HTTPCall) (*http.Request, error) {
	u, err := c.Address(a.reveal)
	if err != nil {
		return nil, err
	}
	body, err := a.body(ctx, c)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, u.String(), nil)
	if err != nil {
		return nil, final(errors.New("the URL cannot be called")) // err has the URL in it
	}
	if err := a.head(req, c); err != nil {
		return nil, err
	}
	if c.Sign != nil {
		if body, err = c.Sign.Sign(req, body, key(a.job.Run), p.now(), a.reveal); err != nil {
			return nil, final(err)
		}
	}
	return withBody(req, body), nil
}

// withBody gives a request its body, again for each redirect that takes it along.
func withBody(req *http.Request, body []byte) *http.Request {
	if len(body) == 0 {
		return req
	}
	whole, err := http.NewRequestWithContext(req.Context(), req.Method, "/", bytes.NewReader(body))
	if err != nil {
		return req // what was a good request a moment ago is one still
	}
	whole.URL, whole.Header, whole.Host = req.URL, req.Header, req.Host
	return whole
}

func (a *attempt) body(ctx context.Context, c *rules.HTTPCall) ([]byte, error) {
	if c.BodyAs != rules.BodyDelivery {
		return c.Payload(a.reveal)
	}
	body, err := a.job.Body(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the delivery's body: %w", err)
	}
	return body, nil
}

// head writes the headers: ours first, so that the rule's own count.
func (a *attempt) head(req *http.Request, c *rules.HTTPCall) error {
	req.Header.Set(runner.RunHeader, a.job.Sender)
	if c.Method != http.MethodGet && c.Method != http.MethodHead {
		req.Header.Set(idempotencyHeader, key(a.job.Run))
	}
	if c.ContentType != "" {
		req.Header.Set("Content-Type", c.ContentType)
	}
	for _, h := range c.Headers {
		value, err := a.reveal(h.Value)
		switch {
		case err != nil:
			return fmt.Errorf("headers: %s: %w", h.Name, err)
		case strings.ContainsAny(value, "\r\n\x00"):
			return final(fmt.Errorf("headers: %s: holds a line break, which no header can", h.Name))
		case h.Name == "Host":
			req.Host = value
		default:
			req.Header.Set(h.Name, value)
		}
	}
	return nil
}

// send sends a request, and says what kept it from being answered.
func (p *Performer) send(ctx context.Context, a *attempt, req *http.Request, policy outbound.Policy) (*outbound.Answer, error) {
	policy.Limit = max(a.job.Run.Command.OutputLimit, minKept)
	answer, err := p.client.Do(ctx, req, policy)
	switch {
	case errors.Is(err, outbound.ErrPrivate):
		return nil, final(fmt.Errorf("%s %w; the rule says private: true where that is meant", req.URL.Host, err))
	case err != nil:
		return nil, fmt.Errorf("%s cannot be reached: %w", req.URL.Host, err)
	}
	return answer, nil
}
