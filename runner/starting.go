package runner

import (
	"sync"
	"time"
)

// starting are the processes of ours that are being started: there already, perhaps,
// and not yet known.
var starting starts

// starts counts what begins and ends, for those who want to wait for it.
type starts struct {
	mu       sync.Mutex
	underWay map[chan struct{}]bool
}

// begin says that one begins; end has to be called.
func (s *starts) begin() (end func()) {
	ended := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.underWay == nil {
		s.underWay = map[chan struct{}]bool{}
	}
	s.underWay[ended] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.underWay, ended)
		close(ended)
	}
}

// await returns when all have ended that are under way now, and says so; or after
// atMost. A program on a network drive that is gone may take for ever to start, and
// must not hold up what has nothing to do with it.
func (s *starts) await(atMost time.Duration) (all bool) {
	s.mu.Lock()
	var list []chan struct{}
	for ended := range s.underWay {
		list = append(list, ended)
	}
	s.mu.Unlock()
	late := time.NewTimer(atMost)
	defer late.Stop()
	for _, ended := range list {
		select {
		case <-ended:
		case <-late.C:
			return false
		}
	}
	return true
}
