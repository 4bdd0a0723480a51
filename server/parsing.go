package server

import (
	"context"

	"golang.org/x/sync/semaphore"

	"github.com/hooktender/hooktender/rules"
)

// How many bytes of bodies are read for the rules at once. What is made of them
// is up to fifty times as large: six bytes are an object in another. Nothing but the
// processors is waited for in a turn, so more at once would not be quicker.
const (
	parsedSmall = 1 << 20
	parsedLarge = 4 << 20 // a larger body is read alone
)

// parsing lets only as much be read at once as there should be memory for. Small
// bodies, which nearly all are, never wait for large ones.
type parsing struct{ small, large *semaphore.Weighted }

func newParsing() parsing {
	return parsing{semaphore.NewWeighted(parsedSmall), semaphore.NewWeighted(parsedLarge)}
}

// evaluate is hook.Evaluate in its turn. How many wait is bounded by the room
// that their bodies take, and an event stays one if its sender hangs up.
func (p parsing) evaluate(hook *rules.Hook, req *rules.Request) ([]rules.Decision, []rules.Action, error) {
	lane, size := p.small, int64(len(req.Body))
	if size > believed {
		lane, size = p.large, min(size, parsedLarge)
	}
	_ = lane.Acquire(context.Background(), size) // fails only with its context
	defer lane.Release(size)
	return hook.Evaluate(req)
}
