package server

import (
	"strings"
	"testing"
)

// A small body is read however many large ones are, and a large one waits for
// its turn.
func TestSmallBodiesDoNotWaitForLargeOnes(t *testing.T) {
	d := openPublic(t, "hooks: {/open: {verify: none, rules: [{when: ref == 1, run: x}]}}")
	send := func(body string) int { return d.send(t, d.request(t, "POST", "/open", body)).status }

	large := d.intake.parsing.large
	if !large.TryAcquire(parsedLarge) {
		t.Fatal("the lane is not free")
	}
	answers := make(chan int, 1)
	go func() { answers <- send(`{"ref":"` + strings.Repeat("x", 2*believed) + `"}`) }()
	if status := send(`{"ref":"x"}`); status != 200 {
		t.Errorf("a small body: answered %d", status)
	}
	select {
	case status := <-answers:
		t.Errorf("a large body did not wait: answered %d", status)
	default:
	}
	large.Release(parsedLarge)
	if status := within(t, "the large body's answer", answers); status != 200 {
		t.Errorf("a large body: answered %d", status)
	}
}
