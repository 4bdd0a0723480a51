package runner

import "sync"

// hub tells whoever looks at a run that there is more to see. It carries no
// data: the store has it. The zero value is ready.
type hub struct {
	mu    sync.Mutex
	topic map[int64]chan struct{}
}

func (h *hub) changed(run int64) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.topic == nil {
		h.topic = map[int64]chan struct{}{}
	}
	if h.topic[run] == nil {
		h.topic[run] = make(chan struct{})
	}
	return h.topic[run]
}

func (h *hub) notify(run int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.topic[run]; c != nil {
		close(c)
		delete(h.topic, run)
	}
}
