package runner

import (
	"testing"
	"time"
)

func BenchmarkRun(b *testing.B) {
	h := open(b, 4)
	begun := time.Now()
	for b.Loop() {
		h.ended(h.start(list("/bin/true")))
	}
	b.ReportMetric(float64(b.N)/time.Since(begun).Seconds(), "runs/s")
}

func BenchmarkRunsAtOnce(b *testing.B) {
	h := open(b, 4)
	b.ResetTimer()
	begun := time.Now()
	for range b.N {
		h.start(list("/bin/true"))
	}
	h.store.await("the end of all", func() bool { return h.store.count(Succeeded) == b.N })
	b.ReportMetric(float64(b.N)/time.Since(begun).Seconds(), "runs/s")
}

func BenchmarkRecorderWrite(b *testing.B) {
	for name, size := range map[string]int{"line": 80, "block": maxSegment} {
		b.Run(name, func(b *testing.B) {
			r, p := newRecorder(4<<20), make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				r.write(Stdout, p, time.Now())
			}
		})
	}
}
