package rules

import (
	"os"
	"testing"
)

// The hot path of a real push: decide on one field, take another as a value.
func BenchmarkEvaluate(b *testing.B) {
	hook := oneHook(b, `
hooks:
  /github:
    verify: none
    rules:
      - when: request.event == "push" && ref == "refs/heads/master"
        run: ./deploy.sh
        env: {COMMIT: "{{ head_commit.id }}"}
`)
	body, err := os.ReadFile("testdata/push.json")
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name, event string
		runs        int
	}{{"fires", "push", 1}, {"ignored", "ping", 0}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				r := push("")
				r.Body, r.Event = body, c.event
				_, actions, err := hook.Evaluate(r)
				if err != nil || len(actions) != c.runs {
					b.Fatal(actions, err)
				}
			}
		})
	}
}

// What of a push is not asked for is the most of it.
func BenchmarkReadJSON(b *testing.B) {
	body, err := os.ReadFile("testdata/push.json")
	if err != nil {
		b.Fatal(err)
	}
	need := &fields{}
	need.add([]string{"ref"})
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := readJSON(body, need); err != nil {
			b.Fatal(err)
		}
	}
}
