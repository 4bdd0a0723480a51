package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// Limits of what is fetched in the name of strangers: they can make us ask, if
// only hosts that a scheme allows.
const (
	keysWithin  = 5 * time.Second
	keysSize    = 256 << 10
	keysAtOnce  = 8
	keysEntries = 200
	keysFresh   = time.Hour        // how long a document counts
	keysAgain   = time.Minute      // how soon it is fetched again because a key is missing in it
	keysFailed  = 10 * time.Second // how soon after a failure
	keysStale   = 24 * time.Hour   // how long an old one counts while it cannot be fetched
)

// Keys fetches the certificates and keys that providers publish, and keeps them
// for a while. It is safe for concurrent use.
type Keys struct {
	client *http.Client
	room   chan struct{}
	mu     sync.Mutex
	kept   map[[sha256.Size]byte]*keptKeys
}

// keptKeys is one document. Who holds its lock fetches it, and who waits for the
// lock finds it fetched.
type keptKeys struct {
	mu     sync.Mutex
	data   []byte
	since  time.Time // when data was fetched
	tried  time.Time
	failed error // of the last try
}

// NewKeys makes an empty one. It follows no redirect and keeps no connection.
func NewKeys() *Keys {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	return newKeys(transport)
}

func newKeys(transport http.RoundTripper) *Keys {
	return &Keys{
		client: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		room: make(chan struct{}, keysAtOnce),
		kept: map[[sha256.Size]byte]*keptKeys{},
	}
}

// Fetch returns the document, from memory if that will do.
func (k *Keys) Fetch(d rules.Document, again bool) ([]byte, error) {
	e := k.entry(d)
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	if e.current(now, again) {
		return e.data, e.failed
	}
	data, err := k.get(d)
	e.tried, e.failed = now, err
	switch {
	case err == nil:
		e.data, e.since = data, now
	case e.data != nil && now.Sub(e.since) < keysStale:
		e.failed = nil // the old one still counts
	}
	return e.data, e.failed
}

// atHand returns the document if nothing has to be waited for.
func (k *Keys) atHand(d rules.Document, again bool) ([]byte, bool) {
	e := k.entry(d)
	if !e.mu.TryLock() {
		return nil, false
	}
	defer e.mu.Unlock()
	return e.data, e.failed == nil && e.current(time.Now(), again)
}

// current tells whether there is no need to ask.
func (e *keptKeys) current(now time.Time, again bool) bool {
	switch {
	case e.tried.IsZero():
		return false
	case e.failed != nil:
		return now.Sub(e.tried) < keysFailed
	case again:
		return now.Sub(e.tried) < keysAgain
	case now.Sub(e.since) < keysFresh:
		return true
	}
	return now.Sub(e.tried) < keysFailed // it is old, and was asked for in vain just now
}

// entry finds the place of a document. When there are too many, any other has to
// go: strangers who ask for much gain nothing but fetching.
func (k *Keys) entry(d rules.Document) *keptKeys {
	key := sha256.Sum256([]byte(d.URL + "\n" + d.Post.Reveal()))
	k.mu.Lock()
	defer k.mu.Unlock()
	if e, ok := k.kept[key]; ok {
		return e
	}
	for other := range k.kept {
		if len(k.kept) < keysEntries {
			break
		}
		delete(k.kept, other)
	}
	e := &keptKeys{}
	k.kept[key] = e
	return e
}

// get asks for the document. Its errors hold neither the URL nor what was posted.
func (k *Keys) get(d rules.Document) ([]byte, error) {
	select {
	case k.room <- struct{}{}:
		defer func() { <-k.room }()
	default:
		return nil, errors.New("too many keys are being fetched at once")
	}
	if !strings.HasPrefix(d.URL, "https://") {
		return nil, errors.New("only https is fetched")
	}
	ctx, cancel := context.WithTimeout(context.Background(), keysWithin)
	defer cancel()
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if post := d.Post.Reveal(); post != "" {
		method, body = http.MethodPost, bytes.NewReader([]byte(post))
	}
	req, err := http.NewRequestWithContext(ctx, method, d.URL, body)
	if err != nil {
		return nil, errors.New("the address cannot be read")
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := k.client.Do(req)
	if err != nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err // without the URL
		}
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %d", resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, keysSize+1))
	if err == nil && len(data) > keysSize {
		err = fmt.Errorf("more than %d bytes", keysSize)
	}
	return data, err
}
