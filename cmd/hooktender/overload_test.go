package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/hooktender/hooktender/rules"
	"github.com/hooktender/hooktender/runner"
	"github.com/hooktender/hooktender/server"
	"github.com/hooktender/hooktender/store"
)

// A stuckStore is on a disk that takes no event until it is back.
type stuckStore struct {
	*store.Store
	asked chan struct{}
	back  chan struct{}
}

func (s stuckStore) Accept(ctx context.Context, d *rules.Delivery, runs []*runner.Run) (runner.Displaced, error) {
	s.asked <- struct{}{}
	<-s.back
	return s.Store.Accept(ctx, d, runs)
}

// TestOverloadLosesNothing: with a disk that does not come back, senders are refused
// and the private door answers; once it is back, each event that is accepted is in the
// store and has run, once, and none that was refused.
func TestOverloadLosesNothing(t *testing.T) {
	dir := t.TempDir()
	config, _, err := loadConfig(writeConfig(t, fmt.Sprintf(`
hooks:
  /free:
    verify: {bearer: %q}
    rules: [{name: free, run: [/bin/true]}]
`, testSecret)))
	if err != nil {
		t.Fatal(err)
	}
	st := openStore(t, filepath.Join(dir, "state"))
	defer st.Close()
	stuck := stuckStore{st, make(chan struct{}, 1000), make(chan struct{})}
	run := startOn(t, stuck, config, filepath.Join(dir, "payloads"))
	defer run.Stop(t.Context())
	intake := server.NewIntake(stuck, run, slog.New(slog.DiscardHandler))
	intake.Use(config)
	door, private := httptest.NewServer(intake), httptest.NewServer(server.Health(st))
	defer door.Close()
	defer private.Close()

	var accepted []int64
	var mu sync.Mutex
	var senders sync.WaitGroup
	refused := make(chan struct{}, 1000)
	post := func() {
		a, err := bearer(t).with(`{}`).post(t.Context(), door.URL+"/free")
		switch {
		case err != nil:
			t.Error(err)
		case a.status == http.StatusServiceUnavailable:
			refused <- struct{}{}
		case a.status == http.StatusAccepted && len(a.Runs) == 1:
			mu.Lock()
			accepted = append(accepted, a.Runs[0].ID)
			mu.Unlock()
		default:
			t.Errorf("answered %d", a.status)
		}
	}
	const crowd = 400
	for range crowd {
		senders.Go(post)
	}
	for range 100 { // more than that find no place, and wait in vain
		awaitToken(t, "a refusal", refused)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		resp, err := http.Get(private.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode != http.StatusOK {
			t.Errorf("%s is answered %s", path, resp.Status)
		}
	}
	close(stuck.back)
	senders.Wait()
	stored, err := st.Runs(t.Context(), runner.RunFilter{Limit: 2 * crowd})
	if err != nil {
		t.Fatal(err)
	}
	left := map[int64]bool{}
	for _, r := range stored {
		left[r.ID] = true
	}
	if len(left) != len(stuck.asked) || len(left) == crowd {
		t.Errorf("%d of %d events are stored, %d came to the store", len(left), crowd, len(stuck.asked))
	}
	for _, id := range accepted {
		if !left[id] {
			t.Errorf("run %d was accepted, and is not stored or was told twice", id)
		}
		delete(left, id)
	}
}

func awaitToken(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("%s does not come", what)
	}
}

// fewDescriptors is what TestCrowdOfConnections lets the server have: fewer than the
// connections that come.
const fewDescriptors = 700

// TestCrowdOfConnections: more connections than the server may have descriptors, which
// only hold on. The oldest are closed, a genuine sender is answered and its script runs,
// and the command line's door answers.
func TestCrowdOfConnections(t *testing.T) {
	few := filepath.Join(t.TempDir(), "few")
	script := fmt.Sprintf("#!/bin/sh\nulimit -n %d\nexec '%s' \"$@\"\n", fewDescriptors, os.Args[0])
	if err := os.WriteFile(few, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s := launchServer(t, few, writeConfig(t, fmt.Sprintf(`
hooks:
  /free:
    verify: {bearer: %q}
    rules: [{name: free, run: [/bin/true]}]
`, testSecret)), t.TempDir())
	most := server.PublicConnections(fewDescriptors, 32)
	var crowd []net.Conn
	for range fewDescriptors + 100 {
		c, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		crowd = append(crowd, c)
	}
	if _, err := s.until(regexp.MustCompile(fmt.Sprintf("more connections come .* door=public at_once=%d ", most))); err != nil {
		t.Fatal(err)
	}
	for i, c := range crowd[:len(crowd)-most] {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Fatalf("connection %d: %v, want its end", i, err)
		}
	}
	a, err := bearer(t).with(`{}`).post(t.Context(), "http://"+s.address+"/free")
	if err != nil || a.status != http.StatusAccepted {
		t.Fatalf("a genuine sender is answered %d, %v", a.status, err)
	}
	s.waitForRuns()
	var runs []struct {
		State runner.State `json:"state"`
	}
	if err := s.client().get(t.Context(), "/api/runs", nil, &runs); err != nil || len(runs) != 1 || runs[0].State != runner.Succeeded {
		t.Errorf("%+v, %v", runs, err)
	}
}
