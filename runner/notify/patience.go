package notify

import (
	"sync"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// patience remembers which places asked to be left alone, and until when. It
// forgets when the server ends; the place says it again then.
type patience struct {
	mu    sync.Mutex
	until map[string]rest
}

// A rest belongs to a place as it was configured: after a reload it may be
// another one of the same name.
type rest struct {
	channel *rules.Channel
	end     time.Time
}

// left is how long the place wants to be left alone yet.
func (p *patience) left(c *rules.Channel) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.until[c.Name]
	if !ok {
		return 0
	}
	left := time.Until(r.end)
	if r.channel != c || left <= 0 {
		delete(p.until, c.Name)
		return 0
	}
	return left
}

// rest leaves the place alone for so long.
func (p *patience) rest(c *rules.Channel, d time.Duration) {
	if d <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil {
		p.until = map[string]rest{}
	}
	if r, ok := p.until[c.Name]; ok && r.channel == c && time.Until(r.end) > d {
		return
	}
	p.until[c.Name] = rest{c, time.Now().Add(d)}
}
