package verify

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"strings"
	"time"
)

// A keyPair is the key of a signature that only the sender can make. The
// private half is there only for Sign, and only if it was given.
type keyPair struct {
	id      string // of a key in a set; "" if it has none
	public  crypto.PublicKey
	private func() crypto.Signer // nil if only the public half is known
}

var (
	errNoKey    = errors.New("no public key in it")
	errPrivate  = errors.New("it is a private key, which only its owner may have; what verifies is the public key that belongs to it")
	errWeakRSA  = errors.New("an RSA key of less than 2048 bits proves nothing any more")
	errLongRSA  = errors.New("an RSA key of more than 16384 bits costs more than it proves")
	errOddCurve = errors.New("an elliptic curve that is not P-256, P-384 or P-521")
)

// parseKeys reads public keys in the spellings in which providers hand them
// out: PEM (keys and certificates), the base64 of a SubjectPublicKeyInfo, a JWK
// or a set of them (RFC 7517). A private key in PEM is taken, too: its public
// half verifies and it can sign. In other spellings it is refused. Its errors do
// not quote the text.
func parseKeys(text string, check certificateCheck) ([]keyPair, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == StandIn.Reveal():
		return nil, nil
	case strings.HasPrefix(text, "{"):
		return parseJWKs([]byte(text))
	case strings.HasPrefix(text, "-----BEGIN"):
		return parsePEM([]byte(text), check)
	}
	der, err := lenientBase64(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, errNoKey
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil && privateDER(der) != nil {
		return nil, errPrivate
	}
	if err != nil {
		return nil, errNoKey
	}
	return acceptable(keyPair{public: public})
}

// acceptable refuses what is too weak to prove anything.
func acceptable(k keyPair) ([]keyPair, error) {
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() < 2048 {
			return nil, errWeakRSA
		}
		if public.N.BitLen() > 16384 {
			return nil, errLongRSA
		}
	case *ecdsa.PublicKey:
		if _, ok := curveBytes[public.Curve.Params().Name]; !ok {
			return nil, errOddCurve
		}
	case ed25519.PublicKey:
	default:
		return nil, errNoKey
	}
	return []keyPair{k}, nil
}

// curveBytes is how long a coordinate is on the curves that are used.
var curveBytes = map[string]int{"P-256": 32, "P-384": 48, "P-521": 66}

// validAt accepts a certificate that is in force now and bears one of the
// names. The chain is not followed: who fetched it spoke TLS with a host that
// is allowed, and so it is the provider's.
func validAt(now time.Time, names func(string) bool) certificateCheck {
	return func(cert *x509.Certificate) error {
		switch {
		case now.Before(cert.NotBefore) || now.After(cert.NotAfter):
			return errors.New("the certificate is not valid at this time")
		case names != nil && !bears(cert, names):
			return errors.New("the certificate is not one for signing messages")
		}
		return nil
	}
}

func bears(cert *x509.Certificate, names func(string) bool) bool {
	for _, name := range cert.DNSNames {
		if names(name) {
			return true
		}
	}
	return len(cert.DNSNames) == 0 && names(cert.Subject.CommonName)
}

// An asymmetricKey is one public key of a scheme with signatures.
type asymmetricKey struct {
	keyPair
	verify func(public crypto.PublicKey, message, signature []byte) bool
	make   func(private crypto.Signer, message []byte) ([]byte, error)
}

func (k *asymmetricKey) matches(m message, claimed [][]byte) (bool, error) {
	text, err := m.bytes()
	if err != nil {
		return false, err
	}
	for _, signature := range claimed {
		if k.verify(k.public, text, signature) {
			return true, nil
		}
	}
	return false, nil
}

func (k *asymmetricKey) sign(m message) ([]byte, error) {
	if k.private == nil {
		return nil, errors.New("only the provider can sign; give a private key in PEM to sign with a key of your own")
	}
	text, err := m.bytes()
	if err != nil {
		return nil, err
	}
	return k.make(k.private(), text)
}

// bytes is the message in one piece, for keys that need it so.
func (m message) bytes() ([]byte, error) {
	var b bytes.Buffer
	err := m.writeTo(&b, nil)
	return b.Bytes(), err
}

// A keyKind is what tells one kind of public key from the others.
type keyKind struct {
	name   string // in messages: "Ed25519"
	fits   func(crypto.PublicKey) bool
	parse  func(c *compiler, text string) ([]keyPair, error)
	verify func(public crypto.PublicKey, message, signature []byte) bool
	make   func(private crypto.Signer, message []byte) ([]byte, error)
}

func parseAny(_ *compiler, text string) ([]keyPair, error) { return parseKeys(text, nil) }

// asymmetric compiles what all types with a public key share.
func (c *compiler) asymmetric(kind keyKind) proof {
	p := c.signed(func() []key { return c.publicKeys(kind) })
	for _, t := range []*template{p.body, p.form} {
		if t != nil && t.uses("secret") {
			c.failf("signed", "{secret} has no meaning for type %s, whose key is public; remove it", c.scheme.Type)
		}
	}
	return p
}

func (c *compiler) publicKeys(kind keyKind) (keys []key) {
	for i, s := range c.secrets {
		if s == "" || s == StandIn {
			continue // told already, or by whom it stands in for
		}
		pairs, err := kind.parse(c, s.Reveal())
		if err != nil {
			c.failf("public_key", "number %d is no %s key: %v; copy it again from the provider", i+1, kind.name, err)
		}
		for _, pair := range pairs {
			if !kind.fits(pair.public) {
				c.failf("public_key", "number %d is no %s key; copy it again from the provider", i+1, kind.name)
				continue
			}
			keys = append(keys, &asymmetricKey{pair, kind.verify, kind.make})
		}
	}
	if source := c.keySource(); source != nil && len(c.secrets) == 0 {
		keys = append(keys, &fetchedKey{source, kind})
	}
	return keys
}
