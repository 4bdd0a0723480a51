package notify

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// A progress is how far a mail has come with the attempts of its run: who has it,
// and who was refused for good, each by the address of the envelope.
type progress struct {
	has     map[string]bool
	refused map[string]error
}

func newProgress() *progress { return &progress{map[string]bool{}, map[string]error{}} }

// open are those of the recipients whom an attempt is to reach yet.
func (p *progress) open(to []string) []string {
	return slices.DeleteFunc(slices.Clone(to), func(a string) bool { return p.has[a] || p.refused[a] != nil })
}

// outcome is nil when all recipients have the mail, and otherwise why each has not
// who has not. Those who may be reached later are in later.
func (p *progress) outcome(to []string, later map[string]error) error {
	var missing []error
	for _, a := range to {
		if err := cmp.Or(later[a], p.refused[a]); err != nil {
			missing = append(missing, err)
		}
	}
	return errors.Join(missing...)
}

// head says that some have the mail, before what went wrong with the
// others; it is empty where nobody has.
func (p *progress) head(to []string) string {
	got := 0
	for _, a := range to {
		if p.has[a] {
			got++
		}
	}
	if got == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d recipients have the mail, not all: ", got, len(to))
}

// maxHalfway is how many mails are remembered that some have and others have not.
const maxHalfway = 1000

// halfway remembers the progress of runs between their attempts. It forgets when
// the server ends, and the oldest when there are too many: their next attempt
// sends to all.
type halfway struct {
	mu    sync.Mutex
	runs  map[int64]*progress
	order []int64 // the oldest first
}

func (h *halfway) of(run int64) *progress {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p, ok := h.runs[run]; ok {
		return p
	}
	return newProgress()
}

// keep remembers a progress for the next attempt of its run; nil for one that needs
// no other.
func (h *halfway) keep(run int64, p *progress) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(h.order, run); i >= 0 {
		h.order = slices.Delete(h.order, i, i+1)
		delete(h.runs, run)
	}
	if p == nil || len(p.has)+len(p.refused) == 0 {
		return
	}
	if len(h.order) >= maxHalfway {
		delete(h.runs, h.order[0])
		h.order = h.order[1:]
	}
	if h.runs == nil {
		h.runs = map[int64]*progress{}
	}
	h.runs[run], h.order = p, append(h.order, run)
}
