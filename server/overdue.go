package server

import (
	"net/http"
	"time"

	"github.com/hooktender/hooktender/rules"
)

// answersWithin is how long the disk may take before a sender is told that its event
// cannot be stored now. Most providers wait for ten seconds.
const answersWithin = 8 * time.Second

// An overdue is the answer to a sender whose event is still not on disk after
// answersWithin. The request goes on waiting in its place: the event is the
// store's, and if the disk takes it after all, it runs. One that is sent again then
// is a duplicate, where the hook knows events again.
type overdue struct {
	timer    *time.Timer
	answered chan struct{}
}

// begin is called just before an event goes to the store.
func (o *overdue) begin(in *Intake, w http.ResponseWriter, d *rules.Delivery) {
	hook, event := d.Hook, cut(d.Event) // the store writes to the delivery
	o.answered = make(chan struct{})
	o.timer = time.AfterFunc(answersWithin, func() {
		defer close(o.answered)
		in.warn("the disk takes too long; a sender is told that its event cannot be stored now, and it runs if the disk takes it yet", "hook", hook, "event", event)
		w.Header().Set("Connection", "close") // the next request would wait with this one
		answerLater(w, "cannot be stored now")
		_ = http.NewResponseController(w).Flush() // or the sender is gone
	})
}

// end tells whether the sender has had its answer. It is called once nothing is
// waited for any more, begun or not, and may be called again.
func (o *overdue) end() (answered bool) {
	if o.timer == nil {
		return false
	}
	if !o.timer.Stop() {
		<-o.answered
		answered = true
	}
	o.timer = nil
	return answered
}
