package runner

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"time"
)

// A Stream says where a piece of output came from.
type Stream byte

const (
	// Stdout is what the script wrote to its standard output.
	Stdout Stream = 1
	// Stderr is what it wrote to its standard error.
	Stderr Stream = 2
	// Gap marks bytes that were left out because there was too much output.
	Gap Stream = 3
)

// String names the stream as the API does: "stdout", "stderr", "gap".
func (s Stream) String() string {
	switch s {
	case Stdout:
		return "stdout"
	case Stderr:
		return "stderr"
	case Gap:
		return "gap"
	}
	return fmt.Sprintf("stream %d", byte(s))
}

// A Segment is a piece of output as it was read, byte for byte. The segments of
// an attempt are in the order of reading; which of two things that a script
// wrote to its two streams at the same moment came first, no pipe can tell.
type Segment struct {
	Time    time.Time
	Stream  Stream
	Data    []byte // empty for a gap
	Omitted int64  // bytes left out; for a gap only
}

// appendSegment encodes a segment: one byte of stream, then as varints the time
// in microseconds and the length, then the bytes. A gap has the number of bytes
// left out in place of the length, and no bytes.
func appendSegment(b []byte, s Segment) []byte {
	b = append(b, byte(s.Stream))
	b = binary.AppendVarint(b, s.Time.UnixMicro())
	if s.Stream == Gap {
		return binary.AppendUvarint(b, uint64(s.Omitted))
	}
	b = binary.AppendUvarint(b, uint64(len(s.Data)))
	return append(b, s.Data...)
}

// Segments ranges over the segments of a chunk. Data that is cut off or foreign
// ends it with an error.
func (c Chunk) Segments() iter.Seq2[Segment, error] {
	return func(yield func(Segment, error) bool) {
		for rest := c.Data; len(rest) > 0; {
			s, n, err := readSegment(rest)
			if err != nil {
				yield(Segment{}, fmt.Errorf("output of run %d, attempt %d, chunk %d: %w", c.Run, c.Attempt, c.Seq, err))
				return
			}
			if !yield(s, nil) {
				return
			}
			rest = rest[n:]
		}
	}
}

func readSegment(b []byte) (s Segment, size int, err error) {
	s.Stream = Stream(b[0])
	if s.Stream < Stdout || s.Stream > Gap {
		return s, 0, fmt.Errorf("is damaged: there is no %v", s.Stream)
	}
	micros, n := binary.Varint(b[1:])
	if n <= 0 {
		return s, 0, fmt.Errorf("is damaged: no time")
	}
	length, m := binary.Uvarint(b[1+n:])
	if m <= 0 || length > math.MaxInt64 {
		return s, 0, fmt.Errorf("is damaged: no length")
	}
	s.Time = time.UnixMicro(micros).UTC()
	head := 1 + n + m
	switch {
	case s.Stream == Gap:
		s.Omitted = int64(length)
		return s, head, nil
	case length > uint64(len(b)-head):
		return s, 0, fmt.Errorf("is damaged: %d bytes announced, %d there", length, len(b)-head)
	}
	s.Data = b[head : head+int(length)]
	return s, head + int(length), nil
}
