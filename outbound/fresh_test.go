package outbound

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// TestFresh: whoever wants to see how a host is reached takes no connection that
// is there, leaves none behind, and is redirected over a new one.
func TestFresh(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		var made atomic.Int64
		s := httptest.NewUnstartedServer(http.RedirectHandler("/", http.StatusFound))
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				made.Add(1)
			}
		}
		s.EnableHTTP2 = http2
		s.StartTLS()
		defer s.Close()
		c := client(t)
		for _, transport := range []*http.Transport{c.kept.open, c.kept.guarded, c.fresh.open, c.fresh.guarded} {
			transport.TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			transport.TLSClientConfig.NextProtos = nil
		}
		kept := Policy{Private: true, Redirects: 1, Limit: 1000}
		fresh := kept
		fresh.Fresh = true
		for i, step := range []struct {
			policy Policy
			made   int64
		}{{kept, 1}, {kept, 1}, {fresh, 3}, {fresh, 5}, {kept, 5}} {
			a, err := c.Do(t.Context(), request(t, http.MethodGet, s.URL, ""), step.policy)
			if err != nil {
				t.Fatal(err)
			}
			if made.Load() != step.made {
				t.Errorf("%s, request %d: %d connections, want %d", a.TLS.NegotiatedProtocol, i, made.Load(), step.made)
			}
			if (a.TLS.NegotiatedProtocol == "h2") != http2 {
				t.Errorf("it speaks %q", a.TLS.NegotiatedProtocol)
			}
		}
	}
}
