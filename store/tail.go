package store

import (
	"context"
	"fmt"
	"math"

	"github.com/hooktender/hooktender/runner"
)

// Tail returns the last bytes that an attempt printed, both streams in the order
// in which they came: at most so many. It reads only as much as it takes.
func (s *Store) Tail(ctx context.Context, run int64, attempt, bytes int) ([]byte, error) {
	var tail []byte
	for before := math.MaxInt64; len(tail) < bytes; {
		chunks, err := query(ctx, s.readDB, scanChunk, outputBefore, run, attempt, before)
		if err != nil {
			return nil, fmt.Errorf("reading the end of the output of run %d: %w", run, err)
		}
		if len(chunks) == 0 {
			break
		}
		data, err := bytesOf(chunks[0])
		if err != nil {
			return nil, err
		}
		tail, before = append(data, tail...), chunks[0].Seq
	}
	return tail[max(len(tail)-bytes, 0):], nil
}

func bytesOf(c runner.Chunk) (data []byte, err error) {
	for segment, err := range c.Segments() {
		if err != nil {
			return nil, err
		}
		data = append(data, segment.Data...)
	}
	return data, nil
}
