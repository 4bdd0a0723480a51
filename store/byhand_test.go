package store

import (
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

func entry(did runner.Deed, hook string) *runner.AuditEntry {
	return &runner.AuditEntry{At: noon.Add(time.Hour), Who: "alice", Did: did, Hook: hook}
}

func heldRun(group string, busy rules.Busy) *runner.Run {
	r := newRun("/a", "apply")
	r.State, r.Hold = runner.Waiting, runner.HoldApproval
	if group != "" {
		putInGroup(r, group, busy)
	}
	return r
}

func putInGroup(r *runner.Run, group string, busy rules.Busy) {
	command := *r.Command
	command.Concurrency = &rules.Concurrency{Group: group, Limit: 1, Busy: busy}
	r.Command, r.Group = &command, group
}

// What waits for a person is found again as such, approved or not.
func TestHeldRun(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	r := heldRun("", "")
	accept(t, s, newDelivery("/a", ""), r)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	places, err := s.Unfinished(t.Context(), runner.Waiting)
	if err != nil || len(places) != 1 || !places[0].Held || places[0].ID != r.ID {
		t.Fatalf("%+v, %v", places, err)
	}
	run, err := s.Run(t.Context(), r.ID)
	if err != nil || run.State != runner.Waiting || run.Hold != runner.HoldApproval {
		t.Fatalf("%+v, %v", run, err)
	}
	run.State, run.Hold, run.By = runner.Queued, "", entry(runner.DidApprove, "/a")
	run.By.Run = run.ID
	if err := s.Take(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	did, err := s.AuditOfRun(t.Context(), r.ID)
	if err != nil || len(did) != 1 || did[0].Who != "alice" || did[0].Did != runner.DidApprove || !did[0].At.Equal(noon.Add(time.Hour)) {
		t.Errorf("%+v, %v", did, err)
	}
}

// What did not happen is not written down as if it had.
func TestNoAuditWithoutTheDeed(t *testing.T) {
	s := openTemp(t)
	r := newRun("/a", "redeploy")
	accept(t, s, newDelivery("/a", ""), r)
	over := *r
	over.State, over.FinishedAt = runner.Canceled, &noon
	if err := s.Take(t.Context(), &over); err != nil {
		t.Fatal(err)
	}
	again := over
	again.By = entry(runner.DidCancel, "/a")
	if err := s.Take(t.Context(), &again); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a run that is over could be taken: %v", err)
	}
	if err := s.NoteCancel(t.Context(), 999, entry(runner.DidCancel, "/a")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a run that is not there could be canceled: %v", err)
	}
	if did, err := s.Audit(t.Context(), 0); err != nil || len(did) != 0 {
		t.Errorf("%+v, %v", did, err)
	}
}

// One that waits for a person keeps no other out of its group, and gives way
// where the newest counts.
func TestHeldInGroup(t *testing.T) {
	for _, test := range []struct {
		busy       rules.Busy
		held, next runner.State
	}{
		{rules.Queue, runner.Waiting, runner.Queued},
		{rules.Skip, runner.Waiting, runner.Queued},
		{rules.Latest, runner.Superseded, runner.Queued},
		{rules.Replace, runner.Superseded, runner.Queued},
	} {
		t.Run(string(test.busy), func(t *testing.T) {
			s := openTemp(t)
			held, next := heldRun("g", test.busy), newRun("/a", "apply")
			putInGroup(next, "g", test.busy)
			accept(t, s, newDelivery("/a", ""), held)
			accept(t, s, newDelivery("/a", ""), next)
			got, err := s.Run(t.Context(), held.ID)
			if err != nil || got.State != test.held || (got.Hold != "") != (test.held == runner.Waiting) {
				t.Errorf("the held one is %+v, %v", got, err)
			}
			if next.State != test.next {
				t.Errorf("the next is %s", next.State)
			}
		})
	}
}

// A burst that waits only for a person any more is over: the next event is
// another burst.
func TestHeldBurst(t *testing.T) {
	s := openTemp(t)
	burst := func(after time.Duration) *runner.Run {
		r := newPaced("apply", nil, &rules.Debounce{Quiet: rules.Duration(time.Minute), Max: rules.Duration(time.Hour), Key: "k"})
		r.State, r.Hold = runner.Waiting, runner.HoldApproval
		arrive(t, s, after, r)
		return r
	}
	first := burst(0)
	second := burst(30 * time.Second)
	third := burst(2 * time.Hour)
	for _, want := range []struct {
		run   *runner.Run
		state runner.State
	}{{first, runner.Superseded}, {second, runner.Waiting}, {third, runner.Waiting}} {
		if got, err := s.Run(t.Context(), want.run.ID); err != nil || got.State != want.state {
			t.Errorf("run %d is %s, not %s (%v)", got.ID, got.State, want.state, err)
		}
	}
	if !third.NotBefore.Equal(noon.Add(2*time.Hour + time.Minute)) {
		t.Errorf("the third waits until %v", third.NotBefore)
	}
}

// A person who asks is not told that it fired too recently.
func TestRerunIsNotThrottled(t *testing.T) {
	s := openTemp(t)
	throttle := &rules.Throttle{Every: rules.Duration(time.Hour), Key: "k"}
	d, _ := arrive(t, s, 0, newPaced("redeploy", throttle, nil))
	again := newPaced("redeploy", throttle, nil)
	again.Delivery, again.QueuedAt, again.RerunOf, again.State = d.ID, noon.Add(time.Second), 1, runner.Queued
	by := entry(runner.DidRerun, "/a")
	if _, err := s.Rerun(t.Context(), again, by); err != nil {
		t.Fatal(err)
	}
	got, err := s.Run(t.Context(), again.ID)
	if err != nil || got.State != runner.Queued || got.RerunOf != 1 || got.Event != "push" {
		t.Errorf("%+v, %v", got, err)
	}
	did, err := s.AuditOfRun(t.Context(), again.ID)
	if err != nil || len(did) != 1 || did[0].Did != runner.DidRerun {
		t.Errorf("%+v, %v", did, err)
	}
	if list, err := s.RunsOf(t.Context(), []int64{d.ID}); err != nil || len(list[d.ID]) != 2 {
		t.Errorf("the delivery has %d runs, %v", len(list[d.ID]), err)
	}
}

// A pause lasts until it is ended, also over a restart, and is no one's second
// time.
func TestPauseSurvives(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	later := entry(runner.DidPause, "/a")
	later.Who = "bob"
	for _, e := range []*runner.AuditEntry{entry(runner.DidPause, "/a"), later, entry(runner.DidPause, "/b"), entry(runner.DidResume, "/b")} {
		if err := s.Pause(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	paused, err := s.Paused(t.Context())
	if err != nil || len(paused) != 1 || paused[0].Hook != "/a" || paused[0].Who != "alice" {
		t.Errorf("%+v, %v", paused, err)
	}
	did, err := s.Audit(t.Context(), 2)
	if err != nil || len(did) != 2 || did[0].Did != runner.DidResume || did[1].Hook != "/b" {
		t.Errorf("%+v, %v", did, err)
	}
}

func TestOpenRuns(t *testing.T) {
	s := openTemp(t)
	for _, hook := range []string{"/a", "/a", "/b"} {
		accept(t, s, newDelivery(hook, ""), newRun(hook, "r"))
	}
	over := newRun("/b", "r")
	accept(t, s, newDelivery("/b", ""), over)
	over.State, over.FinishedAt = runner.Canceled, &noon
	if err := s.Take(t.Context(), over); err != nil {
		t.Fatal(err)
	}
	open, err := s.OpenRuns(t.Context())
	if err != nil || len(open) != 2 || open["/a"][runner.Queued] != 2 || open["/b"][runner.Queued] != 1 {
		t.Errorf("%v, %v", open, err)
	}
}

// Nobody has to make room for a run that may never begin; once it may, it takes
// its place.
func TestHeldTakesItsPlaceWhenApproved(t *testing.T) {
	for _, busy := range []rules.Busy{rules.Replace, rules.Latest} {
		t.Run(string(busy), func(t *testing.T) {
			s := openTemp(t)
			running, queued, held := newRun("/a", "apply"), newRun("/a", "apply"), heldRun("g", busy)
			for _, r := range []*runner.Run{running, queued} {
				putInGroup(r, "g", rules.Queue)
				accept(t, s, newDelivery("/a", ""), r)
			}
			running.State = runner.Running
			if err := s.Take(t.Context(), running); err != nil {
				t.Fatal(err)
			}
			displaced, err := s.Accept(t.Context(), newDelivery("/a", ""), []*runner.Run{held})
			if err != nil || len(displaced.Running)+len(displaced.Waiting) > 0 {
				t.Fatalf("before it is approved: %+v, %v", displaced, err)
			}
			// One that is interrupted meanwhile comes again.
			running.State = runner.Queued
			if err := s.Update(t.Context(), running, nil); err != nil || running.State != runner.Queued {
				t.Errorf("%s, %v", running.State, err)
			}
			running.State = runner.Running
			if err := s.Take(t.Context(), running); err != nil {
				t.Fatal(err)
			}
			held.State, held.Hold, held.By = runner.Queued, "", entry(runner.DidApprove, "/a")
			displaced, err = s.Approve(t.Context(), held)
			if err != nil || len(displaced.Waiting) != 1 || displaced.Waiting[0].Run != queued.ID || (len(displaced.Running) == 1) != (busy == rules.Replace) {
				t.Errorf("approved: %+v, %v", displaced, err)
			}
			if got, err := s.Run(t.Context(), queued.ID); err != nil || got.State != runner.Superseded {
				t.Errorf("the one before it is %s, %v", got.State, err)
			}
			if did, err := s.Audit(t.Context(), 0); err != nil || len(did) != 1 {
				t.Errorf("%+v, %v", did, err)
			}
			if _, err := s.Approve(t.Context(), queued); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("one that is over was approved: %v", err)
			}
		})
	}
}

// A hook that is paused makes no other skip its runs.
func TestPausedIsNotBusy(t *testing.T) {
	s := openTemp(t)
	of := func(hook string) *runner.Run {
		r := newRun(hook, "r")
		putInGroup(r, "g", rules.Skip)
		accept(t, s, newDelivery(hook, ""), r)
		return r
	}
	s.UsePaused(map[string]bool{"/a": true})
	if first, other, next := of("/a"), of("/b"), of("/b"); first.State != runner.Queued || other.State != runner.Queued || next.State != runner.Skipped {
		t.Errorf("%s, %s, %s", first.State, other.State, next.State)
	}
	s.UsePaused(nil) // the hook was resumed
	if other := of("/c"); other.State != runner.Skipped {
		t.Errorf("with no hook paused: %s", other.State)
	}
}

// What a person ran again is no reason to throttle what comes.
func TestRerunThrottlesNothing(t *testing.T) {
	s := openTemp(t)
	throttle := &rules.Throttle{Every: rules.Duration(time.Hour), Key: "k"}
	d, _ := arrive(t, s, 0, newPaced("redeploy", throttle, nil))
	again := newPaced("redeploy", throttle, nil)
	again.Delivery, again.QueuedAt, again.RerunOf, again.State = d.ID, noon.Add(2*time.Hour), 1, runner.Queued
	if _, err := s.Rerun(t.Context(), again, entry(runner.DidRerun, "/a")); err != nil {
		t.Fatal(err)
	}
	next := newPaced("redeploy", throttle, nil)
	if d, _ := arrive(t, s, 2*time.Hour+time.Minute, next); d.Verdict != rules.Accepted || next.ID == 0 {
		t.Errorf("%s", d.Verdict)
	}
}

// Who sent a delivery again is on disk with it, or nothing is.
func TestReplayAndItsAudit(t *testing.T) {
	s := openTemp(t)
	r := newRun("/a", "r")
	r.By = entry(runner.DidReplay, "/a")
	d := newDelivery("/a", "body")
	d.ReplayOf = 7
	accept(t, s, d, r)
	if r.By != nil {
		t.Error("the next write would tell it again")
	}
	did, err := s.AuditOfDelivery(t.Context(), d.ID)
	if err != nil || len(did) != 1 || did[0].Did != runner.DidReplay || did[0].Run != 0 {
		t.Errorf("%+v, %v", did, err)
	}
	if got, err := s.Delivery(t.Context(), d.ID); err != nil || got.ReplayOf != 7 {
		t.Errorf("%+v, %v", got, err)
	}
}
