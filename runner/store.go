package runner

import "context"

// Store is what the runner needs of the place where runs are kept. Each write
// that returns nil is on disk. All methods may be called from any goroutine.
type Store interface {
	// Update writes the run's state, attempt, exit code, signal, error and
	// times, together with a last piece of output (nil for none), in one
	// transaction.
	Update(ctx context.Context, run *Run, output *Chunk) error
	// AppendOutput keeps a piece of output.
	AppendOutput(ctx context.Context, output *Chunk) error
	// NoteProcess keeps run.Process soon, without waiting for the disk. It is
	// best effort: losing it loses nothing but a way to find a stray process.
	NoteProcess(run int64, process string)
	// Unfinished returns the ids of all runs in a state that is no end, oldest
	// first.
	Unfinished(ctx context.Context, state State) ([]int64, error)
	// Run returns one run with its command. The error is fs.ErrNotExist if
	// there is none.
	Run(ctx context.Context, id int64) (*Run, error)
	// Body returns the body of a delivery.
	Body(ctx context.Context, delivery int64) ([]byte, error)
}

// A Chunk is a piece of an attempt's output, in the form that Segments reads.
// Chunks of an attempt are numbered from 1 without gaps.
type Chunk struct {
	Run     int64
	Attempt int
	Seq     int
	Data    []byte
}
