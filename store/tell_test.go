package store

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// newTold is a run of which people are told.
func newTold(tell ...rules.Notice) *runner.Run {
	r := newRun("/a", "deploy")
	r.Command.Tell = tell
	return r
}

// come writes that a run has come to a state, and returns who is told of it.
func come(t *testing.T, s *Store, r *runner.Run, state runner.State) []*runner.Run {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	r.State = state
	write := func() error { return s.Update(t.Context(), r, nil) }
	if state == runner.Running {
		r.Attempt, r.StartedAt = r.Attempt+1, &now
		write = func() error { return s.Take(t.Context(), r) }
	} else if state.Ended() {
		r.FinishedAt = &now
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
	return r.Told
}

func momentsOf(t *testing.T, s *Store, told []*runner.Run) (list []rules.Moment) {
	t.Helper()
	for _, r := range told {
		got, err := s.Run(t.Context(), r.ID)
		if err != nil || got.State != runner.Queued || got.Action != rules.ActionNotify || got.TellsOf == 0 || got.Command.Notification.Of.Run != got.TellsOf {
			t.Errorf("%+v, %v", got, err)
			continue
		}
		list = append(list, got.Command.Notification.Moment)
	}
	return list
}

func TestRecoveryIsTold(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	ops := rules.Notice{To: "ops", On: []rules.Moment{rules.OnFailure, rules.OnRecovery}}
	run := func(key string, end runner.State) []*runner.Run {
		r := newTold(ops)
		r.Command.Throttle = &rules.Throttle{Every: 1, Key: key}
		accept(t, s, newDelivery("/a", ""), r)
		if told := come(t, s, r, runner.Running); len(told) != 0 {
			t.Errorf("told of the beginning: %+v", told[0])
		}
		return come(t, s, r, end)
	}
	failed, recovered := []rules.Moment{rules.OnFailure}, []rules.Moment{rules.OnRecovery}
	for i, step := range []struct {
		key  string
		end  runner.State
		want []rules.Moment
	}{
		{"one", runner.Succeeded, nil},
		{"one", runner.Failed, failed},
		{"two", runner.Succeeded, nil}, // of another key
		{"one", runner.Canceled, nil},  // says nothing of how it is
		{"one", runner.TimedOut, failed},
		{"one", runner.Failed, failed},
		{"one", runner.Succeeded, recovered},
		{"one", runner.Succeeded, nil},
	} {
		told := run(step.key, step.end)
		if got := momentsOf(t, s, told); !slices.Equal(got, step.want) {
			t.Errorf("step %d: told %q, want %q", i, got, step.want)
		}
		if i == 5 { // a restart forgets nothing
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir)
		}
		if i == 6 {
			if of := told[0].Command.Notification.Of; of.Failures != 3 || of.FailingSince == nil || time.Since(*of.FailingSince) > time.Minute {
				t.Errorf("%+v", of)
			}
		}
	}
}

// Who is told is stored together with what happened, or nothing is.
func TestToldAndTheirReason(t *testing.T) {
	s := openTemp(t)
	r := newTold(rules.Notice{To: "ops", On: rules.Moments})
	accept(t, s, newDelivery("/a", ""), r)
	tell := func(statement string) {
		if err := s.submit(t.Context(), func(tx *tx) error { _, err := tx.exec(statement); return err }); err != nil {
			t.Fatal(err)
		}
	}
	tell(`CREATE TRIGGER refuse BEFORE INSERT ON run BEGIN SELECT RAISE(ABORT, 'refused'); END`)
	begun := *r
	begun.State, begun.Attempt = runner.Running, 1
	if err := s.Take(t.Context(), &begun); err == nil {
		t.Fatal("taken although nobody can be told")
	}
	tell(`DROP TRIGGER refuse`)
	if got := stateOf(t, s, r); got != runner.Queued {
		t.Errorf("the run is %s", got)
	}
	if told := come(t, s, r, runner.Running); len(told) != 1 || len(momentsOf(t, s, told)) != 1 {
		t.Errorf("told %+v", told)
	}
	if err := s.Take(t.Context(), r); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	places, err := s.Unfinished(t.Context(), runner.Queued)
	if err != nil || len(places) != 1 || places[0].Lane != runner.Tellings || !places[0].Tells || places[0].Group != "notify:ops" || places[0].Limit != 1 {
		t.Errorf("%+v, %v", places, err)
	}
}

