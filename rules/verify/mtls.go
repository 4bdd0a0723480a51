package verify

import (
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
	roots *x509.CertPool
	name  string // that the certificate must bear; "" for any that the CA signed
}

// mtlsHeaders are those in which proxies pass certificates on: RFC 9440's, and
// nginx's $ssl_client_escaped_cert under its usual name.
var mtlsHeaders = []string{"Client-Cert", "X-Client-Cert"}

// compileMTLS takes the certificates of the CA, in PEM, for its secrets.
func compileMTLS(c *compiler) proof {
	c.unusedSignature()
	c.unused("token", len(c.scheme.Token) > 0)
	p := &mtls{roots: x509.NewCertPool(), name: c.params["name"]}
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
		if chain, err = forwarded(r.Header); err != nil {
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

// forwarded reads the certificate that a trusted proxy passes on.
func forwarded(h http.Header) ([]*x509.Certificate, error) {
	for _, name := range mtlsHeaders {
		values := h[name]
		if len(values) == 0 {
			continue
		}
		if len(values) > 1 {
			return nil, reject("%s header is there %d times", name, len(values))
		}
		der, err := certificateBytes(values[0])
		if err != nil {
			return nil, reject("%s header holds no certificate that can be read", name)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, reject("%s header holds no certificate that can be read", name)
		}
		return []*x509.Certificate{cert}, nil
	}
	return nil, nil
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

func (p *mtls) places() sources {
	var places []string
	for _, name := range mtlsHeaders {
		places = append(places, "header:"+name)
	}
	return known(places...)
}

func (p *mtls) secrets() sources { return nil }
