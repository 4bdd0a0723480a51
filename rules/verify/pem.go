package verify

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// A certificateCheck judges the certificate that a key came in; nil takes any.
type certificateCheck func(*x509.Certificate) error

// parsePEM reads the first block (RFC 7468): what follows a certificate is its
// chain. The parameters of a curve, which OpenSSL writes in front of a private
// key, are in the key again.
func parsePEM(text []byte, check certificateCheck) ([]keyPair, error) {
	block, rest := pem.Decode(text)
	if block != nil && block.Type == "EC PARAMETERS" {
		block, _ = pem.Decode(rest)
	}
	if block == nil {
		return nil, errNoKey
	}
	switch block.Type {
	case "CERTIFICATE":
		return parseCertificate(block.Bytes, check)
	case "PUBLIC KEY":
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, errNoKey
		}
		return acceptable(keyPair{public: public})
	case "RSA PUBLIC KEY":
		public, err := x509.ParsePKCS1PublicKey(block.Bytes)
		if err != nil {
			return nil, errNoKey
		}
		return acceptable(keyPair{public: public})
	case "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY":
		private := privateDER(block.Bytes)
		if private == nil {
			return nil, errors.New("the private key cannot be read; has it a password?")
		}
		return acceptable(keyPair{public: private.Public(), private: hide(private)})
	}
	if strings.HasSuffix(block.Type, "PRIVATE KEY") {
		return nil, fmt.Errorf("a PEM block %q is a private key that cannot be read here; give the public key, or to sign the private one without a password, in PKCS #8", block.Type)
	}
	return nil, fmt.Errorf("a PEM block %q holds no public key", block.Type)
}

func parseCertificate(der []byte, check certificateCheck) ([]keyPair, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errors.New("the certificate cannot be read")
	}
	if check != nil {
		if err := check(cert); err != nil {
			return nil, err
		}
	}
	return acceptable(keyPair{public: cert.PublicKey})
}

// privateDER reads a private key of PKCS #8 (RFC 5958), SEC 1 (RFC 5915) or
// PKCS #1 (RFC 8017); nil if it is none.
func privateDER(der []byte) crypto.Signer {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		signer, _ := key.(crypto.Signer)
		return signer
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key
	}
	return nil
}