func TestToldAtOnce(t *testing.T) {
	s := openTemp(t)
	notice := rules.Notice{To: "ops", On: []rules.Moment{rules.OnSkipped, rules.OnApproval}}
	held := newTold(notice)
	held.State, held.Hold = runner.Waiting, runner.HoldApproval
	first, second := newTold(notice), newTold(notice)
	putInGroup(first, "g", rules.Skip)
	putInGroup(second, "g", rules.Skip)
	accept(t, s, newDelivery("/a", ""), held, first)
	accept(t, s, newDelivery("/a", ""), second)
	for r, want := range map[*runner.Run][]rules.Moment{held: {rules.OnApproval}, first: nil, second: {rules.OnSkipped}} {
		if got := momentsOf(t, s, r.Told); !slices.Equal(got, want) {
			t.Errorf("run %d, %s: told %q, want %q", r.ID, r.State, got, want)
		}
	}
}

// Nobody is asked about each event of a burst: who asks waits as long as the run,
// and is gone with it.
func TestAskedWhenTheBurstIsOver(t *testing.T) {
	s := openTemp(t)
	event := func() *runner.Run {
		r := newTold(rules.Notice{To: "ops", On: []rules.Moment{rules.OnApproval}})
		r.Command.Debounce = &rules.Debounce{Quiet: rules.Duration(time.Minute), Max: rules.Duration(time.Hour)}
		r.State, r.Hold = runner.Waiting, runner.HoldApproval
		return r
	}
	asks := func(r *runner.Run) *runner.Run {
		t.Helper()
		if len(r.Told) != 1 || r.Told[0].State != runner.Waiting || !r.Told[0].NotBefore.Equal(*r.NotBefore) {
			t.Fatalf("%+v", r.Told)
		}
		return r.Told[0]
	}
	first, second := event(), event()
	enter(t, s, first)
	displaced := enter(t, s, second)
	gone := []runner.Succession{{Run: first.ID, By: second.ID}, {Run: asks(first).ID, By: second.ID}}
	if !slices.Equal(displaced.Waiting, gone) {
		t.Errorf("displaced %+v, want %+v", displaced.Waiting, gone)
	}
	if first, second := stateOf(t, s, asks(first)), stateOf(t, s, asks(second)); first != runner.Superseded || second != runner.Waiting {
		t.Errorf("the first asks: %s, the second: %s", first, second)
	}
	places, err := s.Unfinished(t.Context(), runner.Waiting) // as the next start finds them
	if err != nil || len(places) != 2 || !places[0].Held || !places[1].Tells || places[1].NotBefore.IsZero() {
		t.Errorf("%+v, %v", places, err)
	}

	// Whoever answers before they are asked is not asked.
	asking := asks(second)
	second.Hold = ""
	displaced, err = s.Approve(t.Context(), second)
	if err != nil || stateOf(t, s, asking) != runner.Superseded || len(displaced.Waiting) != 1 || displaced.Waiting[0].Run != asking.ID {
		t.Errorf("approved: %s, %+v, %v", stateOf(t, s, asking), displaced, err)
	}
	third := event()
	enter(t, s, third)
	asking = asks(third)
	third.State, third.Hold, third.NotBefore = runner.Canceled, "", nil
	if err := s.Take(t.Context(), third); err != nil || stateOf(t, s, asking) != runner.Superseded {
		t.Errorf("rejected: %s, %v", stateOf(t, s, asking), err)
	}
}

// Of a commit's status only the newest is worth setting.
func TestStatusTakesThePlaceOfTheOneBefore(t *testing.T) {
	s := openTemp(t)
	r := newTold(rules.Notice{Status: &rules.CommitStatus{Service: "github", Repository: "o/r", Commit: "c0ffee", Context: "x"}})
	accept(t, s, newDelivery("/a", ""), r)
	pending := come(t, s, r, runner.Running)
	ended := come(t, s, r, runner.Failed)
	if len(pending) != 1 || len(ended) != 1 || pending[0].Command.Status.State != "pending" || ended[0].Command.Status.State != "failure" {
		t.Fatalf("%+v, %+v", pending, ended)
	}
	if got := stateOf(t, s, pending[0]); got != runner.Superseded {
		t.Errorf("the older one is %s", got)
	}
	if got := stateOf(t, s, ended[0]); got != runner.Queued {
		t.Errorf("the newer one is %s", got)
	}
}

