package runner

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strconv"
	"testing"
	"time"
)

func appendInt(b []byte, n int) []byte { return strconv.AppendInt(b, int64(n), 10) }

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func TestSegmentsRoundTrip(t *testing.T) {
	want := []Segment{
		{Time: noon, Stream: Stdout, Data: []byte("a\x00\xff")},
		{Time: noon.Add(-time.Hour), Stream: Stderr, Data: bytes.Repeat([]byte("x"), maxSegment)},
		{Time: time.Unix(-5, 0).UTC(), Stream: Gap, Omitted: 1 << 50},
		{Time: noon, Stream: Stdout, Data: []byte{}},
	}
	var c Chunk
	for _, s := range want {
		c.Data = appendSegment(c.Data, s)
	}
	var got []Segment
	for s, err := range c.Segments() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
	}
	if !reflect.DeepEqual(want, got) {
		t.Errorf("%v\nwant %v", got, want)
	}
	for range c.Segments() {
		break // leaving early is allowed
	}
}

func FuzzDamagedChunk(f *testing.F) {
	good := appendSegment(appendSegment(nil, Segment{Time: noon, Stream: Stdout, Data: []byte("hello")}), Segment{Time: noon, Stream: Gap, Omitted: 9})
	for n := range good {
		f.Add(good[:n])
	}
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Add(append([]byte{1, 0}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01))
	f.Fuzz(func(t *testing.T, data []byte) {
		size, failed := 0, false
		for s, err := range (Chunk{Data: data}).Segments() {
			if failed {
				t.Fatal("it goes on after an error")
			}
			failed = err != nil
			size += len(s.Data)
			if s.Omitted < 0 {
				t.Fatal("a negative number of bytes is left out")
			}
		}
		if size > len(data) {
			t.Fatalf("%d bytes out of %d", size, len(data))
		}
	})
}

// kept reads what a recorder gave out.
func kept(t *testing.T, data []byte) (segments []Segment) {
	t.Helper()
	for s, err := range (Chunk{Data: data}).Segments() {
		if err != nil {
			t.Fatal(err)
		}
		segments = append(segments, s)
	}
	return segments
}

// Whatever is written in whatever pieces: what is kept is the beginning and the
// end, each byte on its stream, and the number of bytes left out is right.
func TestRecorderKeepsHeadAndTail(t *testing.T) {
	type printed struct {
		stream Stream
		b      byte
	}
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		limit := int64(rnd.IntN(8000))
		if seed%10 == 0 {
			limit = int64(rnd.IntN(100))
		}
		r := newRecorder(limit)
		var all []printed
		var out []byte
		at := noon
		for range rnd.IntN(200) {
			piece := make([]byte, 1+rnd.IntN(1+rnd.IntN(300)))
			stream := Stream(1 + rnd.IntN(2))
			for i := range piece {
				piece[i] = byte(rnd.Uint32())
				all = append(all, printed{stream, piece[i]})
			}
			at = at.Add(time.Duration(rnd.IntN(7)) * time.Millisecond)
			r.write(stream, piece, at)
			clear(piece) // the recorder must have its own
			if held := r.pending + r.inTail; int64(held) > limit {
				t.Fatalf("seed %d: holds %d, the limit is %d", seed, held, limit)
			}
			if rnd.IntN(10) == 0 {
				out = append(out, r.take(false)...)
			}
		}
		out = append(out, r.take(true)...)

		var head, tail []printed
		var omitted int64
		into, fees := &head, 0
		for _, s := range kept(t, out) {
			if s.Stream == Gap {
				omitted, into = s.Omitted, &tail
				continue
			}
			fees += segmentFee
			for _, b := range s.Data {
				*into = append(*into, printed{s.Stream, b})
			}
		}
		if omitted == 0 {
			if !reflect.DeepEqual(head, all) {
				t.Fatalf("seed %d: %d bytes came back, %d were written", seed, len(head), len(all))
			}
			continue
		}
		size := len(head) + len(tail)
		if size+int(omitted) != len(all) {
			t.Fatalf("seed %d: %d kept, %d left out, %d written", seed, size, omitted, len(all))
		}
		if (len(head) > 0 && !reflect.DeepEqual(head, all[:len(head)])) || (len(tail) > 0 && !reflect.DeepEqual(tail, all[len(all)-len(tail):])) {
			t.Fatalf("seed %d: what is kept is not the beginning and the end", seed)
		}
		if int64(size+fees) > limit || int64(size+fees) < limit-4*segmentFee {
			t.Fatalf("seed %d: %d kept with fees, the limit is %d", seed, size+fees, limit)
		}
	}
}

func TestRecorderIsBoundedInMemory(t *testing.T) {
	r := newRecorder(1 << 20)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 1 << 20 { // the worst there is: single bytes, on alternating streams
		r.write(Stream(1+i%2), []byte{'x'}, noon.Add(time.Duration(i)*time.Second))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > 12<<20 {
		t.Errorf("%d bytes are held", held)
	}
	if data := r.take(true); len(data) > 1<<20 {
		t.Errorf("%d bytes are stored", len(data))
	}
}

func TestPiecesOfAMomentAreOneSegment(t *testing.T) {
	r := newRecorder(1 << 20)
	r.write(Stdout, []byte("a"), noon)
	r.write(Stdout, []byte("b"), noon.Add(joinWithin-1))
	r.write(Stderr, []byte("c"), noon.Add(joinWithin-1))
	r.write(Stderr, []byte("d"), noon.Add(time.Second))
	var got []string
	for _, s := range kept(t, r.take(true)) {
		got = append(got, s.Stream.String()+" "+string(s.Data))
	}
	if want := []string{"stdout ab", "stderr c", "stderr d"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	if data := r.take(true); data != nil {
		t.Errorf("there is more: %q", data)
	}
}
