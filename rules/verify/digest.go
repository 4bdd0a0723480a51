package verify

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"sync"
	"unicode/utf8"
)

// algorithms are the hash functions that providers use. SHA-1 is among them:
// in an HMAC it is still sound (RFC 6194, section 3.3), and several offer
// nothing better.
var algorithms = map[string]func() hash.Hash{
	"sha1":   sha1.New,
	"sha256": sha256.New,
	"sha384": sha512.New384,
	"sha512": sha512.New,
}

// A key is one secret of a scheme with signatures.
type key interface {
	// matches reports whether one of the claimed signatures is right. Its
	// error says what the message lacks.
	matches(m message, claimed [][]byte) (bool, error)
	sign(m message) ([]byte, error)
}

// A digestKey proves with a hash: an HMAC (RFC 2104), or a plain hash that has
// the secret in its message.
type digestKey struct {
	secret func() []byte
	states sync.Pool // of *digestState
}

// A digestState is a hash that is used again: an HMAC's key is mixed in once
// and not for each request.
type digestState struct {
	hash.Hash
	sum []byte
}

func newDigestKey(secret []byte, newHash func() hash.Hash) *digestKey {
	k := &digestKey{secret: hide(secret)}
	k.states.New = func() any { return &digestState{Hash: newHash()} }
	return k
}

func newHMACKey(algorithm func() hash.Hash) func(secret []byte) key {
	return func(secret []byte) key {
		return newDigestKey(secret, func() hash.Hash { return hmac.New(algorithm, secret) })
	}
}

func newHashKey(algorithm func() hash.Hash) func(secret []byte) key {
	return func(secret []byte) key {
		return newDigestKey(secret, func() hash.Hash { return textHash{algorithm()} })
	}
}

// A textHash takes nothing but text. Who knows the hash of a message that begins
// with a secret knows that of the same message with more behind it, if only the
// padding of the first stands in between: 0x80, zeros and the length (FIPS 180-4,
// section 5.1). That is no text, as no genuine message is.
type textHash struct{ hash.Hash }

func (h textHash) Write(p []byte) (int, error) {
	if !utf8.Valid(p) || bytes.IndexByte(p, 0) >= 0 {
		return 0, reject("what is signed is no text: a plain hash can be continued by others, and nothing else is believed")
	}
	return h.Hash.Write(p)
}

func (k *digestKey) matches(m message, claimed [][]byte) (bool, error) {
	s := k.states.Get().(*digestState)
	defer k.states.Put(s)
	if err := s.digest(m, k.secret()); err != nil {
		return false, err
	}
	ok := false
	for _, c := range claimed {
		if hmac.Equal(s.sum, c) {
			ok = true // and no early return: which one matched is nobody's business
		}
	}
	return ok, nil
}

func (k *digestKey) sign(m message) ([]byte, error) {
	s := k.states.Get().(*digestState)
	defer k.states.Put(s)
	err := s.digest(m, k.secret())
	return append([]byte(nil), s.sum...), err
}

// digest leaves the hash of m in s.sum.
func (s *digestState) digest(m message, secret []byte) error {
	s.Reset()
	err := m.writeTo(s.Hash, secret)
	s.sum = s.Sum(s.sum[:0])
	return err
}