// What the event lacks for people to be told is told by the runs that would have,
// and by that of a status once.
func TestWhatCannotBeToldFails(t *testing.T) {
	s := openTemp(t)
	r := newTold(rules.Notice{To: "ops", On: []rules.Moment{rules.OnFailure}, Error: "no address"},
		rules.Notice{Status: &rules.CommitStatus{Service: "github", Error: "no commit"}})
	accept(t, s, newDelivery("/a", ""), r)
	begun := come(t, s, r, runner.Running)
	ended := come(t, s, r, runner.Failed)
	if len(begun) != 1 || begun[0].Command.Status.Error != "no commit" {
		t.Errorf("at the beginning %+v", begun)
	}
	if len(ended) != 1 || ended[0].Command.Notification.Error != "no address" {
		t.Errorf("at the end %+v", ended)
	}
}

// A commit is not left pending by a run that was to be tried again and gave way.
func TestStatusOfOneThatGaveWay(t *testing.T) {
	for _, early := range []bool{true, false} { // the successor comes before the attempt ends, or after
		s := openTemp(t)
		status := rules.Notice{Status: &rules.CommitStatus{Service: "github"}}
		first, second := newTold(status), newTold(status)
		putInGroup(first, "g", rules.Latest)
		putInGroup(second, "g", rules.Latest)
		accept(t, s, newDelivery("/a", ""), first)
		come(t, s, first, runner.Running)
		var told []*runner.Run
		enter := func() {
			displaced, err := s.Accept(t.Context(), newDelivery("/a", ""), []*runner.Run{second})
			if err != nil {
				t.Fatal(err)
			}
			told = append(told, displaced.Told...)
		}
		if early {
			enter()
		}
		first.NotBefore = &noon
		told = append(told, come(t, s, first, runner.Waiting)...)
		if !early {
			enter()
		}
		if got := stateOf(t, s, first); got != runner.Superseded {
			t.Fatalf("the first is %s", got)
		}
		if len(told) != 1 || told[0].TellsOf != first.ID || told[0].Command.Status.State != "error" {
			t.Errorf("told %+v", told)
		}
	}
}

// A burst ends what waits of the deliveries before, not what else the same one
// fired.
func TestDebounceOfTwoActions(t *testing.T) {
	s := openTemp(t)
	debounce := &rules.Debounce{Quiet: rules.Duration(time.Minute), Max: rules.Duration(time.Hour)}
	two := func() []*runner.Run {
		a, b := newPaced("redeploy", nil, debounce), newPaced("redeploy", nil, debounce)
		b.Command.HTTP, b.Action = &rules.HTTPCall{}, rules.ActionHTTP
		accept(t, s, newDelivery("/a", ""), a, b)
		return []*runner.Run{a, b}
	}
	first, second := two(), two()
	for i := range 2 {
		if got := stateOf(t, s, first[i]); got != runner.Superseded {
			t.Errorf("of the first: %s", got)
		}
		if got := stateOf(t, s, second[i]); got != runner.Waiting {
			t.Errorf("of the second: %s", got)
		}
	}
}

func TestTail(t *testing.T) {
	s := openTemp(t)
	r := newRun("/a", "r")
	accept(t, s, newDelivery("/a", ""), r)
	r.State, r.Attempt = runner.Running, 1
	if err := s.Take(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{"one\n", "two\n", "three\n"} {
		data := binary.AppendVarint([]byte{byte(runner.Stdout)}, noon.UnixMicro())
		data = append(binary.AppendUvarint(data, uint64(len(text))), text...)
		if err := s.AppendOutput(t.Context(), &runner.Chunk{Run: r.ID, Attempt: 1, Seq: i + 1, Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	for bytes, want := range map[int]string{0: "", 3: "ee\n", 6: "three\n", 8: "o\nthree\n", 100: "one\ntwo\nthree\n"} {
		if got, err := s.Tail(t.Context(), r.ID, 1, bytes); err != nil || string(got) != want {
			t.Errorf("%d bytes: %q, %v", bytes, got, err)
		}
	}
}
