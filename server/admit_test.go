package server

import (
	"context"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// A tellingIntake stores runs as begun, and one that tells of each.
type tellingIntake struct {
	*fakeIntake
	steps [][]int64 // what was enqueued together
}

func (f *tellingIntake) Accept(ctx context.Context, d *rules.Delivery, runs []*runner.Run) (runner.Displaced, error) {
	displaced, err := f.fakeIntake.Accept(ctx, d, runs)
	for _, r := range runs {
		told := &runner.Run{ID: r.ID + 100, TellsOf: r.ID, State: runner.Queued}
		r.State, r.Told = runner.Running, []*runner.Run{told}
		f.stored[told] = true
	}
	return displaced, err
}

func (f *tellingIntake) Enqueue(runs ...*runner.Run) {
	var ids []int64
	for _, r := range runs {
		ids = append(ids, r.ID)
	}
	f.steps = append(f.steps, ids)
	f.fakeIntake.Enqueue(runs...)
}

// That a run has begun is in the queue when it begins: its end cannot be told before.
func TestBeginningIsToldBeforeTheEnd(t *testing.T) {
	f := &tellingIntake{fakeIntake: newFakeIntake(t)}
	log, _ := newLog()
	in := NewIntake(f, f, log)
	in.Use(load(t, "hooks:\n  /deploy:\n    verify: none\n    rules: [{name: one, run: make}, {name: two, run: make}]\n"))
	w := httptest.NewRecorder()
	in.ServeHTTP(w, httptest.NewRequest("POST", "/deploy", strings.NewReader("{}")))
	if len(f.steps) != 1 || !slices.Equal(f.steps[0], []int64{42, 43, 142, 143}) {
		t.Errorf("%d %s: enqueued %v", w.Code, w.Body, f.steps)
	}
}
