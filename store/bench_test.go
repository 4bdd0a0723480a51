package store

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
)

// pushBody is about as large and as compressible as a push event: long names
// that repeat, and hashes that do not.
func pushBody(size int) string {
	random := rand.New(rand.NewPCG(1, 2))
	hash := func() string {
		const digits = "0123456789abcdef"
		var b [40]byte
		for i := range b {
			b[i] = digits[random.IntN(len(digits))]
		}
		return string(b[:])
	}
	var commits []map[string]any
	var body []byte
	for len(body) < size {
		id := hash()
		commits = append(commits, map[string]any{
			"id": id, "tree_id": hash(), "distinct": true, "timestamp": "2026-03-01T12:00:00Z",
			"url":    "https://github.example.com/octo-org/website/commit/" + id,
			"author": map[string]string{"name": "Mona Lisa", "email": "mona@example.com", "username": "mona"},
			"added":  []string{"content/" + hash()[:8] + ".md"}, "removed": []string{}, "modified": []string{},
		})
		body, _ = json.Marshal(map[string]any{"ref": "refs/heads/main", "commits": commits})
	}
	return string(body)
}

// 64 senders, 8 KB each, one run each; on disk before the answer.
func BenchmarkAccept(b *testing.B) {
	s := openTemp(b)
	body := pushBody(8 << 10)
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			d := newDelivery("/github/website", body)
			d.ReceivedAt = time.Now()
			run := newRun(d.Hook, "redeploy")
			run.QueuedAt = d.ReceivedAt
			if _, err := s.Accept(b.Context(), d, []*runner.Run{run}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accepts/s")
}

// One run from its acceptance to its end, with output, as the runner writes it.
func BenchmarkAcceptAndWorkOff(b *testing.B) {
	s := openTemp(b)
	body := pushBody(8 << 10)
	output := bytes.Repeat([]byte("building page after page\n"), 40)
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			run := newRun("/github/website", "redeploy")
			accept(b, s, newDelivery(run.Hook, body), run)
			run.State, run.Attempt, run.StartedAt = runner.Running, 1, &noon
			update(b, s, run, nil)
			s.NoteProcess(run.ID, "4242 17")
			run.State, run.FinishedAt = runner.Succeeded, &noon
			update(b, s, run, &runner.Chunk{Run: run.ID, Attempt: 1, Seq: 1, Data: output})
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
}

// What a request that fires nothing pays, while far more come than are kept.
func BenchmarkRecord(b *testing.B) {
	s := openTemp(b)
	body := pushBody(8 << 10)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			d := newDelivery("/github/website", body)
			d.Verdict, d.ReceivedAt = rules.Ignored, time.Now()
			s.Record(d)
		}
	})
	b.ReportMetric(100*float64(s.Dropped())/float64(b.N), "%dropped")
}

func update(t testing.TB, s *Store, run *runner.Run, output *runner.Chunk) {
	t.Helper()
	if err := s.Update(t.Context(), run, output); err != nil {
		t.Fatal(err)
	}
}
