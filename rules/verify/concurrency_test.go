package verify

import (
	"sync"
	"testing"
)

// One verifier serves all requests of a hook, whose hash states are shared
// between them. Run with -race.
func TestOneVerifierManyRequests(t *testing.T) {
	for _, name := range []string{"github", "gitea", "hmac-timestamped", "basic"} {
		v := preset(t, name, otherSecret, testSecret)
		good := mustSign(t, preset(t, name), newRequest())
		bad := good.clone()
		bad.Header = nil

		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for range 50 {
					if err := v.Verify(good.clone()); err != nil {
						t.Errorf("%s: genuine: %v", name, err)
					}
					if v.Verify(bad.clone()) == nil {
						t.Errorf("%s: accepted a request without proof", name)
					}
				}
			})
		}
		group.Wait()
	}
}
