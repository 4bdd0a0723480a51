package server

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// TLS makes a door speak TLS with the certificate in two files, which are read
// again when they have changed: whoever renews a certificate need not tell us.
// Files that do not fit each other just then change nothing, and the log says so.
// Clients may show a certificate of their own; who is let in by it is the
// hooks' to say.
func TLS(certFile, keyFile string, log *slog.Logger) (*tls.Config, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.read(c.files()); err != nil {
		return nil, fmt.Errorf("read the certificate: %w (the setting is server.tls)", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, ClientAuth: tls.RequestClientCert}, nil
}

type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu    sync.Mutex
	pair  *tls.Certificate
	state [2]fileState // of the files when the pair was read
	next  time.Time    // not before then, after they could not be read
}

// tryAgain is how long files that could not be read are left alone.
const tryAgain = time.Second

// fileState tells a file from what it was before.
type fileState struct {
	size    int64
	written time.Time
	err     string
}

func (c *certificate) files() (state [2]fileState) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			state[i].err = err.Error()
			continue
		}
		state[i] = fileState{size: info.Size(), written: info.ModTime()}
	}
	return state
}

func (c *certificate) read(state [2]fileState) error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		c.next = time.Now().Add(tryAgain)
		return err
	}
	c.pair, c.state = &pair, state
	return nil
}

// get is asked at each handshake.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.files(); now != c.state && time.Now().After(c.next) {
		if err := c.read(now); err != nil {
			c.log.Error("the certificate has changed and cannot be read; the old one stays in force", "cert", c.certFile, "key", c.keyFile, "error", err)
		} else {
			c.log.Info("the certificate is read again", "cert", c.certFile, "until", c.pair.Leaf.NotAfter)
		}
	}
	return c.pair, nil
}
