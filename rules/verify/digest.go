package verify

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"sync"
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
	return func(secret []byte) key { return newDigestKey(secret, algorithm) }
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
