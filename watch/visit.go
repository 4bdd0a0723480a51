package watch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/hooktender/hooktender/outbound"
	"github.com/hooktender/hooktender/rules"
)

const (
	maxRedirects = 10
	maxPage      = 1 << 20 // bytes of a website that are read
)

// A visit is what one look at a website has found.
type visit struct {
	code       int // 0 without an answer
	latency    time.Duration
	validUntil time.Time // the certificate; zero where none was seen
	failure    string    // "" for a good one
}

// visit looks at a website once, when there is a place for it.
func (w *Watcher) visit(ctx context.Context, c *rules.SiteCheck, t rules.Target) visit {
	a, began, err := w.ask(ctx, c.Method, t, c.Headers, c.Timeout, policyOf(c))
	if err != nil {
		v := visit{latency: time.Since(began), failure: explain(err, c.Timeout, now())}
		if invalid, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(invalid.UnverifiedCertificates) > 0 {
			v.validUntil = invalid.UnverifiedCertificates[0].NotAfter
		}
		return v
	}
	v := visit{code: a.Status, latency: a.Took}
	if a.TLS != nil && len(a.TLS.PeerCertificates) > 0 {
		v.validUntil = a.TLS.PeerCertificates[0].NotAfter
	}
	if c.Follow && isRedirect(a) {
		v.failure = fmt.Sprintf("redirects more than %d times", maxRedirects)
		return v
	}
	v.failure = c.Judge(&rules.Look{Code: a.Status, Latency: a.Took, CertificateDays: daysUntil(v.validUntil, now()), Header: a.Header, Body: a.Body})
	return v
}

// policyOf lets the website itself be anywhere: the operator has written it down.
// Over a connection that was kept, it would be reached as it was then: by another
// certificate, at another address, or at all.
func policyOf(c *rules.SiteCheck) outbound.Policy {
	p := outbound.Policy{Private: true, Fresh: true, Limit: maxPage}
	if c.Follow {
		p.Redirects = maxRedirects
	}
	return p
}

func isRedirect(a *outbound.Answer) bool {
	switch a.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return a.Header.Get("Location") != ""
	}
	return false
}

// ask sends a request when there is a place for it. began is when it was sent.
func (w *Watcher) ask(ctx context.Context, method string, t rules.Target, headers []rules.Header, timeout time.Duration, p outbound.Policy) (a *outbound.Answer, began time.Time, err error) {
	select {
	case w.places <- struct{}{}:
		defer func() { <-w.places }()
	case <-ctx.Done():
		return nil, time.Now(), ctx.Err()
	}
	req, err := http.NewRequest(method, t.URL.Reveal(), nil)
	if err != nil {
		return nil, time.Now(), errors.New("the URL cannot be asked for")
	}
	for _, h := range headers {
		if req.Header.Set(h.Name, h.Value.Reveal()); http.CanonicalHeaderKey(h.Name) == "Host" {
			req.Host = h.Value.Reveal()
		}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	began = time.Now()
	a, err = w.Client.Do(ctx, req, p)
	return a, began, err
}

// daysUntil is how many whole days a certificate is still valid; negative if it is
// not any more, nil if there is none.
func daysUntil(end, at time.Time) *int {
	if end.IsZero() {
		return nil
	}
	days := int(math.Floor(end.Sub(at).Hours() / 24))
	return &days
}
