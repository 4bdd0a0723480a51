package store

import (
	"bytes"
	"errors"
	"io/fs"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/hooktender/hooktender/runner"
)

func TestUpdate(t *testing.T) {
	s := openTemp(t)
	run := newRun("/a", "redeploy")
	accept(t, s, newDelivery("/a", ""), run)
	code, started, finished := 3, noon.Add(time.Second), noon.Add(time.Minute)
	run.State, run.Attempt, run.ExitCode, run.Signal = runner.Failed, 2, &code, "SIGKILL"
	run.Error, run.StartedAt, run.FinishedAt = "it ended with 3", &started, &finished
	update(t, s, run, &runner.Chunk{Run: run.ID, Attempt: 2, Seq: 1, Data: []byte("bye")})

	if got, err := s.Run(t.Context(), run.ID); err != nil || !reflect.DeepEqual(got, run) {
		t.Errorf("stored\n%+v, want\n%+v, %v", got, run, err)
	}
	chunks, err := s.Output(t.Context(), run.ID, 2, 0, 0)
	if err != nil || len(chunks) != 1 || string(chunks[0].Data) != "bye" {
		t.Errorf("its last output: %v, %v", chunks, err)
	}
}

func TestUpdateTakesItsOutputAlongOrNothing(t *testing.T) {
	s := openTemp(t)
	run := newRun("/a", "redeploy")
	accept(t, s, newDelivery("/a", ""), run)
	run.State = runner.Succeeded
	if err := s.Update(t.Context(), run, &runner.Chunk{Run: 999, Attempt: 1, Seq: 1}); err == nil {
		t.Fatal("output of a run that does not exist was stored")
	}
	if got, err := s.Run(t.Context(), run.ID); err != nil || got.State != runner.Queued {
		t.Errorf("the run is %s, %v", got.State, err)
	}
}

func TestNoteProcess(t *testing.T) {
	s := openTemp(t)
	run := newRun("/a", "redeploy")
	accept(t, s, newDelivery("/a", ""), run)
	s.NoteProcess(run.ID, "4242 17")
	s.NoteProcess(999, "is only logged")
	run.State = runner.Running
	update(t, s, run, nil) // whose batch takes the notes along, and spares them
	if got, err := s.Run(t.Context(), run.ID); err != nil || got.Process != "4242 17" {
		t.Errorf("the process is %q, %v", got.Process, err)
	}
}

func TestNoteCancel(t *testing.T) {
	s := openTemp(t)
	run := newRun("/a", "redeploy")
	accept(t, s, newDelivery("/a", ""), run)
	if err := s.NoteCancel(t.Context(), run.ID, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Run(t.Context(), run.ID); err != nil || !got.Canceling {
		t.Errorf("%+v, %v", got, err)
	}
	if err := s.NoteCancel(t.Context(), 99, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestUnfinished(t *testing.T) {
	s := openTemp(t)
	want := map[runner.State][]int64{}
	for i, state := range slices.Concat(runner.States, runner.States) {
		run := newRun("/a", string(state))
		run.State, run.QueuedAt = state, noon.Add(-time.Duration(i)*time.Hour) // the clock was set back
		accept(t, s, newDelivery("/a", ""), run)
		if !state.Ended() {
			want[state] = append(want[state], run.ID)
		}
	}
	for _, state := range runner.States {
		places, err := s.Unfinished(t.Context(), state)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, p := range places {
			got = append(got, p.ID)
		}
		if !slices.Equal(got, want[state]) {
			t.Errorf("%s are %v, want %v", state, got, want[state])
		}
	}
}

func TestOutput(t *testing.T) {
	s := openTemp(t)
	run := newRun("/a", "redeploy")
	accept(t, s, newDelivery("/a", ""), run)
	pieces := [][]byte{[]byte("short"), bytes.Repeat([]byte("long and dull\n"), 5000), {}, {0, 255, 10}}
	for i, data := range pieces {
		buffer := bytes.Clone(data)
		chunk := &runner.Chunk{Run: run.ID, Attempt: 1, Seq: i + 1, Data: buffer}
		for range 2 { // whoever has not heard may write again
			if err := s.AppendOutput(t.Context(), chunk); err != nil {
				t.Fatal(err)
			}
		}
		clear(buffer)
	}
	got, err := s.Output(t.Context(), run.ID, 1, 0, 0)
	if err != nil || len(got) != len(pieces) {
		t.Fatalf("%d pieces, %v", len(got), err)
	}
	for i, c := range got {
		if c.Run != run.ID || c.Attempt != 1 || c.Seq != i+1 || !bytes.Equal(c.Data, pieces[i]) {
			t.Errorf("piece %d is number %d of attempt %d with %d bytes", i, c.Seq, c.Attempt, len(c.Data))
		}
	}
	if rest, err := s.Output(t.Context(), run.ID, 1, 2, 1); err != nil || len(rest) != 1 || rest[0].Seq != 3 {
		t.Errorf("after 2 comes %v, %v", rest, err)
	}
	if other, err := s.Output(t.Context(), run.ID, 2, 0, 0); err != nil || len(other) != 0 {
		t.Errorf("an attempt that was not made printed %v, %v", other, err)
	}
}

func TestMissing(t *testing.T) {
	s := openTemp(t)
	_, delivery := s.Delivery(t.Context(), 42)
	_, body := s.Body(t.Context(), 42)
	_, run := s.Run(t.Context(), 42)
	_, output := s.Output(t.Context(), 42, 1, 0, 0)
	for err, want := range map[error]string{delivery: "no delivery 42", body: "no delivery 42", run: "no run 42", output: "no run 42"} {
		if !errors.Is(err, fs.ErrNotExist) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
