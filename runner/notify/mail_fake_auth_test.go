package notify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// auth is one exchange of RFC 4954.
func (s *fakeSession) auth(rest string) {
	mechanism, initial, _ := strings.Cut(rest, " ")
	if !s.secure && !s.plainAuth {
		s.t.Errorf("AUTH %s before TLS", mechanism)
		s.say("538 5.7.11 Encryption required")
		return
	}
	if !slices.Contains(s.mechanisms, mechanism) {
		s.t.Errorf("AUTH %s was not offered", mechanism)
	}
	ask := func(challenge string) string {
		s.say("334 %s", base64.StdEncoding.EncodeToString([]byte(challenge)))
		line, _ := s.line(12288)
		return decoded(line)
	}
	switch mechanism {
	case "PLAIN":
		s.known = decoded(initial) == "\x00"+mailUser+"\x00"+mailPassword
	case "LOGIN":
		s.known = ask("Username:") == mailUser
		s.known = ask("Password:") == mailPassword && s.known
	case "CRAM-MD5":
		mac := hmac.New(md5.New, []byte(mailPassword))
		mac.Write([]byte("<1.2@mail.example.com>"))
		s.known = ask("<1.2@mail.example.com>") == mailUser+" "+hex.EncodeToString(mac.Sum(nil))
	case "XOAUTH2":
		s.known = decoded(initial) == "user="+mailUser+"\x01auth=Bearer "+mailPassword+"\x01\x01"
		if !s.known {
			ask(`{"status":"401"}`)
		}
	case "SCRAM-SHA-256":
		if initial == "" {
			s.known = scram(ask(""), ask)
		} else {
			s.known = scram(decoded(initial), ask)
		}
	}
	if !s.known {
		// Some servers say again what they were sent.
		s.say("535 5.7.8 Username and password not accepted: %s (%s)", initial, decoded(initial))
		return
	}
	s.say("235 2.7.0 welcome")
}

func decoded(s string) string {
	b, _ := base64.StdEncoding.DecodeString(s)
	return string(b)
}

// scram is the server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677).
func scram(first string, ask func(string) string) bool {
	bare, _ := strings.CutPrefix(first, "n,,")
	fields := strings.Split(bare, ",")
	if len(fields) < 2 || fields[0] != "n="+mailUser {
		return false
	}
	salt, nonce := []byte("salt-of-the-sea"), strings.TrimPrefix(fields[1], "r=")+"server"
	serverFirst := fmt.Sprintf("r=%s,s=%s,i=4096", nonce, base64.StdEncoding.EncodeToString(salt))
	final := ask(serverFirst)
	without, proof, _ := strings.Cut(final, ",p=")
	signed := bare + "," + serverFirst + "," + without
	salted, _ := pbkdf2.Key(sha256.New, mailPassword, salt, 4096, 32)
	clientKey := sum(salted, "Client Key")
	stored := sha256.Sum256(clientKey)
	want := sum(stored[:], signed)
	for i := range want {
		want[i] ^= clientKey[i]
	}
	if proof != base64.StdEncoding.EncodeToString(want) {
		return false
	}
	ask("v=" + base64.StdEncoding.EncodeToString(sum(sum(salted, "Server Key"), signed)))
	return true
}

func sum(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func selfSigned(t *testing.T) (*tls.Config, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.example.com"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}
