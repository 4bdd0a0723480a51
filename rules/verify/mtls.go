package verify

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// mtls is the proof of a sender with a certificate of its own. Either this
// connection was made with it, or a proxy that is trusted passes it on; from
// anybody else such a header is just a text that anybody can copy.
type mtls struct {
	roots  *x509.CertPool
	name   string // that the certificate must bear; "" for any that the CA signed
	header source // in which the proxy passes the certificate on
}

// clientCert is RFC 9440's header.
const clientCert = "Client-Cert"

// mtlsHeaders are those in which proxies usually pass certificates on. One that
// the proxy does not set it lets through, so at most one of them may be there:
// the one that the hook names.
var mtlsHeaders = []string{clientCert, "X-Client-Cert"}

// compileMTLS takes the certificates of the CA, in PEM, for its secrets.
func compileMTLS(c *compiler) proof {
	c.unusedSignature()
	c.unused("token", len(c.scheme.Token) > 0)
	p := &mtls{roots: x509.NewCertPool(), name: c.params["name"]}
	header, err := parseSource(inHeader + ":" + cmp.Or(c.params["header"], clientCert))
	if err != nil {
		c.failf("header", "%q is no name of a header; write the one that the proxy sets, as in X-Client-Cert", c.params["header"])
	}
	p.header = header
	for i, s := range c.secrets {
		if !p.roots.AppendCertsFromPEM([]byte(s.Reveal())) && s != "" && s != StandIn {
			c.failf("ca", "number %d is no certificate in PEM", i+1)
		}
	}
	return p
}

func (p *mtls) verify(r *Request) error {
	chain := r.Peer
	if r.Trusted {
		var err error
		if chain, err = p.forwarded(r.Header); err != nil {
			return err
		}
	}
	if len(chain) == 0 {
		return reject("the sender showed no certificate, or a proxy that is not trusted says so (server.trusted_proxies)")
	}
	between := x509.NewCertPool()
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: p.roots, Intermediates: between, CurrentTime: r.Now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return reject("the sender's certificate is not one of the CA, or not valid now")
	}
	if p.name != "" && !named(chain[0], p.name) {
		return reject("the sender's certificate bears another name")
	}
	return nil
}

// named compares with all names that a certificate has, URIs (SPIFFE) included.
func named(cert *x509.Certificate, name string) bool {
	names := slices.Concat(cert.DNSNames, cert.EmailAddresses)
	for _, u := range cert.URIs {
		names = append(names, u.String())
	}
	if len(names) == 0 {
		names = []string{cert.Subject.CommonName}
	}
	return slices.Contains(names, name)
}

// forwarded reads the certificate that a trusted proxy passes on. A request with
// another such header beside it is refused: that one is the sender's own, or the
// hook names the wrong one.
func (p *mtls) forwarded(h http.Header) ([]*x509.Certificate, error) {
	for _, other := range mtlsHeaders {
		if other != p.header.key && len(h[other]) > 0 {
			return nil, reject("%s header is there, and the proxy's is %s: have the proxy remove the one, or name it (mtls: header)", other, p.header.key)
		}
	}
	values := h[p.header.key]
	switch {
	case len(values) == 0:
		return nil, nil
	case len(values) > 1:
		return nil, reject("%s is there %d times", p.header, len(values))
	}
	der, err := certificateBytes(values[0])
	if err != nil {
		return nil, reject("%s holds no certificate that can be read", p.header)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, reject("%s holds no certificate that can be read", p.header)
	}
	return []*x509.Certificate{cert}, nil
}

// certificateBytes reads :base64: (RFC 9440, section 2.1) or escaped PEM.
func certificateBytes(text string) ([]byte, error) {
	if inner, ok := strings.CutPrefix(text, ":"); ok {
		inner, ok = strings.CutSuffix(inner, ":")
		if !ok {
			return nil, errors.New("not closed")
		}
		return encodings["base64"].decode(inner)
	}
	plain, err := url.PathUnescape(text)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(plain))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("no certificate")
	}
	return block.Bytes, nil
}

func (p *mtls) sign(*Request) error {
	return errors.New("a client certificate belongs to the connection; use curl --cert")
}

func (p *mtls) places() sources { return sources{p.header} }

func (p *mtls) secrets() sources { return nil }
