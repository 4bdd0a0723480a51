package watch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/hooktender/hooktender/outbound"
)

// explain says for people why there was no answer. It holds nothing of the URL but
// its host.
func explain(err error, timeout time.Duration, at time.Time) string {
	if text := explainCertificate(err, at); text != "" {
		return text
	}
	var dns *net.DNSError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in " + timeout.String()
	case errors.As(err, &dns) && dns.IsNotFound:
		return "there is no host " + dns.Name
	case errors.As(err, &dns):
		return "the name " + dns.Name + " cannot be looked up"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection was cut off"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the connection was closed before the answer was complete"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no way to the host"
	case errors.Is(err, outbound.ErrPrivate):
		return "a redirect leads to a private network, and is not followed"
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record):
		return "it does not speak TLS; is it http:// that is meant?"
	case isTimeout(err):
		return "no connection in time"
	}
	return err.Error()
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

func explainCertificate(err error, at time.Time) string {
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		if from := invalid.Cert.NotBefore; at.Before(from) {
			return "the certificate is valid only from " + from.UTC().Format(time.DateOnly) + " on"
		}
		until := invalid.Cert.NotAfter
		return fmt.Sprintf("the certificate expired %s ago, on %s", ago(at.Sub(until)), until.UTC().Format(time.DateOnly))
	case errors.As(err, &host):
		if host.Certificate != nil && len(host.Certificate.DNSNames) > 0 {
			return fmt.Sprintf("the certificate is not for %s but for %s", host.Host, strings.Join(firstOf(host.Certificate.DNSNames, 5), ", "))
		}
		return "the certificate is not for " + host.Host
	case errors.As(err, &authority):
		return "the certificate is signed by nobody who is trusted here"
	case errors.As(err, &invalid):
		return "the certificate is not valid: " + invalid.Error()
	}
	return ""
}

func ago(d time.Duration) string {
	switch days := int(d.Hours() / 24); {
	case days == 1:
		return "a day"
	case days > 1:
		return fmt.Sprintf("%d days", days)
	}
	return spell(d)
}

func firstOf(list []string, n int) []string { return list[:min(n, len(list))] }
